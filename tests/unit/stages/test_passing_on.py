"""What one stage passes on to the next: senders, missing pages, alarms, checks, sessions that end."""

from collections.abc import Sequence
from dataclasses import replace

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rules.protection_spec import Action
from telemetry_core.text.lines import LineBuffer

from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases
from telemetry.ledger import imbalances
from telemetry.model.read_point import ReadPoint, read_point
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.protect import protect
from telemetry.rules.protect_entry import CRC8_J1850, ProtectEntry
from telemetry.rules.reduce import ReduceSettings
from telemetry.rules.resolve import model
from telemetry.stages.binding import NO_BUS, Binding
from telemetry.stages.stages import Stages
from tests.support.plan_specs import Signal, j1939, plan, tenths
from tests.support.recording import VEHICLE_DBC
from tests.support.transport_wire import bam, id_of

SECOND = 1_000_000_000
CELL = Signal(factor=0.001, start_bit=8)
PACK = {"High": Signal(bits=1, signed=False, start_bit=24), "Volts": tenths()}
CELLS = {"Page": Signal(bits=8, signed=False), **{f"Cell{n + 1}": replace(CELL, pages=[n]) for n in range(3)}}
PLAN = plan({"can0": {"Pack": PACK, "Cells": CELLS}})
TRUCK = j1939(plan({"can0": {"Pack": PACK}}))
ENTRIES = [MapEntry("Pack.High", "event.cell_overvoltage"), MapEntry("Pack.Volts", "battery.voltage_v")]
PAGES = [MapEntry("Cells.Cell{n}", "cells.v{n}")]
Sent = tuple[float, int, bytes]  # seconds, id, data


def stages_of(spec: object, entries: Sequence[MapEntry], every_s: float = 0.0) -> Stages:
    assert isinstance(spec, type(PLAN))
    modelling = model(entries, (), spec)
    stages = Stages(spec, modelling.map, modelling.alarms, vehicle="van", reduce=ReduceSettings(every_s, {}))
    stages.bind(0, Binding(0, "bus", "can0"))
    return stages


def written(stages: Stages, sent: Sequence[Sent], size: int = 1000) -> list[ReadPoint]:
    lines = LineBuffer()
    for begin in range(0, len(sent), size):
        batch = FrameBatch(size)
        for seconds, id, data in sent[begin : begin + size]:
            batch.append(round(seconds * SECOND), id, data)
        stages.process(batch, lines)
    return [point for line in lines.take().splitlines() if (point := read_point(line)) is not None]


def pack(volts: float, high: int = 0) -> bytes:
    return round(volts * 10).to_bytes(2, "little") + bytes((0, high, 0, 0, 0, 0))


def events(points: Sequence[ReadPoint]) -> list[tuple[str, str, int]]:
    """Code, whether it begins, and stamp in seconds."""
    return [
        (point.tags["code"], point.fields["active"].decode(), point.time_ns // SECOND)
        for point in points
        if point.measurement == "event"
    ]


def of_truck(sender: int, seconds: float, volts: float) -> Sent:
    return seconds, 0x98FF0000 | sender, pack(volts)


def test_a_second_sender_is_reported_right_after_its_row_which_is_not_mapped() -> None:
    both = (of_truck(1, 0.0, 400.0), of_truck(2, 0.5, 300.0))
    sent = [*both, of_truck(1, 1.0, 401.0), of_truck(2, 1.5, 300.0), of_truck(1, 2.0, 402.0)]
    for size in (1, 5):
        stages = stages_of(TRUCK, ENTRIES)
        assert stages.counted()["senders/bus/Pack/kept_out"] == 0  # from the first scrape on
        points = written(stages, sent, size)
        assert [point.measurement for point in points] == [
            *("Pack", "battery", "Pack", "Pack", "battery", "Pack", "event", "Pack", "battery")
        ]
        assert [point.fields["voltage_v"] for point in points if point.measurement == "battery"] == [
            *(b"400", b"401", b"402")
        ]
        assert stages.counted()["senders/bus/Pack/kept_out"] == 2


def test_a_source_that_begins_again_may_have_another_sender() -> None:
    stages = stages_of(TRUCK, ENTRIES)
    written(stages, [of_truck(1, 0.0, 400.0)])
    stages.writing.forget("another")
    assert not any(point.measurement == "battery" for point in written(stages, [of_truck(2, 1.0, 300.0)]))
    stages.writing.forget("bus")
    points = written(stages, [of_truck(2, 2.0, 300.0)])
    assert [point.measurement for point in points] == ["Pack", "battery"]


def test_a_channel_without_a_database_has_no_account_of_senders() -> None:
    stages = stages_of(TRUCK, ENTRIES)
    stages.bind(1, Binding(NO_BUS, "other", "can1"))
    counted = stages.counted()
    assert "senders/bus/Pack/kept_out" in counted
    assert not any(name.startswith(("senders/other", "sessions/other")) for name in counted)


def test_a_source_that_begins_again_has_its_alarm_again() -> None:
    stages = stages_of(PLAN, ENTRIES)
    on = [(0.0, 0x100, pack(400.0, high=1))]
    assert events(written(stages, on)) == [("cell_overvoltage", "true", 0)]
    assert events(written(stages, [(1.0, 0x100, pack(400.0, high=1))])) == []
    stages.writing.forget("bus")
    assert events(written(stages, [(2.0, 0x100, pack(400.0, high=1))])) == [("cell_overvoltage", "true", 2)]


def test_an_alarm_of_a_truck_begins_and_ends_once() -> None:
    sent = [(second, 0x98FF0001, pack(400.0, high=int(second in (1, 2)))) for second in range(5)]
    assert events(written(stages_of(TRUCK, ENTRIES), sent)) == [
        ("cell_overvoltage", "true", 1),
        ("cell_overvoltage", "false", 3),
    ]


def test_a_page_that_does_not_come_is_reported_and_shown_with_its_channel() -> None:
    stages = stages_of(PLAN, PAGES)
    cells = [
        (second + page / 100, 0x101, bytes((page,)) + (3700).to_bytes(2, "little") + bytes(5))
        for second in range(30)
        for page in ((0,) if second == 12 else (0, 1))
    ]
    points = written(stages, cells)
    assert events(points) == [("page_missing", "true", 10)]
    (words,) = stages.writing.missing_pages()
    assert words.startswith("can0: missing: Cells page 2 (v003)")
    assert stages.writing.incomplete_cycles > 0


def test_without_a_map_no_page_is_missing() -> None:
    stages = stages_of(PLAN, [])
    assert stages.writing.missing_pages() == []
    assert stages.writing.incomplete_cycles == 0
    assert not stages.writing.remembers


def test_what_the_reducer_holds_is_written_once_at_the_end_and_that_of_one_source_alone() -> None:
    stages, lines = stages_of(PLAN, ENTRIES, every_s=10.0), LineBuffer()
    stages.bind(1, Binding(0, "log", "can1"))
    batch = FrameBatch(10)
    for seconds in (0, 1, 2):
        for channel in (0, 1):
            batch.append(seconds * SECOND, 0x100, pack(400.0 + seconds), channel=channel)
    stages.process(batch, lines)
    first = lines.take().splitlines()
    assert len(first) == 4  # two measurements of two channels
    assert stages.writing.pending == 4
    stages.writing.flush(lines, source="log")
    assert {line.split(b"source=")[1][:4] for line in lines.take().splitlines()} == {b"can1"}
    for expected in (2, 0):
        stages.writing.flush(lines, shift_ns=SECOND)
        rest = lines.take().splitlines()
        assert len(rest) == expected
        assert all(line.endswith(b" 3000000000") for line in rest)
    assert stages.writing.pending == 0


def test_frames_that_fail_their_check_are_counted_for_each_channel_that_is_protected() -> None:
    spec = build_plan([BusDatabases("can0", (VEHICLE_DBC,))]).spec
    (message,) = (each for each in spec.buses[0].messages if each.name == "BMS_PackState")
    entry = ProtectEntry(
        message.name, CRC8_J1850, crc="Checksum", data_id=message.arbitration_id, on_error=Action.DROP
    )
    protected = protect(spec, [entry])
    stages, lines = Stages(protected.spec, None, vehicle="van", protection=protected.rules), LineBuffer()
    stages.bind(0, Binding(0, "bus", "can0"))
    frames = FrameBatch(1)
    frames.append(0, message.arbitration_id, bytes(8))
    stages.process(frames, lines)
    assert lines.take() == b""
    counted = stages.counted()
    assert counted["frames/bus/lost/bad_crc"] == 1
    counted["bus/bus/read"] += 1
    assert list(imbalances(counted, 0, {})) == []


def test_a_session_that_is_open_when_its_source_ends_is_lost_and_that_of_another_goes_on() -> None:
    stages, lines = stages_of(TRUCK, ENTRIES), LineBuffer()
    stages.bind(1, Binding(0, "other", "can1"))
    batch = FrameBatch(2)
    id, _, data = bam(1, bytes(9))[0].partition("#")
    for channel in (0, 1):
        batch.append(0, id_of(id), bytes.fromhex(data), channel=channel)
    stages.process(batch, lines)
    stages.hand_over(stages_of(TRUCK, ENTRIES), lines, source="bus")
    counted = stages.counted()
    lost = {name: count for name, count in counted.items() if count and name.startswith("sessions/")}
    assert {name.split("/")[1] for name in lost} == {"bus"}
    assert counted["bus/other/read"] == -1  # nothing has become of its frame yet
    assert counted["bus/bus/read"] == 0
