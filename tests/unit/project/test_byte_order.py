"""Big-endian processors are refused with one clear line, at import and by the compiler."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HEADERS = Path(__file__).parents[3] / "ext" / "telemetry_core" / "decode"


def test_on_a_big_endian_processor_the_import_says_so() -> None:
    script = "import sys; sys.byteorder = 'big'; import telemetry_core.frames.batch"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last == (
        "ImportError: telemetry_core runs on little-endian processors only, and this one is big-endian"
    )


@pytest.mark.skipif(not HEADERS.is_dir(), reason="an installed wheel is tested, without its sources")
@pytest.mark.parametrize("order", ["LITTLE", "BIG"])
def test_the_core_compiles_on_little_endian_processors_alone(order: str, tmp_path: Path) -> None:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no gcc: apt-get install gcc")
    source = tmp_path / "order.c"
    source.write_text('#include "unpack.h"\n')
    options = [
        "-fsyntax-only",
        f"-I{HEADERS}",
        "-U__BYTE_ORDER__",
        f"-D__BYTE_ORDER__=__ORDER_{order}_ENDIAN__",
    ]
    done = subprocess.run([compiler, *options, source], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (order == "LITTLE"), done.stderr
    assert ("little-endian processors only" in done.stderr) == (order == "BIG")
