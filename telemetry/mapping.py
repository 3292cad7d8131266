"""`[[map]]`: which signal of which message is which field of the data model.

Promises: every entry is resolved against the databases and the data model when the plan is made, or refused
with its key path and the nearest name that exists; a field has one origin on a bus. What comes out
(`MapSpec`) holds indexes only and is carried out by the compiled `telemetry_core.mapper`.

An entry names one signal (`Pack.Voltage` to `battery.voltage_v`) or, with `{n}`, a numbered family
(`Cells.Cell{n}_V` to `cells.v{n}`: Cell1, Cell01 and Cell001 all match).
"""

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from telemetry_core.map_spec import MapSpec
from telemetry_core.spec import MessageSpec, PlanSpec

from telemetry.errors import ConfigError
from telemetry.map_plan import MAPPED_MEASUREMENTS, Assignment, build
from telemetry.model import CELLS, MAX_NUMBERED_FIELDS, MEASUREMENTS, Kind, Measurement, numbered_field

_NUMBER = "{n}"
_DIGITS = re.compile("[0-9]+")
_CELLS_FIELD = re.compile("([vt])([0-9]{1,6})")
_CELLS_FAMILY = re.compile(r"([vt])\{n\}")
_DEFAULT = "main"  # pack and charger, until they are named


@dataclass(frozen=True, slots=True)
class MapEntry:
    """One `[[map]]` of the configuration: value = signal * scale + offset."""

    signal: str  # Message.Signal, as the database names them
    to: str  # measurement.field
    scale: float = 1.0
    offset: float = 0.0
    bus: str | None = None  # None: every bus that has the message
    pack: str = _DEFAULT
    charger: str | None = None
    index_from: int = 1  # what the database calls the first cell or sensor
    where: str = "map[0]"  # key path, for messages


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One message on one bus, with its signals' names by index."""

    bus: int
    message: MessageSpec
    signals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Target:
    """Where an entry leads: `field` is a name, or the prefix of a numbered family."""

    measurement: Measurement
    field: str
    is_family: bool


def resolve(entries: Iterable[MapEntry], spec: PlanSpec, *, threshold_a: float = 0.5) -> MapSpec:
    """What `entries` mean for the messages of `spec`.

    threshold_a: a battery's current is `charging` or `discharging` when it is over this. Raises ConfigError.
    """
    catalogue = _catalogue(spec)
    taken: dict[tuple[int, str, str, str], Assignment] = {}
    for entry in entries:
        for assignment in _assignments(entry, spec, catalogue):
            field = (assignment.bus, assignment.measurement, assignment.tag[1], assignment.field)
            other = taken.setdefault(field, assignment)
            if other is not assignment:
                raise ConfigError(
                    f"{assignment.measurement}.{assignment.field} of {' '.join(assignment.tag)}"
                    f" comes from {other.name} already",
                    where=f"{entry.where}.to",
                    hint=f"see {other.where}",
                )
    return build(taken.values(), spec, threshold_a)


def _catalogue(spec: PlanSpec) -> list[_Candidate]:
    """Every message once for each bus that it is on."""
    candidates: dict[tuple[int, int, str], _Candidate] = {}
    for bus, bus_spec in enumerate(spec.buses):
        for message in bus_spec.messages:
            fields = spec.records[message.record].fields
            names = tuple(field.signal or field.name for field in fields)
            candidates.setdefault((bus, message.record, message.name), _Candidate(bus, message, names))
    return list(candidates.values())


def _assignments(entry: MapEntry, spec: PlanSpec, catalogue: Sequence[_Candidate]) -> Iterator[Assignment]:
    target = _target(entry)
    tag = _tag(entry, target.measurement)
    _check_numbers(entry)
    on_bus = _on_bus(entry, spec, catalogue)
    if (_NUMBER in entry.signal) != target.is_family:
        raise ConfigError(
            "signal and to must both hold {n}, or neither",
            where=f"{entry.where}.to",
            hint='as in signal = "Cells.Cell{n}_V", to = "cells.v{n}"',
        )
    if target.is_family:
        found = _numbered_signals(entry, on_bus)
    else:
        found = _one_signal(entry, on_bus, _buses_with_message(entry, spec, catalogue))
    for candidate, signal, number in found:
        yield Assignment(
            name=f"{candidate.message.name}.{candidate.signals[signal]}",
            where=entry.where,
            bus=candidate.bus,
            message=candidate.message,
            signal=signal,
            measurement=target.measurement.name,
            tag=tag,
            field=numbered_field(target.field, number) if target.is_family else target.field,
            scale=entry.scale,
            offset=entry.offset,
        )


def _target(entry: MapEntry) -> _Target:
    where = f"{entry.where}.to"
    name, dot, field_name = entry.to.partition(".")
    if not dot:
        raise ConfigError(
            f'"{entry.to}" is not a measurement.field', where=where, hint='as "battery.soc_pct"'
        )
    measurement = MEASUREMENTS.get(name)
    if measurement is None:
        raise ConfigError(f'no measurement "{name}"', where=where, hint=_nearest(name, MAPPED_MEASUREMENTS))
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
        raise ConfigError(
            f'{name} has no field "{field_name}"', where=where, hint=_nearest(field_name, fields)
        )
    if fields[field_name].kind is Kind.TEXT:
        raise ConfigError(f"{entry.to} is a text, and a signal is a number", where=where)
    return _Target(measurement, field_name, is_family=False)


def _cells_target(field_name: str, where: str) -> _Target:
    family = _CELLS_FAMILY.fullmatch(field_name)
    if family:
        return _Target(CELLS, family[1], is_family=True)
    single = _CELLS_FIELD.fullmatch(field_name)
    if not single:
        raise ConfigError(f'cells has no field "{field_name}"', where=where, hint="v1, t1, v{n} or t{n}")
    return _Target(CELLS, numbered_field(single[1], _checked(int(single[2]), where)), is_family=False)


def _checked(number: int, where: str, hint: str = "") -> int:
    if not 1 <= number <= MAX_NUMBERED_FIELDS:
        raise ConfigError(
            f"cells and sensors are 1 to {MAX_NUMBERED_FIELDS}, not {number}", where=where, hint=hint
        )
    return number


def _tag(entry: MapEntry, measurement: Measurement) -> tuple[str, str]:
    """The tag that tells packs or chargers apart, and its value."""
    if "pack" in measurement.tags:
        if entry.charger is not None:
            raise ConfigError(f"{measurement.name} has no tag charger", where=f"{entry.where}.charger")
        return "pack", entry.pack
    if entry.pack != _DEFAULT:
        raise ConfigError(f"{measurement.name} has no tag pack", where=f"{entry.where}.pack")
    return "charger", _DEFAULT if entry.charger is None else entry.charger


def _check_numbers(entry: MapEntry) -> None:
    if not math.isfinite(entry.scale) or entry.scale == 0:
        raise ConfigError(f"must be a number other than 0, not {entry.scale}", where=f"{entry.where}.scale")
    if not math.isfinite(entry.offset):
        raise ConfigError(f"must be a number, not {entry.offset}", where=f"{entry.where}.offset")
    if entry.index_from not in (0, 1):
        raise ConfigError(f"must be 0 or 1, not {entry.index_from}", where=f"{entry.where}.index_from")


def _on_bus(entry: MapEntry, spec: PlanSpec, catalogue: Sequence[_Candidate]) -> Sequence[_Candidate]:
    if entry.bus is None:
        return catalogue
    names = [bus.name for bus in spec.buses]
    if entry.bus not in names:
        raise ConfigError(
            f'no bus "{entry.bus}"', where=f"{entry.where}.bus", hint=_nearest(entry.bus, names)
        )
    return [candidate for candidate in catalogue if candidate.bus == names.index(entry.bus)]


def _buses_with_message(entry: MapEntry, spec: PlanSpec, catalogue: Sequence[_Candidate]) -> list[str]:
    """Names of the buses that the entry's message is on, for the hint when it is not on the entry's own."""
    having = {one.bus for one in catalogue if entry.signal.startswith(one.message.name + ".")}
    return [spec.buses[bus].name for bus in sorted(having)]


def _one_signal(
    entry: MapEntry, on_bus: Sequence[_Candidate], buses: Sequence[str]
) -> Iterator[tuple[_Candidate, int, int]]:
    """The signal of that name, once for each bus that has it. `buses`: those that have its message."""
    where = f"{entry.where}.signal"
    if "." not in entry.signal:
        raise ConfigError(f'"{entry.signal}" is not a Message.Signal', where=where, hint='as "Pack.Voltage"')
    named = [one for one in on_bus if entry.signal.startswith(one.message.name + ".")]
    if not named:
        message = entry.signal.partition(".")[0]
        what = f'no message "{message}" ' + (f"on {entry.bus}" if entry.bus else "in any database")
        near = _nearest(message, [one.message.name for one in on_bus])
        raise ConfigError(what, where=where, hint=f"it is on {' and '.join(buses)}" if buses else near)
    count = 0
    for candidate in named:
        signal = entry.signal.removeprefix(candidate.message.name + ".")
        if signal in candidate.signals:
            count += 1
            yield candidate, candidate.signals.index(signal), 0
    if not count:
        message = named[0].message.name
        signal = entry.signal.removeprefix(message + ".")
        hint = _nearest(signal, [name for candidate in named for name in candidate.signals])
        raise ConfigError(f'message {message} has no signal "{signal}"', where=where, hint=hint)


def _numbered_signals(entry: MapEntry, on_bus: Sequence[_Candidate]) -> Iterator[tuple[_Candidate, int, int]]:
    """All signals of a family with their numbers, counted from 1."""
    where = f"{entry.where}.signal"
    if entry.signal.count(_NUMBER) > 1:
        raise ConfigError("holds {n} more than once", where=where)
    before, _, after = entry.signal.partition(_NUMBER)
    pattern = re.compile(f"{re.escape(before)}0*([0-9]{{1,6}}){re.escape(after)}")
    count = 0
    for candidate in on_bus:
        for index, signal in enumerate(candidate.signals):
            match = pattern.fullmatch(f"{candidate.message.name}.{signal}")
            if match:
                count += 1
                hint = "set index_from = 0" if int(match[1]) == 0 else ""
                yield candidate, index, _checked(int(match[1]) + 1 - entry.index_from, where, hint)
    if not count:
        raise ConfigError(
            f'no signal is called "{entry.signal}"',
            where=where,
            hint=_nearest(entry.signal, _families(on_bus)),
        )


def _families(candidates: Iterable[_Candidate]) -> Iterator[str]:
    """Every signal that has a number in its name, with {n} for each of its numbers in turn."""
    families = set()
    for candidate in candidates:
        for signal in candidate.signals:
            name = f"{candidate.message.name}.{signal}"
            families |= {name[: run.start()] + _NUMBER + name[run.end() :] for run in _DIGITS.finditer(name)}
    return iter(sorted(families))


def _nearest(name: str, known: Iterable[str]) -> str:
    """The hint that names what was probably meant."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    folded = name.casefold()
    longer = [candidate for candidate in by_folded if folded and candidate.startswith(folded)]
    close = longer or difflib.get_close_matches(folded, by_folded, n=1)
    return f'did you mean "{by_folded[close[0]]}"?' if close else ""
