"""`nev-telemetry status CONFIG`: how a running service is, or how the last run ended."""

import argparse
import contextlib
import json
import threading
from pathlib import Path
from typing import Any

from telemetry.clock import SystemClock
from telemetry.errors import InputMissingError, UnavailableError
from telemetry.ledger import Counters, sources
from telemetry.live.status_socket import query_status
from telemetry.live.summary import status_lines, stopped_lines
from telemetry.spool.filesystem import RealFileSystem
from telemetry.spool.limits import spool_directory
from telemetry.spool.view import SpoolView

COUNT_S = 2.0
EXAMPLES = (
    "gateway.toml",
    "gateway.toml --json",
    "/var/lib/nev-telemetry",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add CONFIG, or the spool's directory, and the form of the output."""
    parser.add_argument(
        "config", type=Path, metavar="CONFIG", help="the service's configuration, or its spool folder"
    )
    parser.add_argument("--json", action="store_true", help="the whole status as one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Ask the service through its socket and print what it says. Without one print what its spool knows."""
    directory = spool_directory(arguments.config)
    try:
        status = query_status(directory)
        if not arguments.json and _has_unknown(status["accounts"]):
            status = _with_unmatched(directory)
    except UnavailableError:
        if not arguments.json:
            _print_stopped(directory)
        raise
    if arguments.json:
        print(json.dumps(status, indent=2))
    else:
        print("\n".join(status_lines(status)))
    return 0


def _has_unknown(accounts: Counters) -> bool:
    return any(accounts.get(f"frames/{source}/unknown") for source in sources(accounts))


def _with_unmatched(directory: Path) -> dict[str, Any]:
    """Ask again with the ids that no message has, which a service counts only from the first request on."""
    query_status(directory, "messages")
    SystemClock().wait(threading.Event(), COUNT_S)
    return query_status(directory, "messages")


def _print_stopped(directory: Path) -> None:
    with contextlib.suppress(InputMissingError):  # there is no spool, or it is not for this user
        view = SpoolView(RealFileSystem(), directory, SystemClock())
        print("\n".join(stopped_lines(view.accounts, view.waiting_points)))
