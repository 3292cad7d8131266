"""What `check` finds out about a configuration without starting anything.

Promises: opens no bus, writes nothing (but a cached plan), sends nothing but a question to the server. Gives
findings, one line each; what it cannot know (how much a day) it says it cannot know.
"""

import contextlib
import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema

from telemetry.clock import SystemClock
from telemetry.config import CanSettings, Config, ReplaySettings, SourceSettings
from telemetry.databases.bus import LoadedPlan
from telemetry.errors import DataError, InputMissingError, one_line
from telemetry.ledger import Counters
from telemetry.model.events import Event
from telemetry.model.measurements import EVENT
from telemetry.protocols.known import PROTOCOLS
from telemetry.rules.protect import protect
from telemetry.rules.resolve import model
from telemetry.rules.senders import CODES as ABOUT_SENDERS
from telemetry.rules.senders import kept_out
from telemetry.service.rate import Rate, measure
from telemetry.sinks.influx.client import InfluxClient
from telemetry.sinks.influx.verdict import Acknowledged, Hold, HoldCause, Retry
from telemetry.sources.assemble import Assembled, assemble_sources, counting, load_whole_plan, map_entries
from telemetry.sources.channels import ChannelTable
from telemetry.sources.serial.settings import SerialSettings
from telemetry.spool.filesystem import RealFileSystem
from telemetry.spool.limits import SpoolLimits
from telemetry.stages.prepare import build_line
from telemetry.stages.stages import Line

DAY_S = 86_400.0
_NUMBERED_PORT = re.compile("/dev/tty(USB|ACM)[0-9]+")
_BY_ID = Path("/dev/serial/by-id")
MAX_MEASUREMENTS = 2000  # limits of InfluxDB 3
MAX_FIELDS = 500


class Level(Enum):
    """How much a finding matters."""

    FACT = ""
    WARNING = "warning: "
    FAULT = "fault: "  # the service would start, but would not do its work


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `check`."""

    level: Level
    text: str

    def __str__(self) -> str:
        return self.level.value + one_line(self.text)


def check(config: Config) -> Iterator[Finding]:
    """All findings, in the order of the data. Raises ConfigError where `run` would."""
    plan = load_whole_plan(config)
    protected = protect(plan.spec, config.protect)
    entries = map_entries(config)
    modelling = model(entries, config.limits, protected.spec, counting(config))
    yield Finding(Level.FACT, f"{config.file}: vehicle {config.vehicle}")
    yield from _plan_findings(plan)
    if entries:
        written = {record.measurement for record in modelling.map.records} if modelling.map else set()
        written |= {EVENT.name} if modelling.alarms else set()
        yield Finding(Level.FACT, f"mapped: {len(entries)} entries write {', '.join(sorted(written))}")
    if protected.rules:
        names = sorted({rule.name for rule in protected.rules})
        yield Finding(Level.FACT, f"protected: {len(names)} messages ({', '.join(names)})")
    mapped = modelling.map.records if modelling.map else ()
    yield from _reduce_findings(config, {record.measurement for record in (*protected.spec.records, *mapped)})
    for settings in config.sources:
        yield from _source_findings(settings)
    yield from _spool_findings(config)
    yield from _rate_findings(config, plan)
    yield from _server_findings(config)


def _plan_findings(plan: LoadedPlan) -> Iterator[Finding]:
    for warning in plan.warnings:
        yield Finding(Level.WARNING, warning)
    for bus in plan.spec.buses:
        signals = sum(len(message.signals) for message in bus.messages)
        yield Finding(Level.FACT, f"bus {bus.name}: {len(bus.messages)} messages, {signals} signals")
    measurements = {record.measurement for record in plan.spec.records}
    if len(measurements) > MAX_MEASUREMENTS:
        yield Finding(Level.WARNING, f"{len(measurements)} measurements; InfluxDB 3 takes {MAX_MEASUREMENTS}")
    for record in plan.spec.records:
        if len(record.fields) > MAX_FIELDS:
            counted = f"{len(record.fields)} fields; InfluxDB 3 takes {MAX_FIELDS}"
            yield Finding(Level.WARNING, f"measurement {record.measurement}: {counted}")


def _reduce_findings(config: Config, measurements: set[str]) -> Iterator[Finding]:
    for name in sorted(config.reduce.every_s_by_measurement.keys() - measurements):
        yield Finding(Level.WARNING, f"reduce.measurements.{name}: nothing writes a measurement of that name")


def _source_findings(settings: SourceSettings) -> Iterator[Finding]:
    name = settings.name
    if isinstance(settings, SerialSettings):
        yield from _serial_findings(settings)
        return
    if not settings.databases.files and not getattr(settings, "channel_databases", {}):
        yield Finding(
            Level.WARNING, f"source {name}: has no database; its frames are counted and not decoded"
        )
    if isinstance(settings, CanSettings) and settings.socket is not None:
        where = f"source {name}: socket {settings.socket}"
        try:
            there = settings.socket.is_socket()
        except OSError as error:  # a folder on the way that this user may not enter
            yield Finding(Level.FAULT, f"{where}: {error.strerror}")
            return
        level = Level.FACT if there else Level.WARNING
        yield Finding(level, f"{where}{'' if there else ' is not there yet'}")
    elif isinstance(settings, CanSettings):
        there = settings.interface in {interface for _, interface in socket.if_nameindex()}
        level = Level.FACT if there else Level.WARNING
        yield Finding(
            level, f"source {name}: interface {settings.interface}{'' if there else ' is not there yet'}"
        )
    elif isinstance(settings, ReplaySettings):
        yield Finding(Level.FACT, f"source {name}: reads the log {settings.file}")
    else:
        yield _python_can_finding(name, str(settings.options["interface"]))


def _serial_findings(settings: SerialSettings) -> Iterator[Finding]:
    """What can be told of a port without opening it."""
    where = f"source {settings.name}: port {settings.port}"
    said = f"{PROTOCOLS[settings.protocol].title}, {settings.baud_rate} baud"
    if "://" in settings.port:
        yield Finding(Level.FACT, f"{where}: {said}")
        return
    port = Path(settings.port)
    try:
        there = port.exists()
    except OSError as error:  # a folder on the way that this user may not enter
        yield Finding(Level.FAULT, f"{where}: {error.strerror}")
        return
    if not there:
        yield Finding(Level.WARNING, f"{where} is not there yet: {said}")
    elif not os.access(port, os.R_OK | os.W_OK):
        yield Finding(Level.FAULT, f"{where}: permission denied (add this user to the group dialout)")
    else:
        yield Finding(Level.FACT, f"{where}: {said}")
    if _NUMBERED_PORT.fullmatch(settings.port):
        yield Finding(
            Level.WARNING,
            f"{where}: its number may change when it is plugged in again (take {_lasting_name(port)})",
        )


def _lasting_name(port: Path) -> str:
    """The link of udev that leads to a port, whatever its number."""
    links = (link for link in sorted(_BY_ID.glob("*")) if link.resolve() == port)
    return str(next(links, f"its link in {_BY_ID}"))


def _python_can_finding(name: str, interface: str) -> Finding:
    from can.interfaces import VALID_INTERFACES  # python-can is slow to import, and seldom needed

    if interface in VALID_INTERFACES:
        return Finding(Level.FACT, f"source {name}: python-can interface {interface}")
    return Finding(Level.FAULT, f"source {name}: python-can has no interface {interface}")


def _spool_findings(config: Config) -> Iterator[Finding]:
    existing = _existing(config.spool.directory)
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        yield Finding(Level.FAULT, f"spool {config.spool.directory}: nothing can be made in {existing}")
    cap_bytes, free_bytes = _room(config)
    if free_bytes < config.spool.keep_free_bytes:
        kept = f"keep_free_mib keeps {config.spool.keep_free_bytes / 1e6:.0f} MB free, there are fewer"
        yield Finding(Level.WARNING, f"spool {config.spool.directory}: {kept}: data waits in memory alone")
    room = f"at most {cap_bytes / 1e6:.0f} MB, {free_bytes / 1e6:.0f} MB are free"
    yield Finding(
        Level.FACT if cap_bytes < free_bytes else Level.WARNING, f"spool {config.spool.directory}: {room}"
    )


def _room(config: Config) -> tuple[int, int]:
    """The spool's cap and what the disk has free, in bytes."""
    free_bytes = RealFileSystem().free_bytes(_existing(config.spool.directory))
    return SpoolLimits(cap_bytes=config.spool.cap_bytes).cap(free_bytes, 0), free_bytes


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that there is, or that this user may look at."""
    path = path.absolute()
    while True:
        with contextlib.suppress(OSError):
            if path.exists():
                return path
        path = path.parent


def _rate_findings(config: Config, plan: LoadedPlan) -> Iterator[Finding]:
    """What a log says of points, bytes and pages; a live bus has to be seen first."""
    for source in assemble_sources(config, ChannelTable(), SystemClock(), {}):
        if not isinstance(source.settings, ReplaySettings):
            continue
        line = build_line(config, plan.spec)
        told = _Told()
        line.set_observer(told)
        try:
            rate = _rate(line, plan, source, source.settings)
        except (DataError, InputMissingError) as error:
            yield Finding(Level.FAULT, f"source {source.name}: {error}")
            continue
        for words in line.missing_pages():
            yield Finding(Level.WARNING, f"source {source.name}: in its log, {words}")
        yield from _told_findings(source.name, told, line.counted())
        if rate is None:
            yield Finding(Level.WARNING, f"source {source.name}: no rate can be told from its log")
            continue
        a_day_mb = rate.bytes_per_s * DAY_S / 1e6
        outage_h = _room(config)[0] / rate.bytes_per_s / 3600.0
        yield Finding(
            Level.FACT,
            f"source {source.name}: {rate.points_per_s:.0f} points/s,"
            f" {a_day_mb:.1f} MB a day compressed; the spool holds {outage_h:.1f} h of it",
        )


class _Told:
    """Observes a line, for the events that it makes."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def start(self, schema: Schema) -> None:
        pass

    def bind(self, channel: int, *, source: str, tag: str, tags: Mapping[int, Mapping[str, str]]) -> None:
        pass

    def observe(self, frames: FrameBatch, samples: SampleBatch) -> None:
        pass

    def add_event(self, event: Event, time_ns: int) -> None:  # noqa: ARG002 - when is not asked here
        self.events.append(event)


def _told_findings(source: str, told: _Told, counters: Counters) -> Iterator[Finding]:
    """What a log has shown to be wrong with the configuration."""
    for event in told.events:
        if event.code in ABOUT_SENDERS:
            level = Level.WARNING if event.level else Level.FACT
            yield Finding(level, f"source {source}: channel {event.source}: {event.text}")
    for message, rows in kept_out(counters, source).items():
        yield Finding(Level.FACT, f"source {source}: {rows} of {message} fill no field: of another sender")


def _rate(line: Line, plan: LoadedPlan, source: Assembled, settings: ReplaySettings) -> Rate | None:
    buses = {bus.name: number for number, bus in enumerate(plan.spec.buses)}
    channels = ChannelTable()

    def bind(name: str) -> int:
        number = channels.number(source.name, name)
        line.bind(number, bus=buses.get(source.bus_of(name), -1), source=source.name, tag=source.tag_of(name))
        return number

    return measure(line, settings.file, bind)


def _server_findings(config: Config) -> Iterator[Finding]:
    settings = replace(config.influx, create=False)  # a question changes nothing
    with contextlib.closing(InfluxClient(settings, SystemClock())) as client:
        exchange = client.probe()
        described = client.describe() if exchange.verdict == Acknowledged() else ""
    url = config.influx.url
    match exchange.verdict:
        case Acknowledged():
            yield Finding(Level.FACT, f"server {url}: takes data by API {exchange.api}")
            if described:
                yield Finding(Level.FACT, f"server {url}: {described}")
        case Hold(cause=HoldCause.NOT_FOUND) if config.influx.create:
            yield Finding(Level.FACT, f"server {url}: the bucket or database is missing and will be made")
        case Hold(cause=HoldCause.NO_DATABASE as cause, words=words):
            hint = "another program at that address, or a network's login page?"
            yield Finding(Level.FAULT, f"server {url}: {cause.value}: {words} ({hint})")
        case Hold(cause=cause, words=words):
            yield Finding(Level.FAULT, f"server {url}: {cause.value}{words and ': '}{words}")
        case Retry(reason=reason):
            yield Finding(Level.FAULT, f"server {url}: {reason}")
        case verdict:
            yield Finding(Level.FAULT, f"server {url}: answers an empty write with {verdict}")
