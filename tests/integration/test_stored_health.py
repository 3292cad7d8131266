"""`nev-telemetry health` of a database: InfluxDB 1 and 2, by options, by a configuration."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from telemetry import lake
from telemetry.health.found import packs
from telemetry.health.shown import as_json
from telemetry.model import point as lineprotocol
from tests.integration.test_stored_sessions import database_options, write
from tests.support.command import command, printed, refused
from tests.support.servers import DatabaseServer
from tests.unit.health.test_shown import points

STORED = [*points(), *points("rear"), *points(vehicle="bus 4")]


@pytest.fixture(params=["influxdb1", "influxdb2"])
def options(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """Store STORED in a database of its own, and return the options that name it."""
    server: DatabaseServer = request.getfixturevalue(request.param)
    database = server.fresh_database()
    lines = b"\n".join(lineprotocol.line(*each) for each in STORED).decode()
    assert write(server, database.name, lines) in (200, 204)
    return database_options(server, database.name, tmp_path)


def listed(*words: object) -> Any:
    return json.loads(printed("health", *words, "--format", "json"))["packs"]


@pytest.mark.server("influxdb1", "influxdb2")
def test_a_database_gives_every_charge_back_as_it_was(options: list[str]) -> None:
    assert listed(*options) == json.loads(as_json(packs(STORED)))["packs"]
    assert len(printed("health", *options, "--format", "csv").splitlines()) == 1 + 9
    assert printed("health", *options).count("not used: soc") == 3


@pytest.mark.server("influxdb1", "influxdb2")
def test_charges_are_chosen_by_vehicle_pack_and_when_they_began(options: list[str]) -> None:
    assert [one["pack"] for one in listed(*options, "--vehicle", "van-7")] == ["main", "rear"]
    assert [one["vehicle"] for one in listed(*options, "--pack", "main")] == ["bus 4", "van-7"]
    chosen = listed(*options, "--vehicle", "van-7", "--pack", "rear", "--since", "2023-11-16")
    assert [len(one["charges"]) for one in chosen] == [1]


@pytest.mark.server("influxdb1")
def test_of_influxdb1_what_retention_keeps_is_asked_for_by_its_policy(
    influxdb1: DatabaseServer, tmp_path: Path
) -> None:
    name = influxdb1.fresh_database().name
    policy = f'CREATE RETENTION POLICY "records" ON "{name}" DURATION INF REPLICATION 1'
    assert influxdb1.request("POST", "/query", b"", db=name, q=policy).status == 200
    lines = b"\n".join(lineprotocol.line(*each) for each in STORED)
    assert influxdb1.request("POST", "/write", lines, db=name, rp="records").status == 204
    words = database_options(influxdb1, name, tmp_path)
    assert listed(*words) == []
    config = written_config(tmp_path, [*words, "--retention-policy", "records"])
    assert [len(one["charges"]) for one in listed(config)] == [3, 3, 3]


def written_config(folder: Path, options: list[str]) -> Path:
    """Write a configuration of the database that these options name."""
    pairs = zip(options[::2], options[1::2], strict=True)
    keys = "".join(f"{flag[2:].replace('-', '_')} = {json.dumps(value)}\n" for flag, value in pairs)
    config = folder / "gateway.toml"
    config.write_text(
        f'vehicle = "van-7"\n[influx]\n{keys}[spool]\ndirectory = "s"\n[[can]]\nname = "can0"\n'
    )
    return config


@pytest.fixture
def config(options: list[str], tmp_path: Path) -> Path:
    return written_config(tmp_path, options)


@pytest.mark.server("influxdb1", "influxdb2")
def test_a_configuration_names_the_database(options: list[str], config: Path) -> None:
    assert len(listed(config)) == 3
    refused(64, "health", config, *options)


@pytest.mark.server("influxdb1", "influxdb2")
def test_nothing_of_that_time_is_a_head_and_one_warning(options: list[str]) -> None:
    said = command("health", *options, "--since", "2027-01-01")
    assert (said.returncode, said.stdout.count("\n")) == (0, 1)
    assert said.stderr.startswith("warning: no charge that was measured for battery health in http://")


@pytest.mark.server("influxdb1", "influxdb2")
def test_a_day_is_exported_with_its_charges_and_each_cell(config: Path, tmp_path: Path) -> None:
    printed("lake", "export", config, "--day", "2023-11-14", "-o", tmp_path / "lake")
    (file,) = lake.files(tmp_path / "lake", vehicle="bus 4", table="cell_resistance")
    (row,) = pq.ParquetFile(file).read().to_pylist()
    assert [row[f"r00{number}"] for number in (1, 2, 3)] == [0.5, 0.8, 0.5]
    (file,) = lake.files(tmp_path / "lake", vehicle="van-7", table="battery_health")
    charges = pq.ParquetFile(file).read().to_pylist()
    assert [(one["pack"], one["used"], one["capacity_ah"]) for one in charges] == [
        ("main", True, 100.0),
        ("rear", True, 100.0),
    ]


def test_without_a_place_the_command_is_refused() -> None:
    refused(64, "health")
