"""The compiled reader of logs that are tables: one header each, and what stands in the columns."""

import base64

import pytest
from telemetry_core.frames.batch import FrameTuple
from telemetry_core.logs.table import TableReader
from telemetry_core.logs.table_header import header_of

from tests.support.can_frames import ERROR, EXTENDED, FD, REMOTE
from tests.support.logs import read_all

PARSER_FLAGS = b"ParserFlags\tCh\tCounter\tT/R\tTime\tFlags\tCAN ID\tLen\tData\tParser Name\tdefault\r\n"
IDS = b"ID,Data Bytes\n"
CABANA = b"time,addr,bus,data\n"
PYTHON_CAN = b"timestamp,arbitration_id,extended,remote,error,dlc,data\n"


def only(log: bytes) -> FrameTuple:
    (frame,), reader, _ = read_all(TableReader, log)
    assert reader.damaged == 0
    return frame


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            b"1\t0\t9377\tRX\t62614792\t\t0x0000007a\t8\t0x00 00 d3 11 ce 78 00 00 \tDefault Parser\t\r",
            FrameTuple(62_614_792_000_000, 0x7A, bytes.fromhex("0000d311ce780000"), 0, 0, 0),
        ),
        (b"1\t0\t1\tTX\t5\t\t0x00000603\t1\t0x00 \t", FrameTuple(5_000_000, 0x603, b"\0", 0, 0, 0)),
        (b"1\t0\t1\tRX\t5\t\t1abcdef0\t0\t0x", FrameTuple(5_000_000, 0x1ABCDEF0 | EXTENDED, b"", 0, 0, 0)),
        (b"1\t0\t1\tRX\t5\t\t0x1\t0\t", FrameTuple(5_000_000, 1, b"", 0, 0, 0)),
    ],
)
def test_rows_with_parser_flags_are_read(row: bytes, expected: FrameTuple) -> None:
    assert only(PARSER_FLAGS + row + b"\n") == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (b"000004F5,FF 34 23 45 24 E4 ", FrameTuple(0, 0x4F5, bytes.fromhex("FF34234524E4"), 0, 0, 0)),
        (b"4f5,f 3 23", FrameTuple(0, 0x4F5, b"\x0f\x03\x23", 0, 0, 0)),
        (b"1ABCDEF0,", FrameTuple(0, 0x1ABCDEF0 | EXTENDED, b"", 0, 0, 0)),
    ],
)
def test_ids_and_data_of_savvycan_are_read_and_have_no_stamp(row: bytes, expected: FrameTuple) -> None:
    assert only(IDS + row + b"\n") == expected
    assert read_all(TableReader, IDS + row + b"\n" + row)[1].unstamped == 2


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (b"0.25,977,0,ff342345", FrameTuple(250_000_000, 977, bytes.fromhex("ff342345"), 0, 0, 0)),
        (b"1.5,0x1abcdef0,0," + b"0a" * 12, FrameTuple(1_500_000_000, 0x9ABCDEF0, b"\x0a" * 12, 0, FD, 0)),
        (b"1.5,2048,0,0x01", FrameTuple(1_500_000_000, 2048 | EXTENDED, b"\1", 0, 0, 0)),
    ],
)
def test_rows_of_cabana_are_read(row: bytes, expected: FrameTuple) -> None:
    assert only(CABANA + row + b"\n") == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (b"1700000000.25,0x123,0,0,0,2,AQI=", FrameTuple(1_700_000_000_250_000_000, 0x123, b"\1\2", 0, 0, 0)),
        (b"1.5,0x123,1,0,0,0,", FrameTuple(1_500_000_000, 0x123 | EXTENDED, b"", 0, 0, 0)),
        (b"1.5,0x7,0,1,0,4,", FrameTuple(1_500_000_000, 0x7 | REMOTE, bytes(4), 0, 0, 0)),
        (b"1.5,0x0,0,0,1,0,", FrameTuple(1_500_000_000, ERROR, b"", 0, 0, 0)),
    ],
)
def test_rows_of_python_can_are_read(row: bytes, expected: FrameTuple) -> None:
    assert only(PYTHON_CAN + row + b"\n") == expected


def test_base64_of_every_length_is_read() -> None:
    for length in range(65):
        data = bytes((7 * index + length) % 256 for index in range(length))
        row = b"1.0,0x1,0,0,0,%d,%s\n" % (length, base64.b64encode(data))
        assert only(PYTHON_CAN + row).data == data


def test_buses_are_counted_from_0() -> None:
    _, _, names = read_all(TableReader, CABANA + b"1.0,1,129,\n1.0,1,0,\n")
    assert names == ["can129", "can0"]


def test_a_header_may_come_again_and_blank_lines_are_nothing() -> None:
    for header, row in ((PARSER_FLAGS, b"1\t0\t1\tRX\t5\t\t0x1\t0\t\n"), (CABANA, b"1.0,1,0,\n")):
        frames, reader, _ = read_all(TableReader, header + row + b"\n" + header + row)
        assert (len(frames), reader.damaged) == (2, 0)


def test_names_of_columns_may_be_written_in_any_way_and_others_may_follow() -> None:
    assert header_of("TIME, Addr ,bus,DATA,signal") == header_of("time,addr,bus,data")
    assert header_of("time,addr,data,bus") is None
    assert header_of("") is None


@pytest.mark.parametrize(
    ("header", "row"),
    [
        *(
            (CABANA, row)
            for row in (
                b"x",
                b"1.0,1,0",
                b"1,1,0,00",
                b"1.0,1f,0,00",
                b"1.0,0x,0,00",
                b"1.0,536870912,0,00",
                b"1.0,0x20000000,0,00",
                b"1.0,1,256,00",
                b"1.0,1,0,000",
                b"1.0,1,0,0g",
                b"1.0,1,0," + b"00" * 65,
            )
        ),
        (IDS, b"1"),
        (IDS, b"1,FF3 4"),
        (IDS, b",FF"),
        *(
            (PYTHON_CAN, row)
            for row in (
                b"1.0,0x1,2,0,0,0,",
                b"1.0,0x1,0,0,0,2,AQID",
                b"1.0,0x1,0,0,0,9,",
                b"1.0,0x1,0,0,0,1,A===",
                b"1.0,0x1,0,0,0,1,AQ=A",
                b"1.0,0x1,0,0,0,1,AQ",
                b"1.0,0x1,0,0,0,1,AQ==AQ==",
                b"1.0,0x1,0,0,0,1,A*==",
                b"1.0,0x1,0,1,0,9,",
                b"nan,0x1,0,0,0,0,",
            )
        ),
    ],
)
def test_a_damaged_row_costs_only_itself(header: bytes, row: bytes) -> None:
    good = {CABANA: b"1.0,1,0,00\n", IDS: b"1,00\n", PYTHON_CAN: b"1.0,0x1,0,0,0,1,AA==\n"}[header]
    frames, reader, _ = read_all(TableReader, header + good + row + b"\n" + good)
    assert [frame.data for frame in frames] == [b"\0", b"\0"]
    assert (reader.damaged, reader.first_damage) == (1, f"3 (byte {len(header + good)})")
