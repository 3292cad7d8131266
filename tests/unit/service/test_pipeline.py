from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from telemetry_core.decode.spec import BusSpec, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.rules.protection_spec import ProtectionRule

from telemetry.ledger import Ledger, imbalances
from telemetry.model.ids import IsoTpId
from telemetry.rules.reduce import ReduceSettings
from telemetry.service.pipeline import BATCH_BYTES, BATCH_LINES, KEEP_EVERY_S, Pipeline
from telemetry.spool.batch import TimeBase
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support.clock import FakeClock
from tests.support.listed_store import ListedStore
from tests.support.protected_plans import COUNTER_ALONE

KNOWN, UNKNOWN = 0x100, 0x200
PLAN = PlanSpec(
    records=(RecordSpec("Pack", (FieldSpec("level", SlotKind.UINT, passes=False),)),),
    buses=(
        BusSpec(
            "can0",
            (MessageSpec("Pack", KNOWN, False, 1, (SignalSpec(0, 8, True, False, False),), (), record=0),),
        ),
    ),
)


class Bench:
    """A pipeline with one log on channel 0 and everything it needs."""

    def __init__(
        self,
        positions: Mapping[str, int] | None = None,
        base: Mapping[str, int] | None = None,
        *,
        wait_for_clock: bool = False,
        every_s: float = 0.0,
    ) -> None:
        self.clock = FakeClock()
        self.store = ListedStore()
        self.ledger = Ledger(base or {})
        stages = Stages(PLAN, None, vehicle="van", reduce=ReduceSettings(every_s, {}))
        stages.bind(0, Binding(0, "log", "can0"))
        self.pipeline = Pipeline(
            stages, self.store, self.ledger, self.clock, positions or {}, wait_for_clock=wait_for_clock
        )

    def process(self, frames: FrameBatch, *, resume_as: str = "log", time_known: bool = True) -> None:
        self.pipeline.process("log", frames, {}, resume_as=resume_as, time_known=time_known)


def frames(first: int, count: int, id: int = KNOWN) -> FrameBatch:
    batch = FrameBatch(count)
    batch.position = first
    for number in range(first, first + count):
        batch.append(1_000 * number, id, bytes([number % 256]))
    return batch


def counted(accounts: Mapping[str, int]) -> dict[str, int]:
    """Less what is 0."""
    return {name: count for name, count in accounts.items() if count}


def test_a_batch_is_closed_at_its_limit_of_lines_and_carries_the_accounts_of_that_moment() -> None:
    bench = Bench()
    bench.process(frames(0, BATCH_LINES - 1))
    assert bench.store.batches == []
    bench.process(frames(BATCH_LINES - 1, 1))
    ((batch, accounts, positions),) = bench.store.batches
    assert (batch.points, batch.first_ns, batch.last_ns) == (BATCH_LINES, 0, 1_000 * (BATCH_LINES - 1))
    assert positions == {"log": BATCH_LINES}
    assert counted(accounts) == {
        "bus/log/read": BATCH_LINES,
        "frames/log/decoded": BATCH_LINES,
        "points/made/Pack": BATCH_LINES,
    }


def test_a_batch_is_closed_at_its_limit_of_bytes() -> None:
    bench = Bench()
    for number in range(100):
        bench.pipeline.add_point("note", b'note text="%s" %d' % (b"x" * 30_000, number), number)
        bench.process(frames(number, 1))
    ((batch, _, _),) = bench.store.batches
    assert batch.points == 2 * (-(-BATCH_BYTES // 30_050))  # each with the frame's
    assert bench.pipeline.points_waiting == 200 - batch.points


def test_a_batch_is_closed_after_a_second() -> None:
    bench = Bench()
    bench.process(frames(0, 1))
    bench.pipeline.tick()
    assert bench.store.batches == []
    bench.clock.advance(1.0)
    bench.pipeline.tick()
    assert bench.store.text == b"Pack,source=can0,vehicle=van level=0 0\n"


def test_a_batch_may_collect_for_longer_and_a_new_configuration_says_how_long() -> None:
    bench = Bench()
    bench.pipeline.batch_age_s = 10.0
    bench.process(frames(0, 3))
    for second, batches in ((9.9, 0), (0.1, 1)):
        bench.clock.advance(second)
        bench.pipeline.tick()
        assert len(bench.store.batches) == batches
    bench.process(frames(3, 1))
    bench.clock.advance(9.9)
    bench.pipeline.tick()
    assert len(bench.store.batches) == 1
    bench.pipeline.batch_age_s = 1.0
    bench.pipeline.tick()
    assert len(bench.store.batches) == 2


def test_nothing_is_stored_when_nothing_was_made() -> None:
    bench = Bench()
    bench.process(frames(0, 3, id=UNKNOWN))
    bench.pipeline.finish()
    assert bench.store.batches == []
    assert list(imbalances(bench.ledger.snapshot(), 0, {})) == []


@pytest.mark.parametrize("stored", [0, 1, 3, 4, 6, 9, 10])
def test_a_log_read_again_continues_after_what_is_stored(stored: int) -> None:
    whole = Bench()
    whole.process(frames(0, 10))
    whole.pipeline.finish()

    first = Bench()
    if stored:
        first.process(frames(0, stored))
    first.pipeline.finish()
    base = first.store.batches[-1][1] if stored else {}
    points_base = {name: count for name, count in base.items() if name.startswith("points/")}
    again = Bench({"log": stored}, points_base)
    for start in range(0, 10, 3):
        again.process(frames(start, min(3, 10 - start)))
    again.pipeline.finish()
    assert first.store.text + again.store.text == whole.store.text
    assert again.ledger.snapshot() == whole.ledger.snapshot()


def live(*stamps_ns: int) -> FrameBatch:
    batch = FrameBatch(len(stamps_ns))
    for stamp_ns in stamps_ns:
        batch.append(stamp_ns, KNOWN, b"\x01")
    return batch


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
    """A log of three frames, as a run reads it that finds this much of it stored."""
    points = {name: count for name, count in base.items() if name.startswith("points/")}
    bench = Bench(stored, points, every_s=1.0)
    bench.process(frames(0, 3))
    bench.pipeline.end("log", {}, is_complete=True, resume_as="log")
    bench.pipeline.finish()
    return bench


@pytest.mark.parametrize("stops", ["before its end", "behind its end"])
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


def test_another_log_of_the_same_source_starts_from_its_first_frame() -> None:
    bench = Bench({"log@old": 5})
    bench.process(frames(0, 3), resume_as="log@new")
    bench.pipeline.finish()
    assert bench.store.text.count(b"\n") == 3


def test_points_of_the_service_itself_are_counted_as_made() -> None:
    bench = Bench()
    bench.pipeline.add_point("gateway", b"gateway,vehicle=van cpu_s=1 7", 7)
    bench.pipeline.finish()
    assert bench.store.text == b"gateway,vehicle=van cpu_s=1 7\n"
    assert counted(bench.ledger.snapshot()) == {"points/made/gateway": 1}


def test_losses_of_the_source_are_in_the_accounts_with_their_reason() -> None:
    bench = Bench()
    bench.pipeline.process("log", frames(0, 2), {"lost/bad_line": 3, "kernel_dropped": 4}, resume_as="log")
    assert counted(bench.ledger.snapshot()) == {
        "bus/log/read": 5,
        "bus/log/kernel_dropped": 4,
        "frames/log/decoded": 2,
        "frames/log/lost/bad_line": 3,
        "points/made/Pack": 2,
    }
    assert list(imbalances(bench.ledger.snapshot(), 2, {})) == []


def another_line(vehicle: str, protection: Sequence[ProtectionRule] = ()) -> Stages:
    stages = Stages(PLAN, None, vehicle=vehicle, protection=protection)
    stages.bind(0, Binding(0, "log", "can0"))
    return stages


def test_what_the_old_line_holds_goes_out_before_the_new_one_takes_over() -> None:
    bench = Bench(every_s=1.0)
    bench.process(frames(0, 3), resume_as="")
    bench.pipeline.replace_stages(another_line("bus"))
    bench.process(frames(3, 1), resume_as="")
    bench.pipeline.finish()
    assert bench.store.text == (
        b"Pack,source=can0,vehicle=van level=0 0\n"
        b"Pack,source=can0,vehicle=van level=2 2000\n"
        b"Pack,source=can0,vehicle=bus level=3 3000\n"
    )


def test_accounts_go_on_over_a_new_line() -> None:
    bench = Bench(every_s=1.0)
    bench.process(frames(0, 5), resume_as="")
    bench.process(frames(5, 2, id=UNKNOWN), resume_as="")
    bench.pipeline.replace_stages(another_line("bus"))
    bench.process(frames(7, 4), resume_as="")
    bench.pipeline.finish()
    counters = bench.ledger.snapshot()
    assert counters["frames/log/decoded"] == 9
    assert counters["frames/log/unknown"] == 2
    assert counters["points/made/Pack"] == 9
    assert list(imbalances(counters, counters["points/made/Pack"] - counters["points/reduced"], {})) == []


def test_frames_of_a_session_that_is_open_over_a_new_line_are_lost_and_counted() -> None:
    def listening() -> Stages:
        stages = Stages(PLAN, None, vehicle="van")
        stages.bind(0, Binding(0, "log", "can0", isotp=[IsoTpId(KNOWN)]))
        return stages

    bench = Bench()
    bench.pipeline.replace_stages(listening())
    begun = FrameBatch(2)
    for time_ns, payload in enumerate((b"\x10\x1ebegins", b"\x21goes on")):
        begun.append(time_ns, KNOWN, payload)
    bench.process(begun, resume_as="")
    bench.pipeline.replace_stages(listening())
    counters = bench.ledger.snapshot()
    assert counters["bus/log/read"] == counters["frames/log/lost/incomplete_session"] == 2
    assert counters["sessions/log/unfinished"] == 1
    assert list(imbalances(counters, 0, {})) == []


def test_a_live_source_that_begins_again_goes_on_counting() -> None:
    bench = Bench()
    bench.pipeline.process("log", frames(0, 3), {"lost/bad_length": 2, "kernel_dropped": 1})
    bench.pipeline.start_over("log", "", bench.pipeline.positions)
    bench.pipeline.process("log", frames(0, 3), {"lost/bad_length": 1, "kernel_dropped": 0})
    counters = bench.ledger.snapshot()
    assert counters["bus/log/read"] == 9
    assert counters["frames/log/lost/bad_length"] == 3
    assert counters["bus/log/kernel_dropped"] == 1
    assert list(imbalances(counters, 6, {})) == []


def test_a_log_that_begins_again_is_sent_once_and_counted_once() -> None:
    bench = Bench()
    bench.process(frames(0, 6))
    bench.pipeline.start_over("log", "log", bench.pipeline.positions)
    bench.process(frames(0, 10))
    bench.pipeline.finish()
    assert bench.store.text.count(b"\n") == 10
    counters = bench.ledger.snapshot()
    assert (counters["bus/log/read"], counters["frames/log/decoded"]) == (10, 10)
    assert list(imbalances(counters, 10, {})) == []


def test_what_is_counted_beside_the_accounts_of_a_log_that_begins_again_is_counted_once_too() -> None:
    bench, low_bits = Bench(), (2, 1, 0)
    counter = replace(COUNTER_ALONE, byte_count=1, counter_bits=low_bits, counter_most=7)
    odd = FrameBatch(3)
    for level in (1, 3, 4):
        odd.append(0, KNOWN, bytes([level]))
    for _ in range(2):
        bench.pipeline.replace_stages(another_line("van", [counter]))
        bench.pipeline.start_over("log", "log", bench.pipeline.positions)
        bench.process(odd)
    counters = bench.ledger.snapshot()
    assert counters["protection/log/Guarded/skipped"] == 1
    assert (counters["bus/log/read"], counters["frames/log/lost/bad_counter"]) == (3, 1)


def test_another_log_in_its_place_leaves_no_position_of_the_old_one() -> None:
    bench = Bench()
    bench.process(frames(0, 6), resume_as="log@1")
    bench.pipeline.start_over("log", "log@2", {})
    bench.process(frames(0, 2), resume_as="log@2")
    bench.pipeline.finish()
    assert bench.pipeline.positions == {"log@2": 2}
    assert bench.store.text.count(b"\n") == 8


def deliver(bench: Bench, first: int, count: int) -> None:
    bench.clock.advance(KEEP_EVERY_S)
    bench.process(frames(first, count), resume_as="")
    bench.pipeline.tick()


def test_each_delivery_of_a_live_source_is_kept_with_the_accounts_as_of_it() -> None:
    bench = Bench()
    for count in (3, 2):
        deliver(bench, 0, count)
        assert bench.store.kept[-1][1] == bench.ledger.snapshot()
    assert [lines.count(b"\n") for lines, *_ in bench.store.kept] == [3, 5]
    assert bench.store.batches == []


def test_what_is_kept_of_a_batch_is_all_of_it_when_it_is_appended() -> None:
    bench = Bench()
    deliver(bench, 0, 3)
    bench.process(frames(3, BATCH_LINES), resume_as="")  # closed at its limit, in the middle of a step
    ((_batch, accounts, _positions),) = bench.store.batches
    assert bench.store.kept[-1] == (bench.store.text, accounts, {}, "")


def test_points_of_the_services_own_are_kept_with_those_of_its_sources() -> None:
    bench = Bench()
    deliver(bench, 0, 1)
    bench.clock.advance(KEEP_EVERY_S)
    bench.pipeline.add_point("event", b"event,code=x level=1 5", 5)
    bench.pipeline.tick()
    assert bench.store.kept[-1][0].count(b"\n") == 2


def test_nothing_is_kept_of_a_log_which_can_be_read_again() -> None:
    bench = Bench()
    bench.process(frames(0, 3))
    bench.pipeline.tick()
    assert bench.store.kept == []


def test_what_a_live_source_delivers_is_kept_although_a_log_is_read_beside_it() -> None:
    bench = Bench()
    bench.process(frames(0, 3), resume_as="")
    bench.process(frames(0, 2), resume_as="log")
    bench.pipeline.tick()
    assert [lines.count(b"\n") for lines, *_ in bench.store.kept] == [5]


def test_nothing_is_kept_twice() -> None:
    bench = Bench()
    deliver(bench, 0, 3)
    for _ in range(3):
        bench.pipeline.tick()
    assert len(bench.store.kept) == 1


def test_a_batch_that_is_kept_before_the_time_is_known_names_its_boot() -> None:
    bench = Bench(wait_for_clock=True)
    bench.process(frames(0, 1), resume_as="", time_known=False)
    bench.pipeline.tick()
    assert bench.store.kept[-1][3] == bench.clock.boot_id()


def test_deliveries_close_behind_one_another_are_kept_together_and_soon() -> None:
    bench = Bench()
    deliver(bench, 0, 1)
    assert bench.pipeline.wait_s(1.0) == 1.0
    for number in range(1, 5):  # of many buses, say
        bench.process(frames(number, 1), resume_as="")
        bench.pipeline.tick()
    assert len(bench.store.kept) == 1
    assert bench.pipeline.wait_s(1.0) == pytest.approx(KEEP_EVERY_S)
    bench.clock.advance(bench.pipeline.wait_s(1.0))
    bench.pipeline.tick()
    assert bench.store.kept[-1][0].count(b"\n") == 5
    assert bench.pipeline.wait_s(1.0) == 1.0
