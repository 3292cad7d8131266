"""`nev-telemetry sim SCENARIO`: a simulated vehicle on a bus, on serial ports, or into a log."""

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

from firmware_sim.faults.kinds import SERIAL_DEVICES
from firmware_sim.faults.serial import SerialFaults
from firmware_sim.links.can import CandumpLog, Link, NoLink, RawSocketLink, SeqpacketLink
from firmware_sim.links.player import Player, SimulatedClock, record
from firmware_sim.links.pty import PtyPort
from firmware_sim.links.serial_line import SerialLine, SerialLines
from firmware_sim.scenario import Scenario, find_scenario, load_scenario, parse_instant, scenario_names
from firmware_sim.simulation import Simulation
from firmware_sim.truth import TruthLog
from telemetry.cli.arguments import positive
from telemetry.errors import EXIT_OK, StorageError, UsageError

HELP = "a simulated vehicle on a bus, on serial ports or into a log"
_number = partial(positive, most=1e9)  # nanoseconds of which int64 holds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "scenario",
        metavar="SCENARIO",
        nargs="?",
        help=f"a .toml file, or one of {', '.join(scenario_names())}",
    )
    parser.add_argument("--list", action="store_true", help="the scenarios that come with the package")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--can", metavar="IFACE", help="send on this CAN interface")
    where.add_argument(
        "--socket", metavar="PATH", type=Path, help="listen there, and begin with the first client"
    )
    where.add_argument("--output", metavar="FILE", type=Path, help="write a candump log, as fast as possible")
    parser.add_argument(
        "--serial-link",
        metavar="[DEVICE=]PATH",
        type=_serial_link,
        action="append",
        default=[],
        help=f"a serial device under this link: {' or '.join(SERIAL_DEVICES)} (default jbd); repeatable",
    )
    parser.add_argument(
        "--time-scale", metavar="X", type=_number, default=1.0, help="simulated seconds a second"
    )
    parser.add_argument(
        "--seed", metavar="N", type=int, default=1, help="another pack, another road (default 1)"
    )
    parser.add_argument(
        "--duration", metavar="S", type=_number, help="simulated seconds; repeats the scenario if longer"
    )
    parser.add_argument(
        "--time-origin", metavar="T", type=_instant_ns, help="simulated time, ns since 1970 or ISO 8601 …"
    )
    parser.add_argument(
        "--time-wall", metavar="W", type=_instant_ns, help="… at this wall time (default for both: now)"
    )
    parser.add_argument(
        "--report", metavar="FILE", type=Path, help="write what the plant knows about itself (JSON)"
    )
    parser.add_argument(
        "--truth", metavar="FILE", type=Path, help="write it for each simulated second, too (CSV)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Play the scenario to its end or until a signal."""
    if arguments.list:
        _print_scenarios()
        return EXIT_OK
    _check(arguments)
    scenario = load_scenario(find_scenario(arguments.scenario))
    with _stop_signals() as stop, _truth_log(arguments.truth) as log:
        observe = None if log is None else log.observe
        simulation = Simulation(scenario, arguments.seed, duration_s=arguments.duration, observe=observe)
        if arguments.output is not None:
            origin_ns = scenario.starts_at_ns if arguments.time_origin is None else arguments.time_origin
            played = _record(simulation, origin_ns, arguments.output, stop)
        else:
            lines = _serial_lines(arguments, scenario, simulation)
            with closing(_open_link(arguments, stop)) as link, closing(lines):
                lines.open()
                played = _play(simulation, _clock(arguments), link, lines, stop)
    if arguments.report is not None:
        _write_report(arguments.report, {"scenario": scenario.name, "seed": arguments.seed} | played)
    return EXIT_OK


def _print_scenarios() -> None:
    for name in scenario_names():
        scenario = load_scenario(find_scenario(name))
        print(f"{name:<18}{scenario.planned_s / 60.0:>5.0f} min  {scenario.about}")


def _check(arguments: argparse.Namespace) -> None:
    """Raises UsageError for mistakes that argparse does not find."""
    if arguments.scenario is None:
        raise UsageError("is missing", where="SCENARIO", hint="--list shows those that come with the package")
    buses = (arguments.can, arguments.socket, arguments.output)
    if not arguments.serial_link and all(bus is None for bus in buses):
        raise UsageError("say where: --can, --socket, --serial-link or --output", where="sim")
    if arguments.serial_link and arguments.output is not None:
        raise UsageError("a log has no serial port", where="--serial-link")
    names = [name for name, _ in arguments.serial_link]
    if len(names) != len(set(names)):
        raise UsageError("a device has one port", where="--serial-link")


class _Stop:
    """Set by a signal; asked between two frames."""

    def __init__(self) -> None:
        self.requested = False

    def __call__(self) -> bool:
        return self.requested

    def request(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # a signal handler's signature
        self.requested = True


@contextmanager
def _stop_signals() -> Iterator[_Stop]:
    stop = _Stop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, stop.request) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def _truth_log(file: Path | None) -> Iterator[TruthLog | None]:
    if file is None:
        yield None
        return
    try:
        stream = file.open("w", encoding="ascii")
    except OSError as error:
        raise StorageError(f"cannot be written: {error.strerror}", where=str(file)) from error
    with stream:
        yield TruthLog(stream, str(file))


def _serial_lines(arguments: argparse.Namespace, scenario: Scenario, simulation: Simulation) -> SerialLines:
    devices = simulation.serial_devices()
    lines = [
        SerialLine(name, devices[name], PtyPort(path), SerialFaults(name, scenario.faults, arguments.seed))
        for name, path in arguments.serial_link
    ]
    return SerialLines(lines, lambda: simulation.now_ns)


def _record(simulation: Simulation, origin_ns: int, file: Path, stop: _Stop) -> dict[str, object]:
    try:
        with file.open("w", encoding="ascii") as stream:
            record(simulation.frames(), CandumpLog(stream), origin_ns, stop)
    except OSError as error:
        raise StorageError(f"cannot be written: {error.strerror}", where=str(file)) from error
    return {"time_start_ns": origin_ns} | simulation.truth().as_dict()


def _play(
    simulation: Simulation, clock: SimulatedClock, link: Link, lines: SerialLines, stop: _Stop
) -> dict[str, object]:
    # What the service's source needs to know, as its configuration wants it.
    print(f"time_scale = {clock.scale}")
    print(f"time_origin_ns = {clock.origin_ns}")
    print(f"time_wall_ns = {clock.wall_ns}", flush=True)
    player = Player(
        link,
        clock,
        unix_ns=time.time_ns,
        sleep=lines.wait,
        stopped=stop,
        on_behind=_say_behind,
        attend=lines.attend,
    )
    start_ns = player.play(simulation.frames())
    if not stop.requested:
        lines.drain()
    return {
        "time_scale": clock.scale,
        "time_origin_ns": clock.origin_ns,
        "time_wall_ns": clock.wall_ns,
        "time_start_ns": start_ns,
        "frames_sent": player.sent - link.not_sent,
        "late_max_s": player.late_max_s,
        "serial": lines.counts(),
    } | simulation.truth().as_dict()


def _clock(arguments: argparse.Namespace) -> SimulatedClock:
    now_ns = time.time_ns()
    return SimulatedClock(
        scale=arguments.time_scale,
        origin_ns=now_ns if arguments.time_origin is None else arguments.time_origin,
        wall_ns=now_ns if arguments.time_wall is None else arguments.time_wall,
    )


def _open_link(arguments: argparse.Namespace, stop: _Stop) -> Link:
    if arguments.can is not None:
        return RawSocketLink.open(arguments.can, time.sleep)
    return NoLink() if arguments.socket is None else SeqpacketLink(arguments.socket, stop)


def _say_behind(seconds: float) -> None:
    print(
        f"sim: {seconds:.1f} s behind: the machine or the reader is too slow for this --time-scale",
        file=sys.stderr,
    )


def _write_report(file: Path, report: dict[str, object]) -> None:
    try:
        file.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot be written: {error.strerror}", where=str(file)) from error


def _serial_link(text: str) -> tuple[str, Path]:
    """`jbd=/tmp/bms` or `/tmp/bms`."""
    name, equals, path = text.partition("=")
    if not equals:
        name, path = SERIAL_DEVICES[0], text
    if name not in SERIAL_DEVICES or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is no DEVICE=PATH of {' or '.join(SERIAL_DEVICES)}")
    return name, Path(path)


def _instant_ns(text: str) -> int:
    if text.isdecimal():
        return int(text)
    try:
        return parse_instant(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
