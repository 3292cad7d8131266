"""`python -m tools.pages.NAME` as people run it: help is shown, and no file is called --help."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MODULES = sorted(
    file.stem
    for file in (ROOT / "tools" / "pages").glob("*.py")
    if '__name__ == "__main__"' in file.read_text("utf-8")
)


@pytest.mark.parametrize("module", MODULES)
def test_help_is_shown_and_nothing_is_written(module: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"tools.pages.{module}", "--help"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: python -m tools.pages.{module} [-h]")
    assert list(tmp_path.iterdir()) == []
