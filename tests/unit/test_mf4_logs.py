"""MF4 logs, as asammdf writes them."""

from pathlib import Path

import can
import pytest
from telemetry_core.frames import FrameBatch, FrameTuple

from telemetry.errors import DataError
from telemetry.sources.logs import Log
from tests.support.can_frames import BRS, ERROR, EXTENDED, FD, REMOTE
from tests.support.logs import Numbering

START_S = 1_700_000_000


@pytest.mark.optional
def test_an_mf4_log_is_read_in_the_order_of_time(tmp_path: Path) -> None:
    pytest.importorskip("asammdf", reason="asammdf is not installed")
    path = tmp_path / "drive.mf4"
    with can.MF4Writer(path) as writer:
        for message in (
            can.Message(START_S, 0x123, is_extended_id=False, data=b"\x01\x02", channel=1),
            can.Message(START_S + 0.25, 7, is_extended_id=False, is_remote_frame=True, dlc=4, channel=1),
            can.Message(START_S + 0.5, 0x1ABCDEF0, data=bytes(8), channel=2),
            can.Message(START_S + 0.75, is_error_frame=True, channel=1),
            can.Message(START_S + 1, 8, False, is_fd=True, bitrate_switch=True, data=bytes(24), channel=2),
        ):
            writer.on_message_received(message)
    names = Numbering()
    frames: list[FrameTuple] = []
    with Log(path, names.__getitem__) as log:
        batch = FrameBatch(2)
        while not log.at_end:
            log.read(batch)
            frames += batch
            batch.clear()
        assert log.warnings() == []
    start_ns = START_S * 10**9
    assert frames == [
        FrameTuple(start_ns, 0x123, b"\x01\x02", 0, 0, 0),
        FrameTuple(start_ns + 250_000_000, 7 | REMOTE, bytes(4), 0, 0, 0),
        FrameTuple(start_ns + 500_000_000, 0x1ABCDEF0 | EXTENDED, bytes(8), 1, 0, 0),
        FrameTuple(start_ns + 750_000_000, ERROR, b"", 0, 0, 0),
        FrameTuple(start_ns + 1_000_000_000, 8, bytes(24), 1, FD | BRS, 0),
    ]
    assert list(names) == ["can0", "can1"]


@pytest.mark.optional
def test_what_is_no_mf4_log_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("asammdf", reason="asammdf is not installed")
    path = tmp_path / "drive.mf4"
    path.write_bytes(b"something else")
    with pytest.raises(DataError, match=r"drive\.mf4: is no MF4 log"):
        Log(path, Numbering().__getitem__)


def test_a_compressed_mf4_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "drive.mf4.gz"
    path.write_bytes(b"")
    with pytest.raises(DataError, match="decompress it first"):
        Log(path, Numbering().__getitem__)
