"""Commits beside the pipeline: what it waits for, and what it does not."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from telemetry_core.text.lines import LineBuffer

from telemetry.service.committing import Committer
from telemetry.spool import Spool, SpoolLimits
from telemetry.spool.write_through import WriteThrough
from tests.support.clock import FakeClock
from tests.support.spool import batch

DEADLINE_S = 60.0
pytestmark = pytest.mark.timeout(60)  # what is wrong here hangs


class Bench:
    """A spool whose disk hangs while it is asked to."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = FakeClock()
        self.failures: list[Exception] = []
        self.commits, self.goes_on = threading.Event(), threading.Event()
        self.goes_on.set()
        limits = SpoolLimits(keep_free_bytes=0, memory_bytes=2000)
        self.spool = Spool(directory, clock=self.clock, limits=limits)
        self.committer = Committer(self.spool, self.clock, self.failures.append)
        given = self.spool.commit

        def commit() -> None:
            self.commits.set()
            self.goes_on.wait()
            given()

        monkeypatch.setattr(self.spool, "commit", commit)
        self._points = 0

    def append(self, padding: int = 0) -> None:
        made = batch(self._points, 1, padding=padding)
        self._points += 1
        accounts = {"points/made/battery": self._points}
        self.committer.append(made, accounts=accounts, positions={})

    def hang(self) -> None:
        """Begin a commit that does not end."""
        self.goes_on.clear()
        self.commits.clear()
        self.append()
        self.committer.commit()
        assert self.commits.wait(DEADLINE_S)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench(tmp_path / "spool", monkeypatch)
    made.committer.start()
    yield made
    made.goes_on.set()
    made.committer.close()
    made.spool.close()


def test_what_other_spools_have_left_is_removed_by_the_thread_of_the_disk(tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    for folder in (memory, tmp_path / "gone", tmp_path / "spool"):
        folder.mkdir()

    def keeping(spool: Path) -> WriteThrough:
        return WriteThrough([memory], spool, boot_id="0" * 32)

    lines = LineBuffer()
    lines.append(b"m v=1", 1)
    with closing(keeping(tmp_path / "gone")) as gone:
        assert gone.keep(1, lines, {"points/made/m": 1}, {}, "")
    (tmp_path / "gone").rmdir()
    clock = FakeClock()
    with closing(Spool(tmp_path / "spool", clock=clock, keep_in_memory=keeping)) as spool:
        assert len(list(memory.iterdir())) == 1
        committer = Committer(spool, clock, lambda _error: None)
        committer.start()
        committer.close()
        assert list(memory.iterdir()) == []


def test_commits_go_on_though_what_others_have_left_cannot_be_read(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError

    given = bench.spool.commit
    threads: list[str] = []

    def commit() -> None:
        threads.append(threading.current_thread().name)
        given()

    monkeypatch.setattr(bench.spool, "remove_orphans", fail)
    monkeypatch.setattr(bench.spool, "commit", commit)
    with closing(Committer(bench.spool, bench.clock, bench.failures.append)) as bench.committer:
        bench.committer.start()
        bench.append()
        bench.committer.commit()
        bench.committer.finish()
        assert bench.spool.gauges().waiting_disk_points == 1
        bench.clock.advance(2.0)
        assert not bench.committer.hangs()
    assert (set(threads), bench.failures) == ({"disk"}, [])


def test_all_that_was_appended_is_on_disk_when_it_has_finished(bench: Bench) -> None:
    for _ in range(3):
        bench.append()
        bench.committer.commit()
    bench.committer.finish()
    gauges = bench.spool.gauges()
    assert (gauges.waiting_disk_points, gauges.waiting_memory_points) == (3, 0)


def test_who_appends_does_not_wait_for_a_disk_that_hangs_and_nothing_is_left_behind(bench: Bench) -> None:
    bench.hang()
    for _ in range(3):
        bench.append()
        bench.committer.commit()
        assert not bench.committer.commit_due()
    assert bench.spool.gauges().waiting_memory_points == 4
    bench.goes_on.set()
    bench.committer.finish()
    assert bench.spool.gauges().waiting_disk_points == 4


def test_what_is_appended_while_the_disk_syncs_has_a_commit_of_its_own(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = bench.spool.commit
    is_synced, goes_on = threading.Event(), threading.Event()

    def commit() -> None:
        given()
        is_synced.set()
        goes_on.wait(DEADLINE_S)

    monkeypatch.setattr(bench.spool, "commit", commit)
    bench.append()
    bench.committer.commit()
    assert is_synced.wait(DEADLINE_S)
    bench.append()  # too late for the commit in progress
    bench.committer.commit()
    goes_on.set()
    bench.committer.finish()
    gauges = bench.spool.gauges()
    assert (gauges.waiting_disk_points, gauges.waiting_memory_points) == (2, 0)


def test_a_disk_that_hangs_is_known_after_a_while_and_until_it_is_back(bench: Bench) -> None:
    bench.clock.advance(1000.0)
    bench.hang()
    assert not bench.committer.hangs()
    bench.clock.advance(1.0)
    assert not bench.committer.hangs()
    bench.clock.advance(0.1)
    assert bench.committer.hangs()
    bench.goes_on.set()
    bench.committer.finish()
    assert not bench.committer.hangs()


def test_where_too_much_waits_who_appends_waits_for_the_disk(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.hang()
    assert not bench.spool.is_behind()
    bench.append(padding=1500)  # more than half of what memory may hold
    given = bench.spool.is_behind

    def is_behind() -> bool:
        """Answer as before, and bring the disk back once somebody has looked."""
        answer = given()
        bench.goes_on.set()
        return answer

    monkeypatch.setattr(bench.spool, "is_behind", is_behind)
    bench.committer.commit()
    assert bench.spool.gauges().waiting_disk_points == 2


def test_a_fault_while_it_commits_is_handed_over(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault() -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as disk:
        disk.setattr(bench.spool, "commit", fault)
        bench.append()
        bench.committer.commit()
        bench.committer.finish()
    (failure,) = bench.failures
    assert isinstance(failure, ZeroDivisionError)


def test_before_it_has_started_it_commits_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path / "spool", monkeypatch)
    bench.append()
    bench.committer.commit()
    bench.committer.finish()
    assert bench.spool.gauges().waiting_disk_points == 1
    bench.committer.close()
    bench.spool.close()


def test_batches_that_are_cut_by_their_size_wait_for_a_disk_that_hangs(bench: Bench) -> None:
    """The pipeline asks for a commit where one is due. It must be due, or what waits has no bound."""
    bench.hang()
    while not bench.spool.is_behind():
        assert not bench.committer.commit_due()
        bench.append(padding=500)
    assert bench.committer.commit_due()
    bench.goes_on.set()


def test_its_thread_lasts_until_it_is_closed_and_keeps_no_process_alive(bench: Bench) -> None:
    thread = bench.committer._thread
    assert thread.daemon
    for _ in range(2):
        bench.append()
        bench.committer.commit()
        bench.committer.finish()
        assert thread.is_alive()
    bench.committer.close()
    assert not thread.is_alive()


def test_where_too_much_waits_still_who_appends_waits_for_one_commit_and_no_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.spool, "is_behind", lambda: True)
    bench.append()
    bench.committer.commit()
    assert bench.spool.gauges().waiting_disk_points == 1


def test_what_is_to_follow_a_commit_waits_for_one_of_all_that_was_appended(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = bench.spool.commit
    is_stored, goes_on = threading.Event(), threading.Event()

    def commit() -> None:
        given()
        is_stored.set()
        assert goes_on.wait(DEADLINE_S)

    monkeypatch.setattr(bench.spool, "commit", commit)
    bench.append()
    bench.committer.commit()
    assert is_stored.wait(DEADLINE_S)
    bench.append()
    waiting: list[int] = []
    for _ in range(2):  # of two what came last
        bench.committer.follow_with(lambda: waiting.append(bench.spool.gauges().waiting_memory_points))
    goes_on.set()
    bench.committer.finish()
    assert (waiting, bench.failures) == ([0], [])
