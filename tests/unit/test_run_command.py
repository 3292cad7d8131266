"""The command that runs the service, before there is one."""

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from telemetry.__main__ import main
from telemetry.cli import run as command
from telemetry.config import Config
from telemetry.service.stderr_queue import JournalFormatter

STOPPED_WHILE_IT_PARSES = """
import argparse, os, pathlib, signal, sys, threading
from telemetry.cli import run
def parsing(*_, **__):
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait()
run.Service = parsing
sys.exit(run.run(argparse.Namespace(config=pathlib.Path(sys.argv[1]), verbose=False, log_format="text")))
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

HELD_UP_BY_ITS_INTERPRETER = """
import sys, threading
import telemetry.__main__ as command
def said(name):
    sys.stderr.write("the last words\\n")
    raise command.StorageError("full")
command.load_command = said
threading.Thread(target=threading.Event().wait).start()  # for which the end of the interpreter waits
sys.argv = ["nev-telemetry", "run", sys.argv[1]]
sys.exit(command.main())
"""


def run(script: str, file: Path) -> tuple[int, str]:
    """Exit code and stderr of a process that runs `script` with the configuration."""
    done = subprocess.run(
        [sys.executable, "-c", script, str(file)],
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


def test_a_service_that_has_stopped_does_not_wait_for_the_end_of_its_interpreter(tmp_path: Path) -> None:
    """Which takes seconds on a machine under load, when nothing ends the process any more."""
    code, words = run(HELD_UP_BY_ITS_INTERPRETER, tmp_path / "missing.toml")
    assert (code, words) == (74, "the last words\nnev-telemetry: full\n")


def test_a_reload_that_is_asked_for_while_the_service_is_being_imported_does_not_end_it(
    tmp_path: Path,
) -> None:
    code, words = run(HUNG_UP_BEFORE_IT_IS_IMPORTED, tmp_path / "missing.toml")
    assert (code, words.count("\n")) == (78, 1), words
    assert "missing.toml" in words


CONFIG = (
    "vehicle = 'v'\n[influx]\nurl = 'http://127.0.0.1:1'\ndatabase = 'd'\n"
    "[spool]\ndirectory = 's'\n[[can]]\nname = 'can0'\n"
)


class Ran:
    """Stands for the service: what it was made with, and how logging was set."""

    def __init__(self) -> None:
        self.configs: list[Config] = []
        self.options: dict[str, object] = {}
        self.runs = 0
        self.logging: dict[str, Any] = {}
        self.gives_memory_back = False

    def __call__(self, config: Config, *_: object, **options: object) -> "Ran":
        self.configs.append(config)
        self.options = options
        return self

    def run(self) -> None:
        self.runs += 1

    def give_memory_back(self) -> None:
        self.gives_memory_back = True


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Ran:
    service = Ran()
    monkeypatch.setattr(command, "Service", service)
    monkeypatch.setattr(command, "return_large_blocks", service.give_memory_back)
    monkeypatch.setattr(logging, "basicConfig", service.logging.update)
    return service


@pytest.mark.parametrize("is_read_by_the_journal", [True, False])
@pytest.mark.parametrize(("words", "level"), [([], logging.INFO), (["-v"], logging.DEBUG)])
def test_the_service_runs_by_its_configuration_and_logs_as_was_asked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ran: Ran,
    is_read_by_the_journal: bool,
    words: list[str],
    level: int,
) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(CONFIG)
    monkeypatch.setattr(command, "is_journal", lambda *_: is_read_by_the_journal)
    with monkeypatch.context() as stderr:
        stderr.setattr("sys.stderr", Path(os.devnull).open("w"))  # noqa: SIM115 - closed below
        with sys.stderr:
            assert main(["run", str(file), *words]) == 0
    assert ([config.vehicle for config in ran.configs], ran.runs) == (["v"], 1)
    assert isinstance(ran.options["reload"], threading.Event)
    assert ran.gives_memory_back
    (handler,) = ran.logging["handlers"]
    assert ran.logging["level"] == level
    assert isinstance(handler.formatter, JournalFormatter) is is_read_by_the_journal


@pytest.mark.parametrize(("config", "code"), [("-", 64), ("gone.toml", 78)])
def test_a_configuration_that_cannot_be_read_again_or_at_all_is_one_line(
    ran: Ran, capfd: pytest.CaptureFixture[str], config: str, code: int
) -> None:
    ended = main(["run", config])
    assert (ended, capfd.readouterr().err.count("\n")) == (code, 1)
    assert ran.runs == 0
