"""A session whose clock is set in its middle equals the one that was recorded with the right clock."""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.charging.session import Session
from tests.support.examples import examples
from tests.support.plug import READY, SECOND, START_NS, PlugBench

PLUGS = (0, SECOND)
WINDOW_S = 10  # windows lie on the clock's tens of seconds: a clock that is set by tens keeps them


@dataclass(frozen=True, slots=True)
class Row:
    """A message, or a row of the data model, of which nothing depends on when it is told."""

    plug: int
    at_s: float
    name: str
    values: dict[str, float]

    def feed(self, bench: PlugBench, late_s: float) -> None:
        feed = bench.put if self.name.isupper() else bench.measure
        feed(self.name, self.at_s - late_s, self.plug, **self.values)


@st.composite
def charges(draw: st.DrawFn, plug: int) -> list[Row]:
    """Draw a charge of up to a minute, with a reconnect or without, at which both ends measure."""
    found: list[Row] = []
    at_s = draw(st.floats(0.0, 30.0))
    step_s = draw(st.sampled_from([0.25, 0.7, 1.1]))
    lag_s = draw(st.floats(0.05, step_s))  # of the charger's samples after the battery's

    def put(name: str, after_s: float = 0.01, **values: float) -> None:
        nonlocal at_s
        at_s += after_s
        found.append(Row(plug, round(at_s, 6), name, values))

    put("CHM", version_minor=1, version_major=1)
    soc_pct = draw(st.floats(20.0, 60.0))
    for attempt in range(draw(st.integers(1, 2))):
        if attempt:
            put("CEM", 0.3, bcs_timeout=1)
            at_s += draw(st.floats(1.5, 20.0))
        put("CRM", recognition=0, charger_number=7)
        put("BRM", version_minor=1, version_major=1, pack_serial=5)
        put("CRM", recognition=READY, charger_number=7)
        put("BCP", soc_pct=round(soc_pct * 10))
        put("CTS", year=2026, month=3, day=2, hour=18, minute=0, second=int(at_s))
        put("CML", max_current_a=1500, min_current_a=4000)
        put("CRO", ready=READY)
        for _ in range(draw(st.integers(15, 40))):
            current_a = draw(st.sampled_from([20.0, 30.0, 60.0, 90.0]))
            soc_pct += draw(st.floats(0.0, 0.9))
            put("BCL", step_s - lag_s)
            put("BCS")
            put("battery", voltage_v=400.0, current_a=current_a, soc_pct=soc_pct)
            put("charger", requested_current_a=60.0, requested_voltage_v=450.0)
            put("CCS", lag_s, permitted=draw(st.sampled_from([1, 1, 1, 0])), charged_min=0)
            put("charger", voltage_v=402.0, current_a=current_a + 1)
    put("BST", soc_reached=1)
    put("CST", vehicle_stopped=1)
    put("BSD", soc_pct=80)
    return found


@st.composite
def clocks(draw: st.DrawFn) -> tuple[float, int]:
    """Draw how much of a charge comes before its clock is set, and by how many seconds."""
    by_s = WINDOW_S * draw(st.integers(-400, 400).filter(bool))
    return 1 - draw(st.floats(0.0, 1.0)), by_s  # late, where it is simplest: more is known by then


def sessions(rows: Sequence[Row], clocks: Sequence[tuple[float, int]]) -> list[Session]:
    """Return those of all plugs. clocks: by plug."""
    bench = PlugBench()
    left = {}
    for plug, (share, by_s) in zip(PLUGS, clocks, strict=True):
        left[plug] = (1 + round(share * (sum(row.plug == plug for row in rows) - 2)), by_s)
    for row in rows:
        count, by_s = left[row.plug]
        if count == 0 and by_s:
            bench.tracker.move(row.plug, round(by_s * 1e9))
            by_s = 0
        left[row.plug] = count - 1, by_s
        row.feed(bench, by_s)
    bench.finish(1000.0)
    return sorted(bench.sessions, key=lambda session: session.charger)


@settings(max_examples=examples(100))
@given(charges(PLUGS[0]), charges(PLUGS[1]), clocks(), clocks())
def test_a_session_whose_clock_is_set_is_that_of_the_right_clock(
    first: list[Row], second: list[Row], clock: tuple[float, int], other: tuple[float, int]
) -> None:
    rows = sorted(first + second, key=lambda row: row.at_s)
    expected = sessions(rows, [(0.0, 0), (0.0, 0)])
    assert [session.charger for session in expected] == ["can1", "main"]
    assert sessions(rows, [clock, other]) == expected
    assert sessions(rows, [clock, (0.0, 0)]) == expected
    assert all(session.start_ns >= START_NS for session in expected)
