"""`nev-telemetry sim dc-charge`: a DC charge by GB/T 27930, both ends on one bus or into a log."""

import argparse
from contextlib import closing

from firmware_sim.charging import Charge, ChargeSpec
from firmware_sim.plant.pack import PackSpec
from firmware_sim.scenario import parse_instant
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

_STARTS_AT_NS = parse_instant("2026-03-02T10:00:00Z")


def run_charge(arguments: argparse.Namespace) -> int:
    """Play the charge to its end or until a signal."""
    if arguments.serial_link:
        raise UsageError("a charge has no serial port", where="--serial-link")
    if all(bus is None for bus in (arguments.can, arguments.socket, arguments.output)):
        raise UsageError("say where: --can, --socket or --log", where=f"sim {arguments.scenario}")
    spec = ChargeSpec(pack=PackSpec(start_soc_pct=30.0, start_temp_c=22.0))
    with stop_signals() as stop:
        if arguments.output is not None:
            origin_ns = _STARTS_AT_NS if arguments.time_origin is None else arguments.time_origin
            charge = Charge(spec, arguments.seed, starts_at_ns=origin_ns)
            played = write_log(charge.frames(), origin_ns, arguments.output, stop)
        else:
            clock = simulated_clock(arguments)
            charge = Charge(spec, arguments.seed, starts_at_ns=clock.origin_ns)
            with closing(open_link(arguments, stop)) as link:
                played = play(charge.frames(), clock, link, stop)
    if arguments.report is not None:
        report = {"scenario": arguments.scenario, "seed": arguments.seed} | played
        write_report(arguments.report, report | charge.truth().as_dict())
    return EXIT_OK
