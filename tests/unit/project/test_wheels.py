"""Which wheels a release is made of, as cibuildwheel understands the configuration."""

import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def test_wheels_are_for_two_libraries_and_three_processors_and_every_supported_python() -> None:
    tool = Path(sys.executable).with_name("cibuildwheel")
    if shutil.which(tool) is None or not (ROOT / "setup.py").exists():
        pytest.skip("no cibuildwheel, or no sources")
    done = subprocess.run(
        [tool, "--platform", "linux", "--print-build-identifiers"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    libraries, processors = ("manylinux", "musllinux"), ("x86_64", "aarch64", "armv7l")
    pythons = ("cp311", "cp312", "cp313", "cp314")
    assert sorted(done.stdout.split()) == sorted(
        f"{python}-{library}_{processor}"
        for python, library, processor in product(pythons, libraries, processors)
    )
