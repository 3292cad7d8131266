"""The black box by hand: what is kept, frozen, dropped, torn and refused, in injected time."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from telemetry_core.frames.batch import FrameBatch

from telemetry.blackbox.recorder import BlackBox
from telemetry.blackbox.settings import BlackBoxSettings
from telemetry.blackbox.store import Box, Capture
from telemetry.capture.frozen import write_capture
from telemetry.errors import StorageError, UsageError
from telemetry.logs.captures import CapturedBytes, format_piece
from telemetry.model.events import Event
from telemetry.spool.filesystem import FileSystem
from tests.support.clock import FakeClock
from tests.support.waiting import wait_until

START_S = 1_700_000_000


class Rig:
    """A black box of two buses and a serial line; `second` brings a frame a tenth of each."""

    def __init__(self, folder: Path, *, minutes: float = 1.0, most_bytes: int = 200_000_000) -> None:
        self.clock = FakeClock()
        self.events: list[Event] = []
        settings = BlackBoxSettings(folder / "box", minutes, most_bytes)
        self.recorder = BlackBox(settings, self.clock, self.events.append)
        self.box = self.recorder.box
        self.folder = folder
        self.now_s = 0

    def seconds(
        self, count: int, *, time_known: bool = True, filler_bytes: int = 0, set_by_s: int = 0
    ) -> None:
        for _ in range(count):
            for bus in ("can0", "can1"):
                frames = FrameBatch(10)
                for tenth in range(10):
                    stamp = (START_S + self.now_s) * 10**9 + tenth * 10**8 + 1
                    frames.append(
                        stamp, 0x100 + tenth, bytes([self.now_s % 256, tenth]) + os.urandom(filler_bytes)
                    )
                offset_ns = None if time_known else self.clock.unix_ns() - self.clock.boot_ns()
                self.recorder.take(bus, frames, offset_ns)
            piece = CapturedBytes((START_S + self.now_s) * 10**9, "tty", True, bytes([self.now_s % 256]))
            self.recorder.take_line("tty", format_piece(piece))
            self.now_s += 1
            self.clock.advance(1.0)
            self.clock.step(set_by_s)
            self.recorder.step()

    def got(self, name: str, shift_ns: int | None = None) -> dict[str, list[int]]:
        """By channel, the seconds that the files of a capture hold, each a whole one."""
        out = self.folder / f"{name}-{len(list(self.folder.iterdir()))}.log"
        written = write_capture(self.box, self.box.capture(name), out, lambda _: shift_ns)
        found: dict[str, list[int]] = {}
        for line in b"".join(path.read_bytes() for path in written).decode().splitlines():
            stamp, channel, *_ = line.split()
            found.setdefault(channel, []).append(int(stamp[1:].split(".")[0]) - START_S)
        for bus in ("can0", "can1"):
            assert len(found.get(bus, [])) == 10 * len(set(found.get(bus, [])))
        return {channel: sorted(set(seconds)) for channel, seconds in found.items()}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.recorder.close()


def test_a_capture_has_what_was_there_and_what_came_until_it_was_over(rig: Rig) -> None:
    rig.seconds(25)
    assert rig.recorder.frozen == []
    rig.recorder.freeze("one", 12.0)
    rig.seconds(1)
    assert [(one.id, one.last) for one, _ in rig.recorder.frozen] == [("one", None)]
    rig.seconds(39)
    assert rig.recorder.frozen == rig.box.frozen()
    for channel in ("can0", "can1", "tty"):
        found = rig.got("one")[channel]
        assert found[:25] == [*range(25)]
        assert found == [*range(len(found))]
        assert 25 + 12 <= len(found) <= 25 + 12 + 12


def test_without_a_capture_the_last_minutes_alone_are_there(rig: Rig) -> None:
    rig.seconds(200)
    assert len(rig.box.segments()) <= 8
    rig.recorder.freeze("late", 0.0)
    rig.seconds(12)
    found = rig.got("late")["can0"]
    assert 72 <= len(found) <= 93
    assert found[-1] >= 200


@pytest.mark.parametrize("before", [100, 103, 109])
def test_captures_before_it_cost_a_later_one_none_of_its_minutes(rig: Rig, before: int) -> None:
    rig.seconds(before)
    for number in range(12):
        rig.recorder.freeze(str(number), 0.0)
        rig.seconds(3)
        rig.box.drop(rig.box.capture(str(number)))
    frozen_at = rig.now_s
    rig.recorder.freeze("late", 0.0)
    rig.seconds(12)
    assert {*range(frozen_at - 60, frozen_at)} <= set(rig.got("late")["can0"])


def test_captures_that_overlap_share_segments_and_one_is_whole_without_the_other(rig: Rig) -> None:
    rig.seconds(15)
    rig.recorder.freeze("a", 10.0)
    rig.seconds(5)
    rig.recorder.freeze("b", 10.0)
    rig.seconds(30)
    rig.box.drop(rig.box.capture("a"))
    rig.seconds(200)
    assert rig.got("b")["can0"][:30] == [*range(30)]
    with pytest.raises(UsageError, match=r"no capture 'a'.*there are b"):
        rig.box.capture("a")


def test_what_is_over_most_mb_goes_the_oldest_first_with_an_event(tmp_path: Path) -> None:
    rig = Rig(tmp_path, minutes=0.5, most_bytes=60_000)
    for name in ("a", "b", "c"):
        for _ in range(60):
            rig.seconds(1, filler_bytes=60)
        rig.recorder.freeze(name, 1.0)
        rig.seconds(20)
    rig.recorder.close()
    assert [one.id for one in rig.box.captures()] == ["c"]
    assert [event.code for event in rig.events] == ["capture_dropped", "capture_dropped"]
    assert [event.text[:2] for event in rig.events] == ["a:", "b:"]
    assert rig.recorder.counted()["black_box/dropped"] == 2


def test_a_capture_that_was_cut_off_ends_with_what_is_there(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.seconds(5)
    rig.recorder.freeze("one", 600.0)
    rig.seconds(7)
    os.close(rig.recorder._lock)  # as a kill does
    again = Rig(tmp_path)
    again.seconds(30)
    assert again.box.capture("one") == Capture("one", 1, 2)
    assert again.got("one")["can0"] == [*range(12)]
    again.recorder.close()


@pytest.mark.parametrize("cut_bytes", [1, 5, 100])
def test_a_torn_segment_is_told_and_costs_itself(rig: Rig, cut_bytes: int) -> None:
    rig.seconds(30)
    rig.recorder.freeze("one", 0.0)
    rig.seconds(5)
    first, second = list(rig.box.segments())[:2]
    content = rig.box.path(second).read_bytes()
    rig.box.path(second).write_bytes(content[:-cut_bytes])
    found = rig.got("one")["can0"]
    assert set(range(10)) <= set(found)
    assert 30 <= len(found) < 35
    assert rig.box.damage == [f"{second:010d}.segment: torn after " + rig.box.damage[0].split("after ")[1]]
    damaged = bytearray(content)
    damaged[20] ^= 0xFF
    rig.box.path(second).write_bytes(damaged)
    assert set(range(10)) <= set(rig.got("one")["can0"])
    assert len(rig.box.damage) == 1
    assert first == 1


def test_a_segment_that_cannot_be_read_is_told_and_ends_no_start(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.path(1).mkdir()
    assert [*box.parts(Capture("one", 1, 1))] == []
    assert box.damage == ["0000000001.segment: Is a directory"]


def test_a_disk_that_is_full_costs_what_comes_meanwhile_and_the_rest_goes_on(tmp_path: Path) -> None:
    class Full(FileSystem):
        is_full = False

        def append(self, descriptor: int, data: bytes | memoryview) -> int:
            if self.is_full:
                os.write(descriptor, bytes(data)[:10])
                raise OSError(28, "No space left on device")
            return super().append(descriptor, data)

    rig = Rig(tmp_path)
    rig.box.filesystem = disk = Full()
    rig.seconds(5)
    disk.is_full = True
    rig.seconds(3)
    disk.is_full = False
    rig.recorder.freeze("one", 5.0)
    rig.seconds(20)
    assert rig.recorder.counted()["black_box/lost"] == 3 * 21
    found = rig.got("one")["can0"]
    assert found[:8] == [0, 1, 2, 3, 4, 8, 9, 10]
    rig.recorder.close()


def test_what_waits_for_a_disk_that_hangs_is_bounded_and_counted(rig: Rig) -> None:
    frames = FrameBatch(1000)
    for number in range(1000):
        frames.append(number, number, os.urandom(8))
    for _ in range(1000):
        rig.recorder.take("can0", frames)
    lost = rig.recorder.counted()["black_box/lost"]
    assert 800_000 < lost < 1_000_000
    rig.recorder.step()


def test_stamps_that_step_come_back_as_they_were(rig: Rig) -> None:
    frames = FrameBatch(4)
    for second in (100, 50, 10_000, 99):
        frames.append((START_S + second) * 10**9, 0x1, b"\1")
    rig.recorder.take("can0", frames)
    rig.recorder.freeze("one", 0.0)
    rig.recorder.close()
    out = rig.folder / "steps.log"
    write_capture(rig.box, rig.box.capture("one"), out, lambda _: None)
    stamps = [int(line[1:].split(b".")[0]) - START_S for line in out.read_bytes().splitlines()]
    assert stamps == [100, 50, 10_000, 99]
    rig.recorder = Rig(rig.folder).recorder


def test_stamps_of_a_clock_that_is_set_later_are_those_that_were_sent_then(rig: Rig) -> None:
    rig.seconds(3, time_known=False)
    rig.recorder.freeze("one", 2.0)
    rig.seconds(3)
    began_ns = rig.clock.unix_ns() - rig.clock.boot_ns()  # as it was until then
    later_ns = began_ns + 500 * 10**9  # what the service found once it knew
    assert rig.got("one", later_ns)["can0"] == [3, 4, 5, 500, 501, 502]


def test_what_was_taken_before_the_clock_was_set_and_is_written_after_it_counts_from_before(rig: Rig) -> None:
    rig.recorder.time_known = False  # as it is for lines
    rig.seconds(2, time_known=False)
    rig.seconds(1, time_known=False, set_by_s=500)
    rig.recorder.freeze("one", 2.0)
    rig.recorder.time_known = True
    rig.now_s = 503
    rig.seconds(3)
    got = rig.got("one", rig.clock.unix_ns() - rig.clock.boot_ns())
    assert got == {name: [500, 501, 502, 503, 504, 505] for name in ("can0", "can1", "tty")}


def test_a_folder_is_for_one_service(rig: Rig) -> None:
    with pytest.raises(StorageError, match="another service has this black box"):
        Rig(rig.folder)


_CHILD = """
import sys, time
from pathlib import Path
from telemetry_core.frames.batch import FrameBatch
from telemetry.blackbox.recorder import BlackBox
from telemetry.blackbox.settings import BlackBoxSettings
from telemetry.clock import Clock
box = BlackBox(BlackBoxSettings(Path(sys.argv[1])), Clock(), print)
box.start()
box.freeze("one", 600.0)
number = 0
while True:
    frames = FrameBatch(100)
    for _ in range(100):
        frames.append(number * 1_000_000_000, number & 0xFF, number.to_bytes(8, "little"))
        number += 1
    box.take("can0", frames)
    time.sleep(0.002)
"""


@pytest.mark.parametrize("bytes_before", [1, 40_000])
def test_a_kill_leaves_what_was_written_whole(tmp_path: Path, bytes_before: int) -> None:
    folder = tmp_path / "box"
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(folder)])
    try:
        wait_until(lambda: sum(path.stat().st_size for path in folder.glob("*.segment")) >= bytes_before)
    finally:
        child.kill()
        child.wait()
    box = Box(folder)
    out = tmp_path / "killed.log"
    write_capture(box, box.capture("one"), out, lambda _: None)
    numbers = [int(line[1:].split(b".")[0]) for line in out.read_bytes().splitlines()]
    assert numbers == [*range(len(numbers))]
    assert numbers
