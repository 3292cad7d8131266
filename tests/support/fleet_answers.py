"""The answers to docs/queries.md over the fleet of tests/support/fleet.py, by its plan.

An answer is a mapping of labels to values: labels in the order of `LABELS[number]`, a day as `2026-03-02`.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta

from telemetry.model.event_codes import EVENT_CODES, Level
from tests.support import fleet_charges
from tests.support.fleet import (
    DAY_MIN,
    DAYS,
    NOW,
    OUTAGE_MIN,
    PACKS,
    SILENT_FROM_MIN,
    SOURCES,
    START,
    VEHICLES,
    Minute,
    Pack,
    activities,
    happenings,
    insulation_kohm,
    lost,
    minutes,
)
from tests.support.fleet_lines import charger_power_w

Answer = dict[tuple[str, ...], float]

PACK = ("vehicle", "pack")
PACK_AND_DAY = ("vehicle", "pack", "day")
WEEK_MIN = (DAYS - 7) * DAY_MIN  # where the past week begins

LABELS: dict[int, tuple[str, ...]] = {
    **dict.fromkeys(range(1, 21), PACK),
    **dict.fromkeys((3, 6, 16), PACK_AND_DAY),
    **dict.fromkeys((2, 12, 19), ("vehicle",)),
    4: ("vehicle", "day"),
    7: ("vehicle", "charger"),
    10: ("vehicle", "pack", "column"),
    11: ("vehicle", "source", "reason"),
    13: ("vehicle", "code"),
    21: ("outcome", "stop_side", "stop_reason"),
    23: PACK_AND_DAY,
    24: ("vehicle", "reason"),
    **dict.fromkeys((22, 25), ("station",)),
}
MEANS_OF_LISTED = 22  # of what InfluxQL lists the mean is asked for; of other lists the number of rows
LISTED_IN_INFLUXQL = (21, MEANS_OF_LISTED, 25)  # there no field can be grouped by
KEYS_ONLY_IN_INFLUXQL = 2  # there it has no value to compare


def day_name(day: int) -> str:
    return f"{START + timedelta(days=day):%F}"


def by_pack(of_pack: Callable[[Pack], float | None]) -> Answer:
    """Packs with None are left out."""
    found = {(pack.vehicle, pack.name): of_pack(pack) for pack in PACKS}
    return {labels: value for labels, value in found.items() if value is not None}


def by_day(pack: Pack) -> Iterator[tuple[str, list[Minute]]]:
    for day in range(DAYS):
        if of_day := [now for now in minutes(pack) if now.day == day]:
            yield day_name(day), of_day


def past_week(pack: Pack) -> list[Minute]:
    return [now for now in minutes(pack) if now.minute >= WEEK_MIN]


def hours(pack: Pack, counts: Callable[[Minute], bool]) -> float | None:
    return sum(map(counts, minutes(pack))) / 60.0 or None


def energy_in() -> Answer:
    return {
        (pack.vehicle, pack.name, day): kwh
        for pack in PACKS
        for day, of_day in by_day(pack)
        if (kwh := sum(max(0.0, now.power_w) for now in of_day) / 60_000.0)
    }


def energy_used() -> Answer:
    used: Answer = {}
    for pack in PACKS:
        for day, of_day in by_day(pack):
            kwh = sum(max(0.0, -now.power_w) for now in of_day) / 60_000.0
            used[pack.vehicle, day] = used.get((pack.vehicle, day), 0.0) + kwh
    return {labels: kwh for labels, kwh in used.items() if kwh}


def charge_minutes() -> Answer:
    """From the plan alone: all charges but the one to 100 % lie between 20 and 80 %."""
    return {
        (pack.vehicle, pack.name, day_name(day)): float(activity.end_min - activity.start_min)
        for pack in PACKS
        for day in range(DAYS)
        for activity in activities(pack, day)
        if activity.rate_pct_per_h > 0.0
        and activity.start_min >= 1080
        and (pack.vehicle == "van-7" or day * DAY_MIN + activity.start_min < SILENT_FROM_MIN)
    }


def charging_power() -> Answer:
    answer: Answer = {}
    for vehicle in VEHICLES:
        given_w = [power_w for minute, power_w in charger_power_w(vehicle).items() if minute >= WEEK_MIN]
        answer[vehicle, "main"] = sum(given_w) / len(given_w) / 1000.0
    return answer


def drift(pack: Pack) -> float:
    """The weak cell's own drift over the days between the first and the last that was heard."""
    return pack.drift_v_per_day * (DAYS - 1)


def delta_at_rest() -> Answer:
    answer: Answer = {}
    for pack in PACKS:
        at_rest = [now.cell_delta_v for now in past_week(pack) if now.current_a == 0.0]
        answer[pack.vehicle, pack.name, "least"] = min(at_rest)
        answer[pack.vehicle, pack.name, "most"] = max(at_rest)
    return answer


def lost_frames() -> Answer:
    last = DAYS * DAY_MIN
    return {
        (vehicle, source, reason): float(count - lost(vehicle, source, WEEK_MIN)[reason])
        for vehicle in VEHICLES
        for source in SOURCES[vehicle]
        for reason, count in lost(vehicle, source, last).items()
    }


def alarms() -> Answer:
    counted = Counter(
        (happening.vehicle, happening.code)
        for happening in happenings()
        if happening.minute >= WEEK_MIN and EVENT_CODES[happening.code].level >= Level.WARNING
    )
    return {labels: float(count) for labels, count in counted.items()}


def hours_since_heard() -> Answer:
    last = START + timedelta(minutes=SILENT_FROM_MIN - 10, seconds=6)
    return {("van-8",): (NOW - last) / timedelta(hours=1)}


def cycles(pack: Pack) -> float:
    return sum(max(0.0, now.current_a) for now in minutes(pack)) / 60.0 / minutes(pack)[-1].capacity_ah


def answers() -> dict[int, Answer]:
    """Of all questions, by their number."""
    return {
        1: {("van-7", "main"): 80.0, ("van-8", "front"): 20.0, ("van-8", "rear"): 40.0},
        2: hours_since_heard(),
        3: energy_in(),
        4: energy_used(),
        5: by_pack(lambda pack: float(pack.weak_cell)),
        6: charge_minutes(),
        7: charging_power(),
        8: {("van-7", "main"): 6.0},
        9: by_pack(drift),
        10: delta_at_rest(),
        11: lost_frames(),
        12: {("van-7",): 0.0, ("van-8",): (len(OUTAGE_MIN) - 10) / 60.0},
        13: alarms(),
        14: by_pack(cycles),
        15: by_pack(lambda pack: minutes(pack)[-1].capacity_ah - minutes(pack)[0].capacity_ah),
        16: {
            (pack.vehicle, pack.name, day): min(now.soc_pct for now in of_day)
            for pack in PACKS
            for day, of_day in by_day(pack)
        },
        17: by_pack(lambda pack: min(now.temp_min_c for now in minutes(pack) if now.current_a > 0.0)),
        18: by_pack(lambda pack: min(insulation_kohm(pack, now.minute) for now in past_week(pack))),
        19: {("van-7",): 130.0, ("van-8",): 10.0},
        20: by_pack(lambda pack: hours(pack, lambda now: now.soc_pct >= 95.0)),
        21: fleet_charges.why_charges_ended(),
        22: fleet_charges.shortfall_by_station(),
        23: fleet_charges.minutes_from_10_to_80(),
        24: fleet_charges.energy_by_meter(),
        25: fleet_charges.failed_by_station(),
    }
