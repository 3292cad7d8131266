"""Files that people or a failing disk may have made anything of: databases, plans, configurations, spools and
segments of a black box."""

import contextlib
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

from telemetry_core.decode.plan import Plan
from telemetry_core.decode.spec import PlanSpec
from telemetry_core.frames.batch import FrameBatch, FrameTuple
from telemetry_core.frames.packed import Packer
from telemetry_core.rows.schema import Schema

from fuzz.scratch import scratch_file
from telemetry.blackbox.store import LENGTH, Box, Capture, Part
from telemetry.capture.frozen import write_capture
from telemetry.config import load_config
from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases, LoadedPlan
from telemetry.databases.plan_codec import decoded, encoded
from telemetry.errors import ConfigError
from telemetry.spool import Spool, SpoolLimits
from telemetry.spool.compress import compress
from telemetry.spool.filesystem import append_all
from telemetry.spool.record import FIXED_BYTES, MAGIC
from telemetry.spool.segment import segment_path
from tests.support.clock import FakeClock
from tests.support.decoders import both
from tests.support.disk import SimulatedDisk
from tests.support.spool import assert_balanced, drain

EXTENDED = 0x80000000
SPOOL = Path("/spool")
BETWEEN_SEGMENTS = b"\n\n--\n\n"


def database_harness(name: str) -> Callable[[bytes], None]:
    """Return the harness for the format of this file name.

    A database is refused in one line, or gives a plan under which both decoders say the same.
    """

    def harness(data: bytes) -> None:
        file = scratch_file(name, data)
        try:
            plan = build_plan([BusDatabases("main", (file,))])
        except ConfigError as error:
            assert str(error).isprintable()
            return
        assert all(warning.isprintable() for warning in plan.warnings)
        assert decoded(encoded(plan)) == plan
        _assert_decoders_agree(plan.spec, Random(zlib.crc32(data)))

    return harness


def plan_harness(data: bytes) -> None:
    """Check that what is no plan is refused, here or by the compiled core, by some exception."""
    try:
        plan = decoded(data)
    except ValueError:
        return
    assert isinstance(plan, LoadedPlan)
    with contextlib.suppress(Exception):
        Plan(plan.spec, Schema(plan.spec.records))


def configuration_harness(data: bytes) -> None:
    """Take a configuration, or refuse it in one line that says where."""
    file = scratch_file("a.toml", data)
    try:
        config = load_config(file, {})
    except ConfigError as error:
        assert str(error).isprintable()
        assert error.where
        return
    assert config.sources


def spool_harness(data: bytes) -> None:
    """Open the spool and read what it has; it balances unless checks were forged.

    Up to three segments; before each a byte: its place, and in bit 7 whether checks are forged, so that
    heads that make no sense are believed.
    """
    disk = SimulatedDisk()
    disk.make_directory(SPOOL)
    parts = [part for part in data.split(BETWEEN_SEGMENTS, 2) if part]
    for number, part in enumerate(parts):
        path = segment_path(SPOOL, part[0] & 0x7F, number)
        append_all(disk, disk.create(path), _with_checks(part[1:]) if part[0] & 0x80 else part[1:])
    disk.kill()
    limits = SpoolLimits(keep_free_bytes=0, segment_bytes=500)
    spool = Spool(SPOOL, clock=FakeClock(), limits=limits, filesystem=disk)
    if not any(part[0] & 0x80 for part in parts):
        assert_balanced(spool, spool.recovery.accounts)
    for _ in drain(spool):
        pass
    if not any(part[0] & 0x80 for part in parts):
        assert_balanced(spool, spool.recovery.accounts)
    spool.close()


def black_box_harness(data: bytes) -> None:
    """Get a capture of a segment with any bytes between two whole records.

    Bit 7 of the first byte: they are a record that is whole by its length and its check, and the second one
    is read, too. Otherwise a length may hide it.
    """
    frames = FrameBatch(1)
    frames.append(10**18, 0x123, b"whole")
    whole = _record(Part("can0", Packer().pack(frames), count=1).packed())
    is_record = bool(data) and data[0] >= 0x80
    scratch_file("box/0000000001.segment", whole + (_record(data[1:]) if is_record else data[1:]) + whole)
    log = scratch_file("black-box.log", b"")
    log.unlink()
    box = Box(log.parent / "box")
    beside = log.with_name("black-box-serial.log")
    beside.unlink(missing_ok=True)
    written = write_capture(box, Capture("a", 0, 1), log, lambda _: 1)
    lines = log.read_bytes().split(b"\n")
    of_whole = sum(line.endswith(b"123#77686F6C65") for line in lines)
    assert of_whole >= 1 + is_record
    assert written[log] == len(lines) - 1
    assert box.damage or of_whole >= 2


def _record(content: bytes) -> bytes:
    member = compress(content)
    return LENGTH.pack(len(member)) + member


def _assert_decoders_agree(spec: PlanSpec, random: Random) -> None:
    compiled, reference = both(spec)
    frames = [
        FrameTuple(
            number,
            message.arbitration_id | EXTENDED * message.extended,
            random.randbytes(random.choice((8, 64, min(message.byte_count, 64), random.randint(0, 8)))),
            0,
            0,
            0,
        )
        for number, message in enumerate(spec.buses[0].messages[:50] * 4)
    ]
    assert compiled.decode(frames) == reference.decode(frames)
    assert compiled.omitted() == reference.omitted()


def _with_checks(data: bytes) -> bytes:
    """Make the check of each head right: no change at random would ever pass it."""
    mended = bytearray(data)
    at = data.find(MAGIC)
    while at >= 0:
        count = int.from_bytes(mended[at + 12 : at + 16], "little")
        if at + FIXED_BYTES + count <= len(data):
            tail = bytes(mended[at + FIXED_BYTES : at + FIXED_BYTES + count])
            check = zlib.crc32(tail, zlib.crc32(bytes(mended[at : at + FIXED_BYTES - 4])))
            mended[at + FIXED_BYTES - 4 : at + FIXED_BYTES] = check.to_bytes(4, "little")
        at = data.find(MAGIC, at + 1)
    return bytes(mended)
