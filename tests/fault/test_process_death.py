"""A process dies and the machine goes on: the next start adopts what was not on disk, exactly once."""

import contextlib
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from telemetry.spool import Spool, SpoolLimits
from tests.support.clock import FakeClock
from tests.support.disk import PowerCutError, SimulatedDisk
from tests.support.spool import Feed, assert_balanced, drained_points, newest, oldest, state_after
from tests.support.spool_writer import keeping_in

DIRECTORY = Path("/spool")
LIMITS = SpoolLimits(keep_free_bytes=0, segment_bytes=500)
BATCHES = 5
POINTS = 4  # of each batch, in two deliveries


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    (tmp_path / "memory").mkdir()
    return tmp_path / "memory"


def open_spool(disk: SimulatedDisk, memory: Path, clock: FakeClock | None = None) -> Spool:
    """Return a spool on the simulated disk; the folder in memory is a real one."""
    return Spool(
        DIRECTORY,
        clock=clock or FakeClock(),
        limits=LIMITS,
        filesystem=disk,
        keep_in_memory=lambda _spool: keeping_in(memory)(memory.parent),
    )


def feed_batches(feed: Feed) -> Iterator[None]:
    """Two deliveries a batch, a commit after each second batch, an acknowledgement; it pauses between."""
    for number in range(BATCHES):
        for _ in range(2):
            feed.deliver(POINTS // 2)
            yield
        feed.cut()
        if number % 2:
            feed.spool.commit()
        if number == 3 and (entry := feed.spool.next_backlog()):
            feed.spool.acknowledge(entry.sequence)


def test_killed_before_any_operation_of_the_disk_nothing_that_was_delivered_is_lost_or_counted_twice(
    tmp_path: Path,
) -> None:
    operation = 1
    adopted = 0
    while True:
        memory = tmp_path / f"memory-{operation}"
        memory.mkdir()
        disk = SimulatedDisk()
        spool = open_spool(disk, memory)
        feed = Feed(spool)
        delivered = 0
        disk.cut_at = disk.operations + operation
        died = False
        try:
            for _ in feed_batches(feed):
                delivered = feed.next_point
        except PowerCutError:
            died = True
        disk.cut_at = None
        disk.kill()
        again = open_spool(disk, memory)
        assert again.recovery.accounts.get("points/made/battery", 0) == delivered
        assert again.recovery.positions.get("log", 0) == delivered
        assert_balanced(again, again.recovery.accounts)
        acknowledged = again.counters()["points/acknowledged"]
        assert len(drained_points(again)) == delivered - acknowledged
        assert_balanced(again, again.recovery.accounts)
        adopted += again.recovery.adopted_points
        if not died:
            break
        operation += 1
    assert operation > 20
    assert adopted > 0


def test_a_start_that_dies_while_it_adopts_is_followed_by_one_that_adopts_the_same_once(
    tmp_path: Path,
) -> None:
    for operation in range(1, 60):
        memory = tmp_path / f"memory-{operation}"
        memory.mkdir()
        disk = SimulatedDisk()
        feed = Feed(open_spool(disk, memory))
        feed.deliver(3)
        feed.cut()
        feed.deliver(2)
        disk.kill()
        disk.cut_at = disk.operations + operation
        died = False
        try:
            open_spool(disk, memory)
        except PowerCutError:
            died = True
        disk.cut_at = None
        disk.kill()
        for _ in range(2):  # and the one after that adopts nothing
            again = open_spool(disk, memory)
            assert again.recovery.accounts["points/made/battery"] == 5
            assert_balanced(again, again.recovery.accounts)
            assert again.gauges().waiting_disk_points == 5
            disk.kill()
        assert again.recovery.adopted_points == 0
        assert list(memory.iterdir()) == []
        if not died:
            return
    raise AssertionError("it never came to an end")


@pytest.mark.parametrize("seed", range(20))
def test_after_a_power_cut_nothing_is_left_to_adopt_and_the_accounts_balance(
    seed: int, tmp_path: Path
) -> None:
    random = Random(seed)
    memory = tmp_path / "memory"
    memory.mkdir()
    disk = SimulatedDisk()
    spool = open_spool(disk, memory)
    feed = Feed(spool)
    disk.cut_at = disk.operations + random.randrange(5, 60)
    with contextlib.suppress(PowerCutError):
        list(feed_batches(feed))
    disk.cut_power(random)
    for file in memory.iterdir():
        file.unlink()
    again = open_spool(disk, memory)
    assert again.recovery.adopted_points == 0
    assert_balanced(again, again.recovery.accounts)


def test_what_was_in_memory_while_the_disk_refused_is_adopted_too(memory: Path) -> None:
    disk, clock = SimulatedDisk(), FakeClock()
    spool = open_spool(disk, memory, clock)
    feed = Feed(spool)
    feed.deliver(3)
    feed.cut()
    spool.commit()
    disk.fault = lambda operation, _path: 28 if operation in {"append", "create"} else None
    for _ in range(4):
        feed.deliver(3)
        feed.cut()
        clock.advance(100.0)
        spool.commit()
    entry = oldest(spool)
    spool.acknowledge(entry.sequence)  # out of memory, and without a place: it is sent again
    disk.kill()
    disk.fault = lambda _operation, _path: None
    again = open_spool(disk, memory, clock)
    assert again.recovery.adopted_points == 12
    assert_balanced(again, again.recovery.accounts)
    assert len(drained_points(again)) >= 12
    assert_balanced(again, again.recovery.accounts)


def test_the_open_batch_comes_after_a_dead_letter_that_was_handed_over(memory: Path) -> None:
    disk, clock = SimulatedDisk(), FakeClock()
    spool = open_spool(disk, memory, clock)
    feed = Feed(spool)
    feed.deliver(3)
    feed.cut()
    spool.commit()
    entry = newest(spool)
    spool.refuse(entry.sequence, b"m v=0 1\n", reason="refused", words="no")
    spool.acknowledge(entry.sequence)
    (letter,) = [path for path in disk.files() if path.suffix == ".letter"]
    disk.make_directory(DIRECTORY / "requeue")
    disk.rename(letter, DIRECTORY / "requeue" / letter.name)
    feed.deliver(2)
    clock.advance(60.0)
    assert spool.commit_due()
    spool.commit()
    assert spool.gauges().waiting_disk_points == 1  # the letter
    disk.kill()
    again = open_spool(disk, memory, clock)
    assert again.recovery.adopted_points == 2
    assert again.recovery.accounts == feed.accounts
    assert_balanced(again, again.recovery.accounts)


def test_a_batch_that_does_not_follow_is_not_adopted_for_the_accounts_would_not_balance(memory: Path) -> None:
    disk = SimulatedDisk()
    feed = Feed(open_spool(disk, memory))
    for _ in range(2):
        feed.deliver(3)
        feed.cut()
    first, _second = sorted(memory.iterdir())
    first.unlink()
    disk.kill()
    again = open_spool(disk, memory)
    assert again.recovery.adopted_points == 0
    assert_balanced(again, again.recovery.accounts)
    assert list(memory.iterdir()) == []


@pytest.mark.parametrize(
    "call", ["pwritev2", "write", "fdatasync", "fsync", "pwrite64", "unlinkat", "renameat"]
)
def test_a_writer_killed_in_a_system_call_loses_nothing_that_was_delivered(call: str, memory: Path) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("no strace")
    directory = memory.parent / "spool"
    delivered = 0
    endings = set()
    for count in (1, 2, 3, 8, 21):
        inject = f"inject={call}:signal=KILL:when={count}"
        under = [strace, "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject]
        program = [sys.executable, "-m", "tests.support.spool_writer", str(directory), "10", str(memory)]
        process = subprocess.run([*under, *program], stdout=subprocess.PIPE, text=True, check=False)
        endings.add(process.returncode)
        for line in process.stdout.splitlines(keepends=True):
            if line.endswith("\n"):
                delivered = int(json.loads(line)["points"])
        spool = Spool(directory, clock=FakeClock(), limits=LIMITS, keep_in_memory=keeping_in(memory))
        assert spool.recovery.positions.get("log", 0) >= delivered
        delivered = spool.recovery.positions.get("log", 0)
        assert spool.recovery.state == state_after(delivered)
        assert spool.recovery.accounts.get("points/made/battery", 0) == delivered
        assert_balanced(spool, spool.recovery.accounts)
        acknowledged = spool.counters()["points/acknowledged"]
        assert len(drained_points(spool)) == delivered - acknowledged
        spool.close()
    assert -signal.SIGKILL in endings
