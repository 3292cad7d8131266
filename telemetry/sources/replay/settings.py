"""[[replay]] of the configuration: a log, at recorded speed times `speed`, or as fast as possible."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from telemetry.model.finding import Grade
from telemetry.sources.bus_protocols import read_bus_protocols
from telemetry.sources.keys import read_databases, read_files, read_isotp
from telemetry.sources.replay.source import ReplaySource
from telemetry.sources.settings import SourceSettings, Start
from telemetry.toml_table import TomlTable


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings(SourceSettings):
    """[[replay]]. speed: None: as fast as possible."""

    log: Path
    speed: float | None

    @classmethod
    def read(cls, table: TomlTable, name: str) -> Self:
        file = table.take_path("file")
        table.check_is_file("file", file)
        bus, channels = read_databases(table, name), table.take_table("channel_databases")
        own = (
            replace(bus, name=f"{name}/{channel}", databases=read_files(channels, channel))
            for channel in channels.names()
        )
        return cls(
            name=name,
            buses=(bus, *own),
            protocols=read_bus_protocols(table, value_texts=bus.value_texts),
            isotp=read_isotp(table),
            log=file,
            speed=table.take_optional_number("speed", above=0.0, most=100_000.0),
        )

    @property
    def is_paced(self) -> bool:
        return self.speed is not None

    def presence(self) -> Iterator[tuple[Grade, str]]:
        yield Grade.FACT, f"reads the log {self.log}"

    def make_source(self, start: Start) -> ReplaySource:
        return ReplaySource(
            self.name,
            self.log,
            start.clock,
            start.number_of,
            speed=self.speed,
            start_position=start.position,
        )
