"""What `check` finds of configurations that tests write."""

from pathlib import Path

from telemetry.config import load_config
from telemetry.model.finding import Finding, Grade
from telemetry.service.check import check
from tests.support.recording import VEHICLE_DBC
from tests.support.scripted_server import Act, ScriptedServer

CAN9 = '[[can]]\nname = "can9"\n'
BUS = f'{CAN9}databases = ["{VEHICLE_DBC}"]\n'
LOG = f'[[replay]]\nname = "log"\nfile = "drive.log"\ndatabases = ["{VEHICLE_DBC}"]\n'
VOLTAGE = '[[map]]\nsignal = "BMS_PackPower.PackVoltage"\nto = "battery.voltage_v"\n'
SERVER = '[influx]\nurl = "http://127.0.0.1:1"\ndatabase = "d"\n'


def findings(
    tmp_path: Path, sources: str, url: str = "http://127.0.0.1:1", rest: str = "", *, create: bool = False
) -> list[Finding]:
    influx = f'[influx]\nurl = "{url}"\ndatabase = "d"\n' + "create = true\n" * create
    return list(check(load_config(config_with(tmp_path, f"{sources}\n{rest}", influx), {})))


def asked(tmp_path: Path, *answers: Act, create: bool = False) -> tuple[list[Finding], ScriptedServer]:
    """Return what is found where a server gives these answers, and the server."""
    with ScriptedServer() as server:
        server.script(*answers)
        return findings(tmp_path, CAN9, server.url, create=create), server


def config_with(tmp_path: Path, sources: str, influx: str = SERVER) -> Path:
    file = tmp_path / "gateway.toml"
    file.write_text(f'vehicle = "van"\n{influx}[spool]\ndirectory = "spool"\n{sources}')
    return file


def texts(found: list[Finding], level: Grade) -> str:
    return "\n".join(finding.text for finding in found if finding.level is level)
