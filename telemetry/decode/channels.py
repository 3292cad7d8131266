"""Which bus of the databases each channel of a log is: as `--dbc` says it, or a service's configuration."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from telemetry.databases.bus import BusDatabases
from telemetry.model.ids import ID_BITS, ID_BITS_EXTENDED, IsoTpId, id_text
from telemetry.stages.binding import NO_BUS, Binding

ACCOUNT = "logs"  # what the frames of all channels count for
_MOST_IDS = 8  # that a warning names


class Channels(Protocol):
    """What each channel is."""

    def binding(self, channel: str) -> Binding:
        """Return what the channel of this name is. May raise TelemetryError."""
        ...

    def warnings(self, found: Mapping[str, Binding], heard: Set[str] = frozenset()) -> Iterator[str]:
        """Return what does not fit together.

        found: the channels that there were, by name; heard: the measurements of all messages that came.
        """
        ...


@dataclass(frozen=True, slots=True)
class Database:
    """A database and the channel that it is for; empty: every channel."""

    file: Path
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A vehicle's profile, the channel that it is for, and the bus of it that this is; empty: every one."""

    profile: str
    channel: str = ""
    bus: str = ""

    @classmethod
    def parse(cls, text: str, channel: str = "") -> "Vehicle":
        """Read `NAME:BUS`, or a name or path alone."""
        name, _, bus = text.partition(":")
        return cls(name, channel, bus)


@dataclass(frozen=True, slots=True)
class Listening:
    """A vehicle's profile on a channel: measurements of its messages, and ids that it listens for."""

    profile: str
    channel: str
    measurements: Set[str]
    ids: Sequence[int]

    def warnings(self, heard: Set[str]) -> Iterator[str]:
        """Yield a warning where none of its messages is among these."""
        if heard.isdisjoint(self.measurements):
            ids = ", ".join(map(id_text, self.ids[:_MOST_IDS])) + (", …" if len(self.ids) > _MOST_IDS else "")
            yield f"{self.profile}: nothing of this vehicle profile was heard, which listens for {ids}"


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """The bus of each channel in a plan. databases: of the plan; isotp: of all channels, and of a bus."""

    databases: tuple[BusDatabases, ...]
    by_channel: dict[str, int] = field(default_factory=dict)
    otherwise: int = NO_BUS
    isotp: Sequence[IsoTpId] = ()
    isotp_of: Mapping[int, Sequence[IsoTpId]] = field(default_factory=dict)
    listening: Sequence[Listening] = ()

    def bus_of(self, channel: str) -> int:
        """Return index of the channel's bus, NO_BUS when it has no database."""
        return self.by_channel.get(channel, self.otherwise)

    def binding(self, channel: str) -> Binding:
        bus = self.bus_of(channel)
        isotp = tuple(dict.fromkeys((*self.isotp, *self.isotp_of.get(bus, ()))))
        return Binding(bus, ACCOUNT, channel, isotp=isotp)

    def warnings(self, found: Mapping[str, Binding], heard: Set[str] = frozenset()) -> Iterator[str]:
        for name, binding in found.items():
            if binding.bus == NO_BUS:
                of_vehicles = f", --vehicle-profile {name}=NAME" if self.listening else ""
                yield f"{name}: no database (--dbc {name}=FILE{of_vehicles})"
        for name, bus in self.by_channel.items():
            if name not in found:
                what = "database" if bus < len(self.databases) else "vehicle profile"
                yield f"{name}: has a {what}, but no frames"
        for each in self.listening:
            if heard and each.channel in ("", *found):
                yield from each.warnings(heard)


def plan_channels(
    databases: Sequence[Database],
    *,
    first_wins: bool,
    j1939: bool,
    keep_not_available: bool = False,
    value_texts: bool = False,
    id_masks: tuple[int, int] = (ID_BITS, ID_BITS_EXTENDED),
    isotp: Sequence[IsoTpId] = (),
) -> ChannelPlan:
    """Return one bus for each channel that has databases of its own, one for the others; files as given."""
    buses: list[BusDatabases] = []
    by_channel: dict[str, int] = {}
    otherwise = NO_BUS

    def add_bus(channel: str) -> int:
        files = dict.fromkeys(database.file for database in databases if database.channel in ("", channel))
        others = any(database.channel for database in databases)
        name = channel or ("of every other channel" if others else "of every channel")
        options = (first_wins, j1939, keep_not_available, value_texts, *id_masks)
        buses.append(BusDatabases(name, tuple(files), *options))
        return len(buses) - 1

    for database in databases:
        if database.channel and database.channel not in by_channel:
            by_channel[database.channel] = add_bus(database.channel)
        elif not database.channel and otherwise == NO_BUS:
            otherwise = add_bus("")
    return ChannelPlan(tuple(buses), by_channel, otherwise, isotp)
