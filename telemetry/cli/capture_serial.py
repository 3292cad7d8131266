"""`nev-telemetry capture PORT`: a serial line into lines of text, its device asked or only heard."""

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telemetry.cli.arguments import add_device_arguments, flag
from telemetry.cli.bus_arguments import OF_A_BUS
from telemetry.cli.ending import ended_by_signals, say_recorded
from telemetry.clock import Clock
from telemetry.errors import EXIT_OK, UnavailableError, UsageError
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.table import EIGHT_N_ONE, LineSettings

if TYPE_CHECKING:
    from telemetry.capture.line import HeardLine, PolledPort
    from telemetry.capture.line_recorder import LineRecorder
    from telemetry.config import Config
    from telemetry.framing.masking import Masker
    from telemetry.sources.serial.link import PyserialLink
    from telemetry.sources.serial.settings import SerialSettings
    from telemetry.sources.stop import StopSignal

_BAUD_RATE = 9600
_OF_A_LINE = ("protocol", "registers", "address", "listen", "baud", "parity", "stop_bits")


def add_serial_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is spoken on a port, and how the line is set."""
    group = parser.add_argument_group(
        "a serial port", "Lines `(epoch.us) port RX|TX hex`, which `decode --protocol` reads, and `scrub`."
    )
    add_device_arguments(group, "ask the device by this; without it, listen and send nothing")
    group.add_argument("--listen", action="store_true", help="send nothing, whatever the protocol")
    group.add_argument(
        "--baud", metavar="N", type=int, help=f"default: that of the protocol, otherwise {_BAUD_RATE}"
    )
    group.add_argument("--parity", choices=("N", "E", "O"), help="default: that of the protocol, otherwise N")
    group.add_argument(
        "--stop-bits", type=int, choices=(1, 2), help="default: that of the protocol, otherwise 1"
    )


def is_port(arguments: argparse.Namespace) -> bool:
    """Return whether a serial port is named, and no configuration.

    Raises UsageError for options that contradict.
    """
    named = arguments.config or ""
    path = Path(named)
    given = [name for name in _OF_A_LINE if getattr(arguments, name)]
    is_one = "://" in named or named.startswith("/dev/") or path.is_char_device() or bool(given)
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
        except UnavailableError:
            if not recorder.lines:  # the port was never there
                recorder.discard()
            raise
        finally:
            if recorder.lines or stop.is_set():
                say_recorded(recorder.files, f"{recorder.lines} lines, {line.received_bytes} bytes received")
                if not line.received_bytes:
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
