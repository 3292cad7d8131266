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
        (b"39747828,3a0,0,0,2,ff,f", 0x3A0, b"\xff\x0f", 0),
        (b"39747828,3a0,1,Tx,0,2,ff,f", 0x3A0 | EXTENDED, b"\xff\x0f", 0),
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


@pytest.mark.parametrize(
    ("stamps", "times_us"),
    [
        # Negative, as SavvyCAN writes them: they rise from the moment of the start, without its sign.
        ((-1_767_062_175_875_212, -1_767_062_175_874_870), (1_767_062_175_875_212, 1_767_062_175_875_554)),
        ((-1, 5), (1, 7)),
        # The same as numbers without a sign.
        ((2**64 - 1_000_000, 2**64 - 999_000), (1_000_000, 1_001_000)),
        # Too large for a stamp: nanoseconds, or anything else.
        ((9_223_372_036_854_776, 9_223_372_036_854_876), (0, 100)),
        ((2**63 - 2, 2**63 - 1), (0, 1)),
        ((-(2**63) + 1, -(2**63) + 11), (0, 10)),
    ],
)
def test_impossible_stamps_count_from_the_first(stamps: tuple[int, ...], times_us: tuple[int, ...]) -> None:
    rows = b"".join(b"%d,1,false,Rx,0,0\n" % stamp for stamp in stamps)
    frames, reader, _ = read(HEADER + b"junk\n" + rows)
    assert [frame.time_ns for frame in frames] == [1000 * time_us for time_us in times_us]
    assert isinstance(reader, GvretReader)
    assert (reader.is_rebased, reader.start_ns) == (True, 1000 * times_us[0])
    assert reader.damaged == 1


def test_only_the_first_frame_decides_what_stamps_count_from() -> None:
    frames, reader, _ = read(HEADER + b"5,1,false,Rx,0,0\n-7,2,false,Rx,0,0\n6,3,false,Rx,0,0\n")
    assert [(frame.time_ns, frame.id) for frame in frames] == [(5000, 1), (6000, 3)]
    assert isinstance(reader, GvretReader)
    assert (reader.is_rebased, reader.damaged) == (False, 1)


@pytest.mark.parametrize(
    "stamp", [b"", b"-", b"--1", b"18446744073709551616", b"-9223372036854775808", b"1e3"]
)
def test_what_is_no_number_is_no_stamp(stamp: bytes) -> None:
    frames, reader, _ = read(HEADER + stamp + b",1,false,Rx,0,0\n")
    assert (frames, reader.damaged) == ([], 1)
