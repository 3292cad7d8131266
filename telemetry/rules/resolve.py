"""What the databases' signals mean: fields of the data model, and alarms. One place that makes both."""

from collections.abc import Sequence
from dataclasses import dataclass

from telemetry_core.decode.spec import PlanSpec
from telemetry_core.rules.map_spec import MapSpec

from telemetry.errors import Faults
from telemetry.rules.aggregate import Aggregate, banks, with_banks
from telemetry.rules.alarm_map import mapped_alarms
from telemetry.rules.alarms import Alarm
from telemetry.rules.bank import Bank
from telemetry.rules.limits import Limit, limit_alarms
from telemetry.rules.map import NO_ANSWERS, Answers, resolve
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.map_plan import Counting


@dataclass(frozen=True, slots=True)
class Modelling:
    """map: None when no field is filled."""

    map: MapSpec | None
    alarms: tuple[Alarm, ...]
    banks: tuple[Bank, ...] = ()


def model(
    entries: Sequence[MapEntry],
    limits: Sequence[Limit],
    spec: PlanSpec,
    counting: Counting | None = None,
    aggregates: Sequence[Aggregate] = (),
    answers: Answers = NO_ANSWERS,
) -> Modelling:
    """Resolve `entries`, `limits` and `aggregates` for the messages of `spec`.

    Raises ConfigError, of all of them at once.

    `counting` of charge and energy is the service's; None: no counters. answers: see `map.resolve`.
    """
    faults = Faults()
    found = faults.value(lambda: resolve(entries, spec, counting=counting, answers=answers))
    alarms = faults.value(lambda: mapped_alarms(entries, spec))
    mapping = found if found and found.targets else None
    of_limits = faults.value(lambda: limit_alarms(limits, mapping, is_whole=found is not None))
    if found is not None:  # aggregates are of packs that are mapped
        found_banks = faults.value(lambda: banks(aggregates, mapping, spec))
    faults.raise_any()
    if mapping is not None and found_banks:
        mapping = with_banks(mapping, found_banks)
    return Modelling(mapping, (*alarms, *of_limits), found_banks)
