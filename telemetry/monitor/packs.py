"""Packs, chargers and meters as lines. Pure.

Promises: a stale value stands in brackets, on every terminal and in every colour. A field of the data model
that has no place of its own is shown after the others, by the words of its name.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.text import Text

from telemetry.live.words import field
from telemetry.monitor.cells import cell_bars
from telemetry.monitor.text import Style, bar, flow, line, rule

STALE_S = 10.0
_SOC_BAR = 10

Json = Mapping[str, Any]
Row = tuple[str, str, str, str]

# Field, label before it, format, unit after it.
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
_FLOWN = (
    ("charged_ah", "charge in", "{:.1f}", "Ah"),
    ("discharged_ah", "charge out", "{:.1f}", "Ah"),
)
_FLOWN_WH = (  # shown in kWh
    ("charged_wh", "energy in", "{:.2f}", "kWh"),
    ("discharged_wh", "energy out", "{:.2f}", "kWh"),
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
    ("soc_pct", "SOC", "{:.0f}", "%"),
    ("remaining_min", "left", "{:.0f}", "min"),
    ("requested_voltage_v", "asked", "{:.1f}", "V"),
    ("requested_current_a", "asked", "{:+.1f}", "A"),
    ("max_voltage_v", "at most", "{:.1f}", "V"),
    ("max_current_a", "at most", "{:+.1f}", "A"),
    ("energy_wh", "energy", "{:.0f}", "Wh"),
    ("temp_c", "", "{:.1f}", "°C"),
)


def age(seconds: float) -> Text:
    """How old something is; what is over STALE_S is no longer called fresh."""
    if seconds <= STALE_S:
        return line((f"{seconds:.1f} s", Style.FAINT))
    words = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    return line((f"no data for {words}", Style.BAD))


def pack_lines(pack: Json, width: int) -> Iterator[Text]:
    """One pack: its state, its cells as bars, its temperatures."""
    values, stale = pack["battery"], set(pack["stale"])
    yield rule(line((f"pack {pack['pack']} · {pack['source']}", Style.HEADING)), age(pack["age_s"]), width)
    yield from flow([*_values(_ELECTRICAL, values, stale), *_flags(values, stale)], width)
    state = list(_values(_STATE, values, stale))
    if "soc_pct" in values:
        style = Style.STALE if "soc_pct" in stale else Style.GOOD
        state.insert(1, bar(values["soc_pct"], _SOC_BAR, style))
    yield from flow(state, width)
    yield from flow([*_extremes(values, stale), *_temperatures(values, stale)], width)
    energies_kwh = {name: values[name] / 1000.0 for name, *_ in _FLOWN_WH if name in values}
    yield from flow([*_values(_FLOWN, values, stale), *_values(_FLOWN_WH, energies_kwh, stale)], width)
    rows = (*_ELECTRICAL, *_STATE, *_FLOWN, *_FLOWN_WH, *_FLAGS)
    shown = {row[0] for row in rows}.union(_EXTREMES, _TEMPERATURES)
    yield from flow(_others(values, stale, shown), width)
    yield from cell_bars(pack["cells_v"], width, is_stale="cells_v" in stale)
    if pack["temps_c"]:
        readings = ("-" if value is None else f"{value:.1f}" for value in pack["temps_c"])
        sensors = (reading(words, is_stale="temps_c" in stale) for words in readings)
        yield from flow([line(("°C", Style.LABEL)), *sensors], width, " ")


def charger_lines(kind: str, charger: Json, width: int) -> Iterator[Text]:
    """One charger, or the meter beside it, as `kind` says: a heading and its values."""
    plug = charger.get("plug") or {"values": {}, "stale": [], "error": None}
    values, stale = charger["values"] | plug["values"], {*charger["stale"], *plug["stale"]}
    title = line((f"{kind} {charger['charger']} · {charger['source']}", Style.HEADING))
    yield rule(title, age(charger["age_s"]), width)
    others = _others(values, stale, {row[0] for row in _CHARGER})
    yield from flow([*_values(_CHARGER, values, stale), *others], width)
    if plug["error"] is not None:
        yield line((" last error ", Style.LABEL), (plug["error"]["text"], Style.WARNING))


def reading(words: str, *, is_stale: bool, style: str = "") -> Text:
    """A value; in brackets if it is stale."""
    return line((f"[{words}]", Style.STALE) if is_stale else (words, style))


def _values(rows: Iterable[Row], values: Json, stale: set[str]) -> Iterator[Text]:
    for name, label, form, unit in rows:
        if name in values:
            value = values[name]
            words = form.format(value) if not isinstance(value, bool) else "yes" if value else "no"
            label_part = (f"{label} " if label else "", Style.LABEL)
            yield line(label_part, reading(f"{words} {unit}".rstrip(), is_stale=name in stale))


def _others(values: Json, stale: set[str], shown: set[str]) -> Iterator[Text]:
    for name in values:
        if name not in shown:
            label, unit = field(name)
            yield from _values([(name, label, _whole(values[name]), unit)], values, stale)


def _whole(value: object) -> str:
    """The format of a value that has none of its own: counts and words of bits without a decimal."""
    return "{:.0f}" if isinstance(value, float) and value.is_integer() else "{}"


def _flags(values: Json, stale: set[str]) -> Iterator[Text]:
    for name, yes, no in _FLAGS:
        if name in values and (values[name] or name.endswith("_enabled")):
            is_off = name.endswith("_enabled") and not values[name]
            style = Style.WARNING if is_off else Style.GOOD
            yield reading(yes if values[name] else no, is_stale=name in stale, style=style)


def _extremes(values: Json, stale: set[str]) -> Iterator[Text]:
    for end, name, style in (("lowest", "min", Style.LOWEST), ("highest", "max", Style.HIGHEST)):
        key = f"cell_{name}_v"
        if key in values:
            number = values.get(f"cell_{name}_index")
            words = f"{values[key]:.3f} V" + (f" #{number:.0f}" if number is not None else "")
            yield line((f"{end} ", Style.LABEL), reading(words, is_stale=key in stale, style=style))
    if "cell_delta_v" in values:
        words = f"{values['cell_delta_v'] * 1000:.0f} mV"
        yield line(("spread ", Style.LABEL), reading(words, is_stale="cell_delta_v" in stale))


def _temperatures(values: Json, stale: set[str]) -> Iterator[Text]:
    known = [name for name in _TEMPERATURES if name in values]
    if known:
        words = " to ".join(f"{values[name]:.1f}" for name in known)
        yield reading(f"{words} °C", is_stale=not stale.isdisjoint(known))
