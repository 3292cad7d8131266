"""`sim SCENARIO --units PROFILE[,PROFILE…][,FAULT[:N]…]`: its vehicle as one that answers when it is asked.

The simulator knows no profile: it gets plain tables of what units answer, which are made here.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
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
from telemetry.vehicles.known import is_path, named, names
from telemetry.vehicles.profile import Address as End
from telemetry.vehicles.profile import Profile, Read
from telemetry.vehicles.protocol import BESIDE, Heard, heard

_NUMBERED = {"pending": 10, "negative": 16}  # faults with a number, and its base


def run_units(
    arguments: argparse.Namespace,
    scenario: Scenario,
    stop: Stop,
    observe: Callable[[Simulation], None] | None,
) -> dict[str, object]:
    """Answer until a signal, or --duration is over; into a log as if a tester asked. Return the report."""
    named_first, *others = arguments.units.split(",")
    profiles = [named(name, "--units") for name in (named_first, *filter(_is_profile, others))]
    faults, length = _read([option for option in others if not _is_profile(option)])
    _check(profiles, length)
    if arguments.output is None and any(fault.kind == "second-tester" for fault in faults):
        raise UsageError("a second tester asks in a log alone: on a bus you are the tester", where="--units")
    scenario = with_cells(scenario, max(each.cells for each in profiles) or scenario.pack.cells)
    simulation = Simulation(scenario, arguments.seed, duration_s=arguments.duration, observe=observe)
    units = Answering(simulation, [spec for each in profiles for spec in _specs(each, faults, length)])
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


def _is_profile(option: str) -> bool:
    return is_path(option) or option in names()


def _check(profiles: Sequence[Profile], length: int) -> None:
    """Raise UsageError for what has nothing to answer with, or where two would answer one request."""
    taken: dict[End, str] = {}
    for profile in profiles:
        if not profile.units:
            words = f"{profile.name} broadcasts all that it tells: it has no unit to ask"
            raise UsageError(words, where="--units")
        for pair in (pair for unit in profile.units.values() for pair in unit.at):
            if taken.setdefault(pair.answer, profile.name) != profile.name:
                words = f"{taken[pair.answer]} and {profile.name} both answer by {pair.answer}"
                raise UsageError(words, where="--units", hint="play them one by one")
    lengths = sorted({each for profile in profiles for read in profile.reads for each in read.length})
    if length and length not in lengths:
        hint = f"lengths are {', '.join(map(str, lengths))}" if lengths else "leave layout out"
        those = ", ".join(profile.name for profile in profiles)
        raise UsageError(f"no answer of {those} has {length} bytes", where="--units", hint=hint)


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
            raise UsageError(f"{option!r} is no profile and no fault of a unit", where="--units", hint=hint)
    return faults, length


def _specs(profile: Profile, faults: list[AskedFault], length: int) -> Iterator[UnitSpec]:
    for unit in profile.units.values():
        answers: dict[bytes, Answer] = {}
        for one in heard(profile):
            if isinstance(one.layout, Read) and one.layout.unit == unit.name:
                request = bytes((one.message.begins[0] - 0x40,)) + one.message.begins[1:]
                if request not in answers or length in one.layout.length:
                    answers[request] = _answer(one, one.layout, request, length)
        pairs = [(_address(pair.request), _address(pair.answer)) for pair in unit.at]
        yield UnitSpec(pairs, [*answers.values()], faults)


def _address(end: End) -> Address:
    return Address(end.id, end.unit)


def _answer(one: Heard, read: Read, request: bytes, length: int) -> Answer:
    message = one.message
    means = {each.signal.rpartition(".")[2]: each.to.removeprefix("battery.") for each in one.mapped}
    numbers = [
        Number(
            means.get(signal.name, signal.name.removesuffix(BESIDE)),
            signal.start_bit,
            signal.bit_count,
            signal.little_endian,
            signal.signed,
            signal.factor,
            signal.offset,
            signal.invalid[0] if signal.invalid else signal.valid[1] + 1 if signal.valid else None,
            signal.present_bit,
        )
        for signal in message.signals
    ]
    usual = read.length[0] if read.length else max(len(request), message.byte_count)
    return Answer(request, length if length in read.length else usual, numbers, read.every_s)
