"""Small plans written by hand, mostly for what works on rows: the bits of a signal do not matter there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from telemetry_core.decode.spec import BusSpec, Condition, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.rows.spec import DecimalScale, FieldSpec, RecordSpec, SlotKind


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal of `bits` bits; `pages`: the values of the message's signal `Page` with which it comes."""

    scale: DecimalScale | None = None
    kind: SlotKind = SlotKind.INT
    bits: int = 16
    signed: bool = True
    factor: float = 1.0
    offset: float = 0.0
    pages: Sequence[int] = ()
    name_in_row: str = ""
    choices: Sequence[tuple[int, str]] = ()
    start_bit: int = 0
    unit: str = ""

    def field(self, name: str) -> FieldSpec:
        return FieldSpec(
            name=self.name_in_row or name,
            kind=self.kind,
            factor=self.factor,
            offset=self.offset,
            scale=self.scale,
            unit=self.unit,
            signal=name if self.name_in_row else "",
        )


def tenths(pages: Sequence[int] = ()) -> Signal:
    """Make a signal of 16 bits in steps of 0.1."""
    return Signal(DecimalScale(1, 0, 1), factor=0.1, pages=pages)


def plan(buses: Mapping[str, Mapping[str, Mapping[str, Signal]]], *, is_tight: bool = False) -> PlanSpec:
    """Buses of messages of signals. A signal with pages needs a signal `Page` in its message.

    is_tight: a message has the bytes that its signals take; otherwise eight.
    """
    records: list[RecordSpec] = []
    bus_specs = []
    for bus_name, messages in buses.items():
        specs = []
        for name, signals in messages.items():
            specs.append(_message(name, signals, len(records), is_tight=is_tight))
            records.append(RecordSpec(name, tuple(signal.field(key) for key, signal in signals.items())))
        bus_specs.append(BusSpec(bus_name, tuple(specs)))
    return PlanSpec(tuple(records), tuple(bus_specs))


def j1939(spec: PlanSpec) -> PlanSpec:
    """Return the same messages, matched by PGN: 0xFF00 for the first, then upwards."""
    return replace(
        spec, buses=tuple(replace(bus, messages=tuple(map(_by_pgn, bus.messages))) for bus in spec.buses)
    )


def _by_pgn(message: MessageSpec) -> MessageSpec:
    return replace(message, arbitration_id=0x18FF00FE | message.record << 8, extended=True, by_pgn=True)


def _message(name: str, signals: Mapping[str, Signal], record: int, *, is_tight: bool) -> MessageSpec:
    conditions: list[Condition] = []
    specs = []
    for signal in signals.values():
        condition = -1
        if signal.pages:
            selector = list(signals).index("Page")
            wanted = Condition(selector, tuple((page, page) for page in signal.pages))
            if wanted not in conditions:
                conditions.append(wanted)
            condition = conditions.index(wanted)
        specs.append(
            SignalSpec(
                start_bit=signal.start_bit,
                bit_count=signal.bits,
                little_endian=True,
                signed=signal.signed,
                is_float=signal.kind is SlotKind.FLOAT,
                condition=condition,
                choices=tuple(signal.choices),
            )
        )
    return MessageSpec(
        name=name,
        arbitration_id=0x100 + record,
        extended=False,
        byte_count=max(-(-(each.start_bit + each.bits) // 8) for each in signals.values()) if is_tight else 8,
        signals=tuple(specs),
        conditions=tuple(conditions),
        record=record,
    )
