"""`nev-telemetry run CONFIG`: the gateway service."""

import argparse
import logging
import sys
from pathlib import Path

from telemetry.config import load_config
from telemetry.service import Service
from telemetry.sources.source import StopSignal
from telemetry.stopping import SignalWatch

HELP = "the gateway service"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """CONFIG."""
    parser.add_argument("config", type=Path, metavar="CONFIG", help="the configuration, TOML")


def run(arguments: argparse.Namespace) -> int:
    """Until SIGTERM or SIGINT; when all sources are logs, until they are read and delivered."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if arguments.verbose else logging.INFO,
        format="%(levelname)s %(name)s: %(message)s",
    )
    stop = StopSignal()
    with SignalWatch(stop.set):
        Service(load_config(arguments.config), stop=stop).run()
    return 0
