"""Charging sessions out of an InfluxDB: rows of the data model into records again.

Promises:

- A session is what its last row says. What no row says is None, and so is a text that is empty: an open
  session has empty ones where an end would stand.
- Phases, curve and errors are those of the session alone, also where two inlets charge at the same time.
- A point that is not one of a session, such as one without an end of its start, is left out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Protocol

from telemetry.charging.session import SESSION_FIELDS, CurvePoint, Phase, Session, SessionError
from telemetry.model.fields import Kind
from telemetry.model.instant import read_instant
from telemetry.model.measurements import CHARGING_CURVE, CHARGING_PHASE, CHARGING_SESSION, EVENT
from telemetry.sinks.influxql import text_literal

_NS = 1_000_000_000
_CURVE = tuple(field.name for field in fields(CurvePoint) if field.name != "at_ns")
_READ: dict[str, Callable[[Any], Any]] = {  # all others are numbers
    field.name: str for field in CHARGING_SESSION.fields if field.kind is Kind.TEXT
} | {"attempts": int}


class PointsOfSessions(Protocol):
    """What holds points: a database, or what stands for one."""

    def points(self, measurement: str, condition: str) -> Iterator[dict[str, Any]]:
        """Yield points as `Tables.points` of sinks does; more than the condition means do not matter."""
        ...


class StoredSessions:
    """The sessions of one database."""

    def __init__(self, tables: PointsOfSessions) -> None:
        self._tables = tables

    def found(self, since_ns: int | None = None, vehicle: str = "") -> Iterator[Session]:
        """Yield the sessions that began at or after `since_ns`, by their start; without phases and curve.

        vehicle: only those of the vehicle of this configured name.
        """
        conditions = [] if since_ns is None else [f"time >= {since_ns}"]
        conditions += [f"vehicle = {text_literal(vehicle)}"] if vehicle else []
        condition = " AND ".join(conditions)
        for point in self._tables.points(CHARGING_SESSION.name, condition):
            yield _session(point)

    def completed(self, session: Session) -> Session:
        """Return the session with its phases, its errors and its curve."""
        phases = tuple(self._phases(session))
        return replace(
            session,
            phases=phases,
            errors=tuple(self._errors(session, phases)),
            curve=tuple(self._curve(session)),
        )

    def _phases(self, session: Session) -> Iterator[Phase]:
        for point in self._of(CHARGING_PHASE.name, session):
            if "phase" in point:
                attempt = int(point.get("attempt", 1))
                yield Phase(
                    attempt, str(point["phase"]), int(point["time"]), float(point.get("duration_s", 0.0))
                )

    def _curve(self, session: Session) -> Iterator[CurvePoint]:
        for point in self._of(CHARGING_CURVE.name, session):
            if "soc_pct" in point:
                known = {name: float(point[name]) for name in _CURVE if name in point}
                yield CurvePoint(int(point["time"]), **known)

    def _errors(self, session: Session, phases: Sequence[Phase]) -> Iterator[SessionError]:
        """Read them out of the events: `SIDE: NAMES`, which the tracker writes."""
        condition = f"{_within(session)} AND code = 'charging_error'"
        for point in self._tables.points(EVENT.name, condition):
            side, _, what = str(point.get("text", "")).partition(": ")
            is_error = point.get("code") == "charging_error" and point.get("active") is True
            if is_error and _is_of(point, session):
                at_ns = int(point["time"])
                attempts = [phase.attempt for phase in phases if phase.start_ns <= at_ns]
                yield SessionError(at_ns, max(attempts, default=1), side, what)

    def _of(self, measurement: str, session: Session) -> Iterator[Mapping[str, Any]]:
        for point in self._tables.points(measurement, _within(session)):
            if _is_of(point, session) and _stamp(point.get("session_start")) == session.start_ns:
                yield point


def _session(point: Mapping[str, Any]) -> Session:
    is_open = point.get("open") is True
    duration_s = float(point.get("duration_s", 0.0))
    start_ns = int(point["time"])
    bare = Session(
        start_ns=start_ns,
        end_ns=None if is_open else start_ns + round(duration_s * _NS),
        vehicle=str(point.get("vehicle", "")),
        pack=str(point.get("pack", "")),
        charger=str(point.get("charger", "")),
        open=is_open,
        duration_s=duration_s,
    )
    known: dict[str, Any] = {
        name: _READ.get(name, float)(point[name])
        for name in SESSION_FIELDS
        if name not in ("open", "duration_s") and point.get(name, "") != ""
    }
    return replace(bare, **known)


def _within(session: Session) -> str:
    """Return the time in which a session's points lie; while it is open, from its start on."""
    parts = [f"time >= {session.start_ns}"]
    parts += [] if session.end_ns is None else [f"time <= {session.end_ns + _NS}"]
    parts += [f"vehicle = {text_literal(session.vehicle)}"] if session.vehicle else []
    return " AND ".join(parts)


def _is_of(point: Mapping[str, Any], session: Session) -> bool:
    return str(point.get("charger", "")) == session.charger


def _stamp(text: object) -> int | None:
    try:
        return read_instant(str(text)).ns
    except ValueError:
        return None
