"""The sections of the screen: packs, chargers, meters, sources, accounts, events and messages as lines. Pure.

Promises: a stale value stands in brackets, on every terminal and in every colour. A field of the data model
that has no place of its own is shown after the others, by the words of its name.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from telemetry.ledger import POINT_ENDS, frames_in_flight, sources, total
from telemetry.live.state import STALE_S
from telemetry.live.words import (
    LEVELS,
    NOT_CONFIGURED,
    PLUG,
    duration,
    field,
    level,
    moment,
    owners,
    said,
    size,
    unmatched,
)
from telemetry.model.fields import Field, Kind, Place, Shown, shown
from telemetry.model.measurements import BATTERY, MEASUREMENTS
from telemetry.model.source_states import WELL
from telemetry.monitor.cells import cell_bars
from telemetry.monitor.text import Style, bar, flow, line, rule

_SOC_BAR, _LOAD_BAR = 10, 8
_LONGEST_NAME = 20
_HIGH_LOAD_PCT = 80.0
_LEVEL_STYLES = (Style.FAINT, Style.WARNING, Style.BAD)
_LEVEL_COLUMNS = max(map(len, LEVELS))
_BAD_COUNTS = ("kernel_dropped", "lost", "evicted", "damaged", "dead")
_ENDS = {"cell_min_v": Style.LOWEST, "cell_max_v": Style.HIGHEST}

Json = Mapping[str, Any]


def age(seconds: float) -> Text:
    """Return how old something is; what is over STALE_S is no longer called fresh."""
    if seconds <= STALE_S:
        return line((f"{seconds:.1f} s", Style.FAINT))
    words = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    return line((f"no data for {words}", Style.BAD))


def pack_lines(pack: Json, width: int) -> Iterator[Text]:
    """Yield one pack: its state, its cells as bars, its temperatures."""
    values, stale = pack["battery"], set(pack["stale"])
    yield rule(line((f"pack {pack['pack']} · {pack['source']}", Style.HEADING)), age(pack["age_s"]), width)
    electrical = shown(BATTERY, Place.ELECTRICAL)
    yield from flow([*_values(electrical, values, stale), *_flags(values, stale)], width)
    state = list(_values(shown(BATTERY, Place.CHARGE, Place.STATE), values, stale))
    if "soc_pct" in values:
        style = Style.STALE if "soc_pct" in stale else Style.GOOD
        state.insert(1, bar(values["soc_pct"], _SOC_BAR, style))
    yield from flow(state, width)
    for places in ((Place.CELLS, Place.TEMPERATURE), (Place.COUNTED,), (Place.LIMIT, Place.RAW)):
        yield from flow(_values(shown(BATTERY, *places), values, stale), width)
    yield from flow(_others(values, stale, shown(BATTERY)), width)
    yield from cell_bars(pack["cells_v"], width, is_stale="cells_v" in stale)
    if pack["temps_c"]:
        readings = ("-" if value is None else f"{value:.1f}" for value in pack["temps_c"])
        sensors = (reading(words, is_stale="temps_c" in stale) for words in readings)
        yield from flow([line(("°C", Style.LABEL)), *sensors], width, " ")


def charger_lines(kind: str, charger: Json, width: int) -> Iterator[Text]:
    """Yield one charger, or the meter beside it, as `kind` says: a heading and its values."""
    plug = charger.get("plug") or {"values": {}, "stale": [], "error": None}
    values, stale = charger["values"] | plug["values"], {*charger["stale"], *plug["stale"]}
    title = line((f"{kind} {charger['charger']} · {charger['source']}", Style.HEADING))
    yield rule(title, age(charger["age_s"]), width)
    rows = [*shown(MEASUREMENTS[kind]), *PLUG]
    yield from flow([*_values(rows, values, stale), *_others(values, stale, rows)], width)
    if plug["error"] is not None:
        yield line((" last error ", Style.LABEL), (plug["error"]["text"], Style.WARNING))


def reading(words: str, *, is_stale: bool, style: str = "") -> Text:
    """Return a value; in brackets if it is stale."""
    return line((f"[{words}]", Style.STALE) if is_stale else (words, style))


def _values(rows: Iterable[Field], values: Json, stale: set[str]) -> Iterator[Text]:
    for row in rows:
        if row.name in values and (how := row.shown):
            number = values.get(how.numbered)
            words = said(row, values[row.name]) + (f" #{number:.0f}" if number is not None else "")
            short = how.label.lower() if how.short is None else how.short
            style = _ENDS.get(row.name, "")
            value = reading(words, is_stale=row.name in stale, style=style)
            yield line((f"{short} " if short else "", Style.LABEL), value)


def _others(values: Json, stale: set[str], rows: Iterable[Field]) -> Iterator[Text]:
    known = {name for row in rows if row.shown for name in (row.name, row.shown.numbered)}
    for name, value in values.items():
        if name not in known:
            label, unit = field(name)
            kind = Kind.FLOAT if isinstance(value, float) else Kind.TEXT
            decimals = 0 if kind is Kind.TEXT or value.is_integer() else 3
            yield from _values([Field(name, kind, "", Shown(label, decimals, unit=unit))], values, stale)


def _flags(values: Json, stale: set[str]) -> Iterator[Text]:
    for flag in shown(BATTERY, Place.FLAG):
        if flag.shown and flag.name in values and (values[flag.name] or flag.shown.off):
            is_on = values[flag.name]
            words, style = (flag.shown.on, Style.GOOD) if is_on else (flag.shown.off, Style.WARNING)
            yield reading(words, is_stale=flag.name in stale, style=style)


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
    frames = {
        name: _of(accounts, "frames", name) for name in ("decoded", "absorbed", "without_signals", "unknown")
    }
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
            (f" {moment(event['time_ns'], '%H:%M:%S', '--:--:--')} ", Style.FAINT),
            (f"{word:<{_LEVEL_COLUMNS}} ", style),
            ("".join(f"{words} " for words in owners(event)), Style.LABEL),
            (event["code"].replace("_", " "), style),
            f"  {event['text']}",
        )


def message_lines(live: Json, width: int, wanted: str = "") -> Iterator[Text]:
    """Yield every message that was seen, with its signals in columns.

    wanted: words; only signals are shown that have all of them in message, signal, source or unit.
    """
    words = wanted.casefold().split()
    for message in live.get("messages", ()):
        signals = {name: value for name, value in message["signals"].items() if _fits(message, name, words)}
        if not signals and (words or message["signals"]):
            continue
        sender = f" · sa {message['sender']}" if message["sender"] else ""
        title = line((message["message"], Style.HEADING), (f" · {message['source']}{sender}", Style.FAINT))
        end = line((f"{message['rate_per_s']:.1f}/s  ", Style.FAINT), age(message["age_s"]))
        yield rule(title, end, width)
        yield from _signal_lines(signals, message.get("units", {}), set(message["stale"]), width)
    if left_out := live.get("messages_left_out", 0):
        yield line((f" {left_out} more messages come than are shown", Style.FAINT))
    if not words:
        yield from _unmatched_lines(live, width)


def _unmatched_lines(live: Json, width: int) -> Iterator[Text]:
    """Yield the ids that no message has, one a line."""
    if ids := live.get("unmatched", ()):
        yield rule(line(("ids without a message", Style.HEADING)), line(), width)
    for each in ids:
        yield line((f" {each['source']} {each['id']}", Style.LABEL), f"  {unmatched(each)}")
    if others := live.get("unmatched_left_out", 0):
        yield line((f" and {others:,} frames of other ids", Style.FAINT))


def _fits(message: Json, name: str, words: list[str]) -> bool:
    unit = message.get("units", {}).get(name, "")
    text = f"{message['source']} {message['message']} {name} {unit}".casefold()
    return all(word in text for word in words)


def _signal_lines(signals: Json, units: Mapping[str, str], stale: set[str], width: int) -> Iterator[Text]:
    cells = [
        _signal(name, value, units.get(name, ""), is_stale=name in stale) for name, value in signals.items()
    ]
    column = max((cell.cell_len for cell in cells), default=1) + 2
    in_line = max((width - 1) // column, 1)
    for cell in cells:
        cell.truncate(column, pad=True)
    for start in range(0, len(cells), in_line):
        yield line(" ", *cells[start : start + in_line])


def _signal(name: str, value: object, unit: str, *, is_stale: bool) -> Text:
    words = f"{value:.6g}" if isinstance(value, float) else str(value)
    words = f"{words} {unit}".rstrip()
    return line((f"{name} ", Style.LABEL), reading(words, is_stale=is_stale))
