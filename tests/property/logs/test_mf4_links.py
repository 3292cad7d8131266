"""Links between an MF4 log's blocks, whatever they are: no crash, no hang."""

import io
import re
import struct
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.logs.mf4_blocks import Blocks

FILE = (Path(__file__).parents[3] / "fuzz" / "drive.mf4").read_bytes()
BLOCKS = [block.start() for block in re.finditer(rb"##[A-Z]{2}", FILE)]

links = st.tuples(
    st.sampled_from(BLOCKS),
    st.integers(0, 7),
    st.one_of(st.sampled_from(BLOCKS), st.integers(0, len(FILE)), st.integers(0, 2**64 - 1)),
)
kinds = st.tuples(st.sampled_from(BLOCKS), st.sampled_from([b"DG", b"CG", b"CN", b"CA", b"DL", b"HL", b"LD"]))


def check(log: bytes) -> None:
    """Check that the log is sound, or refused or cut off at a place that is named."""
    said = ""
    try:
        Blocks(io.BytesIO(log)).check()
    except (ValueError, EOFError) as error:
        said = str(error)
    assert re.search(r"^$|at byte [0-9]+$", said)


@given(st.lists(links, max_size=8), st.lists(kinds, max_size=4))
def test_any_links_between_any_blocks_end(
    changes: list[tuple[int, int, int]], others: list[tuple[int, bytes]]
) -> None:
    log = bytearray(FILE)
    for block, number, address in changes:
        struct.pack_into("<Q", log, block + 24 + 8 * number, address)
    for block, kind in others:
        log[block + 2 : block + 4] = kind
    check(bytes(log))


@given(st.binary(max_size=300), st.integers(0, 200))
def test_any_bytes_end(content: bytes, kept: int) -> None:
    check(content)
    check(FILE[:kept] + content)
