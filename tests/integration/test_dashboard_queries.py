"""Every query of every panel and variable, as Grafana would send it, brings rows from a real server."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.support.fleet import DAY_MIN, NOW, PACKS, SOURCES, START, VEHICLES, Pack, minutes
from tests.support.fleet_answers import Answer, day_name, energy_in
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

SHOWN = TimeRange(START, NOW)
ALL: Choices = {
    "vehicle": VEHICLES,
    "pack": tuple(pack.name for pack in PACKS),
    "source": tuple(sorted({source for sources in SOURCES.values() for source in sources})),
}
ONE: Choices = {"vehicle": ("van-7",), "pack": ("main",), "source": ("can0",)}


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


COUNTED = {
    "Energy into the battery, a day": energy_in(),
    "Energy out for what went in, a week": percent_of_weeks("power_w"),
    "Charge out for what went in, a week": percent_of_weeks("current_a"),
}


def battery_query(language: str, panel: str) -> str:
    (target,) = (one for one in targets(load(FOLDER / language / "battery.json")) if one.panel == panel)
    return target.query


@pytest.mark.server("influxdb2")
@pytest.mark.parametrize("panel", COUNTED)
def test_counters_tell_in_flux_what_flowed_over_a_restart(panel: str, fleet_in_influxdb2: Database) -> None:
    query = flux_of(battery_query("flux", panel), ALL, SHOWN, fleet_in_influxdb2.name)
    found = {
        (row["vehicle"], row["pack"], row["_time"][:10]): float(row["_value"])
        for row in flux_rows(fleet_in_influxdb2, query, NOW)
    }
    # What began before the time range stands at its beginning.
    told = {(*key, max(first, day_name(0))): value for (*key, first), value in COUNTED[panel].items()}
    assert {key: value for key, value in found.items() if value} == pytest.approx(told, rel=1e-4)


@pytest.mark.parametrize("panel", COUNTED)
def test_counters_tell_in_influxql_what_flowed_over_a_restart(
    panel: str, fleet_by_influxql: Database
) -> None:
    answer = fleet_by_influxql.query(influxql_of(battery_query("influxql", panel), ALL, SHOWN))
    found = {
        (
            series["tags"]["vehicle"],
            series["tags"]["pack"],
            f"{datetime.fromtimestamp(time_ns / 1e9, UTC):%F}",
        ): value
        for series in answer["series"]
        for time_ns, value in series["values"]
    }
    assert {key: value for key, value in found.items() if value} == pytest.approx(COUNTED[panel], rel=1e-4)
