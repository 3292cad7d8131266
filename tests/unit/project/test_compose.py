"""packaging/compose, as far as it can be checked without containers: files, commands, configuration."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from telemetry.__main__ import COMMANDS, build_parser
from telemetry.config import load_config
from telemetry.stages.prepare import compose
from tests.support.recording import VEHICLE_DBC

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "packaging/compose"


@pytest.fixture(scope="module")
def services() -> Any:
    return yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))["services"]


def test_each_file_that_a_container_is_given_is_there(services: Any) -> None:
    mounts = [mount for service in services.values() for mount in service.get("volumes", ())]
    files = [mount.split(":")[0] for mount in mounts if mount.startswith(".")]
    assert len(files) == 5
    assert [file for file in files if not (FOLDER / file).exists()] == []
    copied = re.findall(
        r"^COPY --from=build /source/(\S+)", (FOLDER / "Dockerfile").read_text("utf-8"), re.MULTILINE
    )
    assert copied == ["firmware_sim/wire/vehicle.dbc"]
    assert (ROOT / copied[0]).samefile(VEHICLE_DBC)


def test_each_command_is_one_of_the_program(services: Any) -> None:
    for service in ("vehicle", "gateway"):
        assert services[service]["build"]["dockerfile"] == "packaging/compose/Dockerfile"
        command = services[service]["command"]
        assert build_parser(COMMANDS).parse_args(command).command == command[0]


def test_ports_are_this_machine_s_alone(services: Any) -> None:
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_gateway_fills_every_field_that_the_simulated_vehicle_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, services: Any
) -> None:
    monkeypatch.setenv("INFLUXDB_TOKEN", "a-token")
    text = (
        (FOLDER / "gateway.toml")
        .read_text("utf-8")
        .replace("/var/lib/nev-telemetry", str(tmp_path / "spool"))
    )
    (tmp_path / "gateway.toml").write_text(text, "utf-8")
    (tmp_path / "vehicle.dbc").write_bytes(VEHICLE_DBC.read_bytes())
    (tmp_path / "vehicle.toml").write_bytes((ROOT / "telemetry/demo/vehicle.toml").read_bytes())
    config = load_config(tmp_path)
    written = {record.measurement for record in compose(config).modelling.map.records}  # type: ignore[union-attr]
    assert written == {"battery", "cells", "charger"}
    bus = services["vehicle"]["command"][-1]
    assert f'socket = "{bus}"' in text
    influx = services["influxdb"]["environment"]
    assert f'bucket = "{influx["DOCKER_INFLUXDB_INIT_BUCKET"]}"' in text
    assert f'org = "{influx["DOCKER_INFLUXDB_INIT_ORG"]}"' in text


def test_grafana_asks_the_database_that_the_gateway_fills() -> None:
    (source,) = yaml.safe_load((FOLDER / "datasource.yaml").read_text("utf-8"))["datasources"]
    others = yaml.safe_load((ROOT / "dashboards/provisioning/datasources.yaml").read_text("utf-8"))[
        "datasources"
    ]
    (same,) = [other for other in others if other["uid"] == source["uid"]]
    assert source["jsonData"] == same["jsonData"]
    assert source["url"] == "http://influxdb:8086"
