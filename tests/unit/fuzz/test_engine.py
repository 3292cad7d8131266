"""Driving a harness: it ends in time, and what fails is left behind with the command that shows it again."""

import subprocess
import sys
import threading
from pathlib import Path
from random import Random

import pytest

import fuzz.__main__ as command
from fuzz.engine import has_atheris, mutated

INPUT_LIMIT_BYTES = 4096

ROOT = Path(__file__).parents[3]
SCRIPT = """
import sys
from pathlib import Path
from fuzz import engine

def harness(data):
    assert not data.startswith({prefix!r})

engine.has_atheris = lambda: {guided}
engine.fuzz("candump", lambda: harness, 1, Path(sys.argv[1]))
"""


def run(findings: Path, *, prefix: bytes, guided: bool) -> subprocess.CompletedProcess[str]:
    script = SCRIPT.format(prefix=prefix, guided=guided)
    # By a shell between: libFuzzer's limit is on the most memory that a process ever had, and what a process
    # had when it began another program counts with that.
    command = ["sh", "-c", '"$@"; exit "$?"', "sh", sys.executable, "-c", script, str(findings)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


drivers = pytest.mark.parametrize(
    "guided",
    [
        False,
        pytest.param(
            True,
            marks=[
                pytest.mark.optional,
                pytest.mark.skipif(not has_atheris(), reason="atheris has no wheel for this Python"),
            ],
        ),
    ],
    ids=["random", "atheris"],
)


@drivers
def test_a_harness_that_holds_ends_in_time_and_leaves_nothing(tmp_path: Path, guided: bool) -> None:
    done = run(tmp_path, prefix=b"never so", guided=guided)
    assert done.returncode == 0, done.stderr
    assert "number_of_executed_units" in done.stdout + done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@drivers
def test_a_harness_that_fails_leaves_the_input_that_it_failed_at(tmp_path: Path, guided: bool) -> None:
    done = run(tmp_path, prefix=b"(1", guided=guided)
    assert done.returncode != 0
    assert "AssertionError" in done.stdout + done.stderr
    (finding,) = (path for path in tmp_path.iterdir() if path.is_file())
    assert finding.name.startswith("crash-")
    assert finding.read_bytes().startswith(b"(1")


def test_what_is_mutated_keeps_its_bounds() -> None:
    random = Random(20261125)
    inputs = [b"", b"abc" * 2000]
    found = {mutated(random, inputs) for _ in range(500)}
    assert len(found) > 400
    assert max(map(len, found)) == INPUT_LIMIT_BYTES


def test_all_harnesses_share_the_time_of_all_processors() -> None:
    assert [command.share_s(60, 21, processors) for processors in (1, 2, 4, 64)] == [2, 5, 10, 60]
    assert command.share_s(5, 21, 2) == 1


def test_harnesses_run_side_by_side_and_are_reported_in_their_order(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    two = threading.Barrier(2, timeout=30)

    def run(name: str, seconds: int) -> tuple[bool, str]:
        two.wait()
        return name != "b", f"{name}: {seconds} s"

    monkeypatch.setattr(command, "NAMES", ["a", "b", "c", "d"])
    monkeypatch.setattr(command, "PROCESSORS", 2)
    monkeypatch.setattr(command, "_run", run)
    monkeypatch.setattr(command, "has_atheris", lambda: True)
    monkeypatch.setattr(sys, "argv", ["fuzz", "--seconds", "10"])
    assert command.main() == 1
    assert capsys.readouterr().out == "a: 5 s\nb: 5 s\nc: 5 s\nd: 5 s\n"
