"""`nev-telemetry blackbox`: what the black box has frozen: list it, get it as a log, drop it."""

import argparse
import sys
from functools import partial
from pathlib import Path

from telemetry.blackbox.store import Box
from telemetry.capture.frozen import write_capture
from telemetry.cli.options import add_option
from telemetry.config import load_config
from telemetry.errors import EXIT_OK, ConfigError, writing
from telemetry.sinks.boot_time import remembered

EXAMPLES = (
    "list gateway.toml",
    "get gateway.toml 20261130T193000Z-1-3f09ac -o brake.log",
    "drop gateway.toml 20261130T193000Z-1-3f09ac",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary in (
        ("list", "the captures that are frozen, the oldest first"),
        ("get", "one of them as a log of candump, and its serial lines as a capture: `decode` reads both"),
        ("drop", "let go of one"),
    ):
        action = actions.add_parser(name, help=summary, description=summary)
        action.add_argument("config", metavar="CONFIG", type=Path, help="the service's configuration")
        if name != "list":
            action.add_argument(
                "id", metavar="ID", help="as `list` names it, and the event's field `capture`"
            )
        if name == "get":
            add_option(
                action, "--output, -o FILE", "a file that does not exist yet", type=Path, required=True
            )


def run(arguments: argparse.Namespace) -> int:
    config = load_config(arguments.config)
    directory = config.black_box.directory
    if directory is None:
        raise ConfigError("there is no [black_box]", where=str(arguments.config), hint="give it a directory")
    box = Box(directory)
    if arguments.action == "list":
        for one, size in box.frozen():
            print(f"{one.id}  {size / 1e6:.1f} MB{'' if one.last is not None else '  goes on'}")
        return EXIT_OK
    capture = box.capture(arguments.id)
    if arguments.action == "drop":
        with writing(directory):
            box.drop(capture)
        return EXIT_OK
    written = write_capture(box, capture, arguments.output, partial(remembered, config.spool_directory))
    for path, count in written.items():
        print(f"{path}: {count:,} frames" if path == arguments.output else f"{path}: {count:,} lines")
    for words in box.damage:
        print(words, file=sys.stderr)
    return EXIT_OK
