"""What the running service imports, and what it must not: memory, and a parser that may go wrong."""

from pathlib import Path

import pytest

from tests.support.gateway import Gateway
from tests.support.recording import VEHICLE_DBC, record_drive
from tests.support.scripted_server import ScriptedServer


def imported(gateway: Gateway) -> set[str]:
    """Packages of which the process says it imported a module (-X importtime).

    The package's own name alone is not enough: it is there too when the import failed.
    """
    lines = (line for line in gateway.output().splitlines() if line.startswith("import time:"))
    names = (line.rpartition("|")[2].strip() for line in lines)
    return {name.partition(".")[0] for name in names if "." in name}


def test_with_a_cached_plan_the_service_imports_neither_cantools_nor_numpy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = record_drive(tmp_path / "drive.log", 1.0)
    replay = f'[[replay]]\nname = "drive"\nfile = "{log}"\ndatabases = ["{VEHICLE_DBC}"]\n'
    with ScriptedServer() as server:
        influx = f'[influx]\nurl = "{server.url}"\napi = "v1"\ndatabase = "d"\n'
        with Gateway(tmp_path, influx, replay, top=f'cache_directory = "{tmp_path / "plans"}"') as gateway:
            gateway.run()
            monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
            gateway.run()
        assert server.stored
    modules = imported(gateway)
    assert {"telemetry_core", "urllib3"} <= modules
    assert not modules & {"cantools", "influxdb_client", "numpy", "pandas"}
