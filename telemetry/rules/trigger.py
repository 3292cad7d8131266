"""`[[trigger]]`: at which events everything is sent, from before them until after them.

Promises: every name is checked against the data model, the databases and the codes of events, or refused
with its key path and the nearest that exists. A trigger that could never be set off is a mistake.
"""

import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from telemetry_core.decode.spec import PlanSpec
from telemetry_core.rows.spec import RecordSpec, SlotKind
from telemetry_core.rules.map_spec import MapSpec
from telemetry_core.rules.watch_spec import CrossingTest, RuleSpec

from telemetry.errors import ConfigError, Faults
from telemetry.model.event_codes import EVENT_CODES
from telemetry.model.measurements import MEASUREMENTS
from telemetry.rules.alarms import Alarm, level_of
from telemetry.rules.limits import Limit, alarms_of
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.map_plan import protection_field
from telemetry.rules.send import matching
from telemetry.rules.signals import Catalogue, choice
from telemetry.settings.declared import key, settings
from telemetry.settings.document import Where
from telemetry.settings.table import TomlTable

TRIGGER = "trigger"  # the code of the event of a signal or field
_NUMBERS = (SlotKind.INT, SlotKind.UINT, SlotKind.FLOAT, SlotKind.BOOL)
_FIRST = Where("trigger[0]")


@settings
class Trigger:
    """One `[[trigger]]`: an event, a signal or a field, and what is sent round it."""

    on: tuple[str, ...] = key(
        'globs of codes of events, from the [data model](data-model.md): `["cell_*", "limit"]`',
        default=(),
        shown="one of the three",
    )
    signal: str | None = key("`Message.Signal`, as the databases name it", default=None)
    field: str | None = key(
        "`measurement.field`; `cells.v*` and `cells.t*` stand for all cells and sensors", default=None
    )
    above: float | None = key(
        "of a signal or field: set off by a value that comes to lie above", default=None
    )
    below: float | None = key("the same: that comes to lie below", default=None)
    changes_by: float | None = key(
        "the same: that is so far from any other one within `within_s`", default=None, above=0.0
    )
    within_s: float | None = key("the time of `changes_by`", default=None, above=0.0, most=60.0)
    before_s: float = key("how much before the event is sent", default=30.0, least=0.0, most=120.0)
    after_s: float = key("how much after it", default=30.0, least=0.0, most=600.0)
    only: tuple[str, ...] = key(
        "globs of measurements that are sent then, messages too: `[send]` holds none of them back",
        default=(),
        shown="all",
    )
    per_hour: int = key("how often at most, in an hour of stamps; others are counted", default=12, least=1)
    black_box: bool = key("also keep the raw frames, by `[black_box]`", default=False)
    where: Where = _FIRST

    def check(self, table: TomlTable) -> None:
        """Raise ConfigError unless it is set off by one thing."""
        whats = [name for name in ("on", "signal", "field") if getattr(self, name)]
        if len(whats) != 1:
            words = f"stands beside {whats[0]}" if whats else "is missing"
            raise table.wrong(whats[1] if whats else "on", words, "one of on, signal and field")
        tests = [name for name in ("above", "below", "changes_by") if getattr(self, name) is not None]
        if self.within_s and self.changes_by is None and not self.on:
            raise table.wrong("within_s", "is for changes_by alone", "leave it out" if tests else "give both")
        if self.on and (tests or self.within_s):
            raise table.wrong((tests or ["within_s"])[0], "is not for events", "leave it out")
        if not self.on and len(tests) != 1:
            words = f"stands beside {tests[0]}" if tests else "is missing"
            raise table.wrong(tests[1] if tests else "above", words, "one of above, below and changes_by")
        if self.changes_by is not None and self.within_s is None:
            raise table.missing("within_s", "the time of changes_by")


def refuse_without_box(trigger: Trigger) -> None:
    """Raise ConfigError for a trigger of a black box that there is not."""
    if trigger.black_box:
        where = trigger.where.key("black_box")
        raise ConfigError("there is no black box", where=where, hint="give [black_box] a directory")


@dataclass(frozen=True, slots=True)
class ResolvedTrigger:
    """codes: of the events that set it off, those of other triggers apart; alarms: what else does so."""

    settings: Trigger
    codes: frozenset[str] = frozenset()
    alarms: tuple[Alarm, ...] = ()


def resolved(
    triggers: Sequence[Trigger], spec: PlanSpec, mapping: MapSpec | None, *, is_whole: bool = True
) -> tuple[ResolvedTrigger, ...]:
    """Return the triggers, for rows of `spec` and `mapping`. Raises ConfigError, of all of them at once.

    is_whole: otherwise the map is wrong, and what nothing fills is no fault of a trigger.
    """
    records = (*spec.records, *(mapping.records if mapping else ()))
    faults = Faults()
    found = faults.each(
        lambda pair: _resolved(pair[0], pair[1], spec, mapping, records, is_whole), enumerate(triggers)
    )
    faults.raise_any()
    return tuple(found)


def _resolved(
    number: int,
    trigger: Trigger,
    spec: PlanSpec,
    mapping: MapSpec | None,
    records: Sequence[RecordSpec],
    is_whole: bool,
) -> ResolvedTrigger:
    chosen(trigger.only, records, trigger.where)
    codes: set[str] = set()
    for glob in trigger.on:
        fitting, where = fnmatch.filter(EVENT_CODES, glob), trigger.where.key("on")
        if not fitting:
            raise ConfigError(f'no event is called "{glob}"', where=where, hint=choice(glob, EVENT_CODES))
        if fitting == [TRIGGER]:
            words, hint = "the event of a trigger sets off no other one", "name what sets off that one"
            raise ConfigError(words, where=where, hint=hint)
        codes.update(fitting)
    if trigger.on:
        return ResolvedTrigger(trigger, frozenset(codes - {TRIGGER}))
    messages = {one.measurement for one in spec.records}
    named = (trigger.signal or trigger.field or "").partition(".")[0]
    if trigger.field and named in messages:
        hint = f'signal = "{trigger.field}"'
        raise ConfigError(f"{named} is a message", where=trigger.where.key("field"), hint=hint)
    if trigger.signal and named in MEASUREMENTS.keys() - messages:
        hint = f'field = "{trigger.signal}"'
        raise ConfigError(f"{named} is of the data model", where=trigger.where.key("signal"), hint=hint)
    limit = next(limit for limit in (trigger.above, trigger.below, trigger.changes_by) if limit is not None)
    test = CrossingTest(limit, trigger.below is None, round((trigger.within_s or 0.0) * 1e9))
    found = _of_signal(trigger, spec) if trigger.signal else _of_field(trigger, mapping, is_whole)
    words = "" if trigger.within_s else f"{'below' if trigger.above is None else 'above'} {limit:.6g}"
    alarms = (
        replace(
            one,
            rule=replace(one.rule, test=test),
            limit=words and f"{words}{one.unit and ' '}{one.unit}",
            trigger=number,
        )
        for one in found
    )
    return ResolvedTrigger(trigger, alarms=tuple(alarms))


def _of_signal(trigger: Trigger, spec: PlanSpec) -> Iterator[Alarm]:
    entry = MapEntry(trigger.signal or "", TRIGGER, where=trigger.where)
    places = {(one.bus, one.message.record, one.index): one for one in Catalogue(spec).one(entry)}
    for (bus, record, index), found in places.items():
        field = spec.records[record].fields[index]
        if field.kind not in _NUMBERS:
            raise ConfigError(f"{found.name} is not a number", where=trigger.where.key("signal"))
        rule = RuleSpec(record, index, CrossingTest(0.0), bus=bus, protection=protection_field(found.message))
        yield Alarm(rule, TRIGGER, level_of(TRIGGER, None), found.name, unit=field.unit)


def _of_field(trigger: Trigger, mapping: MapSpec | None, is_whole: bool) -> Iterator[Alarm]:
    limit = Limit(trigger.field or "", TRIGGER, above=0.0, where=trigger.where)
    for one in alarms_of(limit, mapping, is_whole):
        for member in range(one.rule.field_count):
            rule = replace(one.rule, field=one.rule.field + member, field_count=1)
            yield replace(one, rule=rule, text=one.text.replace("{n}", str(member + 1)))


def chosen(globs: Sequence[str], records: Sequence[RecordSpec], where: Where | None = None) -> list[bool]:
    """Return of each record whether `only` has its rows. Raises ConfigError if none fits a glob.

    where: of the trigger; None: a glob that fits none is no fault.
    """
    names = [record.measurement for record in records if not record.hidden]
    for glob in globs if where else ():
        if not fnmatch.filter(names, glob):
            raise ConfigError(
                f"no measurement fits {glob!r}", where=where and where.key("only"), hint=choice(glob, names)
            )
    pattern = matching(globs or ("*",))
    return [not record.hidden and pattern.fullmatch(record.measurement) is not None for record in records]
