"""What `scan` does with serial ports: shows or sends requests to read, and says who answers."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from telemetry.cli.arguments import AT_PORTS, ON_BUSES, add_protocol, positive
from telemetry.clock import Clock
from telemetry.errors import UnavailableError, UsageError
from telemetry.protocols.table import LineSettings
from telemetry.scan import plan_words
from telemetry.scan.findings import PortFindings, port_words, untried_words
from telemetry.scan.ports import candidates, lasting_name, user_of
from telemetry.scan.probes import Setting, scanned, settings_of
from telemetry.scan.serial_scan import LineReport, LineScan, Waits
from telemetry.sources.serial.link import PyserialLink, check_port
from telemetry.sources.stop import StopSignal

_LONGEST_WAIT_S = 60.0
_WAITS = Waits()

Say = Callable[[str], None]


def add_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--dry-run", action="store_true", help="print what would be sent, and send nothing")
    words = f"try this one alone; repeatable: {AT_PORTS}; of buses: {ON_BUSES}"
    add_protocol(group, words, action="append", default=[])
    group.add_argument(
        "--risky",
        action="store_true",
        help="also send what may disturb other devices, and speak on a line on which something talks",
    )
    group.add_argument(
        "--reply-timeout",
        metavar="S",
        type=lambda text: positive(text, _LONGEST_WAIT_S),
        help=f"how long to wait for an answer (default: {_WAITS.usual_s:g}, {_WAITS.other_s:g} at further "
        "addresses); longer over networks",
    )


def print_plan(arguments: argparse.Namespace, say: Say) -> None:
    """Print all bytes that would be sent."""
    protocols = scanned(arguments.protocol)
    settings, waits = settings_of(protocols, risky=arguments.risky), _waits(arguments)
    ports = _ports(arguments.ports)
    if arguments.format == "json":
        print(json.dumps([plan_words.as_json(port, settings, waits) for port in ports], indent=2))
    else:
        for port in ports:
            sys.stdout.write(f"{port}\n{plan_words.as_text(settings, waits, speaks_always=arguments.risky)}")
    for port in ports:
        if "://" not in port and not Path(port).exists():
            say(f"{port}: there is no such port now")
    for words in () if arguments.risky else plan_words.left_out(protocols):
        say(f"left out without --risky: {words}")


def scan_ports(arguments: argparse.Namespace, say: Say) -> list[PortFindings]:
    """Look at each port."""
    settings = settings_of(scanned(arguments.protocol), risky=arguments.risky)
    waits, ports = _waits(arguments), _ports(arguments.ports)
    say(f"looks at {', '.join(ports)}")
    plan = plan_words.in_short(settings, waits, speaks_always=arguments.risky)
    say(f"at each port {plan} (--dry-run prints all)")
    found = []
    for port in ports:
        found.append(_look(port, settings, waits, is_risky=arguments.risky))
        kinds = Counter(device.protocol.name for device in found[-1].report.found)
        words = ", ".join(f"{count} x {name}" for name, count in kinds.items())
        trouble = f"; it {found[-1].trouble}" if found[-1].trouble else ""
        say(f"{port}: {f'found {words}{trouble}' if words else port_words(found[-1])}")
        if untried := untried_words(found[-1]):
            say(f"{port}: {untried}")
    return found


def _look(port: str, settings: Sequence[Setting], waits: Waits, *, is_risky: bool) -> PortFindings:
    if (user := user_of(port)) is not None:
        return PortFindings(port, LineReport(), f"is read by another process: {user}")

    def link_at(baud_rate: int, line: LineSettings) -> PyserialLink:
        return PyserialLink(port, baud_rate, line)

    scan = LineScan(link_at, Clock(), waits, speaks_always=is_risky)
    try:
        with StopSignal() as stop:
            return PortFindings(port, scan.run(settings, stop))
    except OSError as error:
        trouble = (error.strerror or str(error)).removeprefix(f"{port}: ")
        if scan.report.found or scan.report.sent:
            trouble = f"vanished in the middle of the scan: {trouble}"
        return PortFindings(port, scan.report, trouble)


def _waits(arguments: argparse.Namespace) -> Waits:
    reply_s = arguments.reply_timeout
    return _WAITS if reply_s is None else replace(_WAITS, usual_s=reply_s, other_s=reply_s)


def _ports(given: Sequence[str]) -> list[str]:
    for port in given:
        if wrong := check_port(port):
            raise UsageError(wrong, where=port)
        if Path(port).is_file():
            raise UsageError(
                "is a file and not a port", where=port, hint="of the log of a CAN bus: scan --log FILE"
            )
    ports = list(dict.fromkeys(map(lasting_name, given))) or candidates()
    if not ports:
        raise UnavailableError("this machine has no serial port", hint="name one: scan PORT")
    return ports
