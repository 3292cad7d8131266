"""Which points of a database are a session's, by a fake of the database."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from telemetry.charging.session import Session
from telemetry.overview.stored_sessions import StoredSessions

SECOND_NS = 1_000_000_000
START_NS = 1_700_000_000 * SECOND_NS
SESSION = Session(START_NS, START_NS + 60 * SECOND_NS, "van", "main", "bay", open=False, duration_s=60.0)


OF_SESSION = {"charger": "bay", "session_start": "2023-11-14T22:13:20Z"}


class Stored:
    """A table for each measurement, and the conditions under which they were asked for.

    It gives those within the times of a condition, as a database does.
    """

    def __init__(self, **points: list[dict[str, Any]]) -> None:
        self._points = points
        self.conditions: list[str] = []

    def points(self, measurement: str, condition: str) -> Iterator[dict[str, Any]]:
        self.conditions.append(condition)
        bounds = dict(re.findall(r"time (>=|<=) (\d+)", condition))
        for point in self._points.get(measurement, []):
            if int(bounds.get(">=", 0)) <= point["time"] <= int(bounds.get("<=", 2**63)):
                yield point


def error(seconds: float, *, active: bool) -> dict[str, Any]:
    at_ns, words = START_NS + round(seconds * SECOND_NS), "charger: ccs_timeout"
    return {**OF_SESSION, "time": at_ns, "code": "charging_error", "active": active, "text": words}


def test_the_end_of_an_error_is_no_error() -> None:
    found = StoredSessions(Stored(event=[error(5.0, active=True), error(9.0, active=False)]))
    (one,) = found.completed(SESSION).errors
    assert (one.at_ns, one.side, one.what) == (START_NS + 5 * SECOND_NS, "charger", "ccs_timeout")


def test_points_of_the_last_second_are_of_the_session_and_those_of_the_next_minute_are_not() -> None:
    curve = [
        {**OF_SESSION, "time": START_NS + second * SECOND_NS, "soc_pct": float(second)}
        for second in (0, 60, 120)
    ]
    found = StoredSessions(Stored(charging_curve=curve, event=[error(60.0, active=True)])).completed(SESSION)
    assert [point.soc_pct for point in found.curve] == [0.0, 60.0]
    assert len(found.errors) == 1


def test_sessions_are_asked_for_by_their_beginning_and_their_vehicle() -> None:
    tables = Stored()
    for since_ns, vehicle in ((None, ""), (5, ""), (None, "it's"), (5, "van")):
        assert list(StoredSessions(tables).found(since_ns, vehicle)) == []
    assert tables.conditions == [
        "",
        "time >= 5",
        "vehicle = 'it\\'s'",
        "time >= 5 AND vehicle = 'van'",
    ]


def test_a_session_has_its_tags_its_end_and_what_was_stored_of_it() -> None:
    tags = {"vehicle": "van", "pack": "main", "charger": "bay"}
    point = {"time": START_NS, **tags, "duration_s": 1.5, "vin": ""}
    whole, open_one = StoredSessions(
        Stored(charging_session=[{**point, "attempts": 2, "start_soc_pct": 20.0}, {**point, "open": True}])
    ).found()
    assert (whole.start_ns, whole.end_ns, whole.duration_s) == (START_NS, START_NS + 1_500_000_000, 1.5)
    assert (whole.vehicle, whole.pack, whole.charger, whole.open) == ("van", "main", "bay", False)
    assert (whole.attempts, whole.start_soc_pct) == (2, 20.0)
    assert (open_one.end_ns, open_one.open) == (None, True)


def test_phases_are_those_of_this_session_at_this_charger() -> None:
    this = {**OF_SESSION, "time": START_NS, "phase": "charging"}
    phases = [
        {**this, "attempt": 2, "duration_s": 3.5},
        this,
        {**this, "charger": "other"},
        {**this, "session_start": "2023-11-14T22:13:21Z"},
        {**this, "session_start": "?"},
        {key: this[key] for key in this if key != "phase"},
    ]
    session = StoredSessions(Stored(charging_phase=phases)).completed(SESSION)
    found = [(each.attempt, each.phase, each.start_ns, each.duration_s) for each in session.phases]
    assert found == [(2, "charging", START_NS, 3.5), (1, "charging", START_NS, 0.0)]


def test_an_error_is_of_the_attempt_that_had_begun() -> None:
    this = {**OF_SESSION, "phase": "handshake"}
    phases = [{**this, "time": START_NS + n * SECOND_NS, "attempt": n} for n in (1, 2, 3)]
    event = [error(seconds, active=True) for seconds in (0.5, 2.0, 2.5)]
    session = StoredSessions(Stored(charging_phase=phases, event=event)).completed(SESSION)
    assert [each.attempt for each in session.errors] == [1, 2, 2]


def test_points_of_an_open_session_have_no_end_and_those_of_any_vehicle_no_name() -> None:
    tables = Stored()
    StoredSessions(tables).completed(replace(SESSION, end_ns=None, open=True, vehicle=""))
    assert set(tables.conditions[:1]) == {f"time >= {START_NS}"}
    tables.conditions.clear()
    StoredSessions(tables).completed(SESSION)
    end_ns = START_NS + 61 * SECOND_NS
    assert tables.conditions[0] == f"time >= {START_NS} AND time <= {end_ns} AND vehicle = 'van'"
