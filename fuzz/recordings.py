"""Logs and captures: any file is read to its end, the same however it is read."""

import bz2
import gzip
import io
import lzma
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import zstandard
from telemetry_core.frames.batch import FrameBatch, FrameTuple

from fuzz.scratch import scratch_file
from telemetry.decode.decoder import Decoder
from telemetry.decode.described import by_protocol
from telemetry.errors import DataError, TelemetryError
from telemetry.logs.archives import with_members
from telemetry.logs.captures import Capture, parse_line
from telemetry.logs.log import OpenLog
from telemetry.scrub.files import scrub_capture, scrub_log
from telemetry.scrub.replacements import Replacements
from telemetry.stages.formats import OutputFormat

LONGEST_PAYLOAD_BYTES = 64
SMALL_BATCH_FRAMES = 7
MF4_LOG = Path(__file__).parent / "drive.mf4"
TABLES = (
    b"ParserFlags\tCh\tCounter\tT/R\tTime\tFlags\tCAN ID\tLen\tData",
    b"ID,Data Bytes",
    b"time,addr,bus,data",
    b"timestamp,arbitration_id,extended,remote,error,dlc,data",
)
FORMATS = tuple(OutputFormat)


def log_harness(name: str) -> Callable[[bytes], None]:
    """Return the harness for the format of this file name."""

    def harness(data: bytes) -> None:
        file = scratch_file(name, data)
        try:
            whole = _read_whole(file)
        except DataError as error:
            assert str(error).isprintable()
            return
        frames, _, warnings = whole
        assert all(frame.time_ns >= 0 and len(frame.data) <= LONGEST_PAYLOAD_BYTES for frame in frames)
        assert all("\n" not in warning for warning in warnings)
        assert _read_when_due(file, SMALL_BATCH_FRAMES) == whole

    return harness


def archive_harness(data: bytes) -> None:
    """Read each member of an archive whatever it is."""
    for member in with_members([scratch_file("log.zip", data)]):
        try:
            _, _, warnings = _read_whole(member)
        except TelemetryError as error:
            assert str(error).isprintable()
        else:
            assert all("\n" not in warning for warning in warnings)


def table_harness(data: bytes) -> None:
    """Rows of one of the known tables; the first byte says of which."""
    header = TABLES[data[0] % len(TABLES)] if data else TABLES[0]
    log_harness("log.txt")(header + b"\n" + data[1:])


def packed_harness(suffix: str, pack: Callable[[bytes], bytes]) -> Callable[[bytes], None]:
    """Inflate the rest of a compressed file after a first member that is whole."""

    def harness(data: bytes) -> None:
        frame = b"(1.000000) can0 001#0102\n"
        frames, _, _ = _read_whole(scratch_file(f"log{suffix}", pack(frame) + data))
        assert frames[0] == FrameTuple(10**9, 1, b"\x01\x02", 0, 0, 0)
        log_harness(f"log{suffix}")(data)

    return harness


gzip_harness = packed_harness(".gz", lambda data: gzip.compress(data, mtime=0))
zst_harness = packed_harness(".zst", zstandard.compress)
xz_harness = packed_harness(".xz", lzma.compress)
bzip2_harness = packed_harness(".bz2", bz2.compress)


def mf4_harness(data: bytes) -> None:
    """Read a whole log with other records (from the third byte on), cut off where the first two say.

    Its blocks stay as they are.
    """
    whole = MF4_LOG.read_bytes()
    log = bytearray(whole)
    cut_bytes = int.from_bytes(data[:2])
    records = io.BytesIO(data[2:])
    for block in re.finditer(rb"##DT....(.{8})", whole, re.DOTALL):
        begin, end = block.end() + 8, block.start() + int.from_bytes(block[1], "little")
        changed = records.read(end - begin)
        log[begin : begin + len(changed)] = changed
    log_harness("log.mf4")(bytes(log[: max(len(log) - cut_bytes, 0)]))


def mf4_links_harness(data: bytes) -> None:
    """Read a whole log with other links between its blocks: in each four bytes which link, and where to.

    What else blocks say stays as it is.
    """
    whole = MF4_LOG.read_bytes()
    log = bytearray(whole)
    links = [
        block.end() + 8 * number
        for block in re.finditer(rb"##[A-Z]{2}.{12}(.{8})", whole, re.DOTALL)
        for number in range(int.from_bytes(block[1], "little"))
    ]
    for number, address in struct.iter_unpack(">HH", data[: len(data) // 4 * 4]):
        struct.pack_into("<Q", log, links[number % len(links)], address)
    log_harness("log.mf4")(bytes(log))


def mf4_fields_harness(data: bytes) -> None:
    """Read a log with other fields, lengths and counts of links in its channels and their groups.

    Each three bytes say which byte of them, and what stands there.
    """
    whole = MF4_LOG.read_bytes()
    log = bytearray(whole)
    blocks = [*re.finditer(rb"##C[GN]....(.{8})(.{8})", whole, re.DOTALL)]
    places = [
        place
        for block in blocks
        for place in range(
            block.end() + 8 * int.from_bytes(block[2], "little"),
            block.start() + int.from_bytes(block[1], "little"),
        )
    ]
    places += [place for block in blocks for place in range(block.start(1), block.end())]  # lengths, counts
    for number, value in struct.iter_unpack(">HB", data[: len(data) // 3 * 3]):
        log[places[number % len(places)]] = value
    log_harness("log.mf4")(bytes(log))


def capture_harness(protocol: str) -> Callable[[bytes], None]:
    """Decode a capture in one of the formats: whole lines, to the end."""

    def harness(data: bytes) -> None:
        output_format = FORMATS[zlib.crc32(data) % len(FORMATS)]
        decoder = Decoder(*by_protocol(protocol, vehicle="car").make(output_format))
        try:
            with decoder.pieces([scratch_file("capture.txt", data)]) as pieces:
                text = b"".join(piece.text for piece in pieces)
        except DataError as error:  # no message in it
            assert str(error).isprintable()
            return
        assert not text or text.endswith(b"\n")

    return harness


def scrub_capture_harness(data: bytes) -> None:
    """Scrub a capture whatever is in it: as many lines come out, each as long."""
    file = scratch_file("capture.txt", data)
    lines: list[bytes] = []
    try:
        scrub_capture(file, (), Replacements(), lines.append)
    except DataError as error:
        assert str(error).isprintable()
        return
    with Capture(file) as capture:
        expected = [(piece.time_ns, piece.is_received, len(piece.data)) for piece in capture]
    made = [piece for line in lines if (piece := parse_line(line)) is not None]
    assert [(piece.time_ns, piece.is_received, len(piece.data)) for piece in made] == expected


def scrub_log_harness(data: bytes) -> None:
    """Scrub a log whatever is in it, twice: the same frames come out but for their data."""
    file, other = scratch_file("log.log", data), scratch_file("other.log", b"")
    try:
        before = _read_whole(file)[0]
        with other.open("wb") as stream:
            scrub_log(file, {}, Replacements(), stream.write, as_asc=False)
    except DataError as error:
        assert str(error).isprintable()
        return
    after = _read_whole(other)[0] if before else []
    assert [(one.time_ns, one.id, len(one.data), one.channel, one.flags) for one in after] == [
        (one.time_ns, one.id, len(one.data), one.channel, one.flags) for one in before
    ]


def _read_whole(file: Path) -> tuple[list[FrameTuple], int, list[str]]:
    names: dict[str, int] = {}
    frames: list[FrameTuple] = []
    batch = FrameBatch(1000)
    with OpenLog(file, lambda name: names.setdefault(name, len(names))) as log:
        while not log.at_end:
            log.read(batch)
            frames += batch
            batch.clear()
        assert log.frames_read == len(frames)
        return frames, log.damaged, log.warnings()


def _read_when_due(file: Path, batch_frames: int) -> tuple[list[FrameTuple], int, list[str]]:
    """Return what comes when each frame is read once its stamp has come, in small batches."""
    names: dict[str, int] = {}
    frames: list[FrameTuple] = []
    batch = FrameBatch(batch_frames)
    due_ns = -1
    with OpenLog(file, lambda name: names.setdefault(name, len(names))) as log:
        while not log.at_end:
            if not log.read(batch, batch_frames - 1, due_ns):
                due_ns = log.next_ns
            frames += batch
            batch.clear()
        return frames, log.damaged, log.warnings()
