"""Keys that several kinds of sources have: their name, the databases of their frames, a simulator's time."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telemetry_core.frames.stamps import TimeMap

from telemetry.databases.bus import BusDatabases
from telemetry.model.ids import ID_BITS, ID_BITS_EXTENDED, IsoTpId, parse_id, parse_id_masks
from telemetry.settings.declared import key, part, settings
from telemetry.settings.table import TomlTable
from telemetry.sources.bus_protocols import ProtocolKeys

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")  # of sources: they are parts of counter names
_LATEST_NS = 2**63 - 1


def checked_name(name: str) -> str:
    """Return the name of a source or device. Raises ValueError."""
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} must be letters, digits and _ . : -, 64 at most")
    return name


@settings(kw_only=True)
class SourceKeys:
    """What every source has."""

    name: str = key(
        "the tag `source`; letters, digits and `_ . : -`, 64 at most; each name once", convert=checked_name
    )


@settings
class DatabaseKeys:
    """The databases of a bus, and how they are used."""

    databases: tuple[Path, ...] = key(
        "DBC, ARXML, KCD, SYM; without any, frames are counted and not decoded",
        default=(),
        shown="none",
        kind="files",
    )
    first_wins: bool = key(
        "an id in two databases means the first one's message; otherwise it is an error", default=False
    )
    j1939: bool = key(
        "extended ids are matched by PGN even where the database does not declare J1939", default=False
    )
    keep_not_available: bool = key(
        'J1939 "error" and "not available" are values like any other', default=False
    )
    value_texts: bool = key(
        "each signal with a value table has a second field `SIGNAL_text` with the word; absent where the"
        " table has no word",
        default=False,
    )
    id_masks: tuple[int, int] | None = key(
        'in hexadecimal, the bits in which ids are compared: `["7F0"]` of 11 bits, `["1FFFFF00"]` of 29',
        kind="texts",
        default=None,
        shown="all",
        convert=parse_id_masks,
        hint='as ["1FFFFF00"]',
    )

    def bus(self, name: str) -> BusDatabases:
        """Return what describes the bus of that name."""
        return BusDatabases(
            name,
            self.databases,
            self.first_wins,
            self.j1939,
            self.keep_not_available,
            self.value_texts,
            *(self.id_masks or (ID_BITS, ID_BITS_EXTENDED)),
        )


@settings
class IsoTpKeys:
    """[[can.isotp]]: an id of frames that are parts of longer messages."""

    id: int = key(
        "in hexadecimal: up to 3 digits, or 8 for an id of 29 bits",
        kind="text",
        convert=parse_id,
    )
    extended_addressing: bool = key("the first byte of each frame is an address", default=False)
    with_length: bool = key(
        "the payload is preceded by the low byte of its length, as some published databases count",
        default=False,
    )


@settings(kw_only=True)
class BusKeys:
    """What every source of CAN frames has."""

    own: DatabaseKeys = part()
    spoken: ProtocolKeys = part()
    isotp: tuple[IsoTpKeys, ...] = key(kind="tables", of=IsoTpKeys, default=())

    def described(self, name: str, table: TomlTable) -> Mapping[str, Any]:
        """Return the fields of `SourceSettings` that describe the bus of that name. Raises ConfigError."""
        protocols = self.spoken.protocols(table, value_texts=self.own.value_texts)
        own = (IsoTpId(each.id, each.extended_addressing, each.with_length) for each in self.isotp)
        return {
            "name": name,
            "buses": (self.own.bus(name),),
            "protocols": protocols,
            "isotp": protocols.isotp_with(own, table.where("isotp")),
        }


@dataclass(frozen=True, slots=True)
class SimulatedTime:
    """A simulator's time: stamp = origin_ns + scale x (kernel stamp - wall_ns)."""

    scale: float
    origin_ns: int
    wall_ns: int

    def time_map(self) -> TimeMap:
        """Return what puts this machine's stamps on the simulator's time line."""
        return TimeMap(self.scale, self.origin_ns, self.wall_ns)


@settings
class TimeKeys:
    """A simulator's time; without it the machine's own."""

    time_scale: float | None = key(
        "for simulators that run faster than the clock: simulated seconds a second",
        default=None,
        shown="real time",
        above=0.0,
        most=100_000.0,
    )
    time_origin_ns: int | None = key(
        "with `time_scale`: the simulated time …", default=None, shown="required", least=0, most=_LATEST_NS
    )
    time_wall_ns: int | None = key(
        "with `time_scale`: … at this time of the wall clock",
        default=None,
        shown="required",
        least=0,
        most=_LATEST_NS,
    )

    def check(self, table: TomlTable) -> None:
        """Raise ConfigError unless all three are given, or none."""
        for name in ("time_origin_ns", "time_wall_ns"):
            is_given = getattr(self, name) is not None
            if is_given and self.time_scale is None:
                raise table.wrong(name, "stands without time_scale", "give all three")
            if not is_given and self.time_scale is not None:
                raise table.missing(name)

    @property
    def simulated_time(self) -> SimulatedTime | None:
        """Return the simulator's time; None: the machine's own."""
        if self.time_scale is None or self.time_origin_ns is None or self.time_wall_ns is None:
            return None
        return SimulatedTime(self.time_scale, self.time_origin_ns, self.time_wall_ns)
