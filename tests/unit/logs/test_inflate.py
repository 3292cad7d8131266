"""Compressed recordings: whole, in many members, cut off, damaged; and what is read of a pipe, and when."""

import bz2
import gzip
import io
import itertools
import lzma
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from telemetry.logs.content import Content
from telemetry.logs.inflate import inflated
from telemetry.logs.pieces import GAP, DamagedError, FileWindow, Inflated

TEXT = b"".join(b"(%d.5) can0 %03X#%016X\n" % (row, row % 2048, row * row) for row in range(8_000))


def give(content: bytes, suffix: str, size: int = 100_000) -> tuple[bytes, str]:
    """Return what comes out, and what is wrong."""
    stream: Inflated | None = inflated(Path(f"log{suffix}"), io.BytesIO(content))
    assert stream is not None
    out = bytearray()
    buffer = bytearray(size)
    try:
        while got := stream.readinto(memoryview(buffer)):
            out += buffer[:got]
    except DamagedError as damaged:
        with pytest.raises(DamagedError):  # and so it stays
            stream.readinto(memoryview(buffer))
        return bytes(out), str(damaged)
    assert stream.readinto(memoryview(buffer)) == 0
    return bytes(out), ""


def read_all(stream: Inflated) -> bytes:
    """Return what comes out of a file that goes on to its end."""
    out = bytearray()
    buffer = bytearray(1000)
    while got := stream.readinto(memoryview(buffer)):
        out += buffer[:got]
    return bytes(out)


PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".zst": zstandard.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
}


def test_the_ending_of_the_name_decides() -> None:
    assert isinstance(inflated(Path("drive.log"), io.BytesIO(b"")), FileWindow)
    for name in ("a.gz", "a.GZ", "a.zst", "a.zstd", "a.xz", "a.bz2"):
        assert not isinstance(inflated(Path(name), io.BytesIO(b"")), FileWindow)


@pytest.mark.parametrize("suffix", PACK)
def test_how_a_file_begins_decides_before_its_name_does(suffix: str) -> None:
    packed = PACK[suffix](TEXT)
    for name in ("", ".log", ".gz", ".zst", ".xz", ".bz2"):
        assert give(packed, name) == (TEXT, "")


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("size", [1000, 65_536, 1_000_000])
def test_what_was_packed_comes_out(suffix: str, size: int) -> None:
    assert give(PACK[suffix](TEXT), suffix, size) == (TEXT, "")
    assert give(PACK[suffix](b""), suffix, size) == (b"", "")


@pytest.mark.parametrize("suffix", PACK)
def test_several_members_are_one_recording(suffix: str) -> None:
    pack = PACK[suffix]
    content = b"".join(map(pack, (TEXT[:1000], b"", TEXT[1000:5000], TEXT[5000:])))
    assert give(content, suffix) == (TEXT, "")


def test_zeros_after_a_member_are_padding() -> None:
    assert give(gzip.compress(TEXT) + bytes(100_000), ".gz") == (TEXT, "")
    assert give(gzip.compress(TEXT) + bytes(700) + gzip.compress(TEXT), ".gz") == (TEXT * 2, "")
    assert give(lzma.compress(TEXT) + bytes(700) + lzma.compress(TEXT) + bytes(4), ".xz") == (TEXT * 2, "")


@pytest.mark.parametrize("suffix", PACK)
def test_a_member_that_ends_long_after_its_last_byte_was_read_costs_nothing_of_the_next(suffix: str) -> None:
    pack = PACK[suffix]
    first, second = b"x" * 3_000_000, b"y" * 400_000
    padding = b"" if suffix == ".zst" else bytes(8)
    out, problem = give(pack(first) + padding + pack(second), suffix)
    assert (len(out), problem) == (3_400_000, "")
    assert out == first + second


@pytest.mark.parametrize("checksums", [(True, True), (True, False), (False, True), (False, False)])
@pytest.mark.parametrize("known_size", [True, False])
def test_zstandard_frames_are_read_in_all_their_forms(checksums: tuple[bool, bool], known_size: bool) -> None:
    one, other = (
        zstandard.ZstdCompressor(write_checksum=has, write_content_size=known_size) for has in checksums
    )
    skippable = b"\x53\x2a\x4d\x18" + (100_000).to_bytes(4, "little") + bytes(100_000)
    runs = bytes(1_000_000) + TEXT
    content = skippable + one.compress(TEXT) + skippable + other.compress(runs)
    assert give(content, ".zst") == (TEXT + runs, "")
    assert give(skippable, ".zst") == (b"", "")


@pytest.mark.parametrize("suffix", PACK)
def test_cut_off_anywhere_it_gives_what_is_before_and_says_where(suffix: str) -> None:
    content = PACK[suffix](TEXT)
    got = 0
    for size in itertools.chain(
        range(30), range(30, len(content), 997), range(len(content) - 20, len(content))
    ):
        out, problem = give(content[:size], suffix)
        assert TEXT.startswith(out)
        assert problem.endswith(f"at byte {size}") or size < 18
        assert len(out) >= got
        got = len(out)
    assert got > len(TEXT) - 200_000


@pytest.mark.parametrize("suffix", PACK)
def test_after_a_member_that_is_cut_off_the_next_one_is_given(suffix: str) -> None:
    """As of a file that a logger appends to at each start, and that lost power."""
    text = TEXT[:1500]
    cut, whole = PACK[suffix](text), PACK[suffix](TEXT[1500:4000]) + PACK[suffix](TEXT[4000:9000])
    for size in range(8, len(cut)):
        stream = inflated(Path(f"log{suffix}"), io.BytesIO(cut[:size] + whole))
        assert stream is not None
        before, gap, after = read_all(stream).partition(GAP)
        assert text.startswith(before)
        assert (gap, after) == (GAP, TEXT[1500:9000])
        assert stream.gaps == 1
        assert stream.first_gap.endswith(f"; goes on at byte {size}")


@pytest.mark.parametrize("suffix", PACK)
def test_a_member_of_nothing_after_one_that_is_cut_off_is_not_taken_for_its_bytes(suffix: str) -> None:
    """As of a logger that lost power, and was stopped right after it had begun again."""
    cut = PACK[suffix](TEXT[:1500])[:-20]
    empty = PACK[suffix](b"")
    # a member of gzip says when it was made, and any time may pass for data of the one before
    stamps = [1_700_000_000 + 999_983 * n for n in range(50)] if suffix == ".gz" else ()
    for nothing in (empty, *(gzip.compress(b"", mtime=stamp) for stamp in stamps)):
        before, gap, after = give(cut + nothing, suffix)[0].partition(GAP)
        assert TEXT[:1500].startswith(before)
        assert (gap, after) == (GAP, b"")


@pytest.mark.parametrize("suffix", PACK)
def test_each_damaged_place_is_a_gap(suffix: str) -> None:
    parts = [TEXT[begin : begin + 3000] for begin in range(0, 15_000, 3000)]
    packed = [bytearray(PACK[suffix](part)) for part in parts]
    for damaged in (1, 3):
        packed[damaged][len(packed[damaged]) // 2 :] = b"no data" * 40
    stream = inflated(Path(f"log{suffix}"), io.BytesIO(b"".join(packed)))
    assert stream is not None
    first, second, third = read_all(stream).split(GAP)
    assert first.startswith(parts[0])
    assert second.startswith(parts[2])
    assert third == parts[4]
    assert stream.gaps == 2


@pytest.mark.parametrize("suffix", PACK)
def test_damage_gives_what_is_before_it_and_says_where(suffix: str) -> None:
    packed = PACK[suffix](TEXT)
    for at in range(0, len(packed), 1499):
        content = bytearray(packed * 2)
        content[len(packed) + at] ^= 0x55
        out, problem = give(bytes(content), suffix)
        assert out[: len(TEXT)] == TEXT
        if problem:
            assert len(packed) <= int(problem.rpartition(" ")[2]) <= len(content)


def test_a_gzip_stream_gives_every_byte_before_the_one_that_fails() -> None:
    def block(data: bytes, complement: int) -> bytes:
        return b"\0" + struct.pack("<HH", len(data), len(data) ^ complement) + data

    head = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
    content = head + block(TEXT[:1000], 0xFFFF) + block(TEXT[1000:2000], 0x1234)
    out, problem = give(content, ".gz")
    assert out == TEXT[:1000]
    assert "invalid stored block lengths" in problem
    assert problem.endswith(f"at byte {10 + 1005 + 4}")


def test_damage_after_the_last_byte_of_a_gzip_stream_was_read_is_one_line() -> None:
    # A dynamic block of RFC 1951 from its first bit on: 2 literals, 255 matches of 258 bytes fill a piece.
    # The byte that ends the last match also has a distance without a code.
    def zeros(count: int) -> str:
        return "0" + f"{count - 11:07b}"[::-1]

    lengths = {18: 1, 2: 2, 1: 2}  # of the code of code lengths: 0, 11 and 10
    order = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1)
    bits = "1" + "01" + "10111" + "00000" + "0111"  # the last, dynamic; 286 lengths, 1 distance, 18
    bits += "".join(f"{lengths.get(symbol, 0):03b}"[::-1] for symbol in order)
    bits += zeros(120) + "11" + zeros(135) + "11" + zeros(28) + "10" + "10"
    bits += "10" * 2 + "00" * 255 + "01"  # x: 10; of 258 bytes: 0; at distance 1: 0
    stream = int(bits[::-1], 2).to_bytes(-(-len(bits) // 8), "little")
    out, problem = give(gzip.compress(b"")[:10] + stream, ".gz")
    assert out == b"x" * len(out)
    assert len(out) >= 65_536
    assert "at byte" in problem


@pytest.mark.parametrize(("at", "what"), [(-8, "checksum"), (-4, "length")])
def test_a_gzip_stream_whose_end_contradicts_it_says_that_what_was_read_may_be_wrong(
    at: int, what: str
) -> None:
    packed = bytearray(gzip.compress(b"line\n" * 1000))
    packed[at] ^= 1
    out, problem = give(bytes(packed), ".gz")
    assert out == b"line\n" * 1000
    assert problem.startswith(f"the {what} is wrong, and what was read of it may be, at byte ")


def test_a_file_that_inflates_beyond_measure_is_given_in_pieces() -> None:
    zeros = bytes(50_000_000)
    for suffix in PACK:
        stream = inflated(Path(f"log{suffix}"), io.BytesIO(PACK[suffix](zeros)))
        assert stream is not None
        buffer = bytearray(1 << 20)
        largest = total = 0
        while got := stream.readinto(memoryview(buffer)):
            largest = max(largest, got)
            total += got
        assert total == len(zeros)
        assert largest <= 128 * 1024


def test_a_window_beyond_measure_is_refused() -> None:
    params = zstandard.ZstdCompressionParameters(window_log=28, write_content_size=False)
    packer = zstandard.ZstdCompressor(compression_params=params)
    out, problem = give(packer.compressobj().compress(TEXT * 200) or b"", ".zst")
    assert out == b""
    assert problem


def test_bytes_of_a_pipe_that_were_looked_at_are_there_at_once_and_others_when_they_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("telemetry.logs.content.LONGEST_WAIT_S", 0.0)
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "wb", 0) as pipe:
        pipe.write(b"0123456789abcdef")
        with Content(Path(f"/dev/fd/{reading}")) as content:
            assert content.beginning(4) == b"0123"
            assert content.more_soon()
            assert content.read(8) == b"0123"
            assert content.read(16) == b"456789abcdef"
            assert not content.more_soon()
