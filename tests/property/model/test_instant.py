"""Times as users write them, against datetime and exact arithmetic."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.model.instant import Instant, read_instant

SECONDS = st.decimals("0", "9223372036", places=9)


@given(SECONDS, st.booleans())
def test_seconds_are_exact_to_the_nanosecond(seconds: Decimal, is_relative: bool) -> None:
    text = f"{'+' if is_relative else ''}{seconds:f}"
    assert read_instant(text) == Instant(int(seconds * 10**9), is_relative)


@given(
    st.datetimes(datetime(1700, 1, 1), datetime(2261, 1, 1)),  # noqa: DTZ001 - zones are drawn apart
    st.integers(-23 * 60, 23 * 60),
    st.integers(0, 999),
)
def test_iso_8601_means_what_datetime_says_and_its_nanoseconds_too(
    wall: datetime, minutes: int, below_us: int
) -> None:
    instant = wall.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    ns = (instant - epoch) // timedelta(microseconds=1) * 1000 + below_us
    head, zone = instant.isoformat(timespec="microseconds")[:26], instant.isoformat(timespec="seconds")[19:]
    assert read_instant(f"{head}{below_us:03d}{zone}") == Instant(ns)
    assert read_instant(instant.isoformat()) == Instant(ns - below_us)


@given(st.text(max_size=30))
def test_any_other_text_is_refused_and_quoted(text: str) -> None:
    try:
        read_instant(text)
    except ValueError as error:
        assert repr(text) in str(error)  # noqa: PT017 - most texts are refused, and some are times


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "2023-11-14T22:13:20",
        "+",
        "1e9",
        "99999999999",
        "9999999999",
        "2023-11-14T22:13.5Z",  # ISO 8601: 22:13:30; datetime: 22:13:00.5
        "2023-11-14T22.5Z",
        "2023-11-14T22:13:20.1234567891Z",
        "2023-11-14T22:13:20+01:00:00.5",
    ],
)
def test_what_is_no_time_or_has_no_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_instant(text)


@pytest.mark.parametrize("text", ["20231114T221320.123456789Z", "2023-11-14 22:13:20,123456789+00:00"])
def test_the_nanoseconds_of_each_way_to_write_a_time_are_kept(text: str) -> None:
    assert read_instant(text) == Instant(1_700_000_000_123_456_789)


def test_a_relative_time_counts_from_the_first_frame() -> None:
    assert read_instant("+1.5").resolved(10) == 1_500_000_010
    assert read_instant("1.5").resolved(10) == 1_500_000_000
