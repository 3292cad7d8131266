"""Every query of every panel and variable, as Grafana would send it, brings rows from a real server."""

from collections.abc import Iterator

import pytest

from tests.support.fleet import NOW, PACKS, SOURCES, START, VEHICLES
from tests.support.grafana import (
    FILES,
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


@pytest.mark.server("influxdb1")
@pytest.mark.parametrize("choices", [ALL, ONE], ids=["all", "one"])
@pytest.mark.parametrize("target", list(asked("influxql")))
def test_a_query_in_influxql_brings_rows(
    target: Target, choices: Choices, fleet_in_influxdb1: Database
) -> None:
    query = influxql_of(target.query, choices, SHOWN)
    answer = fleet_in_influxdb1.query(query)
    assert any(series["values"] for series in answer.get("series", [])), (query, answer)
