"""`nev-telemetry sim dc-charge`: a DC charge by GB/T 27930, both ends on one bus or into a log."""

import argparse
from contextlib import closing

from firmware_sim.charge import Charge, ChargeSpec
from firmware_sim.charge_scenario import (
    GOOD,
    ChargeScenario,
    charge_scenario_names,
    find_charge_scenario,
    load_charge_scenario,
)
from firmware_sim.faults.charge_read import VARIANTS
from telemetry.cli.sim_playing import (
    open_link,
    play,
    simulated_clock,
    stop_signals,
    write_log,
    write_report,
)
from telemetry.errors import EXIT_OK, UsageError

PARTS = ("dc-charge",)


def add_charge_arguments(parser: argparse.ArgumentParser) -> None:
    """What only a charge has."""
    charge = parser.add_argument_group("of a DC charge (dc-charge)")
    charge.add_argument(
        "--scenario",
        metavar="NAME",
        dest="charge_scenario",
        help=f"a .toml file, or one of --list, by name or number (default {GOOD})",
    )
    charge.add_argument(
        "--with",
        metavar="VARIANT",
        dest="variants",
        action="append",
        choices=tuple(VARIANTS),
        default=[],
        help=f"what changes no outcome: {', '.join(VARIANTS)}; repeatable",
    )


def print_charges() -> None:
    """The scenarios of a charge that come with the package, a line each."""
    for name in charge_scenario_names():
        print(f"{name:<22}{load_charge_scenario(find_charge_scenario(name)).about}")


def run_charge(arguments: argparse.Namespace) -> int:
    """Play the charge to its end or until a signal."""
    _check(arguments)
    scenario = load_charge_scenario(find_charge_scenario(arguments.charge_scenario or GOOD))
    spec = _spec(scenario, arguments)
    with stop_signals() as stop:
        if arguments.output is not None:
            origin_ns = scenario.starts_at_ns if arguments.time_origin is None else arguments.time_origin
            charge = Charge(spec, arguments.seed, starts_at_ns=origin_ns)
            played = write_log(charge.frames(), origin_ns, arguments.output, stop)
        else:
            clock = simulated_clock(arguments)
            charge = Charge(spec, arguments.seed, starts_at_ns=clock.origin_ns)
            with closing(open_link(arguments, stop)) as link:
                played = play(charge.frames(), clock, link, stop)
    if arguments.report is not None:
        report = {"scenario": scenario.name, "seed": arguments.seed} | played
        write_report(arguments.report, report | charge.truth().as_dict())
    return EXIT_OK


def _check(arguments: argparse.Namespace) -> None:
    """Raises UsageError for mistakes that argparse does not find."""
    if arguments.serial_link:
        raise UsageError("a charge has no serial port", where="--serial-link")
    if arguments.truth is not None:
        raise UsageError("a charge has a --report alone", where="--truth")
    if all(bus is None for bus in (arguments.can, arguments.socket, arguments.output)):
        raise UsageError("say where: --can, --socket or --log", where=f"sim {arguments.scenario}")


def _spec(scenario: ChargeScenario, arguments: argparse.Namespace) -> ChargeSpec:
    variants = tuple(plan for name in arguments.variants for plan in VARIANTS[name])
    spec = ChargeSpec(scenario.pack, scenario.charger, scenario.vehicle, scenario.faults + variants)
    if arguments.duration is None:
        return spec
    return ChargeSpec(spec.pack, spec.charger, spec.vehicle, spec.faults, at_most_s=arguments.duration)
