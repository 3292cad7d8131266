"""The command that runs the service, before there is one."""

import argparse
import os
import signal
import threading
from pathlib import Path
from typing import NoReturn

import pytest

from telemetry.cli import run


def parsing(*_: object, **__: object) -> NoReturn:
    """A start that is told to stop while it waits for the parser."""
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(60.0)
    raise AssertionError("the start goes on")


def test_a_stop_while_databases_are_parsed_is_no_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(
        "vehicle = 'v'\n[influx]\nurl = 'http://127.0.0.1:1'\ndatabase = 'd'\n"
        "[spool]\ndirectory = 's'\n[[can]]\nname = 'can0'\n"
    )
    monkeypatch.setattr(run, "Service", parsing)
    before = signal.getsignal(signal.SIGTERM)
    assert run.run(argparse.Namespace(config=file, verbose=False)) == 0
    assert signal.getsignal(signal.SIGTERM) is before
