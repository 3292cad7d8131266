"""A clock that tests move by hand."""

import threading

from telemetry.clock import Clock


class FakeClock(Clock):
    """Starts at `unix_ns`, does not move by itself; waiting moves it at once."""

    def __init__(self, unix_ns: int = 1_700_000_000_000_000_000) -> None:
        self._unix_ns = unix_ns
        self._elapsed_ns = 0
        self._boot_id = "0" * 32
        self.is_synchronised = True

    def unix_ns(self) -> int:
        return self._unix_ns + self._elapsed_ns

    def monotonic_s(self) -> float:
        return self._elapsed_ns / 1e9

    def boot_ns(self) -> int:
        return self._elapsed_ns

    def boot_id(self) -> str:
        return self._boot_id

    def synchronised(self) -> bool:
        return self.is_synchronised

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        if not event.is_set():
            self.advance(timeout_s)
        return event.is_set()

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self._elapsed_ns += round(seconds * 1e9)

    def step(self, seconds: float) -> None:
        """Let the wall clock jump, and nothing else."""
        self._unix_ns += round(seconds * 1e9)

    def reboot(self) -> None:
        """Start a new boot: boot time starts over."""
        self._unix_ns += self._elapsed_ns
        self._elapsed_ns = 0
        self._boot_id = f"{int(self._boot_id, 16) + 1:032x}"
