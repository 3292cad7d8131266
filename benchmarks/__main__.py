"""Runs the benchmarks: `make bench`, `make bench-page` (into docs/benchmarks.md), `make bench-smoke`."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.core import measure_core
from benchmarks.report import Section, markdown_page
from benchmarks.workload import load_workload

FRAMES = 200_000
SMOKE_FRAMES = 5_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--smoke", action="store_true", help="little data, one round: does the code still run?"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the page of this run into FILE")
    parser.add_argument("--only", choices=tuple(PARTS), action="append", help="one part (may be repeated)")
    arguments = parser.parse_args()
    sections = []
    for name in arguments.only or PARTS:
        with tempfile.TemporaryDirectory(prefix="nev-telemetry-bench-") as folder:
            section = PARTS[name](Path(folder), arguments.smoke)
        print(section.as_text(), flush=True)
        sections.append(section)
    if arguments.markdown:
        arguments.markdown.write_text(markdown_page(sections), encoding="utf-8")
    return 0


def _core(folder: Path, smoke: bool) -> Section:
    return measure_core(load_workload(SMOKE_FRAMES if smoke else FRAMES, folder), folder, 1 if smoke else 11)


PARTS: dict[str, Callable[[Path, bool], Section]] = {"core": _core}

if __name__ == "__main__":
    sys.exit(main())
