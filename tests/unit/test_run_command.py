"""The command that runs the service, before there is one."""

import os
import subprocess
import sys
from pathlib import Path

STOPPED_WHILE_IT_PARSES = """
import argparse, os, pathlib, signal, sys, threading
from telemetry.cli import run
def parsing(*_, **__):
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait()
run.Service = parsing
sys.exit(run.run(argparse.Namespace(config=pathlib.Path(sys.argv[1]), verbose=False)))
"""


HUNG_UP_BEFORE_IT_IS_IMPORTED = """
import os, signal, sys
import telemetry.__main__ as command
load = command.load_command
def hung_up(name):
    os.kill(os.getpid(), signal.SIGHUP)
    return load(name)
command.load_command = hung_up
sys.exit(command.main(["run", sys.argv[1]]))
"""


def run(script: str, file: Path) -> tuple[int, str]:
    """Exit code and stderr of a process that runs `script` with the configuration."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", script, str(file)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30.0,
        check=False,
    )
    return done.returncode, done.stderr


def test_a_stop_while_databases_are_parsed_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(
        "vehicle = 'v'\n[influx]\nurl = 'http://127.0.0.1:1'\ndatabase = 'd'\n"
        "[spool]\ndirectory = 's'\n[[can]]\nname = 'can0'\n"
    )
    assert run(STOPPED_WHILE_IT_PARSES, file) == (
        0,
        "INFO telemetry.service: stopped before it had started\n",
    )


def test_a_reload_that_is_asked_for_while_the_service_is_being_imported_does_not_end_it(
    tmp_path: Path,
) -> None:
    code, words = run(HUNG_UP_BEFORE_IT_IS_IMPORTED, tmp_path / "missing.toml")
    assert (code, words.count("\n")) == (78, 1), words
    assert "missing.toml" in words
