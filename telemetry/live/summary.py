"""A service's status as lines for people: what is wrong, the battery, the sources, the accounts, the events.

Promises: numbers have units, counts that are 0 and need nobody's attention are left out, and what comes from
outside is printable. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from telemetry.errors import printable
from telemetry.ledger import (
    POINT_ENDS,
    Counters,
    frames_in_flight,
    lost_frames,
    points_unaccounted,
    sources,
    total,
)
from telemetry.live.state import STALE_S
from telemetry.live.words import NOT_CONFIGURED, duration, level, moment, owners, said, size, unmatched
from telemetry.model.fields import Place, shown
from telemetry.model.measurements import BATTERY, MEASUREMENTS

MOST_EVENTS = 8
MOST_UNMATCHED = 8
MOST_MEASUREMENTS = 6
MOST_CAPTURES = 4
_SAID = (Place.ELECTRICAL, Place.CHARGE, Place.STATE, Place.CELLS, Place.TEMPERATURE)

Json = Mapping[str, Any]


def status_lines(status: Json) -> Iterator[str]:
    """Yield the lines of a running service; status: as the status socket answers."""
    return (printable(line) for line in _status_lines(status))


def stopped_lines(accounts: Counters, waiting_points: int) -> Iterator[str]:
    """Yield the lines of a service that has ended: what its spool still knows."""
    yield "the service does not run; its accounts, as the spool has them:"
    yield ""
    yield from map(printable, account_lines(accounts, {"points_waiting_disk": waiting_points}))


def end_lines(accounts: Counters, gauges: Mapping[str, float]) -> Iterator[str]:
    """Yield the lines of a service that ends now; accounts, gauges: of one moment."""
    yield from map(printable, account_lines(accounts, gauges))
    waiting = sum(_waiting(gauges))
    yield f"stopped; {f'{waiting:,} points wait in the spool' if waiting else 'nothing waits'}"


def _status_lines(status: Json) -> Iterator[str]:
    live, gauges, state = status["live"], status["gauges"], status["state"]
    page = f", page at {state['web']}" if state.get("web", "").startswith("http") else ""
    yield f"{status['vehicle']}: {state.get('service', 'running')} for {duration(gauges['uptime_s'])}{page}"
    for trouble in live.get("troubles", ()):
        yield f"  {level(trouble['level'])}: {trouble['text']}"
    if not live.get("troubles"):
        yield "  nothing is wrong"
    for kind, name in (("pack", "battery"), ("charger", "values"), ("meter", "values")):
        for each in live.get(f"{kind}s", ()):
            yield from _values(kind, each[kind if kind == "pack" else "charger"], each, each[name])
    yield ""
    for source in live["sources"]:
        yield from _source(source, status["accounts"])
        yield from _unmatched(source["source"], live)
    yield ""
    yield from _points(status["accounts"], gauges)
    yield from _service(status)
    yield from _events(live["events"][:MOST_EVENTS])


def _values(kind: str, name: str, state: Json, values: Json) -> Iterator[str]:
    age = (
        f"{state['age_s']:.1f} s ago"
        if state["age_s"] <= STALE_S
        else f"no data for {duration(state['age_s'])}"
    )
    yield ""
    yield f"{kind} {name} ({state['source']}): {age}"
    old = {field: values[field] for field in state["stale"] if field in values}
    fresh = {field: value for field, value in values.items() if field not in old}
    for words, group in (("", fresh), (f"older than {STALE_S:.0f} s: ", old)):
        if shares := list(_said(kind, group)):
            yield f"  {words}{', '.join(shares)}"


def _said(kind: str, values: Json) -> Iterator[str]:
    for field in shown(BATTERY if kind == "pack" else MEASUREMENTS[kind], *_SAID):
        if field.name in values and field.shown:
            label = "" if field.shown.short == "" else f"{field.shown.label.lower()} "
            yield f"{label}{said(field, values[field.name])}"


def _source(source: Json, accounts: Counters) -> Iterator[str]:
    name = source["source"]
    rate = f", {source['frames_per_s']:,.0f} frames/s"
    load = "" if source["bus_load_pct"] is None else f", bus load {source['bus_load_pct']:.1f} %"
    yield f"{name}: {source['state'] or NOT_CONFIGURED}{rate}{load}"
    if source["device"]:
        yield f"  {source['device']}"
    yield f"  {_frames(name, accounts)}"


def _unmatched(source: str, live: Json) -> Iterator[str]:
    """Yield the ids that no message has, as far as they were asked for."""
    ids = [each for each in live.get("unmatched", ()) if each["source"] == source]
    if ids:
        yield "  ids without a message, as they come now:"
    for each in ids[:MOST_UNMATCHED]:
        yield f"    {each['id']}: {unmatched(each)}"
    if len(ids) > MOST_UNMATCHED:
        yield f"    and {len(ids) - MOST_UNMATCHED} more; `monitor --messages` shows them"


def _frames(source: str, accounts: Counters) -> str:
    """Return what was read, and what became of it."""
    bus, frames = f"bus/{source}/", f"frames/{source}/"
    counts = [("read", accounts.get(f"{bus}read", 0)), ("decoded", accounts.get(f"{frames}decoded", 0))]
    seldom = [
        (kind, accounts.get(f"{frames}{kind}", 0)) for kind in ("absorbed", "without_signals", "unknown")
    ]
    dropped = accounts.get(f"{bus}kernel_dropped", 0)  # which are not among those read
    reasons = {"kernel_dropped": dropped} if dropped else {}
    reasons |= sorted(lost_frames(accounts, source).items())
    why = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in reasons.items())
    lost = f"lost {sum(reasons.values()):,} ({why})" if reasons else "nothing lost"
    seldom.append(("in flight", frames_in_flight(accounts, source)))
    shown = [
        f"{name.replace('_', ' ')} {count:,}"
        for name, count in (*counts, *(each for each in seldom if each[1]))
    ]
    return ", ".join((*shown, lost))


def _points(accounts: Counters, gauges: Mapping[str, float]) -> Iterator[str]:
    ends = [(end, accounts.get(f"points/{end}", 0)) for end in POINT_ENDS]
    memory, disk = _waiting(gauges)
    shown = [f"made {total(accounts, 'points/made/'):,}", f"acknowledged {ends[0][1]:,}"]
    shown += [f"{end} {count:,}" for end, count in ends[1:] if count]
    shown += [f"waiting {place} {count:,}" for place, count in (("memory", memory), ("disk", disk)) if count]
    missing = points_unaccounted(accounts, memory + disk)
    shown.append(f"{missing:,} NOT accounted for" if missing else "all accounted for")
    yield f"points: {', '.join(shown)}"


def _waiting(gauges: Mapping[str, float]) -> tuple[int, int]:
    """Return the points that wait in memory and on disk."""
    return int(gauges.get("points_waiting_memory", 0)), int(gauges.get("points_waiting_disk", 0))


def account_lines(accounts: Counters, gauges: Mapping[str, float]) -> Iterator[str]:
    """Yield one line a source, and one of points."""
    for source in sources(accounts):
        yield f"{source}: {_frames(source, accounts)}"
    yield from _points(accounts, gauges)


def _service(status: Json) -> Iterator[str]:
    gauges, state = status["gauges"], status["state"]
    sink = status.get("sink", {})
    sent, carried = sink.get("bytes_sent", 0), sink.get("link_bytes", 0)
    on_link = f" (about {size(carried)} on the link)" if carried else ""
    yield f"sink: {state['sink']}{f', {size(sent)} sent{on_link}' if sent else ''}"
    made = sorted(status.get("line_bytes", {}).items(), key=lambda one: -one[1])[:MOST_MEASUREMENTS]
    if shares := [f"{name} {100 * part / sum(status['line_bytes'].values()):.0f} %" for name, part in made]:
        yield f"  its lines: {', '.join(shares)}"
    oldest_s = gauges.get("spool_oldest_s", 0.0)
    oldest = f", oldest {duration(oldest_s)}" if oldest_s >= 1 else ""
    written = gauges.get("spool_written_bytes_per_h")
    rate = "" if written is None else f", {size(written)} written an hour"
    yield from _captures(status.get("captures", ()), status["accounts"].get("triggers/over_per_hour", 0))
    yield f"spool: {state['spool']}, {size(gauges['spool_bytes'])}{oldest}{rate}"
    memory = f"memory {size(gauges['memory_bytes'])}, " if "memory_bytes" in gauges else ""
    cpu_pct = 100.0 * gauges["cpu_s"] / max(gauges["uptime_s"], 1.0)
    yield f"process: {memory}processor {cpu_pct:.1f} %"
    if gauges.get("log_lines_dropped"):
        yield f"  {gauges['log_lines_dropped']:,.0f} lines of the log dropped"


def _captures(captures: Sequence[Json], over_per_hour: int) -> Iterator[str]:
    limited = f", {over_per_hour:,} more were over per_hour" if over_per_hour else ""
    if captures or limited:
        yield f"captures: {len(captures)}{limited}"
    for one in captures[:MOST_CAPTURES]:
        raw = f", {size(one['raw_bytes'])} of raw frames" if one["raw_bytes"] else ""
        yield f"  {one['id']}{', goes on' if one['goes_on'] else ''}{raw}"


def _events(events: Iterable[Json]) -> Iterator[str]:
    for number, event in enumerate(events):
        if number == 0:
            yield ""
            yield "newest events"
        word = level(event["level"]) if event["active"] else "over"
        subject = " ".join(filter(None, (word, event["code"].replace("_", " "), ", ".join(owners(event)))))
        text = f": {event['text']}" if event["text"] else ""
        yield f"  {moment(event['time_ns'])} {subject}{text}"
