"""The committed dashboards are those that the generator writes, and fit together."""

import itertools
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.__main__ import FOLDER
from dashboards.units import unit_of
from telemetry.model.measurements import MEASUREMENTS
from tests.support.grafana import FILES, load, panels, schema_checker, targets, variable_queries

GRID_COLUMNS = 24
each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")


def test_each_dashboard_stands_in_both_languages() -> None:
    names = {
        language: {file.stem for file in FOLDER.glob(f"{language}/*.json")}
        for language in ("flux", "influxql")
    }
    assert names["flux"] == names["influxql"] == {"fleet", "battery", "cells", "charging", "gateway"}


def lost(written: Any, kept: Any, path: str) -> Iterator[str]:
    """Yield where `kept` lacks something of `written`; what else it has (defaults) does not matter."""
    match written, kept:
        case dict(), dict():
            for key in written:
                yield from lost(written[key], kept.get(key), f"{path}.{key}")
        case list(), list() if len(written) == len(kept):
            for index, pair in enumerate(zip(written, kept, strict=True)):
                yield from lost(*pair, f"{path}[{index}]")
        case _ if written != kept:
            yield f"{path}: {written!r} became {kept!r}"


@each_file
def test_grafanas_own_types_lose_nothing_of_a_dashboard(file: Path) -> None:
    register_default_plugins()
    kept = json.loads(json.dumps(Dashboard.from_json(load(file)), cls=JSONEncoder))
    assert list(lost(load(file), kept, file.stem)) == []


def test_dashboards_keep_to_grafanas_schema() -> None:
    finished = subprocess.run(
        [str(schema_checker()), *map(str, FILES)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (finished.stderr, finished.returncode) == ("", 0)


@pytest.mark.parametrize(
    ("wrong", "reported"),
    [
        ('"fillOpacities": 8', "unexpected field 'fillOpacities'"),
        ('"fillOpacity": "8"', "cannot unmarshal string"),
    ],
)
def test_the_check_of_the_schema_says_what_is_wrong(wrong: str, reported: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.json"
    text = (FOLDER / "flux" / "battery.json").read_text("utf-8")
    file.write_text(text.replace('"fillOpacity": 8', wrong))
    finished = subprocess.run(
        [str(schema_checker()), str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == 1
    assert reported in finished.stderr


@each_file
def test_panels_have_numbers_of_their_own_and_do_not_overlap(file: Path) -> None:
    all_panels: list[dict[str, Any]] = load(file)["panels"]
    ids = [panel["id"] for panel in all_panels]
    assert len(ids) == len(set(ids))
    places = [
        {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        for at in (panel["gridPos"] for panel in all_panels)
    ]
    assert all(x < GRID_COLUMNS for place in places for x, _ in place)
    assert not any(one & other for one, other in itertools.combinations(places, 2))


@each_file
def test_every_row_of_panels_is_filled(file: Path) -> None:
    for _, group in itertools.groupby(load(file)["panels"], key=lambda panel: panel["gridPos"]["y"]):
        assert sum(panel["gridPos"]["w"] for panel in group) == GRID_COLUMNS


@each_file
def test_every_panel_asks_the_chosen_data_source_for_fields_of_the_data_model(file: Path) -> None:
    known = {field.name for measurement in MEASUREMENTS.values() for field in measurement.fields}
    known |= {"lost_queue_overflow"}
    for panel in panels(load(file)):
        assert panel["datasource"] == {"type": "influxdb", "uid": "${datasource}"}
    for target in targets(load(file)):
        flux = re.findall(r'r\._field == "(\w+)"', target.query)
        influxql = re.findall(r'(?:mean|max|min|last|non_negative_difference)\("(\w+)"\)', target.query)
        assert set(flux + influxql) <= known, target.panel


@each_file
def test_every_variable_that_a_query_uses_is_one_of_the_dashboard(file: Path) -> None:
    dashboard = load(file)
    names = {variable["name"] for variable in dashboard["templating"]["list"]}
    for target in [*targets(dashboard), *variable_queries(dashboard)]:
        assert set(re.findall(r"\$\{(\w+)", target.query)) <= names | {"__from", "__to"}  # Grafana's own


@each_file
def test_all_vehicles_are_asked_for_without_their_names(file: Path) -> None:
    for variable in load(file)["templating"]["list"]:
        assert variable.get("includeAll", False) is (variable.get("allValue") == ".*")


def test_all_uids_differ_and_fit() -> None:
    uids = [load(file)["uid"] for file in FILES]
    assert len(set(uids)) == len(uids)
    assert all(len(uid) <= 40 for uid in uids)


def test_provisioning_and_pages_name_one_place_for_the_dashboards() -> None:
    place = "/var/lib/grafana/dashboards/nev-telemetry"
    pages = (FOLDER / "README.md", FOLDER.parent / "docs" / "getting-started-raspberry-pi.md")
    for file in (FOLDER / "provisioning" / "dashboards.yaml", *pages):
        assert place in file.read_text("utf-8"), file


@pytest.mark.parametrize(
    ("measurement", "field", "unit"),
    [
        ("battery", "voltage_v", "volt"),
        ("battery", "soc_pct", "percent"),
        ("battery", "insulation_kohm", "kohm"),
        ("cells", "tNNN", "celsius"),
        ("charger", "energy_wh", "watth"),
        ("gateway", "spool_bytes", "bytes"),
        ("gateway", "points_dead", "short"),
    ],
)
def test_units_follow_from_the_names_of_fields(measurement: str, field: str, unit: str) -> None:
    assert unit_of(measurement, field) == unit


def test_every_field_has_a_unit_in_grafana() -> None:
    for measurement in MEASUREMENTS.values():
        for field in measurement.fields:
            assert unit_of(measurement.name, field.name)
