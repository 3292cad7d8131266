"""The decoder as one would explain it: bit by bit, one signal after the other, nothing packed.

The compiled decoder is tested against it: the same rows, the same counts, for every frame. Relies on a
PlanSpec that makes sense (telemetry_core.decode.plan refuses others).
"""

import math
import struct
from collections import Counter
from collections.abc import Iterable

from telemetry_core.decode.spec import FLOAT_FORMATS, BusSpec, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.frames.batch import FrameTuple
from telemetry_core.rows.batch import Row

from telemetry.rules.find_message import EXTENDED, ID_MASK, STANDARD_MASK, bit_positions, find_message

REMOTE = 0x40000000  # the flag bits of an id, as in SocketCAN
ERROR = 0x20000000
PAYLOAD, BY_PGN = 8, 16  # flags of what several frames carried, and of what J1939 did
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
            if values or message.keeps_empty:
                if message.reports_protection and frame.flags & CHECKED:
                    reported = self.spec.records[message.record].fields[-1]
                    values[reported.name] = not frame.flags & WRONG
                measurement = self.spec.records[message.record].measurement
                self._made[measurement] += 1
                _, tags = self._channels[frame.channel]
                rows.append(
                    Row(frame.time_ns, frame.nudge_ns, measurement, tags, frame.channel, frame.id, values)
                )
        return rows

    def counts(self, channel: int) -> dict[str, int]:
        names = ("decoded", "without_signals", "unknown", "lost/error_frame", "lost/remote_frame")
        counted = self._counts.get(channel, Counter())
        return {name: counted[name] for name in names}

    def payloads(self, channel: int) -> dict[str, int]:
        counted = self._counts.get(channel, Counter())
        return {name: counted[f"payloads/{name}"] for name in ("decoded", "unknown")}

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
        if message is None and bus >= 0 and frame.flags & (PAYLOAD | BY_PGN) == PAYLOAD:
            message = find_answer(self.spec.buses[bus], frame)
        if frame.flags & PAYLOAD:
            return ("payloads/decoded", message) if message else ("payloads/unknown", None)
        if message is None:
            return "unknown", None
        return ("decoded", message) if message.signals else ("without_signals", None)

    def _values(self, message: MessageSpec, data: bytes) -> dict[str, int | float | bool | str]:
        """Raw value by field name."""
        fields = self.spec.records[message.record].fields
        values: dict[int, int | float | bool | str] = {}
        for index in _selected(message, data, self._omitted):
            signal = message.signals[index]
            is_short_form = 0 < len(data) == signal.short_at
            bits = read_bits(signal, data.ljust(signal.start_bit // 8 + 8, b"\0") if is_short_form else data)
            if bits is None:
                self._omitted["short_frame"] += not signal.optional
                continue
            value = read_value(signal, bits)
            is_denied = signal.present_bit >= 0 and not as_bits(data) >> signal.present_bit & 1
            if signal.is_float and not math.isfinite(as_float(bits)):
                self._omitted["not_a_number"] += 1
            elif (
                value is None
                or is_denied
                or is_no_value(message, signal, bits)
                or (signal.valid and not signal.valid[0] <= value <= signal.valid[1])  # type: ignore[operator]
                or (is_short_form and set(data[signal.start_bit // 8 :]) == {0xFF})
            ):
                self._omitted["not_available"] += 1
            else:
                values[index] = value
        for together in message.together:
            if not set(together) <= set(values):
                for index in set(together) & set(values):
                    self._omitted["not_available"] += 1
                    del values[index]
        return {fields[index].name: value for index, value in values.items()}


def find_answer(bus: BusSpec, frame: FrameTuple) -> MessageSpec | None:
    """Return the message that a payload is by its id, first bytes and length. No payload is two."""
    for message in bus.messages:
        mask = bus.extended_mask if message.extended else bus.standard_mask
        if (
            message.begins
            and message.extended == bool(frame.id & EXTENDED)
            and (message.arbitration_id ^ frame.id & ID_MASK) & mask == 0
            and (message.extended or frame.id <= STANDARD_MASK)
            and frame.data.startswith(message.begins)
            and len(frame.data) in (message.lengths or [len(frame.data)])
        ):
            return message
    return None


def as_bits(data: bytes) -> int:
    """Return bit n % 8 of byte n // 8 as bit n."""
    return int.from_bytes(data, "little")


def read_value(signal: SignalSpec, bits: str) -> int | float | str | None:
    """Return what the bits say, or None where they say nothing: a text of blanks, digits over 9."""
    if signal.is_text:
        data = int(bits, 2).to_bytes(len(bits) // 8, "little").rstrip(b"\0\xff ")
        return "".join(chr(byte) if chr(byte).isprintable() and byte < 128 else "?" for byte in data) or None
    if signal.is_bcd:
        digits = f"{int(bits, 2):0{len(bits) // 4}x}"
        return int(digits) if digits.isdecimal() else None
    return as_float(bits) if signal.is_float else as_integer(signal, bits)


def read_bits(signal: SignalSpec, data: bytes) -> str | None:
    """Return the signal's bits, most significant first, or None if the payload lacks any of them."""
    positions = bit_positions(signal)
    if max(*positions, signal.present_bit) >= 8 * len(data):
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
    """Return whether J1939 or the signal itself declares that the bits stand for no value."""
    if signal.is_text:
        return False
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
