"""A parsed message, as cantools gives it, turned into what the decoder needs: fields, bits and conditions.

Relies on cantools' public Message and Signal only. What cannot be decoded (a signal of more than 64 bits, a
factor of 0, a multiplexed signal without its multiplexer) is left out alone and reported.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cantools.database.can import Message, Signal
from telemetry_core.spec import Condition, FieldSpec, SignalSpec, SlotKind

from telemetry.protocols.names import field_name
from telemetry.protocols.scaling import decimal_scale

LONGEST_PAYLOAD_BYTES = 1785  # of a J1939 transport message
_FLOAT_BITS = (16, 32, 64)

Warn = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class MessageLayout:
    """The decodable part of a message; fields and signals have the same indexes."""

    fields: tuple[FieldSpec, ...]
    signals: tuple[SignalSpec, ...]
    conditions: tuple[Condition, ...]


def lay_out(message: Message, warn: Warn) -> MessageLayout:
    """Fields and bits of a message, signals in the order of `Message.signals`."""
    kept = _with_their_selectors([signal for signal in message.signals if _is_decodable(signal, warn)], warn)
    conditions: dict[Condition, int] = {}
    signals = []
    for signal in kept:
        condition = _condition(signal, kept)
        number = -1 if condition is None else conditions.setdefault(condition, len(conditions))
        signals.append(
            SignalSpec(
                start_bit=signal.start,
                bit_count=signal.length,
                little_endian=signal.byte_order == "little_endian",
                signed=signal.is_signed,
                is_float=signal.conversion.is_float,
                condition=number,
            )
        )
    return MessageLayout(_fields(kept, warn), tuple(signals), tuple(conditions))


def _is_decodable(signal: Signal, warn: Warn) -> bool:
    reason = ""
    if not 1 <= signal.length <= 64:
        reason = f"{signal.length} bits, of 64 at most"
    elif signal.conversion.is_float and signal.length not in _FLOAT_BITS:
        reason = f"a float of {signal.length} bits"
    elif _last_byte(signal) > LONGEST_PAYLOAD_BYTES or signal.start < 0:
        reason = f"bit {signal.start} is in no payload"
    elif not signal.conversion.scale:
        reason = "a factor of 0"
    elif not (math.isfinite(signal.conversion.scale) and math.isfinite(signal.conversion.offset)):
        reason = "factor and offset must be finite"
    if reason:
        warn(f"signal {signal.name}: {reason}: left out")
    return not reason


def _last_byte(signal: Signal) -> int:
    if signal.byte_order == "little_endian":
        return (signal.start + signal.length + 7) // 8
    return (signal.start // 8 * 8 + 7 - signal.start % 8 + signal.length + 7) // 8


def _with_their_selectors(signals: list[Signal], warn: Warn) -> list[Signal]:
    """`signals` without those whose multiplexer, or its multiplexer, is not there or leads in a circle."""
    by_name = {signal.name: signal for signal in reversed(signals)}

    def fault(signal: Signal) -> str:
        seen = set()
        while signal.multiplexer_signal is not None:
            if not signal.multiplexer_ids:
                return f"no value of {signal.multiplexer_signal} selects it"
            if signal.name in seen:
                return "its multiplexers select one another in a circle"
            seen.add(signal.name)
            selector = by_name.get(signal.multiplexer_signal)
            if selector is None or selector.conversion.is_float:
                return f"its multiplexer {signal.multiplexer_signal} is not there"
            signal = selector
        return ""

    faults = [fault(signal) for signal in signals]
    for signal, reason in zip(signals, faults, strict=True):
        if reason:
            warn(f"signal {signal.name}: {reason}: left out")
    return [signal for signal, reason in zip(signals, faults, strict=True) if not reason]


def _condition(signal: Signal, signals: list[Signal]) -> Condition | None:
    if signal.multiplexer_signal is None:
        return None
    names = [candidate.name for candidate in signals]
    selector = signals[names.index(signal.multiplexer_signal)]
    values = signal.multiplexer_ids or ()
    if selector.is_signed:  # databases write the selector's bits as an unsigned number
        values = [
            value - (1 << selector.length) if value >> (selector.length - 1) else value for value in values
        ]
    return Condition(names.index(signal.multiplexer_signal), merge_ranges((value, value) for value in values))


def _as_signed(value: int, bit_count: int) -> int:
    return value - (1 << bit_count) if value >> (bit_count - 1) else value


def merge_ranges(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Sorted, disjoint, inclusive."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def _fields(signals: list[Signal], warn: Warn) -> tuple[FieldSpec, ...]:
    fields = []
    for signal in signals:
        name = field_name(signal.name)
        if name != signal.name:
            warn(f"signal {signal.name}: the name is reserved: written as {name}")
        fields.append(_field(signal, name))
    return tuple(fields)


def _field(signal: Signal, name: str) -> FieldSpec:
    factor, offset = signal.conversion.scale, signal.conversion.offset
    kind = SlotKind.INT
    scale = None
    if signal.conversion.is_float:
        kind = SlotKind.FLOAT
    else:
        if signal.length == 64 and not signal.is_signed:
            kind = SlotKind.UINT
        scale = decimal_scale(factor, offset, signal.length, signal.is_signed)
    return FieldSpec(
        name=name,
        kind=kind,
        factor=float(factor),
        offset=float(offset),
        scale=scale,
        passes=signal.length == 1 or bool(signal.conversion.choices),
        signal="" if name == signal.name else signal.name,
    )
