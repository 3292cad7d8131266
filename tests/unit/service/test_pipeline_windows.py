"""Windows of triggers in the pipeline: logs read again, a clock that is set, events of the service."""

import gzip
import re
from collections.abc import Mapping, Sequence

import pytest
from telemetry_core.frames.batch import FrameBatch

from telemetry.ledger import Ledger, imbalances
from telemetry.model.events import begins
from telemetry.rules.trigger import Trigger
from telemetry.service.pipeline import Pipeline
from telemetry.spool.batch import TimeBase
from tests.support.clock import FakeClock
from tests.support.listed_store import ListedStore
from tests.support.two_packs import SECOND, Step
from tests.unit.stages.test_windows import ALARM, BRAKE, drive, stages_of, tenths

STEPS = drive(30.0, [4.9, 20.0], [5.0, 21.0])


class Bench:
    """A pipeline of two buses that are logs or live, of which what an earlier one stored is known."""

    def __init__(
        self,
        *triggers: Trigger,
        positions: Mapping[str, int] | None = None,
        base: Mapping[str, int] | None = None,
        waits: bool = False,
    ) -> None:
        self.clock, self.store = FakeClock(), ListedStore()
        self.ledger = Ledger(base or {})
        self.stages = stages_of(*triggers, own_time=() if waits else (0,))
        self.pipeline = Pipeline(
            self.stages, self.store, self.ledger, self.clock, positions or {}, wait_for_clock=waits
        )

    def take(
        self, steps: Sequence[Step], first: int = 0, *, resume_as: str = "", time_known: bool = True
    ) -> None:
        batch = FrameBatch(max(1, len(steps)))
        batch.position = first
        for step in steps:
            step.add_to(batch)
        source = "can0" if resume_as else f"can{steps[0].bus}"
        self.pipeline.process(source, batch, {"offered": 0}, resume_as=resume_as, time_known=time_known)

    def lines(self, base: TimeBase | None = None) -> list[str]:
        return [
            line
            for batch, *_ in self.store.batches
            if base in (None, batch.time_base)
            for line in gzip.decompress(batch.payload).decode().splitlines()
        ]


@pytest.mark.parametrize("stored", [30, 51, 60, 75, 205, 290])
def test_a_log_that_is_read_again_after_a_kill_gives_the_same(stored: int) -> None:
    whole = Bench(BRAKE, ALARM)
    whole.take(STEPS, resume_as="log")
    whole.pipeline.end("can0", {}, is_complete=True, resume_as="log")
    whole.pipeline.finish()
    first = Bench(BRAKE, ALARM)
    first.take(STEPS[:stored], resume_as="log")
    first.pipeline.cut()
    _, accounts, positions = first.store.batches[-1]
    base = {name: count for name, count in accounts.items() if name.startswith(("points/", "triggers/"))}
    again = Bench(BRAKE, ALARM, positions=positions, base=base)
    for at in range(0, len(STEPS), 37):
        again.take(STEPS[at : at + 37], at, resume_as="log")
    again.pipeline.end("can0", {}, is_complete=True, resume_as="log")
    again.pipeline.finish()
    assert first.lines() + again.lines() == whole.lines()
    assert any("capture=" in line for line in whole.lines())
    points = {
        name: n for name, n in again.ledger.snapshot().items() if name.startswith(("points/", "triggers/"))
    }
    expected = whole.ledger.snapshot()
    assert {name: count for name, count in points.items() if count} == {
        name: count for name, count in expected.items() if name in points and count
    }
    total = {**expected, "points/acknowledged": len(whole.lines())}
    assert [one for one in imbalances(total, 0, {}) if one.startswith("points")] == []


def test_a_window_goes_on_where_the_clock_is_set_in_the_middle_of_it() -> None:
    bench = Bench(Trigger(on=("cell_*",), before_s=1.0, after_s=4.0), waits=True)
    at = bench.clock.unix_ns()
    steps = drive(10.0, faults=[5.0])
    for step in steps:
        known = step.seconds >= 7.0
        bench.take([step], time_known=known)
        bench.clock.advance(0.1)
    bench.pipeline.finish(["can0"])
    unknown, known_lines = bench.lines(TimeBase.BOOT), bench.lines(TimeBase.UNIX)
    boot = {round(int(line.rsplit(" ", 1)[1]) / SECOND, 1) for line in unknown if line.startswith("battery,")}
    unix = {
        round((int(line.rsplit(" ", 1)[1]) - at) / SECOND, 1) for line in known_lines if line[:4] == "batt"
    }
    assert tenths(40, 69) <= boot
    assert tenths(70, 89) <= unix
    assert not tenths(91, 95) & unix


@pytest.mark.parametrize("reloads", [1, 2])
def test_a_window_that_lacks_rows_of_before_a_reload_is_cut_short(reloads: int) -> None:
    bench = Bench(ALARM, waits=True)
    steps = drive(30.0, faults=[6.5, 20.0])
    bench.take(steps[:60])
    for _ in range(reloads):
        bench.pipeline.replace_stages(stages_of(ALARM))
    bench.take(steps[60:])
    counters = bench.ledger.snapshot()
    assert (counters["triggers/captures"], counters["triggers/cut_short"]) == (2, 1)


@pytest.mark.parametrize(("begins_again", "cut_short"), [(False, 1), (True, 0)])
def test_a_log_lacks_rows_of_before_a_reload_unless_it_begins_again(
    *, begins_again: bool, cut_short: int
) -> None:
    bench = Bench(ALARM)
    steps = drive(9.0, faults=[6.5])
    bench.take(steps[:60], resume_as="log")
    if begins_again:
        bench.pipeline.start_over("can0", "log", {})
    bench.pipeline.replace_stages(stages_of(ALARM, own_time=(0,)))
    first = 0 if begins_again else 60
    bench.take(steps[first:], first, resume_as="log")
    counters = bench.ledger.snapshot()
    assert (counters["triggers/captures"], counters["triggers/cut_short"]) == (1, cut_short)


def test_an_event_of_the_service_has_a_window_too() -> None:
    bench = Bench(Trigger(on=("source_lost",), before_s=1.0, after_s=1.0), waits=True)
    steps = drive(10.0)
    bench.take(steps[:60])
    event = bench.pipeline.set_off(begins("source_lost", "gone", "can1"), bench.clock.unix_ns() + 5 * SECOND)
    assert re.fullmatch("20231114T221325Z-1-[0-9a-f]{6}", event.capture)
    bench.take(steps[60:])
    bench.pipeline.finish(["can0"])
    stamps = {
        round((int(line.rsplit(" ", 1)[1]) - bench.clock.unix_ns()) / SECOND, 1)
        for line in bench.lines()
        if line.startswith("battery,")
    }
    assert tenths(40, 60) <= stamps
    assert len(stamps) < 30
    assert bench.pipeline.set_off(begins("source_back", "back", "can1"), 0).capture == ""


def test_an_event_of_a_source_that_ended_before_the_time_was_known_has_its_window_in_the_time_of_others() -> (
    None
):
    bench = Bench(Trigger(on=("source_lost",), before_s=1.0, after_s=1.0), waits=True)
    for bus in (0, 1):
        bench.take(drive(1.0, bus=bus), time_known=False)
    steps = drive(10.0)
    bench.take(steps[10:60])
    event = bench.pipeline.set_off(begins("source_lost", "gone", "can1"), bench.clock.unix_ns() + 5 * SECOND)
    assert event.capture
    bench.take(steps[60:])
    bench.pipeline.finish(["can0"])
    stamps = {
        round((int(line.rsplit(" ", 1)[1]) - bench.clock.unix_ns()) / SECOND, 1)
        for line in bench.lines(TimeBase.UNIX)
        if line.startswith("battery,")
    }
    assert tenths(40, 60) <= stamps
