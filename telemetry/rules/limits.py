"""`[[limit]]`: a field of the data model that is watched, and the event when it crosses its limit.

Promises:

- Every limit is checked against the data model and the map when the plan is made, or refused with its key
  path and the nearest name that exists. A limit that could never be crossed is a mistake.
- A limit begins when the value has been beyond it in each row of `for_s`. It ends when the value is back by
  the hysteresis.
"""

import itertools
import re
import typing
from collections.abc import Iterable, Iterator
from decimal import Decimal

from telemetry_core.rules.map_spec import ABSENT, MapSpec, TargetMap
from telemetry_core.rules.watch_spec import LimitTest, RuleSpec

from telemetry.errors import ConfigError, Faults
from telemetry.model.fields import Kind
from telemetry.model.measurements import CELLS, MEASUREMENTS, numbered_field
from telemetry.rules.alarm_map import checked_code
from telemetry.rules.alarms import Alarm, level_of
from telemetry.rules.map_entry import LEVEL_NAMES
from telemetry.rules.map_plan import MAPPED_MEASUREMENTS
from telemetry.rules.signals import choice, nearest
from telemetry.settings.declared import key, settings
from telemetry.settings.document import Where
from telemetry.settings.table import TomlTable

_NUMBERED = re.compile(r"([vt])(\*|[0-9]{1,3})")
_KINDS = {"v": ("cell", "V"), "t": ("sensor", "°C")}
_FIRST = Where("limit[0]")


@settings
class Limit:
    """One `[[limit]]` of the configuration."""

    field: str = key("`measurement.field`; `cells.v*` and `cells.t*` stand for all cells and sensors")
    code: str = key("the event's code, from the [data model](data-model.md), 100 or higher")
    above: float | None = key(
        "the limit, in the field's unit: a higher value crosses it", default=None, shown="one of the two"
    )
    below: float | None = key(
        "the limit, in the field's unit: a lower value crosses it", default=None, shown="one of the two"
    )
    hysteresis: float = key("how far the value must come back until the event ends", default=0.0, least=0.0)
    for_s: float = key(
        "how long each row must cross it until the event begins", default=0.0, least=0.0, most=86_400.0
    )
    level: str | None = key("how much it matters", default=None, shown="the code's", one_of=LEVEL_NAMES)
    pack: str | None = key("the tag `pack` of the rows that are meant", default=None, shown="all")
    charger: str | None = key("the tag `charger` of the rows that are meant", default=None, shown="all")
    where: Where = _FIRST  # key path, for messages

    @property
    def is_upper(self) -> bool:
        """Return whether a value above it is beyond it."""
        return self.above is not None

    @property
    def value(self) -> float:
        """Return the limit, in the field's unit."""
        return typing.cast("float", self.below if self.above is None else self.above)

    def check(self, table: TomlTable) -> None:
        """Raise ConfigError unless it is above or below a number."""
        if self.above is None and self.below is None:
            raise table.wrong("above", "is missing", "a limit is above or below a number")
        if self.above is not None and self.below is not None:
            raise table.wrong("below", "stands beside above", "write two limits")


def limit_alarms(
    limits: Iterable[Limit], mapping: MapSpec | None, *, is_whole: bool = True
) -> Iterator[Alarm]:
    """Yield what to watch for in the rows of `mapping` (None: nothing is mapped).

    is_whole: otherwise the map is wrong, and what nothing fills is no fault of a limit.
    Raises ConfigError, of all limits at once.
    """
    faults = Faults()

    def checked(limit: Limit) -> list[Alarm]:
        checked_code(limit.code, limit.where.key("code"))
        return alarms_of(limit, mapping, is_whole)

    found = faults.each(checked, limits)
    faults.raise_any()
    return itertools.chain(*found)


def alarms_of(limit: Limit, mapping: MapSpec | None, is_whole: bool) -> list[Alarm]:
    """Return what to watch for, of each pack or charger. Raises ConfigError; see `limit_alarms`."""
    measurement, field = _checked_field(limit)
    _check_tag(limit, measurement)
    alarms = list(_alarms(limit, measurement, field, mapping)) if mapping else []
    if not alarms and is_whole:
        raise ConfigError(
            f"nothing fills {limit.field}" + _of_tag(limit),
            where=limit.where.key("field"),
            hint=_filled_hint(limit, measurement, mapping),
        )
    return alarms


def _checked_field(limit: Limit) -> tuple[str, str]:
    """Return measurement and field. Raises ConfigError unless it is a number that a map can fill."""
    where = limit.where.key("field")
    name, dot, field = limit.field.partition(".")
    if not dot:
        raise ConfigError(f'"{limit.field}" is not a measurement.field', where=where, hint='as "cells.v*"')
    if name not in MAPPED_MEASUREMENTS:
        raise ConfigError(
            f'no field of "{name}" can be watched', where=where, hint=choice(name, MAPPED_MEASUREMENTS)
        )
    if name == CELLS.name:
        numbered = _NUMBERED.fullmatch(field)
        if not numbered:
            raise ConfigError(
                f'cells has no field "{field}"', where=where, hint="v* (every cell), t*, v1, t1"
            )
        is_one = numbered[2] != "*"
        return name, numbered_field(numbered[1], int(numbered[2])) if is_one else field
    fields = {known.name: known for known in MEASUREMENTS[name].fields}
    if field not in fields:
        raise ConfigError(f'{name} has no field "{field}"', where=where, hint=choice(field, fields))
    if fields[field].kind is not Kind.FLOAT:
        raise ConfigError(f"{limit.field} is not a number", where=where)
    return name, field


def _check_tag(limit: Limit, measurement: str) -> None:
    for tag in ("pack", "charger"):
        if getattr(limit, tag) is not None and tag not in MEASUREMENTS[measurement].tags:
            raise ConfigError(f"{measurement} has no tag {tag}", where=limit.where.key(tag))


def _of_tag(limit: Limit) -> str:
    if limit.pack is not None:
        return f" of pack {limit.pack}"
    return f" of charger {limit.charger}" if limit.charger is not None else ""


def _filled_hint(limit: Limit, measurement: str, mapping: MapSpec | None) -> str:
    """Return which fields of this measurement are filled, for the hint."""
    if mapping is None:
        return "add [[map]] entries"
    names = {
        f"{measurement}.{name}"
        for target in mapping.targets
        if mapping.record_of(target).measurement == measurement
        for name in _filled(mapping, target)
    }
    return nearest(limit.field, sorted(names)) or f"add a [[map]] to {limit.field.replace('*', '{n}')}"


def _filled(mapping: MapSpec, like: TargetMap) -> set[str]:
    """Return what is filled in rows like that target's: by signals on some bus, or derived there."""
    return {
        name
        for number, target in enumerate(mapping.targets)
        if (target.record, target.tag_set) == (like.record, like.tag_set)
        for name in _filled_on_its_bus(mapping, number)
    }


def _filled_on_its_bus(mapping: MapSpec, number: int) -> set[str]:
    target = mapping.targets[number]
    indexes = {
        slot.target
        for bus in mapping.buses
        for message in bus.messages
        for output in message.outputs
        if output.target == number
        for part in output.parts
        for slot in part.slots
    }
    if target.power:
        indexes.add(target.power.power)
    if target.spread:
        spread = target.spread
        indexes |= {spread.cell_min, spread.cell_max, spread.cell_delta, spread.temp_min, spread.temp_max}
        indexes |= {spread.cell_min_index, spread.cell_max_index}
    if target.count:
        indexes |= target.count.counters
    fields = mapping.record_of(target).fields
    return {fields[index].name for index in indexes - {ABSENT}}


def _alarms(limit: Limit, measurement: str, field: str, mapping: MapSpec) -> Iterator[Alarm]:
    """Yield one for each pack or charger that has the field."""
    rows = {(target.record, target.tag_set): target for target in mapping.targets}
    for target in rows.values():
        record, tags = mapping.record_of(target), mapping.tag_sets[target.tag_set]
        wanted = {"pack": limit.pack, "charger": limit.charger}
        if record.measurement != measurement or any(wanted[tag] not in (None, tags[tag]) for tag in tags):
            continue
        filled = _filled(mapping, target)
        names = [one.name for one in record.fields]
        meant = [name for name in names if name == field or (field.endswith("*") and name[0] == field[0])]
        if not filled & set(meant):
            continue
        text, unit = _subject(limit, measurement, meant[0])
        yield Alarm(
            rule=RuleSpec(
                record=target.record,
                field=names.index(meant[0]),
                field_count=len(meant),
                test=_test(limit),
                tag_set=target.tag_set,
            ),
            code=limit.code,
            level=level_of(limit.code, limit.level),
            text=text,
            pack=tags.get("pack", ""),
            charger=tags.get("charger", ""),
            limit=f"{'above' if limit.is_upper else 'below'} {limit.value:.6g}{unit and ' '}{unit}",
            unit=unit,
        )


def _subject(limit: Limit, measurement: str, name: str) -> tuple[str, str]:
    """Return the field's name in a text, and its unit."""
    if measurement == CELLS.name:
        kind, unit = _KINDS[name[0]]
        return f"{kind} {{n}}" if limit.field.endswith("*") else f"{kind} {int(name[1:])}", unit
    field = next(field for field in MEASUREMENTS[measurement].fields if field.name == name)
    return limit.field, field.unit


def _test(limit: Limit) -> LimitTest:
    """Return the test of a limit; its release is subtracted in decimals, so that 4.2 less 0.05 is 4.15."""
    value, hysteresis = Decimal(repr(limit.value)), Decimal(repr(limit.hysteresis))
    return LimitTest(
        limit=limit.value,
        release=float(value - hysteresis if limit.is_upper else value + hysteresis),
        is_upper=limit.is_upper,
        for_ns=round(limit.for_s * 1e9),
    )
