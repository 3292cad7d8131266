"""The compiled decoder: what it counts, and which rows it makes."""

from pathlib import Path

import pytest
from telemetry_core.decoder import Decoder
from telemetry_core.frames import FrameBatch
from telemetry_core.plan import Plan
from telemetry_core.samples import SampleBatch
from telemetry_core.schema import Schema

from telemetry.protocols.dbc import BusDatabases, build_plan

DATABASE = """VERSION ""
BS_:
BU_: ECU
BO_ 291 Pack: 8 ECU
 SG_ Voltage : 0|16@1+ (0.1,0) [0|0] "V" ECU
 SG_ Current : 23|16@0- (0.1,0) [0|0] "A" ECU
"""


@pytest.fixture
def decoder(tmp_path: Path) -> Decoder:
    file = tmp_path / "pack.dbc"
    file.write_text(DATABASE, "ascii")
    spec = build_plan([BusDatabases("main", (file,))]).spec
    return Decoder(Plan(spec, Schema(spec.records)))


def test_a_known_frame_becomes_one_row_of_raw_values(decoder: Decoder) -> None:
    frames = FrameBatch(1)
    frames.append(1_000, 0x123, bytes.fromhex("a00fff9c00000000"), channel=3)
    decoder.bind(3, 0, 7)
    samples = SampleBatch(decoder.plan.schema)
    decoder.decode(frames, samples)
    (row,) = samples
    assert row == (1_000, 0, "Pack", 7, 3, 0x123, {"Voltage": 4000, "Current": -100})
