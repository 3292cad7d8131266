"""What one stage passes on to the next: senders, missing pages, alarms, checks, sessions that end."""

from collections.abc import Sequence
from dataclasses import replace

from telemetry_core.rules.protection_spec import Action
from telemetry_core.text.lines import LineBuffer

from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases
from telemetry.ledger import imbalances
from telemetry.model.read_point import ReadPoint, read_point
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.protect import protect
from telemetry.rules.protect_entry import CRC8_J1850, ProtectEntry
from telemetry.stages.binding import NO_BUS, Binding
from telemetry.stages.stages import Stages
from tests.support import stages
from tests.support.plan_specs import Signal, j1939, plan, tenths
from tests.support.recording import VEHICLE_DBC
from tests.support.stages import batch_of, stages_of
from tests.support.transport_wire import bam, id_of

SECOND = 1_000_000_000
CELL = Signal(factor=0.001, start_bit=8)
PACK = {"High": Signal(bits=1, signed=False, start_bit=24), "Volts": tenths()}
CELLS = {"Page": Signal(bits=8, signed=False), **{f"Cell{n + 1}": replace(CELL, pages=[n]) for n in range(3)}}
PLAN = plan({"can0": {"Pack": PACK, "Cells": CELLS}})
TRUCK = j1939(plan({"can0": {"Pack": PACK}}))
ENTRIES = [MapEntry("Pack.High", "event.cell_overvoltage"), MapEntry("Pack.Volts", "battery.voltage_v")]
PAGES = [MapEntry("Cells.Cell{n}", "cells.v{n}")]
Timed = tuple[float, int, bytes]  # seconds, id, data


def written(line: Stages, sent: Sequence[Timed], size: int = 1000) -> list[ReadPoint]:
    frames = [(round(seconds * SECOND), id, data) for seconds, id, data in sent]
    text = stages.written(line, frames, size)
    return [point for line in text.splitlines() if (point := read_point(line)) is not None]


def pack(volts: float, high: int = 0) -> bytes:
    return round(volts * 10).to_bytes(2, "little") + bytes((0, high, 0, 0, 0, 0))


def events(points: Sequence[ReadPoint]) -> list[tuple[str, str, int]]:
    """Return code, whether it begins, and stamp in seconds."""
    return [
        (point.tags["code"], point.fields["active"].decode(), point.time_ns // SECOND)
        for point in points
        if point.measurement == "event"
    ]


def of_truck(sender: int, seconds: float, volts: float) -> Timed:
    return seconds, 0x98FF0000 | sender, pack(volts)


def test_a_second_sender_is_reported_right_after_its_row_which_is_not_mapped() -> None:
    both = (of_truck(1, 0.0, 400.0), of_truck(2, 0.5, 300.0))
    sent = [*both, of_truck(1, 1.0, 401.0), of_truck(2, 1.5, 300.0), of_truck(1, 2.0, 402.0)]
    for size in (1, 5):
        line = stages_of(TRUCK, ENTRIES)
        assert line.counted()["senders/bus/Pack/kept_out"] == 0  # from the first scrape on
        points = written(line, sent, size)
        assert [point.measurement for point in points] == [
            *("Pack", "battery", "Pack", "Pack", "battery", "Pack", "event", "Pack", "battery")
        ]
        assert [point.fields["voltage_v"] for point in points if point.measurement == "battery"] == [
            *(b"400", b"401", b"402")
        ]
        assert line.counted()["senders/bus/Pack/kept_out"] == 2


def test_a_source_that_begins_again_may_have_another_sender() -> None:
    line = stages_of(TRUCK, ENTRIES)
    written(line, [of_truck(1, 0.0, 400.0)])
    line.writing.forget("another")
    assert not any(point.measurement == "battery" for point in written(line, [of_truck(2, 1.0, 300.0)]))
    line.writing.forget("bus")
    points = written(line, [of_truck(2, 2.0, 300.0)])
    assert [point.measurement for point in points] == ["Pack", "battery"]


def test_a_channel_without_a_database_has_no_account_of_senders() -> None:
    line = stages_of(TRUCK, ENTRIES)
    line.bind(1, Binding(NO_BUS, "other", "can1"))
    counted = line.counted()
    assert "senders/bus/Pack/kept_out" in counted
    assert not any(name.startswith(("senders/other", "sessions/other")) for name in counted)


def test_a_source_that_begins_again_has_its_alarm_again() -> None:
    line = stages_of(PLAN, ENTRIES)
    on = [(0.0, 0x100, pack(400.0, high=1))]
    assert events(written(line, on)) == [("cell_overvoltage", "true", 0)]
    assert events(written(line, [(1.0, 0x100, pack(400.0, high=1))])) == []
    line.writing.forget("bus")
    assert events(written(line, [(2.0, 0x100, pack(400.0, high=1))])) == [("cell_overvoltage", "true", 2)]


def test_an_alarm_of_a_truck_begins_and_ends_once() -> None:
    sent = [(second, 0x98FF0001, pack(400.0, high=int(second in (1, 2)))) for second in range(5)]
    assert events(written(stages_of(TRUCK, ENTRIES), sent)) == [
        ("cell_overvoltage", "true", 1),
        ("cell_overvoltage", "false", 3),
    ]


def test_a_page_that_does_not_come_is_reported_and_shown_with_its_channel() -> None:
    line = stages_of(PLAN, PAGES)
    cells = [
        (second + page / 100, 0x101, bytes((page,)) + (3700).to_bytes(2, "little") + bytes(5))
        for second in range(30)
        for page in ((0,) if second == 12 else (0, 1))
    ]
    points = written(line, cells)
    assert events(points) == [("page_missing", "true", 10)]
    (words,) = line.writing.missing_pages()
    assert words.startswith("can0: missing: Cells page 2 (v003)")
    assert line.writing.incomplete_cycles > 0


def test_without_a_map_no_page_is_missing() -> None:
    line = stages_of(PLAN, [])
    assert line.writing.missing_pages() == []
    assert line.writing.incomplete_cycles == 0
    assert not line.writing.remembers


def test_what_the_reducer_holds_is_written_once_at_the_end_and_that_of_one_source_alone() -> None:
    line, lines = stages_of(PLAN, ENTRIES, every_s=10.0), LineBuffer()
    line.bind(1, Binding(0, "log", "can1"))
    for channel in (0, 1):
        sent = [(seconds * SECOND, 0x100, pack(400.0 + seconds)) for seconds in (0, 1, 2)]
        line.process(batch_of(sent, channel=channel), lines)
    first = lines.take().splitlines()
    assert len(first) == 4  # two measurements of two channels
    assert line.writing.pending == 4
    line.writing.flush(lines, source="log")
    assert {line.split(b"source=")[1][:4] for line in lines.take().splitlines()} == {b"can1"}
    for expected in (2, 0):
        line.writing.flush(lines, shift_ns=SECOND)
        rest = lines.take().splitlines()
        assert len(rest) == expected
        assert all(line.endswith(b" 3000000000") for line in rest)
    assert line.writing.pending == 0


def test_frames_that_fail_their_check_are_counted_for_each_channel_that_is_protected() -> None:
    spec = build_plan([BusDatabases("can0", (VEHICLE_DBC,))]).spec
    (message,) = (each for each in spec.buses[0].messages if each.name == "BMS_PackState")
    entry = ProtectEntry(
        message.name, CRC8_J1850, crc="Checksum", data_id=message.arbitration_id, on_error=Action.DROP
    )
    protected = protect(spec, [entry])
    line = stages_of(protected.spec, protection=protected.rules)
    assert written(line, [(0.0, message.arbitration_id, bytes(8))]) == []
    counted = line.counted()
    assert counted["frames/bus/lost/bad_crc"] == 1
    counted["bus/bus/read"] += 1
    assert list(imbalances(counted, 0, {})) == []


def test_a_session_that_is_open_when_its_source_ends_is_lost_and_that_of_another_goes_on() -> None:
    line, lines = stages_of(TRUCK, ENTRIES), LineBuffer()
    line.bind(1, Binding(0, "other", "can1"))
    id, _, data = bam(1, bytes(9))[0].partition("#")
    for channel in (0, 1):
        line.process(batch_of([(0, id_of(id), bytes.fromhex(data))], channel=channel), lines)
    line.hand_over(stages_of(TRUCK, ENTRIES), lines, source="bus")
    counted = line.counted()
    lost = {name: count for name, count in counted.items() if count and name.startswith("sessions/")}
    assert {name.split("/")[1] for name in lost} == {"bus"}
    assert counted["bus/other/read"] == -1  # nothing has become of its frame yet
    assert counted["bus/bus/read"] == 0
