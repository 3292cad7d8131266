"""What root makes in the folder of a service's user belongs to that user."""

import contextlib
import os
from pathlib import Path

import pytest

from telemetry.clock import SystemClock
from telemetry.databases.bus import BusDatabases
from telemetry.databases.plan_cache import load_plan
from telemetry.errors import StorageError
from telemetry.ownership import make_private_directory, opened_folder, own_folder, replace_in
from telemetry.sinks.boot_time import BootTime
from telemetry.spool import Spool, SpoolLimits
from telemetry.spool.deadletters import letter_names
from telemetry.spool.filesystem import RealFileSystem
from telemetry.spool.requeue import hand_over
from tests.support.spool import Feed

SERVICE = 12345
VEHICLE_DBC = Path(__file__).parents[2] / "firmware_sim" / "wire" / "vehicle.dbc"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of the service's user."""
    folder = tmp_path / "service"
    folder.mkdir(mode=0o700)
    os.chown(folder, SERVICE, SERVICE)
    return folder


def owners(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_uid for path in folder.rglob("*")}


def leave_a_dead_letter(folder: Path) -> None:
    spool = Spool(folder, clock=SystemClock(), limits=SpoolLimits(keep_free_bytes=0))
    Feed(spool).put()
    spool.commit()
    entry = spool.next_live()
    assert entry
    spool.refuse(entry.sequence, b"m v=0 1\n", reason="refused", words="no")
    spool.acknowledge(entry.sequence)
    spool.close()


@pytest.mark.optional
@as_root
def test_a_spool_that_root_drains_and_requeues_stays_the_services(folder: Path) -> None:
    leave_a_dead_letter(folder)
    (letter,) = letter_names(RealFileSystem(), folder / "dead")
    hand_over(RealFileSystem(), folder, letter, boot_time_ns=None)
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
    (letter,) = letter_names(RealFileSystem(), folder / "dead")
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
        hand_over(RealFileSystem(), folder, letter, boot_time_ns=None)
    with contextlib.suppress(StorageError):
        spool = Spool(folder, clock=SystemClock(), limits=SpoolLimits(keep_free_bytes=0))
        Feed(spool).put()
        BootTime(SystemClock(), folder, wait_for_clock=False).shift_ns()
        spool.close()
    assert {path.name: path.read_text() for path in outside.iterdir()} == {
        "acknowledged": "root's",
        "boot-time.json": "root's",
    }


def test_a_link_to_the_spool_that_its_own_user_made_is_followed(tmp_path: Path) -> None:
    """As systemd does for a DynamicUser: /var/lib/X is a link of root's to private/X."""
    (tmp_path / "private").mkdir()
    (tmp_path / "spool").symlink_to("private")
    spool = Spool(tmp_path / "spool", clock=SystemClock(), limits=SpoolLimits(keep_free_bytes=0))
    Feed(spool).put()
    spool.close()
    assert any(path.suffix == ".segment" for path in (tmp_path / "private").iterdir())


def test_a_link_in_a_segments_place_is_damage_and_not_read(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", clock=SystemClock(), limits=SpoolLimits(keep_free_bytes=0))
    Feed(spool).put()
    spool.close()
    (segment,) = (tmp_path / "spool").glob("*.segment")
    segment.rename(tmp_path / "elsewhere")
    segment.symlink_to(tmp_path / "elsewhere")
    again = Spool(tmp_path / "spool", clock=SystemClock(), limits=SpoolLimits(keep_free_bytes=0))
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
