"""The machine's own clocks, against other ways to ask for the same."""

import ctypes
import threading
import time
from pathlib import Path

from telemetry.clock import Clock


def test_the_boot_has_the_kernels_own_number_in_32_digits() -> None:
    clock = Clock()
    said = Path("/proc/sys/kernel/random/boot_id").read_text("ascii")
    assert clock.boot_id() == clock.boot_id() == said.strip().replace("-", "")
    assert len(clock.boot_id()) == 32


def test_whether_the_wall_clock_follows_a_reference_is_what_the_c_library_says() -> None:
    timex = ctypes.create_string_buffer(256)
    state = ctypes.CDLL(None).ntp_adjtime(timex)
    assert Clock().synchronised() == (state in range(5))  # TIME_OK to TIME_WAIT; then TIME_ERROR


def test_the_clocks_are_those_of_the_kernel() -> None:
    clock = Clock()
    before = (time.time_ns(), time.monotonic(), time.clock_gettime_ns(time.CLOCK_BOOTTIME))
    now = (clock.unix_ns(), clock.monotonic_s(), clock.boot_ns())
    assert now[0] // 10**12 - before[0] // 10**12 in (0, 1)  # it may be set meanwhile
    assert now[1] >= before[1]
    assert now[2] >= before[2]


def test_a_wait_ends_with_its_event_and_says_whether_that_was_it() -> None:
    event = threading.Event()
    assert not Clock().wait(event, 0.0)
    event.set()
    assert Clock().wait(event, 60.0)
