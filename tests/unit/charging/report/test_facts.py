"""The facts of a session in words: labels and values."""

from dataclasses import replace

import pytest

from telemetry.charging.report.facts import groups
from tests.support.charging_sessions import good

DAY_S = 86_400.0


@pytest.mark.parametrize(
    ("offset_s", "words"),
    [
        (None, None),
        (0.4, "right, to a second"),
        (3.0, "3.0 s ahead"),
        (-3660.0, "1 h 1 min behind"),
        (71.9 * 3600.0, "71 h 54 min ahead"),
        (74.6 * DAY_S, "75 days ahead"),
        (-20_000 * DAY_S, "20000 days behind"),
    ],
)
def test_the_station_s_clock_is_as_far_off_as_its_time_is_from_the_stamps(
    offset_s: float | None, words: str | None
) -> None:
    found = {
        group.title: dict(group.facts) for group in groups(replace(good(), station_clock_offset_s=offset_s))
    }
    assert found["The charge"].get("Station's clock") == words
