"""`nev-telemetry status CONFIG`: the accounts of a running service."""

import argparse
import json
from pathlib import Path
from typing import Any

from telemetry.ledger import POINT_ENDS, frames_in_flight, sources, total
from telemetry.live.status_socket import query_status
from telemetry.spool.limits import spool_directory

HELP = "the accounts of a running service"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """CONFIG, or the spool's directory, and the form of the output."""
    parser.add_argument(
        "config", type=Path, metavar="CONFIG", help="the service's configuration, or its spool folder"
    )
    parser.add_argument("--json", action="store_true", help="the whole status as one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Ask the service through its socket and print what it says."""
    status = query_status(spool_directory(arguments.config))
    if arguments.json:
        print(json.dumps(status, indent=2))
    else:
        _print_accounts(status)
    return 0


def _print_accounts(status: dict[str, Any]) -> None:
    accounts, gauges = status["accounts"], status["gauges"]
    print(f"vehicle {status['vehicle']}")
    for source in sources(accounts):
        bus, frames = f"bus/{source}/", f"frames/{source}/"
        print(f"\n{source}: {status['state'].get('source/' + source, '')}")
        print(f"  read              {accounts.get(bus + 'read', 0):>14,}")
        print(f"  kernel dropped    {accounts.get(bus + 'kernel_dropped', 0):>14,}")
        for name in sorted(name for name in accounts if name.startswith(frames)):
            print(f"  {name.removeprefix(frames).replace('_', ' '):<17} {accounts[name]:>14,}")
        print(f"  in flight         {frames_in_flight(accounts, source):>14,}")
    print("\npoints")
    print(f"  made              {total(accounts, 'points/made/'):>14,}")
    for end in POINT_ENDS:
        print(f"  {end:<17} {accounts.get('points/' + end, 0):>14,}")
    for name in ("points_waiting_memory", "points_waiting_disk"):
        print(f"  {name.removeprefix('points_').replace('_', ' '):<17} {int(gauges.get(name, 0)):>14,}")
    print()
    for name, value in sorted(gauges.items()):
        if not name.startswith("points_waiting"):
            print(f"{name.replace('_', ' '):<28} {_figure(value):>16}")
    for name, text in sorted(status["state"].items()):
        print(f"{name:<28} {text}")


def _figure(value: float) -> str:
    """Whole from a thousand on, and whatever is whole: never an exponent."""
    is_whole = float(value).is_integer() or abs(value) >= 1000.0
    return f"{value:,.0f}" if is_whole else f"{value:,.2f}"
