"""Every query of every panel and variable, as Grafana would send it, brings rows from a real server."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import pytest

from tests.support.fleet import (
    DAY_MIN,
    DAYS,
    NOW,
    PACKS,
    SOURCES,
    START,
    VEHICLES,
    Pack,
    lost,
    minutes,
)
from tests.support.fleet_answers import Answer, charge_minutes, day_name, energy_in
from tests.support.fleet_drive_answers import drive_answers
from tests.support.fleet_lines import FRAMES_PER_MIN, charger_power_w
from tests.support.grafana import (
    FILES,
    FOLDER,
    Choices,
    Target,
    TimeRange,
    flux_of,
    influxql_of,
    load,
    targets,
    variable_queries,
)
from tests.support.queries_page import flux_rows
from tests.support.servers import Database

pytestmark = pytest.mark.xdist_group("fleet")  # driven and loaded once
SHOWN = TimeRange(START, NOW)
ALL: Choices = {
    "vehicle": VEHICLES,
    "pack": tuple(pack.name for pack in PACKS),
    "source": tuple(sorted({source for sources in SOURCES.values() for source in sources})),
}
ONE: Choices = {"vehicle": ("van-7",), "pack": ("main",), "source": ("can0",)}
DENSE: Choices = {"vehicle": ("van-9",), "pack": ("main",), "source": ("can0",)}


def asked(language: str) -> Iterator[object]:
    for file in FILES:
        if file.parent.name == language:
            dashboard = load(file)
            for target in [*targets(dashboard), *variable_queries(dashboard)]:
                yield pytest.param(target, id=f"{file.stem}-{target.panel}-{target.ref_id}")


@pytest.mark.server("influxdb2")
@pytest.mark.parametrize("choices", [ALL, ONE], ids=["all", "one"])
@pytest.mark.parametrize("target", list(asked("flux")))
def test_a_query_in_flux_brings_rows(target: Target, choices: Choices, fleet_in_influxdb2: Database) -> None:
    query = flux_of(target.query, choices, SHOWN, fleet_in_influxdb2.name)
    assert list(flux_rows(fleet_in_influxdb2, query, NOW)), query


@pytest.mark.parametrize("choices", [ALL, ONE], ids=["all", "one"])
@pytest.mark.parametrize("target", list(asked("influxql")))
def test_a_query_in_influxql_brings_rows(
    target: Target, choices: Choices, fleet_by_influxql: Database
) -> None:
    query = influxql_of(target.query, choices, SHOWN)
    answer = fleet_by_influxql.query(query)
    assert any(series["values"] for series in answer.get("series", [])), (query, answer)


def of_pack(pack: Pack, since: str, until: str, sign: int, value: str) -> float:
    """What flowed, by the fleet's plan: `value` over time, in h."""
    flows = (
        sign * float(getattr(now, value))
        for now in minutes(pack)
        if since <= day_name(now.minute // DAY_MIN) < until
    )
    return sum(max(0.0, flow) for flow in flows) / 60.0


def percent_of_weeks(value: str) -> Answer:
    """What came out for what went in; weeks of both databases begin on Thursdays, as 1970 did."""
    return {
        (pack.vehicle, pack.name, first): 100.0
        * of_pack(pack, first, until, -1, value)
        / of_pack(pack, first, until, 1, value)
        for pack in PACKS
        for first, until in (("2026-02-26", "2026-03-05"), ("2026-03-05", "2026-03-12"))
    }


def dropped(reason: str) -> Answer:
    """Frames lost for that reason, all of them within the time range."""
    return {
        (vehicle, source): float(lost(vehicle, source, DAYS * DAY_MIN)[reason])
        for vehicle in VEHICLES
        for source in SOURCES[vehicle]
    }


COUNTED: dict[str, Callable[[], Answer]] = {
    "Energy into the battery, a day": energy_in,
    "Energy out for what went in, a week": partial(percent_of_weeks, "power_w"),
    "Charge out for what went in, a week": partial(percent_of_weeks, "current_a"),
}


@dataclass(frozen=True, slots=True)
class Known:
    """A panel and what it must show: by labels and, where it has any, day; how far it may be off."""

    dashboard: str
    panel: str
    choices: Choices
    labels: tuple[str, ...]
    reported: Callable[[], Answer]
    rel: float = 1e-4
    abs: float = 0.0


def of_drive(number: int) -> Callable[[], Answer]:
    """The plant's answer to a question of docs/queries.md."""
    return lambda: drive_answers()[number]


def charger_growth() -> Answer:
    """What the chargers of the plan counted from their first value on."""
    return {
        (vehicle, "main"): (sum(given_w.values()) - given_w.get(0, 0.0)) / 60.0
        for vehicle in VEHICLES
        for given_w in (charger_power_w(vehicle),)
    }


PACK, SOURCE = ("vehicle", "pack"), ("vehicle", "source")
KNOWN = [
    *(Known("battery", panel, ALL, PACK, reported) for panel, reported in COUNTED.items()),
    Known("battery", "Energy into the battery, a day", DENSE, PACK, of_drive(3), rel=0.002),
    Known("charging", "Energy into the battery, a day", DENSE, PACK, of_drive(3), rel=0.002),
    Known("charging", "From 20 to 80 %, a day", ALL, PACK, charge_minutes),
    Known("charging", "From 20 to 80 %, a day", DENSE, PACK, of_drive(6), abs=2.0),
    Known("charging", "Energy given", ALL, ("vehicle", "charger"), charger_growth),
    Known("gateway", "Dropped by the kernel", ALL, SOURCE, partial(dropped, "kernel_dropped")),
    Known("gateway", "Lost: a queue was full", ALL, SOURCE, partial(dropped, "lost_queue_overflow")),
    Known("gateway", "Dropped by the kernel", DENSE, SOURCE, lambda: {("van-9", "can0"): 5700.0}),
    Known("gateway", "Lost: a queue was full", DENSE, SOURCE, lambda: {("van-9", "can0"): 37.0}),
]
each_known = pytest.mark.parametrize(
    "known", KNOWN, ids=lambda known: f"{known.panel}-{known.choices['vehicle'][-1]}"
)


def query_of(language: str, dashboard: str, panel: str) -> str:
    (target,) = (one for one in targets(load(FOLDER / language / f"{dashboard}.json")) if one.panel == panel)
    return target.query


def answers_in_flux(database: Database, dashboard: str, panel: str, choices: Choices) -> list[dict[str, str]]:
    query = flux_of(query_of("flux", dashboard, panel), choices, SHOWN, database.name)
    return list(flux_rows(database, query, NOW))


def answers_in_influxql(
    database: Database, dashboard: str, panel: str, choices: Choices
) -> Iterator[tuple[dict[str, str], int, float]]:
    answer = database.query(influxql_of(query_of("influxql", dashboard, panel), choices, SHOWN))
    for series in answer["series"]:
        for time_ns, value in series["values"]:
            yield series["tags"], time_ns, value


def is_daily(known: Known) -> bool:
    return len(next(iter(known.reported()))) > len(known.labels)


def check(found: Answer, known: Known, first_day: str = "") -> None:
    """first_day: where an interval begins that began before the time range."""
    reported = {
        (*labels[: len(known.labels)], *(max(day, first_day) for day in labels[len(known.labels) :])): value
        for labels, value in known.reported().items()
    }
    found = {labels: value for labels, value in found.items() if value or not is_daily(known)}
    assert found == pytest.approx(reported, rel=known.rel, abs=known.abs)


@pytest.mark.server("influxdb2")
@each_known
def test_a_panel_shows_in_flux_what_is_known(known: Known, fleet_in_influxdb2: Database) -> None:
    rows = answers_in_flux(fleet_in_influxdb2, known.dashboard, known.panel, known.choices)
    found = {
        (
            *(row[label] for label in known.labels),
            *([row["_time"][:10]] if is_daily(known) else []),
        ): float(row["_value"] if "_value" in row else row["soc_pct"])
        for row in rows
    }
    check(found, known, day_name(0))


@each_known
def test_a_panel_shows_in_influxql_what_is_known(known: Known, fleet_by_influxql: Database) -> None:
    found = {
        (
            *(tags[label] for label in known.labels),
            *([f"{datetime.fromtimestamp(time_ns / 1e9, UTC):%F}"] if is_daily(known) else []),
        ): value
        for tags, time_ns, value in answers_in_influxql(
            fleet_by_influxql, known.dashboard, known.panel, known.choices
        )
        if value is not None
    }
    check(found, known)


@pytest.mark.server("influxdb2")
def test_a_rate_in_flux_is_a_second(fleet_in_influxdb2: Database) -> None:
    rows = answers_in_flux(fleet_in_influxdb2, "gateway", "Frames read", ALL)
    rates = [float(row["_value"]) for row in rows]
    assert len(rates) > 1000
    assert rates == pytest.approx([FRAMES_PER_MIN / 60.0] * len(rates))


def test_a_rate_in_influxql_is_a_second(fleet_by_influxql: Database) -> None:
    reported = answers_in_influxql(fleet_by_influxql, "gateway", "Frames read", ALL)
    rates = [value for _, _, value in reported if value is not None]
    assert len(rates) > 1000
    assert rates == pytest.approx([FRAMES_PER_MIN / 60.0] * len(rates))
