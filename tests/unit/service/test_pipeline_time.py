"""Stamps and intervals: clocks that are set, and what the reducer holds."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from telemetry_core.text.lines import LineBuffer

from telemetry.service.stamping import Stamping
from telemetry.spool.batch import TimeBase
from tests.support.pipeline_bench import Bench, frames, live


def test_frames_stamped_before_the_time_was_known_go_into_batches_of_their_own() -> None:
    bench = Bench(wait_for_clock=True)
    bench.clock.advance(5.0)
    boot_ns = bench.clock.boot_ns()
    bench.process(live(bench.clock.unix_ns()), resume_as="", time_known=False)
    bench.clock.advance(1.0)
    bench.process(live(bench.clock.unix_ns()), resume_as="")
    bench.pipeline.finish()
    first, second = (batch for batch, _, _ in bench.store.batches)
    assert (first.time_base, first.boot_id) == (TimeBase.BOOT, bench.clock.boot_id())
    assert first.first_ns == boot_ns
    assert (second.time_base, second.first_ns) == (TimeBase.UNIX, bench.clock.unix_ns())


@pytest.mark.parametrize("step_s", [1e8, -1e8, 2.0, -2.0])
@pytest.mark.parametrize("time_known", [False, True])
def test_frames_that_waited_while_the_clock_was_set_get_the_time_they_came(
    step_s: float, time_known: bool
) -> None:
    bench = Bench(wait_for_clock=True)
    bench.clock.advance(1000.0)
    bench.pipeline.tick()
    before_ns, before_boot_ns = bench.clock.unix_ns(), bench.clock.boot_ns()
    bench.clock.advance(0.2)
    bench.clock.step(step_s)
    bench.clock.advance(0.2)
    after_ns, after_boot_ns = bench.clock.unix_ns(), bench.clock.boot_ns()
    bench.process(live(before_ns, after_ns), resume_as="", time_known=time_known)
    bench.pipeline.finish()
    ((batch, _, _),) = bench.store.batches
    expected = (after_ns - 400_000_000, after_ns) if time_known else (before_boot_ns, after_boot_ns)
    assert (batch.first_ns, batch.last_ns) == expected


@pytest.mark.parametrize(("seconds_later", "is_moved"), [(59.0, True), (120.0, False)])
def test_a_minute_after_the_clock_was_set_no_frame_was_stamped_before(
    seconds_later: float, is_moved: bool
) -> None:
    bench = Bench(wait_for_clock=True)
    bench.clock.advance(1000.0)
    bench.pipeline.tick()
    bench.clock.step(1.0)
    bench.pipeline.tick()
    bench.clock.advance(seconds_later)
    stamp_ns = bench.clock.unix_ns() - 700_000_000  # nearer to the old clock's now
    bench.process(live(stamp_ns), resume_as="")
    bench.pipeline.finish()
    assert bench.store.batches[0][0].first_ns == stamp_ns + is_moved * 10**9


def test_a_clock_that_is_not_waited_for_is_taken_as_it_is() -> None:
    bench = Bench()
    stamp_ns = bench.clock.unix_ns()
    bench.clock.step(1e8)
    bench.process(live(stamp_ns), resume_as="")
    bench.pipeline.finish()
    assert bench.store.batches[0][0].first_ns == stamp_ns


def test_what_the_reducer_holds_when_the_clock_is_set_keeps_the_time_it_came() -> None:
    bench = Bench(wait_for_clock=True, every_s=60.0)
    bench.clock.advance(1000.0)
    first_ns = bench.clock.unix_ns()
    bench.process(live(first_ns, first_ns + 1), resume_as="", time_known=False)  # one passes, one is held
    held_boot_ns = bench.clock.boot_ns() + 1
    bench.clock.advance(1.0)
    bench.clock.step(1e8)
    bench.process(live(bench.clock.unix_ns()), resume_as="", time_known=True)
    bench.pipeline.finish(["log"])
    early, late = (batch for batch, _, _ in bench.store.batches)
    assert (early.time_base, early.last_ns) == (TimeBase.BOOT, held_boot_ns)
    assert (late.time_base, late.first_ns) == (TimeBase.UNIX, bench.clock.unix_ns())


def test_frames_up_to_a_second_late_belong_to_the_row_of_their_interval() -> None:
    bench = Bench(every_s=1.0)
    stamp_ns = bench.clock.unix_ns()  # a whole second

    def rows() -> int:
        return bench.store.text.count(b"\n") + bench.pipeline.points_waiting

    bench.process(live(stamp_ns, stamp_ns + 1), resume_as="")  # one passes, one is held
    bench.clock.advance(1.9)
    bench.pipeline.tick(["log"])
    assert rows() == 1
    bench.process(live(stamp_ns + 2), resume_as="")
    bench.clock.advance(0.2)
    bench.pipeline.tick(["log"])
    assert rows() == 2
    bench.pipeline.finish(["log"])
    assert rows() == 2
    assert bench.store.text.splitlines()[-1].endswith(b" %d" % (stamp_ns + 2))


def test_a_silent_live_bus_gives_what_the_reducer_holds_of_it() -> None:
    bench = Bench(every_s=1.0)
    stamp_ns = bench.clock.unix_ns()
    bench.process(live(stamp_ns, stamp_ns + 1), resume_as="")
    bench.clock.advance(1.5)
    bench.pipeline.tick(["log"])
    assert bench.pipeline.points_waiting == 0  # the first row went into a batch that is a second old
    bench.clock.advance(1.5)
    bench.pipeline.tick(["log"])
    bench.pipeline.finish()
    assert bench.store.text.count(b"\n") == 2


def test_what_is_due_of_silent_buses_is_looked_for_eight_times_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A look costs as much as there are series, and the service ticks at each delivery."""
    bench = Bench(every_s=1.0)
    bench.process(live(bench.clock.unix_ns(), bench.clock.unix_ns() + 1), resume_as="")
    looks, flush = list[float](), bench.pipeline.stages.writing.flush

    def counted(lines: LineBuffer, **of: Any) -> None:
        looks.append(bench.clock.monotonic_s())
        flush(lines, **of)

    monkeypatch.setattr(bench.pipeline.stages.writing, "flush", counted)
    for _ in range(64):
        bench.clock.advance(1 / 64)
        bench.pipeline.tick(["log"])
    assert len(looks) == 8
    assert max(b - a for a, b in pairwise(looks)) <= 0.125


def test_what_the_reducer_holds_of_a_log_goes_out_at_its_end_and_not_when_the_service_stops() -> None:
    bench = Bench(every_s=1.0)
    bench.process(frames(0, 3))
    bench.pipeline.tick(["bus"])
    bench.pipeline.finish(["bus"])
    assert bench.store.text.count(b"\n") == 1  # the first of a key passes
    bench.pipeline.end("log", {}, is_complete=False)
    bench.pipeline.finish()
    assert bench.store.text.count(b"\n") == 1
    bench.pipeline.end("log", {}, is_complete=True)
    bench.pipeline.finish()
    assert bench.store.text.count(b"\n") == 2


def read_to_its_end(stored: Mapping[str, int], base: Mapping[str, int]) -> Bench:
    """Read a log of three frames, as a run does that finds this much of it stored."""
    points = {name: count for name, count in base.items() if name.startswith("points/")}
    bench = Bench(stored, points, every_s=1.0)
    bench.process(frames(0, 3))
    bench.pipeline.end("log", {}, is_complete=True, resume_as="log")
    bench.pipeline.finish()
    return bench


@pytest.mark.parametrize("stops", ["before its end", "after its end"])
def test_what_the_reducer_holds_at_a_logs_end_goes_out_once_however_often_it_is_read(stops: str) -> None:
    whole = read_to_its_end({}, {})
    assert whole.store.text.count(b"\n") == 2

    first = whole
    if stops == "before its end":
        first = Bench(every_s=1.0)
        first.process(frames(0, 3))
        first.pipeline.finish()
    _, accounts, positions = first.store.batches[-1]
    again = read_to_its_end(positions, accounts)
    assert first.store.text + again.store.text == whole.store.text
    assert again.ledger.snapshot() == whole.ledger.snapshot()


def test_a_step_of_the_clock_or_another_base_ends_a_time_line() -> None:
    now = Stamping(TimeBase.BOOT, 5_000_000_000)
    for shift_ns, continues in (
        *((5_000_000_000, True), (5_500_000_000 - 1, True), (4_500_000_000 + 1, True)),
        *((5_500_000_000, False), (4_500_000_000, False), (-5_000_000_000, False)),
    ):
        assert now.continues(Stamping(TimeBase.BOOT, shift_ns)) == continues
    assert not now.continues(Stamping(TimeBase.UNIX, 5_000_000_000))
