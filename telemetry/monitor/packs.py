"""Packs, chargers and meters as lines. Pure.

Promises: a stale value stands in brackets, on every terminal and in every colour. A field of the data model
that has no place of its own is shown after the others, by the words of its name.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.text import Text

from telemetry.live.state import STALE_S
from telemetry.live.words import PLUG, field, said
from telemetry.model.fields import Field, Kind, Place, Shown, shown
from telemetry.model.measurements import BATTERY, MEASUREMENTS
from telemetry.monitor.cells import cell_bars
from telemetry.monitor.text import Style, bar, flow, line, rule

_SOC_BAR = 10

Json = Mapping[str, Any]

_ENDS = {"cell_min_v": Style.LOWEST, "cell_max_v": Style.HIGHEST}


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
