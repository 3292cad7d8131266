"""How far a decode is, in one line."""

from pathlib import Path

import pytest

from telemetry.decode.progress import Course, Meter, Progress, Rates, duration_text, progress_text

DRIVE = Progress(Path("logs/drive.log"), 2, 3, 45_000_000, 100_000_000, 1_200_000)
WIDE = 200


def test_a_line_says_which_file_how_much_how_fast_and_how_long() -> None:
    text = progress_text(DRIVE, Rates(1_000_000, 25_000.4), WIDE, ["7 points wait"])
    assert text == "drive.log (2 of 3)  45%  1.0 MB/s  25,000 frames/s  0:55 left  7 points wait"


def test_what_is_unknown_is_left_out() -> None:
    stdin = Progress(Path("-"), 1, 1, 0, 0, 1234)
    assert progress_text(stdin, None, WIDE) == "-  1,234 frames"
    assert progress_text(stdin, Rates(0.0, 10.0), WIDE) == "-  1,234 frames  10 frames/s"


def test_a_server_that_takes_nothing_gives_no_time_left() -> None:
    assert "left" not in progress_text(DRIVE, Rates(0.0, 0.0), WIDE)


def test_a_log_that_grows_meanwhile_is_never_more_than_read() -> None:
    grown = Progress(Path("a"), 1, 1, 120, 100, 1)
    assert progress_text(grown, Rates(1.0, 1.0), WIDE) == "a  100%  0.0 MB/s  1 frames/s"


@pytest.mark.parametrize("columns", [0, 1, 2, 10, 30])
def test_a_line_is_never_wider_than_the_terminal(columns: int) -> None:
    assert len(progress_text(DRIVE, Rates(1e6, 1e6), columns)) == columns


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0:00"), (59.6, "1:00"), (754, "12:34"), (3599.9, "1:00:00"), (11_045, "3:04:05")],
)
def test_durations_are_read_at_a_glance(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_rates_are_those_of_the_last_seconds() -> None:
    meter = Meter()
    for second in range(30):  # 10 MB/s for 15 s, then 1 MB/s
        megabytes = 10 * min(second, 15) + max(second - 15, 0)
        meter.observe(Progress(Path("a"), 1, 1, megabytes * 1_000_000, 10**9, megabytes), float(second))
    assert meter.rates == Rates(1_000_000.0, 1.0)


def test_a_rate_is_not_told_before_it_means_anything() -> None:
    meter = Meter()
    assert meter.rates is None
    meter.observe(DRIVE, 5.0)
    meter.observe(DRIVE, 5.9)
    assert meter.rates is None


def test_a_place_in_one_file_is_a_place_in_all(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "b", "empty")]
    for path, size in zip(paths, (100, 50, 0), strict=True):
        path.write_bytes(bytes(size))
    place = Course(paths).at(1, 20, 7)
    assert (place.number, place.files, place.bytes_read, place.total_bytes) == (2, 3, 120, 150)


def test_where_one_size_is_unknown_the_total_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(100))
    place = Course([path, Path("-")]).at(1, 0, 0)
    assert (place.bytes_read, place.total_bytes) == (100, 0)
