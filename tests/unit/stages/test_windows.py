"""Triggers, one at a time: ids, texts, `per_hour`, the ring's memory, reloads, and clocks of their own."""

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.rules.ring import Ring
from telemetry_core.rules.senders import NEW_SENDER
from telemetry_core.rules.watch_spec import CrossingTest, RuleSpec
from telemetry_core.rules.watcher import Watcher
from telemetry_core.text.lines import LineBuffer

from telemetry.rules.map_entry import MapEntry
from telemetry.rules.reduce import ReduceSettings
from telemetry.rules.resolve import model
from telemetry.rules.send import SendSettings
from telemetry.rules.trigger import Trigger, resolved
from telemetry.stages.binding import Binding
from telemetry.stages.handing_over import hand_over_windows
from telemetry.stages.stages import Stages
from tests.support import two_packs
from tests.support.plan_specs import Signal, plan
from tests.support.stages import batch_of
from tests.support.two_packs import PACKS, SECOND, START, Step, written

BRAKE = Trigger(field="battery.current_a", changes_by=50.0, within_s=0.5, before_s=1.0, after_s=1.0)
ALARM = Trigger(on=("cell_undervoltage",), before_s=1.0, after_s=2.0)
SCHEMA = Schema(
    [RecordSpec("a", (FieldSpec("x", SlotKind.FLOAT),)), RecordSpec("b", (FieldSpec("x", SlotKind.INT),))]
)


def stages_of(
    *triggers: Trigger, ring_bytes: int = 8_000_000, own_time: Sequence[int] = (), every_s: float = 60.0
) -> Stages:
    reduce = ReduceSettings(every_s=every_s, ring_bytes=ring_bytes)
    return two_packs.stages_of(reduce, aggregates=(), triggers=triggers, own_time=own_time)


def drive(
    until_s: float, brakes: Sequence[float] = (), faults: Sequence[float] = (), bus: int = 0
) -> list[Step]:
    """Ten frames a second; from each of `brakes` on half a second of another current."""
    steps = []
    for tenth in range(round(until_s * 10)):
        at = tenth / 10
        amps = -50.0 if any(begin <= at < begin + 0.45 for begin in brakes) else 10.0
        steps.append(Step(at, bus, amps, fault=int(any(begin <= at < begin + 0.45 for begin in faults))))
    return steps


def seconds(lines: Sequence[str], head: str) -> list[float]:
    return sorted(
        {round((int(line.rsplit(" ", 1)[1]) - START) / SECOND, 3) for line in lines if line.startswith(head)}
    )


def captures(lines: Sequence[str]) -> list[str]:
    return [found[1] for line in lines if (found := re.search(r'capture="([^"]+)"', line))]


def tenths(first: int, last: int) -> set[float]:
    return {tenth / 10 for tenth in range(first, last + 1)}


def test_a_change_of_a_field_is_an_event_with_a_capture_and_all_rows_round_it() -> None:
    lines = written(stages_of(BRAKE), [drive(20.0, [10.0])])
    (event, *_) = [line for line in lines if line.startswith("event,")]
    assert event.startswith("event,code=trigger,pack=front,source=can0,vehicle=van level=0,active=true,")
    assert 'text="battery.current_a changes by -60 A within 0.5 s"' in event
    assert captures(lines)[0] == "20231114T221330Z-1"
    assert tenths(90, 114) <= set(seconds(lines, "battery,"))  # the current comes back at 10.5 s
    assert len(seconds(lines, "battery,")) < 40


def test_windows_that_overlap_are_one_capture_and_later_ones_others() -> None:
    lines = written(stages_of(ALARM), [drive(40.0, faults=[10.0, 12.5, 30.0])])
    assert captures(lines) == ["20231114T221330Z-1", "20231114T221330Z-1", "20231114T221350Z-1"]


def test_captures_are_listed_with_their_spans_and_the_last_goes_on_until_rows_or_time_are_past_it() -> None:
    stages = stages_of(ALARM)
    written(stages, [drive(31.0, faults=[10.0, 12.5, 30.0])])
    assert stages.writing.windows is not None

    def listed(now_s: float) -> list[tuple[float, float, bool]]:
        assert stages.writing.windows is not None
        found = stages.writing.windows.captures(START + round(now_s * SECOND))
        return [
            ((one["from_ns"] - START) / SECOND, (one["to_ns"] - START) / SECOND, one["goes_on"])
            for one in found
        ]

    assert listed(31.0) == [(29.0, 32.0, True), (9.0, 14.5, False)]
    assert listed(43.0)[0] == (29.0, 32.0, False), "the bus has fallen silent"


def test_two_captures_of_one_second_have_two_ids() -> None:
    short = Trigger(on=("cell_undervoltage",), before_s=0.0, after_s=0.1)
    ids = captures(written(stages_of(short), [drive(2.0, faults=[0.3, 1.0, 1.6])]))
    assert [one[-2:] for one in ids] == ["-1", "-1", "-2"]


def test_over_per_hour_an_alarm_is_written_without_a_capture_and_a_trigger_of_its_own_not_at_all() -> None:
    alarm = Trigger(on=("cell_undervoltage",), before_s=0.0, after_s=0.0, per_hour=2)
    brake = Trigger(field="battery.current_a", below=-40.0, before_s=0.0, after_s=0.0, per_hour=1)
    stages = stages_of(alarm, brake)
    at = [10.0, 20.0, 30.0]
    lines = written(stages, [drive(40.0, at, at), [Step(3611.0, 0), Step(3612.0, 0, fault=1)]])
    alarms = [line for line in lines if "code=cell_under" in line and "active=true" in line]
    assert [bool(captures([line])) for line in alarms] == [True, True, False, True]
    assert len([line for line in lines if "code=trigger" in line]) == 1
    assert stages.counted()["triggers/over_per_hour"] == 3


def test_rows_that_have_left_the_ring_are_missed_and_that_is_counted() -> None:
    stages = stages_of(Trigger(on=("cell_*",), before_s=100.0, after_s=0.0), ring_bytes=20_000)
    lines = written(stages, [drive(120.0, faults=[110.0])])
    whole = seconds(lines, "battery,")
    assert whole[-1] == 119.9
    assert 10 < len(whole) < 200
    assert stages.counted()["triggers/cut_short"] == 1


@pytest.mark.parametrize(("before_s", "cut_short"), [(1.0, 0), (100.0, 1)])
def test_a_clock_that_is_set_back_makes_no_window_lack_what_it_has(before_s: float, cut_short: int) -> None:
    stages = stages_of(Trigger(on=("cell_*",), before_s=before_s, after_s=0.0), ring_bytes=20_000)
    set_back = [replace(step, seconds=step.seconds - 1000.0) for step in drive(60.0, faults=[50.0])]
    written(stages, [drive(60.0), set_back])
    assert stages.counted()["triggers/captures"] == 1
    assert stages.counted()["triggers/cut_short"] == cut_short


@pytest.mark.parametrize("most_bytes", [64, 1000, 40_000, 1_000_000])
def test_a_ring_takes_no_more_memory_than_it_may_nor_than_the_time_asks_for(most_bytes: int) -> None:
    ring, rows = Ring(SCHEMA, [[True, False]], most_bytes, 100), SampleBatch(SCHEMA)
    ring.bind(0, 0)
    for stamp in range(30_000):
        rows.append(stamp % 3 > 1, stamp, {"x": 1}, channel=0)
        if len(rows) == 7:
            assert ring.take(rows, 5) == []
            rows.clear()
            assert ring.used_bytes <= ring.room_bytes <= most_bytes
            assert ring.used_bytes <= 102 * 8 * 8
    out = SampleBatch(SCHEMA)
    ring.open(0, 29_900, 30_100, 0, out)
    stamps = [row.time_ns for row in out]
    assert stamps == sorted(stamps)
    assert len(stamps) <= 68
    assert len(stamps) > 60 or ring.lost_ns(0) > 29_000
    rows.clear()
    for stamp in (30_050, 30_096):
        rows.append(0, stamp, {"x": 1.0})
    assert ring.take(rows, 5) == [0, 1]


def test_a_log_has_windows_of_its_own() -> None:
    lines = written(stages_of(ALARM, own_time=[1]), [drive(9.0), drive(9.0, faults=[5.0], bus=1)])
    front = [line for line in lines if "pack=front" in line]
    assert len(seconds(front, "battery,")) <= 3
    assert tenths(40, 70) <= set(seconds([line for line in lines if "pack=rear" in line], "battery,"))


def test_an_event_at_one_bus_has_the_rows_of_the_other_one_too() -> None:
    steps = sorted([*drive(9.0), *drive(9.0, faults=[5.0], bus=1)], key=lambda step: step.seconds)
    lines = written(stages_of(ALARM), [steps])
    assert tenths(40, 70) <= set(seconds([line for line in lines if "pack=front" in line], "battery,"))


def test_a_window_goes_on_after_a_reload_with_what_its_trigger_named() -> None:
    old = stages_of(Trigger(on=("cell_*",), before_s=1.0, after_s=2.0, only=("Pack",)))
    new, lines = stages_of(Trigger(on=("limit",), before_s=1.0, after_s=2.0)), LineBuffer()
    steps = drive(10.0, faults=[5.0])
    first = written(old, [[step for step in steps if step.seconds <= 6.0]])
    for source in PACKS:
        old.hand_over(new, lines, source=source)
    hand_over_windows(old.writing, new.writing)
    rest = written(new, [[step for step in steps if step.seconds > 6.0]])
    assert tenths(40, 60) <= set(seconds(first, "Pack,"))
    assert tenths(61, 70) <= set(seconds(rest, "Pack,"))
    assert len(seconds(rest, "battery,")) <= 3
    again = written(new, [[Step(20.0, 0, fault=1)]])
    assert not captures(again)


def test_stages_that_remember_others_go_on_with_their_windows() -> None:
    steps = drive(30.0, [4.9, 20.0], [5.0, 21.0])
    whole = unflushed(stages_of(BRAKE, ALARM), steps)
    for end in (30, 50, 52, 65, 210):
        old, new = stages_of(BRAKE, ALARM), stages_of(BRAKE, ALARM)
        first = unflushed(old, steps[:end])
        new.writing.remember(old.writing.memory())
        assert first + unflushed(new, steps[end:]) == whole


def unflushed(stages: Stages, steps: Sequence[Step]) -> list[str]:
    frames, lines = FrameBatch(len(steps)), LineBuffer()
    for step in steps:
        step.add_to(frames)
    stages.process(frames, lines)
    return lines.take().decode().splitlines()


@pytest.mark.parametrize("shape", ["line", "hold"])
def test_after_a_window_the_first_value_is_kept_by_which_the_others_are_bounded(shape: str) -> None:
    stages = two_packs.stages_of(
        ReduceSettings(bounds={"battery.current_a": 1.0}, shape=shape),
        aggregates=(),
        triggers=[Trigger(on=("cell_*",), before_s=0.2, after_s=0.2)],
        send=SendSettings(messages=False),
    )
    at = [tenth / 10 for tenth in range(20)]
    lines = written(
        stages, [[Step(x, 0, 50.0 if 1.05 < x <= 1.2 else 10.0, fault=int(x == 1.0)) for x in at]]
    )
    kept = [line for line in lines if line.startswith("battery,") and "current_a=" in line]
    assert {0.8, 0.9, 1.0, 1.1, 1.2, 1.3} <= set(seconds(kept, "battery,"))


@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_round_that_is_held_where_a_window_ends_goes_on(size: int) -> None:
    entries = [MapEntry(f"Cell{n}.level", f"cells.v{n}", within_s=10.0, optional=n == 3) for n in (1, 2, 3)]
    names = ("Cell1", "Cell2", "Cell3", "Other")
    spec = plan({"can0": {name: {"level": Signal(bits=8, signed=False)} for name in names}}, is_tight=True)
    mapping = model(entries, (), spec).map
    above = Trigger(signal="Other.level", above=5.0, before_s=0.0, after_s=0.15)
    stages = Stages(
        spec, mapping, vehicle="van", reduce=ReduceSettings(60.0), triggers=resolved([above], spec, mapping)
    )
    stages.bind(0, Binding(0, "bus", "can0"))
    ids = [3, 3, 0, 1, 3, 2, 3]  # the window ends after the second page, and before the third
    sent = [(number * SECOND // 10, 0x100 + id, bytes([number + 5])) for number, id in enumerate(ids)]
    lines = LineBuffer()
    for first in range(0, len(sent), size):
        stages.process(batch_of(sent[first : first + size]), lines)
    stages.writing.flush(lines)
    cells = [line for line in lines.take().decode().splitlines() if line.startswith("cells,")]
    assert [line.split()[1] for line in cells] == ["v001=7,v002=8,v003=10"]


@pytest.mark.parametrize(
    ("test", "values", "rows"),
    [
        (CrossingTest(5.0), [6.0, 5.0, 5.1, 7.0, 4.0, float("nan"), 9.0], [2, 6]),
        (CrossingTest(5.0, is_upper=False), [4.0, 5.0, 4.9, float("inf"), 6.0, 4.0], [2, 5]),
        (CrossingTest(10.0, within_ns=3), [0.0, 4.0, 8.0, 10.0, 13.0, 19.9, 20.0, 20.0], [3, 6]),
        (CrossingTest(10.0, within_ns=3), [0.0, 4.0, 8.0, 9.0, 10.0, 9.0, 0.0, 10.0], [6, 7]),
    ],
)
def test_crossings_are_found_whatever_the_batches(
    test: CrossingTest, values: list[float], rows: list[int]
) -> None:
    for size in (1, 3, len(values)):
        watcher, found = watching(test), []
        for first in range(0, len(values), size):
            batch = SampleBatch(SCHEMA)
            for number, value in enumerate(values[first : first + size], start=first):
                batch.append(0, number, {"x": value})
            found += [one.time_ns for one in watcher.watch(batch)]
            memory, watcher = watcher.memory(0), watching(test)
            watcher.remember(0, memory)
        assert found == rows
        assert not watcher.standing(0)
        assert not watcher.waiting(0)


def watching(test: CrossingTest) -> Watcher:
    watcher = Watcher(SCHEMA, [RuleSpec(0, 0, test)])
    watcher.bind(0, 0, 0, ())
    return watcher


def test_a_value_of_a_log_that_begins_again_or_of_another_sender_is_the_first_one() -> None:
    watcher = watching(CrossingTest(5.0))
    found = []
    for number, (value, sender) in enumerate([(4.0, 0), (6.0, NEW_SENDER), (4.0, 0), (6.0, 0)]):
        batch = SampleBatch(SCHEMA)
        batch.append(0, number, {"x": value}, id=sender)
        found += [one.time_ns for one in watcher.watch(batch)]
        if number == 2:
            watcher.forget(0)
    assert found == []


def test_a_time_line_that_is_forgotten_takes_no_rows_and_windows_of_others_with_it() -> None:
    ring, rows, out = Ring(SCHEMA, [[True, False]], 100_000, 1000), SampleBatch(SCHEMA), SampleBatch(SCHEMA)
    for line in (0, 1):
        ring.bind(line, line)
        ring.open(line, 5, 9, 0, out)
    for stamp in range(5):
        for channel in (0, 1):
            rows.append(0, stamp, {"x": float(channel)}, channel=channel)
    assert ring.take(rows, 0) == []
    ring.forget(1)
    assert [line for line, *_ in ring.windows()] == [0]
    assert (ring.last_ns(0), ring.last_ns(1)) == (4, -(2**63))
    ring.open(0, 0, 4, 0, out)
    ring.open(1, 0, 4, 0, out)
    assert [(row.time_ns, row.channel) for row in out] == [(stamp, 0) for stamp in range(5)]
