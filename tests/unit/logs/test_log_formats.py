"""Which format a log is read as, and what becomes of one in which nothing is a frame."""

import os
import threading
from pathlib import Path

import pytest
from telemetry_core.frames.batch import FrameBatch, FrameTuple

from telemetry.errors import DataError
from telemetry.logs.formats import LogFormat, recognised
from telemetry.logs.log import OpenLog
from tests.support.logs import PACKERS, Numbering

ASC = b"date Tue Nov 14 10:13:20.500 pm 2023\nbase hex timestamps absolute\n0.5 1 123 Rx d 2 01 02\n"
CANDUMP = b"(1.5) can0 123#0102\n"
CRTD = b"1.0 CXX OVMS CRTD\n1.5 1R11 123 01 02\n"
GVRET = b"Time Stamp,ID,Extended,Bus,DLC,D1,D2,D3,D4,D5,D6,D7,D8\n1500000,123,0,0,2,1,2,0,0,0,0,0,0\n"
TRC = b";$FILEVERSION=1.1\n;$STARTTIME=25569\n;\n 1) 1500.0 Rx 0123 2 01 02\n"
TABLES = (
    b"ParserFlags\tCh\tCounter\tT/R\tTime\tFlags\tCAN ID\tLen\tData\n1\t0\t9\tRX\t1\t\t0x123\t2\t0x01 02 \n",
    b"ID,Data Bytes\n00000123,01 02 \n",
    b"time,addr,bus,data\n1.5,291,0,0102\n",
    b"timestamp,arbitration_id,extended,remote,error,dlc,data\n1.5,0x123,0,0,0,2,AQI=\n",
)
LOGS = (ASC, CANDUMP, CRTD, GVRET, TRC, *TABLES)


def read(path: Path) -> tuple[list[FrameTuple], list[str]]:
    frames: list[FrameTuple] = []
    with OpenLog(path, Numbering().__getitem__) as log:
        batch = FrameBatch(4)
        while not log.at_end:
            log.read(batch)
            frames += batch
            batch.clear()
        return frames, log.warnings()


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize(
    "ending", ["", ".log", ".txt", ".csv", ".asc", ".trc", ".crtd", ".blf", ".gz", ".log.xz"]
)
def test_how_a_log_begins_says_what_it_is_whatever_its_name(tmp_path: Path, log: bytes, ending: str) -> None:
    path = tmp_path / f"drive{ending}"
    path.write_bytes(log if ending not in (".gz", ".log.xz") else PACKERS[".zst"](log))
    (frame,), _ = read(path)
    assert (frame.id, frame.data, frame.channel) == (0x123, b"\1\2", 0)


@pytest.mark.parametrize(
    "foreword", [b"\n\n", b"# words\n", b"// words\r\n", b"=~=~=~= PuTTY log =~=~=\n", b"\xef\xbb\xbf"]
)
@pytest.mark.parametrize("log", LOGS)
def test_a_foreword_does_not_matter(tmp_path: Path, log: bytes, foreword: bytes) -> None:
    assert recognised(foreword + log) == recognised(log)
    assert recognised(log) is not None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("(1700001953.613500) can0 109#000100FFFFFF0F3D", LogFormat.CANDUMP),
        (" (2023-11-14 22:45:53.613500)  can0  109   [8]  00 01 02 03 04 05 06 07", LogFormat.CANDUMP),
        ("  can0  1B00007B   [16]  00 11", LogFormat.CANDUMP),
        ("  can0  RX - -  123   [0]", LogFormat.CANDUMP),
        ("  can0  123   {F}  00 11 22 33 44 55 66 77", LogFormat.CANDUMP),
        ("(360.26) RX0 226 [8] 00 30 00 00 00 00 00 00", LogFormat.CANDUMP),
        ("   0.250000 1  123             Rx   d 2 01 02", LogFormat.ASC),
        ("   0.250000 CANFD   1 Rx   123  Name  1 0 9 12", LogFormat.ASC),
        ("begin triggerblock Tue Nov 14 10:13:20.500 pm 2023", LogFormat.ASC),
        ("     1)      1841  0001  8  00 01 02 03 04 05 06 07", LogFormat.TRC),
        ("1320745424.002 R11 402 FA", LogFormat.CRTD),
        ("MDF     4.10    ", LogFormat.MF4),
        ("LOGG", LogFormat.BLF),
        ("1512293  5F1  8  A8 16 65 9 0 0 0 0", None),
        ("Test file : C:\\EDIABAS\\ECU\\TEST.TST", None),
        ("7e0[7e8]:00ff 00 00 01 81 03 05 00 95", None),
        ("; words", None),
        ("", None),
    ],
)
def test_a_line_is_a_sign_of_one_format_alone(line: str, expected: LogFormat | None) -> None:
    assert recognised(line.encode() + b"\n") == expected


@pytest.mark.parametrize(
    ("name", "content", "reported"),
    [
        (
            "a.log",
            b"words\nmore words\n",
            "It was read as candump, since it begins like no format that is known; its first line is `words`",
        ),
        ("a.log", b"words", "its first line is `words`"),
        ("a.asc", b"words\n", "It was read as ASC, as its name says; its first line is `words`"),
        ("a.crtd", b"\n\nwords\n", "It was read as CRTD, as its name says; its first line is `words`"),
        ("a.log", b"x" * 100 + b"\n", "its first line is `" + "x" * 60 + "…`"),
        ("a.log", bytes(range(1, 9)) + b"\n", "a.log: is binary and no known log (known are"),
        (
            "a.log",
            GVRET.splitlines()[0] + b"\nwords\n",
            "a.log:2 (byte 55): nothing in it is a frame, though it begins as GVRET's CSV does",
        ),
        ("a.xz", PACKERS[".xz"](b"words\n"), "its first line is `words`"),
        ("a.csv", b"a,b\n", "a.csv:1: this header of a CSV log is not known: `a,b`"),
    ],
)
def test_a_log_in_which_nothing_is_a_frame_is_refused_and_says_how_it_was_read(
    tmp_path: Path, name: str, content: bytes, reported: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(path)
    assert reported in str(caught.value)
    assert caught.value.exit_code == 65
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.log", b""),
        ("a.log", b"\n\n"),
        ("a.asc", ASC.splitlines()[0]),
        ("a.asc", b"date Tue Nov 14 10:13:20.500 pm 2023\n// words\n"),
        ("a.crtd", CRTD.splitlines()[0]),
        ("a.csv", GVRET.splitlines()[0] + b"\n"),
        ("a.csv", b"time,addr,bus,data\n"),
    ],
)
def test_a_log_of_a_known_format_that_holds_no_frame_is_no_error(
    tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert read(path) == ([], [])


def test_frames_without_stamps_in_a_file_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"  can0  123   [2]  01 02\n" * 2)
    frames, warnings = read(path)
    assert [frame.time_ns for frame in frames] == [0, 0]
    hint = "a pipe stamps them as they come: cat LOG | nev-telemetry decode -"
    assert warnings == [f"{path}: 2 frames have no stamp, and get 1970-01-01 ({hint})"]


def test_frames_of_a_pipe_come_before_its_end_and_are_stamped_as_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other end stays open, and writes once more only after what it wrote first has been read."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    now_ns = 1_700_000_000_000_000_000
    monkeypatch.setattr("telemetry.logs.content.time_ns", lambda: now_ns)
    has_read = threading.Event()

    def write() -> None:
        with path.open("wb", buffering=0) as pipe:
            pipe.write(b"  can0  123   [2]  01 02\n  can0  124   [2]  0")
            has_read.wait(60)
            pipe.write(b"1 02\n(5.5)  can0  125   [0]\n")

    writer = threading.Thread(target=write)
    writer.start()
    batch = FrameBatch(100)
    try:
        with OpenLog(path, Numbering().__getitem__) as log:
            assert log.read(batch) == 1
            now_ns += 1000
            has_read.set()
            while not log.at_end:
                log.read(batch)
            assert log.warnings() == []
    finally:
        has_read.set()
        writer.join()
    assert [(frame.id, frame.time_ns) for frame in batch] == [
        (0x123, now_ns - 1000),
        (0x124, now_ns),
        (0x125, 5_500_000_000),
    ]


def test_gvret_stamps_that_are_impossible_are_reported_with_what_they_count_from(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(GVRET.replace(b"1500000,", b"-1767062175875212,"))
    assert read(path)[1] == [f"{path}: its stamps are negative or huge: they count from 2025-12-30T02:36:15Z"]
