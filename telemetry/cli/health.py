"""`nev-telemetry health [CONFIG]`: battery health as a table, csv or JSON, as a page, as a picture."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from telemetry.cli.arguments import (
    SERVER_OPTIONS,
    add_raw_text_argument,
    add_server_arguments,
    check_raw_text,
    flag,
    given_values,
    read_as,
)
from telemetry.cli.charging_sources import is_config
from telemetry.cli.options import add_option
from telemetry.cli.reports import add_report_arguments, check_report_arguments, write_reports
from telemetry.errors import EXIT_OK, UsageError, one_line
from telemetry.health.found import FoundPack
from telemetry.health.shown import as_csv, as_json, as_table
from telemetry.overview.found_sessions import since_ns
from telemetry.overview.stored_health import stored_health

EXAMPLES = (
    "gateway.toml --since 2026-11-01",
    "--url http://localhost:8086 --database fleet --vehicle van-7 --format json",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        type=Path,
        help="a service's configuration (.toml, or a folder): the health of packs in its database",
    )
    option = "charges that began then or later: a date (UTC), seconds since 1970, or ISO 8601"
    add_option(parser, "--since TIME", option, type=read_as(since_ns))
    add_option(parser, "--vehicle NAME", "of this vehicle alone")
    add_option(parser, "--pack NAME", "of this pack alone")
    add_option(
        parser,
        "--format",
        "table (default), json: with cells, or csv",
        choices=("table", "json", "csv"),
        default="table",
    )
    add_raw_text_argument(parser)
    add_report_arguments(parser)
    add_server_arguments(
        parser.add_argument_group(
            "from InfluxDB",
            "Without a FILE. What no option says comes from INFLUXDB_V2_URL, _ORG, _BUCKET and _TOKEN.",
        )
    )


def run(arguments: argparse.Namespace) -> int:
    """List charges by their start, pack by pack; none is an empty list and a warning."""
    check_raw_text(arguments)
    check_report_arguments(arguments, arguments.files)
    options = given_values(arguments, SERVER_OPTIONS)
    if arguments.files and options:
        what, hint = "stands beside a file", "leave one of them out"
        raise UsageError(what, where=flag(next(iter(options))), hint=hint)
    if not (arguments.files or options):
        raise UsageError("nothing says where battery health is", hint="name CONFIG, or give --url")
    config, *others = arguments.files or [None]
    for path in (*others, *([config] if config and not is_config(config) else [])):
        raise UsageError("is not the one configuration", where=str(path), hint="name CONFIG alone")
    where, found = stored_health(
        config, options, arguments.since, vehicle=arguments.vehicle, pack=arguments.pack
    )
    if not any(pack.charges for pack in found):
        sys.stderr.write(
            f"warning: {one_line(f'no charge that was measured for battery health in {where}')}\n"
        )
    if write_reports(arguments, arguments.files, lambda: _page(found), lambda file: _draw(found, file)):
        return EXIT_OK
    if arguments.format == "json":
        text = as_json(found)
    elif arguments.format == "csv":
        text = as_csv(found, raw_text=arguments.raw_text)
    else:
        text = as_table(found)
    sys.stdout.write(text)
    return EXIT_OK


def _page(found: Sequence[FoundPack]) -> str:
    from telemetry.health.report import page

    return page(found)


def _draw(found: Sequence[FoundPack], file: Path) -> None:
    from telemetry.health.picture import draw

    draw(found, file)
