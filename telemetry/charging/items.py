"""What the tracker makes of changes: rows and events, each with the row of the batch that made it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from telemetry.charging.session import CurvePoint, Phase, Session
from telemetry.model.events import Event


class Point(NamedTuple):
    """One row: what `telemetry.model.point.line` takes. What battery health makes is one already."""

    measurement: str
    tags: Mapping[str, str]
    fields: Mapping[str, float | bool | str]
    time_ns: int


class Named(NamedTuple):
    """Name a pack, as row `row` of the batch has it. pack: as configured; rated_ah: 0: not said."""

    row: int
    pack: str
    identity: str
    rated_ah: float


@dataclass(frozen=True, slots=True)
class PhaseRow:
    """One phase of `session`, to be written under its start."""

    session: Session
    phase: Phase


@dataclass(frozen=True, slots=True)
class CurveRow:
    """One percent of `session`."""

    session: Session
    point: CurvePoint


@dataclass(frozen=True, slots=True)
class PhaseWord:
    """The charger's phase from now on, in the protocol's words."""

    charger: str
    source: str
    phase: str


SessionRow = Session | PhaseRow | CurveRow | PhaseWord | Point
Content = Event | SessionRow


@dataclass(frozen=True, slots=True)
class SessionItem:
    """What is to be written after row `row` of the batch; -1: before all rows."""

    row: int
    time_ns: int
    content: Content
    channel: int = 0
