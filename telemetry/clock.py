"""Time, passed in: wall time for stamps, monotonic time for durations, boot time across suspends.

Every other module takes a `Clock` and never calls `time` itself, so that tests run in injected time: in a
class of their own that overrides every method.
"""

import ctypes
import threading
import time
from pathlib import Path

_ADJTIMEX_STRUCT_BYTES = 256  # struct timex is 208 bytes on LP64, less elsewhere; room to spare
_TIME_ERROR = 5  # adjtimex(2): clock not synchronised


class Clock:
    """The machine's own clocks."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None)  # the libc of this process
        self._boot_id = ""  # read once: later there may be no descriptor for it

    def unix_ns(self) -> int:
        """Return wall time, ns since 1970. It may jump."""
        return time.time_ns()

    def monotonic_s(self) -> float:
        """Return monotonic time. It never jumps and never goes back."""
        return time.monotonic()

    def boot_ns(self) -> int:
        """Return CLOCK_BOOTTIME: ns since boot, suspends included."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def boot_id(self) -> str:
        """Return 32 hex digits that differ after each boot."""
        if not self._boot_id:
            text = Path("/proc/sys/kernel/random/boot_id").read_text("ascii")
            self._boot_id = text.strip().replace("-", "")
        return self._boot_id

    def synchronised(self) -> bool:
        """Return whether the kernel's wall clock follows a reference (adjtimex(2))."""
        timex = ctypes.create_string_buffer(_ADJTIMEX_STRUCT_BYTES)  # modes = 0: read only
        return int(self._libc.adjtimex(timex)) not in (-1, _TIME_ERROR)

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Wait for `event`, `timeout_s` at most. Return whether it is set."""
        return event.wait(timeout_s)
