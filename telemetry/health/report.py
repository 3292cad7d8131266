"""The health of packs as one self-contained page of HTML, as a session's. Pure.

Promises: what is not known is said in words, and never filled in. A charge that was not used stands hollow,
with its reason.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from telemetry.charging.report.chart import Axis, Chart, Dot, Step, axis, span
from telemetry.charging.report.escape import escaped
from telemetry.charging.report.page import FOOTER, document, figures, table
from telemetry.charging.report.phrases import figure, moment
from telemetry.health.capacity import TWO_SIDED
from telemetry.health.charge import CHEMISTRY, GAPS, SOC, SWAP, WINDOW
from telemetry.health.found import FoundPack, Row
from telemetry.model.health import BATTERY_USE, CELL_CHARGE, CELL_RESISTANCE

TEMPERATURES_C = range(-40, 80, 10)  # from where on a row of the heat map is
CHARGES_PCT = range(0, 100, 10)
_DAY_NS, _YEAR_NS = 86_400e9, 365.25 * 86_400e9
_NOT_SOCE = (
    "This is no SOCE: UN GTR 22 certifies energy on a test, and this is charge, counted by the battery's own"
    " sensor of current. No open-circuit voltage and no state of health of the BMS is used."
)
_REASONS = {
    SWAP: "another pack came in between",
    SOC: "the state of charge is absent, stuck, falling, or jumps against the count",
    GAPS: "over 2 % of the time was not heard",
    WINDOW: "the state of charge changed too little",
    CHEMISTRY: "an LFP pack that was not charged to full",
}


def page(packs: Sequence[FoundPack]) -> str:
    """Return the page."""
    title = "Battery health of " + ", ".join(page_name(pack) for pack in packs) if packs else "Battery health"
    return document(title, (part for part in _body(packs, title)))


def _body(packs: Sequence[FoundPack], title: str) -> Iterator[str]:
    yield f"<header><h1>{escaped(title)}</h1><p>Intervals are of 95 %.</p></header><main>"
    for pack in packs:
        yield f"<section><h2>{escaped(page_name(pack))}</h2>" if len(packs) > 1 else "<section>"
        yield from figures(_figures(pack))
        yield "</section>"
        if drawn := charts(pack):
            yield '<section class="curves"><div class="charts">'
            yield from (chart.figure() for chart in drawn)
            yield "</div></section>"
        if shares := used_hours(pack):
            yield '<section class="heat"><h2>Use: hours by temperature and state of charge</h2>'
            most = max(shares.values())
            rows = (
                [escaped(f"{temp_c} °C")]
                + [_heat(shares.get((temp_c, soc_pct), 0.0), most) for soc_pct in CHARGES_PCT]
                for temp_c in reversed(TEMPERATURES_C)
                if any(at_c == temp_c for at_c, _ in shares)
            )
            yield from table("", ("from", *(f"{soc_pct} %" for soc_pct in CHARGES_PCT)), rows)
            yield "</section>"
        yield "<section><h2>What is missing</h2><ul>"
        yield from (f"<li>{escaped(words)}</li>" for words in missing(pack))
        yield "</ul></section>"
    yield f"</main>{FOOTER}"


def _heat(hours: float, most: float) -> str:
    words = f"{hours:.0f}" if hours >= 9.5 else f"{hours:.1f}" if hours >= 0.05 else ""
    return f'<span style="--share:{hours / most:.2f}">{words}</span>' if words else ""


def page_name(pack: FoundPack) -> str:
    """Return whose it is."""
    return f"{pack.vehicle}, {pack.pack}"


def latest(pack: FoundPack, name: str) -> float | None:
    """Return the newest value that is known of a number of charges, or None."""
    return next((float(row[name]) for _, row in reversed(pack.charges) if name in row), None)


def _figures(pack: FoundPack) -> Iterator[tuple[str, str]]:
    for label, what, unit in (("Capacity", "capacity_{}ah", "Ah"), ("State of health", "soh_{}pct", "%")):
        value, low, high = (latest(pack, what.format(end)) for end in ("", "low_", "high_"))
        yield label, figure(value, unit)
        yield f"{label}, 95 %", "" if low is None else f"{low:.1f} to {figure(high, unit)}"
    yield "Charges used", f"{sum(row.get('used') is True for _, row in pack.charges)} of {len(pack.charges)}"
    mohm, sd_mohm = latest(pack, "resistance_mohm"), latest(pack, "resistance_sd_mohm")
    spread = "" if mohm is None or sd_mohm is None else f"{mohm:.1f} ± {figure(TWO_SIDED * sd_mohm, 'mΩ')}"
    yield "Resistance", spread
    yield "Current shows too much", figure(latest(pack, "current_offset_a"), "A", 2, sign=True)
    for label, name, of in (
        ("Weakest", "weak", CELL_CHARGE.name),
        ("Most resistive", "resistive", CELL_RESISTANCE.name),
    ):
        cell, ratio = latest(pack, f"{name}_cell_index"), latest(pack, f"{name}_cell_ratio")
        if cell is not None and ratio is not None:
            cells = pack.cells(of, max(pack.rows[of], default=0))
            unknown = f", {cells.count(None)} not known" if None in cells else ""
            sd = latest(pack, f"{name}_cell_sd")
            spread = "" if sd is None else f" ± {TWO_SIDED * sd:.2f}"
            yield f"{label} of {len(cells)} cells{unknown}: {cell:.0f}, of median", f"{ratio:.2f}{spread}"


def charts(pack: FoundPack) -> list[Chart]:
    """Return what has a value: capacity over time, resistance over temperature, and cells."""
    return [*_capacity(pack.charges), *_resistance(pack.charges), *_cells(pack)]


def _capacity(charges: Sequence[tuple[int, Row]]) -> Iterator[Chart]:
    if not charges:
        return
    first_ns, last_ns = charges[0][0], charges[-1][0]
    by_year = last_ns - first_ns > 2.0 * _YEAR_NS
    scale_ns = _YEAR_NS if by_year else _DAY_NS
    at = [(time_ns - first_ns) / scale_ns for time_ns, _ in charges]
    room = 0.03 * (at[-1] or 1.0)
    dots: list[Dot] = []
    low: list[Step] = []
    high: list[Step] = []
    for x, until, (time_ns, row) in zip(at, (*at[1:], at[-1] + room), charges, strict=True):
        if "charge_capacity_ah" in row:
            capacity_ah, half = (float(row[f"charge_capacity_{name}"]) for name in ("ah", "sd_ah"))
            words = f"{moment(time_ns)}: {capacity_ah:.1f} Ah"
            dots.append(Dot(x, capacity_ah, TWO_SIDED * half, words))
        else:
            dots.append(Dot(x, None, words=str(row.get("reason", ""))))
        for steps, name in ((low, "capacity_low_ah"), (high, "capacity_high_ah")):
            if value := row.get(name, steps[-1].value if steps else None):
                steps.append(Step(x, until, float(value)))
    values = [step.value for step in (*high, *low)]
    values += [dot.value + end for dot in dots if dot.value is not None for end in (dot.half, -dot.half)]
    words = f"{'years' if by_year else 'days'} since {moment(first_ns)[:10]}"
    x_axis, y = span(-room, at[-1] + room), axis(values, least_span=5.0)
    yield Chart("Capacity by charge, and of the pack (Ah)", words, x_axis, y, high, band=low, dots=dots)


def _resistance(charges: Sequence[tuple[int, Row]]) -> Iterator[Chart]:
    names = ("resistance_temp_c", "resistance_mohm", "resistance_sd_mohm")
    dots = [
        Dot(temp_c, mohm, TWO_SIDED * sd_mohm, moment(time_ns))
        for time_ns, row in charges
        if all(name in row for name in names)
        for temp_c, mohm, sd_mohm in [[float(row[name]) for name in names]]
    ]
    if dots:
        x = axis([dot.x for dot in dots], least_span=10.0)
        y = axis([dot.value for dot in dots if dot.value is not None], from_zero=True)
        yield Chart("Resistance of the pack over temperature (mΩ)", "°C", x, y, (), dots=dots)


def _cells(pack: FoundPack) -> Iterator[Chart]:
    """Yield a bar for each cell, of the newest row that has it; a dot for its drift."""
    for of, title in (
        (CELL_RESISTANCE.name, "Resistance of the cells (mΩ)"),
        (CELL_CHARGE.name, "Charge between like voltages, over the median cell's"),
    ):
        cells = pack.cells(of, max(pack.rows[of], default=0))
        if bars := [Step(n - 0.4, n + 0.4, each) for n, each in enumerate(cells, 1) if each is not None]:
            y = axis([bar.value for bar in bars], from_zero=of == CELL_RESISTANCE.name, least_span=0.1)
            dots = [Dot(n, None) for n, each in enumerate(cells, 1) if each is None]
            yield _by_cell(title, "", y, bars, dots)
    if drift := pack.drift():
        title, words = (
            "Drift of the cells (mV a month)",
            f", {drift.rests} rests from {drift.soc_pct:.0f} % on",
        )
        slopes = zip(drift.mv_per_month, drift.sd_mv_per_month, drift.rests_by_cell, strict=True)
        dots = [
            Dot(n, slope, _wide(rests) * sd if sd else 0.0) for n, (slope, sd, rests) in enumerate(slopes, 1)
        ]
        ends = [dot.value + end for dot in dots if dot.value is not None for end in (dot.half, -dot.half)]
        yield _by_cell(title, words, axis(ends, from_zero=True, least_span=0.1), (), dots)


def _wide(rests: int) -> float:
    """Return Student's quantile for a slope of so many rests, which for few is far from 1.96."""
    free = rests - 2
    return TWO_SIDED + 2.37 / free + 2.82 / free**2 + 2.56 / free**3


def _by_cell(title: str, words: str, y: Axis, bars: Sequence[Step], dots: Sequence[Dot]) -> Chart:
    """Return the chart of bars and dots, one a cell. words: after "cell"."""
    hollow = " (hollow: not known)" if any(dot.value is None for dot in dots) else ""
    x = span(0.5, len(bars) + len(dots) + 0.5)
    return Chart(title, f"cell{hollow}{words}", x, y, bars, is_filled=bool(bars), dots=dots)


def used_hours(pack: FoundPack) -> dict[tuple[int, int], float]:
    """Return the hours that the pack spent, by where the bin begins in °C and in % of charge."""
    names = {
        f"temp_{str(temp_c).replace('-', 'm')}_soc_{soc_pct}_s": (temp_c, soc_pct)
        for temp_c in TEMPERATURES_C
        for soc_pct in CHARGES_PCT
    }
    found = defaultdict[tuple[int, int], float](float)
    for day in pack.rows[BATTERY_USE.name].values():
        for name in day.keys() & names.keys():
            found[names[name]] += float(day[name]) / 3600.0
    return found


def missing(pack: FoundPack) -> Iterator[str]:
    """Yield what is not known, and why, in sentences."""
    rows = [row for _, row in pack.charges]
    unused = Counter(str(row["reason"]) for row in rows if "reason" in row)
    for reason, count in unused.most_common():
        words = _REASONS.get(reason, reason)
        yield f"{count} of {len(rows)} charges say nothing of capacity ({reason}): {words}."
    if latest(pack, "capacity_ah") is None:
        yield "No capacity: it takes three charges that count, or one over 80 % of the state of charge."
    elif latest(pack, "soh_pct") is None:
        yield "No state of health: no rated capacity is configured (rated_ah), and none was reported."
    known = {
        "resistance of the pack: fewer than five steps of the current": latest(pack, "resistance_mohm"),
        "resistance of cells: no pages of cells with steps of the current": pack.rows[CELL_RESISTANCE.name]
        or None,
        "charge of cells: no steady charge over 30 % of the pack shows it": pack.rows[CELL_CHARGE.name]
        or None,
        "drift of cells: it takes four rests at like state of charge, over 14 days": pack.drift(),
        "offset of the current: it takes two charges to full, and all between them heard": latest(
            pack, "current_offset_a"
        ),
    }
    yield from (f"No {words}." for words, value in known.items() if value is None)
    if gap_s := sum(float(row.get("gap_s", 0.0)) for row in rows):
        yield f"{figure(gap_s, 's', 0)} of charges were not heard, and are not counted."
    yield _NOT_SOCE
