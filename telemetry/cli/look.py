"""`nev-telemetry look LOG…`: what logs hold without a database: ids, and what their bytes may be."""

import argparse
import sys
from pathlib import Path

from telemetry.cli.arguments import (
    add_dbc,
    add_logs_argument,
    add_protocol,
    add_raw_text_argument,
    check_raw_text,
    require_logs,
)
from telemetry.cli.options import add_option
from telemetry.cli.output import refuse_to_overwrite, writing_to
from telemetry.cli.scan_can import candidates_of
from telemetry.errors import EXIT_OK, DataError, UsageError
from telemetry.logs.content import named
from telemetry.logs.files import recording_files
from telemetry.logs.unread import Unread
from telemetry.look.listing import as_csv, as_json, as_table
from telemetry.look.look import look_at
from telemetry.look.seen import Look

EXAMPLES = (
    "drive.log",
    "drive.log --dbc databases/",
    "drive.blf --format csv",
    "drive.log --report look.html",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_logs_argument(parser)
    add_dbc(parser, "a database that may fit, a folder of them or a quoted glob")
    add_option(parser, "--format", "default table", choices=("table", "csv", "json"))
    add_protocol(parser, argparse.SUPPRESS)  # as decode and scan have it, to say that none is needed
    add_raw_text_argument(parser)
    add_option(
        parser, "--report FILE", "write one page of HTML that needs nothing else, to look at", type=Path
    )


def run(arguments: argparse.Namespace) -> int:
    """Look; what is guessed says why."""
    check_raw_text(arguments)
    if arguments.protocol is not None:
        raise UsageError("look tries all protocols by itself", where="--protocol", hint="leave it out")
    arguments.logs = recording_files(arguments.logs, lambda lines: [*map(_say, lines)])
    require_logs(arguments.logs)
    report: Path | None = arguments.report
    read = [*arguments.logs, *(database.file for database in arguments.dbc)]
    if report is not None:
        refuse_to_overwrite(report, read)
    unread = Unread(arguments.logs)
    look = look_at(arguments.logs, candidates_of(arguments.dbc, _say), _say, unread)
    if not look.ids:
        raise DataError("holds no frames", where=named(arguments.logs))
    if report is not None:
        from telemetry.look.page import page

        with writing_to(report, read) as stream:
            stream.write(page(look, ", ".join(file.name for file in arguments.logs)).encode())
        sys.stderr.write(f"{report}\n")
    if report is None or arguments.format:
        sys.stdout.write(_text(look, arguments))
    unread.raise_any()
    return EXIT_OK


def _text(look: Look, arguments: argparse.Namespace) -> str:
    match arguments.format:
        case "csv":
            return as_csv(look, raw_text=arguments.raw_text)
        case "json":
            return as_json(look)
        case _:
            return as_table(look)


def _say(words: str) -> None:
    print(f"warning: {words}", file=sys.stderr, flush=True)
