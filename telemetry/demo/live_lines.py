"""What the gateway reports of itself while it runs, as a few lines for people. Pure.

Relies on the status as the service gives it: `accounts`, and in `live` the last values of each pack, charger
and source. What is not known yet is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from telemetry.demo.gateway_config import JBD, PACK, SOURCE, VEDIRECT
from telemetry.demo.plug import CHARGER
from telemetry.ledger import total
from telemetry.live.words import PLUG, said
from telemetry.model.fields import Field
from telemetry.model.measurements import BATTERY, MEASUREMENTS

Status = Mapping[str, Any]

_CHARGER = MEASUREMENTS["charger"].fields
# A line's name, of which pack or charger, what may be known of it, and what is shown of that.
_LINES: tuple[tuple[str, str, str, Sequence[Field], str], ...] = (
    ("battery", "pack", PACK, BATTERY.fields, "soc_pct voltage_v current_a power_w cell_min_v cell_max_v"),
    ("charger", "charger", "main", _CHARGER, "phase current_a power_w energy_wh"),
    ("service", "pack", JBD.pack, BATTERY.fields, "soc_pct voltage_v current_a"),
    ("solar", "charger", VEDIRECT.charger, _CHARGER, "phase power_w"),
    ("DC plug", "charger", CHARGER, (*_CHARGER, *PLUG), "soc_pct phase current_a remaining_min"),
)


def live_lines(status: Status, head: str, time_scale: float) -> list[str]:
    """Return the lines; head: what the first begins with; time_scale: rates are per simulated second."""
    lines = ["  ".join((head, *_traffic(status, time_scale)))]
    live = status.get("live", {})
    for name, kind, of, fields, wanted in _LINES:
        for each in live.get(f"{kind}s", ()):
            if each[kind] == of:
                lines.append(f"  {name:<9}" + "  ".join(_values(kind, each, fields, wanted.split())))
    return lines


def _traffic(status: Status, time_scale: float) -> Iterator[str]:
    accounts = status["accounts"]
    yield f"{accounts.get(f'bus/{SOURCE}/read', 0):,} frames"
    for source in status.get("live", {}).get("sources", ()):
        if source["source"] == SOURCE:
            yield f"{time_scale * source['frames_per_s']:,.0f}/s"
    stored, made = accounts.get("points/acknowledged", 0), total(accounts, "points/made/")
    yield f"{stored:,} points stored" if stored else f"{made:,} points made"


def _values(
    kind: str, state: Mapping[str, Any], fields: Sequence[Field], wanted: Sequence[str]
) -> Iterator[str]:
    plug = state.get("plug") or {"values": {}}
    values = {**state["battery" if kind == "pack" else "values"], **plug["values"]}
    if plug["values"] and values.get("phase") != "charging":  # both stay as they were reported last
        wanted = [name for name in wanted if name not in ("current_a", "remaining_min")]
    by_name = {field.name: field for field in fields}
    for name in wanted:
        if name in values:
            how = by_name[name].shown
            words = said(by_name[name], values[name])
            yield f"{how.short} {words}" if how and how.short else words
