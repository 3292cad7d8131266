"""What `check` finds out about a configuration without starting anything.

Promises: opens no bus unless it is to listen, leaves nothing behind (but a cached plan), sends nothing but a
question to the server. Gives findings, one line each; what it cannot know (how much a day) it says it cannot
know.
"""

import contextlib
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from errno import EACCES, ENOTDIR
from pathlib import Path

from telemetry_core.rows.spec import RecordSpec
from telemetry_core.rules.map_spec import MapSpec

from telemetry import plugins
from telemetry.charging.follow.known import FOLLOWED
from telemetry.clock import Clock
from telemetry.config import Config
from telemetry.databases.bus import LoadedPlan
from telemetry.errors import StorageError
from telemetry.live.words import counted, size
from telemetry.model.finding import Finding, Grade
from telemetry.model.measurements import BATTERY, EVENT
from telemetry.rules.map import is_alarm
from telemetry.rules.map_entry import MAIN, MapEntry
from telemetry.rules.reduce import NO_BOUND, ReduceSettings
from telemetry.rules.trigger import ResolvedTrigger
from telemetry.service.rate_findings import live_findings, log_findings, sample_findings
from telemetry.service.unit import unit_findings
from telemetry.settings.document import shown_name
from telemetry.sources.kinds import sharing
from telemetry.spool.directory import refuse_shared, unusable
from telemetry.spool.filesystem import FileSystem
from telemetry.stages.prepare import compose

_POWERS = ("battery.voltage_v", "battery.current_a", "battery.power_w")
MAX_MEASUREMENTS = 2000  # limits of InfluxDB 3
MAX_FIELDS = 500
MOST_CODES = 10  # that a line names
MOST_INTEGRATED_S = 2.0  # between rows: of a drive 4 % of what went in is wrong then, at 10 s half of it


def check(
    config: Config,
    *,
    log: Path | None = None,
    listen_s: float | None = None,
    budget_bytes: float | None = None,
) -> Iterator[Finding]:
    """Yield all findings, in the order of the data. Raises ConfigError where `run` would.

    log: of the configuration's buses; listen_s: how long to listen to them. Both say how much is sent.
    budget_bytes: of the link in an hour, for which the log is to give bounds.
    """
    composition = compose(config)
    composition.make_stages()  # refuses names in [send] and [reduce] that nothing has
    entries, protected, modelling = composition.entries, composition.protected, composition.modelling
    files = f" ({len(config.files)} files)" if len(config.files) > 1 else ""
    yield Finding(Grade.FACT, f"{shown_name(config.file)}{files}: vehicle {config.vehicle}")
    for words in config.notes:
        yield Finding(Grade.WARNING, words)
    mapped = modelling.map.records if modelling.map else ()
    records = (*protected.spec.records, *mapped)
    yield from _plan_findings(composition.loaded)
    yield from _size_findings(
        [each for each, is_sent in zip(records, config.send.chosen(records), strict=True) if is_sent]
    )
    if entries:
        written = {record.measurement for record in mapped}
        written |= {EVENT.name} if any(map(is_alarm, entries)) else set()
        count = "1 entry writes" if len(entries) == 1 else f"{len(entries)} entries write"
        yield Finding(Grade.FACT, f"mapped: {count} {', '.join(sorted(written))}")
    yield from _overruled_findings(modelling.map)
    if protected.rules:
        names = sorted({rule.name for rule in protected.rules})
        yield Finding(Grade.FACT, f"protected: {counted(len(names), 'message')} ({', '.join(names)})")
    if not (entries or config.send.messages):
        words = "messages = false, and no [[map]]: the service's own state is all that is sent"
        yield Finding(Grade.WARNING, f"send: {words}")
    yield from _reduce_findings(config, records, {entry.to for entry in entries})
    yield from map(_trigger_finding, composition.triggers)
    yield from _meter_findings(config, entries)
    yield from _session_findings(config, entries)
    if config.health and modelling.map:
        from telemetry.health import findings  # which few configurations need

        yield from findings.findings(modelling.map, config.health)
    for words in plugins.in_use():
        yield Finding(Grade.FACT, words)
    for settings in config.sources:
        yield from settings.findings()
    yield from sharing(config.sources)
    yield from _spool_findings(config)
    yield from _black_box_findings(config)
    yield from unit_findings(config)
    spool_bytes, clock = _room(config)[0], Clock()
    yield from log_findings(composition, spool_bytes, clock)
    if log is not None:
        yield from sample_findings(composition, log, spool_bytes, budget_bytes)
    if listen_s is not None:
        yield from live_findings(composition, listen_s, spool_bytes, clock)
    yield from config.sink.findings(clock)


def _overruled_findings(mapping: MapSpec | None) -> Iterator[Finding]:
    """Yield which fields of a vehicle's profile a [[map]] fills in its place."""
    fields: dict[str, list[str]] = {}
    for field, _, where in mapping.overruled if mapping else ():
        fields.setdefault(where, []).append(field)
    for where, (first, *others) in fields.items():
        more = f" and {len(others)} more" if others else ""
        words = f"{where} fills {first}{more} in place of the vehicle's profile"
        yield Finding(Grade.FACT, f"mapped: {words}")


def _plan_findings(plan: LoadedPlan) -> Iterator[Finding]:
    for warning in plan.warnings:
        yield Finding(Grade.WARNING, warning)
    for bus in plan.spec.buses:
        messages = {(message.name, message.record): len(message.signals) for message in bus.messages}
        words = f"{counted(len(messages), 'message')}, {counted(sum(messages.values()), 'signal')}"
        yield Finding(Grade.FACT, f"bus {bus.name}: {words}")


def _size_findings(sent: Sequence[RecordSpec]) -> Iterator[Finding]:
    """Yield what a server may refuse. sent: the records of which rows are sent; hidden ones have none."""
    written = [record for record in sent if not record.hidden]
    measurements = {record.measurement for record in written}
    if len(measurements) > MAX_MEASUREMENTS:
        yield Finding(Grade.WARNING, f"{len(measurements)} measurements; InfluxDB 3 takes {MAX_MEASUREMENTS}")
    for record in written:
        if len(record.fields) > MAX_FIELDS:
            words = f"{len(record.fields)} fields; InfluxDB 3 takes {MAX_FIELDS}"
            yield Finding(Grade.WARNING, f"measurement {record.measurement}: {words}")


def _meter_findings(config: Config, entries: Iterable[MapEntry]) -> Iterator[Finding]:
    """Yield what is taken as the meter of a plug, and what is not, since several plugs have its name."""
    plugs = [source for source in config.sources if not FOLLOWED.keys().isdisjoint(source.protocols.names)]
    elsewhere = [entry for entry in entries if entry.bus not in {source.name for source in plugs}]
    chargers = Counter(source.protocols.charger for source in plugs)
    packs = Counter(MAIN for _ in plugs)
    battery = {entry.pack for entry in elsewhere if entry.to in _POWERS}
    meters = {entry.charger or MAIN for entry in elsewhere if entry.to.startswith("meter.")}
    for what, holders, measured in (("pack", packs, battery), ("meter", chargers, meters)):
        for name in sorted(measured & holders.keys()):
            if holders[name] == 1:
                (charger,) = chargers if what == "pack" else (name,)
                yield Finding(Grade.FACT, f"charging: {what} {name} is taken as a meter of charger {charger}")
            else:
                words = f"{holders[name]} plugs have that name: it is a meter of none"
                yield Finding(Grade.WARNING, f"charging: {what} {name}: {words}")


def _session_findings(config: Config, entries: Iterable[MapEntry]) -> Iterator[Finding]:
    """Yield each `[[session]]` that never begins or mixes several: power of its name must be of one bus."""
    fields: dict[tuple[str, str], dict[str | None, set[str]]] = {}  # by owner and bus
    for entry in entries:
        measurement, _, field = entry.to.partition(".")
        owner = ("pack", entry.pack) if measurement == "battery" else (measurement, entry.charger or MAIN)
        fields.setdefault(owner, {}).setdefault(entry.bus, set()).add(field)
    for session in config.charging.sessions:
        what, name = ("pack", session.pack) if session.pack else ("charger", session.charger)
        measured = fields.get((what, name), {})
        all_fields = set().union(*measured.values())
        buses = [bus for bus, found in measured.items() if found & {"power_w", "voltage_v", "current_a"}]
        if not ("power_w" in all_fields or {"voltage_v", "current_a"} <= all_fields):
            words = f"nothing measures power of {what} {name}: no session ever begins"
            yield Finding(Grade.WARNING, f"session: {words}")
        elif len(buses) > 1:
            words = f"{len(buses)} buses measure {what} {name}, and their power is taken for one's"
            yield Finding(Grade.WARNING, f"session: {words}; give each a name of its own")


def _reduce_findings(config: Config, records: Sequence[RecordSpec], filled: set[str]) -> Iterator[Finding]:
    reduce, measurements = config.reduce, {record.measurement for record in records}
    for table, intervals in (
        ("measurements", reduce.every_s_by_measurement),
        ("flags", reduce.flags_every_s_by_measurement),
    ):
        for name in sorted(intervals.keys() - measurements):
            yield Finding(Grade.WARNING, f"reduce.{table}.{name}: nothing writes a measurement of that name")
    yield from _bound_findings(reduce, records)
    every_s = reduce.every_ns(BATTERY.name) / 1e9
    if every_s > MOST_INTEGRATED_S and filled & {"battery.current_a", "battery.power_w"}:
        words = f"reduce: rows of battery {every_s:g} s apart: power summed up from them is wrong by far"
        yield Finding(Grade.WARNING, f"{words}; a dashboard must ask for charged_wh and discharged_wh")


def _bound_findings(reduce: ReduceSettings, records: Sequence[RecordSpec]) -> Iterator[Finding]:
    """Yield what is promised of values that are left out, and what loosens it."""
    if not reduce.bounds:
        return
    bounded = sum(bound != NO_BOUND for bound in reduce.bounds_of(records))
    drawn, late = "the last value kept is", ""
    if reduce.is_line:
        drawn = "the straight line between kept values is"
        late = f"; a value may come {reduce.longest_ns / 1e9:g} s late"
    words = f"{counted(bounded, 'field')} with a bound: {drawn} within it of every value{late}"
    yield Finding(Grade.FACT, f"reduce: {words}")
    for glob, why in reduce.idle_bounds(records):
        yield Finding(Grade.WARNING, f"reduce.bounds.{glob}: {why}")
    if reduce.every_s:
        words = f"a value less than {reduce.every_s:g} s after a kept one is left out, however far off it is"
        yield Finding(Grade.WARNING, f"reduce: every_s loosens the bounds: {words}")


def _trigger_finding(trigger: ResolvedTrigger) -> Finding:
    """Return what sets it off, and what is sent then."""
    settings = trigger.settings
    what = ", ".join(sorted(trigger.codes)) or settings.signal or settings.field
    if len(trigger.codes) > MOST_CODES:
        what = f"{len(trigger.codes)} codes of events ({', '.join(settings.on)})"
    span = f"{settings.before_s:g} s before to {settings.after_s:g} s after"
    sent = ", ".join(settings.only) or "all measurements and messages"
    raw = ", and raw frames are kept" if settings.black_box else ""
    words = f"{what}: {sent}, from {span}{raw}, {settings.per_hour} times an hour at most"
    return Finding(Grade.FACT, f"trigger: {words}")


def _spool_findings(config: Config) -> Iterator[Finding]:
    if fault := _spool_fault(config.spool_directory):
        yield Finding(Grade.FAULT, f"spool {fault}", exit_code=fault.exit_code)
        return
    cap_bytes, free_bytes = _room(config)
    if free_bytes < config.spool.keep_free_bytes:
        kept = f"keep_free_mib keeps {size(config.spool.keep_free_bytes)} free, and less is free now"
        yield Finding(Grade.WARNING, f"spool {config.spool_directory}: {kept}: data waits in memory alone")
    room = f"spool {config.spool_directory}: at most {size(cap_bytes)}, {size(free_bytes)} are free"
    yield Finding(Grade.FACT if cap_bytes < free_bytes else Grade.WARNING, room)


def _black_box_findings(config: Config) -> Iterator[Finding]:
    directory = config.black_box.directory
    if directory is None:
        return
    from telemetry.blackbox import store  # which few configurations need

    if fault := _spool_fault(directory, store.unusable):
        yield Finding(Grade.FAULT, str(fault), exit_code=fault.exit_code)
        return
    frozen = f"frozen captures take at most {size(config.black_box.most_bytes)}"
    free = f"{size(FileSystem().free_bytes(_existing(directory)))} are free"
    words = f"the last {config.black_box.minutes:g} minutes, 3 to 6 bytes a frame; {frozen}; {free}"
    yield Finding(Grade.FACT, f"black box {directory}: {words}")


def _spool_fault(
    directory: Path, fault_of: Callable[[Path, OSError], StorageError] = unusable
) -> StorageError | None:
    """Return the error that `run` would end with, if any."""
    existing = _existing(directory)
    try:
        if existing != directory.absolute():
            Path(tempfile.mkdtemp(dir=existing)).rmdir()  # permissions alone say nothing of /proc
        elif not existing.is_dir():
            raise NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR))
        elif not os.access(existing, os.W_OK | os.X_OK):
            raise PermissionError(EACCES, os.strerror(EACCES))
        else:
            refuse_shared(FileSystem(), existing)
    except StorageError as error:
        return error
    except OSError as error:
        return fault_of(directory, error)
    return None


def _room(config: Config) -> tuple[int, int]:
    """Return the spool's cap and what the disk has free, in bytes."""
    free_bytes = FileSystem().free_bytes(_existing(config.spool_directory))
    return config.spool.cap(free_bytes, 0), free_bytes


def _existing(path: Path) -> Path:
    """Return the path, or the nearest folder above it that there is, or that this user may look at."""
    path = path.absolute()
    while True:
        with contextlib.suppress(OSError):
            if path.exists():
                return path
        path = path.parent
