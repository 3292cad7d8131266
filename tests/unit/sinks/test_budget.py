"""A budget in injected time: days of a link whose need is known, and what a budget costs at the least."""

import pytest
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

from telemetry.errors import ConfigError
from telemetry.rules.reduce import ReduceSettings
from telemetry.rules.uplink import UplinkSettings
from telemetry.sinks.budget import Budget, check_floor, stretched
from tests.support.budgeted_link import BUDGET, Link

RECORDS = [
    RecordSpec("battery", (FieldSpec("voltage_v", SlotKind.FLOAT), FieldSpec("current_a", SlotKind.FLOAT)))
]


@pytest.mark.parametrize("every_s", [1.0, 60.0, 300.0])
def test_where_the_need_is_twice_the_budget_no_hour_of_a_day_is_5_percent_over_it(every_s: float) -> None:
    link = Link(lambda _: 2.0, every_s).run(24)
    assert 0.3 < link.dearest_hour() <= 1.05
    assert link.factors[1][0] <= max(61, every_s + 1)  # forecast from the first minute on
    assert len(link.factors) < 24, "it does not swing"


@pytest.mark.parametrize("every_s", [1.0, 60.0, 300.0])
@pytest.mark.parametrize("need", [1.5, 2.0, 3.0, 5.0])
def test_it_uses_nine_tenths_of_the_budget_or_the_finer_factor_would_exceed_it(
    need: float, every_s: float
) -> None:
    link = Link(lambda _: need, every_s).run(7)
    finest = min(factor for second, factor in link.factors if second > 3600 or factor == link.factors[-1][1])
    finer = Link(lambda _: need, every_s, held=max(finest // 2, 1)).run(7)
    assert link.dearest_hour() <= 1.05
    assert link.use() >= 0.9 or finer.use() > 1.1


@pytest.mark.parametrize("every_s", [60.0, 300.0])
def test_what_waits_for_its_request_counts_as_it_is_made(every_s: float) -> None:
    """Seen by requests alone, a burst would come 300 s late: 1.7 budgets in an hour."""
    link = Link(lambda second: 20 if 7200 <= second < 8100 else 0.3, every_s).run(3)
    assert 7200 < link.factors[1][0] <= 7200 + 20
    assert link.dearest_hour() <= 0.9


def test_an_hour_with_a_burst_stays_within_the_budget_and_the_next_one_is_as_configured() -> None:
    link = Link(lambda second: 12.0 if second % 21_600 < 300 else 0.3, 60.0).run(24)
    assert link.dearest_hour() <= 1.05
    assert {factor for _, factor in link.factors} > {1, 8}
    for burst_s in range(21_600, 86_400, 21_600):
        before = [factor for second, factor in link.factors if second < burst_s]
        assert before[-1] == 1, "before each burst all is as configured"


@pytest.mark.parametrize(
    ("need", "lasts_s", "every_s", "most"),
    [
        (10, 900, 60.0, 0.75),
        (20, 300, 60.0, 0.75),
        (20, 900, 60.0, 0.9),
        (20, 1800, 60.0, 1.15),
        (20, 1800, 300.0, 1.15),
        (10, 300, 300.0, 0.6),
    ],
)
def test_a_burst_of_many_times_the_budget_is_seen_within_its_first_minute(
    need: int, lasts_s: int, every_s: float, most: float
) -> None:
    """At 32 from its first second on, one of 20 budgets for half an hour would cost 1.0."""
    link = Link(lambda second: need if 21_600 <= second < 21_600 + lasts_s else 0.3, every_s).run(9)
    assert link.dearest_hour() <= most


@pytest.mark.parametrize(("need", "restart_s", "away_s"), [(2.0, 600, 0), (2.0, 600, 60), (4.0, 120, 0)])
def test_starts_again_and_again_cost_no_more_than_one(need: float, restart_s: int, away_s: int) -> None:
    link = Link(lambda _: need, 60.0).run(4, restart_s=restart_s, away_s=away_s)
    assert 0.6 < link.dearest_hour() <= 1.05
    assert len(link.factors) < 10, "each goes on with the factor of the one before"


def test_starts_that_forget_what_was_spent_would_exceed_the_budget() -> None:
    link = Link(lambda _: 4.0, 60.0).run(4, restart_s=120, forgets=True)
    assert link.dearest_hour() > 1.1


def test_what_fits_changes_nothing() -> None:
    link = Link(lambda _: 0.7, 60.0).run(24)
    assert link.factors == [(0, 1)]


def test_the_factor_halves_after_twenty_minutes_if_what_the_last_halving_cost_fits_and_not_sooner() -> None:
    """Before one was seen, twice as much must fit: less than half is spent for two windows of ten minutes."""
    for later, changes in ((700, [60, 1260]), (500, [60, 1260, 2460])):
        budget, total, factors = Budget(3_600_000, 0.0), 0, [1]
        for second in range(1, 4001):
            total += 3000 if second <= 60 else 400 if factors[-1] == 4 else later
            factors.append(budget.step(float(second), total, 3 * total))
        assert (factors[59], factors[60]) == (1, 4)  # 10.8 MB an hour, three times the budget
        assert [second for second in range(1, 4001) if factors[second] != factors[second - 1]] == changes


def test_times_are_stretched_from_factor_4_on_and_never_shortened() -> None:
    assert [stretched(60.0, factor, 300.0) for factor in (1, 2, 4, 8)] == [60.0, 60.0, 240.0, 300.0]
    assert stretched(900.0, 32, 600.0) == 900.0


def floor(bytes_per_hour: int, bounds: dict[str, float]) -> None:
    check_floor(
        UplinkSettings(bytes_per_hour),
        ReduceSettings(bounds=bounds),
        RECORDS,
        send_every_s=60.0,
        gateway_every_s=60.0,
        gateway_points=2,
        tls=False,
    )


def test_a_budget_below_what_is_always_sent_is_refused_and_the_sum_is_named() -> None:
    bounds = {"battery.*": 0.1}
    # 12 requests of 277 + 155 bytes and two packets, 10 events of 150 in requests likewise, two fields each
    # 600 s, two points each 1,920 s, and the factor each minute
    total = 12 * 512 + 10 * 662 + 12 * 10 + 4 * 90 + 600
    floor(total, bounds)
    with pytest.raises(ConfigError, match=rf"less than the {total:,} bytes .*heartbeats of 2 fields 120"):
        floor(total - 1, bounds)
    with pytest.raises(ConfigError, match=r"bytes_per_hour: does nothing without bounds"):
        floor(BUDGET, {})
