"""Messages that lie in several frames, changed frame by frame: J1939's transport and ISO-TP.

Promises:

- Each part of a message is changed, repeated ones too, and no frame gets longer or shorter.
- Of a message that is not whole, what may be a part of a number is made unknown (FF).

Knows frames by their number in the log; what becomes of them is in `edits`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from telemetry.framing.secrets import VIN
from telemetry.scrub.messages import NOT_AVAILABLE, Change, change_diagnostic, holds_identity, is_of_a_charge
from telemetry.scrub.replacements import Replacements

Edits = dict[int, bytes]

REQUEST_TO_SEND, BROADCAST = 0x10, 0x20
PACKET_BYTES = 7
_PART_OF_A_VIN = re.compile(rb"[A-Z0-9]{4,}")  # also of one with letters that no VIN has
_DIAGNOSTIC_ANSWERS = range(0x7E8, 0x7F0)
_DIAGNOSTIC_EXTENDED = 0x18DAF100  # and the node
_SINGLE, _FIRST, _CONSECUTIVE = 0, 1, 2
_CLASSIC_BYTES = 8
_SERVICE_BYTES = 3  # of an answer, and what was asked for
_LONGEST = 65_535  # the longest message; a longer length is not one


def unknown(data: bytes) -> bytes:
    """Return as many bytes that say that nothing is known."""
    return bytes((NOT_AVAILABLE,)) * len(data)


def without_parts(data: bytes, new: Replacements) -> bytes:
    """Return `data` with what may be a part of a VIN made unknown."""
    made = _PART_OF_A_VIN.sub(lambda part: unknown(part[0]), data)
    new.counts[VIN] += made != data
    return made


@dataclass(slots=True)
class _Part:
    """Where bytes of a message are: frame of the log, its data, the first byte of them."""

    frame: int
    data: bytes
    at: int

    @property
    def rest(self) -> bytes:
        return self.data[self.at :]

    def put(self, rest: bytes, edits: Edits, after: int = 0) -> None:
        """Change what it has of the message, but for so many bytes at its beginning."""
        changed = self.data[: self.at + after] + rest[after:]
        if changed != self.data:
            edits[self.frame] = changed


@dataclass(slots=True)
class _Transfer:
    """A J1939 message under way. made: what it has become; empty: it is not whole yet."""

    size: int
    packets: int
    change: Change | None
    parts: dict[int, list[_Part]] = field(default_factory=dict)
    made: bytes = b""


class J1939Transfers:
    """TP.CM and TP.DT of one channel."""

    def __init__(
        self, new: Replacements, edits: Edits, change_of: Callable[[int, int, int], Change | None]
    ) -> None:
        """change_of: PGN, destination and source to what replaces numbers there."""
        self._new = new
        self._edits = edits
        self._change_of = change_of
        self._open: dict[tuple[int, int], _Transfer] = {}  # by source and destination

    def control(self, source: int, destination: int, data: bytes) -> None:
        """Take a frame of TP.CM: a new message ends the one before."""
        if len(data) < _CLASSIC_BYTES or data[0] not in (REQUEST_TO_SEND, BROADCAST):
            return
        self._end(source, destination)
        pgn = int.from_bytes(data[5:8], "little")
        if pgn >> 8 & 0xFF < 0xF0:
            pgn &= 0x3FF00
        size = int.from_bytes(data[1:3], "little")
        change = self._change_of(pgn, destination, source)
        self._open[source, destination] = _Transfer(min(size, PACKET_BYTES * data[3]), data[3], change)

    def data(self, frame: int, source: int, destination: int, data: bytes) -> None:
        """Take a frame of TP.DT."""
        transfer = self._open.get((source, destination))
        number = data[0] if data else 0
        part = _Part(frame, data, 1)
        if transfer is None or not 1 <= number <= transfer.packets:
            self._lost(part, is_secret=is_of_a_charge(source, destination))
            return
        if number in transfer.parts and transfer.parts[number][0].data != data:
            self._lost(
                part, is_secret=transfer.change is not None
            )  # of a message whose beginning is not there
            return
        transfer.parts.setdefault(number, []).append(part)
        if transfer.made:
            self._put(transfer, number, part)
        elif len(transfer.parts) == transfer.packets:
            self._whole(transfer)

    def finish(self) -> None:
        """End what is open: no frame follows."""
        for source, destination in list(self._open):
            self._end(source, destination)

    def _whole(self, transfer: _Transfer) -> None:
        payload = b"".join(
            transfer.parts[number][0].data[1:].ljust(PACKET_BYTES, b"\xff")
            for number in range(1, transfer.packets + 1)
        )
        change = transfer.change or (lambda data, new: new.vins(data))
        transfer.made = change(payload[: transfer.size], self._new) + payload[transfer.size :]
        for number, parts in transfer.parts.items():
            for part in parts:
                self._put(transfer, number, part)

    def _put(self, transfer: _Transfer, number: int, part: _Part) -> None:
        at = PACKET_BYTES * (number - 1)
        part.put(transfer.made[at : at + len(part.rest)], self._edits)

    def _end(self, source: int, destination: int) -> None:
        transfer = self._open.pop((source, destination), None)
        if transfer is None or transfer.made:
            return
        for part in (part for parts in transfer.parts.values() for part in parts):
            self._lost(part, is_secret=transfer.change is not None)

    def _lost(self, part: _Part, *, is_secret: bool) -> None:
        """Change a part of a message that is not whole."""
        part.put(unknown(part.rest) if is_secret else without_parts(part.rest, self._new), self._edits)


@dataclass(slots=True)
class _Answer:
    """An ISO-TP message under way."""

    size: int
    offset: int  # bytes of address before it
    parts: list[_Part]
    received: int
    is_identity: bool
    frames: int = 0  # consecutive ones
    is_broken: bool = False  # one is missing


class IsoTpAnswers:
    """ISO-TP on all ids of one channel, with and without an address byte."""

    def __init__(self, new: Replacements, edits: Edits) -> None:
        self._new = new
        self._edits = edits
        self._open: dict[int, _Answer] = {}  # by id

    def frame(self, frame: int, id: int, data: bytes) -> None:
        """Take a data frame; one that is not ISO-TP ends the open message, or does not belong to it."""
        answer = self._open.get(id)
        if answer is not None and len(data) > answer.offset and data[answer.offset] >> 4 == _CONSECUTIVE:
            self._consecutive(frame, id, answer, data)
            return
        for offset in (1, 0):  # with an address only what identifies has begun
            begun = _begun(frame, data, offset)
            if begun is None:
                continue
            self._end(id)
            self._open[id] = begun
            self._settle(id, begun)
            return
        if _is_diagnostic(id) and data and data[0] >> 4 == _CONSECUTIVE:
            _Part(frame, data, 1).put(without_parts(data[1:], self._new), self._edits)

    def finish(self) -> None:
        """End what is open: no frame follows."""
        for id in list(self._open):
            self._end(id)

    def _consecutive(self, frame: int, id: int, answer: _Answer, data: bytes) -> None:
        answer.frames += 1
        answer.is_broken |= data[answer.offset] & 0xF != answer.frames & 0xF
        part = _Part(frame, data, answer.offset + 1)
        answer.parts.append(part)
        answer.received += len(part.rest)
        if answer.is_broken and not answer.is_identity:
            self._end(id)
        else:
            self._settle(id, answer)

    def _settle(self, id: int, answer: _Answer) -> None:
        """Change it if all of it has come, or as much as all of it is."""
        if answer.received < answer.size:
            return
        if answer.is_broken:
            self._end(id)
            return
        del self._open[id]
        payload = b"".join(part.rest for part in answer.parts)
        made = change_diagnostic(payload[: answer.size], self._new) + payload[answer.size :]
        at = 0
        for part in answer.parts:
            part.put(made[at : at + len(part.rest)], self._edits)
            at += len(part.rest)

    def _end(self, id: int) -> None:
        """Make unknown what identifies, or may be a part of that, in what is open: it is not whole."""
        answer = self._open.pop(id, None)
        if answer is None:
            return
        if not answer.is_identity and not holds_identity(b"".join(part.rest for part in answer.parts)):
            for part in answer.parts if _is_diagnostic(id) else ():
                part.put(without_parts(part.rest, self._new), self._edits)
            return
        self._new.counts[VIN] += 1
        for part in answer.parts:
            part.put(unknown(part.rest), self._edits, _SERVICE_BYTES if part is answer.parts[0] else 0)


def _is_diagnostic(id: int) -> bool:
    """Return whether control units answer with this id on any vehicle; others may mean anything."""
    return id in _DIAGNOSTIC_ANSWERS or id & 0x1FFFFF00 == _DIAGNOSTIC_EXTENDED


def _begun(frame: int, data: bytes, offset: int) -> _Answer | None:
    """Return the message that begins with this frame; with an address byte, one that identifies."""
    if len(data) <= offset + 1:
        return None
    kind, low = data[offset] >> 4, data[offset] & 0xF
    if kind == _SINGLE:
        size, at = (low, offset + 1) if low else (data[offset + 1], offset + 2)
        if not low and len(data) <= _CLASSIC_BYTES:
            return None
        is_whole = 0 < size <= len(data) - at
    elif kind == _FIRST:
        size, at = low << 8 | data[offset + 1], offset + 2
        if not size:
            size, at = int.from_bytes(data[at : at + 4], "big"), at + 4
        is_whole = size > len(data) - at > 0 and len(data) >= _CLASSIC_BYTES
    else:
        return None
    payload = data[at:]
    is_identity = holds_identity(payload)
    if not is_whole or size > _LONGEST or (not is_identity and (offset or kind == _SINGLE)):
        return None
    return _Answer(size, offset, [_Part(frame, data, at)], len(payload), is_identity)
