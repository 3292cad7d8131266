"""`nev-telemetry capture`: a CAN bus into candump, ASC, BLF or MF4 files, raw; or a serial line into text."""

import argparse
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from telemetry.capture.formats import FORMATS
from telemetry.cli.arguments import positive, whole
from telemetry.cli.bus_arguments import add_bus_arguments, bus_options
from telemetry.cli.capture_serial import add_serial_arguments, is_port, record_port, rotation, serial_settings
from telemetry.cli.ending import ended_by_signals, say_recorded
from telemetry.errors import EXIT_OK, UnavailableError, UsageError
from telemetry.settings.document import read_document
from telemetry.stages.offline import read_offline

if TYPE_CHECKING:
    import can

    from telemetry.capture.recorder import Recorder

EXAMPLES = (
    "-i socketcan -c can0 -o drive.blf",
    "gateway.toml --source can0 -o drive.log --rotate-size 100",
    "/dev/ttyUSB0 --protocol jbd -o bms.txt --seconds 60",
)
RECEIVE_TIMEOUT_S = 0.2  # how soon a stop is seen on a silent bus


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "config",
        metavar="CONFIG|PORT",
        nargs="?",
        help="a service's configuration that names the bus or the port; or a serial port itself",
    )
    parser.add_argument("--source", metavar="NAME", help="of CONFIG: the bus or port (default: the only bus)")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        help=f"of a bus: the ending is the format, {', '.join(FORMATS)}; of a serial port: lines of text, on "
        "stdout where it is missing; never written over",
    )
    parser.add_argument(
        "--rotate-size",
        metavar="MB",
        type=positive,
        help="begin a new file, FILE-000002, at so many megabytes",
    )
    parser.add_argument("--rotate-every", metavar="S", type=positive, help="likewise, after so many seconds")
    parser.add_argument(
        "--seconds", metavar="S", type=positive, help="end then; default: at Ctrl-C or SIGTERM"
    )
    parser.add_argument(
        "--frames",
        metavar="N",
        type=partial(whole, words="is not a number of frames"),
        help="of a bus: end after so many frames",
    )
    add_serial_arguments(parser)
    add_bus_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Record until a signal or a limit; what was lost is said at the end."""
    if is_port(arguments):
        return record_port(arguments, None)
    config = None if arguments.config is None else read_offline(read_document(Path(arguments.config)))
    if config is not None and (settings := serial_settings(config, arguments.source)) is not None:
        return record_port(arguments, settings)
    if arguments.output is None:
        raise UsageError("is missing", where="--output", hint="-o drive.blf; a serial port alone has stdout")
    from telemetry.capture.bus import dropped, open_bus, options_from  # with python-can, which takes seconds
    from telemetry.capture.recorder import Recorder

    options = bus_options(arguments)
    if config is not None:
        if options:
            raise UsageError("stands beside options of python-can", where="CONFIG", hint="give one of them")
        options = options_from(config, arguments.source or "")
    stop = threading.Event()
    with ended_by_signals(stop.set), open_bus(options) as bus:
        recorder = Recorder(arguments.output, time.monotonic, **rotation(arguments))
        try:
            _record(bus, recorder, stop, arguments)
        finally:
            lost = dropped(bus)
            recorder.close()
            say_recorded(recorder.files, f"{recorder.frames} frames")
            if lost:
                words = f"the kernel dropped {lost} frames, for which its buffer was full"
                print(f"warning: {words}", file=sys.stderr)
    return EXIT_OK


def _record(
    bus: "can.BusABC", recorder: "Recorder", stop: threading.Event, arguments: argparse.Namespace
) -> None:
    import can

    ends_s = time.monotonic() + (arguments.seconds or float("inf"))
    while not stop.is_set() and time.monotonic() < ends_s:
        try:
            message = bus.recv(RECEIVE_TIMEOUT_S)
        except (can.CanError, OSError) as error:
            raise UnavailableError(f"was lost: {error}", where=bus.channel_info) from error
        if message is not None:
            recorder.write(message)
        recorder.tick()
        if arguments.frames is not None and recorder.frames >= arguments.frames:
            return
