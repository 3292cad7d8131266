"""Finding records in whatever bytes a segment holds."""

from bisect import bisect_right
from itertools import accumulate
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from telemetry.spool.filesystem import append_all
from telemetry.spool.record import encode_head
from telemetry.spool.segment import Segment, SegmentReader, parse_name, segment_path
from tests.support.disk import SimulatedDisk
from tests.support.spool import batch

PATH = Path("/spool/000000000000000.0.segment")


def record(place: int, padding: int = 0) -> bytes:
    of = batch(place, padding=padding)
    head = encode_head(of, b"", whole=False, sequence=1, place=place, stored_ns=0, commit_bytes=0)
    return head + of.payload


RECORDS = [record(0), record(3), record(6), record(9)]
ENDS = list(accumulate(map(len, RECORDS)))


def reader(content: bytes, *, end: int = 12) -> SegmentReader:
    disk = SimulatedDisk()
    disk.make_directory(PATH.parent)
    append_all(disk, disk.create(PATH), content)
    return SegmentReader(disk, Segment(PATH, 0, 0, end, len(content), 0.0))


def places(of: SegmentReader) -> list[int]:
    return [found.head.place for found in iter(of.next, None) if of.batch(found)]


@given(st.lists(st.binary(max_size=100) | st.just(b"nTs\x01" * 20), min_size=5, max_size=5))
def test_records_are_found_with_garbage_between(garbage: list[bytes]) -> None:
    content = garbage[0] + b"".join(r + g for r, g in zip(RECORDS, garbage[1:], strict=True))
    assert places(reader(content)) == [0, 3, 6, 9]


@pytest.mark.parametrize("reads", [1, 2])
@pytest.mark.parametrize("short_bytes", range(-1, 6))
def test_a_record_is_found_though_its_magic_lies_over_the_border_of_two_reads(
    reads: int, short_bytes: int
) -> None:
    """The search through damage reads 64 KiB at a time, from the second byte on."""
    damage = b"\xff" * (reads * 65_536 + 1 - short_bytes)
    assert places(reader(damage + RECORDS[0] + RECORDS[1])) == [0, 3]


def test_a_flipped_byte_costs_only_the_record_it_is_in() -> None:
    content = b"".join(RECORDS)
    for offset in range(len(content)):
        damaged = bytearray(content)
        damaged[offset] ^= 0x40
        hit = 3 * bisect_right(ENDS, offset)
        assert places(reader(bytes(damaged))) == [place for place in (0, 3, 6, 9) if place != hit]


def test_a_tail_torn_at_any_length_costs_only_what_is_torn() -> None:
    content = b"".join(RECORDS)
    for length in range(len(content)):
        whole = bisect_right(ENDS, length)
        assert places(reader(content[:length])) == [0, 3, 6, 9][:whole]


def test_records_after_the_next_segments_place_do_not_count() -> None:
    assert places(reader(b"".join(RECORDS), end=9)) == [0, 3, 6]


def test_records_that_go_back_do_not_count() -> None:
    assert places(reader(RECORDS[0] + RECORDS[2] + RECORDS[1] + RECORDS[3])) == [0, 6, 9]


def test_finding_goes_back_and_forth() -> None:
    of = reader(b"".join(RECORDS))
    for place, found_place in ((6, 6), (0, 0), (4, 6), (3, 3), (9, 9), (10, None)):
        found = of.find(place)
        assert (found.head.place if found else None) == found_place


def test_an_unreadable_sector_costs_only_what_is_in_it() -> None:
    disk = SimulatedDisk()
    disk.make_directory(PATH.parent)
    content = RECORDS[0] + record(3, padding=12_000) + RECORDS[2] + RECORDS[3]
    append_all(disk, disk.create(PATH), content)
    of = SegmentReader(disk, Segment(PATH, 0, 0, 12, len(content), 0.0))
    disk.unreadable = (PATH, 4096, 8192)
    assert places(of) == [0, 6, 9]


def test_names_carry_place_and_attempt() -> None:
    path = segment_path(Path("/spool"), 123456, 2)
    assert path.name == "000000000123456.2.segment"
    assert parse_name(path.name) == (123456, 2)
    for other in (
        "acknowledged",
        "1.2.segment",
        "000000000123456.2.segment.new",
        "0000000001234567.2.segment",
    ):
        assert parse_name(other) is None


def test_a_segment_that_cannot_be_opened_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError):
        SegmentReader(SimulatedDisk(), Segment(PATH, 0, 0, 12, 100, 0.0))
