"""When rows stamped in two ways are on one time line."""

from telemetry.service.stamping import Stamping
from telemetry.spool.batch import TimeBase


def test_a_step_of_the_clock_or_another_base_ends_a_time_line() -> None:
    now = Stamping(TimeBase.BOOT, 5_000_000_000)
    for shift_ns, continues in (
        *((5_000_000_000, True), (5_500_000_000 - 1, True), (4_500_000_000 + 1, True)),
        *((5_500_000_000, False), (4_500_000_000, False), (-5_000_000_000, False)),
    ):
        assert now.continues(Stamping(TimeBase.BOOT, shift_ns)) == continues
    assert not now.continues(Stamping(TimeBase.UNIX, 5_000_000_000))
