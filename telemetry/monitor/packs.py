"""Packs, chargers and meters as lines. Pure.

Promises: a value that is stale stands in brackets, on every terminal and in every colour; a field of the data
model that has no place of its own is shown behind the others, by its name.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from telemetry.monitor.cells import cell_bars
from telemetry.monitor.text import Glyphs, Line, Piece, Style, flow, rule

STALE_S = 10.0
_GAP = "  "
_SOC_BAR = 10

Json = Mapping[str, Any]

# Field, label before it, format, unit behind it.
_ELECTRICAL = (
    ("voltage_v", "", "{:.2f}", "V"),
    ("current_a", "", "{:+.2f}", "A"),
    ("power_w", "", "{:+.0f}", "W"),
)
_STATE = (
    ("soc_pct", "SOC", "{:.1f}", "%"),
    ("soh_pct", "SOH", "{:.1f}", "%"),
    ("remaining_ah", "left", "{:.1f}", "Ah"),
    ("capacity_ah", "of", "{:.1f}", "Ah"),
    ("cycles", "cycles", "{:.0f}", ""),
    ("insulation_kohm", "insulation", "{:.0f}", "kOhm"),
)
_FLAGS = (
    ("charging", "charging", "not charging"),
    ("discharging", "discharging", "not discharging"),
    ("charge_enabled", "charge on", "charge off"),
    ("discharge_enabled", "discharge on", "discharge off"),
    ("balancing", "balancing", "not balancing"),
)
_EXTREMES = ("cell_min_v", "cell_max_v", "cell_delta_v", "cell_min_index", "cell_max_index")
_TEMPERATURES = ("temp_min_c", "temp_max_c")
_CHARGER = (
    *_ELECTRICAL,
    ("phase", "phase", "{}", ""),
    ("requested_voltage_v", "asked", "{:.1f}", "V"),
    ("requested_current_a", "asked", "{:+.1f}", "A"),
    ("max_voltage_v", "at most", "{:.1f}", "V"),
    ("max_current_a", "at most", "{:+.1f}", "A"),
    ("energy_wh", "energy", "{:.0f}", "Wh"),
    ("temp_c", "", "{:.1f}", "degrees"),
)


def age(seconds: float) -> Piece:
    """How old something is; what is over STALE_S is no longer called fresh."""
    if seconds <= STALE_S:
        return Piece(f"{seconds:.1f} s", Style.FAINT)
    words = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    return Piece(f"no data for {words}", Style.BAD)


def pack_lines(pack: Json, width: int, glyphs: Glyphs) -> Iterator[Line]:
    """One pack: its state, its cells as bars, its temperatures."""
    values, stale = pack["battery"], set(pack["stale"])
    title = f"pack {pack['pack']} {glyphs.separator} {pack['source']}"
    yield rule((Piece(title, Style.HEADING),), (age(pack["age_s"]),), width, glyphs)
    shown: set[str] = set()
    for table in (_ELECTRICAL, _STATE):
        items = [_value(row, values, stale, glyphs) for row in table if row[0] in values]
        shown |= {row[0] for row in table}
        if table is _STATE and "soc_pct" in values:
            items.insert(1, _soc_bar(values["soc_pct"], glyphs, is_stale="soc_pct" in stale))
        if table is _ELECTRICAL:
            items += _flags(values, stale)
            shown |= {name for name, _, _ in _FLAGS}
        yield from flow(items, width, _GAP)
    spread = [*_extremes(values, stale, glyphs), *_temperatures(values, stale, glyphs)]
    yield from flow(spread, width, _GAP)
    shown |= {*_EXTREMES, *_TEMPERATURES}
    others = [(name, name, "{}", "") for name in values if name not in shown]
    yield from flow([_value(row, values, stale, glyphs) for row in others], width, _GAP)
    yield from cell_bars(pack["cells_v"], width, glyphs, is_stale="cells_v" in stale)
    yield from _sensors(pack["temps_c"], width, glyphs, is_stale="temps_c" in stale)


def charger_lines(kind: str, charger: Json, width: int, glyphs: Glyphs) -> Iterator[Line]:
    """One charger, or the meter beside it, as `kind` says: a heading and its values."""
    values, stale = charger["values"], set(charger["stale"])
    title = f"{kind} {charger['charger']} {glyphs.separator} {charger['source']}"
    yield rule((Piece(title, Style.HEADING),), (age(charger["age_s"]),), width, glyphs)
    known = {row[0] for row in _CHARGER}
    rows = [*_CHARGER, *((name, name, "{}", "") for name in values if name not in known)]
    yield from flow([_value(row, values, stale, glyphs) for row in rows if row[0] in values], width, _GAP)


def _value(row: tuple[str, str, str, str], values: Json, stale: set[str], glyphs: Glyphs) -> Line:
    name, label, form, unit = row
    value = values[name]
    words = form.format(value) if not isinstance(value, bool) else "yes" if value else "no"
    unit = glyphs.degrees if unit == "degrees" else unit
    reading = Piece(f"{words} {unit}".rstrip())
    return (*((Piece(f"{label} ", Style.LABEL),) if label else ()), _marked(reading, is_stale=name in stale))


def _marked(piece: Piece, *, is_stale: bool) -> Piece:
    return Piece(f"[{piece.text}]", Style.STALE) if is_stale else piece


def _soc_bar(soc_pct: float, glyphs: Glyphs, *, is_stale: bool) -> Line:
    filled = round(_SOC_BAR * min(max(soc_pct, 0.0), 100.0) / 100.0)
    style = Style.STALE if is_stale else Style.GOOD
    return (Piece(glyphs.full * filled, style), Piece(glyphs.empty * (_SOC_BAR - filled), Style.FAINT))


def _flags(values: Json, stale: set[str]) -> Iterator[Line]:
    for name, yes, no in _FLAGS:
        if name in values and (values[name] or name.endswith("_enabled")):
            is_off = name.endswith("_enabled") and not values[name]
            piece = Piece(yes if values[name] else no, Style.WARNING if is_off else Style.GOOD)
            yield (_marked(piece, is_stale=name in stale),)


def _extremes(values: Json, stale: set[str], glyphs: Glyphs) -> Iterator[Line]:
    for end, name, style in (("lowest", "min", Style.LOWEST), ("highest", "max", Style.HIGHEST)):
        key = f"cell_{name}_v"
        if key in values:
            number = values.get(f"cell_{name}_index")
            words = f"{values[key]:.3f} V" + (f" #{number:.0f}" if number is not None else "")
            yield (Piece(f"{end} ", Style.LABEL), _marked(Piece(words, style), is_stale=key in stale))
    if "cell_delta_v" in values:
        words = f"{values['cell_delta_v'] * 1000:.0f} mV"
        reading = _marked(Piece(words), is_stale="cell_delta_v" in stale)
        yield (Piece(f"{glyphs.delta} ", Style.LABEL), reading)


def _temperatures(values: Json, stale: set[str], glyphs: Glyphs) -> Iterator[Line]:
    known = [name for name in _TEMPERATURES if name in values]
    if known:
        words = f" {glyphs.dots} ".join(f"{values[name]:.1f}" for name in known)
        yield (_marked(Piece(f"{words} {glyphs.degrees}"), is_stale=not stale.isdisjoint(known)),)


def _sensors(temps_c: list[float | None], width: int, glyphs: Glyphs, *, is_stale: bool) -> Iterator[Line]:
    if not temps_c:
        return
    label: Line = (Piece(glyphs.degrees, Style.LABEL),)
    readings = ("-" if value is None else f"{value:.1f}" for value in temps_c)
    yield from flow([label, *((_marked(Piece(each), is_stale=is_stale),) for each in readings)], width, " ")
