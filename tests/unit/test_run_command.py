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


def test_a_stop_while_databases_are_parsed_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(
        "vehicle = 'v'\n[influx]\nurl = 'http://127.0.0.1:1'\ndatabase = 'd'\n"
        "[spool]\ndirectory = 's'\n[[can]]\nname = 'can0'\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", STOPPED_WHILE_IT_PARSES, str(file)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30.0,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        0,
        "INFO telemetry.service: stopped before it had started\n",
    )
