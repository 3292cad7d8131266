"""What the running service imports, and what it must not: memory, and a parser that may go wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.gateway import Gateway
from tests.support.recording import VEHICLE_DBC, record_drive
from tests.support.scripted_server import ScriptedServer


def imported(gateway: Gateway) -> set[str]:
    """Return the packages of which the process says it imported a module (-X importtime).

    The package's own name alone is not enough: it is there too when the import failed.
    """
    lines = (line for line in gateway.output().splitlines() if line.startswith("import time:"))
    names = (line.rpartition("|")[2].strip() for line in lines)
    return {name.partition(".")[0] for name in names if "." in name}


def test_with_a_cached_plan_and_a_bucket_the_service_imports_no_parser_no_numpy_and_no_influxdb_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = record_drive(tmp_path / "drive.log", 1.0)
    replay = f'[[replay]]\nname = "drive"\nfile = "{log}"\ndatabases = ["{VEHICLE_DBC}"]\n'
    with ScriptedServer() as server:
        influx = f'[influx]\nurl = "{server.url}"\nbucket = "b"\ncreate = true\n'
        with Gateway(tmp_path, influx, replay, top=f'cache_directory = "{tmp_path / "plans"}"') as gateway:
            gateway.run()
            monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
            gateway.run()
        assert server.stored
    modules = imported(gateway)
    assert {"telemetry_core", "urllib3"} <= modules
    assert not modules & {"cantools", "influxdb_client", "numpy", "pandas", "rich"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["decode", "drive.log", "--dbc", str(VEHICLE_DBC)], 0),
        (["check", "gateway.toml"], 69),  # no server answers
        (["status", "gateway.toml"], 69),  # no service runs
    ],
)
def test_a_command_that_draws_nothing_imports_no_rich(
    tmp_path: Path, arguments: list[str], code: int
) -> None:
    record_drive(tmp_path / "drive.log", 1.0)
    (tmp_path / "gateway.toml").write_text(
        'vehicle = "van"\n[spool]\ndirectory = "spool"\n'
        '[influx]\nurl = "http://localhost:1"\ndatabase = "d"\n'
        f'[[replay]]\nname = "drive"\nfile = "drive.log"\ndatabases = ["{VEHICLE_DBC}"]\n'
    )
    program = "import sys, telemetry.__main__ as m; sys.exit([m.main(sys.argv[1:]), 'rich' in sys.modules])"
    ended = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stderr.endswith(f"[{code}, False]\n")
