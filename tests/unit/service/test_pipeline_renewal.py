"""A pipeline that gets other stages, or whose source begins again."""

from collections.abc import Sequence
from dataclasses import replace

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rules.protection_spec import ProtectionRule

from telemetry.ledger import imbalances
from telemetry.model.ids import IsoTpId
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support.pipeline_bench import KNOWN, PLAN, UNKNOWN, Bench, frames
from tests.support.protected_plans import COUNTER_ALONE


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
    bench.pipeline.add_point("event", b"event,code=x level=0 4", 4)
    assert bench.pipeline.bytes_by_measurement() == {"Pack": 3 * len("level=0"), "event": 22}


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
