"""The configuration: TOML into frozen values; nothing else in the service reads configuration.

Promises:
- An unknown key, a wrong type or unit, a missing file is a ConfigError with the key's path, before anything
  is opened or touched. All mistakes are reported at once.
- Units stand in the names of keys.
- Secrets are never read from the file itself: a token or password stands in a file of its own or in the
  environment, and prints masked.
- It may be several files, or a folder of them (`telemetry.settings.document`).

What a section holds, and how it is read, stands in the room that uses it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from telemetry.blackbox.settings import BlackBoxSettings
from telemetry.charging.settings import ChargingSettings, CrossCheckSettings, SessionSettings, VinSettings
from telemetry.errors import ConfigError, Faults
from telemetry.health.settings import HealthSettings
from telemetry.rules.aggregate import Aggregate
from telemetry.rules.limits import Limit
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.protect_entry import ProtectEntry
from telemetry.rules.reduce import ReduceSettings
from telemetry.rules.send import SendSettings
from telemetry.rules.trigger import Trigger, refuse_without_box
from telemetry.rules.uplink import UplinkSettings
from telemetry.settings.declared import key, keys_of, read, settings
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
    "uplink": UplinkSettings,
    "web": WebSettings,
    "charging": VinSettings,
    "cross_check": CrossCheckSettings,
    "black_box": BlackBoxSettings,
}
ARRAYS: Mapping[str, type] = {
    "session": SessionSettings,
    "map": MapEntry,
    "protect": ProtectEntry,
    "limit": Limit,
    "aggregate": Aggregate,
    "trigger": Trigger,
    "health": HealthSettings,
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
    uplink: UplinkSettings
    web: WebSettings
    sources: tuple[SourceSettings, ...]
    map: tuple[MapEntry, ...]
    protect: tuple[ProtectEntry, ...]
    limits: tuple[Limit, ...]
    aggregates: tuple[Aggregate, ...]
    triggers: tuple[Trigger, ...]
    black_box: BlackBoxSettings
    charging: ChargingSettings
    health: tuple[HealthSettings, ...]
    notes: tuple[str, ...] = ()  # what the file may not have meant, for `check` and the log


def load_config(file: Path, environment: Mapping[str, str] | None = None) -> Config:
    """Read and validate `file`. Raises ConfigError; opens no device and no connection."""
    environment = os.environ if environment is None else environment
    return read_config(read_document(file), environment)


def read_config(document: Document, environment: Mapping[str, str], *, sends: bool = True) -> Config:
    """Return the same from what the file holds. sends: otherwise the sink is not read.

    All errors are reported at once.
    """
    top = TomlTable(document, environment)
    for one in keys_of(TopKeys):
        top.know(one.name)
    faults = Faults()

    def each(cls: type[T], name: str) -> tuple[T, ...]:
        return faults.each(lambda table: read(cls, table), faults.value(partial(top.take_tables, name)) or ())

    arrays: dict[str, Any] = {name: each(cls, name) for name, cls in ARRAYS.items()}
    tables = {name: faults.value(partial(top.take_table, name)) for name in SECTIONS}
    kind = faults.value(lambda: named_sink(top))
    made: dict[str, Any] = {
        name: faults.value(partial(read, cls, tables[name]))
        for name, cls in SECTIONS.items()
        if tables[name] is not None
    }
    sink = kind and faults.value(lambda: (kind[0] if sends else NoSink).read(kind[1], environment))
    sources = faults.value(lambda: read_sources(top))
    own = faults.value(lambda: read(TopKeys, top))
    box = made.get("black_box")
    for trigger in arrays["trigger"] if box is not None and box.directory is None else ():
        with faults.gathered():
            refuse_without_box(trigger)
    with faults.gathered():
        if box is not None and box.directory is None and "black_box" in document.values:
            raise top.at("black_box").missing("directory", "a folder of its own")
        if box is not None and made.get("spool") and box.directory == made["spool"].directory:
            hint = "give it one of its own"
            raise ConfigError("is the spool's folder", where=box.where.key("directory"), hint=hint)
    faults.raise_any(beside=top.notes)
    return Config(
        file=document.file,
        files=document.files,
        vehicle=own.vehicle,
        wait_for_clock=own.wait_for_clock,
        gateway_every_s=own.gateway_every_s,
        cache_directory=own.cache_directory or made["spool"].directory / "plans",
        sink=sink,
        spool_directory=made["spool"].directory,
        spool=made["spool"].limits,
        reduce=made["reduce"],
        send=made["send"],
        uplink=made["uplink"],
        web=made["web"],
        sources=sources,
        map=arrays["map"],
        protect=arrays["protect"],
        limits=arrays["limit"],
        aggregates=arrays["aggregate"],
        triggers=arrays["trigger"],
        black_box=made["black_box"],
        charging=ChargingSettings(made["charging"].vin, made["cross_check"], arrays["session"]),
        health=arrays["health"],
        notes=tuple(map(str, top.notes)),
    )
