"""[[replay]] of the configuration: a log, at recorded speed times `speed`, or as fast as possible."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

from telemetry.logs.archives import file_of
from telemetry.model.finding import Grade
from telemetry.settings.declared import key, part, settings
from telemetry.settings.table import Key, TomlTable
from telemetry.sources.keys import BusKeys, SourceKeys, checked_name
from telemetry.sources.replay.source import ReplaySource
from telemetry.sources.settings import SourceSettings, Start


@settings(kw_only=True)
class ReplayKeys(SourceKeys):
    """[[replay]], as a file has it."""

    name: str = key(
        "what the log is called; letters, digits and `_ . : -`, 64 at most; each name once",
        convert=checked_name,
    )
    file: Path = key(
        "`candump`, `.asc`, `.blf`, GVRET `.csv`, `.trc`, `.mf4`, `.pcap`, each also `.gz` or `.zst`"
    )
    speed: float | None = key(
        "times the recorded speed", default=None, shown="as fast as possible", above=0.0, most=100_000.0
    )
    bus: BusKeys = part()
    channel_databases: Mapping[str, tuple[Path, ...]] = key(
        'for channels with databases of their own: `channel_databases = { can1 = ["chassis.dbc"] }`',
        kind="free",
        of=Key("", kind="files"),
        default={},
        shown="none",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings(SourceSettings):
    """[[replay]]. speed: None: as fast as possible."""

    log: Path
    speed: float | None
    keys: ClassVar[type[ReplayKeys]] = ReplayKeys

    @classmethod
    def of(cls, keys: ReplayKeys, table: TomlTable) -> Self:
        table.check_is_file("file", file_of(keys.file))
        described = keys.bus.described(keys.name, table)
        (bus,) = described["buses"]
        own = (
            replace(bus, name=f"{keys.name}/{channel}", databases=files)
            for channel, files in keys.channel_databases.items()
        )
        return cls(**{**described, "buses": (bus, *own)}, log=keys.file, speed=keys.speed)

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
