"""`nev-telemetry sim dc-charge`: a DC charge by GB/T 27930, both ends on one bus or into a log.

`sim gbt-charger` and `sim gbt-vehicle` play one end, which listens to the other one on the bus.
"""

import argparse
import time
from contextlib import closing
from dataclasses import asdict, replace

from firmware_sim.charge import ChargeEnd, ChargeSpec, DcCharge
from firmware_sim.charge_scenario import (
    GOOD,
    ChargeScenario,
    charge_scenario_names,
    load_charge_scenario,
)
from firmware_sim.faults.charge_kinds import VARIANTS
from firmware_sim.links.can import DuplexLink, RawSocketLink
from firmware_sim.links.player import floor_ns, play_node
from firmware_sim.links.python_can import PythonCanLink
from telemetry.cli.ending import stopped_by_signals
from telemetry.cli.options import add_option
from telemetry.cli.simulator import (
    Stop,
    open_link,
    play,
    print_clock,
    simulated_clock,
    write_log,
    write_report,
)
from telemetry.errors import EXIT_OK, UsageError
from telemetry.settings.table import TomlTable

PARTS = ("dc-charge", "gbt-charger", "gbt-vehicle")
_LATE_S, _LATE_SIMULATED_S = 0.1, 2.0  # by which a machine may be late before a charge leaves frames out
_SIDES = {"gbt-charger": "charger", "gbt-vehicle": "vehicle"}


def add_charge_arguments(parser: argparse.ArgumentParser) -> None:
    charge = parser.add_argument_group("of a DC charge (dc-charge, gbt-charger, gbt-vehicle)")
    add_option(
        charge,
        "--scenario NAME",
        f"a .toml file, or one of --list, by name or number (default {GOOD})",
        dest="charge_scenario",
    )
    add_option(
        charge,
        "--with VARIANT …",
        f"what changes no outcome: {', '.join(VARIANTS)}; repeatable",
        dest="variants",
        choices=tuple(VARIANTS),
    )


def print_charges() -> None:
    """Print the scenarios of a charge that come with the package, a line each."""
    for name in charge_scenario_names():
        print(f"{name:<22}{load_charge_scenario(name, TomlTable.load).about}")


def run_charge(arguments: argparse.Namespace) -> int:
    """Play the charge to its end or until a signal."""
    _check(arguments)
    scenario = load_charge_scenario(arguments.charge_scenario or GOOD, TomlTable.load)
    spec = _spec(scenario, arguments)
    with stopped_by_signals() as stopped:
        stop = stopped.is_set
        if arguments.scenario in _SIDES:
            played = _play_end(spec, arguments, stop)
        elif arguments.output is not None:
            origin_ns = scenario.starts_at_ns if arguments.time_origin is None else arguments.time_origin
            charge = DcCharge(spec, arguments.seed, starts_at_ns=origin_ns)
            played = write_log(charge.frames(), origin_ns, arguments.output, stop)
            played |= asdict(charge.truth())
        else:
            clock = simulated_clock(arguments)
            charge = DcCharge(spec, arguments.seed, starts_at_ns=clock.origin_ns)
            with closing(open_link(arguments, stop)) as link:
                late_ns = round(min(_LATE_S * clock.scale, _LATE_SIMULATED_S) * 1e9)
                played = play(lambda passed_ns: charge.frames(passed_ns, late_ns), clock, link, stop)
                played |= asdict(charge.truth())
    write_report(arguments, scenario.name, played)
    return EXIT_OK


def _play_end(spec: ChargeSpec, arguments: argparse.Namespace, stop: Stop) -> dict[str, object]:
    """Play one end until it is silent for good."""
    clock = simulated_clock(arguments)
    end = ChargeEnd(
        spec,
        _SIDES[arguments.scenario],
        arguments.seed,
        starts_at_ns=clock.simulated_at(time.time_ns()),
        floor_ns=floor_ns(clock.scale),
    )
    until_ns = None if arguments.duration is None else round(arguments.duration * 1e9)
    link: DuplexLink
    if arguments.can is not None:
        link = RawSocketLink.open(arguments.can, time.sleep)
    else:
        link = PythonCanLink.open(arguments.interface, arguments.channel)
    with closing(link):
        print_clock(clock)
        sent = play_node(end, link, clock, unix_ns=time.time_ns, stopped=stop, until_ns=until_ns)
    return {"frames_sent": sent} | end.truth()


def _check(arguments: argparse.Namespace) -> None:
    """Raise UsageError for mistakes that argparse does not find."""
    if arguments.serial_link:
        raise UsageError("a charge has no serial port", where="--serial-link")
    if arguments.truth is not None:
        raise UsageError("a charge has a --report alone", where="--truth")
    where = f"sim {arguments.scenario}"
    if arguments.can is None and arguments.interface is None:
        if arguments.scenario in _SIDES:
            raise UsageError("say where the other end is: --can or --interface", where=where)
        if arguments.socket is None and arguments.output is None:
            raise UsageError("say where: --can, --interface, --socket or --log", where=where)


def _spec(scenario: ChargeScenario, arguments: argparse.Namespace) -> ChargeSpec:
    variants = tuple(plan for name in arguments.variants for plan in VARIANTS[name])
    spec = ChargeSpec(scenario.pack, scenario.charger, scenario.vehicle, scenario.faults + variants)
    return spec if arguments.duration is None else replace(spec, at_most_s=arguments.duration)
