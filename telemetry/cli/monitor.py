"""`nev-telemetry monitor`: live values in a terminal, of a running service, a bus, a port or a log."""

import argparse
import json
import logging
import os
import signal
import sys
import time
from pathlib import Path

from telemetry.cli.arguments import AT_PORTS, ON_BUSES, add_device_arguments, require_spoken
from telemetry.cli.bus_arguments import add_bus_arguments, bus_options
from telemetry.cli.options import add_option
from telemetry.clock import Clock
from telemetry.decode.channels import Vehicle
from telemetry.errors import EXIT_OK, ConfigError, DataError, TelemetryError, UsageError
from telemetry.logs.content import require_file
from telemetry.model.bit_rate import BitRate
from telemetry.monitor.bench import bench, can_table, log_table, python_can_table, serial_table, with_keys
from telemetry.monitor.feeds import DirectFeed, Feed, Json, ServiceFeed
from telemetry.monitor.layout import Page, view, whole
from telemetry.monitor.session import Viewing, look_once, nothing_came
from telemetry.monitor.terminal import Output, Terminal, write_picture
from telemetry.protocols.known import PROTOCOLS
from telemetry.spool.limits import spool_directory

EXAMPLES = (
    "gateway.toml",
    "--can can0 --dbc ev.dbc",
    "--serial /dev/ttyUSB0 --protocol jbd",
    "--log drive.log --dbc ev.dbc --speed 10",
)
PLAIN_EVERY_S = 2.0
PICTURE_COLUMNS, PICTURE_LINES = 100, 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "config", type=Path, nargs="?", metavar="CONFIG", help="of a running service; or its spool folder"
    )
    direct = parser.add_argument_group("without a service")
    which = direct.add_mutually_exclusive_group()
    add_option(
        which,
        "--can BUS",
        "an interface (can0), a simulator's socket (/tmp/bus), or one of python-can's as KIND:CHANNEL "
        "(slcan:/dev/ttyACM0)",
    )
    add_option(which, "--serial PORT", "a serial port; see --protocol")
    add_option(which, "--log FILE", "a log, as for decode", type=Path)
    add_option(direct, "--dbc FILE …", "a database of the bus; repeatable", type=Path)
    add_option(
        direct,
        "--map CONFIG",
        "a configuration, for what it says of a bus: databases, [[map]], [[limit]], [[protect]]",
        type=Path,
    )
    add_option(
        direct,
        "--source NAME",
        "of --map: the source that is looked at (default: the one of its name or interface)",
    )
    add_device_arguments(
        direct,
        f"what is spoken on a bus, beside its databases: {ON_BUSES}; or on --serial: {AT_PORTS}",
        of="of the device on --serial",
        maps=", or pzem_017 …",
    )
    add_option(
        direct,
        "--vehicle-profile NAME[:BUS]",
        "the vehicle that the bus is of, beside its databases: see `vehicles`, or a file of one's own",
        type=Vehicle.parse,
    )
    add_option(
        direct,
        "--speed X",
        "of --log: 1 as recorded (default in a terminal), 10 ten times as fast",
        type=float,
    )
    add_bus_arguments(parser, bit_rate_for="also of --can, for the load of the bus (default: its own)")
    add_option(parser, "--messages", "begin with the messages (key m)")
    add_option(parser, "--once", "print what is known after 2 s, of a log at its end")
    add_option(parser, "--json", "the same as one JSON object")
    add_option(parser, "--svg FILE", "the same as a picture", type=Path)


def run(arguments: argparse.Namespace) -> int:
    """Show until `q` or Ctrl-C; print once where there is no terminal."""
    is_once = arguments.once or arguments.json or arguments.svg is not None
    is_once |= not (sys.stdin.isatty() and sys.stdout.isatty())
    page = Page.MESSAGES if arguments.messages else Page.OVERVIEW
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    feed = _feed(arguments, is_once=is_once)
    try:
        if is_once:
            _once(feed, page, arguments)
        elif os.environ.get("TERM", "dumb") != "dumb":
            _draw(feed, page)
        else:
            _print_again_and_again(feed, page)
    except KeyboardInterrupt:
        if is_once:
            raise
    finally:
        feed.close()
    return EXIT_OK


def _feed(arguments: argparse.Namespace, *, is_once: bool) -> Feed:
    clock = Clock()
    options = bus_options(arguments)
    if not arguments.serial and (arguments.address is not None or arguments.registers is not None):
        raise UsageError("stand with --serial alone", where="--address, --registers")
    is_named = not options.keys() <= {"bitrate", "data_bitrate"}
    if arguments.config is not None:
        if arguments.can or arguments.serial or arguments.log or arguments.dbc or options:
            hint = "look at a log by --log FILE, at a bus by --can BUS"
            raise UsageError("CONFIG is of a running service, and stands alone", hint=hint)
        return ServiceFeed(spool_directory(arguments.config), clock)
    require_spoken([arguments.protocol], on_buses=not arguments.serial)
    if is_named and (arguments.can or arguments.serial or arguments.log):
        raise UsageError("-i and -c name a bus", hint="give them, --can, --serial or --log")
    if is_named:
        sources = python_can_table(options, arguments.dbc)
    elif arguments.can:
        sources = can_table(arguments.can, arguments.dbc, _bit_rate(arguments))
    elif arguments.serial:
        if arguments.protocol is None:
            raise UsageError("--serial needs --protocol", hint=" or ".join(sorted(PROTOCOLS)))
        sources = serial_table(arguments.serial, arguments.protocol, arguments.address, arguments.registers)
    elif arguments.log:
        require_file(arguments.log)
        speed = arguments.speed or (None if is_once else 1.0)
        sources = log_table(arguments.log, arguments.dbc, speed)
    else:
        raise UsageError(
            "nothing to look at", hint="CONFIG of a running service, --can, -i and -c, --serial or --log"
        )
    if not arguments.serial:
        sources = with_keys(sources, protocol=arguments.protocol, **_vehicle_keys(arguments.vehicle_profile))
    elif arguments.vehicle_profile:
        raise UsageError("stands beside --serial", where="--vehicle-profile", hint="leave it out")
    return DirectFeed(bench(sources, arguments.map, arguments.source or ""), clock)


def _vehicle_keys(found: Vehicle | None) -> dict[str, str]:
    if found is None:
        return {}
    from telemetry.vehicles.known import is_path, named  # with all that a profile is

    buses = named(found.profile, "--vehicle-profile").buses
    if len(buses) > 1 and not found.bus:
        hint = " or ".join(f"{found.profile}:{bus}" for bus in buses)
        raise ConfigError("names no bus of several", where="--vehicle-profile", hint=hint)
    profile = str(Path(found.profile).absolute()) if is_path(found.profile) else found.profile
    return {"vehicle_profile": profile, "vehicle_bus": found.bus}


def _bit_rate(arguments: argparse.Namespace) -> BitRate | None:
    if arguments.bitrate is None:
        if arguments.data_bitrate is not None:
            raise UsageError("--data-bitrate stands without --bitrate", hint="give both")
        return None
    return BitRate(arguments.bitrate, arguments.data_bitrate)


def _once(feed: Feed, page: Page, arguments: argparse.Namespace) -> None:
    """Print what is known, then raise UnavailableError where nothing came, or DataError for a log."""
    live = look_once(feed, page)
    error: TelemetryError | None = nothing_came(live)
    if error and arguments.log:
        error = DataError("holds no frames", where=str(arguments.log))
    if arguments.svg:
        if error:
            raise error
        drawn = view(live, PICTURE_COLUMNS, PICTURE_LINES, page=page)
        write_picture(drawn, PICTURE_COLUMNS, arguments.svg)
    elif arguments.json:
        print(json.dumps(live, indent=2))
    else:
        _print(live, page)
    if error:
        sys.stdout.flush()
        raise error


def _print(live: Json, page: Page) -> None:
    output = Output()
    output.print(whole(live, output.width, page=page))


def _draw(feed: Feed, page: Page) -> None:
    logging.basicConfig(handlers=[logging.NullHandler()])  # sources log beside their events
    with Terminal().opened() as terminal:
        Viewing(feed, terminal, page).run()


def _print_again_and_again(feed: Feed, page: Page) -> None:
    while True:
        _print(feed.read(with_messages=True), page)
        print(flush=True)
        time.sleep(PLAIN_EVERY_S)
