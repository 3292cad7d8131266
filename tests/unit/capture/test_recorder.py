"""Recorded files as python-can's own readers read them back."""

import os
import struct
import time
from pathlib import Path

import can
import pytest

from telemetry.capture.recorder import Recorder
from telemetry.errors import MissingPackageError, StorageError, UsageError
from tests.support.zones import in_zone

MESSAGES = [
    can.Message(
        timestamp=1_700_000_000.0 + number / 1000,
        arbitration_id=(0x100, 0x18FEE0FE)[number % 2],
        is_extended_id=bool(number % 2),
        data=bytes([number % 256, 7]),
        channel=0,
    )
    for number in range(300)
]


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def read(file: Path) -> list[tuple[float, int, bool, bytes]]:
    with can.LogReader(file) as reader:
        return [
            (round(each.timestamp, 3), each.arbitration_id, each.is_extended_id, bytes(each.data))
            for each in reader
        ]


def expected(messages: list[can.Message]) -> list[tuple[float, int, bool, bytes]]:
    return [
        (round(each.timestamp, 3), each.arbitration_id, each.is_extended_id, bytes(each.data))
        for each in messages
    ]


@pytest.mark.parametrize("ending", [".log", ".blf", ".mf4"])
def test_what_was_recorded_is_read_back_frame_by_frame(tmp_path: Path, ending: str) -> None:
    if ending == ".mf4":
        pytest.importorskip("asammdf")
    recorder = Recorder(tmp_path / f"drive{ending}", Clock())
    for message in MESSAGES:
        recorder.write(message)
        recorder.tick()
    recorder.close()
    assert (recorder.frames, recorder.files) == (300, [tmp_path / f"drive{ending}"])
    assert read(recorder.files[0]) == expected(MESSAGES)


def test_an_asc_file_holds_all_frames(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "drive.asc", Clock())
    for message in MESSAGES:
        recorder.write(message)
    recorder.close()
    assert [row[1:] for row in read(recorder.files[0])] == [row[1:] for row in expected(MESSAGES)]


def test_files_of_a_size_follow_one_another_in_the_order_of_their_names(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "drive.log", Clock(), rotate_bytes=1000)
    for message in MESSAGES:
        recorder.write(message)
    recorder.close()
    files = sorted(tmp_path.iterdir())
    assert files == recorder.files
    assert files[0].name == "drive-000001.log"
    assert len(files) > 2
    assert [row for file in files for row in read(file)] == expected(MESSAGES)


def test_a_file_ends_so_long_after_its_first_frame(tmp_path: Path) -> None:
    clock = Clock()
    recorder = Recorder(tmp_path / "drive.blf", clock, rotate_s=10.0)
    for now_s in (15.0, 16.0, 24.0, 26.0, 30.0):
        clock.now_s = now_s
        recorder.tick()
        recorder.write(MESSAGES[int(now_s)])
    for now_s in (40.0, 50.0, 60.0, 75.0):  # nothing comes: the file that is begun stays the last one
        clock.now_s = now_s
        recorder.tick()
    recorder.write(MESSAGES[75])
    clock.now_s = 84.0
    recorder.tick()
    recorder.close()
    assert [len(read(file)) for file in recorder.files] == [3, 2, 1]


def test_an_mf4_file_counts_in_utc_and_says_its_zone(tmp_path: Path) -> None:
    pytest.importorskip("asammdf")
    before_ns = time.time_ns()
    with in_zone("XYZ+3:30"):
        recorder = Recorder(tmp_path / "drive.mf4", Clock())
        recorder.write(MESSAGES[0])
        recorder.close()
    log = recorder.files[0].read_bytes()
    start_ns, zone_min, summer_min, flags = struct.unpack_from("<QhhB", log, log.index(b"##HD") + 72)
    assert before_ns - 1_000_000 <= start_ns <= time.time_ns()
    assert (zone_min + summer_min, flags) == (-210, 2)  # its offsets are valid, and it is not local time


def test_a_file_that_exists_is_not_written_over(tmp_path: Path) -> None:
    file = tmp_path / "drive.log"
    file.write_text("precious")
    with pytest.raises(UsageError, match="is there already"):
        Recorder(file, Clock())
    assert file.read_text() == "precious"


@pytest.mark.parametrize("ending", [".log", ".blf"])
def test_a_next_file_that_cannot_be_opened_is_one_error_and_the_one_before_is_complete(
    tmp_path: Path, ending: str
) -> None:
    clock, folder = Clock(), tmp_path / "card"
    folder.mkdir()
    recorder = Recorder(folder / f"drive{ending}", clock, rotate_s=10.0)
    recorder.write(MESSAGES[0])
    recorder.tick()
    clock.now_s = 10.0
    folder.rename(tmp_path / "gone")
    with pytest.raises(StorageError, match=r"drive-000002\.\w+: cannot be written: No such file"):
        recorder.tick()
    recorder.close()
    assert read(tmp_path / "gone" / f"drive-000001{ending}") == expected(MESSAGES[:1])


def test_without_asammdf_no_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("can.io.mf4.asammdf", None)
    with pytest.raises(MissingPackageError, match="asammdf"):
        Recorder(tmp_path / "drive.mf4", Clock())
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_ending_names_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"known are .log, .asc, .blf, .mf4"):
        Recorder(tmp_path / "drive.pcap", Clock())


@pytest.fixture
def full_disk(tmp_path: Path) -> Path:
    """Return a name in place of which /dev/full takes what is written."""
    if not os.access("/dev/full", os.W_OK):
        pytest.skip("no /dev/full here")
    return tmp_path / "drive.log"


def test_a_disk_that_is_full_between_two_ticks_is_the_same_error(
    full_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(can, "Logger", lambda _: can.CanutilsLogWriter("/dev/full"))
    recorder = Recorder(full_disk, Clock())

    def fill() -> None:
        for _ in range(10_000):  # more than is gathered in memory
            recorder.write(MESSAGES[0])

    with pytest.raises(StorageError, match=r"drive.log: cannot be written: No space left"):
        fill()


def test_a_full_disk_is_one_error_that_says_how_much_was_recorded(
    full_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(can, "Logger", lambda _: can.CanutilsLogWriter("/dev/full"))
    recorder = Recorder(full_disk, clock)
    recorder.write(MESSAGES[0])
    clock.now_s = 2.0
    with pytest.raises(
        StorageError, match=r"drive.log: cannot be written: No space left.*1 frames"
    ) as raised:
        recorder.tick()
    assert raised.value.exit_code == 74


def test_of_candump_a_kill_costs_a_second(tmp_path: Path) -> None:
    clock = Clock()
    clock.now_s = 100.0
    recorder = Recorder(tmp_path / "drive.log", clock)
    recorder.write(MESSAGES[0])
    for now_s, frames in ((100.9, 0), (101.0, 1)):
        clock.now_s = now_s
        recorder.tick()
        assert (tmp_path / "drive.log").read_bytes().count(b"\n") == frames
    recorder.write(MESSAGES[1])
    for now_s, frames in ((101.9, 1), (102.0, 2)):
        clock.now_s = now_s
        recorder.tick()
        assert (tmp_path / "drive.log").read_bytes().count(b"\n") == frames
    recorder.close()


def test_numbers_go_on_after_the_highest_of_files_of_this_name_and_ending(tmp_path: Path) -> None:
    for name in ("bus-000003.log", "bus-000007.log", "bus-000011.blf", "bus-last.log", "other-000012.log"):
        (tmp_path / name).touch()
    recorder = Recorder(tmp_path / "bus.log", Clock(), rotate_s=10.0)
    assert [file.name for file in recorder.files] == ["bus-000008.log"]
    recorder.close()
    assert not (tmp_path / "bus-000008.log").exists(), "it holds no frame"
