"""Sizes and times as people read them."""

import pytest

from telemetry.live.words import duration, field, level, moment, size


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (46_878_720, "46.9 MB"),
        (1_500_000_000, "1.5 GB"),
        (2.5e15, "2,500.0 TB"),
    ],
)
def test_a_size_has_three_digits_and_its_unit(count: float, words: str) -> None:
    assert size(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.46, "0.5 s"),
        (9.9, "9.9 s"),
        (10.0, "10 s"),
        (35.4, "35 s"),
        (99.0, "99 s"),
        (100.0, "2 min"),
        (180, "3 min"),
        (99 * 60, "99 min"),
        (100 * 60, "1 h 40 min"),
        (11_520, "3 h 12 min"),
        (2879 * 60, "47 h 59 min"),
        (2880 * 60, "2 d 0 h"),
        (273_600, "3 d 4 h"),
    ],
)
def test_a_duration_is_in_units_that_fit_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_moment_that_no_calendar_has_stays_a_number() -> None:
    assert moment(1_700_000_000_500_000_000) == "2023-11-14 22:13:20 UTC"
    assert moment(1 << 90) == f"{1 << 90} ns"


def test_a_level_that_nobody_knows_is_a_question() -> None:
    assert [level(number) for number in (0, 1, 2, 3)] == ["info", "warning", "CRITICAL", "?"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("charge_limit_a", ("charge limit", "A")),
        ("soc_pct", ("soc", "%")),
        ("charge_enabled", ("charge enabled", "")),
        ("a", ("a", "")),
        ("phase", ("phase", "")),
    ],
)
def test_a_field_is_words_and_its_unit(name: str, words: tuple[str, str]) -> None:
    assert field(name) == words
