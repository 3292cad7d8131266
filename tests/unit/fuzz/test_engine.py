"""Driving a harness: it ends in time, and what fails is left behind with the command that shows it again."""

import re
import subprocess
import sys
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
engine.fuzz("candump", engine.watched(lambda: harness), 1, Path(sys.argv[1]))
"""


def run(findings: Path, script: str = SCRIPT, **values: object) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", script.format(**values), str(findings)]
    # By a shell between: libFuzzer's limit is on the most memory that a process ever had, and what a process
    # had when it began another program counts with that.
    command = ["sh", "-c", '"$@"; exit "$?"', "sh", *program]
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


TOGETHER = """
import multiprocessing, os, sys
from pathlib import Path
from fuzz import __main__ as command, engine
from fuzz.scratch import scratch_file

two = multiprocessing.get_context("fork").Barrier(2, timeout=30)
met = []

def meet(data):
    if not met:
        met.append(two.wait())

def fail(data):
    assert scratch_file("a", data).parent.name != str(os.getpid())

engine.has_atheris = lambda: {guided}
command.FINDINGS, command.PROCESSORS = Path(sys.argv[1]), 2
command._harnesses = lambda: dict(crtd=meet, candump=meet, trc=fail, table=str)
command.NAMES = ["crtd", "candump", "trc", "table"]
sys.argv[1:] = ["--seconds", "1"]
sys.exit(command.main())
"""


@drivers
def test_harnesses_run_side_by_side_each_in_a_process_and_a_folder_of_its_own(
    tmp_path: Path, guided: bool
) -> None:
    done = run(tmp_path, TOGETHER, guided=guided)
    assert done.returncode == 1, done.stderr
    held = re.findall(r"^(\w+): \d+ inputs$", done.stdout, re.MULTILINE)
    assert sorted(held) == ["candump", "crtd", "table"]
    assert f"fuzz: trc failed; again: .venv/bin/python -m fuzz trc {tmp_path}/trc/crash-" in done.stdout
