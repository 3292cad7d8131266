"""Turns a parsed message of cantools into what the decoder needs: fields, bits and conditions.

Relies on cantools' public Message and Signal only. A signal that cannot be decoded (more than 64 bits, a
factor of 0, a multiplexed one without its multiplexer) is left out alone and reported.

Names that InfluxDB or the data model cannot take are settled here. A field called `time` is dropped by
InfluxDB without a word; a field called like a tag makes queries ambiguous; names beginning with `_` are
InfluxDB's own. A measurement of the data model has fields of its own.

Value tables may be fields of their own. The number's field then stays as it is. The word's has the same name
followed by `_text`, comes right after the number's, and is absent where the table has no word for a raw
value.
"""

import itertools
import math
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from cantools.database.can import Signal
from telemetry_core.decode.spec import FLOAT_FORMATS, Condition, SignalSpec
from telemetry_core.rows.schema import escape_key
from telemetry_core.rows.spec import FieldSpec, SlotKind

from telemetry.databases.formats.dbc_mend import Ranges
from telemetry.databases.formats.parse import ParsedMessage
from telemetry.model.measurements import MEASUREMENTS, TAGS
from telemetry.model.scaling import decimal_scale, raw_range

Report = Callable[[str, str], None]  # kind of fault, signal

LONGEST_PAYLOAD_BYTES = 1785  # of a J1939 transport message
_LARGEST = 1e300
_BITS_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_TAGS = frozenset(TAGS) | {"sa"}  # sa: the J1939 source address
SUFFIX = "_text"


@dataclass(frozen=True, slots=True)
class MessageLayout:
    """Fields and signals have the same indexes."""

    fields: tuple[FieldSpec, ...]
    signals: tuple[SignalSpec, ...]
    conditions: tuple[Condition, ...]


def lay_out(parsed: ParsedMessage, report: Report) -> MessageLayout:
    """Return fields and bits of a message, signals in the order of `Message.signals`."""
    message = parsed.message
    kept = [signal for signal in message.signals if _is_decodable(signal, report)]
    kept = _with_their_selectors(kept, report)
    conditions: dict[Condition, int] = {}
    signals = []
    for signal in kept:
        condition = _condition(signal, kept, parsed.ranges)
        minimum, maximum = _range(signal)
        number = -1 if condition is None else conditions.setdefault(condition, len(conditions))
        signals.append(
            SignalSpec(
                start_bit=signal.start,
                bit_count=signal.length,
                little_endian=signal.byte_order == "little_endian",
                signed=signal.is_signed,
                is_float=signal.conversion.is_float,
                condition=number,
                choices=_choices(signal),
                invalid=_invalid(signal),
                minimum=minimum,
                maximum=maximum,
            )
        )
    _report_places(message.length, kept, signals, report)
    return MessageLayout(_fields(kept, signals, tuple(conditions), report), tuple(signals), tuple(conditions))


def _is_decodable(signal: Signal, report: Report) -> bool:
    kind = ""
    factor, offset = signal.conversion.scale, signal.conversion.offset
    start: int | None = signal.start  # of a KCD, where nobody checks
    if start is None:
        kind = "a signal without a place, left out"
    elif not 1 <= signal.length <= 64:
        kind = "a signal of more than 64 bits, or of none, left out"
    elif signal.conversion.is_float and signal.length not in FLOAT_FORMATS:
        kind = "a float not of 16, 32 or 64 bits, left out"
    elif start < 0 or _first_and_last_bit(signal)[1] >= 8 * LONGEST_PAYLOAD_BYTES:
        kind = "a signal past the end of any payload, left out"
    elif not factor:
        kind = "a factor of 0, left out"
    elif not (abs(factor) < _LARGEST and abs(offset) < _LARGEST):
        kind = "a factor or offset without bounds, left out"
    if kind:
        report(kind, signal.name)
    return not kind


def _first_and_last_bit(signal: Signal) -> tuple[int, int]:
    """Return the signal's first and last bit, in the order of transmission of its byte order."""
    first = signal.start
    if signal.byte_order == "big_endian":
        first = signal.start // 8 * 8 + 7 - signal.start % 8
    return first, first + signal.length - 1


def _with_their_selectors(signals: list[Signal], report: Report) -> list[Signal]:
    """Return `signals` without those whose chain of multiplexers has a gap or leads in a circle.

    A signal with multiplexer values and no multiplexer belongs to a message without any.
    """
    by_name = {signal.name: signal for signal in reversed(signals)}

    def has_selectors(signal: Signal) -> bool:
        seen = set()
        while signal.multiplexer_signal is not None:
            selector = by_name.get(signal.multiplexer_signal)
            unusable = selector is None or selector.conversion.is_float or signal.name in seen
            if unusable or not signal.multiplexer_ids:
                return False
            seen.add(signal.name)
            signal = by_name[signal.multiplexer_signal]
        return not signal.multiplexer_ids

    kept = []
    for signal in signals:
        if has_selectors(signal):
            kept.append(signal)
        else:
            report("a multiplexed signal that nothing selects, left out", signal.name)
    return kept


def _report_places(byte_count: int, signals: list[Signal], places: list[SignalSpec], report: Report) -> None:
    """Report signals that reach past the message or over another one. All of them are decoded."""
    taken: dict[int, int] = {}  # bits by condition
    for signal, place in zip(signals, places, strict=True):
        first, last = _first_and_last_bit(signal)
        if last >= 8 * byte_count:
            report("a signal past the end of its message, decoded where a frame has it", signal.name)
        bits = ((1 << signal.length) - 1) << first
        if signal.byte_order == "big_endian":  # the first bit of a byte is its highest
            bits = int.from_bytes(bits.to_bytes(last // 8 + 1, "little").translate(_BITS_REVERSED), "little")
        if bits & (taken.get(-1, 0) | taken.get(place.condition, 0)):
            report("a signal that overlaps another one, both decoded", signal.name)
        taken[place.condition] = taken.get(place.condition, 0) | bits


def _condition(signal: Signal, signals: list[Signal], ranges: Mapping[Signal, Ranges]) -> Condition | None:
    if signal.multiplexer_signal is None:
        return None
    names = [candidate.name for candidate in signals]
    index = names.index(signal.multiplexer_signal)
    selector = signals[index]
    values = list(ranges.get(signal, ())) + [(value, value) for value in signal.multiplexer_ids or ()]
    if selector.is_signed:
        values = _as_signed(values, selector.length)
    return Condition(index, merge_ranges(values))


def _choices(signal: Signal) -> tuple[tuple[int, str], ...]:
    """Return the value table, without values that the signal cannot have.

    Databases also write negative values as unsigned numbers, and the highest unsigned ones as negative.
    """
    if not signal.conversion.choices:
        return ()
    end = 1 << signal.length
    lowest, highest = raw_range(signal.length, signal.is_signed)
    words = {}
    for value, word in signal.conversion.choices.items():
        raw = int(value)  # an ARXML may write 1.0
        if raw != value:
            continue
        if signal.is_signed and end // 2 <= raw < end:
            raw -= end
        elif not signal.is_signed and -end // 2 <= raw < 0:
            raw += end
        if lowest <= raw <= highest:
            words[raw] = str(word)
    return tuple(sorted(words.items()))


def _invalid(signal: Signal) -> tuple[int, ...]:
    """Return the raw value, if any, that an ARXML declares invalid; of a float its bits."""
    invalid = signal.raw_invalid
    if invalid is None:
        return ()
    if signal.conversion.is_float:
        try:
            packed = struct.pack(FLOAT_FORMATS[signal.length], float(invalid))
        except OverflowError:
            return ()
        return (int.from_bytes(packed, "little"),)
    is_integer = isinstance(invalid, int) or invalid.is_integer()
    can_be = is_integer and -(1 << signal.length - 1) <= invalid < 1 << signal.length
    return (int(invalid),) if can_be else ()


def _range(signal: Signal) -> tuple[float | None, float | None]:
    """Return the declared range in the signal's unit. Databases write `[0|0]` where they declare none."""
    low, high = (
        float(bound) if bound is not None and math.isfinite(bound) else None
        for bound in (signal.minimum, signal.maximum)
    )
    return (None, None) if low == high else (low, high)


def _as_signed(ranges: Iterable[tuple[int, int]], bit_count: int) -> list[tuple[int, int]]:
    """Return ranges of a signed selector, whose bits databases write as an unsigned number."""
    middle, end = 1 << (bit_count - 1), 1 << bit_count
    low_half = [(low, min(high, middle - 1)) for low, high in ranges if low < middle]
    high_half = [
        (max(low, middle) - end, min(high, end - 1) - end)
        for low, high in ranges
        if low < end and high >= middle
    ]
    return low_half + high_half


def merge_ranges(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Return the ranges of `values`: sorted, disjoint, inclusive."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def _fields(
    signals: list[Signal], places: list[SignalSpec], conditions: tuple[Condition, ...], report: Report
) -> tuple[FieldSpec, ...]:
    """Return one field for each signal.

    Signals of one name that exclude one another share the field's name.
    """
    fields = []
    selectors = {condition.selector for condition in conditions}
    taken: dict[bytes, list[int]] = {}  # by the name in line protocol, with some characters changed
    shown: dict[str, list[int]] = {}  # by the name in csv and ndjson

    def is_free(others: Sequence[int], condition: int) -> bool:
        return not others or all(exclude(other, condition, conditions) for other in others)

    for index, (signal, place) in enumerate(zip(signals, places, strict=True)):
        name = field_name(signal.name)
        if name != signal.name:
            report("a reserved name, written with _signal", signal.name)
        while not is_free(others := taken.setdefault(escape_key(name), []), place.condition):
            name = f"{name}_{place.start_bit}"
            report("a name twice, written with the start bit", signal.name)
        original = signal.name if is_free(shown.get(signal.name, ()), place.condition) else name
        others.append(place.condition)
        shown.setdefault(original, []).append(place.condition)
        fields.append(_field(signal, name, original, is_selector=index in selectors))
    return tuple(fields)


def _field(signal: Signal, name: str, original: str, *, is_selector: bool) -> FieldSpec:
    """Return the field of a signal. A selector is not a flag: it changes with every page."""
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
        passes=not is_selector and (signal.length == 1 or bool(signal.conversion.choices)),
        signal="" if name == original else original,
        unit=signal.unit or "",
        comment=signal.comment or "",
    )


def exclude(one: int, other: int, conditions: tuple[Condition, ...]) -> bool:
    """Return whether no frame meets both conditions; -1 is no condition."""
    if one < 0 or other < 0 or conditions[one].selector != conditions[other].selector:
        return False
    ranges = [*conditions[one].ranges, *conditions[other].ranges]
    return all(high < low for (_, high), (low, _) in itertools.pairwise(sorted(ranges)))


def field_name(signal: str) -> str:
    """Return the field that holds a signal: its own name, or the name followed by `_signal`."""
    if signal == "time" or signal in _TAGS or signal.startswith("_"):
        return f"{signal}_signal"
    return signal or "unnamed"


def measurement_name(message: str) -> str:
    """Return the measurement that holds a message: its own name, or `can_` and the name."""
    if message in MEASUREMENTS:
        return f"can_{message}"
    return message or "unnamed"


def with_value_texts(layout: MessageLayout, report: Report, numbers: Set[bytes]) -> MessageLayout:
    """Return `layout` with a second signal of the same bits after each integer that has a value table.

    `numbers` holds the numeric fields of its measurement, also on other buses, as line protocol writes them:
    none of them may be a text.
    """
    fields: list[FieldSpec] = []
    signals: list[SignalSpec] = []
    new_index = []
    taken: dict[bytes, list[int]] = {}
    for field, signal in zip(layout.fields, layout.signals, strict=True):
        new_index.append(len(fields))
        fields.append(field)
        signals.append(signal)
        if not signal.choices or signal.is_float:
            continue
        text_name = field.name + SUFFIX
        while escape_key(text_name) in numbers or not all(
            exclude(other, signal.condition, layout.conditions)
            for other in taken.get(escape_key(text_name), [])
        ):
            text_name += SUFFIX
            report("a text of the name of a signal, written with _text twice", field.signal_name)
        taken.setdefault(escape_key(text_name), []).append(signal.condition)
        texts = tuple((_as_slot(raw), word) for raw, word in signal.choices)
        original = field.signal and field.signal + SUFFIX
        fields.append(FieldSpec(text_name, SlotKind.WORD, passes=field.passes, signal=original, texts=texts))
        signals.append(replace(signal, choices=()))
    conditions = tuple(
        replace(condition, selector=new_index[condition.selector]) for condition in layout.conditions
    )
    return MessageLayout(tuple(fields), tuple(signals), conditions)


def _as_slot(raw: int) -> int:
    """Return `raw` as the slot of a word holds it: a signed integer of 64 bits."""
    return raw - (1 << 64) if raw >= 1 << 63 else raw
