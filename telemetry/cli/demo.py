"""`nev-telemetry demo`: a simulated vehicle through the real pipeline into InfluxDB, and read back."""

import argparse
import os
import signal
import sys
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NoReturn

from telemetry.cli.arguments import positive
from telemetry.cli.options import add_option
from telemetry.cli.simulator import simulator
from telemetry.clock import Clock
from telemetry.demo.display import Display
from telemetry.demo.stage import Options, perform
from telemetry.errors import EXIT_OK, UsageError

EXAMPLES = (
    "",
    "--stay",
    "--scenario charge --no-plot",
)
DEFAULT_PLOT = Path("nev-telemetry-demo.png")
EXIT_DIFFERENT = 1  # what came back is not what was sent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    option = partial(add_option, parser)
    parser.description = (
        f"{parser.description}. Into Debian's influxdb, fetched without root and run in a temporary folder,"
        " or into the server that INFLUXDB_V2_URL names. Exit code 0: all that was sent came back and agrees."
    )
    option("--scenario SCENARIO", "as for sim (default %(default)s)", default="drive-and-charge")
    option(
        "--time-scale X",
        "simulated seconds a second (default 60)",
        type=partial(positive, most=1e6),
        default=60.0,
    )
    option("--seed N", "another pack, another road (default 1)", type=int, default=1)
    picture = parser.add_mutually_exclusive_group()
    add_option(
        picture,
        "--plot FILE",
        "the picture of the run, as PNG (default %(default)s); beside it the report of its charge",
        type=Path,
        default=DEFAULT_PLOT,
    )
    add_option(picture, "--no-plot", "no picture and no report")
    option(
        "--bucket NAME",
        "of that server; it must exist (default: nev-telemetry-demo, which is made)",
        default="",
    )
    option("--stay", "then go on by the clock, and show a web page, until Ctrl-C")


@simulator()
def run(arguments: argparse.Namespace) -> int:
    """Run for about half a minute; Ctrl-C and SIGTERM end it and all it started."""
    picture = None if arguments.no_plot else arguments.plot
    if picture is not None:
        _check_picture(picture)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    options = Options(
        arguments.scenario,
        arguments.time_scale,
        arguments.seed,
        plot=picture,
        stay=arguments.stay,
        bucket=arguments.bucket,
    )
    as_it_should_be = perform(options, os.environ, Display(sys.stdout), Clock())
    return EXIT_OK if as_it_should_be else EXIT_DIFFERENT


def _check_picture(file: Path) -> None:
    """Raise UsageError now for what would fail half a minute later."""
    hint = "give another --plot FILE, or --no-plot"
    if file.is_dir():
        raise UsageError("is a folder", where=str(file), hint=hint)
    if not file.parent.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise UsageError("cannot be written", where=str(file), hint=hint)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """End by an exception, so that everything is cleaned up; a second signal would only disturb that."""
    del number, frame
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt
