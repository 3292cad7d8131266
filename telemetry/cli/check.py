"""`nev-telemetry check CONFIG`: validates everything without starting."""

import argparse
from pathlib import Path

from telemetry.config import load_config
from telemetry.errors import EXIT_OK, UnavailableError
from telemetry.model.finding import Grade
from telemetry.service.check import check

HELP = "validate a configuration without starting anything"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """CONFIG."""
    parser.add_argument(
        "config", type=Path, metavar="CONFIG", help="the configuration: TOML, a folder of it, or - for stdin"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print what is found; exit 69 when the service would not do its work as things are."""
    has_fault = False
    for finding in check(load_config(arguments.config)):
        print(finding)
        has_fault |= finding.level is Grade.FAULT
    return UnavailableError.exit_code if has_fault else EXIT_OK
