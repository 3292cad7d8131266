"""Text of BUSMASTER, of Kvaser's programs and of Microchip's analyzer. Lines are those of public logs."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.frames.batch import FrameBatch, FrameTuple

from telemetry.errors import DataError
from telemetry.logs.log import OpenLog
from tests.support.can_frames import ERROR, EXTENDED, REMOTE
from tests.support.logs import Numbering, read_log

S, MS, US = 10**9, 10**6, 10**3
BUSMASTER = b"""***BUSMASTER Ver 3.2.2***
***PROTOCOL CAN***
***[START LOGGING SESSION]***
***START DATE AND TIME 31:12:2023 23:59:57:965***
***HEX***
***SYSTEM MODE***
***CHANNEL 1 - Kvaser - Kvaser Leaf Light HS #0 (Channel 0), Serial Number- 0 - 500000 bps***
***<Time><Tx/Rx><Channel><CAN ID><Type><DLC><DataBytes>***
"""
KVASER = b"Chn Identifier Flg   DLC  D0...1...2...3...4...5...6..D7       Time     Dir\n"
KVASER_CSV = b"Time,Channel,ID,Flags,DLC,Data0,Data1,Data2,Data3,Data4,Data5,Data6,Data7,Counter,AbsTime\n"
MICROCHIP = b"""//---------------------------------
Microchip Technology Inc.
CAN BUS Analyzer
Logging Started: 23/9/2015 22:17:43
//---------------------------------
"""


def ns(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * S  # type: ignore[misc, arg-type]


def rows(
    tmp_path: Path, log: bytes, name: str = "drive.log"
) -> tuple[list[FrameTuple], list[str], list[str]]:
    path = tmp_path / name
    path.write_bytes(log)
    frames, read, names = read_log(path)
    return frames, list(names), [line.removeprefix(f"{path}:") for line in read.warnings()]


def test_busmaster_has_the_time_of_day_over_midnight(tmp_path: Path) -> None:
    lines = b"23:59:59:9420 Rx 1 0x023 s 1 40\n0:0:0:0497 Tx 2 0x100A001 xr 0 \n\n"
    lines += b"00:00:01:0000 Rx 1 18FED917 x 2 FC FF \n"
    frames, names, warnings = rows(tmp_path, BUSMASTER + lines)
    midnight_ns = ns(2024, 1, 1)
    assert frames == [
        FrameTuple(midnight_ns - 58 * MS, 0x23, b"\x40", 0, 0, 0),
        FrameTuple(midnight_ns + 49_700 * US, 0x100A001 | EXTENDED | REMOTE, b"", 1, 0, 0),
        FrameTuple(midnight_ns + S, 0x18FED917 | EXTENDED, b"\xfc\xff", 0, 0, 0),
    ]
    assert (names, warnings) == (["can0", "can1"], [])


@pytest.mark.parametrize(("mode", "seconds"), [("ABSOLUTE", [1, 1.5]), ("RELATIVE", [1, 2.5])])
def test_busmaster_counts_from_its_start_or_from_the_line_before(
    tmp_path: Path, mode: str, seconds: list[float]
) -> None:
    head = BUSMASTER.replace(b"SYSTEM", mode.encode()).replace(b"HEX", b"DEC")
    frames, _, _ = rows(tmp_path, head + b"0:0:1:0000 Rx 1 256 s 2 10 20\n0:0:1:5000 Rx 1 256 s 0\n")
    start_ns = ns(2023, 12, 31, 23, 59, 57) + 965 * MS
    assert [frame.time_ns - start_ns for frame in frames] == [round(each * S) for each in seconds]
    assert (frames[0].id, frames[0].data) == (256, bytes([10, 20]))


def test_text_of_kvaser_in_hexadecimal(tmp_path: Path) -> None:
    lines = b""" 0    000000AD         8  FF  FF  00  00  00  00  00  10     154.266550 R
 1    0CFBFFDB X       2  1B  31                            155.000139 T
 0    00000000            ErrorFrame                          156.095270 R
 0    00000123 R       4                                    157.000000 R
Logging stopped.
"""
    frames, names, warnings = rows(tmp_path, KVASER + lines, "canking.txt")
    assert frames == [
        FrameTuple(154_266_550 * US, 0xAD, bytes.fromhex("FFFF000000000010"), 0, 0, 0),
        FrameTuple(155_000_139 * US, 0x0CFBFFDB | EXTENDED, b"\x1b\x31", 1, 0, 0),
        FrameTuple(156_095_270 * US, ERROR, b"", 0, 0, 0),
        FrameTuple(157 * S, 0x123 | REMOTE, bytes(4), 0, 0, 0),
    ]
    assert (names, warnings) == (["can0", "can1"], [])


def test_text_of_kvaser_in_decimal(tmp_path: Path) -> None:
    line = b" 0         519         8  127   0  10  11  12  13  14 255      12.5 R\n"
    ((frame,), _, _) = rows(tmp_path, KVASER + line)
    assert (frame.id, frame.data) == (519, bytes([127, 0, 10, 11, 12, 13, 14, 255]))


def test_csv_of_kvaser_has_the_date_of_the_first_row_that_is_whole(tmp_path: Path) -> None:
    lines = b"""0.1,1,256,2,1,7,,,,,,,,1,2011-07-2
0.18916,1,418381679,4,8,137,152,0,0,5,0,255,255,1,2011-07-21 11:07:12
2.5,2,256,2,1,7,,,,,,,,2,2011-07-21 11:07:14
"""
    frames, names, _ = rows(tmp_path, KVASER_CSV + lines, "drive.csv")
    assert frames == [
        FrameTuple(ns(2011, 7, 21, 11, 7, 12) + 189_160 * US, 0x18EFFF6F | EXTENDED, frames[0].data, 0, 0, 0),
        FrameTuple(ns(2011, 7, 21, 11, 7, 14) + 500 * MS, 256, b"\7", 1, 0, 0),
    ]
    assert frames[0].data == bytes([137, 152, 0, 0, 5, 0, 255, 255])
    assert names == ["can0", "can1"]


@pytest.mark.parametrize(
    ("head", "row", "id"),
    [
        (KVASER, b" 0         519         2  10 255      12.5 R\n", 519),
        (KVASER_CSV, b"12.5,1,519,2,2,10,255,,,,,,,1,2011-07-21 11:07:12\n", 519),
        (KVASER_CSV, b"12.5,1,519,2,2,10,FF,,,,,,,1,2011-07-21 11:07:12\n", 0x519),
    ],
    ids=["text", "CSV", "CSV in hexadecimal"],
)
def test_numbers_of_kvaser_have_one_base_where_a_pipe_brings_the_rows_after_the_first_line(
    tmp_path: Path, head: bytes, row: bytes, id: int
) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    pipe, batch = os.open(path, os.O_RDWR), FrameBatch(9)
    os.write(pipe, head)
    with OpenLog(path, Numbering().__getitem__) as log:
        os.write(pipe, row + row)
        os.close(pipe)
        while not log.at_end:
            log.read(batch)
    assert [(frame.id, frame.data) for frame in batch] == [(id, bytes([10 if id == 519 else 16, 255]))] * 2


def test_microchips_analyzer_counts_milliseconds_from_its_start(tmp_path: Path) -> None:
    lines = b"166064;RX;0x0000027A;3;0x30;0x30;0x0D;\n166074;TX;0x18FF50E5;0;\n1247;RX;194;2;92;135\n"
    frames, _, warnings = rows(tmp_path, MICROCHIP + lines)
    start_ns = ns(2015, 9, 23, 22, 17, 43)
    assert [(frame.time_ns - start_ns, frame.id, frame.data) for frame in frames] == [
        (166_064 * MS, 0x27A, b"\x30\x30\x0d"),
        (166_074 * MS, 0x18FF50E5 | EXTENDED, b""),
        (1_247 * MS, 194, bytes([92, 135])),
    ]
    assert warnings == []


@pytest.mark.parametrize(
    ("head", "good", "bad"),
    [
        (
            BUSMASTER,
            b"1:0:0:0 Rx 1 0x1 s 0",
            [b"1:0:0 Rx 1 0x1 s 0", b"1:0:0:0 Rx 1 0x1 q 0", b"1:0:0:0 Rx 1 0x1 s 2 0"],
        ),
        (KVASER, b"0 00000001 0 1.0 R", [b"0 00000001 9 1.0 R", b"0 00000001 2 00 1.0 R", b"0 G 0 1.0 R"]),
        (KVASER_CSV, b"1,1,1,2,0,,,,,,,,,1,2011-07-21 11:07:12", [b"1,1,1,2,2,10,,,", b"1,1"]),
        (MICROCHIP, b"1;RX;0x1;0;", [b"1;RX;0x1;1;", b"1;RX;0xG;0;", b"1;RX;0x1;9;1;1;1;1;1;1;1;1;1"]),
    ],
)
def test_a_damaged_line_costs_only_itself(tmp_path: Path, head: bytes, good: bytes, bad: list[bytes]) -> None:
    for each in bad:
        frames, _, warnings = rows(tmp_path, head + good + b"\n" + each + b"\n" + good + b"\n")
        assert len(frames) == 2
        place = f"{len(head.splitlines()) + 2} (byte {len(head + good) + 1})"
        assert warnings == [f"{place}: no frame, skipped"]


@given(
    st.sampled_from([BUSMASTER, KVASER, KVASER_CSV, MICROCHIP]),
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                [
                    b"1:0:0:0 Rx 1 0x1 s 0",
                    b"0 1 0 1.0 R",
                    b"1,1,1,2,0,,2011-07-21",
                    b"1;RX;0x1;0;",
                    b"***DEC***",
                ]
            ),
        )
    ).map(b"\n".join),
)
def test_hostile_lines_are_read_or_counted(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("hostile") / "drive.log"
    path.write_bytes(head + content)
    try:
        frames, _, _ = read_log(path)
    except DataError:
        return
    assert all(frame.time_ns >= 0 and len(frame.data) <= 8 for frame in frames)
