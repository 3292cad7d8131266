"""What root makes in the folder of a service's user belongs to that user."""

import contextlib
import os
from pathlib import Path

import pytest

from telemetry.clock import Clock
from telemetry.databases.bus import BusDatabases
from telemetry.databases.plan_cache import load_plan
from telemetry.errors import StorageError
from telemetry.ownership import (
    create_in,
    make_own_directories,
    make_private_directory,
    opened_folder,
    own_folder,
    read_own_file,
    replace_in,
)
from telemetry.sinks.boot_time import BootTime
from telemetry.spool import Spool, SpoolLimits
from telemetry.spool.deadletters import hand_over, letter_names
from telemetry.spool.filesystem import FileSystem
from tests.support.spool import Feed, newest

SERVICE = 12345
VEHICLE_DBC = Path(__file__).parents[2] / "firmware_sim" / "wire" / "vehicle.dbc"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder of the service's user."""
    folder = tmp_path / "service"
    folder.mkdir(mode=0o700)
    os.chown(folder, SERVICE, SERVICE)
    return folder


def owners(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_uid for path in folder.rglob("*")}


def leave_a_dead_letter(folder: Path) -> None:
    spool = Spool(folder, clock=Clock(), limits=SpoolLimits(keep_free_bytes=0))
    Feed(spool).put()
    spool.commit()
    entry = newest(spool)
    spool.refuse(entry.sequence, b"m v=0 1\n", reason="refused", words="no")
    spool.acknowledge(entry.sequence)
    spool.close()


@pytest.mark.optional
@as_root
def test_a_spool_that_root_drains_and_requeues_stays_the_services(folder: Path) -> None:
    leave_a_dead_letter(folder)
    (letter,) = letter_names(FileSystem(), folder / "dead")
    hand_over(FileSystem(), folder, letter, boot_time_ns=None)
    found = owners(folder)
    assert {"dead", "requeue", f"requeue/{letter}", "acknowledged"} <= found.keys()
    assert set(found.values()) == {SERVICE}


@pytest.mark.optional
@as_root
def test_root_keeps_no_plan_in_the_folder_of_another_user(folder: Path) -> None:
    (folder / "plans").mkdir(mode=0o700)
    os.chown(folder / "plans", SERVICE, SERVICE)
    for cache in (folder / "plans", folder / "new"):
        load_plan([BusDatabases("can0", (VEHICLE_DBC,))], cache)
    assert set(owners(folder)) == {"plans"}


@pytest.mark.optional
@as_root
def test_no_name_in_a_services_folder_leads_root_out_of_it(folder: Path, tmp_path: Path) -> None:
    """Its user puts links in the place of all that root's commands write there."""
    leave_a_dead_letter(folder)
    (letter,) = letter_names(FileSystem(), folder / "dead")
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("acknowledged", "boot-time.json"):
        victim = outside / name
        victim.write_text("root's")
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(victim)
        (folder / f"{name}.new").symlink_to(victim)
        (folder / f"{name}.{os.getpid()}.new").symlink_to(victim)
    (folder / "requeue").symlink_to(outside)
    for link in folder.iterdir():
        os.chown(link, SERVICE, SERVICE, follow_symlinks=False)

    with pytest.raises(OSError, match="symbolic link of another user"):
        hand_over(FileSystem(), folder, letter, boot_time_ns=None)
    with contextlib.suppress(StorageError):
        spool = Spool(folder, clock=Clock(), limits=SpoolLimits(keep_free_bytes=0))
        Feed(spool).put()
        BootTime(Clock(), folder, wait_for_clock=False).shift_ns()
        spool.close()
    assert {path.name: path.read_text() for path in outside.iterdir()} == {
        "acknowledged": "root's",
        "boot-time.json": "root's",
    }


def test_a_link_to_the_spool_that_its_own_user_made_is_followed(tmp_path: Path) -> None:
    """As systemd does for a DynamicUser: /var/lib/X is a link of root's to private/X."""
    (tmp_path / "private").mkdir()
    (tmp_path / "spool").symlink_to("private")
    spool = Spool(tmp_path / "spool", clock=Clock(), limits=SpoolLimits(keep_free_bytes=0))
    Feed(spool).put()
    spool.close()
    assert any(path.suffix == ".segment" for path in (tmp_path / "private").iterdir())


def test_a_link_in_a_segments_place_is_damage_and_not_read(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", clock=Clock(), limits=SpoolLimits(keep_free_bytes=0))
    Feed(spool).put()
    spool.close()
    (segment,) = (tmp_path / "spool").glob("*.segment")
    segment.rename(tmp_path / "elsewhere")
    segment.symlink_to(tmp_path / "elsewhere")
    again = Spool(tmp_path / "spool", clock=Clock(), limits=SpoolLimits(keep_free_bytes=0))
    assert again.counters()["points/damaged"] == 3
    again.close()


@pytest.mark.parametrize("mode", [0o770, 0o777, 0o1777])
def test_a_folder_that_others_may_write_to_is_not_ones_own(mode: int, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(mode)
    with pytest.raises(PermissionError, match="others may write"), own_folder(tmp_path / "shared"):
        pass


def test_a_draft_that_a_crash_or_somebody_left_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("as it was")
    (tmp_path / f"name.{os.getpid()}.new").symlink_to(tmp_path / "victim")
    with opened_folder(tmp_path) as opened:
        replace_in(opened, "name", b"content")
    assert (tmp_path / "victim").read_text() == "as it was"
    assert (tmp_path / "name").read_text() == "content"
    assert (tmp_path / "name").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["name", "victim"]


def test_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    for _ in range(2):
        make_private_directory(tmp_path / "new")
    status = (tmp_path / "new").stat()
    assert (status.st_mode & 0o777, status.st_uid) == (0o700, os.geteuid())


def test_folders_that_are_missing_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    for _ in range(2):
        make_own_directories(tmp_path / "a" / "b" / "c")
    modes = [path.stat().st_mode & 0o777 for path in sorted((tmp_path / "a").rglob("*"))]
    assert [(tmp_path / "a").stat().st_mode & 0o777, *modes] == [0o700, 0o700, 0o700]


def test_what_is_no_folder_and_links_that_lead_nowhere_are_refused_as_the_system_calls_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    for name, refused in (("file", NotADirectoryError), ("gone", FileNotFoundError), ("one", OSError)):
        with pytest.raises(refused), opened_folder(tmp_path / name):
            pass


def test_a_file_of_ones_own_is_read_up_to_its_limit_and_what_is_no_file_is_not(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "file").chmod(0o600)
    os.mkfifo(tmp_path / "pipe", 0o600)
    with opened_folder(tmp_path) as folder:
        assert read_own_file(folder, "file", 5) == b"12345"
        for name, limit_bytes in (("file", 4), ("pipe", 5)):
            with pytest.raises(OSError, match="no file of ours"):
                read_own_file(folder, name, limit_bytes)


def test_no_descriptor_and_no_draft_stays_after_any_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "taken").mkdir()
    (tmp_path / "link").symlink_to("real")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with opened_folder(tmp_path / "link") as folder:
        replace_in(folder, "name", b"content")
        with pytest.raises(IsADirectoryError):
            replace_in(folder, "taken", b"content")
    make_private_directory(tmp_path / "real" / "new")

    def refused(*_: object) -> None:
        raise PermissionError("not yours")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", refused)
    with opened_folder(tmp_path) as folder, pytest.raises(PermissionError):
        create_in(folder, "new")
    with pytest.raises(PermissionError):
        make_private_directory(tmp_path / "private")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert sorted(path.name for path in (tmp_path / "real").iterdir()) == ["name", "new", "taken"]


def test_an_own_folder_is_one_of_this_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with own_folder(tmp_path) as folder:
        assert os.fstat(folder).st_uid == os.geteuid()
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    with pytest.raises(PermissionError, match="another user's"), own_folder(tmp_path):
        pass


def test_nothing_is_made_in_the_folder_of_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() == 0:  # root's folders are everybody's to make their own in
        os.chown(tmp_path, SERVICE, SERVICE)
    other = SERVICE + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    make_own_directories(tmp_path)  # it is there
    with pytest.raises(PermissionError, match="a folder of another user"):
        make_own_directories(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
