"""A capture of the black box as recordings: buses as a log of candump, serial lines as a capture.

Promises: `decode` reads both, and makes of them what the service has made. Stamps are those of the frames;
where the time was not known then, those that were sent once it was. What is damaged costs its own second.
"""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from telemetry.blackbox.store import Box, Capture, Part
from telemetry.capture.frame_text import Candump
from telemetry.errors import writing
from telemetry.logs.captures import format_piece, parse_line

ShiftOf = Callable[[str], int | None]  # by boot id: wall time less time since that boot, once it was known


def write_capture(box: Box, capture: Capture, file: Path, shift_of: ShiftOf) -> dict[Path, int]:
    """Write what a capture holds into `file`, and serial lines beside buses into another one.

    Return how many frames and lines are in each file. Raises StorageError where one cannot be written, and
    what is damaged stands in `box.damage`.
    """
    found = {(part.source, part.count is None) for part in box.parts(capture)}
    names = sorted(source for source, has_lines in found if not has_lines)
    beside = file.with_name(f"{file.stem}-serial{file.suffix}") if names else file
    written: dict[Path, int] = {}
    damage: list[str] = []
    for path, has_lines in ((file, False), (beside, True)):
        if any(has_lines is each for _, each in found):
            box.damage.clear()  # which each reading finds again
            with writing(path), path.open("xb") as out:
                parts = (part for part in box.parts(capture) if (part.count is None) is has_lines)
                written[path] = sum(_written(part, names, out, shift_of, damage) for part in parts)
    box.damage += damage
    return written


def _written(part: Part, names: list[str], out: BinaryIO, shift_of: ShiftOf, damage: list[str]) -> int:
    try:
        return _write(part, names, out, _shift_ns(part, shift_of))
    except ValueError as error:
        damage.append(f"{part.source}: {error}")
        return 0


def _shift_ns(part: Part, shift_of: ShiftOf) -> int:
    known_ns = None if part.offset_ns is None else shift_of(part.boot_id)
    return known_ns - part.offset_ns if known_ns is not None and part.offset_ns is not None else 0


def _write(part: Part, names: list[str], out: BinaryIO, shift_ns: int) -> int:
    if part.batch is None:
        lines = part.content.splitlines(keepends=True)
        pieces = (parse_line(line) for line in lines)
        shifted = (piece._replace(time_ns=piece.time_ns + shift_ns) for piece in pieces if piece)
        out.writelines(map(format_piece, shifted) if shift_ns else lines)
        return len(lines)
    text, channel = Candump(names), names.index(part.source)
    moved = (one._replace(time_ns=one.time_ns + shift_ns, channel=channel) for one in part.batch)
    out.writelines(text.line(frame, frame.data) for frame in moved)
    return len(part.batch)
