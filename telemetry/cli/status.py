"""`nev-telemetry status CONFIG`: how a running service is, or how the last run ended."""

import argparse
import contextlib
import json
import threading
from pathlib import Path

from telemetry.cli.options import add_option
from telemetry.clock import Clock
from telemetry.errors import InputMissingError, UnavailableError
from telemetry.ledger import Counters, sources
from telemetry.live.status_socket import query_status
from telemetry.live.summary import status_lines, stopped_lines
from telemetry.spool.filesystem import FileSystem
from telemetry.spool.limits import spool_directory
from telemetry.spool.view import SpoolView

COUNT_S = 2.0
EXAMPLES = (
    "gateway.toml",
    "gateway.toml --json",
    "/var/lib/nev-telemetry",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "config", type=Path, metavar="CONFIG", help="the service's configuration, or its spool folder"
    )
    add_option(parser, "--json", "the whole status as one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Ask the service through its socket and print what it says. Without one print what its spool knows."""
    directory = spool_directory(arguments.config)
    try:
        status = query_status(directory)
        accounts: Counters = status["accounts"]
        if not arguments.json and any(accounts.get(f"frames/{each}/unknown") for each in sources(accounts)):
            query_status(directory, "messages")  # the service counts their ids from the first request on
            Clock().wait(threading.Event(), COUNT_S)
            status = query_status(directory, "messages")
    except UnavailableError:
        if not arguments.json:
            with contextlib.suppress(InputMissingError):  # there is no spool, or it is not for this user
                view = SpoolView(FileSystem(), directory, Clock())
                print("\n".join(stopped_lines(view.accounts, view.waiting_points)))
        raise
    if arguments.json:
        print(json.dumps(status, indent=2))
    else:
        print("\n".join(status_lines(status)))
    return 0
