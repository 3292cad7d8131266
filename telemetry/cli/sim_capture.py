"""`nev-telemetry sim --capture FILE --serial-link PATH`: a serial device that answers from a capture."""

import argparse
import sys
from math import inf
from pathlib import Path

from firmware_sim.links.pty import PtyPort
from firmware_sim.links.recorded_line import RecordedLine, play_recorded
from telemetry.cli.ending import stopped_by_signals
from telemetry.errors import EXIT_OK, DataError, UsageError
from telemetry.logs.captures import Capture, CapturedBytes


def run_capture(arguments: argparse.Namespace) -> int:
    """Answer until a signal, or --duration is over, or all of a capture without requests was said."""
    if arguments.scenario is not None:
        raise UsageError("stands beside a scenario", where="--capture", hint="leave one of them out")
    links = [path for _, path in arguments.serial_link]
    if len(links) != 1:
        raise UsageError("has one port", where="--capture", hint="--serial-link PATH, once")
    device = RecordedLine(_pieces(arguments.capture))
    with stopped_by_signals() as stop:
        duration_s = arguments.duration or inf
        play_recorded(
            device, PtyPort(links[0]), stop.is_set, scale=arguments.time_scale, duration_s=duration_s
        )
    return EXIT_OK


def _pieces(named: str) -> list[CapturedBytes]:
    """Return those of `FILE`, or of `PORT=FILE`. Raises DataError, InputMissingError, UsageError."""
    port, equals, name = named.partition("=")
    file = Path(name) if equals and not Path(named).exists() else Path(named)
    with Capture(file) as capture:
        pieces = list(capture)
        for words in capture.warnings():
            print(f"warning: {words}", file=sys.stderr)
    if not pieces:
        raise DataError("is no capture of a serial port, or an empty one", where=str(file))
    ports = list(dict.fromkeys(piece.port for piece in pieces))
    wanted = port if file != Path(named) else ports[0]
    if wanted not in ports or (len(ports) > 1 and file == Path(named)):
        hint = f"--capture PORT={file}"
        raise UsageError(f"has the ports {', '.join(ports)}", where=str(file), hint=hint)
    return [piece for piece in pieces if piece.port == wanted]
