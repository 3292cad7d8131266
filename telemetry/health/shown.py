"""Battery health as text: a table for people, CSV and JSON for programs. Pure.

Promises: the names of columns and keys are those of the data model. Every charge has all of them; what is not
known is empty in CSV and null in JSON.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

from telemetry_core.rows.schema import guarded

from telemetry.charging.report.phrases import figure, moment, soc_span
from telemetry.charging.report.table import aligned
from telemetry.errors import one_line, printable
from telemetry.health.found import FoundPack, Row
from telemetry.model.health import BATTERY_HEALTH, CELL_CHARGE, CELL_RESISTANCE

FIELDS = tuple(field.name for field in BATTERY_HEALTH.fields)
ESTIMATE = (
    *("capacity_ah", "capacity_low_ah", "capacity_high_ah", "charges_used"),
    *("soh_pct", "soh_low_pct", "soh_high_pct"),
)
COLUMNS = ("start_ns", "vehicle", "pack", *FIELDS)
_HEAD = ("start", "vehicle", "pack", "SOC", "charge", "capacity by it", "of the pack", "SOH", "1 s", "notes")


def as_table(packs: Sequence[FoundPack]) -> str:
    """Return a line a charge."""
    rows = [_row(pack, time_ns, row) for pack in packs for time_ns, row in pack.charges]
    return aligned(_HEAD, rows, right=_HEAD[4:9])


def as_csv(packs: Sequence[FoundPack], *, raw_text: bool = False) -> str:
    """Return a row a charge, with COLUMNS in the header.

    raw_text: also texts that a spreadsheet takes for formulas are as they are.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for pack in packs:
        names = [printable(each if raw_text else guarded(each)) for each in (pack.vehicle, pack.pack)]
        for time_ns, row in pack.charges:
            values = (row.get(name, "") for name in FIELDS)
            writer.writerow(
                [
                    time_ns,
                    *names,
                    *(str(each).lower() if each is True or each is False else each for each in values),
                ]
            )
    return text.getvalue()


def as_json(packs: Sequence[FoundPack]) -> str:
    """Return `{"packs": […]}`: of each its charges with cells and estimate, and the drift of its cells."""
    shown = [
        {
            "vehicle": pack.vehicle,
            "pack": pack.pack,
            "charges": charges(pack),
            "cell_drift": drift._asdict() if (drift := pack.drift()) else None,
        }
        for pack in packs
    ]
    text = json.dumps({"packs": shown}, ensure_ascii=False, indent=1)
    return text.encode("utf-8", "replace").decode() + "\n"  # half a surrogate is no letter


def charges(pack: FoundPack) -> list[dict[str, Any]]:
    """Return the pack's charges by their start, each with all fields, its cells and its estimate."""
    return [_charge(pack, time_ns, row) for time_ns, row in pack.charges]


def _charge(pack: FoundPack, time_ns: int, row: Row) -> dict[str, Any]:
    plain = {name: row.get(name) for name in FIELDS if name not in ESTIMATE}
    estimate = {name: row.get(name) for name in ESTIMATE} if "capacity_ah" in row else None
    return {
        "start_ns": time_ns,
        **plain,
        "cell_resistance_mohm": pack.cells(CELL_RESISTANCE.name, time_ns),
        "cell_capacity_ratio": pack.cells(CELL_CHARGE.name, time_ns),
        "estimate": estimate,
    }


def _row(pack: FoundPack, time_ns: int, row: Row) -> tuple[str, ...]:
    known = {name: float(value) for name, value in row.items() if not isinstance(value, str)}
    get = known.get
    cells = (
        *(moment(time_ns), pack.vehicle, pack.pack, soc_span(get("from_soc_pct"), get("to_soc_pct"))),
        figure(get("charge_ah"), "Ah"),
        _give_or_take(get("charge_capacity_ah"), get("charge_capacity_sd_ah"), "Ah"),
        _interval(get("capacity_ah"), get("capacity_low_ah"), get("capacity_high_ah"), "Ah"),
        _interval(get("soh_pct"), get("soh_low_pct"), get("soh_high_pct"), "%"),
        _give_or_take(get("resistance_mohm"), get("resistance_sd_mohm"), "mΩ"),
        "; ".join(_notes(row)),
    )
    return tuple(one_line(cell) for cell in cells)


def _give_or_take(value: float | None, sd: float | None, unit: str) -> str:
    return "" if value is None or sd is None else f"{value:.1f} ± {sd:.1f} {unit}"


def _interval(value: float | None, low: float | None, high: float | None, unit: str) -> str:
    return (
        ""
        if value is None or low is None or high is None
        else f"{value:.1f} ({low:.1f} to {high:.1f}) {unit}"
    )


def _notes(row: Row) -> Iterator[str]:
    """Yield why a charge does not count, and what is to be looked at."""
    if row.get("reason"):
        yield f"not used: {row['reason']}"
    if "current_offset_a" in row:
        yield f"current {float(row['current_offset_a']):+.2f} A off"
    for name, what in (("weak", "charge"), ("resistive", "resistance")):
        if f"{name}_cell_ratio" in row:
            cell = f"cell {row[f'{name}_cell_index']:.0f}"
            yield f"{cell} {float(row[f'{name}_cell_ratio']):.3f} of the median's {what}"
