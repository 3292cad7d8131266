"""Battery health as text: a table for people, CSV and JSON for programs. Pure.

Promises: the names of columns and keys are those of the data model. Every charge has all of them; what is not
known is empty in CSV and null in JSON.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from telemetry_core.rows.schema import guarded

from telemetry.charging.report.phrases import figure, moment, soc_span
from telemetry.charging.report.table import aligned
from telemetry.errors import one_line, printable
from telemetry.health.capacity import TWO_SIDED
from telemetry.health.cells import RESISTIVE, WEAK
from telemetry.health.found import FoundPack, Reported, Row
from telemetry.model.health import BATTERY_HEALTH, CELL_CHARGE, CELL_RESISTANCE

FIELDS = tuple(field.name for field in BATTERY_HEALTH.fields)
ESTIMATE = (
    *("capacity_ah", "capacity_low_ah", "capacity_high_ah", "charges_used"),
    *("soh_pct", "soh_low_pct", "soh_high_pct"),
)
COLUMNS = ("start_ns", "vehicle", "pack", *FIELDS)
_HEAD = (
    *("start", "vehicle", "pack", "SOC"),
    *("charge", "capacity by it", "of the pack", "SOH", "resistance"),
    "notes",
)


def as_table(packs: Sequence[FoundPack]) -> str:
    """Return a line a charge."""
    rows = [
        _row(pack, time_ns, row, pack.reported() if (time_ns, row) == pack.charges[-1] else None)
        for pack in packs
        for time_ns, row in pack.charges
    ]
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
            plain = (str(each).lower() if isinstance(each, bool) else each for each in values)
            writer.writerow([time_ns, *names, *plain])
    return text.getvalue()


def as_json(packs: Sequence[FoundPack]) -> str:
    """Return `{"packs": […]}`: of each its charges with cells and estimate, and the drift of its cells."""
    shown = [
        {
            "vehicle": pack.vehicle,
            "pack": pack.pack,
            "charges": [_charge(pack, time_ns, row) for time_ns, row in pack.charges],
            "cell_drift": drift._asdict() if (drift := pack.drift()) else None,
            "reported": reported._asdict() if (reported := pack.reported()) else None,
        }
        for pack in packs
    ]
    text = json.dumps({"packs": shown}, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode() + "\n"  # half a surrogate is no letter


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


def _row(pack: FoundPack, time_ns: int, row: Row, reported: Reported | None) -> tuple[str, ...]:
    known = {name: float(value) for name, value in row.items() if not isinstance(value, str)}
    get = known.get
    cells = (
        *(moment(time_ns), pack.vehicle, pack.pack, soc_span(get("from_soc_pct"), get("to_soc_pct"))),
        figure(get("charge_ah"), "Ah"),
        _within(known, "Ah", "charge_capacity_ah", "charge_capacity_sd_ah"),
        _within(known, "Ah", "capacity_ah", "capacity_low_ah", "capacity_high_ah"),
        _within(known, "%", "soh_pct", "soh_low_pct", "soh_high_pct"),
        _within(known, "mΩ", "resistance_mohm", "resistance_sd_mohm"),
        "; ".join(_notes(row, known, reported)),
    )
    return tuple(one_line(cell) for cell in cells)


def _within(known: Mapping[str, float], unit: str, value: str, *ends: str) -> str:
    """Return a value with its interval of 95 %: by its sd, or by both ends."""
    if not {value, *ends} <= known.keys():
        return ""
    of = [known[end] for end in ends]
    spread = f"± {TWO_SIDED * of[0]:.1f}" if len(of) == 1 else f"({of[0]:.1f} to {of[1]:.1f})"
    return f"{known[value]:.1f} {spread} {unit}"


def _notes(row: Row, known: Mapping[str, float], reported: Reported | None) -> Iterator[str]:
    """Yield why a charge does not count, and what is to be looked at."""
    if "reason" in row:
        yield f"not used: {row['reason']}"
    if "current_offset_a" in known:
        yield f"current {known['current_offset_a']:+.2f} A off"
    if known.get("weak_cell_ratio", 1.0) < WEAK:
        yield f"cell {known['weak_cell_index']:.0f}: {known['weak_cell_ratio']:.3f} of the median's charge"
    if known.get("resistive_cell_ratio", 1.0) > RESISTIVE:
        ratio = f"{known['resistive_cell_ratio']:.2f} of the median's resistance"
        yield f"cell {known['resistive_cell_index']:.0f}: {ratio}"
    if reported is not None:
        ours = (
            ""
            if reported.difference_pct is None
            else f", {reported.difference_pct:+.1f} points to what was measured"
        )
        yield f"the battery itself reports {reported.soh_pct:.1f} %{ours}"
