import errno
import importlib
import re
import shlex
import signal
import sys
import threading
from collections.abc import Callable
from itertools import chain, permutations
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

from telemetry import __version__
from telemetry.__main__ import COMMANDS, build_parser, load_command, main
from telemetry.errors import TelemetryError
from tests.support.command import failed, printed, refused


def raising(error: Exception) -> Callable[[object], NoReturn]:
    def run(arguments: object) -> NoReturn:
        del arguments
        raise error

    return run


def test_the_version_is_printed() -> None:
    assert printed("--version") == f"nev-telemetry {__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_exists(command: str) -> None:
    shown = printed(command, "--help")
    assert "usage: nev-telemetry " + command in shown
    headings = re.findall(r"^\S.*$", shown, re.MULTILINE)
    assert not [heading for heading in headings if heading.endswith(".:")], "a sentence is no heading"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_of_a_command_are_command_lines_that_it_takes(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ev.dbc").write_text("")
    with pytest.raises(SystemExit):
        main([command, "--help"])
    _, _, shown = capsys.readouterr().out.partition("\nexamples:\n")
    examples = [line.partition(" > ")[0] for line in shown.splitlines()]
    assert examples
    for example in examples:
        program, *words = shlex.split(example)
        assert (program, words[0]) == ("nev-telemetry", command)
        assert build_parser([command]).parse_args(words).command == command


def test_help_names_each_command_in_a_line_that_begins_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("    ")]
    assert [words[0] for words in lines if words[0] in COMMANDS and len(words) > 1] == [*COMMANDS]


def test_an_interrupt_waits_for_a_command_that_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[str] = []

    def import_module(name: str) -> ModuleType:
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)  # not to another's
        imported.append(name)
        return sys

    monkeypatch.setattr(importlib, "import_module", import_module)
    with pytest.raises(KeyboardInterrupt):
        load_command("run")
    assert imported == ["telemetry.cli.run"]


def test_a_wrong_command_line_is_one_line_and_exit_64() -> None:
    refused(64, "status", "--wrong")


@pytest.mark.parametrize(
    "pieces",
    [
        ["decode", "LOG a.log", "b.log", "--dbc main.dbc", "-j2", "--wide"],
        ["decode", "a.log", "-o out.csv", "--sig=A B", "--time iso", "--from 0.5"],
        ["signals", "a.log", "--signal X*", "b.dbc", "--all"],
        ["plot", "a.log", "SOC", "--dbc b.dbc", "Voltage", "-o x.png"],
        ["session", "1", "--protocol gbt27930", "a.log"],
        ["scrub", "a.log", "-vo out", "b.log"],
        ["spool list", "--json", "gw.toml", "-v"],
        ["spool requeue", "gw.toml", "A", "--reason no_time", "B"],
        ["map suggest", "--dbc a.dbc", "a.log", "b.log", "--j1939"],
        ["sim", "drive", "--output x.log", "--seed -3", "--time-scale 2"],
        ["scan", "/dev/ttyUSB0", "-v", "/dev/ttyUSB1"],
    ],
    ids=lambda pieces: pieces[0],
)
def test_arguments_come_in_any_order(pieces: list[str]) -> None:
    """Compared with argparse, which takes options after all that is positional."""
    command, *others = (shlex.split(piece) if "=" not in piece else [piece] for piece in pieces)
    plain = sorted(others, key=lambda words: words[0].startswith("-"))
    parser = build_parser(command[:1])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("telemetry.__main__._Parser._options_first", lambda _, words: words)
        expected = parser.parse_args([*command, *chain(*plain)])
    positional = [words for words in others if not words[0].startswith("-")]
    orders = [
        order
        for order in permutations(others)
        if [words for words in order if not words[0].startswith("-")] == positional
    ]
    assert len(orders) >= 3
    for order in orders:
        assert parser.parse_args([*command, *chain(*order)]) == expected


def test_what_follows_two_hyphens_is_no_option() -> None:
    given = build_parser(["decode"]).parse_args(
        ["decode", "a.log", "--dbc", "x.dbc", "--", "-b.log", "--wide"]
    )
    assert [*map(str, given.logs)] == ["a.log", "-b.log", "--wide"]
    capture = ["capture", "--filter", "123:7FF", "124:7FF", "--", "gateway.toml"]
    assert build_parser(["capture"]).parse_args(capture).config == "gateway.toml"


@pytest.mark.parametrize(
    ("words", "program"),
    [
        (["files", "a", "b"], "files"),
        (["schema", "x"], "schema"),
        (["spool", "list", "a", "--nothing"], "spool list"),
        (["decode", "a.log", "-o"], "decode"),
    ],
)
def test_what_a_command_does_not_take_is_refused_in_its_name(words: list[str], program: str) -> None:
    assert refused(64, *words).startswith(f"nev-telemetry {program}: ")


def test_help_and_an_option_may_stand_before_the_command() -> None:
    assert printed("help", "decode") == printed("decode", "--help")
    assert printed("help", "spool", "list") == printed("spool", "list", "--help")
    assert printed("help") == printed("--help")
    assert printed("-V") == printed("--version")
    assert "Traceback" in failed(78, "-v", "status", "/nonexistent.toml")
    assert refused(78, "--json", "status", "/nonexistent.toml")


def test_an_error_is_one_line_and_its_own_exit_code() -> None:
    assert (
        failed(78, "status", "/nonexistent.toml")
        == "nev-telemetry: /nonexistent.toml: cannot be read: No such file or directory\n"
    )


def test_the_traceback_of_an_error_is_there_on_request() -> None:
    assert "Traceback" in failed(78, "status", "-v", "/nonexistent.toml")


def test_a_full_disk_behind_stdout_is_one_line_and_exit_74(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telemetry.cli.status.run", raising(OSError(errno.ENOSPC, "No space left on device")))
    monkeypatch.setattr("telemetry.__main__._discard_stdout", lambda: None)
    assert (
        failed(74, "status", "x.toml")
        == "nev-telemetry: stdout: cannot be written: No space left on device\n"
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [(["spool", "list"], 78), (["decode", "--unknown", "-", "-o"], 74), (["decode", "-", "--dbc"], 78)],
)
def test_a_path_that_cannot_even_be_looked_at_is_one_line_and_the_exit_code_of_what_it_is(
    words: list[str], code: int
) -> None:
    path = "x" * 300  # as one behind a folder that is closed to this user
    (line,) = failed(code, *words, path).splitlines()
    assert line.startswith(f"nev-telemetry: {path}: cannot be ")
    assert "File name too long" in line


def test_a_path_out_of_reach_that_a_command_did_not_expect_is_one_line_and_exit_66(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = PermissionError(errno.EACCES, "Permission denied", "/closed/drive.log")
    monkeypatch.setattr("telemetry.cli.status.run", raising(closed))
    assert main(["status", "x.toml"]) == 66
    problem = "cannot be reached: Permission denied (check path and owner)"
    assert capsys.readouterr().err == f"nev-telemetry: /closed/drive.log: {problem}\n"


def test_a_fault_in_the_program_keeps_its_traceback_and_is_exit_70(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telemetry.cli.status.run", raising(ZeroDivisionError()))
    words = failed(70, "status", "x.toml").splitlines()
    assert words[0].startswith("Traceback")
    assert words[-1] == "nev-telemetry: a fault in the program: ZeroDivisionError (please report it)"


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError(
            "No module named 'telemetry_core.frames.batch'", name="telemetry_core.frames.batch"
        ),
        ImportError("cannot import name 'X' from 'telemetry_core.x'", name="telemetry_core.x"),
        ModuleNotFoundError("No module named 'telemetry_core'", name="telemetry_core"),
    ],
)
def test_a_compiled_core_that_is_not_whole_is_one_line_that_says_what_to_run(
    error: ImportError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(_: str) -> None:
        raise error

    monkeypatch.setattr("telemetry.__main__.load_command", load)
    (line,) = failed(72, "schema").splitlines()
    assert line.startswith(f"nev-telemetry: telemetry_core: the compiled core is not whole: {error.msg}")
    assert "make setup" in line
    assert "pip install" in line


def test_a_closed_stdout_is_refused_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("telemetry.cli.status.run", raising(AssertionError()))
    monkeypatch.setattr(sys, "stdout", None)
    code = main(["status", "x.toml"])
    assert (code, capsys.readouterr().err) == (74, "nev-telemetry: stdout: is closed (redirect it)\n")


def test_what_an_error_quotes_cannot_steer_a_terminal() -> None:
    error = TelemetryError("no message: \x1b[2J\x07\u202ename\n2", where="junk.dbc:1")
    assert str(error) == "junk.dbc:1: no message: ?[2J??name 2"


def test_a_closed_stderr_costs_only_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["status", "/nonexistent.toml"]) == 78
    with sys.stderr:  # what it put in the place of stderr
        monkeypatch.undo()


LOG, DBC = "tests/data/drive.log", "tests/data/drive.dbc"
INTO = ["decode", LOG, "--dbc", DBC, "--format", "influx"]


@pytest.mark.parametrize(
    ("code", "words", "says"),
    [
        (64, ["decod", LOG], "did you mean decode?"),
        (64, ["decode", LOG, "--protokol", "jbd"], "did you mean --protocol?"),
        (64, ["decode", LOG, "--protokol=jbd"], "did you mean --protocol?"),
        (64, ["decode", LOG, "--protocol", "GBT27930"], "did you mean gbt27930?"),
        (64, ["decode", LOG, "--protocol", "gbt2793"], "did you mean gbt27930?"),
        (64, ["decode", LOG, "--protocol", "zzz"], "choose from"),
        (64, ["look", LOG, "--protocol", "gbt27930"], "look tries all protocols by itself (leave it out)"),
        (64, ["check", DBC], "is a database, and no configuration (a [[can]] of one has it in databases;"),
        (66, ["capture", "can0", "-o", "x.log"], "(an interface is named by -i socketcan -c can0)"),
        (78, [*INTO, "--url", "http://127.0.0.1:1"], "--bucket NAME or --database NAME"),
        (78, [*INTO, "--database", "x"], "--url URL"),
    ],
)
def test_a_slip_is_refused_with_what_was_probably_meant(
    code: int, words: list[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    for name in ("URL", "BUCKET"):
        monkeypatch.delenv(f"INFLUXDB_V2_{name}", raising=False)
    line = failed(code, *words)
    assert says in line
    assert line.count("\n") == 1
