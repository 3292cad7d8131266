"""[[can]] of the configuration: an interface of SocketCAN, or a simulator's socket in its place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from telemetry.model.bit_rate import BitRate
from telemetry.model.finding import Grade
from telemetry.settings.declared import key, part, settings
from telemetry.settings.table import TomlTable
from telemetry.sources.can.sockets import CanInterface, CanUnixSocket
from telemetry.sources.can.source import SocketCanSource
from telemetry.sources.keys import BusKeys, SourceKeys, TimeKeys
from telemetry.sources.settings import Resource, SourceSettings, Start


@settings(kw_only=True)
class CanKeys(SourceKeys):
    """[[can]], as a file has it."""

    interface: str | None = key(
        "the network interface; it may appear later, and go and come back", default=None, shown="`name`"
    )
    socket: Path | None = key(
        "in place of an interface: a UNIX SEQPACKET socket that carries `struct can_frame`", default=None
    )
    bitrate: int | None = key(
        "bits a second, only to measure the load of the bus; for `vcan` and simulators, which have no rate",
        default=None,
        shown="the interface's own",
        least=1000,
        most=1_000_000,
    )
    data_bitrate: int | None = key(
        "likewise, of the data part of CAN FD frames; beside `bitrate`",
        default=None,
        shown="`bitrate`",
        least=1000,
        most=20_000_000,
    )
    bus: BusKeys = part()
    receive_buffer_kib: int = key(
        "the size that the kernel is asked for; a warning reports a smaller one",
        default=16 * 1024,
        least=64,
        most=1024 * 1024,
    )
    hardware_stamps: bool = key("stamps of the controller's own clock, re-anchored", default=False)
    time: TimeKeys = part()

    def check(self, table: TomlTable) -> None:
        """Raise ConfigError for an interface that cannot be, and for keys that stand alone."""
        if self.socket is not None and self.interface is not None:
            raise table.wrong("socket", "stands beside interface", "keep one of the two")
        interface = self.interface or self.name
        if self.socket is None and len(interface.encode()) > 15:
            raise table.wrong("interface", f"{interface!r} is longer than 15 bytes, as no interface name is")
        if self.bitrate is None and self.data_bitrate is not None:
            raise table.wrong("data_bitrate", "stands without bitrate", "give both")

    @property
    def link(self) -> CanInterface | CanUnixSocket:
        """Return what is opened."""
        buffer_bytes = self.receive_buffer_kib * 1024
        if self.socket is not None:
            return CanUnixSocket(self.socket, buffer_bytes)
        return CanInterface(self.interface or self.name, self.hardware_stamps, buffer_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class CanSettings(SourceSettings):
    """[[can]]. link: what is opened: an interface, or a simulator's SEQPACKET socket."""

    link: CanInterface | CanUnixSocket
    keys: ClassVar[type[CanKeys]] = CanKeys

    @classmethod
    def of(cls, keys: CanKeys, table: TomlTable) -> Self:
        return cls(
            **keys.bus.described(keys.name, table),
            bit_rate=None if keys.bitrate is None else BitRate(keys.bitrate, keys.data_bitrate),
            simulated_time=keys.time.simulated_time,
            link=keys.link,
        )

    @property
    def resources(self) -> tuple[Resource, ...]:
        """Return its bus: the kernel, and a simulator too, gives each of its readers every frame."""
        return (Resource(self.link.key, self.link.description, exclusive=False),)

    @property
    def listening_options(self) -> Mapping[str, Any] | None:
        if not isinstance(self.link, CanInterface):
            return None
        return {"interface": "socketcan", "channel": self.link.name, "fd": True}

    def presence(self) -> Iterator[tuple[Grade, str]]:
        words = f"{self.link.key} {self.link.description}"
        try:
            is_there = self.link.is_there()
        except OSError as error:  # a folder on the way that this user may not enter
            yield Grade.FAULT, f"{words}: {error.strerror}"
        else:
            yield (Grade.FACT, words) if is_there else (Grade.WARNING, f"{words} is not there yet")

    def make_source(self, start: Start) -> SocketCanSource:
        time = self.simulated_time
        return SocketCanSource(
            self.name,
            self.link,
            start.clock,
            channel=start.number_of(self.name),
            time_map=time.time_map() if time else None,
        )
