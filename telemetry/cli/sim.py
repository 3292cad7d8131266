"""`nev-telemetry sim SCENARIO`: a simulated vehicle on a bus, on serial ports, or into a log.

With `--capture FILE --serial-link PATH`: a serial device that answers from a capture.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import partial
from math import inf
from pathlib import Path

from firmware_sim.links.pty import PtyPort
from firmware_sim.links.recorded_line import RecordedLine, play_recorded
from firmware_sim.links.serial_line import SerialLines
from firmware_sim.scenario import Scenario, load_scenario, parse_instant, scenario_names
from firmware_sim.serial_devices import KINDS
from firmware_sim.simulation import PackTruth, Simulation, TruthLog
from telemetry.cli.arguments import positive
from telemetry.cli.ending import stopped_by_signals
from telemetry.cli.options import add_option
from telemetry.cli.sim_charge import PARTS, add_charge_arguments, print_charges, run_charge
from telemetry.cli.simulator import (
    Stop,
    open_link,
    play,
    simulated_clock,
    simulator,
    write_log,
    write_report,
)
from telemetry.errors import EXIT_OK, DataError, UsageError, writing
from telemetry.logs.captures import Capture, CapturedBytes
from telemetry.model.instant import read_instant
from telemetry.settings.table import TomlTable

EXAMPLES = (
    "--list",
    "drive --output drive.log",
    "drive --can vcan0",
    "charge --serial-link jbd=/tmp/bms",
    "dc-charge --scenario 37 --output charge.log",
)
_EARLIEST_NS = 10**17  # March 1973; smaller numbers are seconds
_number = partial(positive, most=1e9)  # nanoseconds of which int64 holds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    option = partial(add_option, parser)
    parser.add_argument(
        "scenario",
        metavar="SCENARIO",
        nargs="?",
        help=f"a .toml file, or one of {', '.join((*scenario_names(), *PARTS))}",
    )
    option("--list", "the scenarios that come with the package")
    where = parser.add_mutually_exclusive_group()
    add_option(where, "--can IFACE", "send on this CAN interface")
    add_option(where, "-i, --interface NAME", "send on this interface of python-can: udp_multicast, …")
    add_option(where, "--socket PATH", "listen there, and begin with the first client", type=Path)
    add_option(where, "--output, --log FILE", "write a candump log, as fast as possible", type=Path)
    option("-c, --channel CHANNEL", "of --interface, where it needs one")
    option(
        "--serial-link [LINE=]PATH …",
        "serial devices under this link: a line of the scenario by its name, or "
        "DEVICE[:ADDRESS][,OPTION[:VALUE]…][+…]=PATH (default jbd); repeatable; there are "
        + ", ".join(KINDS),
        type=_serial_link,
    )
    option(
        "--units PROFILE[,…][,FAULT…]",
        "the vehicle's control units by a profile, which answer on --can or --interface, or in --output, "
        "where a tester asks; faults take turns with right answers: pending:TIMES, negative:CODE, "
        "wrong-identifier, broken-off, wrong-sequence, second-tester; layout:BYTES: which of several",
    )
    option(
        "--capture [PORT=]FILE",
        "in place of a scenario: the one device at --serial-link says what it said in this capture",
    )
    option("--time-scale X", "simulated seconds a second (default 1)", type=_number, default=1.0)
    option("--seed N", "another pack, another road (default 1)", type=int, default=1)
    option("--duration S", "simulated seconds (default: the scenario's); repeats it if longer", type=_number)
    option(
        "--time-origin T",
        "simulated time: seconds since 1970, ns since 1970 (by their size), or ISO 8601 …",
        type=_instant_ns,
    )
    option("--time-wall W", "… at this wall time (default for both: now)", type=_instant_ns)
    option("--report FILE", "write what the plant knows about itself (JSON)", type=Path)
    option(
        "--truth FILE",
        "write it for each simulated second, too (CSV); to FILE.json what each pack holds and resists",
        type=Path,
    )
    add_charge_arguments(parser)


@simulator()
def run(arguments: argparse.Namespace) -> int:
    """Play the scenario to its end or until a signal."""
    if arguments.list:
        _print_scenarios()
        return EXIT_OK
    if arguments.capture is not None:
        return run_capture(arguments)
    if arguments.scenario in PARTS:
        return run_charge(arguments)
    _check(arguments)
    scenario = load_scenario(arguments.scenario, TomlTable.load)
    with stopped_by_signals() as stopped, _truth(arguments.truth) as observe:
        stop = stopped.is_set
        if arguments.units is not None:
            from telemetry.cli.sim_units import run_units  # with profiles, which nothing else needs

            write_report(arguments, scenario.name, run_units(arguments, scenario, stop, observe))
            return EXIT_OK
        simulation = Simulation(scenario, arguments.seed, duration_s=arguments.duration, observe=observe)
        if arguments.output is not None:
            origin_ns = scenario.starts_at_ns if arguments.time_origin is None else arguments.time_origin
            played = write_log(simulation.frames(), origin_ns, arguments.output, stop)
        else:
            played = _play(simulation, arguments, _serial_lines(arguments, scenario, simulation), stop)
        played |= asdict(simulation.truth())
    write_report(arguments, scenario.name, played)
    return EXIT_OK


def _print_scenarios() -> None:
    for name in scenario_names():
        scenario = load_scenario(name, TomlTable.load)
        print(f"{name:<18}{scenario.planned_s / 60.0:>5.0f} min  {scenario.about}")
    print("\nof dc-charge, with --scenario:")
    print_charges()


def _check(arguments: argparse.Namespace) -> None:
    """Raise UsageError for mistakes that argparse does not find."""
    if arguments.scenario is None:
        raise UsageError("is missing", where="SCENARIO", hint="--list shows those that come with the package")
    if arguments.charge_scenario is not None or arguments.variants:
        raise UsageError(f"of {', '.join(PARTS)} alone", where="--scenario, --with")
    buses = (arguments.can, arguments.interface, arguments.socket, arguments.output)
    if not arguments.serial_link and all(bus is None for bus in buses):
        raise UsageError("say where: --can, --interface, --socket, --serial-link or --output", where="sim")
    if arguments.serial_link and arguments.output is not None:
        raise UsageError("a log has no serial port", where="--serial-link")
    if arguments.units is not None and (arguments.serial_link or arguments.socket):
        raise UsageError("answer on --can or --interface, or in --output", where="--units")
    names = [name for name, _ in arguments.serial_link]
    if len(names) != len(set(names)):
        raise UsageError("a device has one port", where="--serial-link")


@contextmanager
def _truth(file: Path | None) -> Iterator[Callable[[Simulation], None] | None]:
    """Yield what writes the truth into the file, when it is given each tick."""
    if file is None:
        yield None
        return
    with writing(file):
        stream = file.open("w", encoding="ascii")
    with stream:
        if file.suffix != ".json":
            yield TruthLog(stream, str(file)).observe
            return
        truth = PackTruth()
        yield truth.observe
        with writing(file):
            json.dump(truth.start_and_end(), stream, indent=1)


def _serial_lines(arguments: argparse.Namespace, scenario: Scenario, simulation: Simulation) -> SerialLines:
    lines = []
    for name, path in arguments.serial_link:
        try:
            line = simulation.serial_line(name)
        except ValueError as error:
            own = " or ".join(spec.name for spec in scenario.lines)
            raise UsageError(
                str(error), where="--serial-link", hint=own and f"the scenario has {own}"
            ) from None
        lines.append(line.on(PtyPort(path), name=name))
    return SerialLines(lines, lambda: simulation.now_ns)


def _play(
    simulation: Simulation, arguments: argparse.Namespace, lines: SerialLines, stop: Stop
) -> dict[str, object]:
    clock = simulated_clock(arguments)
    with closing(open_link(arguments, stop)) as link, closing(lines):
        lines.open()
        played = play(lambda _: simulation.frames(), clock, link, stop, sleep=lines.wait, attend=lines.attend)
        if not stop():
            lines.drain()
        return played | {"serial": lines.counts()}


def _serial_link(text: str) -> tuple[str, Path]:
    """Read `jbd=/tmp/bms`, `/tmp/bms`, or `jk_55aa:1+jk_55aa:2=/tmp/bus`."""
    name, equals, path = text.partition("=")
    if not equals:
        name, path = next(iter(KINDS)), text
    if not path:
        raise argparse.ArgumentTypeError(f"{text!r} is no DEVICE=PATH")
    return name, Path(path)


def _instant_ns(text: str) -> int:
    """Read a time: a small number is seconds, as of candump, a large one ns, as the simulator prints it."""
    if text.isdecimal() and _EARLIEST_NS <= int(text) < 1 << 63:
        return int(text)
    is_number = text.replace(".", "", 1).isdecimal()
    try:
        return read_instant(text).ns if is_number else parse_instant(text)
    except ValueError as error:
        what = f"{text!r} is neither seconds nor nanoseconds since 1970" if is_number else str(error)
        raise argparse.ArgumentTypeError(what) from error


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
