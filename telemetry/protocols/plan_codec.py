"""A loaded plan as JSON and back: rows of values in the order of the dataclasses' fields.

Promises: `decoded(encoded(plan)) == plan`; anything else than what `encoded` gives is a ValueError. Reading
10,000 messages takes well under a second, which is why each class is read by hand.
"""

import json
from collections.abc import Mapping
from typing import Any

from telemetry_core.spec import (
    BusSpec,
    Condition,
    DecimalScale,
    FieldSpec,
    MessageSpec,
    PlanSpec,
    RecordSpec,
    SignalSpec,
    SlotKind,
)

from telemetry.protocols.databases import LoadedPlan

_KINDS = tuple(SlotKind)


def encoded(plan: LoadedPlan) -> bytes:
    """`plan` as JSON."""
    content = {
        "warnings": plan.warnings,
        "records": [_record_row(record) for record in plan.spec.records],
        "buses": [
            (
                bus.name,
                [_message_row(message) for message in bus.messages],
                bus.standard_mask,
                bus.extended_mask,
            )
            for bus in plan.spec.buses
        ],
    }
    return json.dumps(content, separators=(",", ":")).encode()


def decoded(content: bytes) -> LoadedPlan:
    """What `encoded` was given. Raises ValueError for anything else."""
    try:
        return _plan(json.loads(content))
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a plan: {error}") from error


def _plan(content: Mapping[str, Any]) -> LoadedPlan:
    spec = PlanSpec(
        records=tuple(_record(row) for row in content["records"]),
        buses=tuple(
            BusSpec(name, tuple(_message(row) for row in rows), *masks)
            for name, rows, *masks in content["buses"]
        ),
    )
    return LoadedPlan(spec, tuple(content["warnings"]))


def _record_row(record: RecordSpec) -> tuple[Any, ...]:
    fields = [
        (
            field.name,
            int(field.kind),
            field.factor,
            field.offset,
            field.scale and (field.scale.multiplier, field.scale.bias, field.scale.decimals),
            field.passes,
            field.signal,
            field.texts,
        )
        for field in record.fields
    ]
    return record.measurement, fields, record.modelled, record.message


def _record(row: list[Any]) -> RecordSpec:
    measurement, rows, modelled, message = row
    fields = tuple(
        FieldSpec(
            name,
            _KINDS[kind],
            factor,
            offset,
            scale and DecimalScale(*scale),
            passes,
            signal,
            tuple([(raw, text) for raw, text in texts]),
        )
        for name, kind, factor, offset, scale, passes, signal, texts in rows
    )
    return RecordSpec(measurement, fields, modelled, message)


def _message_row(message: MessageSpec) -> tuple[Any, ...]:
    return (
        message.name,
        message.arbitration_id,
        message.extended,
        message.byte_count,
        [
            (
                signal.start_bit,
                signal.bit_count,
                signal.little_endian,
                signal.signed,
                signal.is_float,
                signal.condition,
                signal.choices,
                signal.invalid,
            )
            for signal in message.signals
        ],
        [(condition.selector, condition.ranges) for condition in message.conditions],
        message.record,
        message.by_pgn,
        message.drops_not_available,
    )


def _message(row: list[Any]) -> MessageSpec:
    name, arbitration_id, extended, byte_count, signals, conditions, record, by_pgn, drops = row
    return MessageSpec(
        name,
        arbitration_id,
        extended,
        byte_count,
        tuple([_signal(row) for row in signals]),
        tuple(
            Condition(selector, tuple((low, high) for low, high in ranges)) for selector, ranges in conditions
        ),
        record,
        by_pgn,
        drops,
    )


def _signal(row: list[Any]) -> SignalSpec:
    start_bit, bit_count, little_endian, signed, is_float, condition, choices, invalid = row
    words = tuple([(raw, word) for raw, word in choices]) if choices else ()
    return SignalSpec(start_bit, bit_count, little_endian, signed, is_float, condition, words, tuple(invalid))
