"""Logs as the loggers and tools of others leave them: Vector's ASC, Kvaser's exports, CANedge's MF4."""

import gc
from pathlib import Path

import can
import pytest
from telemetry_core.frames.batch import FrameBatch, FrameTuple

from telemetry.logs.log import OpenLog
from tests.support.can_frames import BRS, ERROR, EXTENDED, FD, REMOTE
from tests.support.logs import Numbering

START_S = 1_700_000_000


def read(path: Path) -> tuple[list[FrameTuple], list[str]]:
    names = Numbering()
    batch = FrameBatch(500)
    with OpenLog(path, names.__getitem__) as log:
        while not log.at_end:
            log.read(batch)
        assert log.warnings() == []
        return list(batch), list(names)


def test_an_asc_of_canoe_has_frames_among_all_that_a_measurement_logs(tmp_path: Path) -> None:
    """Trigger block, statistics, chip states, J1939 transport, LIN, CAN FD with the columns after it."""
    path = tmp_path / "canoe.asc"
    path.write_text(
        "date Tue Nov 14 10:13:20.000 pm 2023\n"
        "base hex  timestamps absolute\n"
        "internal events logged\n"
        "// version 13.0.0\n"
        "Begin TriggerBlock Tue Nov 14 10:13:20.000 pm 2023\n"
        "   0.000000 Start of measurement\n"
        "   0.010000 CAN 1 Status:chip status error active\n"
        "   0.020000 1  Statistic: D 31 R 0 XD 44 XR 0 E 0 O 0 B 11.35%\n"
        "   0.100000 1  123             Rx   d 2 01 02  Length = 244000 BitCount = 126 ID = 291\n"
        "   0.200000 2  18FF50E5x       Tx   d 8 00 01 02 03 04 05 06 07\n"
        "   0.300000 1  7E8             Rx   r\n"
        "   0.400000 1  ErrorFrame\tECC: 10100010\n"
        "   0.500000 1  J1939TP FEE3p 6 0 0 - Rx d 23 A0 0F A6 60 3B D1 40 1F DE\n"
        "   0.600000 CANFD   1 Rx        123                                1 0 9 12"
        " 00 01 02 03 04 05 06 07 08 09 0A 0B   130000  130   303000 e0006659"
        " 46500250 4b140250 20011736 2001040d\n"
        "   0.700000 Li 3C Rx 8 01 02 03 04 05 06 07 08 checksum = 12\n"
        "   0.800000 SV: 2 0 1 ::EnvVar = 1\n"
        "End TriggerBlock\n"
    )
    start_ns = START_S * 10**9
    assert read(path) == (
        [
            FrameTuple(start_ns + 100_000_000, 0x123, b"\1\2", 0, 0, 0),
            FrameTuple(start_ns + 200_000_000, 0x18FF50E5 | EXTENDED, bytes(range(8)), 1, 0, 0),
            FrameTuple(start_ns + 300_000_000, 0x7E8 | REMOTE, b"", 0, 0, 0),
            FrameTuple(start_ns + 400_000_000, ERROR, b"", 0, 0, 0),
            FrameTuple(start_ns + 600_000_000, 0x123, bytes(range(12)), 0, FD | BRS, 0),
        ],
        ["can0", "can1"],
    )


def test_an_asc_of_a_german_canalyzer_may_be_decimal_and_relative(tmp_path: Path) -> None:
    path = tmp_path / "canalyzer.asc"
    path.write_text(
        "date Die Nov 14 22:13:20 2023\nbase dec  timestamps relative\nno internal events logged\n"
        "   0.000000 Start of measurement\n"
        "   0.250000 1  291             Rx   d 2 16 255\n"
        "   0.250000 1  291             Rx   d 2 17 255\n",
        encoding="latin-1",
    )
    frames, _ = read(path)
    assert [(frame.time_ns - START_S * 10**9, frame.id, frame.data) for frame in frames] == [
        (250_000_000, 0x123, b"\x10\xff"),
        (500_000_000, 0x123, b"\x11\xff"),
    ]


@pytest.mark.parametrize("compression", [0, 1, 2])
def test_an_mf4_of_canedge_or_kvaser_has_frames_beside_sensors(tmp_path: Path, compression: int) -> None:
    """Sensors in a group of their own; blocks as they are, deflated, or transposed and deflated."""
    asammdf = pytest.importorskip("asammdf", reason="asammdf is not installed")
    np = pytest.importorskip("numpy")
    plain, path = tmp_path / "plain.mf4", tmp_path / "00000001.MF4"
    with can.MF4Writer(plain) as writer:
        for index in range(100):
            writer.on_message_received(
                can.Message(
                    START_S + index / 100, 0x123, is_extended_id=False, data=bytes([index] * 8), channel=1
                )
            )
    with asammdf.MDF(plain) as log:
        seconds = np.arange(50) / 10
        log.append([asammdf.Signal(np.sin(seconds), seconds, name="GnssSpeed", unit="m/s")])
        log.save(path.with_suffix(".mf4"), compression=compression).rename(path)
    frames, names = read(path)
    gc.collect()
    assert names == ["can0"]
    assert [(frame.time_ns, frame.id, frame.data) for frame in frames] == [
        (START_S * 10**9 + index * 10_000_000, 0x123, bytes([index] * 8)) for index in range(100)
    ]
