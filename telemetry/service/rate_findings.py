"""What `check` reports of points, bytes and the messages that cost most: of logs, and of what is heard."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch

from telemetry.charging.session import Session
from telemetry.clock import Clock
from telemetry.config import Config
from telemetry.errors import DataError, InputMissingError, UsageError
from telemetry.ledger import Counters
from telemetry.live.words import duration
from telemetry.model.events import Event
from telemetry.model.finding import Finding, Grade
from telemetry.rules.senders import CODES as ABOUT_SENDERS
from telemetry.rules.senders import kept_out
from telemetry.service.listening import listen
from telemetry.service.rate import Rate, measure
from telemetry.sources.assemble import Assembled, ChannelTable, assemble_sources
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


def sample_findings(composition: Composition, log: Path, spool_bytes: int) -> Iterator[Finding]:
    """Yield what a log reports of the buses of the configuration. Raises UsageError where no source fits."""
    recorded = Recorded(composition)
    if recorded.is_serial:
        raise UsageError(
            "is of no bus of this configuration", where=str(log), hint="it has serial ports alone"
        )
    stages = composition.make_stages()
    rate = measure(stages, log, recorded.binding, composition.config.send.every_s)
    yield from _ring_findings(f"log {log}", stages, composition.config)
    yield from _rate_findings(
        f"log {log}", rate, composition.config, spool_bytes, "no rate can be measured from it"
    )


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
        words = "no rate can be measured from its frames"
        yield from _ring_findings(name, meter.stages, composition.config)
        yield from _rate_findings(name, meter.rate(heard.seconds), composition.config, spool_bytes, words)


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
    yield from _rate_findings(
        name, rate, composition.config, spool_bytes, "no rate can be measured from its log"
    )


def _rate_findings(
    name: str, rate: Rate | None, config: Config, spool_bytes: int, without: str
) -> Iterator[Finding]:
    """Yield the findings of a rate. without: the words where there is none."""
    if rate is None:
        yield Finding(Grade.WARNING, f"{name}: {without}")
        return
    outage_h = spool_bytes / rate.bytes_per_s / 3600.0
    link_mb_a_day = rate.link_mb_a_day(tls=config.sink.address.startswith("https:"))
    yield Finding(
        Grade.FACT,
        f"{name}: {rate.points_per_s:.0f} points/s,"
        f" {rate.mb_a_day:.1f} MB a day compressed; the spool holds {duration(3600.0 * outage_h)} of it",
        {
            "points_per_s": rate.points_per_s,
            "mb_a_day": rate.mb_a_day,
            "link_mb_a_day": link_mb_a_day,  # 0: not known
            "spool_h": outage_h,
            "measured_s": rate.duration_s,
            "measurements": [
                {
                    "measurement": share.measurement,
                    "points_per_s": share.points_per_s,
                    "mb_a_day": share.mb_a_day,
                }
                for share in rate.shares
            ],
            "fields": [{"field": field, "part": part} for field, part in rate.fields[:MOST_NAMED]],
        },
    )
    if rate.requests_per_s:
        requests = f"{rate.requests_per_s * 3600.0:,.0f} requests an hour"
        yield Finding(Grade.FACT, f"{name}: about {link_mb_a_day:.1f} MB a day on the link, with {requests}")
    for share in rate.shares[:MOST_NAMED]:
        part_pct = 100.0 * share.bytes_per_s / rate.bytes_per_s
        yield Finding(
            Grade.FACT,
            f"{name}: {share.measurement}: {share.points_per_s:.1f} points/s,"
            f" {share.mb_a_day:.1f} MB a day, {part_pct:.0f} %",
        )
    for field, part in rate.fields[:MOST_NAMED]:
        mb_a_day = part * (link_mb_a_day or rate.mb_a_day)
        where = "on the link" if link_mb_a_day else "compressed"
        yield Finding(
            Grade.FACT, f"{name}: field {field}: {mb_a_day:.2f} MB a day {where}, {100 * part:.0f} %"
        )
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
        grade = Grade.FACT if held_s >= before_s else Grade.WARNING
        words = f"ring_mb holds {duration(held_s)} of what triggers send, of {before_s:g} s before an event"
        yield Finding(grade, f"{name}: {words}")


class _Events:
    """Observes stages, for the events that they make."""

    def __init__(self) -> None:
        self.seen: list[Event] = []

    def start(self, *_: object) -> None:
        pass

    def bind(self, channel: int, *, source: str, tag: str, tags: Mapping[int, Mapping[str, str]]) -> None:
        pass

    def observe(self, frames: FrameBatch, samples: SampleBatch) -> None:
        pass

    def observe_kept(self, samples: SampleBatch) -> None:
        pass

    def add_event(self, event: Event, time_ns: int) -> None:  # noqa: ARG002 - when is not asked here
        self.seen.append(event)

    def add_session(self, session: Session, time_ns: int) -> None:
        pass


def _event_findings(source: str, events: Iterable[Event], counters: Counters) -> Iterator[Finding]:
    """Yield what a log has shown to be wrong with the configuration."""
    for event in events:
        if event.code in ABOUT_SENDERS:
            level = Grade.WARNING if event.level else Grade.FACT
            yield Finding(level, f"source {source}: channel {event.source}: {event.text}")
    for message, rows in kept_out(counters, source).items():
        yield Finding(Grade.FACT, f"source {source}: {rows} of {message} fill no field: of another sender")
