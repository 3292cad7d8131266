"""A budget in injected time: days of a link whose need is known, and what a budget costs at the least."""

from collections import deque
from collections.abc import Callable
from random import Random

import pytest
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

from telemetry.errors import ConfigError
from telemetry.rules.reduce import ReduceSettings
from telemetry.rules.uplink import UplinkSettings
from telemetry.sinks.budget import Budget, check_floor, stretched

BUDGET = 250_000
RECORDS = [
    RecordSpec("battery", (FieldSpec("voltage_v", SlotKind.FLOAT), FieldSpec("current_a", SlotKind.FLOAT)))
]


class Link:
    """Requests of 800 bytes and what has gathered, which shrinks by 0.6 with each doubling of the factor."""

    def __init__(self, need: Callable[[int], float], every_s: float) -> None:
        """need: budgets that it would take at factor 1, by second."""
        self.need, self.every_s = need, every_s
        self.factors: list[tuple[int, int]] = [(0, 1)]
        self.totals: list[int] = []  # each ten seconds

    def run(self, hours: int) -> None:
        random, budget = Random(1), Budget(BUDGET, 0.0)
        total, pending, sent_s, factor = 0, 0.0, 0, 1
        for second in range(3600 * hours):
            shrunk = 0.6 ** (factor.bit_length() - 1)
            pending += self.need(second) * BUDGET / 3600 * shrunk * random.uniform(0.5, 1.5)
            every_s = min(300.0, self.every_s * factor) if factor >= 4 else self.every_s
            if (
                second - sent_s >= max(every_s, self.every_s) or random.random() < 1 / 1800
            ):  # an event now and then
                total, pending, sent_s = total + int(pending) + 800, 0.0, second
            if (now := budget.step(float(second), total)) != factor:
                factor = now
                self.factors.append((second, now))
            if second % 10 == 0:
                self.totals.append(total)

    def dearest_hour(self) -> float:
        """Return the most that any 3,600 s carried, in budgets."""
        window: deque[int] = deque(maxlen=361)
        dearest = 0
        for total in self.totals:
            window.append(total)
            dearest = max(dearest, total - window[0])
        return dearest / BUDGET


@pytest.mark.parametrize("every_s", [1.0, 60.0, 300.0])
def test_where_the_need_is_twice_the_budget_no_hour_of_a_day_is_5_percent_over_it(every_s: float) -> None:
    link = Link(lambda _: 2.0, every_s)
    link.run(24)
    assert 0.3 < link.dearest_hour() <= 1.05
    assert link.factors[1][0] <= max(61, every_s + 1)  # forecast from the first minute on
    assert len(link.factors) < 24, "it does not swing"


def test_an_hour_with_a_burst_stays_within_the_budget_and_the_next_one_is_as_configured() -> None:
    link = Link(lambda second: 12.0 if second % 21_600 < 300 else 0.3, 60.0)
    link.run(24)
    assert link.dearest_hour() <= 1.05
    assert {factor for _, factor in link.factors} > {1, 8}
    for burst_s in range(21_600, 86_400, 21_600):
        before = [factor for second, factor in link.factors if second < burst_s]
        assert before[-1] == 1, "before each burst all is as configured"


@pytest.mark.parametrize(
    ("need", "lasts_s", "every_s", "most"),
    [
        (10, 900, 60.0, 0.9),
        (20, 300, 60.0, 0.9),
        (20, 900, 60.0, 1.1),
        (20, 1800, 60.0, 1.4),
        (10, 300, 300.0, 1.2),
    ],
)
def test_a_burst_of_many_times_the_budget_is_seen_by_its_last_minute(
    need: int, lasts_s: int, every_s: float, most: float
) -> None:
    """By ten minutes alone it would be seen too late: 1.3, 1.5 and 1.8 budgets in an hour, of 20 a minute."""
    link = Link(lambda second: need if 21_600 <= second < 21_600 + lasts_s else 0.3, every_s)
    link.run(9)
    assert link.dearest_hour() <= most


def test_what_fits_changes_nothing() -> None:
    link = Link(lambda _: 0.7, 60.0)
    link.run(24)
    assert link.factors == [(0, 1)]


def test_the_factor_halves_after_two_windows_of_ten_minutes_below_half_and_not_sooner() -> None:
    budget, total = Budget(3_600_000, 0.0), 0
    factors = {}
    for second in range(1, 6001):
        total += 3000 if second <= 60 else 400 if second < 1500 else 600
        factors[second] = budget.step(float(second), total)
    assert (factors[59], factors[60]) == (1, 4)  # 10.8 MB an hour, three times the budget
    changes = [second for second in range(2, 6001) if factors[second] != factors[second - 1]]
    assert changes == [60, 1260]
    assert factors[6000] == 2, "0.6 of the budget is no reason to halve"


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
