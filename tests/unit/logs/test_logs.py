"""Logs of each format by their names and contents, as python-can writes them and as others do."""

import gzip
import importlib.util
import lzma
import re
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import can
import pytest
import zstandard
from telemetry_core.frames.batch import FrameBatch, FrameTuple

from telemetry.errors import DataError, InputMissingError, MissingPackageError
from telemetry.logs.log import OpenLog
from tests.support.can_frames import BRS, EXTENDED, FD, REMOTE
from tests.support.logs import PACKERS, TRC_HEADER, Numbering
from tests.support.logs import read_log as read

START_S = 1_700_000_000

ASC_HEADER = """date Tue Nov 14 10:13:20.500 pm 2023
base hex  timestamps absolute
no internal events logged
"""
DRIVE_MF4 = Path(__file__).parents[3] / "fuzz" / "drive.mf4"


MESSAGES = [
    can.Message(START_S + 0.25, 0x123, is_extended_id=False, data=b"\x01\x02", channel=0),
    can.Message(START_S + 0.5, 0x1ABCDEF0, data=bytes(range(8)), channel=1),
    can.Message(START_S + 1, 0x7, is_extended_id=False, is_remote_frame=True, dlc=4, channel=0),
    can.Message(
        START_S + 2.000001,
        0x8,
        is_extended_id=False,
        is_fd=True,
        bitrate_switch=True,
        data=bytes(24),
        channel=1,
    ),
]


def write_blf(path: Path) -> None:
    with can.BLFWriter(path) as writer:
        for message in MESSAGES:
            writer.on_message_received(message)


def test_a_blf_log_is_read(tmp_path: Path) -> None:
    path = tmp_path / "drive.blf"
    write_blf(path)
    frames, log, names = read(path)
    assert frames == [
        FrameTuple(START_S * 10**9 + 250_000_000, 0x123, b"\x01\x02", 0, 0, 0),
        FrameTuple(START_S * 10**9 + 500_000_000, 0x1ABCDEF0 | EXTENDED, bytes(range(8)), 1, 0, 0),
        FrameTuple(START_S * 10**9 + 1_000_000_000, 0x7 | REMOTE, bytes(4), 0, 0, 0),
        FrameTuple(
            START_S * 10**9 + 2_000_000_953, 0x8, bytes(24), 1, FD | BRS, 0
        ),  # as the writer cut its float
    ]
    assert list(names) == ["can0", "can1"]
    assert log.warnings() == []


def test_a_blf_log_that_was_cut_off_keeps_what_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "drive.blf"
    write_blf(path)
    whole = path.read_bytes()
    for size in range(144, len(whole), 7):
        path.write_bytes(whole[:size])
        frames, log, _ = read(path)
        assert len(frames) <= 4
        counted = f"{size:,} of the {len(whole):,} bytes that its header counts"
        assert log.warnings() == [f"{path}: ends early: {counted}"]
    path.write_bytes(whole[:16] + bytes(8) + whole[24:-20])  # as a logger leaves it that lost power
    assert "ends early" not in "".join(read(path)[1].warnings())


def test_what_is_no_blf_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "drive.blf"
    path.write_bytes(b"something else" * 100)
    with pytest.raises(DataError, match=r"drive\.blf: is no BLF log"):
        read(path)


GVRET_ROWS = "39747828,000005EB,false,Rx,1,2,E8,45,\n39747900,1ABCDEF0,true,Rx,0,0,\n"


@pytest.mark.parametrize("name", ["drive.csv", "drive.CSV", "drive.txt", "drive"])
def test_a_gvret_log_is_known_by_its_header(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\n" + GVRET_ROWS)
    frames, log, names = read(path)
    assert frames == [
        FrameTuple(39_747_828_000, 0x5EB, b"\xe8\x45", 0, 0, 0),
        FrameTuple(39_747_900_000, 0x1ABCDEF0 | EXTENDED, b"", 1, 0, 0),
    ]
    assert list(names) == ["can1", "can0"]
    assert log.warnings() == []


@pytest.mark.parametrize("header", ["time,addr,data", "Time Stamp,ID,Extended,LEN,D1,D2", ""])
def test_a_csv_log_with_another_header_is_refused_and_says_which_is_known(
    tmp_path: Path, header: str
) -> None:
    path = tmp_path / "drive.csv"
    path.write_text(header + "\n1,2,3\n")
    with pytest.raises(DataError, match=r"drive\.csv:1: .*Time Stamp,ID,Extended,Dir,Bus,LEN,D1"):
        read(path)


@pytest.mark.parametrize("name", ["drive", "drive.log", "drive.bin"])
def test_a_blf_and_an_asc_log_are_known_by_how_they_begin(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_blf(path)
    assert len(read(path)[0]) == len(MESSAGES)
    path.write_text(ASC_HEADER + "0.1 1 1 Rx d 1 01\n")
    assert len(read(path)[0]) == 1


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("drive.db", b"SQLite format 3\0" + bytes(84), "an SQLite database"),
        ("drive.log", "(1.0) can0 123#\n".encode("utf-16"), "text in UTF-16"),
        ("drive.asc", ASC_HEADER.encode("utf-16"), "text in UTF-16"),
        ("drive.xls", b"\xd0\xcf\x11\xe0" + bytes(20), "a workbook of Excel"),
        ("drive.7z", b"7z\xbc\xaf\x27\x1c" + bytes(20), "a 7z archive"),
        ("drive.parquet", b"PAR1" + bytes(20), "a Parquet file"),
        ("drive.mat", b"\x89HDF\r\n\x1a\n" + bytes(20), "a file of HDF5 or MATLAB"),
        ("drive.mf4", b"MDF     3.30    ", "an MDF 3 file"),
        ("drive.dat", b"MDF     2.14    ", "an MDF 2 file"),
        ("drive.vsb", b"icsbin\0" + bytes(20), r"a buffer of Vehicle Spy \(\.vsb\)"),
        ("drive.csv", b"Line,Abs Time(Sec),Rel Time (Sec),Status,Er,Tx\n", "Vehicle Spy's CSV"),
        ("drive.csv", b"ASCII Trace IXXAT Automation GmbH\n", "a trace of IXXAT"),
        ("0001.txt", b"# Logger type: CL2000\n# HW rev: 6.xx\n", "a log of a CL1000 or CL2000"),
        ("drive.log", b"CANSERVER_v2_CANSERVER" + bytes(20), "a log of CANserver"),
        ("drive.txt", b"NO    Direction  Time Scale        Frame Type\n", r"text of a USB-CAN tool"),
        ("drive.log", b"Sended messages\r\nPP2CAN log file\r\n", "a log of PP2CAN"),
    ],
)
def test_what_is_of_another_format_is_refused_by_its_name(
    tmp_path: Path, name: str, content: bytes, what: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"{re.escape(name)}: is {what}.*known are candump"):
        read(path)


def write_gvret(path: Path) -> None:
    path.write_text("Time Stamp,ID,Extended,Bus,LEN,D1\n1,00000001,false,0,1,01\n")


WRITERS: dict[str, Callable[[Path], object]] = {
    "drive.asc": lambda path: path.write_text(ASC_HEADER + "0.1 1 1 Rx d 1 01\n"),
    "drive.blf": write_blf,
    "drive.csv": write_gvret,
    "drive.trc": lambda path: path.write_text(TRC_HEADER + "1 250.0 DT 1 0001 Rx - 1 01\n"),
    "drive.log": lambda path: path.write_text("(1.0) can0 001#01\n"),
}


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("name", WRITERS)
def test_every_format_is_read_compressed_too(tmp_path: Path, name: str, packed: str) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    frames, _, _ = read(path)
    assert frames
    smaller = tmp_path / f"{name}{packed}"
    smaller.write_bytes(PACKERS[packed](path.read_bytes()))
    again, log, _ = read(smaller)
    assert again == frames
    assert log.warnings() == []


@pytest.mark.parametrize("packed", PACKERS)
def test_a_compressed_log_that_was_cut_off_gives_what_is_before_and_one_warning(
    tmp_path: Path, packed: str
) -> None:
    rows = b"".join(b"(%d.0) can0 %03X#%016X\n" % (row, row % 2048, row * row) for row in range(1, 20_001))
    whole = PACKERS[packed](rows)
    path = tmp_path / f"drive.log{packed}"
    path.write_bytes(whole[: len(whole) * 3 // 4])
    frames, log, _ = read(path)
    assert 10_000 < len(frames) < 20_000
    assert [frame.time_ns for frame in frames[:-1]] == [row * 10**9 for row in range(1, len(frames))]
    early = f"{path}: ends early: the compressed data end too early, at byte {len(whole) * 3 // 4}"
    assert log.warnings() == [early]


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("name", [*WRITERS, "drive.mf4"])
def test_a_log_that_was_cut_off_at_its_very_beginning_gives_one_warning_and_no_frames(
    tmp_path: Path, name: str, packed: str
) -> None:
    path = tmp_path / f"{name}{packed}"
    whole = PACKERS[packed](b"MDF     4.10    ")
    if name != "drive.mf4":
        WRITERS[name](tmp_path / name)
        whole = PACKERS[packed]((tmp_path / name).read_bytes())
    for size in (0, 1, 3, 9, 14):
        path.write_bytes(whole[:size])
        frames, log, _ = read(path)
        early = f"{path}: ends early: the compressed data end too early, at byte {size}"
        assert (frames, log.warnings()) == ([], [early])


@pytest.mark.parametrize("packed", ["", *PACKERS])
def test_a_trc_log_may_end_in_its_header_or_after_it(tmp_path: Path, packed: str) -> None:
    path = tmp_path / f"drive.trc{packed}"
    pack = PACKERS.get(packed, bytes)
    path.write_bytes(pack(TRC_HEADER.encode()))
    assert read(path)[1].warnings() == []
    path.write_bytes(pack(TRC_HEADER[:30].encode()))
    assert read(path)[1].warnings() == [f"{path}:2 (byte 18): no frame, skipped"]
    path.write_bytes(pack(b""))
    assert read(path)[1].warnings() == [f"{path}: ends early: inside its header, at byte 0"]


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        *(("drive.blf", beginning) for beginning in ("", "LO", "LOGG", "LOGG" + 96 * "\0")),
        *(("drive.csv", beginning) for beginning in ("", "Time", "Time Stamp,ID,Extended")),
    ],
)
def test_a_log_that_ends_inside_its_header_gives_one_warning_and_no_frames(
    tmp_path: Path, name: str, beginning: str
) -> None:
    path = tmp_path / name
    path.write_text(beginning)
    frames, log, _ = read(path)
    assert log.warnings() == [f"{path}: ends early: inside its header, at byte {len(beginning)}"]
    assert (frames, log.damaged, log.at_end) == ([], 0, True)


@pytest.mark.parametrize("name", [*WRITERS, "drive.mf4"])
@pytest.mark.parametrize(
    ("packed", "words"),
    [
        (".gz", "not a gzipped file"),
        (".zst", "not a Zstandard file"),
        (".xz", "not an xz file"),
        (".bz2", "not a bzip2 file"),
    ],
)
def test_what_is_not_compressed_as_its_name_says_is_refused(
    tmp_path: Path, name: str, packed: str, words: str
) -> None:
    for text in ("x", "(1.0) can0 001#01\n", "Rx"):
        path = tmp_path / f"{name}{packed}"
        path.write_text(text)
        with pytest.raises(DataError, match=f"{name}{packed}: {words}, at byte 0"):
            read(path)


def test_a_log_of_which_nothing_can_be_unpacked_is_refused_unless_it_was_cut_off(tmp_path: Path) -> None:
    """zstd: a window of 256 MiB. xz: a dictionary of 4 GiB. gzip: a kind of block that is none."""
    zstd = bytes.fromhex("28b52ffd 00 90")
    xz = bytearray(lzma.compress(b"(1.0) can0 001#01\n", check=lzma.CHECK_NONE))
    xz[16], xz[20:24] = 40, zlib.crc32(xz[12:16] + bytes([40]) + xz[17:20]).to_bytes(4, "little")
    gzip_head = gzip.compress(b"")[:10]
    for name, content, words in [
        (
            "a.log.zst",
            zstd + bytes(12),
            "its window of 256 MiB is larger than 128 MiB: unpack it first, at byte 0",
        ),
        ("b.log.xz", bytes(xz), "memory usage limit exceeded, at byte 0"),
        ("c.log.gz", gzip_head + b"\x07" * 20, "invalid block type, at byte 10"),
    ]:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(DataError, match=f"{name}: {words}$"):
            read(path)
        path.write_bytes(content[:5])
        assert "ends early" in read(path)[1].warnings()[0]


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("name", ["drive.log", "drive.asc", "drive.trc", "drive.csv", "drive.blf"])
def test_what_was_cut_in_two_where_a_compressed_log_ends_early_is_one_warning_with_that(
    tmp_path: Path, name: str, packed: str
) -> None:
    WRITERS[name](tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    path = tmp_path / f"{name}{packed}"
    end = whole.rstrip()[:-3] if name != "drive.blf" else whole[:-30]
    path.write_bytes(PACKERS[packed](end) + PACKERS[packed](b"1")[:6])
    _, log, _ = read(path)
    size = path.stat().st_size
    assert log.warnings() == [f"{path}: ends early: the compressed data end too early, at byte {size}"]
    assert log.damaged == 1
    garbage = b"LOBJ garbage\n" * 3
    path.write_bytes(PACKERS[packed](whole + garbage + whole + end) + PACKERS[packed](b"1")[:6])
    first, early = read(path)[1].warnings()
    assert f"byte {len(whole)}" in first
    assert "ends early" in early


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("name", WRITERS)
def test_a_compressed_log_that_lost_power_and_was_appended_to_goes_on(
    tmp_path: Path, name: str, packed: str
) -> None:
    """What was cut in two is no frame, and all that was written since is read."""
    WRITERS[name](tmp_path / name)
    frames, _, _ = read(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    end = whole.rstrip()[:-1] if name != "drive.blf" else whole[:-30]
    cut = PACKERS[packed](whole) + PACKERS[packed](end) + PACKERS[packed](b"1")[:6]
    path = tmp_path / f"{name}{packed}"
    path.write_bytes(cut + PACKERS[packed](whole))
    again, log, _ = read(path)
    ids = [frame.id for frame in again]
    assert ids[: len(frames)] == ids[-len(frames) :] == [frame.id for frame in frames]
    assert len(again) == len(frames) * 2 + (len(frames) - 1 if name == "drive.blf" else 0)
    place = f"at byte {len(cut)}; goes on at byte {len(cut)}"
    assert log.warnings()[-1] == f"{path}: damaged: the compressed data end too early, {place}"


def test_a_missing_package_is_named_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "drive.log.zst").write_bytes(zstandard.compress(b""))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(MissingPackageError, match=r"package zstandard.*nev-telemetry\[logs\]"):
        read(tmp_path / "drive.log.zst")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    rare = bytearray(DRIVE_MF4.read_bytes())
    rare[rare.index(b"##CN") + 24 + 8 * 8] = 3  # the stamps are a channel that is in no record
    (tmp_path / "drive.mf4").write_bytes(rare)
    with pytest.raises(MissingPackageError, match=r"asammdf: it has no stamps.*nev-telemetry\[mf4\]"):
        read(tmp_path / "drive.mf4")


def test_a_limit_and_a_due_time_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "drive.blf"
    write_blf(path)
    with OpenLog(path, Numbering().__getitem__) as log:
        batch = FrameBatch(4)
        assert log.read(batch, 1) == 1
        assert log.read(batch, -1, START_S * 10**9 + 600_000_000) == 1
        assert log.read(batch, -1, START_S * 10**9 + 600_000_000) == 0
        assert (log.next_ns, log.at_end) == (START_S * 10**9 + 1_000_000_000, False)
        assert log.read(batch) == 2
        assert log.read(FrameBatch(1)) == 0
        assert log.at_end


def test_progress_is_known_in_bytes(tmp_path: Path) -> None:
    path = tmp_path / "drive.log"
    path.write_text("(1.0) can0 001#01\n" * 10)
    with OpenLog(path, Numbering().__getitem__) as log:
        log.read(FrameBatch(100))
        assert log.bytes_read == 180


def test_a_missing_log_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError, match="No such file"):
        read(tmp_path / "missing.log")
    with pytest.raises(InputMissingError, match="directory"):
        read(tmp_path)
