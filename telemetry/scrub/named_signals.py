"""Signals of a database whose names say that they hold a VIN, a serial number or a position."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from telemetry_core.decode.spec import Condition, PlanSpec, SignalSpec

from telemetry.framing.secrets import POSITION, kind_of
from telemetry.rules.find_message import bit_positions, pgn_of
from telemetry.scrub.replacements import Replacements

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
