"""`sim SCENARIO --units PROFILE[,FAULT[:N]…]`: the scenario's vehicle as one that answers when it is asked.

The simulator knows no profile: it gets plain tables of what units answer, which are made here.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict

from firmware_sim.answering import Answering, with_cells
from firmware_sim.ecus.asked import FAULTS, AskedFault, UnitSpec
from firmware_sim.links.can import DuplexLink
from firmware_sim.links.player import play_node
from firmware_sim.scenario import Scenario
from firmware_sim.simulation import Simulation
from firmware_sim.wire.diagnostics import Address, Answer, Number
from telemetry.cli.simulator import Stop, open_link, print_clock, simulated_clock, write_log
from telemetry.errors import UsageError
from telemetry.vehicles import profile as profiles
from telemetry.vehicles.known import named

_NUMBERED = {"pending": 10, "negative": 16}  # faults with a number, and its base
_Values = profiles.Field | profiles.Cells


def run_units(
    arguments: argparse.Namespace,
    scenario: Scenario,
    stop: Stop,
    observe: Callable[[Simulation], None] | None,
) -> dict[str, object]:
    """Answer until a signal, or --duration is over; into a log as if a tester asked. Return the report."""
    name, *options = arguments.units.split(",")
    profile, (faults, length) = named(name, "--units"), _read(options)
    if not profile.units:
        raise UsageError(f"{name} broadcasts all that it tells: it has no unit to ask", where="--units")
    lengths = sorted({each for read in profile.reads for each in read.length})
    if length and length not in lengths:
        hint = f"lengths are {', '.join(map(str, lengths))}" if lengths else "leave layout out"
        raise UsageError(f"no answer of {name} has {length} bytes", where="--units", hint=hint)
    if arguments.output is None and any(fault.kind == "second-tester" for fault in faults):
        raise UsageError("a second tester asks in a log alone: on a bus you are the tester", where="--units")
    scenario = with_cells(scenario, profile.cells or scenario.pack.cells)
    simulation = Simulation(scenario, arguments.seed, duration_s=arguments.duration, observe=observe)
    units = Answering(simulation, [*_specs(profile, faults, length)])
    if arguments.output is not None:
        origin_ns = scenario.starts_at_ns if arguments.time_origin is None else arguments.time_origin
        played = write_log(units.conversation(), origin_ns, arguments.output, stop)
    else:
        clock = simulated_clock(arguments)
        with closing(open_link(arguments, stop)) as link:
            if not isinstance(link, DuplexLink):
                raise UsageError("units answer on --can or --interface, or in a log", where="--units")
            print_clock(clock)
            played = {"frames_sent": play_node(units, link, clock, unix_ns=time.time_ns, stopped=stop)}
    return played | asdict(simulation.truth())


def _read(options: list[str]) -> tuple[list[AskedFault], int]:
    """Return the faults, and the length that tells layouts apart; 0: the first one. Raises UsageError."""
    faults, length = list[AskedFault](), 0
    for option in options:
        kind, _, number = option.partition(":")
        try:
            value = int(number, _NUMBERED.get(kind, 10)) if number or kind in (*_NUMBERED, "layout") else 0
        except ValueError:
            value = -1
        if kind == "layout" and value > 0:
            length = value
        elif kind in FAULTS and (1 <= value <= 0xFF if kind in _NUMBERED else not number):
            faults.append(AskedFault(kind, value))
        else:
            hint = "pending:TIMES, negative:CODE, layout:BYTES, " + ", ".join(
                fault for fault in FAULTS if fault not in _NUMBERED
            )
            raise UsageError(f"{option!r} is no fault of a unit", where="--units", hint=hint)
    return faults, length


def _specs(profile: profiles.Profile, faults: list[AskedFault], length: int) -> Iterator[UnitSpec]:
    for unit in profile.units.values():
        answers: dict[bytes, Answer] = {}
        for read in profile.reads:
            if read.unit != unit.name:
                continue
            for page, request in enumerate(read.requests):
                if request not in answers or length in read.length:
                    answers[request] = _answer(read, page, request, length)
        pairs = [(_address(pair.request), _address(pair.answer)) for pair in unit.at]
        yield UnitSpec(pairs, [*answers.values()], faults)


def _address(end: profiles.Address) -> Address:
    return Address(end.id, end.unit)


def _answer(read: profiles.Read, page: int, request: bytes, length: int) -> Answer:
    numbers = [_number(field, field.to.removeprefix("battery.")) for field in read.fields]
    for letter, cells in (("v", read.cells), ("t", read.temperatures)):
        if cells is None:
            continue
        for at in range(cells.count):
            present_bit = -1 if cells.present is None else 8 * (cells.present + at // 8) + 7 - at % 8
            what = f"{letter}{cells.first + page * cells.count + at}"
            numbers.append(_number(cells, what, at * cells.stride, present_bit))
            if cells.unless:
                beside, start = cells.unless, _further(cells.unless, at * cells.stride)
                bits, order = beside.bit_count, (beside.little, beside.signed)
                numbers.append(Number(what, start, bits, *order, absent=beside.raws[0]))
    usual = read.length[0] if read.length else max([len(request), *(each.end_byte for each in numbers)])
    return Answer(request, length if length in read.length else usual, numbers, read.every_s)


def _number(value: _Values, what: str, further_bits: int = 0, present_bit: int = -1) -> Number:
    """Return a number as the simulator has it, so many bits after the value's own place."""
    absent = value.absent[0] if value.absent else value.valid[1] + 1 if value.valid else None
    return Number(
        what,
        _further(value, further_bits),
        value.bit_count,
        value.little,
        value.signed,
        value.scale,
        value.offset,
        absent,
        present_bit,
    )


def _further(place: profiles.Place, bits: int) -> int:
    """Return the first bit so many after the place's own, in the order of the bus."""
    swapped = 0 if place.little else 7
    return (place.start_bit ^ swapped) + bits ^ swapped
