"""[[can]] of the configuration: an interface of SocketCAN, or a simulator's socket in its place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from telemetry.model.bit_rate import BitRate
from telemetry.model.finding import Grade
from telemetry.sources.bus_protocols import read_bus_protocols
from telemetry.sources.can.sockets import CanInterface, CanUnixSocket
from telemetry.sources.can.source import SocketCanSource
from telemetry.sources.keys import read_databases, read_isotp, read_simulated_time
from telemetry.sources.settings import Resource, SourceSettings, Start
from telemetry.toml_table import TomlTable


@dataclass(frozen=True, slots=True, kw_only=True)
class CanSettings(SourceSettings):
    """[[can]]. link: what is opened: an interface, or a simulator's SEQPACKET socket."""

    link: CanInterface | CanUnixSocket

    @classmethod
    def read(cls, table: TomlTable, name: str) -> Self:
        bus = read_databases(table, name)
        return cls(
            name=name,
            buses=(bus,),
            protocols=read_bus_protocols(table, value_texts=bus.value_texts),
            isotp=read_isotp(table),
            bit_rate=_bit_rate(table),
            simulated_time=read_simulated_time(table),
            link=_link(table, name),
        )

    @property
    def resources(self) -> tuple[Resource, ...]:
        """The kernel, and a simulator too, gives each reader of a bus every frame."""
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


def _link(table: TomlTable, name: str) -> CanInterface | CanUnixSocket:
    interface, path = table.take_optional_text("interface"), table.take_optional_path("socket")
    buffer_bytes = table.take_integer("receive_buffer_kib", 16 * 1024, least=64, most=1024 * 1024) * 1024
    hardware_stamps = table.take_flag("hardware_stamps")
    if path is not None:
        if interface is not None:
            raise table.wrong("socket", "stands beside interface", "keep one of the two")
        return CanUnixSocket(path, buffer_bytes)
    interface = interface or name
    if len(interface.encode()) > 15:
        raise table.wrong("interface", f"{interface!r} is longer than 15 bytes, as no interface name is")
    return CanInterface(interface, hardware_stamps, buffer_bytes)


def _bit_rate(table: TomlTable) -> BitRate | None:
    nominal = table.take_optional_integer("bitrate", least=1000, most=1_000_000)
    data = table.take_optional_integer("data_bitrate", least=1000, most=20_000_000)
    if nominal is None:
        if data is not None:
            raise table.wrong("data_bitrate", "stands without bitrate", "give both")
        return None
    return BitRate(nominal, data)
