"""What `scan` does with serial ports: shows or sends requests to read, and says who answers."""

import argparse
import errno
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from telemetry.cli.arguments import AT_PORTS, ON_BUSES, add_protocol, positive
from telemetry.cli.options import add_option
from telemetry.clock import Clock
from telemetry.errors import UnavailableError, UsageError
from telemetry.protocols.table import LineSettings
from telemetry.scan import plan_words
from telemetry.scan.findings import PortFindings, port_words, untried_words
from telemetry.scan.ports import candidates, lasting_name, user_of
from telemetry.scan.probes import Setting, scanned, settings_of, tcp_setting
from telemetry.scan.serial_scan import TCP_WAITS, LineReport, LineScan, Waits
from telemetry.sources.serial.link import PyserialLink, SerialLink, check_port
from telemetry.sources.serial.modbus_tcp import ModbusTcpLink, check_tcp_port, is_modbus_tcp
from telemetry.sources.stop import StopSignal

_LONGEST_WAIT_S = 60.0
_WAITS = Waits()

Say = Callable[[str], None]


def add_arguments(group: argparse._ArgumentGroup) -> None:
    option = partial(add_option, group)
    option("--dry-run", "print what would be sent, and send nothing")
    words = f"try this one alone; repeatable: {AT_PORTS}; of buses: {ON_BUSES}"
    add_protocol(group, words, action="append", default=[])
    option(
        "--risky", "also send what may disturb other devices, and speak on a line on which something talks"
    )
    option(
        "--reply-timeout S",
        f"how long to wait for an answer (default: {_WAITS.usual_s:g}, {_WAITS.other_s:g} at further "
        f"addresses; Modbus/TCP: {TCP_WAITS.usual_s:g}, {TCP_WAITS.other_s:g}); longer over networks",
        type=lambda text: positive(text, _LONGEST_WAIT_S),
    )


def print_plan(arguments: argparse.Namespace, say: Say) -> None:
    """Print all bytes that would be sent."""
    plans = _plans(arguments)
    if arguments.format == "json":
        print(json.dumps([plan_words.as_json(port, *plan) for port, plan in plans.items()], indent=2))
    else:
        for port, plan in plans.items():
            sys.stdout.write(f"{port}\n{plan_words.as_text(*plan, speaks_always=arguments.risky)}")
    for port in plans:
        if "://" not in port and not Path(port).exists():
            say(f"{port}: there is no such port now")
    has_line = not all(map(is_modbus_tcp, plans))
    for words in plan_words.left_out(scanned(arguments.protocol)) if has_line and not arguments.risky else ():
        say(f"left out without --risky: {words}")


def scan_ports(arguments: argparse.Namespace, say: Say) -> list[PortFindings]:
    """Look at each port."""
    plans = _plans(arguments)
    say(f"looks at {', '.join(plans)}")
    for words in dict.fromkeys(
        plan_words.in_short(*plan, speaks_always=arguments.risky) for plan in plans.values()
    ):
        say(f"at each port {words} (--dry-run prints all)")
    found = []
    for port, plan in plans.items():
        found.append(_look(port, *plan, is_risky=arguments.risky))
        kinds = Counter(device.protocol.name for device in found[-1].report.found)
        words = ", ".join(f"{count} x {name}" for name, count in kinds.items())
        trouble = f"; it {found[-1].trouble}" if found[-1].trouble else ""
        if words or not trouble or len(plans) > 1 or arguments.can or arguments.log:  # otherwise it ends all
            say(f"{port}: {f'found {words}{trouble}' if words else port_words(found[-1])}")
        if untried := untried_words(found[-1]):
            say(f"{port}: {untried}")
    return found


def _look(port: str, settings: Sequence[Setting], waits: Waits, *, is_risky: bool) -> PortFindings:
    if (user := user_of(port)) is not None:
        return PortFindings(port, LineReport(), f"is read by another process: {user}")

    def link_at(baud_rate: int, line: LineSettings) -> SerialLink:
        return ModbusTcpLink(port) if is_modbus_tcp(port) else PyserialLink(port, baud_rate, line)

    scan = LineScan(link_at, Clock(), waits, speaks_always=is_risky)
    try:
        with StopSignal() as stop:
            return PortFindings(port, scan.run(settings, stop))
    except OSError as error:
        trouble = (error.strerror or str(error)).removeprefix(f"{port}: ")
        if error.errno != errno.EPROTO and (scan.report.found or scan.report.sent):
            trouble = f"vanished in the middle of the scan: {trouble}"
        return PortFindings(port, scan.report, trouble)


def _plans(arguments: argparse.Namespace) -> dict[str, tuple[list[Setting], Waits]]:
    """Return what is tried at each port, and how long is waited there."""
    settings, reply_s = (
        settings_of(scanned(arguments.protocol), risky=arguments.risky),
        arguments.reply_timeout,
    )

    def patient(waits: Waits) -> Waits:
        return waits if reply_s is None else replace(waits, usual_s=reply_s, other_s=reply_s)

    line, tcp = (settings, patient(_WAITS)), ([tcp_setting()], patient(TCP_WAITS))
    plans = {port: tcp if is_modbus_tcp(port) else line for port in _ports(arguments.ports)}
    if arguments.protocol and "modbus" not in arguments.protocol and any(map(is_modbus_tcp, plans)):
        raise UsageError(
            "is for serial ports: over tcp:// devices speak modbus",
            where=f"--protocol {arguments.protocol[0]}",
        )
    return plans


def _ports(given: Sequence[str]) -> list[str]:
    for port in given:
        if wrong := check_tcp_port(port) if is_modbus_tcp(port) else check_port(port):
            raise UsageError(wrong, where=port)
        if Path(port).is_file():
            raise UsageError(
                "is a file and not a port", where=port, hint="of the log of a CAN bus: scan --log FILE"
            )
    ports = list(dict.fromkeys(map(lasting_name, given))) or candidates()
    if not ports:
        raise UnavailableError("this machine has no serial port", hint="name one: scan PORT")
    return ports
