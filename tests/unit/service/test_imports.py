"""What a service imports before its sources begin: a module is memory, and time in which frames are lost."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.configuration import GATEWAY_OF_CAN0

MADE = """
import sys
before = set(sys.modules)  # what this machine's interpreter starts with
import pathlib
from telemetry.cli import run
run.Service(run.load_config(pathlib.Path(sys.argv[1])))
print(*(set(sys.modules) - before))
"""
OTHER_SOURCES = ("telemetry.sources.python_can", "telemetry.sources.replay", "telemetry.sources.serial")
SERIAL = ("telemetry.framing", "telemetry_core.serial", "telemetry.protocols.table")
VEHICLES = ("telemetry.vehicles",)
PROTOCOLS = ("telemetry.protocols.can", "telemetry.protocols.registers", "telemetry.protocols.serial")
CHARGES = ("telemetry.charging.follow", "telemetry.charging.tracker", "telemetry_core.charge")
HEALTH = ("telemetry.health.plan",)
LOGS = ("telemetry.logs.log", "telemetry_core.logs")
BOUNDS = ("telemetry_core.rules.bounds",)
COMMANDS = ("can", "cantools", "influxdb_client", "numpy", "pandas", "prometheus_client", "rich", "serial")
OF_PYTHON = (
    *("configparser", "csv", "ctypes.util", "difflib", "email", "http.client", "secrets"),
    *("shutil", "ssl", "tempfile", "urllib.request", "zipfile"),
)


def imported(folder: Path, configuration: str) -> set[str]:
    """Return the modules and packages of a process that has made a service of `configuration`."""
    file = folder / "gateway.toml"
    file.write_text(configuration)
    command = [sys.executable, "-c", MADE, str(file)]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(made.stdout.split())


def test_a_service_of_one_can_bus_imports_nothing_of_other_sources_protocols_charges_and_logs(
    tmp_path: Path,
) -> None:
    modules = imported(tmp_path, GATEWAY_OF_CAN0)
    assert {"telemetry.service.service", "telemetry.sources.can.source"} <= modules
    unused = (
        *OTHER_SOURCES,
        *SERIAL,
        *PROTOCOLS,
        *VEHICLES,
        *CHARGES,
        *HEALTH,
        *LOGS,
        *BOUNDS,
        *COMMANDS,
        *OF_PYTHON,
    )
    assert modules & set(unused) == set()


@pytest.mark.parametrize(
    ("table", "needed"),
    [
        ('protocol = "gbt27930"\n', ("telemetry.protocols.can", *CHARGES)),
        ('vehicle_profile = "hyundai-kona-64"\n', ("telemetry.protocols.can", "telemetry.vehicles.known")),
        ('[[session]]\npack = "main"\n', CHARGES[1:]),
        ('[reduce.bounds]\n"battery.voltage_v" = 0.1\n', BOUNDS),
        ('[[python_can]]\nname = "usb"\noptions = { interface = "gs_usb" }\n', OTHER_SOURCES[:1]),
        ('[[replay]]\nname = "drive"\nfile = "gateway.toml"\n', (OTHER_SOURCES[1], *LOGS)),
        ('[[serial]]\nname = "bms"\nport = "/dev/ttyUSB0"\nprotocol = "jbd"\n', (OTHER_SOURCES[2], *SERIAL)),
    ],
    ids=["protocol", "vehicle", "session", "bounds", "python_can", "replay", "serial"],
)
def test_what_a_configuration_names_is_imported(tmp_path: Path, table: str, needed: tuple[str, ...]) -> None:
    """Otherwise the names above may be those of modules that there are no more."""
    modules = imported(tmp_path, GATEWAY_OF_CAN0 + table)
    assert set(needed) <= modules
    if set(VEHICLES) & modules:
        assert modules.isdisjoint(SERIAL)
