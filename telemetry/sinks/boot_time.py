"""Whether the wall clock may be trusted, and what turns stamps that count from boot into wall time.

Promises:
- Once known, the time stays known for the rest of the boot.
- The shift stays the same to the nanosecond, in this process and, through a small file, in later ones. So a
  batch that is sent twice gets the same stamps twice.

Relies on the kernel's flag (adjtimex), which is cleared again after hours without a reference.
"""

import contextlib
import json
import threading
from pathlib import Path

from telemetry.clock import Clock
from telemetry.ownership import opened_folder, replace_in

FILE_NAME = "boot-time.json"


class BootTime:
    """The time base of this boot. May be asked from any thread."""

    def __init__(self, clock: Clock, directory: Path | None, *, wait_for_clock: bool) -> None:
        """Remember the shift in `directory`. wait_for_clock: do not trust the clock until it is set."""
        self._clock = clock
        self._file = directory / FILE_NAME if directory else None
        self._wait_for_clock = wait_for_clock
        self._lock = threading.Lock()  # the pipeline asks too
        self._shift_ns = remembered(directory, clock.boot_id()) if directory else None

    def known(self) -> bool:
        """Return whether the wall time is known."""
        return not self._wait_for_clock or self.shift_ns() is not None

    def shift_ns(self) -> int | None:
        """Return what to add to a stamp that counts from this boot; None while that is not known."""
        with self._lock:
            if self._shift_ns is None and (not self._wait_for_clock or self._clock.synchronised()):
                self._shift_ns = self._clock.unix_ns() - self._clock.boot_ns()
                self._remember(self._shift_ns)
            return self._shift_ns

    def _remember(self, shift_ns: int) -> None:
        if self._file is None:
            return
        content = json.dumps({"boot_id": self._clock.boot_id(), "shift_ns": shift_ns})
        # A disk that refuses: a restart may then stamp a little differently.
        with contextlib.suppress(OSError), opened_folder(self._file.parent) as folder:
            replace_in(folder, self._file.name, content.encode("ascii"))


def remembered(directory: Path, boot_id: str) -> int | None:
    """Return the shift of this boot that a service has left in the spool's folder; None: it has left none."""
    try:
        stored = json.loads((directory / FILE_NAME).read_bytes())
        if stored["boot_id"] == boot_id and type(stored["shift_ns"]) is int:
            return int(stored["shift_ns"])
    except (OSError, ValueError, LookupError, TypeError):
        pass  # not there, or torn by a crash: it is found again
    return None
