"""Lines of a serial capture into files: rotated, whole, never over another file."""

import contextlib
import io
import os
from pathlib import Path

import pytest

from telemetry.capture.line_recorder import LineRecorder
from telemetry.errors import StorageError, UsageError

LINE = b"(1.000000) ttyUSB0 RX DD77\n"


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_each_line_is_in_the_file_as_soon_as_it_was_written(tmp_path: Path) -> None:
    recorder = LineRecorder(tmp_path / "bms.txt", Clock())
    for count in (1, 2, 3):
        recorder.write(LINE)
        assert (tmp_path / "bms.txt").read_bytes() == LINE * count
    recorder.close()
    assert (recorder.lines, recorder.files) == (3, [tmp_path / "bms.txt"])


def test_a_file_that_is_full_is_followed_by_the_next_number(tmp_path: Path) -> None:
    (tmp_path / "bms-000007.txt").write_bytes(b"earlier\n")
    recorder = LineRecorder(tmp_path / "bms.txt", Clock(), rotate_bytes=2 * len(LINE))
    for _ in range(5):
        recorder.write(LINE)
    recorder.close()
    names = ["bms-000008.txt", "bms-000009.txt", "bms-000010.txt"]
    assert [file.name for file in recorder.files] == names
    assert [(tmp_path / name).read_bytes().count(b"\n") for name in names] == [2, 2, 1]


def test_a_file_s_time_begins_with_its_first_line(tmp_path: Path) -> None:
    clock = Clock()
    recorder = LineRecorder(tmp_path / "bms.txt", clock, rotate_s=10.0)
    for now_s in (100.0, 109.0, 110.0, 119.9, 120.0):
        clock.now_s = now_s
        recorder.write(LINE)
    recorder.close()
    assert [file.read_bytes().count(b"\n") for file in recorder.files] == [2, 2, 1]


def test_no_file_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "bms.txt").write_bytes(b"mine\n")
    with pytest.raises(UsageError, match=r"bms\.txt: is there already"):
        LineRecorder(tmp_path / "bms.txt", Clock())
    assert (tmp_path / "bms.txt").read_bytes() == b"mine\n"


def test_a_folder_that_is_missing_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written: No such file or directory"):
        LineRecorder(tmp_path / "none" / "bms.txt", Clock())


def test_a_full_disk_is_one_line_with_what_was_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = LineRecorder(tmp_path / "bms.txt", Clock())
    recorder.write(LINE)
    monkeypatch.setattr("telemetry.capture.line_recorder.os.write", _no_room)
    with pytest.raises(StorageError, match=r"No space left on device \(1 lines were recorded in 1 files\)"):
        recorder.write(LINE)


def test_a_file_without_a_line_can_be_taken_away(tmp_path: Path) -> None:
    LineRecorder(tmp_path / "bms.txt", Clock()).discard()
    assert list(tmp_path.iterdir()) == []


def open_in(folder: Path) -> list[str]:
    """Return the files in it that this process has open."""
    links = []
    for file in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            links.append(file.readlink())
    return sorted(link.name for link in links if link.is_relative_to(folder))


def test_the_file_that_is_written_is_open_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = LineRecorder(tmp_path / "bms.txt", Clock(), rotate_bytes=len(LINE))
    for number in (1, 2, 3):
        recorder.write(LINE)
        assert open_in(tmp_path) == [f"bms-{number:06}.txt"]
    recorder.close()
    recorder.close()
    assert open_in(tmp_path) == []
    with monkeypatch.context() as full:
        recorder = LineRecorder(tmp_path / "other.txt", Clock())
        full.setattr("telemetry.capture.line_recorder.os.write", _no_room)
        with pytest.raises(StorageError):
            recorder.write(LINE)
    assert open_in(tmp_path) == []
    LineRecorder(tmp_path / "empty.txt", Clock()).discard()
    assert open_in(tmp_path) == []


def _no_room(_descriptor: int, _data: bytes) -> int:
    raise OSError(28, os.strerror(28))


def test_a_file_with_a_line_is_not_taken_away_and_one_that_has_gone_is_no_matter(tmp_path: Path) -> None:
    recorder = LineRecorder(tmp_path / "bms.txt", Clock())
    recorder.write(LINE)
    recorder.discard()
    assert (tmp_path / "bms.txt").read_bytes() == LINE
    gone = LineRecorder(tmp_path / "gone.txt", Clock())
    (tmp_path / "gone.txt").unlink()
    gone.discard()
    assert gone.files == []


def test_a_line_to_stdout_is_there_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    stdout = io.TextIOWrapper(io.BufferedWriter(written))
    monkeypatch.setattr("sys.stdout", stdout)
    recorder = LineRecorder(None, Clock())
    recorder.write(LINE)
    assert (written.getvalue(), recorder.lines) == (LINE, 1)
    recorder.discard()
    recorder.close()
    assert (recorder.files, recorder.lines) == ([], 1)
