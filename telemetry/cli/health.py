"""`nev-telemetry health [CONFIG [LOG…]]`: battery health as a table, csv or JSON, as a page, as a picture."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from telemetry.charging.items import Point
from telemetry.cli.arguments import (
    SERVER_OPTIONS,
    add_list_arguments,
    add_server_arguments,
    check_raw_text,
    flag,
    given_values,
    read_as,
)
from telemetry.cli.charging_sources import is_config
from telemetry.cli.options import add_option
from telemetry.cli.reports import add_report_arguments, check_report_arguments, write_reports
from telemetry.decode.decoder import Decoder
from telemetry.decode.health import health_in_logs
from telemetry.errors import EXIT_OK, DataError, UsageError, one_line
from telemetry.health.found import FoundPack, packs
from telemetry.health.picture import draw
from telemetry.health.report import page
from telemetry.health.shown import as_csv, as_json, as_table
from telemetry.logs.files import recording_files
from telemetry.overview.found_sessions import since_ns
from telemetry.overview.stored_health import stored_health

EXAMPLES = (
    "gateway.toml drives/ --format csv",
    "gateway.toml --since 2026-11-01",
    "--url http://localhost:8086 --database fleet --vehicle van-7 --format json",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        type=Path,
        help="a service's configuration (.toml, or a folder): the health of packs in its database; with logs "
        "as for decode: what it would have written of these, in the order of their first frames",
    )
    option = "charges that began then or later: a date (UTC), seconds since 1970, or ISO 8601"
    add_option(parser, "--since TIME", option, type=read_as(since_ns))
    add_option(parser, "--vehicle NAME", "of this vehicle alone")
    add_option(parser, "--pack NAME", "of this pack alone")
    words = "of logs: the source of CONFIG that they are of (default: the one of the channel's name)"
    add_option(parser, "--source NAME", words)
    add_list_arguments(parser, ": with cells")
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
    config, *logs = arguments.files or [None]
    if config and not is_config(config):
        raise UsageError("is no configuration", where=str(config), hint="CONFIG comes first, then logs")
    warnings: list[str] = []
    decoder: Decoder | None = None
    if config and logs:
        paths = recording_files(logs, warnings.extend)
        points, decoder = health_in_logs(paths, config, source=arguments.source or "", warn=warnings.extend)
        where, found = ", ".join(map(str, logs)), packs(filter(_wanted(arguments), points))
    else:
        where, found = stored_health(
            config, options, arguments.since, vehicle=arguments.vehicle, pack=arguments.pack
        )
    if not any(pack.charges for pack in found):
        words = f"no charge that was measured for battery health in {where}{_narrowed(arguments)}"
        warnings = ["; ".join((words, *warnings))]
        if not found and (arguments.report or arguments.png):
            raise DataError(warnings[0], hint="nothing is drawn")
    sys.stderr.writelines(f"warning: {one_line(line)}\n" for line in warnings)
    if not write_reports(arguments, arguments.files, lambda: page(found), lambda file: draw(found, file)):
        sys.stdout.write(_text(arguments, found))
    if decoder is not None:
        decoder.raise_unread()
    return EXIT_OK


def _narrowed(arguments: argparse.Namespace) -> str:
    """Return what the options leave of it, for a sentence."""
    given = [f"--{name}" for name in ("since", "vehicle", "pack") if getattr(arguments, name)]
    return f" that {' and '.join(given)} let through" if given else ""


def _text(arguments: argparse.Namespace, found: Sequence[FoundPack]) -> str:
    if arguments.format == "json":
        return as_json(found)
    return as_csv(found, raw_text=arguments.raw_text) if arguments.format == "csv" else as_table(found)


def _wanted(arguments: argparse.Namespace) -> Callable[[Point], bool]:
    tags = {name: value for name in ("vehicle", "pack") if (value := getattr(arguments, name))}
    since_ns = arguments.since or 0
    return lambda point: point.time_ns >= since_ns and tags.items() <= point.tags.items()
