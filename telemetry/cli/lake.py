"""`nev-telemetry lake export CONFIG --day D -o DIR`: a day out of InfluxDB into a dataset."""

import argparse
import contextlib
import sys
from pathlib import Path

from telemetry.clock import Clock
from telemetry.config import load_config
from telemetry.errors import EXIT_OK, DataError, one_line

EXAMPLES = ("export gateway.toml --day 2026-11-01 -o lake",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action", metavar="export", choices=["export"], help="a day of all vehicles of a database"
    )
    parser.add_argument(
        "config", type=Path, metavar="CONFIG", help="the configuration that names the database"
    )
    parser.add_argument(
        "--day", metavar="YYYY-MM-DD", required=True, help="in UTC; the longest spool must be over"
    )
    parser.add_argument(
        "-o", "--output", metavar="DIR", required=True, help="the dataset: a folder or an address"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write it; exit 65 where a vehicle's day failed."""
    from telemetry.lake.export import CLOSED_AFTER_S, Exporter

    config, clock = load_config(arguments.config), Clock()
    failed = 0
    with contextlib.closing(config.sink.make_tables(clock)) as tables:
        exporter = Exporter(tables, config.sink.address, arguments.output)
        for outcome in exporter.export(
            arguments.day, clock.unix_ns(), config.spool.max_age_s or CLOSED_AFTER_S
        ):
            failed += bool(outcome.error)
            words = outcome.error or f"{outcome.vehicle} {outcome.day}: {outcome.reason or 'skipped'}"
            sys.stderr.write(f"{one_line(words)}{'' if outcome.error else f': {outcome.rows:,} rows'}\n")
    if failed:
        raise DataError(f"{failed} of its vehicles failed", where=arguments.day)
    return EXIT_OK
