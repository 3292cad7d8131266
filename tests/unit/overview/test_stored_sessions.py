"""Which points of a database are a session's, by a fake of the database."""

import re
from collections.abc import Iterator
from typing import Any

from telemetry.charging.session import Session
from telemetry.overview.stored_sessions import StoredSessions

SECOND_NS = 1_000_000_000
START_NS = 1_700_000_000 * SECOND_NS
SESSION = Session(START_NS, START_NS + 60 * SECOND_NS, "van", "main", "bay", open=False, duration_s=60.0)


class Points:
    """Events and rows of a curve; it gives those within the times of a condition, as a database does."""

    def __init__(self, **points: list[dict[str, Any]]) -> None:
        self._points = points

    def points(self, measurement: str, condition: str) -> Iterator[dict[str, Any]]:
        least, most = (int(re.findall(rf"time {sign} (\d+)", condition)[0]) for sign in (">=", "<="))
        for point in self._points.get(measurement, []):
            if least <= point["time"] <= most:
                yield {"charger": "bay", "session_start": "2023-11-14T22:13:20Z", **point}


def error(seconds: float, *, active: bool) -> dict[str, Any]:
    text = "charger: ccs_timeout"
    return {
        "time": START_NS + round(seconds * SECOND_NS),
        "code": "charging_error",
        "active": active,
        "text": text,
    }


def test_the_end_of_an_error_is_no_error() -> None:
    found = StoredSessions(Points(event=[error(5.0, active=True), error(9.0, active=False)]))
    (one,) = found.completed(SESSION).errors
    assert (one.at_ns, one.side, one.what) == (START_NS + 5 * SECOND_NS, "charger", "ccs_timeout")


def test_points_of_the_last_second_are_of_the_session_and_those_of_the_next_minute_are_not() -> None:
    curve = [{"time": START_NS + second * SECOND_NS, "soc_pct": float(second)} for second in (0, 60, 120)]
    found = StoredSessions(Points(charging_curve=curve, event=[error(60.0, active=True)])).completed(SESSION)
    assert [point.soc_pct for point in found.curve] == [0.0, 60.0]
    assert len(found.errors) == 1
