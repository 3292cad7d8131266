"""The configuration: TOML into frozen values; nothing else in the service reads configuration.

Promises:
- An unknown key, a wrong type or unit, a missing file is one ConfigError with the key's path, before anything
  is opened or touched.
- Units stand in the names of keys.
- Secrets are never read from the file itself: a token or password stands in a file of its own or in the
  environment, and prints masked.
- It may be several files, or a folder of them (`telemetry.toml_document`).

What a section holds, and how it is read, stands in the room that uses it.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from telemetry.charging.settings import ChargingSettings, read_charging
from telemetry.errors import Faults
from telemetry.rules.aggregate import Aggregate, read_aggregate
from telemetry.rules.limits import Limit, read_limit
from telemetry.rules.map_entry import MapEntry, read_map_entry
from telemetry.rules.protect_entry import ProtectEntry, read_protect_entry
from telemetry.rules.reduce import ReduceSettings, read_reduce
from telemetry.rules.send import SendSettings, read_send
from telemetry.sinks.influx.settings import InfluxSettings, read_influx
from telemetry.sources.kinds import read_sources
from telemetry.sources.settings import SourceSettings
from telemetry.spool.limits import SpoolLimits, read_limits
from telemetry.toml_document import Document, read_document
from telemetry.toml_table import AskedKey, TomlTable
from telemetry.web.settings import WebSettings, read_web


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a configuration file says. file: the file or folder that was named; files: what it holds."""

    file: Path
    files: tuple[Path, ...]
    vehicle: str
    wait_for_clock: bool
    gateway_every_s: float
    cache_directory: Path
    influx: InfluxSettings
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


def read_config(
    document: Document, environment: Mapping[str, str], on_asked: Callable[[AskedKey], None] | None = None
) -> Config:
    """The same, from what the file holds: every key that there is is asked for here or below.

    Errors of [[map]], [[protect]], [[limit]] and [[aggregate]] are reported all at once, with the first of
    the rest.
    on_asked: see `TomlTable`.
    """
    top = TomlTable(document, environment, on_asked)
    faults = Faults()
    map_entries = faults.each(read_map_entry, top.take_tables("map"))
    protect_entries = faults.each(read_protect_entry, top.take_tables("protect"))
    limits = faults.each(read_limit, top.take_tables("limit"))
    aggregates = faults.each(read_aggregate, top.take_tables("aggregate"))
    with faults.gathered():
        config = _read_rest(top, document, environment, map_entries, protect_entries, limits, aggregates)
        top.close()
    faults.raise_any()
    return config


def _read_rest(
    top: TomlTable,
    document: Document,
    environment: Mapping[str, str],
    map_entries: tuple[MapEntry, ...],
    protect_entries: tuple[ProtectEntry, ...],
    limits: tuple[Limit, ...],
    aggregates: tuple[Aggregate, ...],
) -> Config:
    top.take_texts("include")  # which `document` has put together already
    spool = top.take_table("spool")
    spool_directory = spool.take_path("directory")
    return Config(
        file=document.file,
        files=document.files,
        vehicle=top.take_text("vehicle"),
        wait_for_clock=top.take_text("clock", "system", one_of=("system", "wait")) == "wait",
        gateway_every_s=top.take_number("gateway_every_s", 10.0, above=0.0, most=86_400.0),
        cache_directory=top.take_optional_path("cache_directory") or spool_directory / "plans",
        influx=read_influx(top.take_table("influx"), environment),
        spool_directory=spool_directory,
        spool=read_limits(spool),
        reduce=read_reduce(top.take_table("reduce")),
        send=read_send(top.take_table("send")),
        web=read_web(top.take_table("web")),
        sources=read_sources(top),
        map=map_entries,
        protect=protect_entries,
        limits=limits,
        aggregates=aggregates,
        charging=read_charging(
            top.take_table("charging"), top.take_table("cross_check"), top.take_tables("session")
        ),
    )
