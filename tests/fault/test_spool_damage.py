"""Whatever becomes of the bytes of a spool, it opens, and counts what it lost."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemetry.spool import Spool, SpoolLimits
from telemetry.spool.filesystem import append_all
from telemetry.spool.record import accounts_bytes
from tests.support.clock import FakeClock
from tests.support.disk import PowerCutError, SimulatedDisk
from tests.support.spool import Feed, assert_balanced, drained_points, newest

FIXED_BYTES = 72

DIRECTORY = Path("/spool")
POINTS = 3  # of each record
LIMITS = SpoolLimits(keep_free_bytes=0, segment_bytes=500)


def open_spool(disk: SimulatedDisk, limits: SpoolLimits = LIMITS) -> Spool:
    return Spool(DIRECTORY, clock=FakeClock(), limits=limits, filesystem=disk)


def small_spool(*, clean: bool) -> SimulatedDisk:
    """Eight records in several segments; the newest is acknowledged, and two that were oldest."""
    disk = SimulatedDisk()
    spool = open_spool(disk)
    feed = Feed(spool)
    for number in range(8):
        feed.put(POINTS)
        if number != 4:  # two records in one commit
            spool.commit()
    for entry in (spool.next_live(), spool.next_backlog(), spool.next_backlog()):
        assert entry
        spool.acknowledge(entry.sequence)
    if clean:
        spool.close()
    disk.kill()
    return disk


WAITING = list(range(2 * POINTS, 7 * POINTS))
SEGMENTS = sorted(path for path in small_spool(clean=True).files() if path.suffix == ".segment")


@pytest.mark.parametrize("clean", [True, False], ids=["stopped", "killed"])
@pytest.mark.parametrize("path", [*SEGMENTS, DIRECTORY / "acknowledged"], ids=lambda path: path.name)
def test_a_flipped_byte_costs_at_most_the_record_it_is_in(path: Path, clean: bool) -> None:
    disk = small_spool(clean=clean)
    untouched = disk.files()
    for offset, byte in enumerate(untouched[path]):
        if path not in SEGMENTS and not byte and offset % 50:
            continue  # most of the slots is padding
        disk = restored(untouched)
        disk.flip(path, offset, 0x10)
        spool = open_spool(disk)
        assert_balanced(spool, spool.recovery.accounts)
        delivered = drained_points(spool)
        lost = set(WAITING) - set(delivered)
        assert len(lost) <= POINTS
        assert len({point // POINTS for point in lost}) <= 1
        assert spool.counters()["points/damaged"] >= len(lost)
        if path.name == "acknowledged":
            assert not lost
        assert_balanced(spool, spool.recovery.accounts)


def restored(files: dict[Path, bytes]) -> SimulatedDisk:
    """Make a disk with these files on its medium."""
    disk = SimulatedDisk()
    disk.make_directory(DIRECTORY)
    for path, content in files.items():
        descriptor = disk.create(path)
        disk.append(descriptor, content)
        disk.sync(descriptor)
    disk.sync_directory(DIRECTORY)
    disk.kill()
    return disk


def torn_commits() -> Iterator[tuple[dict[Path, bytes], int]]:
    """Yield a spool of two good commits plus each possible part of a third one of two records."""
    disk = SimulatedDisk()
    spool = open_spool(disk, SpoolLimits(keep_free_bytes=0))
    feed = Feed(spool)
    feed.store(POINTS, batches=2)
    good = disk.files()
    feed.put(POINTS)
    feed.put(POINTS)
    disk.fault = cut_the_power_at_a_sync
    with pytest.raises(PowerCutError):
        spool.commit()
    whole = disk.files()
    (path,) = (path for path in whole if path.suffix == ".segment")
    assert len(whole[path]) > len(good[path])
    for length in range(len(good[path]), len(whole[path])):
        yield {**good, path: whole[path][:length]}, length - len(good[path])


def cut_the_power_at_a_sync(operation: str, path: Path) -> None:
    if operation == "sync":
        raise PowerCutError


def test_a_commit_torn_at_any_length_costs_nothing_that_was_accepted() -> None:
    lengths = 0
    for files, torn_bytes in torn_commits():
        lengths += 1
        spool = open_spool(restored(files))
        recovery = spool.recovery
        assert not recovery.clean
        assert recovery.damaged_points == 0
        assert recovery.torn_bytes <= torn_bytes
        assert recovery.waiting_points in (2 * POINTS, 3 * POINTS)
        assert recovery.positions == {"log": recovery.waiting_points}
        assert_balanced(spool, recovery.accounts)

        feed = Feed(spool, recovery.accounts)
        feed.next_point = recovery.waiting_points
        feed.store(POINTS)
        assert drained_points(spool) == list(range(recovery.waiting_points + POINTS))
        assert spool.counters()["points/damaged"] == 0
        assert_balanced(spool, feed.accounts)
    assert lengths > 100


def test_a_number_that_a_lost_record_had_is_given_to_no_other_batch() -> None:
    """The slot remembers the newest number, though the segment has lost the records that had it."""
    disk = SimulatedDisk()
    spool = open_spool(disk, SpoolLimits(keep_free_bytes=0))
    feed = Feed(spool)
    lengths = []
    for _ in range(9):
        feed.store(POINTS)
        (path,) = (path for path in disk.files() if path.suffix == ".segment")
        lengths.append(len(disk.files()[path]))
    disk.kill()
    files = disk.files()
    again = open_spool(restored({**files, path: files[path][: lengths[4]]}), SpoolLimits(keep_free_bytes=0))
    assert again.counters()["points/damaged"] == 4 * POINTS
    Feed(again, again.recovery.accounts).put(POINTS)
    again.commit()
    last = newest(again)
    assert last.sequence == 10


@pytest.mark.parametrize("path", [*SEGMENTS, DIRECTORY / "acknowledged"], ids=lambda path: path.name)
@pytest.mark.parametrize(
    "content",
    [b"", b"\0", b"\0" * 9000, b"nTs\x01" * 3000, b"\xff" * 5000, b"not a spool\n" * 100],
    ids=["empty", "zero", "zeros", "magic", "ones", "text"],
)
def test_a_file_may_hold_anything(path: Path, content: bytes) -> None:
    files = small_spool(clean=True).files()
    held = [point for point in WAITING if path not in SEGMENTS]
    spool = open_spool(restored({**files, path: content}))
    assert_balanced(spool, spool.recovery.accounts)
    delivered = drained_points(spool)
    assert set(held) <= set(delivered)
    assert spool.counters()["points/damaged"] >= len(set(WAITING) - set(delivered))
    assert_balanced(spool, spool.recovery.accounts)


def test_files_of_others_are_left_alone() -> None:
    files = {
        **small_spool(clean=True).files(),
        DIRECTORY / "notes.txt": b"keep",
        DIRECTORY / "x.segment": b"me",
    }
    disk = restored(files)
    spool = open_spool(disk)
    assert drained_points(spool) == WAITING
    spool.close()
    assert disk.files()[DIRECTORY / "notes.txt"] == b"keep"
    assert disk.files()[DIRECTORY / "x.segment"] == b"me"


def test_a_lost_segment_is_counted_and_the_others_go_on() -> None:
    files = small_spool(clean=True).files()
    lost = SEGMENTS[1]
    spool = open_spool(restored({path: content for path, content in files.items() if path != lost}))
    assert_balanced(spool, spool.recovery.accounts)
    delivered = drained_points(spool)
    missing = set(WAITING) - set(delivered)
    assert 0 < len(missing) == spool.counters()["points/damaged"]
    assert delivered == sorted(set(WAITING) - missing)


def test_when_the_last_segments_first_record_is_damaged_the_accounts_come_from_the_one_before() -> None:
    disk = small_spool(clean=True)
    before = open_spool(disk)
    before.close()
    disk.kill()
    last = SEGMENTS[-1]
    disk.flip(last, 20)
    spool = open_spool(disk)
    accounts = dict(spool.recovery.accounts)
    unknown = accounts.pop("points/made/unknown")
    assert unknown == POINTS
    assert accounts["points/made/battery"] == 8 * POINTS - unknown
    assert_balanced(spool, spool.recovery.accounts)


def test_the_start_on_a_large_backlog_reads_the_last_segment_alone() -> None:
    disk = SimulatedDisk()
    limits = SpoolLimits(keep_free_bytes=0, segment_bytes=50_000)
    spool = open_spool(disk, limits)
    feed = Feed(spool)
    feed.store(POINTS, padding=5000, batches=300)
    spool.close()
    disk.kill()
    files = [path for path in disk.files() if path.suffix == ".segment"]
    size = sum(len(content) for content in disk.files().values())
    assert len(files) > 20
    disk.bytes_read = 0
    operations = disk.operations
    again = open_spool(disk, limits)
    assert again.recovery.waiting_points == 300 * POINTS
    assert disk.bytes_read < 2 * 50_000 + 20_000 < size / 10
    assert disk.operations - operations < 3 * len(files) + 100


def test_accounts_that_make_no_sense_though_their_check_holds_keep_no_spool_from_opening() -> None:
    disk = small_spool(clean=False)
    path = SEGMENTS[0]
    content = bytearray(disk.files()[path])
    accounts_end = FIXED_BYTES + (accounts_bytes(bytes(content)) or 0)
    content[FIXED_BYTES:accounts_end] = bytes(accounts_end - FIXED_BYTES)
    check = zlib.crc32(content[FIXED_BYTES:accounts_end], zlib.crc32(content[: FIXED_BYTES - 4]))
    content[FIXED_BYTES - 4 : FIXED_BYTES] = check.to_bytes(4, "little")
    for later in SEGMENTS[1:]:
        disk.remove(later)
    disk.remove(DIRECTORY / "acknowledged")
    disk.remove(path)
    append_all(disk, disk.create(path), bytes(content))
    spool = open_spool(disk)
    assert spool.recovery.accounts["points/made/unknown"] > 0
    assert_balanced(spool, spool.recovery.accounts)
    assert drained_points(spool)


@pytest.mark.parametrize("which", ["all", "last", "slots too"])
def test_what_somebody_removes_is_noticed_at_the_next_commit_which_reaches_a_file_that_exists(
    which: str,
) -> None:
    disk = SimulatedDisk()
    spool = open_spool(disk)
    feed = Feed(spool)
    feed.store(POINTS, batches=8)
    segments = sorted(path for path in disk.files() if path.suffix == ".segment")
    assert len(segments) > 2
    gone = segments[-1:] if which == "last" else segments
    for path in [*gone, DIRECTORY / "acknowledged"] if which == "slots too" else gone:
        disk.remove(path)
    before = feed.next_point
    feed.store(POINTS)
    lost = spool.counters()["points/damaged"]
    assert lost > 0
    assert (lost == before) is (len(gone) == len(segments))
    assert_balanced(spool, feed.accounts)
    disk.kill()

    again = open_spool(disk)
    assert again.recovery.accounts == feed.accounts
    assert again.counters()["points/damaged"] == lost
    assert_balanced(again, again.recovery.accounts)
    delivered = drained_points(again)
    assert set(range(before, feed.next_point)) <= set(delivered)
    assert len(delivered) == feed.next_point - lost
    assert_balanced(again, again.recovery.accounts)


def test_a_directory_that_somebody_replaced_gets_a_segment_of_its_own(tmp_path: Path) -> None:
    clock = FakeClock()
    spool = Spool(tmp_path / "spool", clock=clock, limits=LIMITS)
    feed = Feed(spool)
    feed.store(POINTS)
    (tmp_path / "spool").rename(tmp_path / "aside")
    feed.store(POINTS)
    assert spool.gauges().volatile  # there is no place for it
    (tmp_path / "spool").mkdir(mode=0o700)
    clock.advance(2.0)
    spool.close()
    again = Spool(tmp_path / "spool", clock=FakeClock(), limits=LIMITS)
    assert again.counters()["points/damaged"] == POINTS
    assert drained_points(again) == list(range(POINTS, 2 * POINTS))
    again.close()
