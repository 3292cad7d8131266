"""The compiled reader of GVRET's CSV logs."""

import pytest
from telemetry_core.frames.batch import FrameTuple
from telemetry_core.logs.gvret import GvretReader

from tests.support.can_frames import EXTENDED, FD
from tests.support.logs import Reader, read_all

HEADER = b"Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\n"
OLD_HEADER = b"Time Stamp,ID,Extended,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\n"


def read(log: bytes) -> tuple[list[FrameTuple], Reader, list[str]]:
    return read_all(GvretReader, log)


def only(line: bytes, header: bytes = HEADER) -> FrameTuple:
    (frame,), reader, _ = read(header + line + b"\n")
    assert reader.damaged == 0
    return frame


DATA = bytes.fromhex("E845854B4A283669")


@pytest.mark.parametrize(
    ("line", "id", "data", "flags"),
    [
        (b"39747828,000005EB,false,Rx,0,8,E8,45,85,4B,4A,28,36,69,", 0x5EB, DATA, 0),
        (b"39747828,5eb,FALSE,Tx,0,2,E8,45,0,0,0,0,0,0\r", 0x5EB, DATA[:2], 0),
        (b"39747828,1ABCDEF0,true,Rx,0,0,", 0x1ABCDEF0 | EXTENDED, b"", 0),
        (b"39747828,1ABCDEF0,false,Rx,0,0", 0x1ABCDEF0 | EXTENDED, b"", 0),
        (b"39747828,00000001,true,Rx,0,1,8", 1 | EXTENDED, b"\x08", 0),
        (b"39747828,000005EB,false,0,8,E8,45,85,4B,4A,28,36,69,", 0x5EB, DATA, 0),
        (b" 39747828 , 5EB , false , Rx , 0 , 1 , E8 ", 0x5EB, DATA[:1], 0),
        (b"39747828,5EB,false,Rx,0,12" + b",0A" * 12, 0x5EB, b"\x0a" * 12, FD),
    ],
)
def test_each_form_of_a_frame_is_read(line: bytes, id: int, data: bytes, flags: int) -> None:
    assert only(line) == FrameTuple(39_747_828_000, id, data, 0, flags, 0)


def test_the_older_header_has_no_direction() -> None:
    line = b"1467134837132000,000005EB,false,1,2,E8,45,00,00,00,00,00,00,"
    assert only(line, OLD_HEADER) == FrameTuple(1_467_134_837_132_000_000, 0x5EB, DATA[:2], 0, 0, 0)


def test_buses_are_counted_from_0() -> None:
    frames, _, names = read(HEADER + b"1,1,false,Rx,3,0\n2,1,false,Rx,0,0\n3,1,false,Rx,3,0\n")
    assert names == ["can3", "can0"]
    assert [frame.channel for frame in frames] == [0, 1, 0]


def test_a_header_in_the_middle_and_blank_lines_are_nothing() -> None:
    frames, reader, _ = read(HEADER + b"1,1,false,Rx,0,0\n\n" + OLD_HEADER + b"2,2,false,0,0\n")
    assert ([frame.id for frame in frames], reader.damaged) == ([1, 2], 0)


@pytest.mark.parametrize(
    "line",
    [
        b"x",
        b"1.5,1,false,Rx,0,0",
        b"-1,1,false,Rx,0,0",
        b"9223372036854776,1,false,Rx,0,0",
        b"1,,false,Rx,0,0",
        b"1,G,false,Rx,0,0",
        b"1,20000000,true,Rx,0,0",
        b"1,1,maybe,Rx,0,0",
        b"1,1,false,Rz,0,0",
        b"1,1,false,Rx,256,0",
        b"1,1,false,Rx,,0",
        b"1,1,false,Rx,0",
        b"1,1,false,Rx,0,",
        b"1,1,false,Rx,0,65" + b",00" * 65,
        b"1,1,false,Rx,0,2,00",
        b"1,1,false,Rx,0,1,100",
        b"1,1,false,Rx,0,1,0G",
        b"1,1,false,Rx,0,1,00;",
        b"1;1;false;Rx;0;0",
        b"\x00\xff",
        b"1,1,false,Rx,0,0," + b" " * 5000,
    ],
)
def test_a_damaged_line_costs_only_itself(line: bytes) -> None:
    before = HEADER + b"1,1,false,Rx,0,0\n"
    frames, reader, _ = read(before + line + b"\n2,2,false,Rx,0,0\n")
    assert [frame.id for frame in frames] == [1, 2]
    assert (reader.damaged, reader.first_damage) == (1, f"3 (byte {len(before)})")
