"""Frames of a CAN log without VINs, serial numbers and positions: which ones get other data, and which data.

Promises: frames stay as long and as many; what is not named in docs/scrub.md stays as it is.

Signals of a database count whose names say that they hold a VIN, a serial number or a position.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from telemetry_core.decode.spec import Condition, PlanSpec, SignalSpec
from telemetry_core.frames.batch import FrameTuple

from telemetry.framing.secrets import POSITION, kind_of
from telemetry.logs.python_can import ID_ERROR, ID_EXTENDED, ID_REMOTE
from telemetry.rules.find_message import bit_positions, pgn_of
from telemetry.scrub.messages import Change, change_j1939
from telemetry.scrub.replacements import VIN_LETTERS, Replacements
from telemetry.scrub.transports import Edits, IsoTpAnswers, J1939Transfers

_CHECK = re.compile(r"crc|ch(ec)?k_?su?m|checksum", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NamedMessage:
    """A message with such signals. check: the name of one that may be a checksum; empty without one."""

    name: str
    names: tuple[str, ...]
    signals: tuple[tuple[str, SignalSpec], ...]  # kind and place
    all_signals: tuple[SignalSpec, ...]
    conditions: tuple[Condition, ...]
    check: str

    def changed(self, data: bytes, new: Replacements) -> bytes:
        """Return a frame's data, changed."""
        made = data
        for kind, signal in self.signals:
            if self._is_there(signal, data):
                made = _changed(made, kind, signal, new)
        return made

    def _is_there(self, signal: SignalSpec, data: bytes) -> bool:
        if max(bit_positions(signal)) >= 8 * len(data):
            return False
        if signal.condition < 0:
            return True
        condition = self.conditions[signal.condition]
        selector = self.all_signals[condition.selector]
        raw = _raw(data, bit_positions(selector)) if self._is_there(selector, data) else -1
        return any(least <= raw <= most for least, most in condition.ranges)


def named_messages(plan: PlanSpec) -> Mapping[tuple[bool, int], NamedMessage]:
    """Return messages with such signals, by whether ids are extended and by id.

    J1939's have the bits of their PGN alone.
    """
    found = {}
    for message in (message for bus in plan.buses for message in bus.messages):
        names = [one.name for one in plan.records[message.record].fields[: len(message.signals)]]
        kinds = [kind_of(name) for name in names]
        signals = tuple(
            (kind, one) for kind, one in zip(kinds, message.signals, strict=False) if kind is not None
        )
        if not signals:
            continue
        check = next((name for name in names if _CHECK.search(name)), "")
        pgn = pgn_of(message.arbitration_id) if message.by_pgn else None
        key = message.arbitration_id if pgn is None else pgn << 8
        found[message.extended, key] = NamedMessage(
            message.name,
            tuple(name for name in names if kind_of(name) is not None),
            signals,
            message.signals,
            message.conditions,
            check,
        )
    return found


def find(
    messages: Mapping[tuple[bool, int], NamedMessage], id: int, *, extended: bool
) -> NamedMessage | None:
    """Return the message of an id without flags."""
    message = messages.get((extended, id))
    pgn = pgn_of(id) if extended and message is None else None
    return message if pgn is None else messages.get((True, pgn << 8))


def _raw(data: bytes, places: Sequence[int]) -> int:
    """Return the number in these bits, the highest first."""
    raw = 0
    for at in places:
        raw = raw << 1 | data[at // 8] >> at % 8 & 1
    return raw


def _changed(data: bytes, kind: str, signal: SignalSpec, new: Replacements) -> bytes:
    places, other = bit_positions(signal), 0
    if kind == POSITION:
        new.counts[kind] += 1
    else:
        order: Literal["little", "big"] = "little" if places[-1] < places[0] else "big"
        raw = _raw(data, places).to_bytes((len(places) + 7) // 8, order)
        other = int.from_bytes(new.text(kind, raw, order), order)
    made = bytearray(data)
    for n, at in enumerate(reversed(places)):
        made[at // 8] = made[at // 8] & ~(1 << at % 8) | (other >> n & 1) << at % 8
    return bytes(made)


_ID_MASK = 0x1FFFFFFF
_CONTROL, _DATA = 0xEC, 0xEB  # PDU formats of the transport
_EXTENDED_PAGE = 1 << 25  # other protocols than J1939


class BusScrubber:
    """Looks at the frames of a log in their order. `edits` are its findings, whole after `finish`.

    unchecked: messages whose checksum is not right any more, by name.
    """

    def __init__(self, new: Replacements, messages: Mapping[tuple[bool, int], NamedMessage]) -> None:
        """messages: of databases, with signals to be replaced."""
        self.edits: Edits = {}
        self.unchecked: Counter[str] = Counter()
        self._new = new
        self._messages = messages
        self._transfers: dict[int, J1939Transfers] = {}  # by channel
        self._answers: dict[int, IsoTpAnswers] = {}

    def look(self, number: int, frame: FrameTuple) -> None:
        """Look at a frame; number: its place in the log."""
        if frame.id & (ID_ERROR | ID_REMOTE):
            return
        id, extended = frame.id & _ID_MASK, bool(frame.id & ID_EXTENDED)
        message = find(self._messages, id, extended=extended) if self._messages else None
        if extended and self._is_j1939(number, id, frame, is_named=message is not None):
            return
        data = frame.data
        if message is not None:
            data = self._changed(message, data, self._new)
            self._put(number, frame.data, data)
        if len(data) >= VIN_LETTERS:
            self._put(number, data, self._new.vins(data))
        if frame.channel not in self._answers:
            self._answers[frame.channel] = IsoTpAnswers(self._new, self.edits)
        self._answers[frame.channel].frame(number, id, data)

    def finish(self) -> None:
        """End what is open: no frame follows."""
        for transfers in self._transfers.values():
            transfers.finish()
        for answers in self._answers.values():
            answers.finish()

    def _is_j1939(self, number: int, id: int, frame: FrameTuple, *, is_named: bool) -> bool:
        """Return whether it is a frame of the transport, or a message with something to replace.

        is_named: a database has this id, so the frame is not one of the transport.
        """
        if id & _EXTENDED_PAGE:
            return False
        form, specific, source = id >> 16 & 0xFF, id >> 8 & 0xFF, id & 0xFF
        if form in (_CONTROL, _DATA) and not is_named:
            if frame.channel not in self._transfers:
                self._transfers[frame.channel] = J1939Transfers(self._new, self.edits, self._change_of)
            transfers = self._transfers[frame.channel]
            if form == _CONTROL:
                transfers.control(source, specific, frame.data)
            else:
                transfers.data(number, source, specific, frame.data)
            return True
        pgn = id >> 8 & (0x3FFFF if form >= 0xF0 else 0x3FF00)
        change = change_j1939(pgn, specific, source)
        if change is None:
            return False
        self._put(number, frame.data, change(frame.data, self._new))
        return True

    def _change_of(self, pgn: int, destination: int, source: int) -> Change | None:
        """Return what replaces numbers in a message of several frames; None: none is known there."""
        if (known := change_j1939(pgn, destination, source)) is not None:
            return known
        message = find(self._messages, pgn << 8, extended=True)
        return None if message is None else partial(self._changed, message)

    def _changed(self, message: NamedMessage, data: bytes, new: Replacements) -> bytes:
        made = message.changed(data, new)
        if made != data and message.check:
            self.unchecked[f"{message.name}.{message.check}"] += 1
        return made

    def _put(self, number: int, data: bytes, made: bytes) -> None:
        if made != data:
            self.edits[number] = made
