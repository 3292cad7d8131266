"""What root makes in the folder of a service's user belongs to that user."""

import os
from pathlib import Path

import pytest

from telemetry.clock import SystemClock
from telemetry.ownership import make_private_directory
from telemetry.protocols.databases import BusDatabases
from telemetry.protocols.plan_cache import load_plan
from telemetry.spool import Spool, SpoolLimits
from telemetry.spool.deadletters import letter_names
from telemetry.spool.filesystem import RealFileSystem
from telemetry.spool.requeue import hand_over
from tests.support.spool import Feed

SERVICE = 12345
VEHICLE_DBC = Path(__file__).parents[2] / "firmware_sim" / "vehicle.dbc"

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
def test_a_folder_of_plans_that_root_makes_is_the_services(folder: Path) -> None:
    load_plan([BusDatabases("can0", (VEHICLE_DBC,))], folder / "plans")
    assert owners(folder)["plans"] == SERVICE


def test_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    for _ in range(2):
        make_private_directory(tmp_path / "new")
    status = (tmp_path / "new").stat()
    assert (status.st_mode & 0o777, status.st_uid) == (0o700, os.geteuid())
