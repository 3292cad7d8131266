"""Any series of loads on a link with a budget: what an hour costs, and that its account is the link's."""

from bisect import bisect_right
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.sinks.budget import LARGEST_FACTOR, Budget
from tests.support.budgeted_link import BUDGET, Link
from tests.support.examples import examples

NEEDS = st.sampled_from([0.0, 0.3, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 20.0])
LOADS = st.lists(st.tuples(NEEDS, st.sampled_from([60, 300, 900, 1800])), min_size=1, max_size=14)
HOURS = 2


@settings(max_examples=examples(20))
@given(
    loads=LOADS,
    every_s=st.sampled_from([1.0, 10.0, 60.0, 300.0]),
    shrinks=st.sampled_from([0.5, 0.6, 0.7, 0.8]),
    restart_s=st.sampled_from([0, 0, 600]),
)
def test_an_hour_exceeds_the_budget_only_where_32_was_reached_and_then_by_what_32_costs(
    loads: list[tuple[float, int]], every_s: float, shrinks: float, restart_s: int
) -> None:
    begins = [0]
    for _, lasts_s in loads:
        begins.append(begins[-1] + lasts_s)

    def need(second: int) -> float:
        return loads[(bisect_right(begins, second) - 1) % len(loads)][0]

    link = Link(need, every_s, shrinks=shrinks).run(HOURS, restart_s=restart_s)
    least = Link(need, every_s, shrinks=shrinks, held=LARGEST_FACTOR).run(HOURS)
    assert link.dearest_hour() <= max(1.1, least.dearest_hour() + 0.35)
    spans = list(pairwise([*link.factors, (3600 * HOURS, 0)]))
    for (from_s, factor), (to_s, later) in spans:
        assert factor in (1, 2, 4, 8, 16, 32)
        assert later > factor or later == 0 or to_s - from_s >= 1200, (
            "it falls after 20 minutes at the soonest"
        )
    at_32 = [(from_s, to_s) for (from_s, factor), (to_s, _) in spans if factor == LARGEST_FACTOR]
    for end, total in enumerate(link.totals):
        start = max(end - 360, 0)
        if not any(from_s <= 10 * end and to_s >= 10 * start for from_s, to_s in at_32):
            assert total - link.totals[start] <= 1.05 * BUDGET


@given(
    st.lists(st.tuples(st.integers(1, 90), st.integers(0, 20_000), st.booleans()), min_size=1, max_size=60),
    st.integers(0, 60),
)
def test_what_is_spent_is_what_the_link_has_carried_over_starts_too_whatever_was_estimated_before(
    steps: list[tuple[int, int, bool]], start: int
) -> None:
    """Each step: the time that passes, the bytes of lines that are made, and whether a request ends."""
    budget, now_s = Budget(BUDGET, 0.0), 0
    total = waiting = link_bytes = line_bytes = 0
    for number, (passes_s, made, is_sent) in enumerate(steps):
        if number == start:
            memory, budget = budget.memory(), Budget(BUDGET, float(now_s))
            budget.remember(memory)
            link_bytes = line_bytes = 0
        now_s, line_bytes, waiting = now_s + passes_s, line_bytes + made, waiting + made
        if is_sent:
            carried = 600 + waiting // 3
            total, link_bytes, waiting = total + carried, link_bytes + carried, 0
        budget.step(float(now_s), link_bytes, line_bytes)
        *_, waits, (_, (ago_s, spent), *_) = budget.memory()
        assert waits == waiting
        if now_s < 3600:
            assert (ago_s, spent) == (now_s, total)
