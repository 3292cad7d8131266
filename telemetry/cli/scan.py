"""`nev-telemetry scan`: which devices are at serial ports, and which protocols are on a bus."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from telemetry.cli.arguments import positive
from telemetry.clock import SystemClock
from telemetry.errors import EXIT_OK, NothingFoundError, StorageError, UnavailableError, UsageError
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.table import LineSettings
from telemetry.scan import plan_words
from telemetry.scan.findings import PortFindings, as_json, configuration, port_words, words_of
from telemetry.scan.ports import candidates, lasting_name, user_of
from telemetry.scan.probes import Setting, scanned, settings_of
from telemetry.scan.serial_scan import LineReport, LineScan, Waits
from telemetry.sources.serial.link import PyserialLink, check_port
from telemetry.sources.stop import StopSignal

HELP = "which devices are at serial ports, and what is spoken on a bus"
_LONGEST_WAIT_S = 60.0
_WAITS = Waits()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to look, for what, and how the result is told."""
    parser.add_argument(
        "ports",
        metavar="PORT",
        nargs="*",
        help="serial ports: paths, socket://HOST:PORT, rfc2217://HOST:PORT (default: all of this machine)",
    )
    serial = parser.add_argument_group("serial ports")
    serial.add_argument("--dry-run", action="store_true", help="print what would be sent, and send nothing")
    serial.add_argument(
        "--protocol",
        metavar="NAME",
        action="append",
        default=[],
        choices=sorted(PROTOCOLS),
        help=f"try this one alone; repeatable: {', '.join(sorted(PROTOCOLS))}",
    )
    serial.add_argument(
        "--risky",
        action="store_true",
        help="also send what may disturb other devices, and speak on a line on which something talks",
    )
    serial.add_argument(
        "--reply-timeout",
        metavar="S",
        type=lambda text: positive(text, _LONGEST_WAIT_S),
        help=f"how long to wait for an answer (default: {_WAITS.usual_s:g}, {_WAITS.other_s:g} at further "
        "addresses); longer over networks",
    )
    parser.add_argument(
        "--write", metavar="FILE", type=Path, help="write the configuration there; never over a file"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default %(default)s")


def run(arguments: argparse.Namespace) -> int:
    """Look, and print a configuration; what happens on the way goes to stderr."""
    protocols = scanned(arguments.protocol)
    settings = settings_of(protocols, risky=arguments.risky)
    waits = _waits(arguments.reply_timeout)
    ports = _ports(arguments.ports)
    if arguments.dry_run:
        _print_plan(ports, settings, waits, arguments.format)
        for words in () if arguments.risky else plan_words.left_out(protocols):
            _say(f"left out without --risky: {words}")
        return EXIT_OK
    _refuse_existing(arguments.write)
    _say(f"at each port {plan_words.in_short(settings, waits)} (--dry-run prints all)")
    findings = [_scan(port, settings, waits, arguments) for port in ports]
    _report(findings, arguments)
    return EXIT_OK


def _waits(reply_timeout_s: float | None) -> Waits:
    if reply_timeout_s is None:
        return _WAITS
    return replace(_WAITS, usual_s=reply_timeout_s, other_s=reply_timeout_s)


def _ports(given: Sequence[str]) -> list[str]:
    for port in given:
        if wrong := check_port(port):
            raise UsageError(wrong, where=port)
    ports = list(dict.fromkeys(map(lasting_name, given))) or candidates()
    if not ports:
        raise UnavailableError("this machine has no serial port", hint="name one: scan PORT")
    return ports


def _print_plan(ports: Sequence[str], settings: Sequence[Setting], waits: Waits, form: str) -> None:
    if form == "json":
        print(json.dumps([plan_words.as_json(port, settings, waits) for port in ports], indent=2))
        return
    for port in ports:
        print(port)
        sys.stdout.write(plan_words.as_text(settings, waits))


def _scan(
    port: str, settings: Sequence[Setting], waits: Waits, arguments: argparse.Namespace
) -> PortFindings:
    if (user := user_of(port)) is not None:
        trouble = f"is read by another process: {user}"
        _say(f"{port}: {trouble}")
        return PortFindings(port, LineReport(), trouble)

    def link_at(baud_rate: int, line: LineSettings) -> PyserialLink:
        return PyserialLink(port, baud_rate, line)

    scan = LineScan(link_at, SystemClock(), waits, speaks_always=arguments.risky)
    try:
        with StopSignal() as stop:
            findings = PortFindings(port, scan.run(settings, stop))
    except OSError as error:
        findings = PortFindings(port, LineReport(), _trouble(port, error))
    for found in findings.report.found:
        _say(f"{port}: {words_of(found)}")
    if not findings.report.found:
        _say(f"{port}: {port_words(findings)}")
    return findings


def _trouble(port: str, error: OSError) -> str:
    return (error.strerror or str(error)).removeprefix(f"{port}: ")


def _report(findings: Sequence[PortFindings], arguments: argparse.Namespace) -> None:
    """Print the result, or raise what says that there is none."""
    text = configuration(findings)
    if arguments.format == "json":
        sys.stdout.write(as_json(findings))
    elif text and arguments.write is None:
        sys.stdout.write(text)
    if not text:
        where = ", ".join(each.port for each in findings)
        if all(each.trouble for each in findings):
            raise UnavailableError("; ".join(dict.fromkeys(each.trouble for each in findings)), where=where)
        hint = "is the device awake, A and B or RX and TX not swapped? see docs/scan.md"
        raise NothingFoundError("nothing was found", where=where, hint=hint)
    if arguments.write is not None:
        _write_new(arguments.write, text)
        _say(f"{arguments.write}: written")


def _refuse_existing(file: Path | None) -> None:
    if file is not None and file.exists():
        raise _is_there(file)


def _is_there(file: Path) -> UsageError:
    return UsageError("is there already", where=str(file), hint="give another --write, or remove it")


def _write_new(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError as error:
        raise _is_there(file) from error
    except OSError as error:
        raise StorageError(f"cannot be written: {error.strerror}", where=str(file)) from error


def _say(words: str) -> None:
    print(f"scan: {words}", file=sys.stderr, flush=True)
