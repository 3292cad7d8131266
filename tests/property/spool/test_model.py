"""Any sequence of appends, commits, answers, kills, power cuts and faults: the promises hold.

The model is small: which points had been accepted (their commit returned and the spool was not volatile), and
which the server has got. Everything else is asked of the spool.
"""

import contextlib
import errno
from collections.abc import Mapping
from pathlib import Path
from random import Random

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from telemetry.errors import DataError
from telemetry.spool import Entry, Spool, SpoolLimits
from telemetry.spool.deadletters import hand_over, letter_names
from tests.support.clock import FakeClock
from tests.support.disk import PowerCutError, SimulatedDisk
from tests.support.examples import examples
from tests.support.spool import Feed, assert_balanced, drain, points_of, state_after

LOOK_EVERY_S = 5.0

DIRECTORY = Path("/spool")


class SpoolMachine(RuleBasedStateMachine):
    """A pipeline, a sink and a disk, driven at random."""

    @initialize(
        segment_bytes=st.sampled_from([1, 700, 1 << 20]),
        cap_bytes=st.sampled_from([6000, 1 << 30]),
        memory_bytes=st.sampled_from([2000, 1 << 20]),
        damages=st.sampled_from(["nothing", "slot", "any segment", "an old segment"]),
    )
    def start(self, segment_bytes: int, cap_bytes: int, memory_bytes: int, damages: str) -> None:
        # Not slot and segments, nor the last segment when the slot may be behind, by a power cut or since the
        # disk refused it: then nothing is left that could say what there was.
        self.damages = damages
        self.limits = SpoolLimits(
            cap_bytes=cap_bytes, segment_bytes=segment_bytes, keep_free_bytes=0, memory_bytes=memory_bytes
        )
        self.clock = FakeClock()
        self.disk = SimulatedDisk(now_ns=self.clock.unix_ns)
        self.random = Random(0)
        self.next_point = 0
        self.accepted: set[int] = set()
        self.open: set[int] = set()  # appended, and not committed
        self.delivered: set[int] = set()
        self.spoiled = False  # something happened that may cost accepted points, if they are counted
        self.in_flight: dict[int, Entry] = {}
        self.ordered: list[int] = []  # sequences delivered since the last start
        self.reopen()

    def reopen(self) -> None:
        self.disk.kill()  # the process that had the spool open is over
        self.in_flight.clear()
        self.ordered.clear()
        self.open.clear()
        self.fed = False
        self.disk.fault = no_fault
        self.disk.read_only = False
        self.spool = Spool(DIRECTORY, clock=self.clock, limits=self.limits, filesystem=self.disk)
        recovery = self.spool.recovery
        if self.damages == "nothing":
            assert recovery.state == state_after(recovery.positions.get("log", 0))
        assert_balanced(self.spool, recovery.accounts)
        self.feed = Feed(self.spool, recovery.accounts, with_state=True)
        self.feed.next_point = self.next_point

    @rule(points=st.integers(1, 4), ordered=st.booleans(), padding=st.sampled_from([0, 0, 600]))
    def append(self, points: int, ordered: bool, padding: int) -> None:
        self.put(points, ordered=ordered, padding=padding)

    def put(self, points: int, *, ordered: bool = False, boot_id: str = "", padding: int = 0) -> None:
        self.fed = True
        self.open |= set(range(self.feed.next_point, self.feed.next_point + points))
        self.feed.put(points, ordered=ordered, boot_id=boot_id, padding=padding)
        self.next_point = self.feed.next_point

    @rule(points=st.integers(1, 4))
    def append_while_the_time_is_not_known(self, points: int) -> None:
        self.put(points, boot_id=self.clock.boot_id())

    @rule(points=st.integers(1, 5))
    def reduce(self, points: int) -> None:
        self.feed.accounts["points/made/battery"] += points
        self.feed.accounts["points/reduced"] += points
        self.put(1)

    @rule(name=st.sampled_from(["points/made/cells", "points/made/charger"]))
    def make_a_point_of_a_new_measurement(self, name: str) -> None:
        self.feed.accounts[name] = self.feed.accounts.get(name, 0) + 1
        self.feed.accounts["points/made/battery"] -= 1
        self.put(1)

    @rule()
    def commit(self) -> None:
        self.spool.commit()
        self.note_commit()

    def note_commit(self) -> None:
        if not self.spool.gauges().volatile:
            self.accepted |= self.open
            self.open.clear()

    @rule()
    def take_live(self) -> None:
        self.note(self.spool.next_live())

    @rule()
    def take_backlog(self) -> None:
        self.note(self.spool.next_backlog())

    def note(self, entry: Entry | None) -> None:
        if entry:
            assert entry.sequence not in self.in_flight
            if entry.batch.ordered:
                assert all(other > entry.sequence for other in self.in_flight)
                assert entry.sequence not in self.ordered[:-1]
            self.in_flight[entry.sequence] = entry

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        self.settle(data.draw(st.sampled_from(sorted(self.in_flight))))

    @rule(most=st.integers(1, 8))
    def deliver_one_after_the_other(self, most: int) -> None:
        """Deliver by one lane, to which ordered batches come as well."""
        for sequence in self.in_flight:
            self.spool.release(sequence)
        self.in_flight.clear()
        for _ in range(most):
            entry = self.spool.next_backlog() or self.spool.next_live()
            if entry is None:
                break
            self.note(entry)
            self.settle(entry.sequence)

    def settle(self, sequence: int) -> None:
        entry = self.in_flight.pop(sequence)
        if entry.batch.ordered:
            assert not self.ordered or entry.sequence > self.ordered[-1]
            self.ordered.append(entry.sequence)
        self.delivered |= set(points_of(entry))
        self.spool.acknowledge(entry.sequence)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def refuse_one_line(self, data: st.DataObject) -> None:
        entry = self.in_flight.pop(data.draw(st.sampled_from(sorted(self.in_flight))))
        points = points_of(entry)
        self.spool.refuse(entry.sequence, b"battery refused=1 %d" % points[0], reason="parse", words="no")
        self.delivered |= set(points[1:])
        self.open.discard(points[0])  # refused out of memory, it never comes to disk
        self.spoiled = True
        self.spool.acknowledge(entry.sequence)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        entry = self.in_flight.pop(data.draw(st.sampled_from(sorted(self.in_flight))))
        self.spool.release(entry.sequence)

    @rule(boot_time_ns=st.sampled_from([None, 0]))
    def requeue_dead_letters(self, boot_time_ns: int | None) -> None:
        for name in letter_names(self.disk, DIRECTORY / "dead"):
            with contextlib.suppress(DataError, OSError):
                hand_over(self.disk, DIRECTORY, name, boot_time_ns=boot_time_ns)
        self.clock.advance(LOOK_EVERY_S)
        self.spool.commit()
        self.note_commit()

    @rule(seconds=st.sampled_from([0.5, 2.0, 100.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def close(self) -> None:
        self.spool.close()
        assert not self.disk.open_files
        self.note_commit()

    @rule()
    def stop_and_start(self) -> None:
        self.close()
        stayed_in_memory = self.spool.gauges().waiting_memory_points
        can_say_so = not self.disk.read_only and self.disk.fault is no_fault
        is_clean = not stayed_in_memory and (self.spool.recovery.clean or self.fed)
        self.reopen()
        if not self.spoiled and (can_say_so or stayed_in_memory):
            assert self.spool.recovery.clean == is_clean

    @rule()
    def kill(self) -> None:
        self.reopen()

    @rule()
    def reboot(self) -> None:
        self.close()
        self.clock.reboot()
        self.spoiled = True  # of stamps that count from the boot before dead letters are made
        self.reopen()

    @precondition(lambda self: self.damages != "any segment")
    @rule(seed=st.integers(0, 1000))
    def cut_the_power(self, seed: int) -> None:
        self.disk.cut_power(Random(seed))
        self.reopen()

    @precondition(lambda self: self.damages != "any segment")
    @rule(after=st.integers(1, 12), seed=st.integers(0, 1000), points=st.integers(1, 3))
    def cut_the_power_while_working(self, after: int, seed: int, points: int) -> None:
        self.disk.cut_at = self.disk.operations + after
        try:
            for _ in range(2):
                self.put(points, padding=300)
            self.commit()
            for entry in drain(self.spool):
                self.delivered |= set(points_of(entry))
        except PowerCutError:
            pass
        self.disk.cut_power(Random(seed))
        self.reopen()

    @precondition(lambda self: self.damages != "any segment")
    @rule(
        operations=st.sampled_from(
            [{"append"}, {"sync"}, {"create"}, {"write_at"}, {"unlink"}, {"append", "sync"}]
        ),
        number=st.sampled_from([errno.EIO, errno.ENOSPC]),
    )
    def the_disk_refuses(self, operations: set[str], number: int) -> None:
        self.disk.fault = lambda operation, _path: number if operation in operations else None
        self.spoiled |= number == errno.ENOSPC  # the oldest is evicted to make room

    @precondition(lambda self: self.damages != "any segment")
    @rule()
    def the_disk_is_read_only(self) -> None:
        self.disk.read_only = True

    @rule()
    def the_disk_works_again(self) -> None:
        self.disk.fault = no_fault
        self.disk.read_only = False

    def victims(self) -> list[Path]:
        files = sorted(path for path, content in self.disk.files().items() if content)
        segments = [path for path in files if path.suffix == ".segment"]
        return {
            "nothing": [],
            "slot": [path for path in files if path.name == "acknowledged"],
            "any segment": segments,
            "an old segment": segments[:-1],
        }[self.damages]

    @precondition(lambda self: self.victims())
    @rule(data=st.data())
    def flip_a_byte(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(self.victims()))
        self.disk.flip(path, data.draw(st.integers(0, len(self.disk.files()[path]) - 1)))
        self.spoiled = True

    @precondition(lambda self: self.victims())
    @rule(data=st.data())
    def lose_a_file(self, data: st.DataObject) -> None:
        self.disk.remove(data.draw(st.sampled_from(self.victims())))
        self.spoiled = True

    @invariant()
    def the_accounts_balance(self) -> None:
        if hasattr(self, "spool"):
            assert_balanced(self.spool, self.feed.accounts)

    @invariant()
    def few_files_are_open(self) -> None:
        if hasattr(self, "spool"):  # the lock, the slots, and the segments that are written and read
            assert len(self.disk.open_files) <= 4

    def teardown(self) -> None:
        if not hasattr(self, "spool"):
            return
        self.disk.fault = no_fault
        self.disk.read_only = False
        for sequence in list(self.in_flight):
            self.spool.release(sequence)
        self.clock.advance(1000)
        self.spool.commit()
        for entry in drain(self.spool):
            self.delivered |= set(points_of(entry))
        gauges = self.spool.gauges()
        assert gauges.waiting_disk_points == gauges.waiting_memory_points == 0
        assert_balanced(self.spool, self.feed.accounts)
        lost = self.accepted - self.delivered
        counted = lost_points(self.spool.counters())
        assert len(lost) <= counted
        if not self.spoiled and not self.spool.counters()["points/evicted"]:
            assert not lost


def lost_points(counters: Mapping[str, int]) -> int:
    return counters["points/evicted"] + counters["points/damaged"] + counters["points/dead"]


def no_fault(operation: str, path: Path) -> None:
    return None


TestSpoolModel = SpoolMachine.TestCase
TestSpoolModel.settings = settings(max_examples=examples(200), stateful_step_count=40, deadline=None)
