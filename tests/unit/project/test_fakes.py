"""What stands in for a clock and a disk in tests leaves nothing of the real one in place."""

import pytest

from telemetry.clock import Clock
from telemetry.spool.filesystem import FileSystem
from tests.support.clock import FakeClock
from tests.support.disk import SimulatedDisk


@pytest.mark.parametrize(("real", "fake"), [(Clock, FakeClock), (FileSystem, SimulatedDisk)])
def test_a_fake_overrides_all_that_the_real_one_does(real: type, fake: type) -> None:
    does = {name for name in vars(real) if not name.startswith("_")}
    assert len(does) > 5
    assert does - vars(fake).keys() == set()
