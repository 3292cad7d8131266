"""`nev-telemetry plot LOG --dbc FILE SIGNAL…`: values of signals over time as a picture."""

import argparse
from pathlib import Path

from telemetry.cli.arguments import (
    add_database_arguments,
    add_protocol_arguments,
    add_time_bounds,
    add_vehicle_profile,
    check_protocol,
    no_database,
    refuse_databases,
)
from telemetry.cli.options import add_option
from telemetry.cli.output import refuse_to_overwrite
from telemetry.cli.recordings import recording_of
from telemetry.clock import Clock
from telemetry.decode.screen import Screen
from telemetry.decode.times import Times
from telemetry.errors import EXIT_OK, UsageError
from telemetry.logs.content import require_file
from telemetry.logs.inflate import ENDINGS
from telemetry.picture.sheet import require_matplotlib

EXAMPLES = (
    "drive.log PackVoltage 'Cell*' --dbc ev.dbc",
    "drive.log PackCurrent --dbc ev.dbc --from +60 --to +90 -o current.svg",
    "bms.txt voltage soc --protocol jbd",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("log", metavar="LOG", type=Path, help="as for decode; -: stdin")
    parser.add_argument(
        "signal",
        metavar="SIGNAL",
        nargs="+",
        help="a glob of names, as SIGNAL or MESSAGE.SIGNAL; case counts; panels are in their order",
    )
    add_database_arguments(parser)
    add_protocol_arguments(parser, "the registers are drawn as they are")
    add_vehicle_profile(parser, "beside databases or in place of them")
    add_time_bounds(parser)
    add_option(
        parser,
        "--time",
        "the time axis: of this machine's zone (default), in UTC, or since the first frame",
        choices=("local", "utc", "relative"),
        default="local",
    )
    add_option(parser, "-o, --output FILE", "ends in .png or .svg; default: LOG's name with .png", type=Path)


def _picture_of(log: Path) -> Path:
    """Return the log's name with .png in place of its ending: 2026.03.01.log.gz gives 2026.03.01.png."""
    name = Path(log.name.strip("-") or "stdin")
    unpacked = name.with_suffix("") if name.suffix.lower() in ENDINGS else name
    return unpacked.with_suffix(".png")


def run(arguments: argparse.Namespace) -> int:
    """Draw what the log holds of the signals."""
    from telemetry.overview.plot import FORMATS, draw

    refuse_databases([arguments.log, *arguments.signal])
    require_file(arguments.log)
    file: Path = arguments.output or _picture_of(arguments.log)
    if file.suffix.lower() not in FORMATS:
        raise UsageError("is neither .png nor .svg", where=str(file), hint="--output FILE.png or FILE.svg")
    check_protocol(arguments, ("from_time", "to_time"))
    if not (arguments.dbc or arguments.protocol or arguments.vehicle_profile):
        raise no_database(str(arguments.log))
    refuse_to_overwrite(file, [arguments.log, *(database.file for database in arguments.dbc)])
    require_matplotlib("plot")
    from telemetry.overview.read_panels import read_panels, zone_of

    times = Times(start=arguments.from_time, stop=arguments.to_time)
    with Screen(Clock(), output_is_terminal=False) as screen:
        recording = recording_of(
            arguments, [arguments.log], arguments.signal, screen, globs_by="SIGNAL", times=times
        )
        panels = read_panels(
            recording, arguments.log, arguments.signal, screen.warn, is_bounded=times.is_bounded
        )
        first_ns = recording.rows.first_ns
        draw(panels, arguments.log.name, file, origin_ns=first_ns, zone=zone_of(arguments.time, first_ns))
        curves = [curve for panel in panels for curve in panel.curves]
        points_drawn = sum(len(curve.times_ns) for curve in curves)
        what = "curve" if len(curves) == 1 else "curves"
        screen.say(f"{file}: {len(curves)} {what} of {points_drawn:,} values")
    return EXIT_OK
