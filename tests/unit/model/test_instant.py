"""Times as users write them, to the nanosecond."""

from datetime import UTC, datetime

import pytest

from telemetry.model.instant import Instant, read_instant

NOON_S = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp())
SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("+90", Instant(90 * SECOND, True)),
        ("+0.000000001", Instant(1, True)),
        ("1700000000.5", Instant(1_700_000_000_500_000_000)),
        ("9223372036.854775807", Instant(2**63 - 1)),
        ("2026-03-02T12:00:00Z", Instant(NOON_S * SECOND)),
        ("2026-03-02T12:00:00.123456789Z", Instant(NOON_S * SECOND + 123_456_789)),
        ("20260302T120000,5Z", Instant(NOON_S * SECOND + SECOND // 2)),
        ("2026-03-02T20:00:00.25+08:00", Instant(NOON_S * SECOND + SECOND // 4)),
        ("2026-03-02", Instant((NOON_S - 12 * 3600) * SECOND)),
        ("2026-03-02Z", Instant((NOON_S - 12 * 3600) * SECOND)),
        ("1969-12-31T23:59:59.5Z", Instant(-SECOND // 2)),
    ],
)
def test_a_time_is_exact(text: str, instant: Instant) -> None:
    assert read_instant(text) == instant


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("9223372036.854775808", "is later than 2262"),
        ("9999999999", "is later than 2262"),
        ("2300-01-01T00:00:00Z", "is not between 1678 and 2262"),
        ("1600-01-01T00:00:00Z", "is not between 1678 and 2262"),
        ("2026-03-02T12:00:00", "has no time zone"),
        ("2026-02-30", "is not a time like"),
        ("noon", "is not a time like"),
        ("2026-03-02T12:00.5Z", "is not a time like"),
        ("2026-03-02T12:00,5Z", "is not a time like"),
        ("+-1", "is not a time like"),
    ],
)
def test_what_is_no_time_is_refused_with_an_example(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        read_instant(text)


def test_a_relative_time_counts_from_the_first_frame_and_an_absolute_one_does_not() -> None:
    assert read_instant("+1.5").resolved(100) == SECOND * 3 // 2 + 100
    assert read_instant("1.5").resolved(100) == SECOND * 3 // 2
