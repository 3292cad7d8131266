"""What `scan` does with buses and logs of buses: listens, and says what fits."""

import argparse
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Any

from telemetry.cli.arguments import add_dbc, positive
from telemetry.cli.ending import ended_by_signals
from telemetry.cli.options import add_option
from telemetry.clock import Clock
from telemetry.databases.bus import BusDatabases
from telemetry.databases.plan_cache import load_plan, user_cache_directory
from telemetry.decode.channels import Database
from telemetry.errors import ConfigError, UnavailableError
from telemetry.logs.content import require_file
from telemetry.logs.unread import Unread
from telemetry.model.bit_rate import BitRate
from telemetry.scan.bit_rates import find_bit_rate, interface, listening_only
from telemetry.scan.can_findings import BusFindings
from telemetry.scan.can_scan import Candidate, database_candidate, judge, known_candidates, periods_ms
from telemetry.scan.traffic import BusTraffic, listen, traffic_of_logs
from telemetry.sources.can.netlink import interface_bit_rate
from telemetry.sources.can.sockets import NO_CAN, kernel_has_can

LISTEN_S = 5.0
_RATE_S = 2.0  # at each bit rate that is tried
_ENOUGH_FRAMES = 50  # to know whether it is the right one
_CHANNEL_OF_KIND = ":"
# Of python-can's kinds those that can do without acknowledging frames, which disturbs a bus of another bit
# rate, and how they are asked to.
_LISTENING_ONLY: Mapping[str, Mapping[str, Any]] = {
    "slcan": {"listen_only": True},
    "vector": {"listen_only": True},
    "seeedstudio": {"operation_mode": "silent"},
    "virtual": {},
    "udp_multicast": {},
}

Say = Callable[[str], None]


def add_arguments(group: argparse._ArgumentGroup) -> None:
    option = partial(add_option, group)
    option(
        "--can BUS …", "listen to an interface (can0), or to one of python-can's as KIND:CHANNEL; repeatable"
    )
    option("--log LOG …", "look at a log in its place; repeatable", type=Path)
    add_dbc(group, "a database that may fit, a folder of them or a quoted glob")
    option(
        "--seconds S", "listen to each bus for so long (default %(default)g)", type=positive, default=LISTEN_S
    )


def scan_buses(arguments: argparse.Namespace, say: Say, unread: Unread) -> list[BusFindings]:
    """Return each bus, and each channel of the logs, with what fits. unread: of the logs."""
    only = arguments.spoken_on_buses
    fitting = candidates_of(arguments.dbc, say, only)
    found = []
    for where, name, traffic, bit_rate, options in chain(
        _buses(arguments, say), _channels(arguments.log, say, unread)
    ):
        found.append(BusFindings(where, name, traffic, judge(traffic, fitting(name)), bit_rate, options))
    return found


def candidates_of(
    given: Sequence[Database], say: Say, only: Collection[str] = ()
) -> Callable[[str], list[Candidate]]:
    """Return what a channel may be, by its name: a protocol, of `only` if any, or a database given for it."""
    known = [one for one in known_candidates() if not only or one.name in only]
    candidates = [*known, *_database_candidates(given, say)]
    channels = {database.file: database.channel for database in given}
    return lambda name: [
        one for one in candidates if not one.database or channels[one.database] in ("", name)
    ]


_Bus = tuple[str, str, BusTraffic, BitRate | None, dict[str, Any] | None]


def _channels(logs: Sequence[Path], say: Say, unread: Unread) -> Iterable[_Bus]:
    for log in logs:
        require_file(log)
    for name, traffic in traffic_of_logs(logs, say, unread).items() if logs else ():
        yield f"{', '.join(map(str, logs))}, channel {name}", name, traffic, None, None


def _buses(arguments: argparse.Namespace, say: Say) -> Iterable[_Bus]:
    clock = Clock()
    for bus in arguments.can:
        kind, colon, channel = bus.partition(_CHANNEL_OF_KIND)
        if colon:
            options = {"interface": kind, "channel": channel}
            how = (
                "sends nothing" if kind in _LISTENING_ONLY else "sends no frames, but may acknowledge others'"
            )
            say(f"{bus}: listens for {arguments.seconds:g} s, and {how}")
            traffic = listen({**options, **_LISTENING_ONLY.get(kind, {})}, clock, arguments.seconds)
            yield bus, channel or kind, traffic, None, options
        else:
            traffic, bit_rate = _interface(bus, arguments.seconds, say)
            yield bus, bus, traffic, bit_rate, None


def _interface(name: str, seconds: float, say: Say) -> tuple[BusTraffic, BitRate | None]:
    """Listen at its own rate if it is up; otherwise at the rate at which frames come."""
    clock = Clock()
    options = {"interface": "socketcan", "channel": name, "fd": True}
    if not kernel_has_can():
        hint = "an adapter of python-can may do without: --can slcan:/dev/ttyACM0"
        raise UnavailableError(NO_CAN, where=name, hint=hint)
    found = interface(name)
    if found.is_up:
        say(f"{name}: is up: listens for {seconds:g} s at its own rate, and sends nothing")
        return listen(options, clock, seconds), interface_bit_rate(name)
    if found.kind != "can":
        raise UnavailableError("is down", where=name, hint=f"ip link set {name} up")
    say(f"{name}: is down: tries bit rates, listening only")
    tried: list[BusTraffic] = []

    def hear() -> BusTraffic:
        tried.append(listen(options, clock, _RATE_S, most=_ENOUGH_FRAMES))
        return tried[-1]

    with ended_by_signals(_interrupting()), listening_only(found) as set_rate:
        rate = find_bit_rate(found, set_rate, hear)
        if rate is not None:
            set_rate(rate)
            heard = listen(options, clock, seconds)
            return heard, rate
    if found.timing is None:
        say(f"{name}: had no bit rate, and now has the last one tried: set the right one before it is up")
    return max(tried, key=lambda traffic: traffic.errors), None


def _interrupting() -> Callable[[], None]:
    """Return what raises KeyboardInterrupt once: the next signal finds the interface being set back."""
    signals = count()

    def interrupt() -> None:
        if next(signals) == 0:
            raise KeyboardInterrupt

    return interrupt


def _database_candidates(given: Sequence[Database], say: Say) -> list[Candidate]:
    """Return a candidate of each database; one that cannot be read is left out."""
    files = list(dict.fromkeys(database.file for database in given))
    buses = [BusDatabases(str(file), (file,)) for file in files]
    try:
        plan = load_plan(buses, user_cache_directory()) if buses else None
        return [
            database_candidate(file, bus, periods_ms(file))
            for file, bus in zip(files, plan.spec.buses if plan else (), strict=True)
        ]
    except ConfigError:
        if len(files) == 1:
            raise
    found = []
    for file, bus in zip(files, buses, strict=True):
        try:
            (one,) = load_plan([bus], user_cache_directory()).spec.buses
        except ConfigError as error:
            say(f"left out: {error}")
        else:
            found.append(database_candidate(file, one, periods_ms(file)))
    return found
