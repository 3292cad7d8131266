"""The spool's file operations, on the machine's disk and on the simulated one that other tests drive."""

import errno
import os
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from telemetry.spool.filesystem import FileSystem, append_all, read_file, replace_file
from tests.support.disk import PowerCutError, SimulatedDisk


@pytest.fixture(params=[FileSystem, SimulatedDisk])
def disk(request: pytest.FixtureRequest) -> FileSystem:
    made: FileSystem = request.param()
    return made


@pytest.fixture
def folder(disk: FileSystem, tmp_path: Path) -> Path:
    disk.make_directory(tmp_path / "spool")
    return tmp_path / "spool"


def write(disk: FileSystem, path: Path, content: bytes) -> None:
    descriptor = disk.create(path)
    append_all(disk, descriptor, content)
    disk.close(descriptor)


def test_a_file_grows_at_its_end_and_is_changed_in_place(disk: FileSystem, folder: Path) -> None:
    write(disk, folder / "a", b"0123")
    with pytest.raises(FileExistsError):
        disk.create(folder / "a")
    descriptor = disk.open_to_update(folder / "a")
    assert disk.write_at(descriptor, b"xy", 1) == 2
    assert (disk.read_at(descriptor, 9, 1), disk.read_at(descriptor, 2, 0)) == (b"xy3", b"0x")
    disk.close(descriptor)
    assert (disk.size(folder / "a"), read_file(disk, folder / "a")) == (4, b"0xy3")
    assert read_file(disk, folder / "a", 3) == b"0xy"


def test_a_name_leads_to_a_file_until_another_takes_its_place(disk: FileSystem, folder: Path) -> None:
    write(disk, folder / "old", b"old")
    write(disk, folder / "new", b"new")
    with ExitStack() as closing:
        descriptor = disk.open_to_read(folder / "old")
        closing.callback(disk.close, descriptor)
        assert disk.is_at(descriptor, folder / "old")
        disk.rename(folder / "new", folder / "old")
        assert not disk.is_at(descriptor, folder / "old")
        assert disk.read_at(descriptor, 9, 0) == b"old"
        assert (disk.names(folder), read_file(disk, folder / "old")) == (["old"], b"new")
        disk.unlink(folder / "old")
        assert not disk.is_at(descriptor, folder / "old")
        assert disk.names(folder) == []
    for use in (disk.open_to_read, disk.open_to_update, disk.size, disk.unlink):
        with pytest.raises(FileNotFoundError):
            use(folder / "old")


def test_a_file_moves_from_one_folder_to_another(disk: FileSystem, folder: Path) -> None:
    disk.make_directory(folder / "dead")
    write(disk, folder / "a", b"content")
    disk.rename(folder / "a", folder / "dead" / "b")
    assert "a" not in disk.names(folder)
    assert (disk.names(folder / "dead"), read_file(disk, folder / "dead" / "b")) == (["b"], b"content")


def test_a_folder_is_locked_once(disk: FileSystem, folder: Path) -> None:
    with ExitStack() as closing:
        closing.callback(disk.close, disk.lock(folder))
        with pytest.raises(BlockingIOError):
            disk.lock(folder)
    disk.close(disk.lock(folder))


def test_a_file_is_replaced_though_a_crash_has_left_a_draft(disk: FileSystem, folder: Path) -> None:
    write(disk, folder / "a.new", b"a longer draft")
    for content in (b"first", b"2nd"):
        replace_file(disk, folder / "a", content)
        assert (disk.names(folder), read_file(disk, folder / "a")) == (["a"], content)


class Unlucky:
    """A random generator by which a power cut takes everything that is not on the medium."""

    def random(self) -> float:
        return 1.0

    def randrange(self, *_: int) -> int:
        return 3


class Lucky(Unlucky):
    """Names are on the medium, and no content is."""

    def random(self) -> float:
        return 0.0


@pytest.mark.parametrize("chance", [Unlucky(), Lucky()])
def test_a_power_cut_leaves_the_old_file_or_the_new_one(chance: Unlucky) -> None:
    found = set()
    for operation in range(1, 20):
        disk, path = SimulatedDisk(), Path("/spool/a")
        disk.make_directory(path.parent)
        replace_file(disk, path, b"old")
        disk.cut_at = disk.operations + operation
        try:
            replace_file(disk, path, b"new")
        except PowerCutError:
            is_done = False
        else:
            is_done = True
        disk.cut_power(chance)  # type: ignore[arg-type]  # it uses no more of Random
        found.add((is_done, read_file(disk, path)))
    assert found >= {(False, b"old"), (True, b"new")}
    assert found <= {(False, b"old"), (False, b"new"), (True, b"new")}


def test_a_write_of_a_part_is_followed_by_the_rest_and_one_of_nothing_is_an_error() -> None:
    taken = bytearray()
    takes = [3, 1, 2]

    def append(_descriptor: int, data: memoryview) -> int:
        count = takes.pop(0) if takes else 0
        taken.extend(data[:count])
        return count

    disk = FileSystem()
    disk.append = append  # type: ignore[method-assign,assignment]  # to see each call
    append_all(disk, 7, b"012345")
    assert bytes(taken) == b"012345"
    with pytest.raises(OSError, match="wrote nothing") as caught:
        append_all(disk, 7, b"6")
    assert caught.value.errno == errno.ENOSPC


# -- what only a machine's disk has


def test_folders_are_made_with_their_parents_for_their_owner_alone(tmp_path: Path) -> None:
    disk, inner = FileSystem(), tmp_path / "a" / "b"
    disk.make_directory(inner)
    assert [oct(path.stat().st_mode & 0o777) for path in (inner, inner.parent)] == ["0o700", "0o700"]
    disk.make_directory(inner)  # it is there
    assert disk.is_private(inner)
    for mode in (0o710, 0o704):
        inner.chmod(mode)
        assert not disk.is_private(inner)
    disk.make_private(inner)
    assert inner.stat().st_mode & 0o777 == 0o700


def test_nothing_waits_for_a_pipe_and_no_link_is_followed(tmp_path: Path) -> None:
    disk = FileSystem()
    os.mkfifo(tmp_path / "pipe")
    disk.close(disk.open_to_read(tmp_path / "pipe"))
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    with pytest.raises(OSError, match="symbolic links") as caught:
        disk.open_to_read(tmp_path / "link")
    assert caught.value.errno == errno.ELOOP


def test_the_time_of_a_file_is_that_of_its_last_write(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    os.utime(tmp_path / "a", ns=(5_000, 1_700_000_000_123_456_789))
    assert FileSystem().modified_ns(tmp_path / "a") == 1_700_000_000_123_456_789


def test_what_is_free_is_what_a_process_without_privileges_may_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = SimpleNamespace(f_bavail=3, f_bfree=9, f_frsize=512, f_bsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda _: figures)
    assert FileSystem().free_bytes(tmp_path) == 1536


def test_a_sync_reaches_the_file_and_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[str, int]] = []
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, lambda fd, name=name: synced.append((name, os.fstat(fd).st_ino)))
    disk = FileSystem()
    disk.make_directory(tmp_path / "spool")
    descriptor = disk.create(tmp_path / "spool" / "a")
    disk.sync(descriptor)
    disk.close(descriptor)
    disk.sync_directory(tmp_path / "spool")
    assert synced == [
        ("fsync", tmp_path.stat().st_ino),  # which has the folder's name
        ("fdatasync", (tmp_path / "spool" / "a").stat().st_ino),
        ("fsync", (tmp_path / "spool").stat().st_ino),
    ]
