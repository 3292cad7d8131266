"""Recordings without the numbers that say whose they are, file by file: what `scrub` does.

Promises:

- As many frames, or lines of a capture, come out as went in, in their order, with their stamps.
- Numbers are replaced in all files of a run alike.
- A file is read twice: what is known at its end is looked for in all of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch

from telemetry.capture.frame_text import Asc, Candump, FrameText
from telemetry.logs.captures import Capture, parse_line
from telemetry.logs.content import Content
from telemetry.logs.log import OpenLog
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.spoken_in import spoken_in
from telemetry.protocols.table import SerialProtocol
from telemetry.scrub.buses import BusScrubber, NamedMessage
from telemetry.scrub.lines import CaptureScrubber
from telemetry.scrub.replacements import Replacements

_LINES_LOOKED_AT, _BYTES_LOOKED_AT = 200, 1 << 16  # until one is a piece of a capture
_BYTES_TRIED = 1 << 18  # of each port, for what is spoken there
_BATCH_FRAMES = 4096

Write = Callable[[bytes], object]


@dataclass
class Scrubbed:
    """What became of a file. items: how many frames, or lines; spoken: by port, the protocols found there.

    warnings: what its owner must know, one line each.
    """

    items: int
    what: str
    warnings: list[str] = field(default_factory=list)
    spoken: Mapping[str, Sequence[SerialProtocol]] = field(default_factory=dict)


def is_serial_capture(path: Path) -> bool:
    """Return whether its first lines are pieces of a serial capture. Raises InputMissingError, DataError."""
    content = Content(path)
    try:
        beginning = content.beginning(_BYTES_LOOKED_AT)
    finally:
        content.close()
    return any(parse_line(line) is not None for line in beginning.splitlines()[:_LINES_LOOKED_AT])


def scrub_capture(
    path: Path, protocols: Sequence[SerialProtocol], new: Replacements, write: Write
) -> Scrubbed:
    """Scrub a serial capture. protocols: what is spoken in it; empty: whatever is found.

    Raises InputMissingError, DataError.
    """
    spoken = dict.fromkeys(_ports(path), protocols) if protocols else _found(path)
    counts = new.counts.copy()
    _capture_once(path, spoken, new, lambda _: None)
    new.counts = counts
    capture = _capture_once(path, spoken, new, write)
    warnings = [
        f"{path}: {port}: no message of a known protocol: words of six letters and more are masked"
        for port, known in spoken.items()
        if not known
    ]
    if capture.damaged:
        warnings.append(f"{path}:{capture.first_damage}: {capture.damaged} lines are no pieces, left out")
    return Scrubbed(capture.pieces_read, "line", warnings, {} if protocols else spoken)


def _capture_once(
    path: Path, spoken: Mapping[str, Sequence[SerialProtocol]], new: Replacements, write: Write
) -> Capture:
    scrubber = CaptureScrubber(spoken, new, write)
    with Capture(path) as capture:
        for piece in capture:
            scrubber.take(piece)
    scrubber.finish()
    return capture


def _ports(path: Path) -> list[str]:
    with Capture(path) as capture:
        return list(dict.fromkeys(piece.port for piece in capture))


def _found(path: Path) -> dict[str, list[SerialProtocol]]:
    """Return, by port, the protocols whose messages are in what came there, the most frequent first."""
    data: dict[str, bytearray] = {}
    with Capture(path) as capture:
        for piece in capture:
            received = data.setdefault(piece.port, bytearray())
            if piece.is_received and len(received) < _BYTES_TRIED:
                received += piece.data
    return {
        port: [PROTOCOLS[one.name] for one in spoken_in({port: bytes(received)})]
        for port, received in data.items()
    }


def scrub_log(
    path: Path,
    messages: Mapping[tuple[bool, int], NamedMessage],
    new: Replacements,
    write: Write,
    *,
    as_asc: bool,
) -> Scrubbed:
    """Scrub a CAN log. messages: of databases, with signals to be replaced. Raises as `scrub_capture`."""
    scrubber = BusScrubber(new, messages)
    names: list[str] = []
    least_ns: int | None = None
    warnings: list[str] = []
    number = 0

    def number_of(name: str) -> int:
        if name not in names:
            names.append(name)
        return names.index(name)

    for batch in _batches(path, number_of, warnings):
        for frame in batch:
            scrubber.look(number, frame)
            number += 1
            least_ns = frame.time_ns if least_ns is None else min(least_ns, frame.time_ns)
    scrubber.finish()
    text: FrameText = Asc(names) if as_asc else Candump(names)
    write(text.head(least_ns or 0))
    edits, count = scrubber.edits, number
    number = 0
    for batch in _batches(path, number_of, []):
        lines = []
        for frame in batch:
            lines.append(text.line(frame, edits.get(number, frame.data)))
            number += 1
        write(b"".join(lines))
    write(text.end())
    warnings += [
        f"{path}: {name} may be a checksum, and is not calculated again: {times} frames"
        for name, times in scrubber.unchecked.items()
    ]
    return Scrubbed(count, "frame", warnings)


def _batches(path: Path, number_of: Callable[[str], int], warnings: list[str]) -> Iterator[FrameBatch]:
    batch = FrameBatch(_BATCH_FRAMES)
    with OpenLog(path, number_of) as log:
        while not log.at_end:
            batch.clear()
            log.read(batch)
            yield batch
        warnings += log.warnings()
