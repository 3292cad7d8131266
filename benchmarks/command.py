"""`nev-telemetry decode` in this process: what it does can be timed, and parts of it replaced."""

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path

from benchmarks.workload import Workload
from telemetry.__main__ import main


def decode(workload: Workload, logs: Sequence[Path], output: str, *options: str) -> None:
    """Run it over `logs`, to a format `output`."""
    arguments = ["decode", "--dbc", str(workload.dbc), "--format", output, *options, *map(str, logs)]
    with contextlib.redirect_stderr(io.StringIO()) as errors:
        code = main(arguments)
    assert code == 0, errors.getvalue()
