"""When rows stamped in two ways are on one time line."""

from telemetry.service.stamping import STEP_NS, Stamping
from telemetry.spool.batch import TimeBase


def test_a_step_of_the_clock_or_another_base_ends_a_time_line() -> None:
    now = Stamping(TimeBase.BOOT, 10 * STEP_NS)
    for shift_ns, continues in (
        *((10 * STEP_NS, True), (11 * STEP_NS - 1, True), (9 * STEP_NS + 1, True)),
        *((11 * STEP_NS, False), (9 * STEP_NS, False), (-10 * STEP_NS, False)),
    ):
        assert now.continues(Stamping(TimeBase.BOOT, shift_ns)) == continues
    assert not now.continues(Stamping(TimeBase.UNIX, 10 * STEP_NS))
