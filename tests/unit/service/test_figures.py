"""The numbers of one moment, also where the system gives none, and what is reported of them later."""

import errno
import os
import resource
from pathlib import Path
from typing import NoReturn

import pytest

from telemetry.blackbox.store import Capture
from telemetry.live.state import LiveSnapshot
from telemetry.service.figures import Figures, captures_view, process_gauges
from telemetry.sinks.state import SinkState
from tests.support.live import entity

GAUGES = {"points_waiting_memory": 0.0, "points_waiting_disk": 0.0}


def figures(taken_s: float, volatile: str = "") -> Figures:
    return Figures({"bus/can0/read": 7}, GAUGES, volatile, LiveSnapshot(taken_s, 0), taken_s)


@pytest.mark.parametrize(
    ("got_on_s", "progress_age_s"),
    [(88.0, 12.0), (100.0, 0.0), (101.0, 0.0)],  # the last: it got on while the status was made
)
def test_each_age_is_of_its_own_moment(got_on_s: float, progress_age_s: float) -> None:
    """Figures are taken every half a second, also while the pipeline turns without getting on."""
    gauges = figures(taken_s=97.0).status("van", {}, SinkState(), now_s=100.0, got_on_s=got_on_s)["gauges"]
    assert (gauges["status_age_s"], gauges["progress_age_s"]) == (3.0, progress_age_s)


def test_the_status_has_the_accounts_and_the_states_of_the_moment() -> None:
    reported = figures(97.0).status("van", {"service": "running"}, SinkState(), now_s=100.0, got_on_s=100.0)
    assert reported["vehicle"] == "van"
    assert reported["accounts"] == {"bus/can0/read": 7}
    assert (reported["state"]["service"], reported["state"]["spool"]) == ("running", "on disk")
    refusing = figures(97.0, "No space left").status("van", {}, SinkState(), now_s=100.0, got_on_s=100.0)
    assert refusing["state"]["spool"] == "No space left"


def test_values_are_as_old_as_they_are_when_somebody_asks() -> None:
    live = LiveSnapshot(97.0, 0, modelled=(entity("battery", {"soc_pct": 80.0}, 97.0, pack="main"),))
    taken = Figures({}, GAUGES, "", live, taken_s=97.0)
    (pack,) = taken.status("van", {}, SinkState(), now_s=117.0, got_on_s=97.0)["live"]["packs"]
    assert (pack["age_s"], pack["stale"]) == (20.0, ["soc_pct"])


def test_a_capture_is_one_whether_windows_or_the_black_box_or_both_have_it() -> None:
    windows = [{"id": "2-1", "from_ns": 5, "to_ns": 9, "goes_on": False}]
    frozen = [(Capture("1-1", 3, 4), 70), (Capture("2-1", 4, None), 80)]
    assert captures_view(windows, frozen) == [
        {"id": "2-1", "from_ns": 5, "to_ns": 9, "goes_on": True, "raw_bytes": 80},
        {"id": "1-1", "goes_on": False, "raw_bytes": 70},
    ]


def test_processor_time_and_memory_are_those_of_this_process() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF)
    gauges = process_gauges()
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert before.ru_utime + before.ru_stime <= gauges["cpu_s"] <= after.ru_utime + after.ru_stime
    pages = int(Path(f"/proc/{os.getpid()}/statm").read_text().split()[1])
    assert gauges["memory_bytes"] == pytest.approx(pages * os.sysconf("SC_PAGE_SIZE"), rel=0.2)


def test_without_a_descriptor_memory_is_absent_and_nothing_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "open", refuse)
    assert process_gauges().keys() == {"cpu_s", "log_lines_dropped"}
