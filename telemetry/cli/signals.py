"""`nev-telemetry signals DATABASE|LOG…`: messages, signals, units and ranges; of logs what they hold."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from telemetry_core.decode.spec import PlanSpec
from telemetry_core.rows.extremes import Extremes

from telemetry.cli.arguments import add_database_arguments, add_signal_argument, channel_plan
from telemetry.clock import SystemClock
from telemetry.databases.files import ENDINGS, database_files
from telemetry.databases.plan_cache import load_plan, user_cache_directory
from telemetry.decode.channels import ChannelPlan, Database
from telemetry.decode.rows import LogRows
from telemetry.decode.screen import Screen
from telemetry.decode.selection import select
from telemetry.errors import EXIT_OK, DataError, UsageError
from telemetry.logs.content import require_file
from telemetry.overview.listing import as_csv, as_json, as_table
from telemetry.overview.signals import ListedMessage, list_messages
from telemetry.stages.stages import Stages

HELP = "the signals of a database, and what a log holds of each"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        type=Path,
        help="databases (DBC, ARXML, KCD, SYM; a folder or a quoted glob), and logs as for decode",
    )
    add_database_arguments(parser)
    add_signal_argument(parser, "list these alone")
    parser.add_argument(
        "--all", action="store_true", help="with a log: messages too of which it holds no frame"
    )
    parser.add_argument(
        "--format", choices=("table", "csv", "json"), default="table", help="default %(default)s"
    )


def run(arguments: argparse.Namespace) -> int:
    """List what the databases have; with logs, of the messages that are in them."""
    given = [path for path in arguments.files if _is_database(path)]
    logs = [path for path in arguments.files if path not in given]
    arguments.dbc = [Database(file) for path in given for file in database_files(path)] + arguments.dbc
    if not arguments.dbc:
        raise UsageError("no database was given", where=str(logs[0]), hint="add one: --dbc FILE")
    for path in logs:
        require_file(path)
    channels = channel_plan(arguments)
    with Screen(SystemClock(), output_is_terminal=sys.stdout.isatty()) as screen:
        plan = load_plan(channels.databases, user_cache_directory())
        screen.warn(plan.warnings)
        spec = select(plan.spec, arguments.signal) if arguments.signal else plan.spec
        messages = _listed(spec, channels, logs, screen, everything=arguments.all)
    if arguments.format == "table":
        sys.stdout.write(as_table(messages, with_log=bool(logs)))
    else:
        sys.stdout.write(as_csv(messages) if arguments.format == "csv" else as_json(messages))
    return EXIT_OK


def _listed(
    spec: PlanSpec, channels: ChannelPlan, logs: Sequence[Path], screen: Screen, *, everything: bool
) -> list[ListedMessage]:
    if not logs:
        return list_messages(spec)
    stages = Stages(spec, None, vehicle="")
    rows = LogRows(stages, channels)
    seen: list[Extremes] = []  # by channel
    for samples in rows.read(logs):
        seen += [Extremes(stages.schema, channel.number) for channel in stages.channels[len(seen) :]]
        for each in seen:
            each.observe(samples)
    screen.warn([*rows.warnings()])
    names = [channel.binding.tag for channel in stages.channels]
    messages = list_messages(spec, dict(zip(names, seen, strict=False)))
    if not any(message.rows for message in messages):
        where = ", ".join(map(str, logs))
        if not rows.frames_read:
            raise DataError("is empty" if _are_empty(logs) else "holds no frames", where=where)
        what = f"holds {rows.frames_read} frames, and none of these messages"
        raise DataError(what, where=where, hint="is it the right database?")
    if unknown := rows.frames_unknown:
        read = rows.frames_read
        screen.say(f"frames without a message: {unknown:,} of {read:,} ({unknown / read:.1%})")
    unseen = sum(not message.rows for message in messages)
    if unseen and not everything:
        screen.say(f"{unseen} of {len(messages)} messages are not in the log (--all lists them)")
    return [message for message in messages if message.rows or everything]


def _are_empty(logs: Sequence[Path]) -> bool:
    return all(path.is_file() and not path.stat().st_size for path in logs)


def _is_database(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() in ENDINGS
