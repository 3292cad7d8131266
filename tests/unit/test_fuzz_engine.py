"""Driving a harness: it ends in time, and what fails is left behind with the command that shows it again."""

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from fuzz.engine import INPUT_LIMIT_BYTES, has_atheris, mutated

ROOT = Path(__file__).parents[2]
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
    command = [sys.executable, "-c", script, str(findings)]
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
