"""kill -9 at random instants under load: what is in the database afterwards is what would be there
without it. NEV_TELEMETRY_KILLS says how many kills a campaign has; the release check takes 200."""

import contextlib
import os
import random
import subprocess
from pathlib import Path

import pytest

from telemetry.ledger import imbalances
from tests.support.gateway import Gateway, influx_table
from tests.support.recording import VEHICLE_DBC, coarsen, record_drive
from tests.support.servers import Database, DatabaseServer, Points

KILLS = (6, pytest.param(int(os.environ.get("NEV_TELEMETRY_KILLS", "25")), marks=pytest.mark.long))
LOG_S = 120.0
SECONDS_PER_LIFE = 0.8
OWN_MEASUREMENTS = ("gateway", "event")
REDUCED = "[reduce]\nevery_s = 1.0\n"
BOUNDED = '[reduce]\nshape = "line"\n[reduce.bounds]\n"*_v" = 0.1\n"cells.v*" = 0.002\n"BMS_*" = 0.5\n'


@pytest.fixture(scope="module")
def fine_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_drive(tmp_path_factory.mktemp("log") / "fine.log", LOG_S)


@pytest.fixture(scope="module")
def coarse_log(fine_log: Path) -> Path:
    return coarsen(fine_log, fine_log.with_name("coarse.log"))


def vehicle_points(database: Database) -> Points:
    return {
        point: value
        for point, value in database.points().items()
        if point.measurement not in OWN_MEASUREMENTS
    }


def replay(log: Path, speed: float | None = None) -> str:
    at_speed = f"speed = {speed}\n" if speed else ""
    return f'[[replay]]\nname = "log"\nfile = "{log}"\ndatabases = ["{VEHICLE_DBC}"]\n{at_speed}' + MAP


MAP = """
[[map]]
signal = "BMS_CellVoltages.Cell{n}Voltage"
to = "cells.v{n}"
[[map]]
signal = "BMS_PackPower.PackVoltage"
to = "battery.voltage_v"
[[map]]
signal = "BMS_PackPower.PackCurrent"
to = "battery.current_a"
"""


@pytest.mark.server("influxdb1")
@pytest.mark.parametrize("kills", KILLS)
@pytest.mark.parametrize(
    ("log_name", "top"),
    [
        pytest.param("fine_log", "", id="fine-raw"),
        pytest.param("fine_log", REDUCED, id="fine-reduced", marks=pytest.mark.long),
        pytest.param("coarse_log", "", id="coarse-raw", marks=pytest.mark.long),
        pytest.param("coarse_log", REDUCED, id="coarse-reduced"),
        pytest.param("fine_log", BOUNDED, id="fine-bounded", marks=pytest.mark.long),
    ],
)
def test_a_service_killed_at_random_instants_leaves_the_database_of_an_undisturbed_run(
    kills: int,
    top: str,
    log_name: str,
    influxdb1: DatabaseServer,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    log = request.getfixturevalue(log_name)
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    calm.mkdir()
    killed.mkdir()
    calm_database, killed_database = influxdb1.fresh_database(), influxdb1.fresh_database()
    with Gateway(calm, influx_table(calm_database, calm), replay(log), top) as gateway:
        calm_accounts = gateway.run()

    # Slow enough for the log to last until the last kill.
    speed = LOG_S / (kills * SECONDS_PER_LIFE)
    chance = random.Random(20261125)
    with Gateway(killed, influx_table(killed_database, killed), replay(log, speed), top) as gateway:
        for _ in range(kills):
            process = gateway.start()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.2, 2 * SECONDS_PER_LIFE))
            process.kill()
            process.wait()
        gateway.sources = replay(log)  # what is left as fast as possible
        gateway.write_config()
        accounts = gateway.run()

    assert vehicle_points(killed_database) == vehicle_points(calm_database)
    for each in (calm_accounts, accounts):
        assert list(imbalances(each.counters, each.waiting_points, {})) == []
        assert (each.waiting_points, each.clean) == (0, True)
    for name in ("bus/log/read", "frames/log/decoded", "points/made/BMS_PackState", "points/reduced"):
        assert accounts.counters.get(name) == calm_accounts.counters.get(name), name
