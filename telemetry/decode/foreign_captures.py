"""A capture in which nothing is a message of what it was decoded as: the error, and what to try instead."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch

from telemetry.errors import DataError
from telemetry.logs.captures import Capture
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.table import Framer

_PIECES_TRIED = 2000  # of the first capture
_SLICE_BYTES = 1024
_GOOD = ("messages", "echoes", "other_messages", "lost/error_reply", "lost/bad_length")
_SHOWN = 3  # protocols


def good_messages(framers: Iterable[Framer]) -> int:
    """How many whole messages were found: those without values too, such as echoes and refusals."""
    return sum(framer.counts().get(name, 0) for framer in framers for name in _GOOD)


@dataclass(frozen=True, slots=True)
class WhatWasRead:
    """Of captures: lines that are pieces and that are not, bytes received, messages with a bad checksum."""

    lines: int
    damaged: int
    received_bytes: int
    bad_checksums: int


def no_message(paths: Sequence[Path], names: Sequence[str], read: WhatWasRead) -> DataError:
    """The error of captures without a message of `names`. paths: one at least."""
    where = str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    if not read.lines:
        hint = "a log of CAN has --dbc or a protocol of CAN"
        what = f"is no capture: none of its {read.damaged} lines is `(epoch.us) port RX|TX hex`"
        return DataError(what, where=where, hint=hint)
    found = f"{read.received_bytes} bytes received in {read.lines} line{'s' if read.lines > 1 else ''}"
    others = _spoken_in(paths[0], names) if read.received_bytes else ()
    if read.bad_checksums and not others:
        found += f", {read.bad_checksums} with a bad checksum"
    if others:
        hint = f"try --protocol {' or '.join(others[:_SHOWN])}, whose messages are in it"
    elif read.received_bytes:
        hint = "try another --protocol; if there is none, capture it again at another baud rate"
    else:
        hint = "it has only what was sent: the device did not answer"
    return DataError(f"holds no message of {' or '.join(names)}: {found}", where=where, hint=hint)


def _spoken_in(path: Path, names: Sequence[str]) -> Sequence[str]:
    """The protocols that make messages of most of the first bytes of a capture, the best first."""
    if not path.is_file():  # what comes through a pipe is gone
        return ()
    with Capture(path) as capture:
        pieces = list(islice(capture, _PIECES_TRIED))
    data: dict[str, bytes] = {}
    for piece in pieces:
        if piece.is_received:
            data[piece.port] = data.get(piece.port, b"") + piece.data
    count = sum(map(len, data.values()))
    found: list[tuple[int, str]] = []
    for name, protocol in PROTOCOLS.items():
        if name in names:
            continue
        framers = [protocol.make_framer() for _ in data]
        for framer, received in zip(framers, data.values(), strict=True):
            _feed(framer, received)
        outside = sum(framer.counts()["garbage_bytes"] for framer in framers)
        if good_messages(framers) and 2 * outside < count:
            found.append((outside, name))
    return [name for _, name in sorted(found)]


def _feed(framer: Framer, data: bytes) -> None:
    for start in range(0, len(data), _SLICE_BYTES):
        part = data[start : start + _SLICE_BYTES]
        framer.feed(part, start, FrameBatch(max(1, framer.room_needed(len(part)))))
    framer.finish(FrameBatch(max(1, framer.room_needed(0))))
