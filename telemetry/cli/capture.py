"""`nev-telemetry capture`: a CAN bus into candump, ASC, BLF or MF4 files, raw; or a serial line into text.

A serial device is asked, or only heard.
"""

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telemetry.capture.file_names import FORMATS
from telemetry.cli.arguments import (
    AT_PORTS,
    add_device_arguments,
    flag,
    positive,
    require_spoken,
    whole,
)
from telemetry.cli.bus_arguments import OF_A_BUS, add_bus_arguments, bus_options
from telemetry.cli.ending import ended_by_signals, say_recorded
from telemetry.cli.options import add_option
from telemetry.clock import Clock
from telemetry.errors import EXIT_OK, InputMissingError, UnavailableError, UsageError
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.table import EIGHT_N_ONE, LineSettings
from telemetry.settings.document import read_document
from telemetry.stages.offline import read_offline

if TYPE_CHECKING:
    import can

    from telemetry.capture.line import HeardLine, PolledPort
    from telemetry.capture.line_recorder import LineRecorder
    from telemetry.capture.recorder import Recorder
    from telemetry.config import Config
    from telemetry.framing.masking import Masker
    from telemetry.sources.serial.link import PyserialLink
    from telemetry.sources.serial.settings import SerialSettings
    from telemetry.sources.stop import StopSignal


EXAMPLES = (
    "-i socketcan -c can0 -o drive.blf",
    "gateway.toml --source can0 -o drive.log --rotate-size 100",
    "/dev/ttyUSB0 --protocol jbd -o bms.txt --seconds 60",
)
RECEIVE_TIMEOUT_S = 0.2  # how soon a stop is seen on a silent bus
_BAUD_RATE = 9600
_OF_A_LINE = ("protocol", "registers", "address", "listen", "baud", "parity", "stop_bits")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    option = partial(add_option, parser)
    parser.add_argument(
        "config",
        metavar="CONFIG|PORT",
        nargs="?",
        help="a service's configuration that names the bus or the port; or a serial port itself",
    )
    option("--source NAME", "of CONFIG: the bus or port (default: the only bus)")
    option(
        "-o, --output FILE",
        f"of a bus: the ending is the format, {', '.join(FORMATS)}; of a serial port: lines of text, on "
        "stdout where it is missing; never written over",
        type=Path,
    )
    option("--rotate-size MB", "begin a new file, FILE-000002, at so many megabytes", type=positive)
    option("--rotate-every S", "likewise, after so many seconds", type=positive)
    option("--seconds S", "end then; default: at Ctrl-C or SIGTERM", type=positive)
    option(
        "--frames N",
        "of a bus: end after so many frames",
        type=partial(whole, words="is not a number of frames"),
    )
    add_serial_arguments(parser)
    add_bus_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Record until a signal or a limit; what was lost is said at the end."""
    if is_port(arguments):
        return record_port(arguments, None)
    if (name := arguments.config or "").isalnum() and not Path(name).exists():
        hint = f"an interface is named by -i socketcan -c {name}"
        raise InputMissingError("is no configuration that is there", where=name, hint=hint)
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
            if recorder.frames:
                say_recorded(recorder.files, f"{recorder.frames} frames")
            else:
                print(f"warning: nothing was received, and no {arguments.output} is left", file=sys.stderr)
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


def add_serial_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is spoken on a port, and how the line is set."""
    group = parser.add_argument_group(
        "a serial port", "Lines `(epoch.us) port RX|TX hex`, which `decode --protocol` reads, and `scrub`."
    )
    add_device_arguments(group, f"ask the device by this; without it, listen and send nothing: {AT_PORTS}")
    add_option(group, "--listen", "send nothing, whatever the protocol")
    add_option(group, "--baud N", f"default: that of the protocol, otherwise {_BAUD_RATE}", type=int)
    add_option(group, "--parity", "default: that of the protocol, otherwise N", choices=("N", "E", "O"))
    add_option(group, "--stop-bits", "default: that of the protocol, otherwise 1", type=int, choices=(1, 2))


def is_port(arguments: argparse.Namespace) -> bool:
    """Return whether a serial port is named, and no configuration.

    Raises UsageError for options that contradict.
    """
    named = arguments.config or ""
    path = Path(named)
    given = [name for name in _OF_A_LINE if getattr(arguments, name)]
    is_one = "://" in named or named.startswith("/dev/") or path.is_char_device() or bool(given)
    require_spoken([arguments.protocol], on_buses=False)
    if is_one and not named:
        raise UsageError("is missing", where="PORT", hint="such as /dev/ttyUSB0")
    if is_one and (bus := [name for name in (*OF_A_BUS, "frames") if getattr(arguments, name)]):
        raise UsageError("is of a CAN bus", where=flag(bus[0]), hint="leave it out for a serial port")
    return is_one


def serial_settings(config: "Config", name: str | None) -> "SerialSettings | None":
    """Return the port of a configuration that --source names; None: it is a bus, or none was named."""
    from telemetry.sources.serial.settings import SerialSettings

    ports = [source for source in config.sources if isinstance(source, SerialSettings)]
    if name is None:
        return ports[0] if len(ports) == len(config.sources) == 1 else None
    return next((port for port in ports if port.name == name), None)


def record_port(arguments: argparse.Namespace, configured: "SerialSettings | None") -> int:
    """Record until a signal or --seconds. configured: the port of a configuration; None: the arguments'."""
    from telemetry.capture.line_recorder import LineRecorder
    from telemetry.sources.stop import StopSignal

    make_line = _line_of(arguments, configured)
    recorder = LineRecorder(arguments.output, time.monotonic, **rotation(arguments))
    with closing(recorder), StopSignal() as stop, ended_by_signals(stop.set), _ended_after(arguments, stop):
        line = make_line(recorder)
        try:
            line.run(stop)
        finally:
            if recorder.lines:
                say_recorded(recorder.files, f"{recorder.lines} lines, {line.received_bytes} bytes received")
            else:
                recorder.discard()  # it would be in the way of the next try
            if (recorder.lines or stop.is_set()) and not line.received_bytes:
                print("warning: nothing was received", file=sys.stderr)
    return EXIT_OK


def rotation(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return when a recorder begins its next file."""
    return {
        "rotate_bytes": round((arguments.rotate_size or 0) * 1e6),
        "rotate_s": arguments.rotate_every or 0.0,
    }


def _line_of(
    arguments: argparse.Namespace, configured: "SerialSettings | None"
) -> "Callable[[LineRecorder], PolledPort | HeardLine]":
    """Return what makes the line once its recorder is open. Raises UsageError, ConfigError."""
    from telemetry.capture.line import HeardLine, PolledPort

    clock = Clock()
    if configured is None and (arguments.listen or arguments.protocol is None):
        name, link, maskers = _listening(arguments)
        return lambda recorder: HeardLine(name, link, recorder, maskers, clock)
    settings = configured or _asked(arguments)
    return lambda recorder: PolledPort(settings, recorder, clock)


def _asked(arguments: argparse.Namespace) -> "SerialSettings":
    """Return the port as a configuration would have it."""
    from telemetry.monitor.bench import serial_table
    from telemetry.settings.document import Document
    from telemetry.sources.serial.settings import SerialSettings
    from telemetry.stages.offline import read_offline

    tables = serial_table(arguments.config, arguments.protocol, arguments.address, arguments.registers)
    for key, value in (
        ("baud_rate", arguments.baud),
        ("parity", arguments.parity),
        ("stop_bits", arguments.stop_bits),
    ):
        if value is not None:
            tables["serial"][0][key] = value
    config = read_offline(Document.plain(Path("capture"), {"vehicle": "bench", **tables}))
    (settings,) = (source for source in config.sources if isinstance(source, SerialSettings))
    return settings


def _listening(arguments: argparse.Namespace) -> "tuple[str, PyserialLink, list[Masker]]":
    """Return the name of the port in the capture, the way to it, and what takes passwords out."""
    from telemetry.framing.masking import maskers_of, maskers_of_unknown
    from telemetry.sources.serial.link import PyserialLink, check_port

    port = arguments.config
    if wrong := check_port(port):
        raise UsageError(wrong, where=port, hint="a path such as /dev/ttyUSB0, socket://HOST:PORT")
    if given := [name for name in ("address", "registers") if getattr(arguments, name) is not None]:
        raise UsageError("is of a device that is asked", where=flag(given[0]), hint="leave it out")
    protocol = None if arguments.protocol is None else PROTOCOLS[arguments.protocol]
    line = EIGHT_N_ONE if protocol is None else protocol.line
    baud_rate = arguments.baud or (_BAUD_RATE if protocol is None else protocol.baud_rate)
    line = LineSettings(arguments.parity or line.parity, arguments.stop_bits or line.stop_bits)
    print(f"{port}: listening at {baud_rate} baud {line}, nothing is sent", file=sys.stderr)
    maskers = (
        maskers_of([protocol.framing])
        if protocol is not None
        else maskers_of_unknown(one.framing for one in PROTOCOLS.values())
    )
    return Path(port).name, PyserialLink(port, baud_rate, line), maskers


@contextmanager
def _ended_after(arguments: argparse.Namespace, stop: "StopSignal") -> Iterator[None]:
    if arguments.seconds is None:
        yield
        return
    timer = threading.Timer(arguments.seconds, stop.set)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
