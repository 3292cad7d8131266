"""`nev-telemetry capture`: a CAN bus into candump, ASC, BLF or MF4 files, raw."""

import argparse
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from telemetry.capture.formats import FORMATS
from telemetry.cli.arguments import positive
from telemetry.cli.bus_arguments import add_bus_arguments, bus_options
from telemetry.errors import EXIT_OK, UnavailableError, UsageError
from telemetry.stages.offline import read_offline
from telemetry.toml_document import read_document

if TYPE_CHECKING:
    import can

    from telemetry.capture.recorder import Recorder

HELP = "a CAN bus into candump, ASC, BLF or MF4 files, raw"
RECEIVE_TIMEOUT_S = 0.2  # how soon a stop is seen on a silent bus


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is recorded, where to, and for how long."""
    parser.add_argument(
        "config", metavar="CONFIG", nargs="?", type=Path, help="a service's configuration that names the bus"
    )
    parser.add_argument("--source", metavar="NAME", help="of CONFIG: the bus (default: the only one)")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        required=True,
        help=f"the ending is the format: {', '.join(FORMATS)}; never written over",
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
    parser.add_argument("--frames", metavar="N", type=_count, help="end after so many frames")
    add_bus_arguments(parser)


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of frames")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Record until a signal or a limit; what was lost is said at the end."""
    from telemetry.capture.bus import dropped, open_bus, options_from  # with python-can, which takes seconds
    from telemetry.capture.recorder import Recorder

    options = bus_options(arguments)
    if arguments.config is not None:
        if options:
            raise UsageError("stands beside options of python-can", where="CONFIG", hint="give one of them")
        options = options_from(read_offline(read_document(arguments.config)), arguments.source or "")
    stop = threading.Event()
    with _ended_by_signals(stop), open_bus(options) as bus:
        recorder = Recorder(
            arguments.output,
            time.monotonic,
            rotate_bytes=round((arguments.rotate_size or 0) * 1e6),
            rotate_s=arguments.rotate_every or 0.0,
        )
        try:
            _record(bus, recorder, stop, arguments)
        finally:
            lost = dropped(bus)
            recorder.close()
            _report(recorder, lost)
    return EXIT_OK


@contextmanager
def _ended_by_signals(stop: threading.Event) -> Iterator[None]:
    """Let SIGTERM, SIGINT and SIGHUP set `stop`, however often they come: the file has to be completed.

    A SIGHUP that is ignored stays so, as `nohup` wants.
    By handlers: packages that python-can imports have threads of their own, which would take blocked signals.
    """
    numbers = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


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


def _report(recorder: "Recorder", lost: int | None) -> None:
    names = str(recorder.files[0])
    if len(recorder.files) > 1:
        names += f" to {recorder.files[-1].name}"
    print(f"{names}: {recorder.frames} frames", file=sys.stderr)
    if lost:
        print(f"warning: the kernel dropped {lost} frames, for which its buffer was full", file=sys.stderr)
