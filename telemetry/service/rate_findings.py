"""What `check` reports of points, bytes and the messages that cost most: of logs, and of what is heard."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from telemetry.clock import Clock
from telemetry.config import Config
from telemetry.errors import DataError, InputMissingError, UsageError
from telemetry.ledger import Counters, total
from telemetry.live.words import duration, size
from telemetry.model.events import Event
from telemetry.model.finding import Finding, Grade
from telemetry.rules.senders import CODES as ABOUT_SENDERS
from telemetry.rules.senders import kept_out
from telemetry.service.bound_findings import Sample, bound_findings
from telemetry.service.listening import listen
from telemetry.service.proposal import proposal
from telemetry.service.rate import Rate, measure
from telemetry.sources.assemble import Assembled, ChannelTable, assemble_sources
from telemetry.stages.binding import NO_BUS, Binding
from telemetry.stages.observer import ignore
from telemetry.stages.offline import Recorded
from telemetry.stages.prepare import Composition
from telemetry.stages.stages import Stages

MOST_NAMED = 10  # measurements, and fields, that cost most
FEWEST_INTERVALS = 20  # of [reduce]: a row at the beginning and one at the end come on top of one each


def log_findings(composition: Composition, spool_bytes: int, clock: Clock) -> Iterator[Finding]:
    """Yield what the configuration's own logs report. spool_bytes: what waits there at most."""
    sources = assemble_sources(composition.config.sources, ChannelTable(), clock, {})
    owners = {source.name: source.name for source in sources if source.settings.log is None}
    for source in sources:
        log = source.settings.log
        if log is not None:
            yield from _of_log(composition, source, log, spool_bytes, owners)


def sample_findings(
    composition: Composition, log: Path, spool_bytes: int, budget_bytes_h: float | None
) -> Iterator[Finding]:
    """Yield what a log reports of the buses of the configuration, and bounds for a budget of their link.

    Raises UsageError where no source fits, DataError where nothing of it is sent.
    """
    config, recorded, channels = composition.config, Recorded(composition), dict[str, Binding]()
    if recorded.is_serial:
        hint = "it has serial ports alone"
        raise UsageError("is of no bus of this configuration", where=str(log), hint=hint)
    buses = f"the configuration has {', '.join(one.name for one in config.sources if one.is_can)}"

    def binding_of(channel: str) -> Binding:
        try:
            channels[channel] = recorded.binding(channel)
        except UsageError as error:
            raise UsageError(error.what, where=str(log), hint=buses) from error
        return channels[channel]

    sample, has_bounds = Sample(composition, log, binding_of), bool(config.reduce.bounds)
    sent = sample.sent(config.reduce, with_values=has_bounds or budget_bytes_h is not None)
    for channel, binding in channels.items():
        if binding.bus != NO_BUS and channel != binding.source:
            yield Finding(Grade.FACT, f"log {log}: its channel {channel} is taken for {binding.source}")
    for words in recorded.warnings(channels):
        yield Finding(Grade.WARNING, f"log {log}: channel {words}")
    if sent.rate is None:
        counted = sent.stages.counted()
        if total(counted, "points/made/"):
            raise DataError("all that is sent of it has one stamp: there is no rate", where=str(log))
        if not (frames := total(counted, "frames/")):
            raise DataError("holds no frame", where=str(log))
        words = f"nothing of its {frames:,} frames is sent"
        unknown = sum(count for name, count in counted.items() if name.endswith("/unknown"))
        if unknown == frames and all(binding.bus != NO_BUS for binding in channels.values()):
            taken = ", ".join(sorted({binding.source for binding in channels.values()}))
            words += f": no message of {taken} has one of their ids"
            raise DataError(words, where=str(log), hint=f"nev-telemetry look {log} lists them")
        its = "its channel is" if len(channels) == 1 else "its channels are"
        raise DataError(words, where=str(log), hint=f"{its} {', '.join(channels)}, {buses}")
    yield from _ring_findings(f"log {log}", sent.stages, config)
    yield from _rate_findings(f"log {log}", sent.rate, config, spool_bytes)
    if has_bounds:
        yield from bound_findings(sent.watched, config.reduce)
    if budget_bytes_h is not None:
        yield from proposal(sample, sent, budget_bytes_h)


def live_findings(
    composition: Composition, seconds: float, spool_bytes: int, clock: Clock
) -> Iterator[Finding]:
    """Yield what the buses report within `seconds`.

    Serial ports are not opened: the service may have them.
    """
    buses = []
    for each in composition.config.sources:
        if not each.is_can or each.log is not None:
            continue
        if any(resource.exclusive for resource in each.resources):
            words = "is not listened to: its port is for one program; --log measures a log of it"
            yield Finding(Grade.WARNING, f"source {each.name}: {words}")
        else:
            buses.append(each)
    for heard in listen(composition, buses, seconds, clock):
        name, meter = f"source {heard.source.name}", heard.meter
        within = f"in {round(heard.seconds, 2):g} s"
        if not meter.frames:
            status = heard.source.source.status
            yield Finding(Grade.WARNING, f"{name}: no frame came {within}: {status}")
            continue
        yield Finding(Grade.FACT, f"{name}: {meter.frames} frames {within}")
        yield from _ring_findings(name, meter.stages, composition.config)
        yield from _rate_findings(name, meter.rate(heard.seconds), composition.config, spool_bytes)


def _of_log(
    composition: Composition, source: Assembled, log: Path, spool_bytes: int, owners: dict[str, str]
) -> Iterator[Finding]:
    """Yield what one log reports. owners: by tag `source`, the first with it; those of this log are added."""
    name = f"source {source.name}"
    stages, events = composition.make_stages(), _Events()
    stages.set_observer(events)
    try:
        rate = measure(stages, log, partial(composition.binding, source))
    except (DataError, InputMissingError) as error:
        yield Finding(Grade.FAULT, f"{name}: {error}")
        return
    for tag in [channel.binding.tag for channel in stages.channels]:
        if (owner := owners.setdefault(tag, source.name)) != source.name:
            words = f"channel {tag} of its log has the tag of {owner}: points with one stamp may be one"
            yield Finding(Grade.WARNING, f"{name}: {words}")
    for words in stages.writing.missing_pages():
        yield Finding(Grade.WARNING, f"{name}: in its log, {words}")
    yield from _event_findings(source.name, events.seen, stages.counted())
    yield from _rate_findings(name, rate, composition.config, spool_bytes)


def _rate_findings(name: str, rate: Rate | None, config: Config, spool_bytes: int) -> Iterator[Finding]:
    if rate is None:
        words = f"{name}: no rate can be measured: nothing is sent, or all with one stamp"
        yield Finding(Grade.WARNING, words)
        return
    outage_h = spool_bytes / rate.bytes_per_s / 3600.0
    link_bytes_h = rate.link_bytes_h(tls=config.sink.address.startswith("https:"))
    link_mb_a_day = link_bytes_h * 24 / 1e6
    words = f"{rate.points_per_s:.0f} points/s, {rate.mb_a_day:.1f} MB a day compressed"
    shares = ((one.measurement, one.points_per_s, one.mb_a_day) for one in rate.shares)
    keys = ("measurement", "points_per_s", "mb_a_day")
    figures = {
        "points_per_s": rate.points_per_s,
        "mb_a_day": rate.mb_a_day,
        "link_mb_a_day": link_mb_a_day,  # 0: not known
        "spool_h": outage_h,
        "measured_s": rate.duration_s,
        "measurements": [dict(zip(keys, share, strict=True)) for share in shares],
        "fields": [{"field": field, "part": part} for field, part in rate.fields[:MOST_NAMED]],
    }
    words += f"; the spool holds {duration(3600.0 * outage_h)} of it"
    yield Finding(Grade.FACT, f"{name}: {words}", figures)
    if rate.requests_per_s:
        hour = f"{size(link_bytes_h)} an hour, bodies {size(rate.bytes_per_s * 3600.0)}"
        requests = f"with {rate.requests_per_s * 3600.0:,.0f} requests an hour"
        words = f"about {link_mb_a_day:.1f} MB a day on the link, {requests}: {hour}"
        yield Finding(Grade.FACT, f"{name}: {words}")
    most = config.uplink.bytes_per_hour
    if most is not None and link_bytes_h > most:
        words = f"that is more than [uplink] allows, {size(most)} an hour: bounds will be widened"
        yield Finding(Grade.WARNING, f"{name}: {words}")
    for share in rate.shares[:MOST_NAMED]:
        part_pct = 100.0 * share.bytes_per_s / rate.bytes_per_s
        words = f"{share.points_per_s:.1f} points/s, {share.mb_a_day:.1f} MB a day, {part_pct:.0f} %"
        yield Finding(Grade.FACT, f"{name}: {share.measurement}: {words}")
    all_mb, where = (link_mb_a_day, "on the link") if link_mb_a_day else (rate.mb_a_day, "compressed")
    for field, part in rate.fields[:MOST_NAMED]:
        words = f"{name}: field {field}: {part * all_mb:.2f} MB a day {where}, {100 * part:.0f} %"
        yield Finding(Grade.FACT, words)
    longest_s = config.reduce.longest_interval_s
    if rate.duration_s < FEWEST_INTERVALS * longest_s:
        words = f"[reduce] holds rows for {longest_s:g} s, and only {duration(rate.duration_s)} were measured"
        hint = f"measure {FEWEST_INTERVALS * longest_s:g} s or more"
        yield Finding(Grade.WARNING, f"{name}: {words}: it will be less ({hint})")


def _ring_findings(name: str, stages: Stages, config: Config) -> Iterator[Finding]:
    """Yield how much of what a trigger may send from before its event fits into memory."""
    windows = stages.writing.windows
    held_s = windows.held_s if windows is not None else None
    if held_s is not None:
        before_s = max(trigger.before_s for trigger in config.triggers)
        words = f"ring_mb has room for the last {duration(held_s)} of what triggers send"
        if held_s < before_s:
            words += f", and before_s asks for {before_s:g} s (raise ring_mb, or name less in only)"
        yield Finding(Grade.FACT if held_s >= before_s else Grade.WARNING, f"{name}: {words}")


class _Events:
    """Observes stages, for the events that they make."""

    start = bind = observe = observe_kept = add_session = ignore

    def __init__(self) -> None:
        self.seen: list[Event] = []

    def add_event(self, event: Event, time_ns: int) -> None:  # noqa: ARG002 - when is not asked here
        self.seen.append(event)


def _event_findings(source: str, events: Iterable[Event], counters: Counters) -> Iterator[Finding]:
    """Yield what a log has shown to be wrong with the configuration."""
    for event in events:
        if event.code in ABOUT_SENDERS:
            level = Grade.WARNING if event.level else Grade.FACT
            yield Finding(level, f"source {source}: channel {event.source}: {event.text}")
    for message, rows in kept_out(counters, source).items():
        yield Finding(Grade.FACT, f"source {source}: {rows} of {message} fill no field: of another sender")
