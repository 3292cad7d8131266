"""Sources, accounts and events as lines. Pure."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from telemetry.ledger import POINT_ENDS, frames_in_flight, sources, total
from telemetry.live.words import LEVELS, NOT_CONFIGURED, duration, level, owners, size
from telemetry.model.source_states import WELL
from telemetry.monitor.text import Style, bar, flow, line, rule

_LONGEST_NAME = 20
_LOAD_BAR = 8
_HIGH_LOAD_PCT = 80.0
_LEVEL_STYLES = (Style.FAINT, Style.WARNING, Style.BAD)
_LEVEL_COLUMNS = max(map(len, LEVELS))
_BAD_COUNTS = ("kernel_dropped", "lost", "evicted", "damaged", "dead")

Json = Mapping[str, Any]


def clock(time_ns: int) -> str:
    """Time of day, UTC."""
    try:
        return datetime.fromtimestamp(time_ns / 1e9, UTC).strftime("%H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return "--:--:--"


def _style(number: int) -> str:
    return _LEVEL_STYLES[number] if 0 <= number < len(_LEVEL_STYLES) else ""


def trouble_lines(live: Json) -> Iterator[Text]:
    """Yield what is wrong, the worst first."""
    for trouble in live.get("troubles", ()):
        yield line((f" {level(trouble['level'])} {trouble['text']}", _style(trouble["level"])))


def source_lines(live: Json, width: int) -> Iterator[Text]:
    """Yield a line a source, two where the terminal is narrow: state, rate, bus load, what was lost."""
    yield rule(line(("sources", Style.HEADING)), line(), width)
    names = max((cell_len(source["source"]) for source in live["sources"]), default=0)
    for source in live["sources"]:
        yield from flow(_source(source, min(names, _LONGEST_NAME)), width)


def _source(source: Json, name_columns: int) -> Iterator[Text]:
    state = source["state"] or NOT_CONFIGURED
    is_well = state in (*WELL, NOT_CONFIGURED)
    yield line((set_cell_size(source["source"], name_columns), Style.LABEL))
    yield line((state, Style.GOOD if is_well else Style.WARNING))
    yield line(f"{source['frames_per_s']:,.0f} frames/s")
    if (load_pct := source["bus_load_pct"]) is not None:
        style = Style.WARNING if load_pct >= _HIGH_LOAD_PCT else Style.BAR
        yield line(("load ", Style.LABEL), bar(load_pct, _LOAD_BAR, style), f" {load_pct:.1f} %")
    if source["unknown"]:
        yield line((f"unknown {source['unknown']:,}", Style.FAINT))
    if lost := sum(source["lost"].values()):
        reasons = ", ".join(name.replace("_", " ") for name, count in source["lost"].items() if count)
        yield line((f"lost {lost:,} ({reasons})", Style.WARNING))
    if source.get("device"):
        yield line((source["device"], Style.FAINT))


def account_lines(live: Json, width: int) -> Iterator[Text]:
    """Yield the three accounts: bus, frames, points; what becomes of points only where there is a spool."""
    accounts, gauges, state = live["accounts"], live["gauges"], live["state"]
    yield rule(line(("accounts", Style.HEADING)), line(), width)
    names = sources(accounts)
    bus = {name: _of(accounts, "bus", name) for name in ("read", "kernel_dropped")}
    yield from flow(_account("bus", bus), width)
    frames = {name: _of(accounts, "frames", name) for name in ("decoded", "absorbed", "unknown")}
    frames["lost"] = sum(total(accounts, f"frames/{source}/lost/") for source in names)
    frames["in flight"] = sum(frames_in_flight(accounts, source) for source in names)
    yield from flow(_account("frames", frames), width)
    points = {"made": total(accounts, "points/made/")}
    if "spool" in state:
        points |= {end: accounts.get(f"points/{end}", 0) for end in POINT_ENDS}
        waiting = gauges.get("points_waiting_memory", 0) + gauges.get("points_waiting_disk", 0)
        points["waiting"] = int(waiting)
    yield from flow(_account("points", points), width)
    if "spool" in state:
        yield from flow(_service(gauges, state), width)


def _of(accounts: Mapping[str, int], account: str, name: str) -> int:
    return sum(accounts.get(f"{account}/{source}/{name}", 0) for source in sources(accounts))


def _account(title: str, counts: Mapping[str, int]) -> Iterator[Text]:
    """Yield the counts, without those that are nought and need nobody's attention."""
    yield line((f"{title:<6}", Style.LABEL))
    for position, (name, count) in enumerate(counts.items()):
        if count or position == 0:
            yield line((f"{name.replace('_', ' ')} {count:,}", Style.BAD if name in _BAD_COUNTS else ""))


def _service(gauges: Mapping[str, float], state: Mapping[str, str]) -> Iterator[Text]:
    yield line(("sink ", Style.LABEL), state.get("sink", ""))
    yield line(("spool ", Style.LABEL), f"{state['spool']}, {size(gauges.get('spool_bytes', 0))}")
    if gauges.get("spool_oldest_s", 0) >= 1:
        yield line(("oldest ", Style.LABEL), duration(gauges["spool_oldest_s"]))
    if "memory_bytes" in gauges:
        yield line(("memory ", Style.LABEL), size(gauges["memory_bytes"]))


def event_lines(live: Json, width: int) -> Iterator[Text]:
    """Yield the newest events, newest first."""
    if not live["events"]:
        return
    yield rule(line(("events", Style.HEADING)), line(), width)
    for event in live["events"]:
        word, style = level(event["level"]), _style(event["level"])
        if not event["active"]:
            word, style = "over", Style.GOOD
        yield line(
            (f" {clock(event['time_ns'])} ", Style.FAINT),
            (f"{word:<{_LEVEL_COLUMNS}} ", style),
            ("".join(f"{words} " for words in owners(event)), Style.LABEL),
            (event["code"].replace("_", " "), style),
            f"  {event['text']}",
        )
