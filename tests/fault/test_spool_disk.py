"""Real disks that refuse, and a writer that dies: full, read-only, EIO, kill -9, power cut."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from telemetry.spool import Spool, SpoolLimits
from tests.support.child import killed_at_the_end
from tests.support.clock import FakeClock
from tests.support.mounts import ext4, make_ext4, remount, tmpfs
from tests.support.spool import Feed, assert_balanced, drained_points, newest, points_of

REPOSITORY = Path(__file__).resolve().parents[2]
LIMITS = SpoolLimits(keep_free_bytes=0, segment_bytes=4000)
KILLS = 24


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def writer(directory: Path, commits: int, *, under: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Start a process that writes into a spool."""
    return subprocess.Popen(
        [*under, sys.executable, "-m", "tests.support.spool_writer", directory, str(commits)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'ext'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def reports(process: subprocess.Popen[str]) -> Iterator[dict[str, int | str]]:
    """Yield what the process says after each commit."""
    assert process.stdout
    for line in process.stdout:
        yield json.loads(line)


def check_after_a_crash(directory: Path, clock: FakeClock, accepted: int) -> None:
    """Check that all that was accepted is there, and that the accounts balance."""
    spool = Spool(directory, clock=clock, limits=LIMITS)
    recovery = spool.recovery
    assert recovery.positions.get("log", 0) >= accepted
    assert recovery.damaged_points == 0
    assert_balanced(spool, recovery.accounts)
    acknowledged = spool.counters()["points/acknowledged"]
    delivered = drained_points(spool)
    assert set(range(acknowledged, accepted)) <= set(delivered)
    assert_balanced(spool, recovery.accounts)
    spool.close()


def test_a_writer_that_is_killed_at_random_instants_loses_nothing_that_was_accepted(
    tmp_path: Path, clock: FakeClock
) -> None:
    chance = random.Random(1)
    accepted = 0
    for _ in range(KILLS):
        commits = chance.randrange(60)
        with killed_at_the_end(writer(tmp_path, 10_000)) as process:
            for number, report in enumerate(reports(process)):
                accepted = int(report["points"])
                if number == commits:
                    break
            process.kill()
            assert process.stdout
            for line in process.stdout:  # what it said before it died
                if line.endswith("\n"):
                    accepted = int(json.loads(line)["points"])
    assert accepted > KILLS
    check_after_a_crash(tmp_path, clock, accepted)


@pytest.mark.parametrize("call", ["write", "fdatasync", "fsync", "pwrite64", "unlinkat", "renameat"])
def test_a_writer_that_is_killed_in_a_system_call_loses_nothing_that_was_accepted(
    call: str, tmp_path: Path, clock: FakeClock
) -> None:
    strace = strace_or_skip()
    accepted = 0
    endings = set()
    for count in (1, 2, 3, 5, 9, 14):
        inject = f"inject={call}:signal=KILL:when={count}"
        under = [strace, "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject]
        with killed_at_the_end(writer(tmp_path, 60, under=under)) as process:
            output, _ = process.communicate()
        endings.add(process.returncode)
        for line in output.splitlines(keepends=True):
            if line.endswith("\n"):
                accepted = int(json.loads(line)["points"])
    assert -signal.SIGKILL in endings
    assert accepted
    check_after_a_crash(tmp_path, clock, accepted)


def strace_or_skip() -> str:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("no strace")
    return strace


def test_after_a_failed_sync_the_file_is_given_up_and_nothing_is_lost(
    tmp_path: Path, clock: FakeClock
) -> None:
    inject = "inject=fdatasync:error=EIO:when=6..8"
    under = [
        strace_or_skip(),
        "-f",
        "-o",
        str(tmp_path / "calls"),
        "-e",
        "trace=fdatasync,openat",
        "-e",
        inject,
    ]
    with killed_at_the_end(writer(tmp_path / "spool", 12, under=under)) as process:
        states = list(reports(process))
        process.communicate()
    assert [bool(state["volatile"]) for state in states].count(True) >= 1
    assert not states[-1]["volatile"]
    failed = [line for line in (tmp_path / "calls").read_text().splitlines() if "INJECTED" in line]
    assert len(failed) == 3
    check_after_a_crash(tmp_path / "spool", clock, int(states[-1]["points"]))


def test_on_a_full_disk_the_oldest_goes_and_live_data_flows_on(tmp_path: Path, clock: FakeClock) -> None:
    with tmpfs(tmp_path / "disk", 400_000) as disk:
        spool = Spool(
            disk / "spool", clock=clock, limits=SpoolLimits(keep_free_bytes=0, segment_bytes=40_000)
        )
        feed = Feed(spool)
        for _ in range(100):
            feed.put(padding=10_000)
            clock.advance(1.0)
            spool.commit()
            assert_balanced(spool, feed.accounts)
        assert spool.counters()["points/evicted"] > 0
        assert spool.counters()["points/damaged"] == 0

        for _ in range(20):
            fill_up(disk / "somebody-elses")
            feed.put(padding=10_000)
            clock.advance(1.0)
            spool.commit()
            assert_balanced(spool, feed.accounts)
        assert spool.gauges().volatile
        entry = newest(spool)
        assert max(points_of(entry)) == feed.next_point - 1
        spool.release(entry.sequence)

        (disk / "somebody-elses").unlink()
        clock.advance(100.0)
        feed.store(padding=10_000)
        gauges = spool.gauges()
        assert not gauges.volatile
        assert gauges.waiting_memory_points == 0
        assert_balanced(spool, feed.accounts)
        evicted = spool.counters()["points/evicted"]
        assert len(drained_points(spool)) == feed.next_point - evicted
        spool.close()


def fill_up(file: Path) -> None:
    """Append to it until the disk is full."""
    with file.open("ab", buffering=0) as stream, contextlib.suppress(OSError):
        while stream.write(bytes(4096)):
            pass


def test_on_a_read_only_disk_data_flows_from_memory_until_it_can_be_stored(
    tmp_path: Path, clock: FakeClock
) -> None:
    with tmpfs(tmp_path / "disk", 4_000_000) as disk:
        spool = Spool(disk, clock=clock, limits=LIMITS)
        feed = Feed(spool)
        feed.store()
        spool.close()
        remount(disk, "ro")
        spool = Spool(disk, clock=clock, limits=LIMITS)  # it starts even so
        feed = Feed(spool, spool.recovery.accounts)
        feed.next_point = spool.recovery.positions["log"]
        delivered = []
        for _ in range(5):
            feed.put()
            clock.advance(1.0)
            spool.commit()
            assert spool.gauges().volatile == "Read-only file system"
            assert_balanced(spool, feed.accounts)
            entry = newest(spool)
            delivered += points_of(entry)
            spool.acknowledge(entry.sequence)
        assert delivered == list(range(3, 18))
        feed.store()
        assert spool.gauges().waiting_memory_points == 3
        remount(disk, "rw")
        clock.advance(100.0)
        spool.commit()
        assert not spool.gauges().volatile
        assert spool.gauges().waiting_memory_points == 0
        assert drained_points(spool) == [0, 1, 2, 18, 19, 20]
        assert_balanced(spool, feed.accounts)
        spool.close()


def copy_of_one_instant(image: Path, copy: Path) -> None:
    """Copy an image again until two copies agree: the kernel still writes after its last user has stopped."""
    earlier = b""
    while (now := image.read_bytes()) != earlier:
        earlier = now
    copy.write_bytes(now)


def test_a_power_cut_at_any_time_loses_nothing_that_was_accepted(tmp_path: Path, clock: FakeClock) -> None:
    """The image of a mounted file system, copied while it is written to, is what a power cut leaves."""
    image, cut = tmp_path / "image", tmp_path / "cut"
    make_ext4(image, 16 << 20)
    with (
        ext4(tmp_path / "disk", image) as disk,
        killed_at_the_end(writer(disk / "spool", 4000)) as process,
    ):
        for number, report in enumerate(reports(process)):
            if number % 150 == 149:
                process.send_signal(signal.SIGSTOP)
                copy_of_one_instant(image, cut)
                process.send_signal(signal.SIGCONT)
                with ext4(tmp_path / "after", cut) as after:
                    check_after_a_crash(after / "spool", clock, int(report["points"]))
            if number == 750:
                break
