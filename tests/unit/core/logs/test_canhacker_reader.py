"""The compiled reader of CANHacker's traces, and of CARBUS Analyzer's; lines are those of public traces."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.frames.batch import FrameTuple
from telemetry_core.logs.canhacker import CanHackerReader

from tests.support.can_frames import EXTENDED
from tests.support.logs import Reader, read_all

CANHACKER = b"Time   ID     DLC Data                    Comment\n"
CARBUS_2 = b"@ TEXT @ 2 @ 64 @ 0 @ 55 @ 10078 @ 00:00:10.078 @\n"
CARBUS_3 = b"@ TEXT @ 3 @ 64 @ 0 @ 1149 @ 7459 @ 00:00:07.459 @\n# $LocalTime=11:19:54.503\n"
MS = 10**6
S = 10**9


def rows(line: bytes, head: bytes) -> tuple[list[FrameTuple], Reader, list[str]]:
    return read_all(CanHackerReader, head + line + b"\n")


@pytest.mark.parametrize(
    ("head", "line", "frame"),
    [
        (CANHACKER, b"18,876 070      8 00 B0 C8 64 9D B0 01 D6 ", (18_876 * MS, 0x70, "00B0C8649DB001D6")),
        (CANHACKER, b"00.000 18EA0003 3 BE FE 00 words", (0, 0x18EA0003 | EXTENDED, "BEFE00")),
        (CANHACKER, b"00.25 00000123 0", (250 * MS, 0x123 | EXTENDED, "")),
        (
            CARBUS_2,
            b"46,016\t1\t0004\t45A\t8\t5A 04 00 00 00 00 00 00\t00000000\tZ       \t",
            (46_016 * MS, 0x45A, "5A04000000000000"),
        ),
        (
            CARBUS_3,
            b"26,671594\t1\t00000004\t2FF\t6\t0F 00 FF FF FF FF      \t00000000\t  @ # \t",
            (26_671_594_000, 0x2FF, "0F00FFFFFFFF"),
        ),
        (CARBUS_3, b"1,5\t1\t0004\t1ABCDE\t1\t01\t00000000", (1_000_005_000, 0x1ABCDE | EXTENDED, "01")),
    ],
)
def test_each_form_is_read(head: bytes, line: bytes, frame: tuple[int, int, str]) -> None:
    frames, reader, names = rows(line, head)
    assert frames == [FrameTuple(frame[0], frame[1], bytes.fromhex(frame[2]), 0, 0, 0)]
    assert (reader.damaged, names) == (0, ["can0"])


@pytest.mark.parametrize("ending", [b"\r", b"\n", b"\r\n"])
@pytest.mark.parametrize("sizes", [[], [7] * 99])
def test_lines_end_as_windows_macs_and_linux_end_them(ending: bytes, sizes: list[int]) -> None:
    log = CARBUS_3 + b"26,1\t1\t4\t1\t1\t01\t0\nx\n26,2\t2\t4\t2\t1\t02\t0\n"
    frames, reader, names = read_all(CanHackerReader, log.replace(b"\n", ending), sizes)
    assert [(frame.id, frame.data, frame.channel) for frame in frames] == [(1, b"\1", 0), (2, b"\2", 1)]
    assert names == ["can0", "can1"]
    assert reader.first_damage.startswith("4 (byte ")


def test_minutes_are_counted_and_a_frame_that_comes_late_is_no_minute() -> None:
    """59,999276 and 00,000274 follow each other in a trace of a Smart."""
    seconds = ["58,5", "59,999276", "00,000274", "29,0", "28,9", "x", "58,0", "10,0", "0,0"]
    log = b"".join(f"{each}\t1\t4\t1\t0\n".encode() for each in seconds)
    log = CARBUS_3.replace(b"@ 3 @", b"@ 9 @") + log  # of a version that nobody knows: digits are a fraction
    frames, reader, _ = read_all(CanHackerReader, log, batch_frames=1)
    expected = [58.5, 59.999276, 60.000274, 89.0, 88.9, 118.0, 130.0, 120.0]
    assert [frame.time_ns for frame in frames] == [round(each * S) for each in expected]
    assert reader.damaged == 1


@pytest.mark.parametrize(
    "line",
    [
        b"x",
        b"1 070 1 00",
        b"1, 070 1 00",
        b"1,5",
        b"1,5 G 1 00",
        b"1,5 20000000 1 00",
        b"1,5 070",
        b"1,5 070 9 00 00 00 00 00 00 00 00 00",
        b"1,5 070 2 00",
        b"1,5 070 1 000",
        b"1,5 070 1 00;",
        b"1,5 070 1 0G",
        b"1,0123456789 070 1 00",
    ],
)
def test_a_damaged_line_costs_only_itself(line: bytes) -> None:
    frames, reader, _ = rows(b"1,0 1 0\n" + line + b"\n2,0 2 0", CANHACKER)
    assert [frame.id for frame in frames] == [1, 2]
    assert (reader.damaged, reader.first_damage) == (1, "3 (byte 58)")


ROWS = st.lists(
    st.tuples(st.integers(0, 29_999_999), st.integers(0, 0x1FFFFFFF), st.binary(max_size=8)), max_size=12
)
SIZES = st.lists(st.integers(1, 60), max_size=40)


@given(ROWS, SIZES, st.sampled_from([b"\r", b"\n", b"\r\n"]))
def test_what_is_written_is_read_back(
    written: list[tuple[int, int, bytes]], sizes: list[int], ending: bytes
) -> None:
    """Stamps are less than half a minute apart."""
    log, expected = CARBUS_3, []
    stamps_us = itertools.accumulate(step_us for step_us, _, _ in written)
    for time_us, (_, id, data) in zip(stamps_us, written, strict=True):
        name = f"{id:03X}" if id <= 0x7FF else f"{id:08X}"
        within = f"{time_us // 10**6 % 60:02d},{time_us % 10**6:06d}"
        log += f"{within}\t1\t00000004\t{name}\t{len(data)}\t{data.hex(' '):23}\t00000000\t\t\n".encode()
        expected.append((1000 * time_us, id | (EXTENDED if id > 0x7FF else 0), data))
    frames, reader, _ = read_all(CanHackerReader, log.replace(b"\n", ending), sizes, 5)
    assert [(frame.time_ns, frame.id, frame.data) for frame in frames] == expected
    assert reader.damaged == 0


@given(
    st.sampled_from([CANHACKER, CARBUS_2, CARBUS_3, b""]),
    st.lists(
        st.one_of(
            st.binary(max_size=30), st.sampled_from([b"\r", b"\n", b"59,9 1 0\n", b"0,1\t1\t4\t1\t0\r"])
        )
    ),
    SIZES,
    st.integers(1, 5),
)
def test_neither_the_pieces_nor_the_batch_size_matter(
    head: bytes, parts: list[bytes], sizes: list[int], capacity: int
) -> None:
    log = head + b"".join(parts)
    frames, reader, _ = read_all(CanHackerReader, log, sizes, capacity)
    whole, other, _ = read_all(CanHackerReader, log, [], 1000)
    assert (frames, reader.damaged, reader.first_damage) == (whole, other.damaged, other.first_damage)
