"""A capture in which nothing is a message of what it was decoded as: the error, and what to try instead."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from telemetry.errors import DataError
from telemetry.logs.captures import Capture
from telemetry.logs.content import named
from telemetry.protocols.spoken_in import spoken_in

_PIECES_TRIED = 2000  # of the first capture
_SHOWN = 3  # protocols


@dataclass(frozen=True, slots=True)
class WhatWasRead:
    """Of captures: lines that are pieces and that are not, bytes received, messages with a bad checksum."""

    lines: int
    damaged: int
    received_bytes: int
    bad_checksums: int


def no_message(paths: Sequence[Path], names: Sequence[str], read: WhatWasRead) -> DataError:
    """Return the error of captures without a message of `names`. paths: one at least."""
    where = named(paths)
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
        hint = "try another --protocol; if no other fits, capture it again at another baud rate"
    else:
        hint = "it has only what was sent: the device did not answer"
    return DataError(f"holds no message of {' or '.join(names)}: {found}", where=where, hint=hint)


def _spoken_in(path: Path, names: Sequence[str]) -> Sequence[str]:
    """Return the protocols that make messages of most of the first bytes of a capture, the best first."""
    if not path.is_file():  # what comes through a pipe is gone
        return ()
    with Capture(path) as capture:
        pieces = list(islice(capture, _PIECES_TRIED))
    data: dict[str, bytes] = {}
    for piece in pieces:
        if piece.is_received:
            data[piece.port] = data.get(piece.port, b"") + piece.data
    count = sum(map(len, data.values()))
    return [one.name for one in spoken_in(data) if one.name not in names and 2 * one.outside < count]
