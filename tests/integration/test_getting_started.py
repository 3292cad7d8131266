"""The getting-started pages do what they promise, command by command."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from telemetry.clock import Clock
from telemetry.demo.server import start_influxdb1
from telemetry.errors import UnavailableError
from telemetry.ownership import cache_folder
from tests.support.command import printed
from tests.support.getting_started import DOCUMENTED_SERVER, ROOT, blocks, commands_done_before, follow
from tests.support.servers import DatabaseServer, influxd2_program

LOG, LAPTOP, PI = "getting-started-log.md", "getting-started-laptop.md", "getting-started-raspberry-pi.md"
OPERATOR = "fleet-operator.md"
LOG_TIMEOUT_S = 240.0
OPERATOR_TIMEOUT_S = 240.0
LAPTOP_TIMEOUT_S = 240.0  # in User Mode Linux everything is slow


@pytest.fixture
def open_influxdb1(tmp_path: Path) -> Iterator[str]:
    """HOST:PORT of Debian's InfluxDB as it is after `apt-get install`: without users."""
    with influxdb1_without_users(tmp_path) as server:
        yield server


@contextmanager
def influxdb1_without_users(tmp_path: Path, *, auth_enabled: bool = False) -> Iterator[str]:
    """Start Debian's InfluxDB, and yield its HOST:PORT. auth_enabled: it waits for its first user."""
    if shutil.which("curl") is None:
        pytest.skip("the pages read back with curl")
    folder = tmp_path / "influxdb"
    folder.mkdir()
    try:
        process = start_influxdb1(folder, cache_folder(), Clock(), auth_enabled=auth_enabled)
    except UnavailableError as error:
        pytest.skip(f"InfluxDB 1.6.7: {error}")
    with process:
        yield f"127.0.0.1:{process.port}"


@pytest.mark.server("influxdb1")
def test_the_page_about_logs_does_what_it_promises(open_influxdb1: str, tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    folder.mkdir()
    follow(LOG, folder, open_influxdb1, LOG_TIMEOUT_S)


@pytest.mark.long  # two drives and charges are simulated
@pytest.mark.server("influxdb2")
def test_the_page_for_an_operator_does_what_it_promises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{influxd2_program().parent}:{os.environ['PATH']}")
    folder = tmp_path / "clone"
    (folder / "fleet").mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    follow(OPERATOR, folder, f"127.0.0.1:{port}", OPERATOR_TIMEOUT_S, twice=2)


@pytest.mark.server("influxdb1")
def test_the_page_for_an_operator_does_what_it_promises_of_influxdb_1(tmp_path: Path) -> None:
    """With two minutes of a drive for each vehicle in place of the two hours that the page simulates."""
    folder = tmp_path / "clone"
    (folder / "fleet").mkdir(parents=True)
    for number in (1, 2):
        begins = ["--duration", "120", "--time-origin", str(int(time.time()) - 7200)]
        printed("sim", "drive", "--seed", number, *begins, "--output", folder / f"fleet/van-{number}.log")
    with influxdb1_without_users(tmp_path, auth_enabled=True) as server:
        follow(OPERATOR, folder, server, OPERATOR_TIMEOUT_S, part="influxdb1", twice=2)


@pytest.mark.server("influxdb2")
def test_an_account_of_the_page_for_an_operator_is_made_once_and_writes_until_it_is_taken_back(
    influxdb2: DatabaseServer, tmp_path: Path
) -> None:
    database, folder = influxdb2.fresh_database(), tmp_path / "fleet"
    folder.mkdir()
    (folder / "operator.token").write_text(influxdb2.token)
    (accounts,) = (each.text for each in blocks(OPERATOR) if each.text.startswith("ask()"))
    accounts = f"URL={influxdb2.url}\n{accounts.replace('?name=fleet', f'?name={database.name}')}"

    def run(command: str) -> str:
        script = ["bash", "-e", "-c", accounts + command]
        return subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    def written(vehicle: str) -> int:
        vehicles_own = replace(influxdb2, token=(folder / f"{vehicle}.token").read_text().strip())
        row = f"battery,vehicle={vehicle} soc_pct=50 1".encode()
        return vehicles_own.request(
            "POST", "/api/v2/write", row, org=influxdb2.org, bucket=database.name
        ).status

    run(accounts)
    known = json.loads(run("ask authorizations"))["authorizations"]
    vans = {each["id"]: each["description"] for each in known if each["description"].startswith("van-")}
    assert sorted(vans.values()) == ["van-1", "van-2"]
    assert [written("van-1"), written("van-2")] == [204, 204]
    run(f"ask authorizations/{next(id for id, name in vans.items() if name == 'van-1')} -X DELETE")
    assert [written("van-1"), written("van-2")] == [401, 204]


@pytest.mark.vcan
@pytest.mark.long
@pytest.mark.server("influxdb1")
@pytest.mark.skipif(os.geteuid() != 0, reason="the page makes a network interface: as root")
def test_the_page_about_laptops_does_what_it_promises(open_influxdb1: str, tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    folder.mkdir()
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    delete = ["ip", "link", "delete", "vcan0"]  # the page makes it again
    subprocess.run(delete, check=True, env={**os.environ, "PATH": path})
    follow(LAPTOP, folder, open_influxdb1, LAPTOP_TIMEOUT_S)


@pytest.mark.parametrize("page", [LOG, LAPTOP])
def test_only_setting_up_and_installing_is_not_run(page: str) -> None:
    targets = (ROOT / "Makefile").read_text("utf-8")
    for command in commands_done_before(page):
        assert command in ("make setup", "source .venv/bin/activate") or command.startswith(
            "sudo apt-get install "
        )
    assert "\nsetup:" in targets


@pytest.mark.server("influxdb1")
def test_the_configuration_of_the_page_about_the_pi_passes_check(open_influxdb1: str, tmp_path: Path) -> None:
    """On the Pi's own paths, moved into a folder; its bus is not there."""
    text = next(block.text for block in blocks(PI) if block.argument == "gateway.toml")
    for place in ("/etc/nev-telemetry", "/var/lib/nev-telemetry"):
        assert place in text
        text = text.replace(place, str(tmp_path))
    (tmp_path / "gateway.toml").write_text(text.replace(DOCUMENTED_SERVER, open_influxdb1))
    (tmp_path / "ev.dbc").write_text((ROOT / "firmware_sim" / "wire" / "vehicle.dbc").read_text("utf-8"))
    (tmp_path / "influx-token").write_text("password\n")
    (tmp_path / "influx-token").chmod(0o600)
    accounts = next(block.text for block in blocks(PI) if block.text.startswith("ask()"))
    script = accounts.replace(DOCUMENTED_SERVER, open_influxdb1).replace("THE-PASSWORD", "password")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == 4 * ['{"results":[{"statement_id":0}]}']
    said = printed("check", tmp_path / "gateway.toml")
    assert "mapped: 2 entries write battery" in said
    assert f"server http://{open_influxdb1}: takes data by API v1" in said


def test_every_file_that_the_page_about_the_pi_installs_is_there() -> None:
    commands = "".join(block.text for block in blocks(PI) if block.language == "sh")
    named = re.findall(r"(?<= )(?:packaging|dashboards)/\S+", commands)
    assert len(named) == 7
    assert [name for name in named if not list(ROOT.glob(name))] == []


def test_the_overlays_of_the_page_about_the_pi_are_whole() -> None:
    """As the firmware's README of overlays has them: parameter=value, no blanks."""
    overlays = [block.text.splitlines() for block in blocks(PI) if block.argument == "config.txt"]
    for spi, overlay in overlays:
        assert spi == "dtparam=spi=on"
        assert re.fullmatch(r"dtoverlay=mcp251\w+-?\w*(,spi0-0)?,oscillator=\d+000000,interrupt=\d+", overlay)


def test_the_service_of_the_page_about_the_pi_reads_what_the_page_writes() -> None:
    """The unit's own paths are those of the page."""
    unit = (ROOT / "packaging" / "systemd" / "nev-telemetry.service").read_text("utf-8")
    assert "run /etc/nev-telemetry/gateway.toml" in unit
    assert "/opt/nev-telemetry/bin/nev-telemetry" in unit
    assert "LoadCredential=influx-token:/etc/nev-telemetry/influx-token" in unit
    assert "StateDirectory=nev-telemetry\n" in unit
