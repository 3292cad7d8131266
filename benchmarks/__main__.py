"""Runs the benchmarks: `make bench`, `make bench-page` (into docs/benchmarks.md), `make bench-smoke`."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.beside import measure_beside
from benchmarks.callgrind import measure_instructions
from benchmarks.charging import measure_charging
from benchmarks.comparison import measure_core
from benchmarks.delivery import measure_delivery
from benchmarks.gateway import FLAT_OUT, Load, measure_gateway
from benchmarks.health_gateway import measure_health
from benchmarks.lake import measure_lake
from benchmarks.processors import measure_processors
from benchmarks.report import Section, write_page
from benchmarks.scaling import PLAN_MESSAGES, measure_plan_building, measure_scaling
from benchmarks.serial import MESSAGES, measure_serial
from benchmarks.tables import measure_tables
from benchmarks.workload import load_workload


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--smoke", action="store_true", help="little data, one round: does the code still run?"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the page of this run into FILE")
    parser.add_argument("--only", choices=tuple(PARTS), action="append", help="one part (may be repeated)")
    parser.add_argument(
        "--record", action="store_true", help="keep the instruction counts as those to compare with"
    )
    arguments = parser.parse_args()
    sections: list[Section] = []
    for name in arguments.only or PARTS:
        with tempfile.TemporaryDirectory(prefix="nev-telemetry-bench-") as folder:
            found = PARTS[name](Path(folder), arguments)
        for section in found:
            print(section.as_text(), flush=True)
        sections += found
    if arguments.markdown:
        write_page(arguments.markdown, sections)
    failures = [failure for section in sections for failure in section.failures]
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


def _core(folder: Path, arguments: argparse.Namespace) -> list[Section]:
    smoke = arguments.smoke
    return [measure_core(load_workload(5_000 if smoke else 200_000, folder), folder, 1 if smoke else 11)]


def _gateway(folder: Path, arguments: argparse.Namespace) -> list[Section]:
    loads = [
        (Load(2_000, 20_000, 5.0), Load(2_000, 20_000)),
        (Load(8_000, 80_000, 2.4), Load(8_000, 80_000)),
        (Load(FLAT_OUT, 1_000_000, 2.1), Load(FLAT_OUT, 50_000)),
    ]
    smoke = arguments.smoke
    if smoke:
        loads = [(Load(8_000, 4_000, 2.4), Load(8_000, 4_000))]
    workload = load_workload(5_000 if smoke else 100_000, folder)
    return measure_gateway(workload, folder, loads, 1 if smoke else 5)


def _beside(folder: Path, arguments: argparse.Namespace) -> list[Section]:
    smoke = arguments.smoke
    loads = [Load(8_000, 4_000)] if smoke else [Load(2_000, 20_000), Load(8_000, 80_000)]
    workload = load_workload(5_000 if smoke else 100_000, folder)
    return [measure_beside(workload, folder, loads, *((1, 0.5) if smoke else (5,)))]


def _scaling(folder: Path, arguments: argparse.Namespace) -> list[Section]:
    smoke = arguments.smoke
    return [
        *measure_scaling(2_000 if smoke else 200_000, 1 if smoke else 11),
        measure_plan_building(folder, 100 if smoke else PLAN_MESSAGES, 1 if smoke else 3),
    ]


def _instructions(folder: Path, arguments: argparse.Namespace) -> list[Section]:
    return [measure_instructions(load_workload(20_000, folder), folder, record=arguments.record)]


def _delivery(folder: Path, arguments: argparse.Namespace) -> list[Section]:
    smoke = arguments.smoke
    return measure_delivery(load_workload(5_000 if smoke else 400_000, folder), folder, 1 if smoke else 3)


def _processors(folder: Path, arguments: argparse.Namespace) -> list[Section]:
    smoke = arguments.smoke
    return measure_processors(load_workload(5_000 if smoke else 200_000, folder), folder, 1 if smoke else 5)


def _tables(folder: Path, arguments: argparse.Namespace) -> list[Section]:
    smoke = arguments.smoke
    return measure_tables(load_workload(5_000 if smoke else 400_000, folder), folder, 1 if smoke else 7)


def _lake(folder: Path, arguments: argparse.Namespace) -> list[Section]:
    smoke = arguments.smoke
    workload = load_workload(5_000 if smoke else 40_000, folder)
    return [measure_lake(workload, folder, 1 if smoke else 50, 1 if smoke else 5)]


def _charging(folder: Path, arguments: argparse.Namespace) -> list[Section]:
    smoke = arguments.smoke
    return measure_charging(folder, 0.5 if smoke else 50.0, 1 if smoke else 11, 2 if smoke else 30)


def _health(folder: Path, arguments: argparse.Namespace) -> list[Section]:
    smoke = arguments.smoke
    workload = load_workload(5_000 if smoke else 100_000, folder)
    return [measure_health(workload, folder, 1 if smoke else 3, 8 if smoke else 60)]


def _serial(folder: Path, arguments: argparse.Namespace) -> list[Section]:
    return measure_serial(folder, 2_000 if arguments.smoke else MESSAGES)


PARTS: dict[str, Callable[[Path, argparse.Namespace], list[Section]]] = {
    "core": _core,
    "scaling": _scaling,
    "instructions": _instructions,
    "gateway": _gateway,
    "beside": _beside,
    "delivery": _delivery,
    "processors": _processors,
    "tables": _tables,
    "lake": _lake,
    "charging": _charging,
    "health": _health,
    "serial": _serial,
}

if __name__ == "__main__":
    sys.exit(main())
