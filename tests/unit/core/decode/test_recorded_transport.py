"""A recorded charging session (GB/T 27930-2015): what the vehicle said in messages of several frames."""

import os
import struct
from collections import Counter
from pathlib import Path

import pytest
from telemetry_core.decode.plan import Plan
from telemetry_core.decode.spec import BusSpec, PlanSpec
from telemetry_core.frames.batch import FrameBatch, FrameTuple
from telemetry_core.rows.schema import Schema
from telemetry_core.transport.stage import Transport

from telemetry.logs.log import OpenLog
from tests.support.can_frames import EXTENDED
from tests.support.transport_model import TransportModel

RECORDINGS = os.environ.get("NEV_TELEMETRY_RECORDINGS", "")  # a folder with gbt27930/session.log
LOG = Path(RECORDINGS) / "gbt27930" / "session.log"
BRM, BCP, BCS = (EXTENDED | id for id in (0x180256F4, 0x180656F4, 0x181156F4))  # priority 6, as announced
CCS = EXTENDED | 0x1812F456  # the charger's own measurement

pytestmark = [
    pytest.mark.optional,
    pytest.mark.skipif(not RECORDINGS, reason="NEV_TELEMETRY_RECORDINGS names no folder of recordings"),
]


@pytest.fixture(scope="module")
def recorded() -> list[FrameTuple]:
    batch = FrameBatch(10_000)
    with OpenLog(LOG, lambda _: 0) as log:
        log.read(batch)
        assert log.damaged == 0
    return list(batch)


def reassembled(frames: list[FrameTuple], batch_frames: int) -> tuple[list[FrameTuple], Transport]:
    transport = Transport(Plan(PlanSpec((), (BusSpec("", ()),)), Schema(())))
    transport.bind(0, 0, j1939=True)
    found: list[FrameTuple] = []
    for start in range(0, len(frames), batch_frames):
        batch = FrameBatch(batch_frames)
        for frame in frames[start : start + batch_frames]:
            batch.append(frame.time_ns, frame.id, frame.data)
        found += transport.reassemble(batch)
    return found, transport


@pytest.mark.parametrize("batch_frames", [1, 7, 10_000])
def test_the_messages_are_those_of_the_model(recorded: list[FrameTuple], batch_frames: int) -> None:
    model = TransportModel()
    expected = [out for frame in recorded for out in model.listen(frame)]
    found, transport = reassembled(recorded, batch_frames)
    assert found == expected
    assert Counter((frame.id, len(frame.data)) for frame in found if frame.flags) == {
        (BRM, 49): 1,
        (BCP, 13): 1,
        (BCS, 9): 62,
    }
    ends = {name: count for name, count in transport.session_counts(0).items() if count}
    assert ends == {"complete": 64}
    assert transport.open_frames(0) == 1  # the recording ends in the middle of one


def test_what_the_vehicle_said_of_itself_makes_sense(recorded: list[FrameTuple]) -> None:
    said = {frame.id: frame.data for frame in reassembled(recorded, 100)[0] if frame.flags}
    version, battery_type, capacity, voltage = struct.unpack_from("<3sBHH", said[BRM])
    assert (version, battery_type) == (b"\x01\x01\x00", 6)  # V1.1, ternary lithium
    assert (capacity, voltage) == (180, 4921)  # 18.0 Ah, 492.1 V
    cell_v, current_a, energy_kwh, pack_v, temperature_c, soc_pct, present_v = struct.unpack(
        "<HHHHBHH", said[BCP]
    )
    assert (cell_v, current_a, energy_kwh, pack_v) == (414, 3000, 78, 6030)  # 4.14 V, -100 A, 7.8 kWh, 603 V
    assert (temperature_c - 50, soc_pct, present_v) == (60, 970, 4900)  # 97.0 %, as each BCS says, 490.0 V


def test_the_vehicles_status_agrees_with_the_charger(recorded: list[FrameTuple]) -> None:
    charger_a, statuses, agreeing = 0.0, 0, 0
    for frame in reassembled(recorded, 100)[0]:
        if frame.id == CCS:
            charger_a = int.from_bytes(frame.data[2:4], "little") / 10 - 400.0
        elif frame.id == BCS:
            voltage, current, cell, soc_pct, minutes = struct.unpack("<HHHBH", frame.data)
            assert 490.0 <= voltage / 10 <= 497.2
            assert 3.71 <= (cell & 0x0FFF) / 100 <= 3.96
            assert (soc_pct, minutes in (0, 10, 13)) == (97, True)
            statuses += 1
            agreeing += abs(current / 10 - 400.0 - charger_a) <= 0.2
    assert (statuses, agreeing) == (
        62,
        61,
    )  # the vehicle sees the first current earlier
