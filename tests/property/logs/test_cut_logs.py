"""Compressed logs that end too early, at any byte: what is read is what the whole log begins with."""

import itertools
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_core.frames.batch import FrameBatch, FrameTuple

from telemetry.logs.log import OpenLog
from tests.support.examples import examples
from tests.support.logs import Numbering, blf_container, blf_file, blf_message

LineOf = Callable[[int, int, bytes], bytes]  # of the seconds, the identifier and the data


def candump(second: int, id: int, data: bytes) -> bytes:
    return b"(%d.25) can0 %03X#%s\n" % (second, id, data.hex().encode())


def candump_display(second: int, id: int, data: bytes) -> bytes:
    return b" (%d.25)  can0  %03X   [%d]  %s\n" % (second, id, len(data), data.hex(" ").encode())


def asc(second: int, id: int, data: bytes) -> bytes:
    return b"%d.25 1  %X  Rx  d %d %s\n" % (second, id, len(data), data.hex(" ").encode())


def gvret(second: int, id: int, data: bytes) -> bytes:
    return b"%d,%08X,false,Rx,0,%d%s\n" % (
        second * 1_000_000,
        id,
        len(data),
        b"".join(b",%02X" % byte for byte in data),
    )


def trc(second: int, id: int, data: bytes) -> bytes:
    return b"%6d) %9d.5  Rx  %04X  %d  %s\n" % (
        second + 1,
        second * 1000,
        id,
        len(data),
        data.hex(" ").encode(),
    )


FORMATS: dict[str, tuple[str, bytes, LineOf]] = {
    "candump": (".log", b"", candump),
    "candump on a screen": (".log", b"", candump_display),
    "ASC": (".asc", b"date Tue Nov 14 10:13:20.500 pm 2023\nbase hex timestamps relative\n", asc),
    "GVRET": (".csv", b"Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\n", gvret),
    "TRC": (".trc", b";$FILEVERSION=1.1\n;$STARTTIME=45244.9259259259\n", trc),
}
ROWS = st.lists(st.tuples(st.integers(0, 0x7FF), st.binary(max_size=8)), max_size=12)


def gzipped(content: bytes, ends: Sequence[int], level: int) -> bytes:
    """Compress in blocks that end there; level 0 compresses nothing, so that each byte counts alone."""
    packer = zlib.compressobj(level, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    blocks = [packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH) for part in parts_of(content, ends)]
    return b"".join(blocks) + packer.flush()


def zstandardized(content: bytes, ends: Sequence[int], level: int) -> bytes:
    packer = zstandard.ZstdCompressor(level + 1).compressobj()
    flush = zstandard.COMPRESSOBJ_FLUSH_BLOCK
    return b"".join(packer.compress(part) + packer.flush(flush) for part in parts_of(content, ends)) + (
        packer.flush()
    )


def parts_of(content: bytes, ends: Sequence[int]) -> list[bytes]:
    bounds = [0, *sorted(min(end, len(content)) for end in ends), len(content)]
    return [content[begin:end] for begin, end in itertools.pairwise(bounds)]


PACKERS = {".gz": gzipped, ".zst": zstandardized}
KEPT = st.lists(st.floats(0, 1), min_size=5, max_size=20)  # how much of the file is there
BLOCK_ENDS = st.lists(st.integers(0, 700), max_size=20)


def read(path: Path, content: bytes) -> tuple[list[FrameTuple], list[str]]:
    path.write_bytes(content)
    frames: list[FrameTuple] = []
    batch = FrameBatch(5)
    with OpenLog(path, Numbering().__getitem__) as log:
        while not log.at_end:
            log.read(batch)
            frames += batch
            batch.clear()
        return frames, log.warnings()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None, max_examples=examples(40))
@given(rows=ROWS, ends=BLOCK_ENDS, level=st.sampled_from([0, 6]), has_end=st.booleans(), kept=KEPT)
def test_of_a_text_log_that_was_cut_no_frame_is_read_that_it_did_not_have(
    folder: Path,
    name: str,
    packed: str,
    rows: list[tuple[int, bytes]],
    ends: list[int],
    level: int,
    has_end: bool,
    kept: list[float],
) -> None:
    suffix, header, line_of = FORMATS[name]
    content = header + b"".join(line_of(second, *row) for second, row in enumerate(rows, start=1))
    content = content if has_end else content.removesuffix(b"\n")
    log = PACKERS[packed](content, ends, level)
    path = folder / f"log{suffix}{packed}"
    whole, warnings = read(path, log)
    assert [(frame.id, frame.data) for frame in whole] == rows  # the last one without a line end, too
    assert warnings == []
    for part in kept:
        frames, warnings = read(path, log[: int(part * len(log))])
        assert frames == whole[: len(frames)]
        assert all("ends early" in warning for warning in warnings)


@pytest.mark.parametrize("packed", PACKERS)
@settings(deadline=None, max_examples=examples(40))
@given(rows=ROWS, ends=BLOCK_ENDS, level=st.sampled_from([0, 6]), kept=KEPT)
def test_of_a_binary_log_that_was_cut_no_frame_is_read_that_it_did_not_have(
    folder: Path, packed: str, rows: list[tuple[int, bytes]], ends: list[int], level: int, kept: list[float]
) -> None:
    objects = [blf_message(*row, stamp=second) for second, row in enumerate(rows)]
    content = blf_file(
        blf_container(b"".join(objects[:6])), blf_container(b"".join(objects[6:]), stored=True)
    )
    log = PACKERS[packed](content, ends, level)
    path = folder / f"log.blf{packed}"
    whole, _ = read(path, log)
    assert len(whole) == len(rows)
    for part in kept:
        frames, _ = read(path, log[: int(part * len(log))])
        assert frames == whole[: len(frames)]
