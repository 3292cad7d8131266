"""`nev-telemetry retention CONFIG`: how long the configured database keeps what, and --apply: makes it so."""

import argparse
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from telemetry.clock import Clock
from telemetry.decode.target import sink_settings
from telemetry.errors import EXIT_OK, UnavailableError
from telemetry.retention.server import install, reached, steps
from telemetry.sinks.influx.server import InfluxServer

EXAMPLES = ("operator.toml", "operator.toml --apply")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    words = "a file with the table [influx] of an administrator's account; all else in it is left alone"
    parser.add_argument("config", metavar="CONFIG", type=Path, help=words)
    parser.add_argument("--apply", action="store_true", help="make what is missing; without: show it")


def run(arguments: argparse.Namespace) -> int:
    """Print each step with how it is found, and the values in each place before and after."""
    settings = sink_settings(arguments.config, {}, os.environ)
    if not isinstance(settings, InfluxServer):
        raise UnavailableError("is no InfluxDB", where=settings.address)
    with reached(settings, Clock()) as server:
        found = steps(server)
        print(f"{server.settings.url}: {server.name}")
        for step in found:
            print(f"{step.what}: {step.found}{'' if step.make is None else ', to be made'}")
        _print_values(server.values(), "values")
        if not any(step.make for step in found):
            print("all is as it should be")
        elif not arguments.apply:
            print("nothing was changed (--apply does it)")
        else:
            for line in install(server, datetime.now(UTC)):
                print(line, flush=True)
            _print_values(server.values(), "values now")
    return EXIT_OK


def _print_values(values: Mapping[str, int], words: str) -> None:
    print(f"{words}: {', '.join(f'{name} {count:,}' for name, count in values.items())}")
