"""Logs larger than memory: what is resident does not grow with what was read."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.logs.asc import AscReader
from telemetry_core.logs.blf import BlfReader
from telemetry_core.logs.candump import CandumpReader
from telemetry_core.logs.canhacker import CanHackerReader
from telemetry_core.logs.crtd import CrtdReader
from telemetry_core.logs.gvret import GvretReader
from telemetry_core.logs.pcap import PcapReader
from telemetry_core.logs.table import TableReader

from telemetry.logs.inflate import inflated
from tests.support.captures import capture, interface, packet_block, section, socketcan
from tests.support.logs import PACKERS, Reader, blf_container, blf_file, blf_message

STREAM_BYTES = 64 * 1024 * 1024
GROWTH_BYTES = 4 * 1024 * 1024  # of the allocator's own


class Repeated:
    """A stream of `start`, then of `block` over and over."""

    def __init__(self, start: bytes, block: bytes, total: int) -> None:
        self._rest = start
        self._block = block
        self._left = total

    def readinto(self, buffer: memoryview, /) -> int:
        if not self._rest and self._left > 0:
            self._rest = self._block
        piece, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(piece)] = piece
        self._left -= len(piece)
        return len(piece)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def read_on(reader: Reader, batch: FrameBatch, frames: int) -> None:
    while reader.frames_read < frames and reader.read(batch):
        batch.clear()


BLF_CONTENT = b"".join(blf_message(id, bytes(8)) for id in range(1000))
READERS: dict[str, tuple[Callable[[Repeated, Callable[[str], int]], Reader], bytes, bytes]] = {
    "candump": (CandumpReader, b"", b"(1.0) can0 123#0011223344556677\n" * 100),
    "ASC": (AscReader, b"base hex timestamps absolute\n", b"1.0 1 123 Rx d 4 00 11 22 33\n" * 100),
    "GVRET": (GvretReader, b"", b"1,123,false,Rx,0,4,00,11,22,33,\n" * 100),
    "CRTD": (CrtdReader, b"", b"1.0 1R11 123 00 11 22 33\n" * 100),
    "CANHacker": (CanHackerReader, b"", b"1.0 123 4 00 11 22 33\n" * 100),
    "pcap": (PcapReader, capture([]), capture([(0, socketcan(1, bytes(8)))] * 100)[24:]),
    "pcapng": (PcapReader, section() + interface(), packet_block(0, 0, socketcan(1, bytes(8))) * 100),
    "no packet": (PcapReader, section() + interface(), b"x" * 100_000),
    "table": (TableReader, b"time,addr,bus,data\n", b"1.0,291,0,00112233\n" * 100),
    "BLF": (BlfReader, blf_file(), blf_container(BLF_CONTENT)),
    "stored BLF": (BlfReader, blf_file(), blf_container(BLF_CONTENT, stored=True)),
    "lone objects": (BlfReader, blf_file(), BLF_CONTENT),
    "one endless line": (CandumpReader, b"", b"x" * 100_000),
    "no object": (BlfReader, blf_file(), b"x" * 100_000),
}


@pytest.mark.parametrize("name", READERS)
def test_a_reader_holds_no_more_the_longer_the_log_is(name: str) -> None:
    reader_of, start, block = READERS[name]
    total = STREAM_BYTES if "BLF" not in name and name != "lone objects" else STREAM_BYTES // 8
    batch = FrameBatch(4096)
    reader = reader_of(Repeated(start, block, total), lambda _: 0)
    read_on(reader, batch, 10_000)
    before = resident_bytes()
    read_on(reader, batch, 2**62)
    assert reader.at_end
    assert resident_bytes() - before < GROWTH_BYTES


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_compressed_log_holds_no_more_the_longer_it_is(suffix: str) -> None:
    noise = os.urandom(200_000)
    member = PACKERS[suffix](noise)
    stream = inflated(Path(f"log{suffix}"), Repeated(b"", member, STREAM_BYTES))
    buffer = memoryview(bytearray(100_000))
    for _ in range(100):
        stream.readinto(buffer)
    before = resident_bytes()
    while stream.readinto(buffer):
        pass
    assert resident_bytes() - before < GROWTH_BYTES
