"""`nev-telemetry scan`: which devices are at serial ports, and what is spoken on a bus."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from telemetry.cli import scan_can, scan_ports
from telemetry.cli.arguments import require_spoken
from telemetry.cli.options import add_option
from telemetry.errors import EXIT_OK, NothingFoundError, UnavailableError, UsageError, writing
from telemetry.logs.unread import Unread
from telemetry.protocols.known import CAN_PROTOCOLS, PROTOCOLS
from telemetry.scan import can_findings, findings
from telemetry.scan.can_findings import BusFindings
from telemetry.scan.findings import PortFindings
from telemetry.scan.probes import scanned
from telemetry.scan.toml_words import SourceNames
from telemetry.sources.serial.modbus_tcp import is_modbus_tcp

EXAMPLES = (
    "",
    "/dev/ttyUSB0 --dry-run",
    "--can can0 --dbc ev.dbc",
    "--log drive.log --dbc ev.dbc",
)
_NO_DEVICE = "is it awake, A and B or RX and TX not swapped?{} See docs/scan.md"
_NO_UNIT = "is it one of the units that are asked? see docs/scan.md"
_NO_FRAMES = "is the vehicle awake, is it the right bit rate? see docs/scan.md"
_ERROR_FRAMES = "it has another bit rate, or CAN FD another data rate; see docs/scan.md"
_NO_FIT = "name databases that may fit: --dbc FILE or FOLDER; docs/look.md lists public ones"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "ports",
        metavar="PORT",
        nargs="*",
        help="serial ports: paths, socket://HOST:PORT, rfc2217://HOST:PORT (default: all of this machine, "
        "unless a bus or log is named); tcp://HOST[:PORT] of Modbus/TCP",
    )
    scan_ports.add_arguments(parser.add_argument_group("serial ports"))
    scan_can.add_arguments(parser.add_argument_group("buses"))
    add_option(parser, "--write FILE", "write the configuration there; never over a file", type=Path)
    add_option(parser, "--format", "default %(default)s", choices=("text", "json"), default="text")


def run(arguments: argparse.Namespace) -> int:
    """Look, and print a configuration; what happens on the way goes to stderr."""
    has_bus = bool(arguments.can or arguments.log)
    if arguments.dbc and not has_bus:
        raise UsageError("names databases of a bus", where="--dbc", hint="add --can BUS or --log LOG")
    has_port = bool(arguments.ports) or not has_bus
    if has_port != has_bus:
        require_spoken(arguments.protocol, on_buses=has_bus)
    arguments.spoken_on_buses = [name for name in arguments.protocol if name in CAN_PROTOCOLS]
    arguments.protocol = [name for name in arguments.protocol if name in PROTOCOLS]
    if arguments.dry_run:
        if has_port:
            scan_ports.print_plan(arguments, _say)
        if has_bus:
            _say("nothing is sent on buses: they are listened to")
        return EXIT_OK
    if arguments.write is not None and arguments.write.exists():
        raise _is_there(arguments.write)
    ports = scan_ports.scan_ports(arguments, _say) if has_port else []
    unread = Unread(arguments.log)
    buses = scan_can.scan_buses(arguments, _say, unread) if has_bus else []
    for bus in buses if arguments.write is not None or arguments.format == "json" else ():
        for line in can_findings.words_of(bus):
            _say(line)
    _report(ports, buses, arguments)
    unread.raise_any()
    return EXIT_OK


def _report(
    ports: Sequence[PortFindings], buses: Sequence[BusFindings], arguments: argparse.Namespace
) -> None:
    """Print the result, or raise an error if nothing was found."""
    names = SourceNames()
    blocks = [findings.configuration(ports, names), *(can_findings.block(bus, names) for bus in buses)]
    text = "\n".join(filter(None, blocks))
    if arguments.format == "json":
        found_devices = {
            "ports": [findings.as_json(port) for port in ports],
            "buses": [can_findings.as_json(bus) for bus in buses],
            "configuration": text,
        }
        print(json.dumps(found_devices, indent=2, ensure_ascii=False))
    elif arguments.write is None:
        sys.stdout.write(text)
    if not text:
        for bus in buses:
            _say("; ".join(can_findings.words_of(bus)))
        raise _nothing(ports, buses, arguments)
    if arguments.write is not None:
        _write_new(arguments.write, text)
        _say(f"{arguments.write}: written")


def _nothing(
    ports: Sequence[PortFindings], buses: Sequence[BusFindings], arguments: argparse.Namespace
) -> Exception:
    where = ", ".join([*(port.port for port in ports), *(bus.where for bus in buses)])
    if not buses and all(port.trouble for port in ports):
        return UnavailableError("; ".join(dict.fromkeys(port.trouble for port in ports)), where=where)
    if any(is_modbus_tcp(port.port) for port in ports):
        return NothingFoundError("nothing was found", where=where, hint=_NO_UNIT)
    if ports:
        asked = () if arguments.risky else scanned(arguments.protocol)
        left_out = ", ".join(protocol.name for protocol in asked if protocol.scan.risk)
        more = f" --risky tries {left_out}." if left_out else ""
        return NothingFoundError("nothing was found", where=where, hint=_NO_DEVICE.format(more))
    if any(bus.traffic.frames for bus in buses):
        return NothingFoundError("nothing that is known fits", where=where, hint=_NO_FIT)
    if any(bus.traffic.errors for bus in buses):
        return NothingFoundError("error frames came, and no others", where=where, hint=_ERROR_FRAMES)
    return NothingFoundError("no frames came", where=where or "the log", hint=_NO_FRAMES)


def _is_there(file: Path) -> UsageError:
    return UsageError("is there already", where=str(file), hint="give another --write, or remove it")


def _write_new(file: Path, text: str) -> None:
    with writing(file):
        try:
            stream = file.open("x", encoding="utf-8")
        except FileExistsError as error:
            raise _is_there(file) from error
        with stream:
            stream.write(text)


def _say(words: str) -> None:
    print(f"scan: {words}", file=sys.stderr, flush=True)
