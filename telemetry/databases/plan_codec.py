"""A loaded plan as JSON and back: rows of values in the order of the dataclasses' fields.

Promises:

- `decoded(encoded(plan)) == plan`.
- Anything that `encoded` would not return is a ValueError: each field has its type, each number its range.
- Reading 10,000 messages takes well under a second. That is why each class is read by hand.

Relies on a plan of databases alone. What only tables of protocols and vehicles say (texts, answers, bits of
presence) has no column.
"""

import json
from collections.abc import Callable, Mapping
from operator import attrgetter
from sys import intern
from typing import Any

from telemetry_core.decode.spec import BusSpec, Condition, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.rows.spec import DecimalScale, FieldSpec, RecordSpec, SlotKind

from telemetry.databases.bus import LoadedPlan

_ROWS: Mapping[type, Callable[[Any], Any]] = {
    BusSpec: attrgetter("name", "messages", "standard_mask", "extended_mask"),
    Condition: attrgetter("selector", "ranges"),
    DecimalScale: attrgetter("multiplier", "bias", "decimals"),
    FieldSpec: attrgetter(
        *("name", "kind", "factor", "offset", "scale", "passes", "signal", "texts", "unit", "comment"),
    ),
    MessageSpec: attrgetter(
        *("name", "arbitration_id", "extended", "byte_count", "signals", "conditions", "record"),
        *("by_pgn", "drops_not_available"),
    ),
    RecordSpec: attrgetter("measurement", "fields", "modelled", "message"),
    SignalSpec: attrgetter(
        *("start_bit", "bit_count", "little_endian", "signed", "is_float", "condition", "choices", "invalid"),
        *("minimum", "maximum"),
    ),
}
_KINDS = {int(kind): kind for kind in SlotKind}
_MOST_DECIMALS = 18
_INT64 = range(-(1 << 63), 1 << 63)
_ID_MASKS = range(1 << 29)


def encoded(plan: LoadedPlan) -> bytes:
    """Return `plan` as JSON."""
    content = {"warnings": plan.warnings, "records": plan.spec.records, "buses": plan.spec.buses}
    return json.dumps(content, default=_row, separators=(",", ":")).encode()


def _row(spec: Any) -> tuple[Any, ...]:
    row: tuple[Any, ...] = _ROWS[type(spec)](spec)
    return row


def decoded(content: bytes) -> LoadedPlan:
    """Return the plan that `encoded` was given. Raises ValueError for any other content."""
    try:
        return _plan(json.loads(content))
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a plan: {error}") from error


def _plan(content: Mapping[str, Any]) -> LoadedPlan:
    records = tuple(_record(row) for row in content["records"])
    buses = tuple(
        BusSpec(
            _typed(name, str),
            tuple(_message(row, len(records)) for row in rows),
            _within(standard, _ID_MASKS),
            _within(extended, _ID_MASKS),
        )
        for name, rows, standard, extended in content["buses"]
    )
    return LoadedPlan(PlanSpec(records, buses), tuple(_typed(text, str) for text in content["warnings"]))


def _typed(value: Any, *types: type) -> Any:
    if type(value) not in types:
        raise ValueError(f"not a plan: {value!r:.60}")
    return value


def _within(value: int, bounds: range) -> int:
    if type(value) is not int or value not in bounds:
        raise ValueError(f"not a plan: {value!r:.60} in place of a number from {bounds[0]} to {bounds[-1]}")
    return value


def _record(row: list[Any]) -> RecordSpec:
    measurement, rows, modelled, message = row
    fields = tuple(
        FieldSpec(
            _typed(name, str),
            _KINDS[_typed(kind, int)],
            _typed(factor, float, int),
            _typed(offset, float, int),
            None if scale is None else _scale(*scale),
            _typed(passes, bool),
            _typed(signal, str),
            _words(texts),
            intern(_typed(unit, str)),  # a handful for ten thousand signals
            comment=_typed(comment, str),
        )
        for name, kind, factor, offset, scale, passes, signal, texts, unit, comment in rows
    )
    return RecordSpec(_typed(measurement, str), fields, _typed(modelled, bool), _typed(message, str))


def _scale(multiplier: int, bias: int, decimals: int) -> DecimalScale:
    return DecimalScale(
        _within(multiplier, _INT64), _within(bias, _INT64), _within(decimals, range(_MOST_DECIMALS + 1))
    )


def _words(rows: list[Any]) -> tuple[tuple[int, str], ...]:
    return tuple([(_typed(raw, int), _typed(word, str)) for raw, word in rows]) if rows else ()


def _message(row: list[Any], record_count: int) -> MessageSpec:
    name, arbitration_id, extended, byte_count, signals, conditions, record, by_pgn, drops = row
    return MessageSpec(
        _typed(name, str),
        _typed(arbitration_id, int),
        _typed(extended, bool),
        _typed(byte_count, int),
        tuple([_signal(row) for row in signals]),
        tuple(
            Condition(
                _typed(selector, int), tuple((_typed(low, int), _typed(high, int)) for low, high in ranges)
            )
            for selector, ranges in conditions
        ),
        _within(record, range(record_count)),
        _typed(by_pgn, bool),
        _typed(drops, bool),
    )


_SIGNAL_TYPES = (int, int, bool, bool, bool, int)


def _signal(row: list[Any]) -> SignalSpec:
    start_bit, bit_count, little_endian, signed, is_float, condition, choices, invalid, *bounds = row
    if tuple(map(type, row[:6])) != _SIGNAL_TYPES:
        raise ValueError(f"not a plan: {row!r:.60} in place of a signal")
    words, none = _words(choices), tuple([_typed(raw, int) for raw in invalid])
    minimum, maximum = [_typed(bound, float, type(None)) for bound in bounds]
    return SignalSpec(
        start_bit, bit_count, little_endian, signed, is_float, condition, words, none, minimum, maximum
    )
