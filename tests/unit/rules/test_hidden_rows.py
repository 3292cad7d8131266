"""Rows of hidden records: mapped from like any, written by nobody and counted as no points."""

import pytest
from telemetry_core.decode.decoder import Decoder
from telemetry_core.decode.plan import Plan
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.text.encoder import Encoder
from telemetry_core.text.lines import LineBuffer

from telemetry.protocols.serial.jbd import JBD
from telemetry.rules.map import resolve
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.reduce import ReduceSettings
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support.framing import jbd_message

RECORDS = (
    RecordSpec("shown", (FieldSpec("a", SlotKind.UINT),)),
    RecordSpec("hidden", tuple(FieldSpec(f"f{n}", SlotKind.UINT) for n in range(70)), hidden=True),
)


@pytest.mark.parametrize("name", ["encode", "encode_csv", "encode_ndjson"])
def test_no_format_writes_them(name: str) -> None:
    schema = Schema(RECORDS)
    encoder, samples, lines = Encoder(schema), SampleBatch(schema), LineBuffer()
    for stamp in (1, 3):
        samples.append(0, stamp, {"a": stamp})
        samples.append(1, stamp + 1, {f"f{n}": n for n in range(70)})
    getattr(encoder, name)(samples, lines)
    assert lines.lines == 2
    assert b"hidden" not in lines.take()
    assert encoder.empty_by_measurement() == {}
    assert encoder.left_out == 0


def test_they_are_no_points() -> None:
    plan = JBD.plan("port")
    schema = Schema(plan.records)
    decoder, frames, samples = Decoder(Plan(plan, schema)), FrameBatch(4), SampleBatch(schema)
    decoder.bind(0, 0, 0)
    JBD.make_framer().feed(jbd_message(4, bytes.fromhex("0CE4")), 0, frames)
    decoder.decode(frames, samples)
    assert len(samples) == 1
    assert decoder.made() == {}
    assert decoder.counts(0)["decoded"] == 1


def test_they_are_not_reduced_and_the_points_balance() -> None:
    plan = JBD.plan("port")
    mapping = resolve([MapEntry("JbdCells.cell{n}", "cells.v{n}")], plan)
    stages = Stages(plan, mapping, vehicle="car", reduce=ReduceSettings(1.0, {}))
    stages.bind(0, Binding(0, "port", "port"))
    frames, lines = FrameBatch(16), LineBuffer()
    for number in range(10):
        JBD.make_framer().feed(jbd_message(4, bytes.fromhex("0CE4")), number * 200_000_000, frames)
    stages.process(frames, lines)
    stages.writing.flush(lines)
    counted = stages.counted()
    assert counted["points/made/cells"] + counted["points/made/battery"] == 20
    assert {name for name in counted if name.startswith("points/made/")} == {
        "points/made/cells",
        "points/made/battery",
    }
    assert counted["points/reduced"] > 0
    assert lines.lines == 20 - counted["points/reduced"]
