"""`nev-telemetry decode LOG…`: logs to csv, line protocol or ndjson. Values go to stdout, words to stderr.

With `--protocol NAME` the logs are text captures of serial ports.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from telemetry.capture_decoding import CaptureDecoder
from telemetry.decoding import Database, LogDecoder, OutputFormat, Progress, plan_channels
from telemetry.errors import EXIT_OK, StorageError, UsageError, one_line
from telemetry.protocols.plan_cache import load_plan, user_cache_directory
from telemetry.protocols.serial_protocol import PROTOCOLS
from telemetry.protocols.transport import IsoTpId, parse_isotp_id
from telemetry.sources.captures import Capture
from telemetry.sources.content import require_file
from telemetry.sources.logs import Log

HELP = "logs to csv, line protocol or ndjson"
PROGRESS_INTERVAL_S = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "logs",
        metavar="LOG",
        nargs="+",
        type=Path,
        help="candump, .asc, .blf, GVRET .csv, .trc, each also .gz or .zst; .mf4; -: stdin",
    )
    parser.add_argument(
        "--protocol",
        choices=sorted(PROTOCOLS),
        help="the logs are text captures of serial ports: lines `(epoch.us) port RX|TX hex`",
    )
    parser.add_argument(
        "--dbc",
        metavar="[CHANNEL=]FILE",
        action="append",
        default=[],
        type=_database,
        help="a database (DBC, ARXML, KCD, SYM) for every channel, or for one; repeatable",
    )
    parser.add_argument(
        "--format", choices=[str(name) for name in OutputFormat], default="csv", help="default csv"
    )
    parser.add_argument("--vehicle", metavar="NAME", default="unknown", help="the tag of --format lp")
    parser.add_argument(
        "--first-wins", action="store_true", help="of an id in two databases take the first one's message"
    )
    parser.add_argument(
        "--j1939", action="store_true", help="match extended ids by PGN even where messages do not declare it"
    )
    parser.add_argument(
        "--keep-not-available", action="store_true", help='J1939 "error" and "not available" are values too'
    )
    parser.add_argument(
        "--isotp",
        metavar="ID",
        action="append",
        default=[],
        type=_isotp_id,
        help="an id (hexadecimal, 3 or 8 digits) whose frames are parts of ISO-TP messages; repeatable",
    )
    parser.add_argument(
        "--isotp-length",
        action="store_true",
        help="ISO-TP payloads are preceded by the low byte of their length",
    )
    parser.add_argument(
        "--isotp-extended-addressing", action="store_true", help="ISO-TP frames begin with an address"
    )
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="instead of stdout")


def run(arguments: argparse.Namespace) -> int:
    """Decode all logs in the order given."""
    for path in arguments.logs:
        require_file(path)
    if arguments.protocol is not None:
        return _decode_captures(arguments)
    channels = plan_channels(
        arguments.dbc,
        first_wins=arguments.first_wins,
        j1939=arguments.j1939,
        keep_not_available=arguments.keep_not_available,
    )
    plan = load_plan(channels.databases, user_cache_directory())
    _warn(plan.warnings)
    decoder = LogDecoder(
        plan.spec,
        channels,
        OutputFormat(arguments.format),
        vehicle=arguments.vehicle,
        isotp=[
            IsoTpId(id, arguments.isotp_extended_addressing, arguments.isotp_length)
            for id in dict.fromkeys(arguments.isotp)
        ],
    )
    progress = _ProgressLine(sys.stderr.isatty())
    with _output(arguments.output, arguments.logs) as write:
        for number, path in enumerate(arguments.logs):
            with Log(path, decoder.number_of) as log:
                if number == 0 and decoder.header:
                    write(decoder.header)
                decoder.decode(log, write, progress.show)
                progress.clear()
                _warn(log.warnings())
    decoder.finish()
    _warn(decoder.warnings())
    progress.finish(decoder.summary())
    return EXIT_OK


def _decode_captures(arguments: argparse.Namespace) -> int:
    if arguments.dbc or arguments.first_wins or arguments.j1939:
        raise UsageError("stands beside options of CAN", where="--protocol", hint="leave those out")
    decoder = CaptureDecoder(
        PROTOCOLS[arguments.protocol], OutputFormat(arguments.format), vehicle=arguments.vehicle
    )
    progress = _ProgressLine(sys.stderr.isatty())
    with _output(arguments.output, arguments.logs) as write:
        write(decoder.header)
        for path in arguments.logs:
            with Capture(path) as capture:
                decoder.decode(capture, write, progress.show)
                progress.clear()
                _warn(capture.warnings())
    _warn(decoder.warnings())
    progress.finish(decoder.summary())
    return EXIT_OK


class _ProgressLine:
    """One line on a terminal that is written over; nothing elsewhere."""

    def __init__(self, is_terminal: bool) -> None:
        self._is_terminal = is_terminal
        self._next_s = time.monotonic() + PROGRESS_INTERVAL_S

    def show(self, progress: Progress) -> None:
        if not self._is_terminal or time.monotonic() < self._next_s:
            return
        self._next_s = time.monotonic() + PROGRESS_INTERVAL_S
        share = f"{progress.bytes_read / progress.total_bytes:4.0%} " if progress.total_bytes else ""
        sys.stderr.write(f"\r\033[K{progress.path.name}: {share}{progress.frames} frames")
        sys.stderr.flush()

    def clear(self) -> None:
        if self._is_terminal:
            sys.stderr.write("\r\033[K")

    def finish(self, summary: str) -> None:
        if self._is_terminal:
            sys.stderr.write(f"{summary}\n")


@contextmanager
def _output(file: Path | None, logs: Sequence[Path]) -> Iterator[Callable[[bytes], object]]:
    if file is not None and file.exists() and any(log.exists() and file.samefile(log) for log in logs):
        raise UsageError("is a log that is to be read", where=str(file), hint="give another --output")
    try:
        if file is None:
            yield sys.stdout.buffer.write
            sys.stdout.buffer.flush()
        else:
            with file.open("wb") as stream:
                yield stream.write
    except BrokenPipeError:
        raise
    except OSError as error:
        if file is None:
            raise
        raise StorageError(f"cannot be written: {error.strerror}", where=str(file)) from error


def _warn(warnings: Sequence[str]) -> None:
    for warning in warnings:
        sys.stderr.write(f"warning: {one_line(warning)}\n")


def _database(text: str) -> Database:
    channel, equals, file = text.partition("=")
    if not text or (equals and not (channel and file)):
        raise argparse.ArgumentTypeError(f"{text!r} is not FILE or CHANNEL=FILE")
    if equals and "/" not in channel and not Path(text).exists():
        return Database(Path(file), channel)
    return Database(Path(text))


def _isotp_id(text: str) -> int:
    try:
        return parse_isotp_id(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
