"""Sizes, times, levels and counts as people read them. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from telemetry.live.values import Value
from telemetry.model.fields import Field, Kind, Place, Shown

_PREFIXES = ("kB", "MB", "GB", "TB")
NOT_CONFIGURED = "no longer configured"  # a source without a state, of which there are accounts
_UNITS = {  # by the last part of a field's name
    "v": "V",
    "a": "A",
    "w": "W",
    "ah": "Ah",
    "wh": "Wh",
    "pct": "%",
    "c": "°C",
    "kohm": "kOhm",
    "s": "s",
    "min": "min",
}
LEVELS = ("info", "warning", "CRITICAL")
PLUG = (  # what a plug knows besides the data model's fields
    Field("soc_pct", Kind.FLOAT, "", Shown("State of charge", 0, Place.CHARGE, "SOC")),
    Field("remaining_min", Kind.FLOAT, "", Shown("Time left", 0, Place.CHARGE, "left", unit="min")),
)


def size(count: float) -> str:
    """Return a size by powers of ten, as files and memory are sold: 46,878,720 is `46.9 MB`."""
    if count < 1000:
        return f"{count:.0f} B"
    for prefix in _PREFIXES:
        count /= 1000
        if count < 999.95 or prefix == _PREFIXES[-1]:
            break
    return f"{count:,.1f} {prefix}"


def duration(seconds: float) -> str:
    """Return `0.5 s`, `35 s`, `3 min`, `5 h 12 min`, `4 d 3 h`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    if minutes < 2880:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def counted(number: int, one: str) -> str:
    """Return `1 message`, `12 messages`."""
    return f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"


def field(name: str) -> tuple[str, str]:
    """Return a field of the data model as words and its unit: `charge_limit_a` is `charge limit` in `A`."""
    words, _, last = name.rpartition("_")
    unit = _UNITS.get(last, "") if words else ""
    return (words if unit else name).replace("_", " "), unit


def said(row: Field, value: Value) -> str:
    """Return a value as a terminal shows it, with its unit: `+12.50 A`, `61.0 %`, `yes`."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    how = row.shown
    if isinstance(value, str) or how is None:
        return str(value)
    sign = "+" if how.is_signed else ""
    if how.own_decimals is not None:
        return f"{value:{sign},.{how.own_decimals}f} {row.unit}"
    unit = (how.unit or row.unit).replace("Ω", "Ohm")  # which not every terminal has
    return f"{value * how.factor:{sign},.{how.decimals}f} {unit}".rstrip()


def moment(time_ns: int, form: str = "%Y-%m-%d %H:%M:%S UTC", otherwise: str = "{} ns") -> str:
    """Return date and time of day, UTC; what no calendar has stays a number, or what stands `otherwise`."""
    try:
        return datetime.fromtimestamp(time_ns / 1e9, UTC).strftime(form)
    except (ValueError, OverflowError, OSError):
        return otherwise.format(time_ns)


def level(number: int) -> str:
    """Return the level of an event or a trouble as a word."""
    return LEVELS[number] if 0 <= number < len(LEVELS) else "?"


def owners(event: Mapping[str, Any]) -> list[str]:
    """Return what an event is about: its source, its pack and its charger, as far as it has them."""
    named = [f"{kind} {event[kind]}" for kind in ("pack", "charger") if event[kind]]
    return [event["source"], *named] if event["source"] else named


def unmatched(seen: Mapping[str, Any]) -> str:
    """Return how often an unknown id came, and its length: `20 frames, 8 bytes, every 100.0 ms`."""
    low, high = seen["min_bytes"], seen["max_bytes"]
    length = f"{low} bytes" if low == high else f"{low} to {high} bytes"
    period = "" if seen["period_s"] is None else f", every {1000 * seen['period_s']:,.1f} ms"
    return f"{counted(seen['frames'], 'frame')}, {length}{period}"
