"""Looking at a spool from outside."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from telemetry.errors import InputMissingError
from telemetry.ledger import points_unaccounted
from telemetry.spool import Spool, SpoolLimits
from telemetry.spool.batch import lines_of
from telemetry.spool.filesystem import replace_file
from telemetry.spool.view import SpoolView
from tests.support.clock import FakeClock
from tests.support.disk import SimulatedDisk
from tests.support.spool import Feed, batch, drain

DIRECTORY = Path("/spool")
LIMITS = SpoolLimits(keep_free_bytes=0, segment_bytes=500)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def disk(clock: FakeClock) -> SimulatedDisk:
    """Store six batches, the newest acknowledged, one line of the oldest refused; a service still uses it."""
    disk = SimulatedDisk(now_ns=clock.unix_ns)
    spool = Spool(DIRECTORY, clock=clock, limits=LIMITS, filesystem=disk)
    feed = Feed(spool)
    for _ in range(6):
        feed.store()
        clock.advance(60.0)
    live, oldest = spool.next_live(), spool.next_backlog()
    assert live
    assert oldest
    spool.acknowledge(live.sequence)
    spool.refuse(oldest.sequence, b"m bad=1 1\n", reason="parse", words="no")
    spool.acknowledge(oldest.sequence)
    return disk


def view(disk: SimulatedDisk, clock: FakeClock) -> SpoolView:
    return SpoolView(disk, DIRECTORY, clock)


def test_it_shows_what_waits_while_a_service_uses_the_spool(disk: SimulatedDisk, clock: FakeClock) -> None:
    before = disk.files()
    seen = view(disk, clock)
    assert seen.waiting_points == 12
    assert [lines_of(waiting) for waiting in seen.waiting()] == [lines_of(batch(n)) for n in (3, 6, 9, 12)]
    segments = list(seen.segments())
    assert sum(segment.waiting_points for segment in segments) == 12
    assert [segment.age_s for segment in segments] == sorted((s.age_s for s in segments), reverse=True)
    (named,) = seen.letters()
    assert (named.letter.reason, named.letter.points, named.handed_over) == ("parse", 1, False)
    assert seen.letter_lines(named) == b"m bad=1 1\n"
    assert list(seen.verify()) == []
    assert disk.files() == before


def test_it_shows_the_state_of_the_last_record(clock: FakeClock) -> None:
    disk = SimulatedDisk()
    spool = Spool(DIRECTORY, clock=clock, limits=LIMITS, filesystem=disk)
    for state in ({}, {"plug-1": b"charging"}):
        spool.append(batch(0), accounts={}, positions={}, state=state)
        spool.commit()
        assert view(disk, clock).state == state


def test_its_accounts_say_what_became_of_points_that_no_longer_wait(
    disk: SimulatedDisk, clock: FakeClock
) -> None:
    """Six batches of three points: two are settled, and one point of these was refused."""
    seen = view(disk, clock)
    ends = {end: seen.accounts[f"points/{end}"] for end in ("acknowledged", "evicted", "damaged", "dead")}
    assert ends == {"acknowledged": 5, "evicted": 0, "damaged": 0, "dead": 1}
    assert points_unaccounted(seen.accounts, seen.waiting_points) == 0


def flip_payload(disk: SimulatedDisk, path: Path) -> None:
    disk.flip(path, len(disk.files()[path]) - 1)


def flip_head(disk: SimulatedDisk, path: Path) -> None:
    disk.flip(path, 30)


@pytest.mark.parametrize("damage", [flip_payload, flip_head, SimulatedDisk.remove])
@pytest.mark.parametrize("which", [0, 1, -1])
def test_it_distinguishes_damage_that_costs_points_from_damage_that_does_not(
    disk: SimulatedDisk, clock: FakeClock, damage: Callable[[SimulatedDisk, Path], None], which: int
) -> None:
    path = sorted(path for path in disk.files() if path.suffix == ".segment")[which]
    damage(disk, path)
    costly = [finding for finding in view(disk, clock).verify() if finding.costs]
    exported = sum(waiting.points for waiting in view(disk, clock).waiting())
    again = Spool(DIRECTORY, clock=clock, limits=LIMITS, filesystem=killed(disk))
    drained = 0
    while entry := again.next_live() or again.next_backlog():
        drained += entry.batch.points
        again.acknowledge(entry.sequence)
    assert drained == exported
    assert sum(finding.points for finding in costly) == 12 - drained


def killed(disk: SimulatedDisk) -> SimulatedDisk:
    disk.kill()
    return disk


def test_without_its_slots_everything_is_sent_again(disk: SimulatedDisk, clock: FakeClock) -> None:
    disk.remove(DIRECTORY / "acknowledged")
    findings = list(view(disk, clock).verify())
    assert [(finding.name, finding.costs) for finding in findings] == [("acknowledged", False)]


def test_a_directory_without_a_spool_is_said_to_be_none(clock: FakeClock, tmp_path: Path) -> None:
    disk = SimulatedDisk()
    disk.make_directory(DIRECTORY)
    with pytest.raises(InputMissingError, match="holds no spool"):
        view(disk, clock)


def test_a_directory_that_only_the_service_may_enter_is_reported_as_that(clock: FakeClock) -> None:
    disk = SimulatedDisk()
    disk.fault = lambda operation, _path: errno.EACCES if operation == "names" else None
    with pytest.raises(InputMissingError, match=r"Permission denied \(as the service's user, or by sudo"):
        view(disk, clock)


def test_it_shows_what_waits_for_the_sink_that_ran_last_whatever_times_files_have(clock: FakeClock) -> None:
    disk = SimulatedDisk(now_ns=clock.unix_ns)
    for cursor, starts in (("acknowledged", 3), ("acknowledged.lines", 1)):
        for _ in range(starts):
            spool = Spool(DIRECTORY, clock=clock, limits=LIMITS, filesystem=disk, cursor=cursor)
            feed = Feed(spool, spool.recovery.accounts)
            feed.put()
            clock.advance(1.0)
            spool.commit()
            if cursor == "acknowledged":
                assert list(drain(spool))
            waiting_points = spool.gauges().waiting_points
            spool.close()
    assert waiting_points == 9
    assert view(disk, clock).waiting_points == 9
    clock.advance(1.0)
    replace_file(disk, DIRECTORY / "acknowledged", disk.files()[DIRECTORY / "acknowledged"])  # a backup
    assert view(disk, clock).waiting_points == 9


def test_a_file_that_is_named_as_a_cursor_and_is_none_holds_no_segment_back(clock: FakeClock) -> None:
    disk = SimulatedDisk(now_ns=clock.unix_ns)
    disk.make_directory(DIRECTORY)
    replace_file(disk, DIRECTORY / "acknowledged.txt", b"drained in November\n")
    for _ in range(4):
        spool = Spool(DIRECTORY, clock=clock, limits=LIMITS, filesystem=disk)
        Feed(spool, spool.recovery.accounts).put(padding=600)
        spool.commit()
        assert list(drain(spool))
        spool.close()
    assert [path.suffix for path in disk.files()].count(".segment") == 2


def test_a_newest_segment_without_a_whole_record_is_named_where_its_points_are_missing(
    clock: FakeClock,
) -> None:
    disk = SimulatedDisk(now_ns=clock.unix_ns)
    feed = Feed(Spool(DIRECTORY, clock=clock, limits=LIMITS, filesystem=disk))
    for _ in range(9):
        feed.store()
    *_, before, newest = sorted(path for path in disk.files() if path.suffix == ".segment")
    for byte in range(0, len(disk.files()[newest]), 20):
        disk.flip(newest, byte)
    costly = [finding for finding in view(disk, clock).verify() if finding.costs]
    assert [(finding.name, finding.points) for finding in costly] == [(before.name, 9)]
    assert costly[0].what.endswith(f"; no whole record is in {newest.name}")
