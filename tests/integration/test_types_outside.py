"""Types of the project as programs in other folders see them, by the interpreter of `make setup`."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")

PROGRAM = """
import telemetry

reveal_type(telemetry.read("a.log", databases="ev.dbc")["Pack"].units)
telemetry.read("a.log", databases=1)
"""


def test_a_program_in_another_folder_sees_the_types(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    words = ["--strict", "--python-executable", sys.executable, "--cache-dir", "cache", "program.py"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300.0,
    )
    revealed, refused, _ = done.stdout.splitlines()
    assert revealed == 'program.py:4: note: Revealed type is "dict[str, str]"'
    assert refused.startswith(
        'program.py:5: error: Argument "databases" to "read" has incompatible type "int"'
    )
