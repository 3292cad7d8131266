"""Values of messages and what they mean, whether a serial line or a CAN bus carries these.

Promises: a service with a protocol on CAN, or with a vehicle's profile, imports nothing of serial lines here.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

from telemetry.model.measurements import EVENT, MEASUREMENTS
from telemetry.model.scaling import decimal_scale
from telemetry.rules.map_entry import MAIN, MapEntry
from telemetry.settings.document import Where


@dataclass(frozen=True, slots=True)
class Mapped:
    """The meaning of one signal: the field of the data model that it fills, or the alarm that it reports.

    `to` is measurement.field or event.CODE; with `{n}` in both, signals by number, as in a `[[map]]`.
    """

    signal: str  # Message.Signal
    to: str
    bit: int | None = None  # of an alarm: the bit that means it
    when: tuple[int, ...] = ()  # of an alarm: the raw values that mean it
    tag: str = "pack"  # of an alarm: whose it is, pack or charger
    level: str | None = None  # of an alarm; None: as the vocabulary has it
    words: tuple[tuple[int, str], ...] = ()  # of a text: what it is for each raw value
    scale: float = 1.0  # of a field: field = signal * scale
    per: str = ""  # of a field: Message.Signal, by whose last raw value it is divided
    rank: int | None = None  # as in MapEntry, and so is the next one
    optional: bool = False
    where: Where | None = None  # for messages; None: in the protocol


@dataclass(frozen=True, slots=True)
class Signal:
    """One value within the payload of a message; value = raw * factor + offset."""

    name: str
    start_bit: int  # as in SignalSpec
    bit_count: int
    little_endian: bool = False
    signed: bool = False
    factor: float = 1.0
    offset: float = 0.0
    present: str = ""  # the signal, of one bit, that is 1 when this one is there; empty: always
    invalid: tuple[int, ...] = ()  # raw values that are not values
    is_float: bool = False  # IEEE 754, of 16, 32 or 64 bits
    unit: str = ""
    place: str = ""  # where the device's document has it, for the protocol's page
    mark: str = ""  # how well it is known, for the same; empty: two sources or more
    secret: str = ""  # what it says of whose it is (telemetry/framing/secrets.py); empty: nothing


def map_entries(
    mapped: Iterable[Mapped], protocol: str, bus: str, pack: str, charger: str
) -> tuple[MapEntry, ...]:
    """Return what `mapped` of a protocol is on the bus of that name."""
    return tuple(
        MapEntry(
            one.signal,
            one.to,
            scale=one.scale,
            per=one.per,
            bus=bus,
            pack=pack if _tag(one) == "pack" else MAIN,
            charger=charger if _tag(one) == "charger" else None,
            values=dict(one.words),
            bit=one.bit,
            when=one.when,
            level=one.level,
            rank=one.rank,
            optional=one.optional,
            where=one.where or Where(f"protocol {protocol}"),
        )
        for one in mapped
    )


def _tag(mapped: Mapped) -> str:
    measurement = MEASUREMENTS[mapped.to.partition(".")[0]]
    return mapped.tag if measurement is EVENT else ("pack" if "pack" in measurement.tags else "charger")


def number_field(signal: Signal, *, passes: bool = False) -> FieldSpec:
    """Return the field of a signal that is a number. passes: each change of it is sent."""
    kind = SlotKind.FLOAT if signal.is_float else SlotKind.INT if signal.signed else SlotKind.UINT
    scale = decimal_scale(signal.factor, signal.offset, signal.bit_count, signal.signed)
    return FieldSpec(
        signal.name,
        kind,
        signal.factor,
        signal.offset,
        None if signal.is_float else scale,
        passes=passes,
        unit=signal.unit,
    )


def shared_records(
    records: tuple[RecordSpec, ...], own: tuple[RecordSpec, ...]
) -> tuple[tuple[RecordSpec, ...], int]:
    """Return `records` with a protocol's own, side by side, and where these begin.

    They are added unless another bus has records that all look alike.
    """
    for first in range(len(records) - len(own) + 1):
        if records[first : first + len(own)] == own:
            return records, first
    return records + own, len(records)
