"""`nev-telemetry signals DATABASE|LOG…`: messages, signals, units and ranges; of logs what they hold."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from telemetry.cli.arguments import (
    add_database_arguments,
    add_list_arguments,
    add_protocol_arguments,
    add_signal_argument,
    add_vehicle_profile,
    check_protocol,
    check_raw_text,
    no_database,
)
from telemetry.cli.options import add_option
from telemetry.cli.recordings import recording_of
from telemetry.clock import Clock
from telemetry.databases.files import ENDINGS, database_files
from telemetry.decode.channels import Database
from telemetry.decode.logs import without_signals
from telemetry.decode.screen import Screen
from telemetry.errors import EXIT_OK, UsageError
from telemetry.logs.content import require_file
from telemetry.overview.listing import as_csv, as_json, as_table
from telemetry.overview.read_signals import read_messages, without_empty
from telemetry.overview.recording import Recording
from telemetry.overview.signals import ListedMessage

EXAMPLES = (
    "ev.dbc",
    "drive.log ev.dbc",
    "drive.log ev.dbc --signal '*Current*'",
    "bms.txt --protocol jbd",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        type=Path,
        help="databases (DBC, ARXML, KCD, SYM; a folder or a quoted glob), and logs as for decode",
    )
    add_database_arguments(parser)
    add_protocol_arguments(parser, "a capture shows the registers as they are")
    add_vehicle_profile(parser, "beside databases or in place of them")
    add_signal_argument(parser, "list these alone")
    add_option(parser, "--all", "with a log: also what it holds nothing of")
    add_list_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """List what the databases have; with logs, of the messages that are in them."""
    given = [path for path in arguments.files if _is_database(path)]
    logs = [path for path in arguments.files if path not in given]
    arguments.dbc = [Database(file) for path in given for file in database_files(path)] + arguments.dbc
    check_protocol(arguments)
    check_raw_text(arguments)
    if not (arguments.dbc or arguments.protocol or arguments.vehicle_profile):
        raise no_database(str(logs[0]) if logs else "")
    for path in logs:
        require_file(path)
    with Screen(Clock(), output_is_terminal=sys.stdout.isatty()) as screen:
        recording = recording_of(arguments, logs, arguments.signal, screen)
        messages = _listed(recording, logs, screen, arguments.signal, everything=arguments.all)
    if arguments.protocol and not messages:
        hint = "add --registers FILE, or a capture"
        raise UsageError("has no messages of its own", where=f"--protocol {arguments.protocol}", hint=hint)
    if arguments.protocol and not arguments.all:
        messages = [*map(without_empty, messages)]
    match arguments.format:
        case "csv":
            text = as_csv(messages, raw_text=arguments.raw_text)
        case "json":
            text = as_json(messages)
        case _:
            text = as_table(messages, with_log=bool(logs))
    sys.stdout.write(text)
    recording.rows.raise_unread()
    return EXIT_OK


def _listed(
    recording: Recording, logs: Sequence[Path], screen: Screen, globs: Sequence[str], *, everything: bool
) -> list[ListedMessage]:
    messages, rows = read_messages(recording, logs, screen.warn), recording.rows
    if not logs:
        return messages
    if unknown := rows.frames_unknown:
        read = rows.frames_read
        screen.say(f"frames without a message: {unknown:,} of {read:,} ({unknown / read:.1%})")
    if (silent := rows.frames_without_signals) and not globs:
        screen.say(without_signals(silent, rows.frames_read))
    unseen = sum(not message.rows for message in messages)
    if unseen and not everything:
        screen.say(f"{unseen} of {len(messages)} messages are not in the log (--all lists them)")
    return [message for message in messages if message.rows or everything]


def _is_database(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() in ENDINGS
