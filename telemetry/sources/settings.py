"""What the settings of a source can do, whatever its kind.

A kind of source is a folder of this room. Its settings read themselves, say what they need and what they
bring, and make their source; nothing outside the folder asks of which kind they are.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from telemetry_core.decode.spec import PlanSpec

from telemetry.clock import Clock
from telemetry.databases.bus import BusDatabases
from telemetry.model.bit_rate import BitRate
from telemetry.model.finding import Finding, Grade
from telemetry.model.ids import IsoTpId
from telemetry.rules.map_entry import MapEntry
from telemetry.settings.declared import read
from telemetry.settings.table import TomlTable
from telemetry.sources.bus_protocols import BusProtocols
from telemetry.sources.keys import SimulatedTime, SourceKeys
from telemetry.sources.source import Source
from telemetry.sources.tap import LineTap

NO_PROTOCOLS = BusProtocols()
LEAST_WAIT_S = 0.5  # of wall time: no wait for a frame of a simulator is shorter


@dataclass(frozen=True, slots=True)
class Resource:
    """Something of the system that a source needs: a port, an interface, a socket, a file that it writes.

    key: where the configuration names it. use: what the source does with it. exclusive: for one source only.
    """

    key: str
    name: str
    use: str = "has"
    exclusive: bool = True


@dataclass(frozen=True, slots=True)
class Start:
    """What a source starts with.

    number_of: numbers each channel by its name, from any thread. position: frames of its log that are done.
    tap: who else wants the lines of a serial port.
    """

    clock: Clock
    number_of: Callable[[str], int]
    position: int = 0
    tap: LineTap | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings(ABC):
    """The settings of one source.

    buses: its own, then those of channels that other databases describe, which are called `NAME/CHANNEL`.
    protocols: what describes its own bus, beside databases or in place of them.
    bit_rate: as configured; None: the interface's, or no CAN bus. log: the recording that it reads, if any.
    """

    name: str
    buses: tuple[BusDatabases, ...] = ()
    protocols: BusProtocols = NO_PROTOCOLS
    isotp: tuple[IsoTpId, ...] = ()
    bit_rate: BitRate | None = None
    simulated_time: SimulatedTime | None = None
    log: Path | None = None

    # Its frames are those of a CAN bus: error frames may be among them, and databases describe them.
    is_can: ClassVar[bool] = True

    keys: ClassVar[type[SourceKeys]]  # what a table of this kind may hold

    @classmethod
    def read(cls, table: TomlTable) -> Self:
        """Return the settings of one table of this kind. Raises ConfigError."""
        return cls.of(read(cls.keys, table), table)

    @classmethod
    @abstractmethod
    def of(cls, keys: Any, table: TomlTable) -> Self:
        """Return the settings that a table with these `keys` means. Raises ConfigError."""

    @abstractmethod
    def make_source(self, start: Start) -> Source:
        """Return its source, not opened yet."""

    @property
    def resources(self) -> tuple[Resource, ...]:
        """Return what of the system it needs."""
        return ()

    @property
    def files(self) -> tuple[Path, ...]:
        """Return the files that it is read from, or describes its frames by."""
        databases = [file for bus in self.buses for file in bus.databases]
        return (*databases, *self.protocols.files, *(() if self.log is None else (self.log,)))

    @property
    def listening_options(self) -> Mapping[str, Any] | None:
        """Return options of python-can's `Bus`, by which `capture` records the bus; None: it cannot."""
        return None

    def presence(self) -> Iterator[tuple[Grade, str]]:
        """Yield where its frames come from and whether that is there, for `check`; opens nothing."""
        return iter(())

    def extended(self, plan: PlanSpec) -> PlanSpec:
        """Return `plan` with what describes its frames besides databases. Raises ConfigError."""
        return self.protocols.extended(plan, self.name)

    def map_entries(self) -> Iterator[MapEntry]:
        """Yield what its messages mean, as far as the kind itself knows."""
        return self.protocols.map_entries(self.name)

    @property
    def count_gap_ns(self) -> int | None:
        """Return up to which distance of two readings the flow between them counts; None: as everywhere."""
        return None

    @property
    def least_wait_ns(self) -> int:
        """Return what no wait for a frame is shorter than, in its stamps' time; 0 without simulated time.

        A simulator that runs fast multiplies what this machine delays: at 60x, 12.5 ms are 750 ms.
        """
        return 0 if self.simulated_time is None else round(LEAST_WAIT_S * self.simulated_time.scale * 1e9)

    @property
    def is_paced(self) -> bool:
        """Return whether its frames come with time, and not as fast as they are taken."""
        return True

    # -- what follows

    @property
    def own_time(self) -> bool:
        """Return whether its stamps do not come from this machine's clock."""
        return self.log is not None or self.simulated_time is not None

    @property
    def names(self) -> tuple[str, ...]:
        """Return what no other source may be called: its own name first."""
        return (self.name,)

    @property
    def bus_names(self) -> tuple[str, ...]:
        """Return the names of the plan's buses that describe its channels."""
        return (self.name, *(bus.name for bus in self.buses[1:]))

    def tag_of(self, channel: str) -> str:  # noqa: ARG002 - of a bus all channels are one
        """Return the tag `source` of a channel's points, unless it is one of a log."""
        return self.name

    def bus_of(self, channel: str) -> str:
        """Return the name of the bus that this channel is of."""
        own = f"{self.name}/{channel}"
        return own if any(bus.name == own for bus in self.buses) else self.name

    def as_device(self) -> Self:
        """Return what the device knows of: a change of anything else restarts no source."""
        return replace(self, buses=(), protocols=NO_PROTOCOLS, isotp=(), bit_rate=None)

    def is_same_device(self, other: "SourceSettings") -> bool:
        """Return whether the two differ in nothing that the device knows of."""
        return self.as_device() == other.as_device()

    def findings(self) -> Iterator[Finding]:
        """Yield what `check` reports of it."""
        titles = list(self.protocols.titles)
        for title in titles:
            yield Finding(Grade.FACT, f"source {self.name}: {title}")
        if self.is_can and not titles and not any(bus.databases for bus in self.buses):
            words = "has no database; its frames are counted and not decoded"
            yield Finding(Grade.WARNING, f"source {self.name}: {words}")
        for level, words in self.presence():
            yield Finding(level, f"source {self.name}: {words}")
