"""Sources, accounts and events as lines. Pure."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from telemetry.ledger import POINT_ENDS, frames_in_flight, sources, total
from telemetry.monitor.text import Glyphs, Line, Piece, Style, columns, flow, padded, rule

_GAP = "  "
_LOAD_BAR = 8
_HIGH_LOAD_PCT = 80.0
_LEVELS = (("info", Style.FAINT), ("warn", Style.WARNING), ("CRIT", Style.BAD))

Json = Mapping[str, Any]


def clock(time_ns: int) -> str:
    """Time of day, UTC."""
    try:
        return datetime.fromtimestamp(time_ns / 1e9, UTC).strftime("%H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return "--:--:--"


def source_lines(live: Json, width: int, glyphs: Glyphs) -> Iterator[Line]:
    """One line a source, two where the terminal is narrow: state, rate, bus load, what was lost."""
    yield rule((Piece("sources", Style.HEADING),), (), width, glyphs)
    names = max((columns(source["source"]) for source in live["sources"]), default=0)
    for source in live["sources"]:
        state = source["state"]
        is_well = state in ("receiving", "reading", "ended", "")
        lost = sum(source["lost"].values())
        items: list[Line] = [
            (Piece(padded(source["source"], min(names, 20)), Style.LABEL),),
            (Piece(state, Style.GOOD if is_well else Style.WARNING),),
            (Piece(f"{source['frames_per_s']:,.0f} frames/s"),),
        ]
        if source["bus_load_pct"] is not None:
            items.append(_load(source["bus_load_pct"], glyphs))
        if source["unknown"]:
            items.append((Piece(f"unknown {source['unknown']:,}", Style.FAINT),))
        if lost:
            reasons = ", ".join(name.replace("_", " ") for name, count in source["lost"].items() if count)
            items.append((Piece(f"lost {lost:,} ({reasons})", Style.WARNING),))
        if source.get("device"):
            items.append((Piece(source["device"], Style.FAINT),))
        yield from flow(items, width, _GAP)


def _load(load_pct: float, glyphs: Glyphs) -> Line:
    filled = round(_LOAD_BAR * min(load_pct, 100.0) / 100.0)
    style = Style.WARNING if load_pct >= _HIGH_LOAD_PCT else Style.BAR
    return (
        Piece("load ", Style.LABEL),
        Piece(glyphs.full * filled, style),
        Piece(glyphs.empty * (_LOAD_BAR - filled), Style.FAINT),
        Piece(f" {load_pct:.1f} %"),
    )


def account_lines(live: Json, width: int, glyphs: Glyphs) -> Iterator[Line]:
    """The three accounts: bus, frames, points; what becomes of points only where there is a spool."""
    accounts, gauges, state = live["accounts"], live["gauges"], live["state"]
    yield rule((Piece("accounts", Style.HEADING),), (), width, glyphs)
    names = sources(accounts)
    yield from _account(
        "bus", {name: _of(accounts, "bus", name) for name in ("read", "kernel_dropped")}, width
    )
    frames = {name: _of(accounts, "frames", name) for name in ("decoded", "absorbed", "unknown")}
    frames["lost"] = sum(total(accounts, f"frames/{source}/lost/") for source in names)
    frames["in flight"] = sum(frames_in_flight(accounts, source) for source in names)
    yield from _account("frames", frames, width)
    points = {"made": total(accounts, "points/made/")}
    if "spool" in state:
        points |= {end: accounts.get(f"points/{end}", 0) for end in POINT_ENDS}
        waiting = gauges.get("points_waiting_memory", 0) + gauges.get("points_waiting_disk", 0)
        points["waiting"] = int(waiting)
    yield from _account("points", points, width)
    if "spool" in state:
        yield from flow(_service(gauges, state), width, _GAP)


def _of(accounts: Mapping[str, int], account: str, name: str) -> int:
    return sum(accounts.get(f"{account}/{source}/{name}", 0) for source in sources(accounts))


_BAD_COUNTS = ("kernel_dropped", "lost", "evicted", "damaged", "dead")


def _account(title: str, counts: Mapping[str, int], width: int) -> Iterator[Line]:
    """Counts that are nought and need nobody's attention are left out."""
    items: list[Line] = [(Piece(padded(title, 6), Style.LABEL),)]
    for position, (name, count) in enumerate(counts.items()):
        if count or position == 0:
            style = Style.BAD if name in _BAD_COUNTS else Style.PLAIN
            items.append((Piece(f"{name.replace('_', ' ')} {count:,}", style),))
    return flow(items, width, _GAP)


def _service(gauges: Mapping[str, float], state: Mapping[str, str]) -> Iterator[Line]:
    yield (Piece("sink ", Style.LABEL), Piece(state.get("sink", "")))
    size_mib = gauges.get("spool_bytes", 0) / (1 << 20)
    yield (Piece("spool ", Style.LABEL), Piece(f"{state['spool']}, {size_mib:.1f} MiB"))
    if gauges.get("spool_oldest_s", 0) >= 1:
        yield (Piece("oldest ", Style.LABEL), Piece(f"{gauges['spool_oldest_s']:.0f} s"))
    if "memory_bytes" in gauges:
        yield (Piece("memory ", Style.LABEL), Piece(f"{gauges['memory_bytes'] / (1 << 20):.0f} MiB"))


def event_lines(live: Json, width: int, glyphs: Glyphs) -> Iterator[Line]:
    """The newest events, newest first."""
    if not live["events"]:
        return
    yield rule((Piece("events", Style.HEADING),), (), width, glyphs)
    for event in live["events"]:
        word, style = _LEVELS[event["level"]] if 0 <= event["level"] < len(_LEVELS) else ("?", Style.PLAIN)
        if not event["active"]:
            word, style = "over", Style.GOOD
        about = [event["source"]]
        about += [f"{kind} {event[kind]}" for kind in ("pack", "charger") if event[kind]]
        yield (
            Piece(f" {clock(event['time_ns'])} ", Style.FAINT),
            Piece(f"{word:<4} ", style),
            Piece("".join(f"{words} " for words in about if words), Style.LABEL),
            Piece(event["code"].replace("_", " "), style),
            Piece(f"  {event['text']}"),
        )
