"""The configuration: TOML into frozen values; nothing else in the service reads configuration.

Promises:
- An unknown key, a wrong type or unit, a missing file is one ConfigError with the key's path, before anything
  is opened or touched.
- Units stand in the names of keys.
- Secrets are never read from the file itself: a token or password stands in a file of its own or in the
  environment, and prints masked.
- It may be several files, or a folder of them (`telemetry.settings.document`).

What a section holds, and how it is read, stands in the room that uses it.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from telemetry.charging.settings import ChargingSettings, CrossCheckSettings, SessionSettings, VinSettings
from telemetry.errors import Faults
from telemetry.rules.aggregate import Aggregate
from telemetry.rules.limits import Limit
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.protect_entry import ProtectEntry
from telemetry.rules.reduce import ReduceSettings
from telemetry.rules.send import SendSettings
from telemetry.settings.declared import key, read, settings
from telemetry.settings.document import Document, read_document
from telemetry.settings.table import TomlTable
from telemetry.sinks.kinds import named_sink
from telemetry.sinks.settings import NoSink, SinkSettings
from telemetry.sources.kinds import read_sources
from telemetry.sources.settings import SourceSettings
from telemetry.spool.limits import SpoolLimits, SpoolSettings
from telemetry.web.settings import WebSettings

T = TypeVar("T")


@settings
class TopKeys:
    """What stands above all tables."""

    vehicle: str = key("the tag `vehicle` of every point")
    wait_for_clock: bool = key(
        '`"wait"`: the time is unknown until the kernel calls its clock synchronised; until then batches'
        " wait, stamped relative to boot",
        name="clock",
        kind="text",
        one_of={"system": False, "wait": True},
        default=False,
    )
    gateway_every_s: float = key(
        "how often the service writes its own state (`gateway`)", default=10.0, above=0.0, most=86_400.0
    )
    include: tuple[str, ...] = key(  # which the document has put together already
        "more files of configuration; `*` and `?` may stand in the last part, as in `conf.d/*.toml`",
        default=(),
        shown="none",
    )
    cache_directory: Path | None = key(
        "compiled databases", default=None, shown="`plans` in the spool's folder"
    )


# The tables of a configuration, without sources and sinks; of arrays one each.
SECTIONS: Mapping[str, type] = {
    "spool": SpoolSettings,
    "send": SendSettings,
    "reduce": ReduceSettings,
    "web": WebSettings,
    "charging": VinSettings,
    "cross_check": CrossCheckSettings,
}
ARRAYS: Mapping[str, type] = {
    "session": SessionSettings,
    "map": MapEntry,
    "protect": ProtectEntry,
    "limit": Limit,
    "aggregate": Aggregate,
}


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a configuration file says. file: the file or folder that was named; files: what it holds."""

    file: Path
    files: tuple[Path, ...]
    vehicle: str
    wait_for_clock: bool
    gateway_every_s: float
    cache_directory: Path
    sink: SinkSettings
    spool_directory: Path
    spool: SpoolLimits
    reduce: ReduceSettings
    send: SendSettings
    web: WebSettings
    sources: tuple[SourceSettings, ...]
    map: tuple[MapEntry, ...]
    protect: tuple[ProtectEntry, ...]
    limits: tuple[Limit, ...]
    aggregates: tuple[Aggregate, ...]
    charging: ChargingSettings


def load_config(file: Path, environment: Mapping[str, str] | None = None) -> Config:
    """Read and validate `file`. Raises ConfigError; opens no device and no connection."""
    environment = os.environ if environment is None else environment
    return read_config(read_document(file), environment)


def read_config(document: Document, environment: Mapping[str, str], *, sends: bool = True) -> Config:
    """Return the same from what the file holds. sends: otherwise the sink is not read.

    Errors of [[map]], [[protect]], [[limit]] and [[aggregate]] are reported all at once, with the first of
    the rest.
    """
    top = TomlTable(document, environment)
    faults = Faults()

    def each(cls: type[T], tables: Iterable[TomlTable]) -> tuple[T, ...]:
        return faults.each(lambda table: read(cls, table), tables)

    arrays = {name: top.take_tables(name) for name in ARRAYS}
    entries = each(MapEntry, arrays["map"])
    protected = each(ProtectEntry, arrays["protect"])
    limits = each(Limit, arrays["limit"])
    aggregates = each(Aggregate, arrays["aggregate"])
    with faults.gathered():
        tables = {name: top.take_table(name) for name in SECTIONS}
        sink, sink_table = named_sink(top)
        spool = read(SpoolSettings, tables["spool"])
        sources = read_sources(top)
        own = read(TopKeys, top)
        config = Config(
            file=document.file,
            files=document.files,
            vehicle=own.vehicle,
            wait_for_clock=own.wait_for_clock,
            gateway_every_s=own.gateway_every_s,
            cache_directory=own.cache_directory or spool.directory / "plans",
            sink=(sink if sends else NoSink).read(sink_table, environment),
            spool_directory=spool.directory,
            spool=spool.limits,
            reduce=read(ReduceSettings, tables["reduce"]),
            send=read(SendSettings, tables["send"]),
            web=read(WebSettings, tables["web"]),
            sources=sources,
            map=entries,
            protect=protected,
            limits=limits,
            aggregates=aggregates,
            charging=ChargingSettings(
                read(VinSettings, tables["charging"]).vin,
                read(CrossCheckSettings, tables["cross_check"]),
                tuple(read(SessionSettings, table) for table in arrays["session"]),
            ),
        )
    faults.raise_any()
    return config
