"""`nev-telemetry look LOG…`: what logs hold without a database: ids, and what their bytes may be."""

import argparse
import sys
from pathlib import Path

from telemetry.cli.arguments import add_dbc, add_raw_text_argument, check_raw_text, require_logs
from telemetry.cli.scan_can import candidates_of
from telemetry.errors import EXIT_OK, DataError
from telemetry.logs.content import named
from telemetry.logs.unread import Unread
from telemetry.look.listing import as_csv, as_json, as_table
from telemetry.look.look import look_at

EXAMPLES = ("drive.log", "drive.log --dbc databases/", "drive.blf --format csv")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "logs", metavar="LOG", nargs="+", type=Path, help="logs, of any format, as for decode"
    )
    add_dbc(parser, "a database that may fit, a folder of them or a quoted glob")
    parser.add_argument(
        "--format", choices=("table", "csv", "json"), default="table", help="default %(default)s"
    )
    add_raw_text_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look; what is guessed says why."""
    check_raw_text(arguments)
    require_logs(arguments.logs)
    unread = Unread(arguments.logs)
    look = look_at(arguments.logs, candidates_of(arguments.dbc, _say), _say, unread)
    if not look.ids:
        raise DataError("holds no frames", where=named(arguments.logs))
    match arguments.format:
        case "csv":
            text = as_csv(look, raw_text=arguments.raw_text)
        case "json":
            text = as_json(look)
        case _:
            text = as_table(look)
    sys.stdout.write(text)
    unread.raise_any()
    return EXIT_OK


def _say(words: str) -> None:
    print(f"warning: {words}", file=sys.stderr, flush=True)
