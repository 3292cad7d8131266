"""Rows of logs before they are text: which frames count, and what is said of them."""

from pathlib import Path

import pytest

from telemetry.databases.plan_cache import load_plan
from telemetry.decode.channels import Database, plan_channels
from telemetry.decode.logs import Logs
from telemetry.decode.rows import Rows
from telemetry.decode.times import Times
from telemetry.model.instant import read_instant
from telemetry.stages.stages import Stages

DATA = Path(__file__).parents[2] / "data"
LOG, DBC = DATA / "drive.log", DATA / "drive.dbc"
S_NS = 1_000_000_000
FIRST_NS = 1_700_000_000 * S_NS


def rows_of(cache: Path, times: Times | None = None) -> Rows:
    channels = plan_channels([Database(DBC)], first_wins=False, j1939=False)
    stages = Stages(load_plan(channels.databases, cache).spec, None, vehicle="")
    return Rows(stages, Logs(channels), times=times or Times())


def read(rows: Rows, *logs: Path) -> int:
    """Read the logs, and return how many rows there are."""
    return sum(len(list(samples)) for samples in rows.read(logs))


def test_frames_are_counted_by_what_became_of_them(tmp_path: Path) -> None:
    rows = rows_of(tmp_path)
    assert (rows.first_ns, rows.frames_read, rows.frames_kept) == (0, 0, 0)
    assert read(rows, LOG) == rows.matched["decoded"] == 12
    assert (rows.frames_read, rows.frames_kept, rows.frames_unknown) == (15, 15, 1)
    assert rows.first_ns == FIRST_NS
    assert rows.duration_s == 0.08  # from the first frame to the last, not to the latest
    assert any(line.startswith(f"{LOG}:9 ") for line in rows.warnings())


def test_of_two_logs_the_frames_are_those_of_both(tmp_path: Path) -> None:
    rows = rows_of(tmp_path)
    assert read(rows, LOG, LOG) == 24
    assert rows.frames_read == 30


@pytest.mark.parametrize(
    ("start", "stop", "kept"),
    [(None, None, 15), ("+0.05", None, 10), (None, "+0.05", 5), ("+0.05", "+0.06", 3), ("+9", None, 0)],
)
def test_frames_from_the_first_time_on_and_before_the_second_are_kept(
    tmp_path: Path, start: str | None, stop: str | None, kept: int
) -> None:
    times = Times(start=read_instant(start) if start else None, stop=read_instant(stop) if stop else None)
    rows = rows_of(tmp_path, times)
    read(rows, LOG)
    assert (rows.frames_read, rows.frames_kept) == (15, kept)
    assert times.is_bounded is bool(start or stop)


def test_an_empty_log_is_said_to_have_no_frames(tmp_path: Path) -> None:
    log = tmp_path / "empty.log"
    log.touch()
    rows = rows_of(tmp_path)
    assert read(rows, log) == 0
    assert "no frames in what was read" in rows.warnings()
