"""MF4 logs, as asammdf writes them, and those that only asammdf reads."""

import errno
import gc
import gzip
import math
import os
import shutil
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import can
import pytest
from telemetry_core.frames.batch import FrameBatch, FrameTuple
from telemetry_core.logs import mf4_data

from telemetry.errors import DataError, StorageError
from telemetry.logs import mf4
from telemetry.logs.log import OpenLog
from tests.support.can_frames import BRS, ERROR, EXTENDED, FD, REMOTE
from tests.support.logs import PACKERS, Numbering
from tests.support.zones import in_zone

pytest.importorskip("asammdf", reason="asammdf is not installed")

START_S = 1_700_000_000
RECORDS = 200
RECORD_BYTES = 84
BLOCK_HEAD_BYTES = 24


def write_log(path: Path) -> None:
    with can.MF4Writer(path, compression_level=0) as writer:
        for index in range(RECORDS):
            writer.on_message_received(
                can.Message(
                    START_S + index / 128, 0x123, is_extended_id=False, data=bytes([index] * 8), channel=1
                )
            )


def place_of_records(log: bytes | bytearray) -> tuple[int, int]:
    """Return where the block with all records begins, and where it ends."""
    begin = log.index(b"##DT")
    return begin, begin + struct.unpack_from("<Q", log, begin + 8)[0]


def make_rare(path: Path) -> None:
    """Give the stamps of a log a rational conversion that changes nothing; only asammdf knows those."""
    log = bytearray(path.read_bytes())
    struct.pack_into("<Q", log, log.index(b"##CN") + BLOCK_HEAD_BYTES + 4 * 8, len(log))
    fields = struct.pack("<BxHHH8d", 2, 0, 0, 6, 0, 0, 0, 1, 0, 0, 0, 1)
    path.write_bytes(log + struct.pack("<4s4x6Q", b"##CC", 56 + len(fields), 4, 0, 0, 0, 0) + fields)


def write_rare_log(path: Path) -> None:
    write_log(path)
    make_rare(path)


def write_unfinished_log(path: Path, write: Callable[[Path], None] = write_log) -> None:
    """Write a log as a power cut leaves it: records last, not counted, in a block without a length."""
    write(path)
    log = bytearray(path.read_bytes())
    begin, end = place_of_records(log)
    records = log[begin + BLOCK_HEAD_BYTES : end]
    struct.pack_into("<8s8s", log, 0, b"UnFinMF ", b"4.11    ")
    struct.pack_into("<H", log, 28, 411)
    # To be updated: the count of records; the length of the last block.
    struct.pack_into("<H", log, 60, 1 | 4)
    log += bytes(-len(log) % 8)
    struct.pack_into("<Q", log, log.index(struct.pack("<Q", begin)), len(log))  # the data group's link
    count = log.index(struct.pack("<QQ", 1, RECORDS)) + 8  # after the channel group's record id
    struct.pack_into("<Q", log, count, 0)
    path.write_bytes(log + struct.pack("<4s4xQQ", b"##DT", BLOCK_HEAD_BYTES, 0) + records)


def write_unfinished_rare_log(path: Path) -> None:
    write_unfinished_log(path, write_rare_log)


every_log = pytest.mark.parametrize(
    "write", [write_log, write_unfinished_log, write_rare_log, write_unfinished_rare_log]
)


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the temporary folder, and return it."""
    folder = tmp_path / "copies"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def read(path: Path) -> tuple[list[FrameTuple], list[str]]:
    batch = FrameBatch(2 * RECORDS)
    with OpenLog(path, Numbering().__getitem__) as log:
        while not log.at_end:
            log.read(batch)
        return list(batch), log.warnings()


@every_log
def test_an_mf4_log_is_known_by_how_it_begins(tmp_path: Path, write: Callable[[Path], None]) -> None:
    path = tmp_path / "drive.mf4"
    write(path)
    assert len(read(path.rename(tmp_path / "drive.mdf"))[0]) == RECORDS


def test_an_mf4_log_may_come_through_stdin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copies: Path
) -> None:
    path = tmp_path / "drive.mf4"
    write_log(path)
    with path.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert len(read(Path("-"))[0]) == RECORDS
    assert not list(copies.iterdir())


def test_an_mf4_log_is_read_in_the_order_of_time(tmp_path: Path) -> None:
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
    with OpenLog(path, names.__getitem__) as log:
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


@pytest.mark.parametrize("numbers", [(0, 1, 2), (1, 0), (2, 1), (0,), (1, 3)])
def test_each_channel_keeps_its_frames_wherever_its_logger_begins_to_count(
    numbers: tuple[int, ...], tmp_path: Path
) -> None:
    path = tmp_path / "drive.mf4"
    with can.MF4Writer(path) as writer:
        for index in range(30):
            number = numbers[index % len(numbers)]
            writer.on_message_received(
                can.Message(START_S + index, 0x100, is_extended_id=False, data=bytes([index]), channel=number)
            )
    with can.MF4Reader(path) as reader:
        truth = [(int(str(message.channel)), bytes(message.data)) for message in reader]
    names = Numbering()
    batch = FrameBatch(40)
    with OpenLog(path, names.__getitem__) as log:
        log.read(batch)
    by_number = {number: name for name, number in names.items()}
    first = 0 if 0 in numbers else 1
    assert [(by_number[frame.channel], frame.data) for frame in batch] == [
        (f"can{channel - first}", data) for channel, data in truth
    ]


def test_a_channel_0_is_found_wherever_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "drive.mf4"
    with can.MF4Writer(path) as writer:
        for index in range(20):
            writer.on_message_received(can.Message(START_S + index, 1, data=b"", channel=index < 19))
    names = Numbering()
    with OpenLog(path, names.__getitem__) as log:
        log.read(FrameBatch(40))
    assert list(names) == ["can1", "can0"]


@pytest.mark.parametrize(
    ("start", "history", "ahead_min"),
    [
        ((480, 0, 2), (60, 0, 2), 0),  # minutes of its zone, of summer time, flags: 1 local, 2 with offsets
        ((0, 0, 0), (60, 0, 2), 0),
        ((0, 0, 1), (480, 0, 2), 480),
        ((0, 0, 1), (-300, 60, 2), -240),
        ((0, 0, 1), (480, 0, 0), None),
        ((0, 0, 1), (480, 0, 3), None),
    ],
)
def test_stamps_depend_on_the_zone_that_the_log_says_and_not_on_this_machine_s(
    tmp_path: Path, start: tuple[int, int, int], history: tuple[int, int, int], ahead_min: int | None
) -> None:
    path = tmp_path / "drive.mf4"
    with in_zone("UTC0"):
        write_log(path)
    log = bytearray(path.read_bytes())
    struct.pack_into("<hhB", log, log.index(b"##HD") + 80, *start)
    struct.pack_into("<hhB", log, log.index(b"##FH") + 48, *history)
    path.write_bytes(log)
    for zone in ("UTC0", "XYZ-8", "XYZ+3:30"):
        with in_zone(zone):
            frames, warnings = read(path)
        assert [frame.time_ns // 1_000_000 for frame in frames] == [
            START_S * 1000 + index * 1000 // 128 - (ahead_min or 0) * 60_000 for index in range(RECORDS)
        ]
        said = (
            []
            if ahead_min is not None
            else [f"{path}: counts in local time and does not say where: it is read as UTC"]
        )
        assert warnings == said


def test_what_is_no_mf4_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "drive.mf4"
    path.write_bytes(b"something else")
    with pytest.raises(DataError, match=r"drive\.mf4: is no MF4 log"):
        OpenLog(path, Numbering().__getitem__)


def test_an_unfinished_log_is_read_up_to_its_last_whole_record(tmp_path: Path, copies: Path) -> None:
    path = tmp_path / "drive.mf4"
    write_unfinished_log(path)
    path.write_bytes(path.read_bytes()[: -(50 * RECORD_BYTES + 3)])
    frames, warnings = read(path)
    assert [frame.data for frame in frames] == [bytes([index] * 8) for index in range(RECORDS - 51)]
    assert warnings == [f"{path}: was not finished by its logger: read up to its last whole record"]
    assert list(copies.iterdir()) == []


@pytest.mark.parametrize("record_bytes", [0, 1, RECORD_BYTES - 1])
def test_an_unfinished_log_without_a_whole_record_has_no_frames(record_bytes: int, tmp_path: Path) -> None:
    path = tmp_path / "drive.mf4"
    write_unfinished_log(path)
    log = path.read_bytes()
    path.write_bytes(log[: log.rindex(b"##DT") + BLOCK_HEAD_BYTES + record_bytes])
    frames, warnings = read(path)
    assert frames == []
    assert warnings == [f"{path}: was not finished by its logger: read up to its last whole record"]


@pytest.mark.parametrize("keep_bytes", [0, 3, 63, 500, 3000, 5000])
@every_log
def test_a_log_that_was_cut_off_before_its_groups_is_one_warning_and_leaves_no_copy(
    write: Callable[[Path], object],
    keep_bytes: int,
    tmp_path: Path,
    copies: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "drive.mf4"
    write(path)
    path.write_bytes(path.read_bytes()[:keep_bytes])
    frames, (warning,) = read(path)
    assert frames == []
    assert warning.startswith(f"{path}: ends early: ")
    assert warning.endswith(f", at byte {keep_bytes}")
    gc.collect()  # what asammdf built in part is destroyed, with no word of that
    assert capfd.readouterr() == ("", "")
    assert list(copies.iterdir()) == []


@pytest.mark.parametrize("stamp_s", [1e303, -1e303, 1e12, math.inf, math.nan])
def test_a_record_of_an_impossible_time_is_skipped(stamp_s: float, tmp_path: Path) -> None:
    path = tmp_path / "drive.mf4"
    write_log(path)
    log = bytearray(path.read_bytes())
    begin, end = place_of_records(log)
    assert end == begin + BLOCK_HEAD_BYTES + RECORDS * RECORD_BYTES
    struct.pack_into("<d", log, begin + BLOCK_HEAD_BYTES + 7 * RECORD_BYTES, stamp_s)
    path.write_bytes(log)
    frames, warnings = read(path)
    assert len(frames) == RECORDS - 1
    assert warnings == [f"{path}:byte {begin}: no frame, skipped"]


@pytest.mark.parametrize("packed", PACKERS)
@every_log
def test_a_compressed_log_is_read_from_a_copy_that_is_gone_at_the_end(
    write: Callable[[Path], object], packed: str, tmp_path: Path, copies: Path
) -> None:
    plain, path = tmp_path / "drive.mf4", tmp_path / f"drive.MF4{packed}"
    write(plain)
    path.write_bytes(PACKERS[packed](plain.read_bytes()))
    frames, warnings = read(path)
    assert frames == read(plain)[0]
    assert len(frames) == RECORDS
    assert [warning.replace(str(path), str(plain)) for warning in warnings] == read(plain)[1]
    assert list(copies.iterdir()) == []


def test_a_compressed_log_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path, copies: Path) -> None:
    path = tmp_path / "drive.mf4.gz"
    write_unfinished_log(tmp_path / "drive.mf4")
    whole = gzip.compress((tmp_path / "drive.mf4").read_bytes(), 0)
    path.write_bytes(whole[: -(8 + 50 * RECORD_BYTES)])
    frames, (unfinished, early) = read(path)
    assert len(frames) == RECORDS - 50
    assert "was not finished by its logger" in unfinished
    assert early == f"{path}: ends early: the compressed data end too early, at byte {path.stat().st_size}"
    assert list(copies.iterdir()) == []


def test_a_temporary_folder_without_room_is_reported_in_one_line(
    tmp_path: Path, copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "drive.mf4.gz"
    write_log(tmp_path / "drive.mf4")
    path.write_bytes(gzip.compress((tmp_path / "drive.mf4").read_bytes()))

    def full(source: object, target: object, length: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", full)
    said = rf"drive\.mf4\.gz: cannot be unpacked into {copies}: No space left on device \(.*TMPDIR"
    with pytest.raises(StorageError, match=said):
        read(path)
    assert list(copies.iterdir()) == []
    copies.rmdir()
    monkeypatch.setattr(tempfile, "tempdir", str(copies))
    with pytest.raises(StorageError, match=r"drive\.mf4\.gz: cannot be unpacked into .*: No such file"):
        read(path)


@pytest.mark.parametrize("packed", ["", *PACKERS])
def test_a_machine_without_a_temporary_folder_is_reported_in_one_line(
    packed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"drive.mf4{packed}"
    (write_unfinished_log if packed else write_unfinished_rare_log)(tmp_path / "drive.mf4")
    path.write_bytes(PACKERS.get(packed, bytes)((tmp_path / "drive.mf4").read_bytes()))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "none")])
    said = (
        rf"drive\.mf4{packed}: cannot be \w+ into a temporary folder: No usable temporary directory.*TMPDIR"
    )
    with pytest.raises(StorageError, match=said):
        read(path)


def test_an_unfinished_log_that_the_temporary_folder_has_no_room_for_is_no_damaged_one(
    tmp_path: Path, copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "drive.mf4"
    write_unfinished_rare_log(path)

    def full(source: object, target: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copy", full)
    said = rf"drive\.mf4: cannot be copied into {copies}: No space left on device"
    with pytest.raises(StorageError, match=said):
        read(path)


def unpacks_to(path: Path, beginning: bytes, size_bytes: int) -> None:
    """Write a log of zeros after its beginning, compressed to a thousandth of its size."""
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(1 << 20)
    with path.open("wb") as file:
        file.write(packer.compress(beginning))
        for _ in range(size_bytes >> 20):
            file.write(packer.compress(zeros))
        file.write(packer.flush())


def test_a_compressed_log_takes_at_most_half_of_what_is_free_in_the_temporary_folder(
    tmp_path: Path, copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "drive.mf4.gz"
    unpacks_to(path, mf4.FINISHED, 32 << 20)
    free = shutil.disk_usage(tmp_path)._replace(free=20 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    written = []
    copy = shutil.copyfileobj

    def note(source: BinaryIO, target: BinaryIO, length: int) -> None:
        try:
            copy(source, target, length)
        finally:
            written.append(target.tell())

    monkeypatch.setattr(shutil, "copyfileobj", note)
    said = rf"drive\.mf4\.gz: unpacks to more than 10 MiB, half of what is free in {copies} \(.*unpack it"
    with pytest.raises(StorageError, match=said):
        read(path)
    assert written == [10 << 20]
    assert list(copies.iterdir()) == []


def test_a_compressed_file_that_is_no_mf4_log_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "drive.mf4.gz"
    unpacks_to(path, b"not this", 1 << 20)

    def fail(*_: object) -> None:
        raise AssertionError("it was unpacked")

    monkeypatch.setattr(shutil, "copyfileobj", fail)
    with pytest.raises(DataError, match=r"drive\.mf4\.gz: is no MF4 log"):
        read(path)


@pytest.mark.parametrize("is_rare", [False, True])
def test_a_transposed_block_that_unpacks_to_anything_is_not_held_in_memory(
    is_rare: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "drive.mf4"
    with can.MF4Writer(path, compression_level=2) as writer:
        for index in range(RECORDS):
            writer.on_message_received(can.Message(START_S + index, 1, data=bytes(8), channel=1))
    assert b"##DZ" in path.read_bytes()
    if is_rare:
        make_rare(path)
    assert len(read(path)[0]) == RECORDS
    monkeypatch.setattr(mf4, "MOST_BLOCK_BYTES", 1000)
    monkeypatch.setattr(mf4_data, "MOST_HELD_BYTES", 1000)
    where = "its records" if is_rare else rf"byte {path.read_bytes().index(b'##DZ')}"
    with pytest.raises(DataError, match=f"{where}: nothing in it is a frame, though it begins as MF4 does"):
        read(path)


@pytest.mark.parametrize("flags", [0x04, 0x10])
def test_an_unfinished_log_with_several_lists_of_data_is_refused_where_it_takes_asammdf(
    flags: int, tmp_path: Path
) -> None:
    path = tmp_path / "drive.mf4"
    for write in (write_log, write_rare_log):
        write(path)
        log = bytearray(path.read_bytes())
        begin, end = place_of_records(log), len(log)
        link = log.index(struct.pack("<Q", begin[0]))
        for more, next_at, block in ((1, end + 48, begin[0]), (0, 0, 0)):
            log += struct.pack("<4s4x5Q", b"##DL", 48, 2, next_at, block, more)
        struct.pack_into("<Q", log, link, end)
        struct.pack_into("<8s", log, 0, b"UnFinMF ")
        struct.pack_into("<H", log, 60, flags)
        path.write_bytes(log)
        if write is write_log:
            assert len(read(path)[0]) == RECORDS
        else:
            with pytest.raises(DataError, match="cannot finish one with several lists of data"):
                read(path)
