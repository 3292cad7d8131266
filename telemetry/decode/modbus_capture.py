"""Which protocol a capture of Modbus is decoded by: a map of registers, or the registers that it reads.

Without a map nothing says what a register means. The blocks that masters have asked for are then found by a
first pass over the captures, since the columns of a row must be known before the first one.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch

from telemetry.errors import UsageError
from telemetry.framing.framer import MessageFramer
from telemetry.framing.framing import Framing, Heard, Skipped
from telemetry.logs.archives import with_members
from telemetry.logs.captures import Capture
from telemetry.logs.content import STDIN
from telemetry.logs.unread import UNREADABLE
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.registers.register_map import find_map, read_register_map
from telemetry.protocols.serial.modbus import modbus, raw_modbus
from telemetry.protocols.serial.rtu import Asked, RtuReader, shapes
from telemetry.protocols.table import SerialProtocol

_MOST_BLOCKS = 512  # what masters ask for has an end; others are counted
_PIECE_BYTES = 1024


def protocol_of(
    name: str, registers: str | None, captures: Sequence[Path], *, with_messages: bool
) -> SerialProtocol:
    """Return the protocol of that name.

    registers: a map's file, or the name of one that comes with the program.
    Raises UsageError where captures cannot be read twice, ConfigError for a map that is wrong.
    """
    if name != "modbus":
        return PROTOCOLS[name]
    if registers is not None:
        return modbus(read_register_map(find_map(registers)))
    if not with_messages:
        return PROTOCOLS[name]
    for capture in captures:
        if capture == STDIN or (capture.exists() and not capture.is_file()):
            raise UsageError("is read twice, and is not a file", where=str(capture), hint="name a file")
    return raw_modbus(_blocks(captures))


class _Blocks(RtuReader):
    """Notes the blocks that were answered."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[tuple[int, int, int], None] = {}

    def registers(self, asked: Asked, data: bytes) -> Sequence[Heard] | Skipped:  # noqa: ARG002 - as Reader
        if len(self.found) < _MOST_BLOCKS:
            self.found[asked[1:]] = None
        return Skipped.HELD


def _blocks(captures: Sequence[Path]) -> list[tuple[int, int, int]]:
    """Return function, first register and number of registers of what was asked and answered, in order."""
    reader = _Blocks()
    framers: dict[str, MessageFramer] = {}
    frames = FrameBatch(_PIECE_BYTES)
    for path in with_members(captures):
        with suppress(*UNREADABLE), Capture(path) as capture:  # decoding reads it again, and says so
            for piece in capture:
                framer = framers.setdefault(
                    piece.port, MessageFramer(Framing(shapes(), lambda: reader), lambda _: 0)
                )
                if not piece.is_received:
                    framer.sent(piece.data, frames)
                    continue
                for start in range(0, len(piece.data), _PIECE_BYTES):
                    framer.feed(piece.data[start : start + _PIECE_BYTES], piece.time_ns, frames)
    for framer in framers.values():
        framer.finish(frames)
    return list(reader.found)
