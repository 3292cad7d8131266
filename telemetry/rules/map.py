"""`[[map]]`: which signal of which message is which field of the data model.

Promises:

- Every entry is resolved against the databases and the data model when the plan is made, or refused with its
  key path and the nearest name that exists.
- A field has one origin on a bus: one signal, in every branch of a multiplexer that has it. Entries with a
  rank, which no configuration has, may share one. They fill nothing that an entry without a rank fills.

The result (`MapSpec`) holds indexes only. The compiled `telemetry_core.rules.mapper` carries it out.

An entry fills one field (`Pack.Voltage` to `battery.voltage_v`) or, with `{n}`, a numbered family
(`Cells.Cell{n}_V` to `cells.v{n}`). Entries to `event.CODE` are for `telemetry.rules.alarm_map`.
"""

import itertools
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from telemetry_core.decode.spec import PlanSpec
from telemetry_core.rules.map_spec import MapSpec

from telemetry.errors import ConfigError, Faults
from telemetry.model.fields import Kind, Measurement
from telemetry.model.ids import IsoTpId
from telemetry.model.measurements import CELLS, EVENT, MEASUREMENTS, OF_AGGREGATES, numbered_field
from telemetry.rules.find_message import find_message
from telemetry.rules.map_entry import MAIN, NUMBER, MapEntry
from telemetry.rules.map_plan import MAPPED_MEASUREMENTS, Assignment, Counting, build
from telemetry.rules.signals import (
    Catalogue,
    FoundSignal,
    absent_values,
    checked_number,
    choice,
    raw_values,
    sender_of,
)
from telemetry.settings.document import Where

Answers = Mapping[str, Sequence[IsoTpId]]
NO_ANSWERS: Answers = MappingProxyType({})
WITHIN_NS = 10_000_000_000  # two pages that are asked for may be so far apart

_CELLS_FIELD = re.compile("([vt])([0-9]{1,6})")
_CELLS_FAMILY = re.compile(r"([vt])\{n\}")


@dataclass(frozen=True, slots=True)
class _Target:
    """Where an entry leads: `field` is a name, or the prefix of a numbered family."""

    measurement: Measurement
    field: str
    is_family: bool
    is_text: bool = False


def resolve(
    entries: Iterable[MapEntry],
    spec: PlanSpec,
    *,
    threshold_a: float = 0.5,
    counting: Counting | None = None,
    answers: Answers = NO_ANSWERS,
) -> MapSpec:
    """Return what `entries` mean for the messages of `spec`, alarms apart.

    threshold_a: a battery's current is `charging` or `discharging` when it is over this.
    counting: of what flows through batteries; None: no counters.
    answers: by the name of a bus, the ids that come by ISO-TP: cells in them are asked for.
    Raises ConfigError, of all entries at once.
    """
    catalogue = Catalogue(spec)
    asked = {
        (number, message.record)
        for number, bus in enumerate(spec.buses)
        for each in answers.get(bus.name, ())
        if (message := find_message(bus, each.id))
    } | {
        (number, message.record)
        for number, bus in enumerate(spec.buses)
        for message in bus.messages
        if message.begins
    }
    taken: dict[tuple[int, str, str, str], list[Assignment]] = {}
    faults = Faults()
    for entry in entries:
        if is_alarm(entry):
            continue
        with faults.gathered():
            for assignment in _assignments(entry, catalogue, asked):
                _take(assignment, taken, entry)
    faults.raise_any()
    overruled = [one for others in taken.values() for one in _overruled(others)]
    found = build(itertools.chain(*map(_ruling, taken.values())), spec, threshold_a, counting)
    return replace(found, overruled=tuple(overruled))


def _ruling(others: Sequence[Assignment]) -> Sequence[Assignment]:
    """Return what fills a field: those without a rank, otherwise all."""
    return [one for one in others if one.rank is None] or others


def _overruled(others: Sequence[Assignment]) -> Iterator[tuple[str, str, str]]:
    """Yield field, signal and the ruling entry of each of a field's assignments that does not fill it."""
    ruling = _ruling(others)[0]
    for one in others:
        if one.rank is not None and ruling.rank is None:
            yield f"{one.measurement}.{one.field}", one.name, str(ruling.where)


def _take(
    assignment: Assignment, taken: dict[tuple[int, str, str, str], list[Assignment]], entry: MapEntry
) -> None:
    """Add it to what is `taken`, by field. Raises ConfigError if another signal fills its field."""
    field = (assignment.bus, assignment.measurement, assignment.tag[1], assignment.field)
    others = taken.setdefault(field, [])
    other = next((each for each in others if not _may_share(assignment, each)), None)
    if other is not None:
        raise ConfigError(
            f"{assignment.measurement}.{assignment.field} of {' '.join(assignment.tag)}"
            f" comes from {other.name} already",
            where=entry.where.key("to"),
            hint=f"see {other.where}",
        )
    others.append(assignment)


def _may_share(one: Assignment, other: Assignment) -> bool:
    """Return whether both may fill one field.

    They are one signal in two branches of a multiplexer: no frame has both. Or their ranks say which does.
    A reading of cells is a round of answers, and of these only alternatives may share a field.
    """
    if None in (one.rank, other.rank) and one.rank != other.rank:
        return True
    if one.rank is not None and one.measurement == CELLS.name:
        return one.rank == other.rank and one.is_asked and other.is_asked
    is_one_signal = (one.where, one.name) == (other.where, other.name) and one.message is other.message
    return is_one_signal or one.rank is not None


def is_alarm(entry: MapEntry) -> bool:
    """Return whether the entry leads to an event and not to a field."""
    return entry.to.partition(".")[0] == EVENT.name


def check_field(to: str, where: Where) -> None:
    """Check that something may fill `to`, a key at `where`. Raises ConfigError."""
    _target(MapEntry(signal="", to=to, where=where))


def check_number_field(to: str, where: Where) -> None:
    """Check that one number may fill `to`, a key at `where`. Raises ConfigError."""
    target = _target(MapEntry(signal="", to=to, where=where))
    if target.is_text or target.is_family:
        kind = "a text" if target.is_text else "many fields"
        raise ConfigError(f"{to} is {kind}, and a number fills one", where=where.key("to"))


def _assignments(
    entry: MapEntry, catalogue: Catalogue, asked: Collection[tuple[int, int]]
) -> Iterator[Assignment]:
    faults = Faults()
    target = faults.value(lambda: _checked_target(entry))
    is_family = NUMBER in entry.signal
    if target and target.is_family != is_family:
        raise ConfigError(
            "signal and to must both hold {n}, or neither",
            where=entry.where.key("to"),
            hint='as in signal = "Cells.Cell{n}_V", to = "cells.v{n}"',
        )
    named = catalogue.family if is_family else catalogue.one
    signals = faults.value(lambda: list(named(entry)))
    faults.raise_any()
    tag = _tag(entry, target.measurement)
    for found in signals:
        if found.signal.is_text:
            raise ConfigError(f"{found.name} is a text, which is not mapped", where=entry.where.key("signal"))
        words = _words(entry, found) if target.is_text else ()
        if target.is_text and not words:
            continue  # another branch has the words
        yield Assignment(
            name=found.name,
            where=entry.where,
            bus=found.bus,
            message=found.message,
            signal=found.index,
            measurement=target.measurement.name,
            tag=tag,
            field=numbered_field(target.field, found.number) if target.is_family else target.field,
            scale=entry.scale,
            offset=entry.offset,
            absent=absent_values(entry, found),
            words=words,
            sender=sender_of(entry, found),
            per=_per(entry, catalogue, found.bus),
            within_ns=_within_ns(entry, is_asked=(found.bus, found.message.record) in asked),
            rank=entry.rank,
            optional=entry.optional,
        )


def _within_ns(entry: MapEntry, *, is_asked: bool) -> int:
    if entry.within_s is None:
        return WITHIN_NS if is_asked else 0
    return round(entry.within_s * 1e9)


def _per(entry: MapEntry, catalogue: Catalogue, bus: int) -> tuple[int, int] | None:
    """Return record and signal that the entry's value is divided by."""
    if not entry.per:
        return None
    other = next(one for one in catalogue.one(replace(entry, signal=entry.per)) if one.bus == bus)
    return other.message.record, other.index


def _checked_target(entry: MapEntry) -> _Target:
    """Return where it leads. Raises ConfigError, also where other keys of the entry do not go with that."""
    target = _target(entry)
    _tag(entry, target.measurement)
    _check_numbers(entry)
    if entry.within_s is not None and target.measurement is not CELLS:
        raise ConfigError("is for cells alone", where=entry.where.key("within_s"))
    return target


def _target(entry: MapEntry) -> _Target:
    where = entry.where.key("to")
    name, dot, field_name = entry.to.partition(".")
    if not dot:
        raise ConfigError(
            f'"{entry.to}" is not a measurement.field', where=where, hint='as "battery.soc_pct"'
        )
    measurement = MEASUREMENTS.get(name)
    if measurement is None:
        raise ConfigError(f'no measurement "{name}"', where=where, hint=choice(name, MAPPED_MEASUREMENTS))
    if name not in MAPPED_MEASUREMENTS:
        raise ConfigError(
            f"{name} is written by the service itself",
            where=where,
            hint=f"signals can be mapped to {', '.join(MAPPED_MEASUREMENTS)}",
        )
    if name == CELLS.name:
        return _cells_target(field_name, where)
    fields = {field.name: field for field in measurement.fields}
    if field_name not in fields:
        raise ConfigError(f'{name} has no field "{field_name}"', where=where, hint=choice(field_name, fields))
    if field_name in OF_AGGREGATES:
        raise ConfigError(f"{entry.to} is of an aggregate alone", where=where, hint="see [[aggregate]]")
    is_text = fields[field_name].kind is Kind.TEXT
    if entry.values and not is_text:
        raise ConfigError(f"are words, and {entry.to} is not a text", where=entry.where.key("values"))
    if is_text and (entry.scale, entry.offset) != (1.0, 0.0):
        raise ConfigError("a text has no scale and no offset", where=entry.where)
    return _Target(measurement, field_name, is_family=False, is_text=is_text)


def _words(entry: MapEntry, found: FoundSignal) -> tuple[tuple[int, str], ...]:
    """Return what each raw value is, by the entry or by the database.

    () where another branch has the words.
    """
    if found.signal.is_float:
        raise ConfigError(f"{found.name} is a float, which has no words", where=entry.where.key("signal"))
    where = entry.where.key("values")
    given = {raw: word for value, word in entry.values.items() for raw in raw_values(value, found, where)}
    words = tuple(sorted(given.items())) if entry.values else found.signal.choices
    if not entry.values and not any(signal.choices for signal in found.branches):
        raise ConfigError(
            f"{entry.to} is a text, and {found.name} has no words",
            where=where,
            hint='what each value is, as { 3 = "bulk" }',
        )
    return words


def _cells_target(field_name: str, where: object) -> _Target:
    family = _CELLS_FAMILY.fullmatch(field_name)
    if family:
        return _Target(CELLS, family[1], is_family=True)
    single = _CELLS_FIELD.fullmatch(field_name)
    if not single:
        raise ConfigError(f'cells has no field "{field_name}"', where=where, hint="v1, t1, v{n} or t{n}")
    return _Target(CELLS, numbered_field(single[1], checked_number(int(single[2]), where)), is_family=False)


def _tag(entry: MapEntry, measurement: Measurement) -> tuple[str, str]:
    """Return the tag that distinguishes packs or chargers, and its value."""
    if "pack" in measurement.tags:
        if entry.charger is not None:
            raise ConfigError(f"{measurement.name} has no tag charger", where=entry.where.key("charger"))
        return "pack", entry.pack
    if entry.pack != MAIN:
        raise ConfigError(f"{measurement.name} has no tag pack", where=entry.where.key("pack"))
    return "charger", MAIN if entry.charger is None else entry.charger


def _check_numbers(entry: MapEntry) -> None:
    if not math.isfinite(entry.scale) or entry.scale == 0:
        raise ConfigError(f"must be a number other than 0, not {entry.scale}", where=entry.where.key("scale"))
    if not math.isfinite(entry.offset):
        raise ConfigError(f"must be a number, not {entry.offset}", where=entry.where.key("offset"))
    if entry.bit is not None or entry.when or entry.level is not None or entry.text:
        raise ConfigError(
            "bit, when, level and text are for alarms", where=entry.where, hint='to = "event.CODE"'
        )
