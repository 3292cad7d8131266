"""Ten hours of a full bus with 250 kbit/s through the follower, as fast as it goes."""

import os
from pathlib import Path

import pytest

from benchmarks.charging import FRAMES_PER_S
from benchmarks.followed import CHARGE_LOG, FollowedCharge
from tests.support.charges import played_charge

HOURS = 10
MOST_GROWTH_BYTES = 256 * 1024


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.long
def test_ten_hours_of_a_full_bus_are_followed_in_constant_memory(tmp_path: Path) -> None:
    """The same charge again and again: each ends the one before."""
    log = tmp_path / CHARGE_LOG
    played_charge("40").write_log(log)
    charge = FollowedCharge(log)
    charge.follow()
    before = resident_bytes()
    for _ in range(HOURS * 3600 * FRAMES_PER_S // charge.frames + 1):
        charge.follow()
    assert resident_bytes() - before < MOST_GROWTH_BYTES
