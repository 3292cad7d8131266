"""What the tracker makes, as points of the data model.

Promises: a row that replaces an earlier one has every field that the earlier one may have had. So an open
session has an empty `outcome`, `stop_side` and `stop_reason`: the database would keep what a row leaves out.
"""

from datetime import UTC, datetime

from telemetry.charging.items import CurveRow, PhaseRow, PhaseWord, Point, SessionItem, SessionRow
from telemetry.charging.session import CurvePoint, Phase, Session
from telemetry.model.measurements import CHARGER, CHARGING_CURVE, CHARGING_PHASE, CHARGING_SESSION

_CAN_VANISH = ("outcome", "stop_side", "stop_reason")


def point(content: SessionRow, vehicle: str, time_ns: int, shift_ns: int = 0) -> Point:
    """Return the row of `content`.

    time_ns: when it was made, of what has no stamp of its own; shift_ns: is added to each stamp.
    """
    match content:
        case Session():
            fields = dict.fromkeys(_CAN_VANISH, "") | dict(content.values())
            return Point(CHARGING_SESSION.name, _tags(content), fields, content.start_ns + shift_ns)
        case PhaseRow(session, phase):
            fields = _phase(phase) | _start(session, shift_ns)
            return Point(CHARGING_PHASE.name, _tags(session), fields, phase.start_ns + shift_ns)
        case CurveRow(session, percent):
            fields = _percent(percent) | _start(session, shift_ns)
            return Point(CHARGING_CURVE.name, _tags(session), fields, percent.at_ns + shift_ns)
        case PhaseWord(charger, source, phase_name):
            tags = {"vehicle": vehicle, "charger": charger, "source": source}
            return Point(CHARGER.name, tags, {"phase": phase_name}, time_ns + shift_ns)
        case Point():
            return content._replace(time_ns=content.time_ns + shift_ns)


def start_of(made: SessionItem) -> int | None:
    """Return the start of the session that a row is of; None: it is of none."""
    if isinstance(made.content, Session):
        return made.content.start_ns
    return made.content.session.start_ns if isinstance(made.content, PhaseRow | CurveRow) else None


def rfc3339(time_ns: int) -> str:
    """Return a stamp as text, in UTC, with all nine digits."""
    seconds, ns = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ns:09d}Z"


def _tags(session: Session) -> dict[str, str]:
    return {"vehicle": session.vehicle, "pack": session.pack, "charger": session.charger}


Fields = dict[str, float | bool | str]


def _start(session: Session, shift_ns: int) -> Fields:
    return {"session_start": rfc3339(session.start_ns + shift_ns)}


def _phase(phase: Phase) -> Fields:
    return {"attempt": float(phase.attempt), "phase": phase.phase, "duration_s": phase.duration_s}


def _percent(percent: CurvePoint) -> Fields:
    named = {field.name: getattr(percent, field.name, None) for field in CHARGING_CURVE.fields}
    return {name: value for name, value in named.items() if value is not None}
