"""Every query of every panel and variable, as Grafana would send it, brings rows from a real server."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from dashboards.influx import ALARM_TAGS
from tests.support.fleet import ARCHIVED, FRAMES_PER_S, NOW, SEED, VEHICLES, raw_points
from tests.support.grafana import (
    ALL_VALUES,
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
from tests.support.raw_answers import NS, PACK, WEEK_NS, Answer, Asked
from tests.support.servers import Database

pytestmark = pytest.mark.xdist_group("fleet")  # driven and loaded once
SHOWN = TimeRange(NOW - timedelta(days=10), NOW)
ALL: Choices = dict.fromkeys(("vehicle", "pack", "source"), ALL_VALUES)
ONE: Choices = {"vehicle": ("van-1",), "pack": ("main",), "source": ("can0",)}


def asked(language: str) -> Iterator[object]:
    """Yield each query with all choices or with one of each, the other way round than the other language.

    The campaign has both.
    """
    for file in FILES:
        if file.parent.name == language:
            dashboard = load(file)
            for number, target in enumerate([*targets(dashboard), *variable_queries(dashboard)]):
                for is_one, choices in enumerate((ALL, ONE)):
                    is_now = number % 2 == is_one ^ (language == "flux")
                    marks = () if is_now else pytest.mark.long
                    name = f"{file.stem}-{target.panel}-{target.ref_id}-{'one' if is_one else 'all'}"
                    yield pytest.param(target, choices, id=name, marks=marks)


@pytest.mark.server("influxdb2")
@pytest.mark.parametrize(("target", "choices"), list(asked("flux")))
def test_a_query_in_flux_brings_rows(target: Target, choices: Choices, fleet_in_influxdb2: Database) -> None:
    query = flux_of(target.query, choices, SHOWN, fleet_in_influxdb2.name)
    assert list(flux_rows(fleet_in_influxdb2, query, NOW)), query


@pytest.mark.parametrize(("target", "choices"), list(asked("influxql")))
def test_a_query_in_influxql_brings_rows(
    target: Target, choices: Choices, fleet_by_influxql: Database
) -> None:
    query = influxql_of(target.query, choices, SHOWN)
    answer = fleet_by_influxql.query(query)
    assert any(series["values"] for series in answer.get("series", [])), (query, answer)


@pytest.mark.server("influxdb2")
def test_a_vehicle_without_gateway_can_be_chosen_in_flux(fleet_in_influxdb2: Database) -> None:
    for target in asked_for_vehicles("flux"):
        query = flux_of(target.query, ALL, SHOWN, fleet_in_influxdb2.name)
        assert {*VEHICLES, ARCHIVED} <= {row["_value"] for row in flux_rows(fleet_in_influxdb2, query, NOW)}


def test_a_vehicle_without_gateway_can_be_chosen_in_influxql(fleet_by_influxql: Database) -> None:
    for target in asked_for_vehicles("influxql"):
        answer = fleet_by_influxql.query(influxql_of(target.query, ALL, SHOWN))
        found = {value for series in answer["series"] for _, value in series["values"]}
        assert {*VEHICLES, ARCHIVED} <= found


def asked_for_vehicles(language: str) -> Iterator[Target]:
    for file in FILES:
        if file.parent.name == language:
            yield next(target for target in variable_queries(load(file)) if target.ref_id == "vehicle")


def shown() -> Asked:
    return Asked(raw_points(), int(SHOWN.start.timestamp()) * NS, int(SHOWN.stop.timestamp()) * NS)


def energy_in() -> Answer:
    grown = shown().grown("charged_wh", PACK_OF_SOURCE, shown().day)
    return {labels: wh / 1000.0 for labels, wh in grown.items()}


def percent_of_weeks(unit: str) -> Answer:
    """Return output as percent of input; weeks of both databases begin on Thursdays, as 1970 did."""

    def first_day(time_ns: int) -> str:
        return shown().day(time_ns // WEEK_NS * WEEK_NS)

    into = shown().grown(f"charged_{unit}", PACK_OF_SOURCE, first_day)
    out_of = shown().grown(f"discharged_{unit}", PACK_OF_SOURCE, first_day)
    return {labels: 100.0 * out_of[labels] / whole for labels, whole in into.items() if labels in out_of}


def charger_growth() -> Answer:
    """Return what the chargers counted from their first value on."""
    grown: Answer = {}
    for labels, _, step_wh in shown().steps("charger", "energy_wh", CHARGER):
        grown[labels] = grown.get(labels, 0.0) + step_wh
    return grown


def lost(reason: str) -> Answer:
    """Frames lost for that reason within the time range."""
    return {labels[:2]: count for labels, count in shown().lost().items() if labels[2] == reason}


@dataclass(frozen=True, slots=True)
class Known:
    """A panel and what it must show: by labels and, where it has any, day."""

    dashboard: str
    panel: str
    labels: tuple[str, ...]
    reported: Callable[[], Answer]
    is_daily: bool = True


PACK_OF_SOURCE, CHARGER, SOURCE = (*PACK, "source"), ("vehicle", "charger"), ("vehicle", "source")
KNOWN = [
    Known("battery", "Energy into the battery, a day", PACK_OF_SOURCE, energy_in),
    Known("charging", "Energy into the battery, a day", PACK_OF_SOURCE, energy_in),
    Known("battery", "Energy out for what went in, a week", PACK_OF_SOURCE, lambda: percent_of_weeks("wh")),
    Known("battery", "Charge out for what went in, a week", PACK_OF_SOURCE, lambda: percent_of_weeks("ah")),
    Known("charging", "From 20 to 80 %, a day", PACK, lambda: shown().charging_minutes()),
    Known("charging", "Energy given", CHARGER, charger_growth, is_daily=False),
    Known("gateway", "Dropped by the kernel", SOURCE, lambda: lost("kernel_dropped"), is_daily=False),
    Known("fleet", "Frames dropped by the kernel", SOURCE, lambda: lost("kernel_dropped"), is_daily=False),
    Known("gateway", "Lost: a queue was full", SOURCE, lambda: lost("lost_queue_overflow"), is_daily=False),
]
each_known = pytest.mark.parametrize("known", KNOWN, ids=lambda known: f"{known.dashboard}-{known.panel}")


def query_of(language: str, dashboard: str, panel: str) -> str:
    (target,) = (one for one in targets(load(FOLDER / language / f"{dashboard}.json")) if one.panel == panel)
    return target.query


def answers_in_flux(
    database: Database, dashboard: str, panel: str, range_: TimeRange = SHOWN
) -> list[dict[str, str]]:
    query = flux_of(query_of("flux", dashboard, panel), ALL, range_, database.name)
    return list(flux_rows(database, query, NOW))


def answers_in_influxql(
    database: Database, dashboard: str, panel: str, range_: TimeRange = SHOWN
) -> Iterator[tuple[dict[str, str], int, float]]:
    answer = database.query(influxql_of(query_of("influxql", dashboard, panel), ALL, range_))
    for series in answer["series"]:
        for time_ns, value in series["values"]:
            yield series["tags"], time_ns, value


def check(found: Answer, known: Known, first_day: str = "") -> None:
    """first_day: where an interval begins that began before the time range."""
    where = len(known.labels)
    reported = {
        (*labels[:where], *(max(day, first_day) for day in labels[where:])): value
        for labels, value in known.reported().items()
    }
    found = {labels: value for labels, value in found.items() if value > 1e-9 or not known.is_daily}
    again, by_minute = f"NEV_TELEMETRY_FLEET={SEED}", bool(first_day) and known.labels == PACK_OF_SOURCE
    if by_minute:  # counters in Flux: the first minute is left out, and may be where one begins at 0 again
        found, reported = (
            {labels: value for labels, value in answer.items() if labels[-1] > first_day}
            for answer in (found, reported)
        )
    assert reported, again
    rel, most = (0.02, 1.0) if by_minute else (1e-6, 0.0)
    assert found == pytest.approx(reported, rel=rel, abs=most), again


@pytest.mark.server("influxdb2")
@each_known
def test_a_panel_shows_in_flux_what_is_known(known: Known, fleet_in_influxdb2: Database) -> None:
    rows = answers_in_flux(fleet_in_influxdb2, known.dashboard, known.panel)
    found = {
        (
            *(row[label] for label in known.labels),
            *([row["_time"][:10]] if known.is_daily else []),
        ): float(next(row[name] for name in ("_value", "value", "soc_pct") if name in row))
        for row in rows
    }
    check(found, known, f"{SHOWN.start:%F}")


@each_known
def test_a_panel_shows_in_influxql_what_is_known(known: Known, fleet_by_influxql: Database) -> None:
    found = {
        (
            *(tags[label] for label in known.labels),
            *([f"{datetime.fromtimestamp(time_ns / 1e9, UTC):%F}"] if known.is_daily else []),
        ): value
        for tags, time_ns, value in answers_in_influxql(fleet_by_influxql, known.dashboard, known.panel)
        if value is not None
    }
    check(found, known)


FLEET = {  # panels of the dashboard fleet: what each table is of, and by which tags a row is told from others
    "Not heard for longest": ("gateway", "uptime_s", ("vehicle",)),
    "Oldest versions": ("gateway", "version", ("vehicle",)),
    "Lowest state of charge": ("battery", "soc_pct", PACK),
    "Alarms that stand": ("event", "level", ALARM_TAGS),
    "Oldest data that waits": ("gateway", "spool_oldest_s", ("vehicle",)),
    "Points that wait": ("gateway", "points_waiting_disk", ("vehicle",)),
}
each_table = pytest.mark.parametrize("panel", FLEET)


def last_known(panel: str) -> dict[tuple[str, ...], tuple[int, str]]:
    """Return stamp and value of the last point within the range, by tags; of alarms those that stand."""
    last = {labels: values[-1] for labels, values in shown().values(*FLEET[panel]).items()}
    stands = {labels: each for labels, each in last.items() if panel != "Alarms that stand" or each[1] >= 1.0}
    return {labels: (time_ns, str(value)) for labels, (time_ns, value) in stands.items()}


def same(found: Mapping[tuple[str, ...], tuple[int, object]], panel: str) -> None:
    known = last_known(panel)
    assert found.keys() == known.keys()
    assert len(known) > 2, f"NEV_TELEMETRY_FLEET={SEED}"
    for labels, (time_ns, value) in found.items():
        known_ns, known_value = known[labels]
        assert abs(time_ns - known_ns) < 1_000, (panel, labels)
        assert str(value) == known_value or float(str(value)) == pytest.approx(float(known_value))


@pytest.mark.server("influxdb2")
@each_table
def test_a_table_of_the_fleet_has_in_flux_what_each_vehicle_said_last(
    panel: str, fleet_in_influxdb2: Database
) -> None:
    found = {}
    for row in answers_in_flux(fleet_in_influxdb2, "fleet", panel):
        labels = tuple(row.get(tag, "") for tag in FLEET[panel][2])
        time_ns = round(datetime.fromisoformat(row["Time"]).timestamp() * 1e6) * 1_000
        assert labels not in found
        found[labels] = (time_ns, row["value"])
    same(found, panel)


@each_table
def test_a_table_of_the_fleet_has_in_influxql_what_each_vehicle_said_last(
    panel: str, fleet_by_influxql: Database
) -> None:
    text = influxql_of(query_of("influxql", "fleet", panel), ALL, SHOWN)
    found = {}
    for series in fleet_by_influxql.query(text)["series"]:
        ((time_ns, value, *_),) = series["values"]
        labels = tuple(series["tags"][tag] for tag in FLEET[panel][2])
        found[labels] = (time_ns, value)
    same(found, panel)


# Up to a whole interval: a rate over a part of one is that of neither.
WHOLE = TimeRange(SHOWN.start, NOW.replace(minute=0, second=0))


@pytest.mark.server("influxdb2")
def test_a_rate_in_flux_is_a_second(fleet_in_influxdb2: Database) -> None:
    rows = answers_in_flux(fleet_in_influxdb2, "gateway", "Frames read", WHOLE)
    rates = [float(row["_value"]) for row in rows if row["vehicle"] in VEHICLES]
    assert len(rates) > 1000
    assert rates == pytest.approx([FRAMES_PER_S] * len(rates))


def test_a_rate_in_influxql_is_a_second(fleet_by_influxql: Database) -> None:
    reported = answers_in_influxql(fleet_by_influxql, "gateway", "Frames read", WHOLE)
    rates = [value for tags, _, value in reported if value is not None and tags["vehicle"] in VEHICLES]
    assert len(rates) > 1000
    assert rates == pytest.approx([FRAMES_PER_S] * len(rates))
