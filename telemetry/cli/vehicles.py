"""`nev-telemetry vehicles [NAME]`: the vehicles that are known by name, or all that is known of one."""

import argparse
import csv
import sys
from collections.abc import Sequence

from telemetry.cli.options import add_option
from telemetry.errors import EXIT_OK
from telemetry.vehicles.known import named, names
from telemetry.vehicles.listing import FACT_COLUMNS, VEHICLE_COLUMNS, facts, listed, title_lines

EXAMPLES = ("", "nissan-leaf-ze1", "my-van.toml --format csv")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="all about this one; a profile's path, too")
    add_option(parser, "--format", "default %(default)s", choices=("table", "csv"), default="table")


def run(arguments: argparse.Namespace) -> int:
    """List the vehicles; of one its fields with id, bytes, scale and mark."""
    if arguments.name:
        profile = named(arguments.name, "NAME")
        head, rows, above = FACT_COLUMNS, list(facts(profile)), [*title_lines(profile)]
    else:
        head, rows, above = VEHICLE_COLUMNS, [listed(named(name)) for name in names()], []
    if arguments.format == "csv":
        csv.writer(sys.stdout, lineterminator="\n").writerows((head, *rows))
    else:
        sys.stdout.write("".join(f"{line}\n" for line in (*above, *_table(head, rows))))
    return EXIT_OK


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Sequence[str]:
    """Return the rows in columns; the last one as long as it is."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]
