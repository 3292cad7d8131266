"""What a session's values are in words and figures that people read. Pure.

Promises: what is not known is an empty text; figures have their unit.
"""

from datetime import UTC, datetime

from telemetry.charging.session import Session
from telemetry.charging.words import reasons
from telemetry.protocols.known import CAN_PROTOCOLS

MINUS = "\N{MINUS SIGN}"
_NS = 1_000_000_000
_MOST_HOURS = 72  # a longer duration is given in days


def moment(time_ns: int) -> str:
    """`2026-11-27T05:52:08Z`: one word, which `session` takes again; what no calendar has stays a number."""
    try:
        return datetime.fromtimestamp(time_ns // _NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{time_ns}ns"


def clock_time(time_ns: int) -> str:
    """Time of day to a tenth of a second, UTC."""
    try:
        start = datetime.fromtimestamp(time_ns // _NS, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{time_ns} ns"
    return f"{start:%H:%M:%S}.{time_ns % _NS // 100_000_000}"


def duration(seconds: float | None) -> str:
    """`0.5 s`, `35 s`, `48 min 20 s`, `5 h 12 min`, `74 days`."""
    if seconds is None:
        return ""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    minutes = round(seconds / 60)
    if minutes >= _MOST_HOURS * 60:
        return f"{round(minutes / 1440)} days"
    return f"{minutes // 60} h {minutes % 60} min"


def figure(
    value: float | None, unit: str, decimals: int = 1, *, factor: float = 1.0, sign: bool = False
) -> str:
    """Return a number with its unit; without a number an empty text."""
    if value is None:
        return ""
    form = f"{'+' if sign else ''},.{decimals}f"
    return f"{value * factor:{form}} {unit}".replace("-", MINUS)


def energy(wh: float | None) -> str:
    """Return an energy in kWh to ten watt-hours, or below 0.1 kWh in Wh."""
    if wh is not None and abs(wh) < 100.0:
        return figure(wh, "Wh", 0)
    return figure(wh, "kWh", 2, factor=0.001)


def soc(session: Session) -> str:
    """`23 → 80 %`."""
    return soc_span(session.start_soc_pct, session.end_soc_pct)


def soc_span(*ends: float | None) -> str:
    """Return the same of two states of charge."""
    if ends == (None, None):
        return ""
    return " → ".join("?" if end is None else f"{end:.0f}" for end in ends) + " %"


def protocol(session: Session) -> str:
    """`GB/T 27930 (2015)`."""
    known = CAN_PROTOCOLS.get(session.protocol or "")
    name = known.title.partition(",")[0] if known is not None else session.protocol or ""
    return f"{name} ({session.edition})" if name and session.edition else name


def who(session: Session) -> str:
    """Return who ended it, as one word."""
    return session.stop_side or ""


def vehicle(session: Session) -> str:
    """Return the configured name; without one, the VIN."""
    is_named = session.vehicle not in ("", "unknown")
    return session.vehicle if is_named else session.vin or session.vehicle


def why(session: Session) -> str:
    """Reasons in words; of one that ended without a word what is known instead."""
    if session.stop_reason:
        return "; ".join(reasons(session.stop_reason))
    if session.outcome == "cut":
        return "nothing more was heard"
    if session.outcome == "unfinished":
        return "the recording ended before it did"
    return "nobody said why" if session.outcome in ("failed", "stopped", "error") else ""


def title(session: Session) -> str:
    """Whose charge it is, and when."""
    whose = vehicle(session)
    return (
        f"Charge of {whose}, {moment(session.start_ns)}" if whose else f"Charge of {moment(session.start_ns)}"
    )


def outcome(session: Session) -> str:
    """Return how it ended as one word; of a session that goes on `open`."""
    return session.outcome or ("open" if session.open else "")


def ending(session: Session) -> str:
    """Return one sentence for how it ended."""
    side, reason = who(session), why(session)
    by = f"The {side}" if side else "Somebody"
    match session.outcome:
        case "complete" | "stopped" if session.stop_reason in (None, "", "unexplained"):
            return f"{by} ended it, and gave no reason."
        case "complete" | "stopped":
            return f"{by} ended it: {reason}."
        case "error":
            what = f"{by} reported an error" if side else "An error ended it"
            return f"{what}: {reason}."
        case "cut":
            return "It was cut off: nothing more was heard on the bus."
        case "failed":
            return "It never came to charging, and nobody said why."
        case "unfinished":
            return "The recording ended before the session did."
        case None:
            return "The session is going on."
        case other:
            return f"It ended: {other}."
