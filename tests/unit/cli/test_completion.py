"""Shell completion: what real shells offer for a command line like ours, and for our own."""

import argparse
import os
import pty
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from telemetry.__main__ import COMMANDS, build_parser
from telemetry.cli.completion import script
from tests.support.command import printed

DEADLINE_S = 60.0


def demonstration() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nev-telemetry")
    commands = parser.add_subparsers()
    look = commands.add_parser("look", help="look: [at] it's \\ all")
    look.add_argument("--format", choices=("csv", "lp"), help="how")
    look.add_argument("-o", "--output", type=Path, metavar="FILE", help="50 %% of it")
    look.add_argument("--seed", type=int, help="any number")
    look.add_argument("--hidden", help=argparse.SUPPRESS)
    look.add_argument("logs", nargs="+", metavar="LOG")
    play = commands.add_parser("play", help="a name or a file")
    play.add_argument("--scenario", metavar="SCENARIO", help="as the argument")
    play.add_argument("scenario", metavar="SCENARIO")
    deep = commands.add_parser("deep", help="more").add_subparsers()
    deep.add_parser("one", help="the first")
    deep.add_parser("two", help="the second").add_argument("kind", choices=("left", "right"))
    return parser


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"no {name}: apt-get install {name}")
    return name


def scripted(name: str, program: argparse.ArgumentParser, folder: Path) -> Path:
    file = folder / f"completion.{name}"
    file.write_text(script(program, name))
    return file


def test_the_shell_can_read_its_script(shell: str, tmp_path: Path) -> None:
    for number, program in enumerate((demonstration(), build_parser(COMMANDS))):
        (tmp_path / str(number)).mkdir()
        file = scripted(shell, program, tmp_path / str(number))
        done = subprocess.run([shell, "-n", file], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


INTERACTIVE = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        "bind 'set enable-bracketed-paste off'\nsource {script}\n",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        'autoload -Uz compinit && compinit -u -D\nunsetopt zle_bracketed_paste\neval "$(<{script})"\n',
    ),
}


def typed(shell: str, script: Path, text: str) -> list[str]:
    """Return the words on an interactive bash or zsh command line after `text` and Tab."""
    command, setup = INTERACTIVE[shell]
    master, slave = pty.openpty()
    environment = {
        **os.environ,
        "TERM": "dumb",
        "PS1": "",
        "HOME": str(script.parent),
        "HISTFILE": "/dev/null",
    }
    with subprocess.Popen(
        command,
        cwd=script.parent,
        env=environment,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    ) as process:
        os.close(slave)
        try:
            show = "show() { printf '<%s>' \"$@\"; printf '%s%s\\n' EN D; }\n"
            os.write(master, (setup.format(script=script) + show + "printf 'REA%s\\n' DY\n").encode())
            read_until(master, "READY")
            os.write(master, text.encode() + b"\t")
            os.write(master, b"\x01show \r")  # to the line's begin; then the completed line is its arguments
            shown = read_until(master, "END").rpartition("END")[0].rpartition("\n")[2]
        finally:
            process.kill()
            os.close(master)
    return shown.strip().strip("<>").split("><")


def read_until(descriptor: int, end: str) -> str:
    deadline_s, text = time.monotonic() + DEADLINE_S, ""
    while end not in text:
        assert time.monotonic() < deadline_s, text
        text += os.read(descriptor, 4096).decode(errors="replace")
    return text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nev-telemetry lo", ["look"]),
        ("nev-telemetry look --fo", ["look", "--format"]),
        ("nev-telemetry look --format c", ["look", "--format", "csv"]),
        ("nev-telemetry look drive", ["look", "drive.log"]),
        ("nev-telemetry look --output drive", ["look", "--output", "drive.log"]),
        ("nev-telemetry look --seed drive", ["look", "--seed", "drive"]),
        ("nev-telemetry play weak", ["play", "weak-cell"]),
        ("nev-telemetry play weeke", ["play", "weekend.toml"]),
        ("nev-telemetry play --scenario weak", ["play", "--scenario", "weak-cell"]),
        ("nev-telemetry play --scenario weeke", ["play", "--scenario", "weekend.toml"]),
        ("nev-telemetry deep on", ["deep", "one"]),
        ("nev-telemetry deep two le", ["deep", "two", "left"]),
    ],
)
@pytest.mark.parametrize("interactive", ["bash", "zsh"])
def test_tab_completes_in_an_interactive_shell(
    interactive: str, text: str, expected: list[str], tmp_path: Path
) -> None:
    if shutil.which(interactive) is None:
        pytest.skip(f"no {interactive}: apt-get install {interactive}")
    (tmp_path / "drive.log").touch()
    (tmp_path / "weekend.toml").touch()
    completion = scripted(interactive, demonstration(), tmp_path)
    assert typed(interactive, completion, text) == ["nev-telemetry", *expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nev-telemetry decode --db", ["decode", "--dbc"]),
        ("nev-telemetry decode --dbc drive", ["decode", "--dbc", "drive.log"]),
        ("nev-telemetry spool requ", ["spool", "requeue"]),
        ("nev-telemetry demo --scenario weak", ["demo", "--scenario", "weak-cell"]),
        ("nev-telemetry sim gbt-c", ["sim", "gbt-charger"]),
    ],
)
def test_tab_completes_our_own_command(text: str, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / "drive.log").touch()
    completion = scripted("bash", build_parser(COMMANDS), tmp_path)
    assert typed("bash", completion, text) == ["nev-telemetry", *expected]


def offered_by_fish(script: Path, text: str) -> list[str]:
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"source {script}; complete -C {text!r}"],
        cwd=script.parent,
        env={**os.environ, "HOME": str(script.parent), "TERM": "dumb"},
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish: apt-get install fish")
def test_fish_offers_what_fits(tmp_path: Path) -> None:
    (tmp_path / "drive.log").touch()
    (tmp_path / "weekend.toml").touch()
    completion = scripted("fish", demonstration(), tmp_path)
    assert offered_by_fish(completion, "nev-telemetry ") == ["deep", "look", "play"]
    assert offered_by_fish(completion, "nev-telemetry play we") == ["weak-cell", "weekend.toml"]
    assert offered_by_fish(completion, "nev-telemetry play --scenario we") == ["weak-cell", "weekend.toml"]
    assert offered_by_fish(completion, "nev-telemetry look --fo") == ["--format"]
    assert offered_by_fish(completion, "nev-telemetry look --format ") == ["csv", "lp"]
    assert offered_by_fish(completion, "nev-telemetry look dri") == ["drive.log"]
    assert offered_by_fish(completion, "nev-telemetry look --output dri") == ["drive.log"]
    assert offered_by_fish(completion, "nev-telemetry look --seed dri") == []
    assert offered_by_fish(completion, "nev-telemetry deep t") == ["two"]
    assert offered_by_fish(completion, "nev-telemetry deep two ") == ["left", "right"]


def test_the_command_prints_the_script(shell: str) -> None:
    assert printed("completion", shell) == script(build_parser(COMMANDS), shell)
