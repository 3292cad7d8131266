"""`nev-telemetry sessions [FILE…]`: charging sessions as a table, csv or JSON."""

import argparse
import sys

from telemetry.charging.report.table import as_csv, as_json, as_table
from telemetry.cli.arguments import add_list_arguments, check_raw_text
from telemetry.cli.charging_sources import add_source_arguments, found_sessions
from telemetry.errors import EXIT_OK

EXAMPLES = (
    "charge.log --protocol gbt27930",
    "gateway.toml --since 2026-11-01",
    "charge.log gateway.toml",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_source_arguments(parser)
    add_list_arguments(parser, ": with phases, errors and curve")


def run(arguments: argparse.Namespace) -> int:
    """List them by their start; none is an empty list and a warning."""
    check_raw_text(arguments)
    with found_sessions(arguments) as found:
        if arguments.format == "json":
            text = as_json([found.whole(session) for session in found.sessions])
        else:
            is_csv = arguments.format == "csv"
            text = as_csv(found.sessions, raw_text=arguments.raw_text) if is_csv else as_table(found.sessions)
    found.warn()
    sys.stdout.write(text)
    found.raise_unread()
    return EXIT_OK
