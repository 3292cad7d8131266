"""The decoder as one would explain it: bit by bit, one signal after the other, nothing packed.

It is what the compiled decoder is tested against: the same rows, the same counts, for every frame. Nothing
else uses it. Relies on a PlanSpec that makes sense (telemetry_core.decode.plan refuses others).
"""

import math
import struct
from collections import Counter
from collections.abc import Iterable

from telemetry_core.decode.spec import FLOAT_FORMATS, BusSpec, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.frames.batch import FrameTuple
from telemetry_core.rows.batch import Row

EXTENDED = 0x80000000  # the flag bits of an id, as in SocketCAN
REMOTE = 0x40000000
ERROR = 0x20000000
ID_MASK = 0x1FFFFFFF
STANDARD_MASK = 0x7FF
CHECKED, WRONG = 32, 64  # flags of a frame that the protection stage has looked at


class ReferenceDecoder:
    """The same contract as telemetry_core.decode.decoder.Decoder, with rows as a list."""

    def __init__(self, spec: PlanSpec) -> None:
        self.spec = spec
        self._channels: dict[int, tuple[int, int]] = {}
        self._counts: dict[int, Counter[str]] = {}
        self._omitted: Counter[str] = Counter()
        self._made: Counter[str] = Counter()

    def bind(self, channel: int, bus: int, tags: int) -> None:
        self._channels[channel] = (bus, tags)

    def decode(self, frames: Iterable[FrameTuple]) -> list[Row]:
        rows = []
        for frame in frames:
            count, message = self._classify(frame)
            self._counts.setdefault(frame.channel, Counter())[count] += 1
            if message is None:
                continue
            values = self._values(message, frame.data)
            if values:
                if message.tells_protection and frame.flags & CHECKED:
                    told = self.spec.records[message.record].fields[-1]
                    values[told.name] = not frame.flags & WRONG
                measurement = self.spec.records[message.record].measurement
                self._made[measurement] += 1
                _, tags = self._channels[frame.channel]
                rows.append(
                    Row(frame.time_ns, frame.nudge_ns, measurement, tags, frame.channel, frame.id, values)
                )
        return rows

    def counts(self, channel: int) -> dict[str, int]:
        names = ("decoded", "unknown", "lost/error_frame", "lost/remote_frame")
        counted = self._counts.get(channel, Counter())
        return {name: counted[name] for name in names}

    def omitted(self) -> dict[str, int]:
        names = ("short_frame", "not_a_number", "not_available", "unknown_multiplexer_value")
        return {name: self._omitted[name] for name in names}

    def made(self) -> dict[str, int]:
        return dict(self._made)

    def _classify(self, frame: FrameTuple) -> tuple[str, MessageSpec | None]:
        if frame.id & ERROR:
            return "lost/error_frame", None
        if frame.id & REMOTE:
            return "lost/remote_frame", None
        bus, _ = self._channels.get(frame.channel, (-1, 0))
        message = find_message(self.spec.buses[bus], frame.id) if bus >= 0 else None
        return ("unknown", None) if message is None else ("decoded", message)

    def _values(self, message: MessageSpec, data: bytes) -> dict[str, int | float | bool]:
        """Raw value by field name."""
        fields = self.spec.records[message.record].fields
        values = {}
        for index in _selected(message, data, self._omitted):
            signal = message.signals[index]
            bits = read_bits(signal, data)
            if bits is None:
                self._omitted["short_frame"] += 1
            elif signal.is_float and not math.isfinite(as_float(bits)):
                self._omitted["not_a_number"] += 1
            elif is_no_value(message, signal, bits):
                self._omitted["not_available"] += 1
            else:
                values[fields[index].name] = as_float(bits) if signal.is_float else as_integer(signal, bits)
        return values


def find_message(bus: BusSpec, id: int) -> MessageSpec | None:
    """By the id in the bits that count; else by PGN, with destination and sender, with the sender or alone.
    Of several the first.
    """
    extended = bool(id & EXTENDED)
    arbitration_id = id & ID_MASK
    mask = bus.extended_mask if extended else bus.standard_mask
    if not extended and arbitration_id > STANDARD_MASK:
        return None
    for message in bus.messages:
        if message.extended == extended and message.arbitration_id & mask == arbitration_id & mask:
            return message
    if not extended or pgn_of(arbitration_id) is None:
        return None
    same_pgn = [
        message
        for message in bus.messages
        if message.by_pgn and pgn_of(message.arbitration_id) == pgn_of(arbitration_id)
    ]
    same_sender = [message for message in same_pgn if message.arbitration_id & 0xFF == arbitration_id & 0xFF]
    same_pair = [
        message for message in same_sender if message.arbitration_id & 0xFFFF == arbitration_id & 0xFFFF
    ]
    return next(iter(same_pair + same_sender + same_pgn), None)


def pgn_of(arbitration_id: int) -> int | None:
    """J1939-21: data page, PDU format and, for a broadcast (PDU2), group extension. None: not J1939."""
    extended_data_page = arbitration_id >> 25 & 1
    data_page = arbitration_id >> 24 & 1
    pdu_format = arbitration_id >> 16 & 0xFF
    pdu_specific = arbitration_id >> 8 & 0xFF
    if extended_data_page:
        return None
    return data_page << 16 | pdu_format << 8 | (pdu_specific if pdu_format >= 0xF0 else 0)


def bit_positions(signal: SignalSpec) -> list[int]:
    """Where the signal's bits are, most significant first; bit n is bit n % 8 of byte n // 8."""
    if signal.little_endian:
        return [signal.start_bit + weight for weight in reversed(range(signal.bit_count))]
    position = signal.start_bit
    positions = []
    for _ in range(signal.bit_count):
        positions.append(position)
        position = position - 1 if position % 8 else position + 15  # behind bit 0 comes the next byte's bit 7
    return positions


def read_bits(signal: SignalSpec, data: bytes) -> str | None:
    """The signal's bits, most significant first; None when the payload does not hold them all."""
    positions = bit_positions(signal)
    if max(positions) >= 8 * len(data):
        return None
    return "".join("1" if data[position // 8] >> position % 8 & 1 else "0" for position in positions)


def as_integer(signal: SignalSpec, bits: str) -> int:
    """Two's complement where the signal is signed."""
    value = int(bits, 2)
    return value - (1 << len(bits)) if signal.signed and bits[0] == "1" else value


def as_float(bits: str) -> float:
    """IEEE 754 of 16, 32 or 64 bits."""
    value: float
    (value,) = struct.unpack(FLOAT_FORMATS[len(bits)], int(bits, 2).to_bytes(len(bits) // 8, "little"))
    return value


def is_no_value(message: MessageSpec, signal: SignalSpec, bits: str) -> bool:
    """Whether the bits are declared to stand for none, by J1939 or by the signal itself."""
    if int(bits, 2) in {raw % (1 << len(bits)) for raw in signal.invalid}:
        return True
    return message.drops_not_available and not signal.is_float and is_not_available(bits)


def is_not_available(bits: str) -> bool:
    """J1939-71: "error" and "not available" are a top byte of FE or FF, or 10 and 11 of two bits; in other
    widths all ones, except that a single bit is a flag: it could never be true.
    """
    if len(bits) in (8, 16, 24, 32):
        return bits.startswith("1111111")
    if len(bits) == 2:
        return bits.startswith("1")
    return len(bits) > 1 and "0" not in bits


def _selected(message: MessageSpec, data: bytes, omitted: Counter[str]) -> list[int]:
    """Indexes of the signals that the multiplexers of this payload select."""
    holds: dict[int, bool] = {}

    def is_selected(index: int) -> bool:
        number = message.signals[index].condition
        if number < 0:
            return True
        if number not in holds:
            holds[number] = condition_holds(number)
        return holds[number]

    def condition_holds(number: int) -> bool:
        condition = message.conditions[number]
        selector = message.signals[condition.selector]
        bits = read_bits(selector, data) if is_selected(condition.selector) else None
        return bits is not None and any(
            low <= as_integer(selector, bits) <= high for low, high in condition.ranges
        )

    selected = [index for index in range(len(message.signals)) if is_selected(index)]
    for selector in {condition.selector for condition in message.conditions}:
        known = is_selected(selector) and read_bits(message.signals[selector], data) is not None
        if known and not any(
            condition_holds(number)
            for number, condition in enumerate(message.conditions)
            if condition.selector == selector
        ):
            omitted["unknown_multiplexer_value"] += 1
    return selected
