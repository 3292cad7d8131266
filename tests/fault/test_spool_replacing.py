"""Rows that replace earlier ones go before the batch whose frames made them: both or neither after a kill."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from telemetry_core.text.lines import LineBuffer

from telemetry.spool import EncodedBatch, Spool, SpoolLimits
from telemetry.spool.batch import lines_of
from telemetry.spool.compress import compress
from tests.support.clock import FakeClock
from tests.support.disk import PowerCutError, SimulatedDisk
from tests.support.spool import assert_balanced, drain
from tests.support.spool_writer import keeping_in

DIRECTORY = Path("/spool")
LIMITS = SpoolLimits(keep_free_bytes=0, segment_bytes=900)
SESSION, BATTERY = "points/made/charging_session", "points/made/battery"
BATCHES = 6


def open_spool(disk: SimulatedDisk, memory: Path | None = None, clock: FakeClock | None = None) -> Spool:
    return Spool(
        DIRECTORY,
        clock=clock or FakeClock(),
        limits=LIMITS,
        filesystem=disk,
        keep_in_memory=(lambda _spool: keeping_in(memory)(memory.parent)) if memory else None,
    )


class SessionFeed:
    """Battery rows, and in each second batch rows of a session that say how many battery rows there were."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self.accounts = {BATTERY: 0, SESSION: 0, **spool.recovery.accounts}
        self.open = LineBuffer()
        self.replacing = LineBuffer()

    @property
    def state(self) -> dict[str, bytes]:
        return {"plug": b"%d" % self.accounts[BATTERY]}

    def deliver(self, points: int) -> None:
        for _ in range(points):
            number = self.accounts[BATTERY]
            self.open.append(b"battery,vehicle=a soc_pct=%d %d" % (number, number), number)
            self.accounts[BATTERY] += 1
        self.keep()

    def keep(self) -> None:
        self.spool.keep(
            self.open,
            accounts=self.accounts,
            positions={},
            boot_id="",
            state=self.state,
            replacing=self.replacing,
        )

    def replace(self, rows: int) -> None:
        for row in range(rows):
            count = self.accounts[BATTERY]
            self.replacing.append(b"charging_session,vehicle=a rows=%d %d" % (count, row), row)
            self.accounts[SESSION] += 1
        self.keep()

    def cut(self) -> None:
        batches = [
            EncodedBatch(compress(lines), lines.lines, lines.first_ns, lines.last_ns, lines is self.replacing)
            for lines in (self.replacing, self.open)
            if lines.lines
        ]
        self.open.clear()
        self.replacing.clear()
        self.spool.append(
            batches[-1],
            accounts=self.accounts,
            positions={},
            state=self.state,
            replacing=batches[0] if len(batches) == 2 else None,
        )

    def run(self) -> Iterator[None]:
        """Batches with and without rows that replace, one of these alone; commits; it pauses between."""
        for number in range(BATCHES):
            if number != 4:
                self.deliver(2)
                yield
                self.deliver(1)
                yield
            if number % 2 == 0:
                self.replace(2)
                yield
            self.cut()
            yield
            if number % 3 == 2:
                self.spool.commit()
                yield


def rows(spool: Spool) -> tuple[list[int], dict[int, int]]:
    """Return the sorted numbers of the battery's rows, and the last row of a session by stamp."""
    battery, session = [], {}
    for entry in drain(spool):
        for line in lines_of(entry.batch).splitlines():
            head, stamp = line.rsplit(b" ", 1)
            value = int(head.rsplit(b"=", 1)[1])
            if head.startswith(b"battery"):
                battery.append(value)
            else:
                assert entry.batch.ordered
                session[int(stamp)] = value
    return sorted(battery), session


def test_they_are_a_record_of_their_own_before_the_batch_and_in_its_commit() -> None:
    disk = SimulatedDisk()
    spool = open_spool(disk)
    feed = SessionFeed(spool)
    feed.deliver(3)
    feed.replace(1)
    feed.cut()
    spool.commit()
    live, backlog = spool.next_live(), spool.next_backlog()
    assert live
    assert backlog
    assert lines_of(live.batch).count(b"battery") == 3
    assert not live.batch.ordered
    assert lines_of(backlog.batch) == b"charging_session,vehicle=a rows=3 0\n"
    assert backlog.batch.ordered
    assert backlog.sequence == live.sequence - 1
    assert (spool.gauges().records, spool.gauges().syncs) == (2, 4)  # one commit, and a slot and a name
    assert_balanced(spool, feed.accounts)


def test_killed_before_any_operation_of_the_disk_nothing_that_was_kept_is_lost_or_counted_twice(
    tmp_path: Path,
) -> None:
    operation = adopted = 0
    died = True
    while died:
        operation += 1
        memory = tmp_path / f"memory-{operation}"
        memory.mkdir()
        disk = SimulatedDisk()
        feed = SessionFeed(open_spool(disk, memory))
        kept = dict(feed.accounts)
        disk.cut_at = disk.operations + operation
        died = False
        try:
            for _ in feed.run():
                kept = dict(feed.accounts)
        except PowerCutError:
            died = True
        adopted += check_after(disk, memory, kept)
    assert operation > 15
    assert adopted > 0


def check_after(disk: SimulatedDisk, memory: Path, kept: dict[str, int]) -> int:
    """Check that the next start has all that was kept, once; return how many points it adopted."""
    disk.cut_at = None
    disk.kill()
    again = open_spool(disk, memory)
    found = again.recovery.accounts
    assert (found.get(BATTERY, 0), found.get(SESSION, 0)) == (kept[BATTERY], kept[SESSION])
    assert again.recovery.state == ({"plug": b"%d" % kept[BATTERY]} if kept[BATTERY] else {})
    assert_balanced(again, found)
    battery, session = rows(again)
    assert battery == list(range(kept[BATTERY]))
    assert len(session) == min(kept[SESSION], 2)
    assert_balanced(again, found)
    return again.recovery.adopted_points


@pytest.mark.parametrize("steps", range(1, 27))
def test_killed_between_any_two_steps_of_the_pipeline_both_are_there_or_neither(
    steps: int, tmp_path: Path
) -> None:
    memory = tmp_path / "memory"
    memory.mkdir()
    disk = SimulatedDisk()
    feed = SessionFeed(open_spool(disk, memory))
    run = feed.run()
    for _ in range(steps):
        next(run, None)
    check_after(disk, memory, dict(feed.accounts))


def test_killed_between_the_new_name_of_what_is_kept_and_its_record_both_are_adopted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = tmp_path / "memory"
    memory.mkdir()
    disk = SimulatedDisk()
    spool = open_spool(disk, memory)
    feed = SessionFeed(spool)
    feed.deliver(3)
    feed.cut()
    feed.deliver(3)
    feed.replace(1)

    def dies(*_: object) -> None:
        raise PowerCutError

    monkeypatch.setattr(spool, "_append_replacing", dies)
    with pytest.raises(PowerCutError):
        feed.cut()
    check_after(disk, memory, dict(feed.accounts))


def test_of_a_commit_that_is_torn_between_the_two_the_first_counts_alone_and_the_other_is_adopted(
    tmp_path: Path,
) -> None:
    memory = tmp_path / "memory"
    memory.mkdir()
    disk = SimulatedDisk()
    spool = open_spool(disk, memory)
    feed = SessionFeed(spool)
    feed.deliver(3)
    feed.replace(1)
    feed.cut()
    (before,) = [(path, content) for path, content in disk.files().items() if path.suffix == ""]
    disk.fault = cut_the_power_at_a_sync
    with pytest.raises(PowerCutError):
        spool.commit()
    (path,) = (path for path in disk.files() if path.suffix == ".segment")
    content = disk.files()[path]
    second = content.index(b"nTs", 1)
    for length in (0, second, len(content) - 1, len(content)):
        torn = SimulatedDisk()
        torn.make_directory(DIRECTORY)
        for name, kept in ((path, content[:length]), before):
            descriptor = torn.create(name)
            torn.append(descriptor, kept)
            torn.sync(descriptor)
        torn.sync_directory(DIRECTORY)
        torn.kill()
        files = {file: file.read_bytes() for file in memory.iterdir()}
        check_after(torn, memory, dict(feed.accounts))
        for file, kept in files.items():
            file.write_bytes(kept)
            file.chmod(0o600)


def cut_the_power_at_a_sync(operation: str, path: Path) -> None:
    if operation == "sync" and path.suffix == ".segment":
        raise PowerCutError


@pytest.mark.parametrize("seed", range(30))
def test_after_a_power_cut_the_accounts_balance_and_the_rows_are_never_behind_the_batch(seed: int) -> None:
    random = Random(seed)
    disk = SimulatedDisk()
    feed = SessionFeed(open_spool(disk))
    disk.cut_at = disk.operations + random.randrange(2, 40)
    with contextlib.suppress(PowerCutError):
        list(feed.run())
    disk.cut_power(random)
    again = open_spool(disk)
    found = again.recovery.accounts
    assert_balanced(again, found)
    battery, session = rows(again)
    assert battery == list(range(found.get(BATTERY, 0)))
    assert len(session) == min(found.get(SESSION, 0), 2)
    with_rows = [count for count in (3, 9) if count <= len(battery)]  # after whose last point rows were made
    if with_rows:
        assert min(session.values()) >= with_rows[-1]
