"""`[[map]]` entries to `event.CODE`: which bit, flag or value of which signal is which alarm.

Promises:

- Every entry is resolved against the databases and the vocabulary, or refused with its key path and the
  nearest name that exists.
- A signal in several branches of a multiplexer is an alarm in each, whose text says which. A report of one
  branch ends no alarm of another.

Protocols with a table of their own use the same entries.
"""

import itertools
from collections.abc import Iterable, Iterator

from telemetry_core.decode.spec import PlanSpec
from telemetry_core.rules.map_spec import J1939_SENDER
from telemetry_core.rules.watch_spec import BitTest, RuleSpec, ValueTest

from telemetry.errors import ConfigError, Faults
from telemetry.model.event_codes import ALARM_NUMBERS, EVENT_CODES
from telemetry.rules.alarms import Alarm, level_of
from telemetry.rules.map import is_alarm
from telemetry.rules.map_entry import NUMBER, MapEntry
from telemetry.rules.map_plan import protection_field
from telemetry.rules.signals import Catalogue, FoundSignal, absent_values, choice, raw_values, sender_of

ALARM_CODES = {name: code for name, code in EVENT_CODES.items() if code.number in ALARM_NUMBERS}
_ANY_BIT = (1 << 64) - 1


def mapped_alarms(entries: Iterable[MapEntry], spec: PlanSpec) -> Iterator[Alarm]:
    """Return the alarms among `entries`. Raises ConfigError, of all entries at once."""
    catalogue, faults = Catalogue(spec), Faults()
    found = faults.each(lambda entry: list(_alarms(entry, catalogue)), filter(is_alarm, entries))
    faults.raise_any()
    return itertools.chain(*found)


def checked_code(code: str, where: object) -> str:
    """Return `code`, a word of the vocabulary for batteries and chargers. Raises ConfigError of another."""
    if code in ALARM_CODES:
        return code
    if code in EVENT_CODES:
        raise ConfigError(f"{code} is reported by the service itself", where=where)
    raise ConfigError(f'no event is called "{code}"', where=where, hint=choice(code, ALARM_CODES))


def _alarms(entry: MapEntry, catalogue: Catalogue) -> Iterator[Alarm]:
    faults = Faults()
    code = faults.value(lambda: checked_code(entry.to.partition(".")[2], entry.where.key("to")))
    signals = faults.value(lambda: list(_signals(entry, catalogue)))
    faults.raise_any()
    for found in signals:
        test, absent = _test(entry, found), absent_values(entry, found)
        if test is None:
            continue
        if isinstance(test, ValueTest) and set(test.values) & set(absent):
            raise ConfigError(
                "holds a value of when", where=entry.where.key("absent"), hint="keep it in one of the two"
            )
        yield Alarm(
            rule=RuleSpec(
                found.message.record,
                found.index,
                test,
                bus=found.bus,
                protection=protection_field(found.message),
                absent=absent,
                sender=sender_of(entry, found),
                sender_mask=found.message.sender_mask or J1939_SENDER,
            ),
            code=code,
            level=level_of(code, entry.level),
            text=_text(entry, code, found),
            pack="" if entry.charger else entry.pack,
            charger=entry.charger or "",
        )


def _signals(entry: MapEntry, catalogue: Catalogue) -> Iterator[FoundSignal]:
    """Return the signals of the entry. Raises ConfigError, also where its keys are none of an alarm."""
    if NUMBER in entry.signal:
        raise ConfigError("one signal is one alarm", where=entry.where.key("signal"))
    if (entry.scale, entry.offset) != (1.0, 0.0) or entry.values or entry.within_s is not None:
        raise ConfigError(
            "an alarm has no scale, offset, values or within_s",
            where=entry.where,
            hint="bit or when says what means it",
        )
    return catalogue.one(entry)


def _text(entry: MapEntry, code: str, found: FoundSignal) -> str:
    details = ([] if entry.text else [found.name]) + ([found.branch] if found.branch else [])
    text = entry.text or EVENT_CODES[code].meaning
    return f"{text} ({', '.join(details)})" if details else text


def _test(entry: MapEntry, found: FoundSignal) -> BitTest | ValueTest | None:
    """Return the test; None: only other branches can hold the values that mean the alarm."""
    signal = found.signal
    if signal.is_float:
        raise ConfigError(f"{found.name} is a float, which has no bits", where=entry.where.key("signal"))
    if entry.bit is not None and entry.when:
        raise ConfigError("stands beside when", where=entry.where.key("bit"), hint="keep one of the two")
    if entry.when:
        where = entry.where.key("when")
        values = tuple(raw for value in entry.when for raw in raw_values(value, found, where))
        return ValueTest(values) if values else None
    if entry.bit is None:
        return BitTest(_ANY_BIT)
    most = max(branch.bit_count for branch in found.branches)
    if entry.bit >= most:
        raise ConfigError(
            f"{found.name} has bits 0 to {most - 1}, not {entry.bit}", where=entry.where.key("bit")
        )
    return BitTest(1 << entry.bit) if entry.bit < signal.bit_count else None
