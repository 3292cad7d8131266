"""What the sink needs of the queue that feeds it. `telemetry.spool.Spool` has it; so has a list in tests."""

from typing import Protocol

from telemetry.spool.batch import Entry


class Queue(Protocol):
    """Batches on their way out. What was handed out is in flight until it is acknowledged or released."""

    def next_live(self) -> Entry | None:
        """Return the newest batch, unless it is ordered, settled or in flight."""
        ...

    def next_backlog(self) -> Entry | None:
        """Return the oldest batch but the newest, not in flight; an ordered one after all before it."""
        ...

    def restamped(self, sequence: int, shift_ns: int) -> None:
        """Note that a batch in flight counts from boot and is sent with `shift_ns` added to its stamps."""
        ...

    def refuse(self, sequence: int, lines: bytes, *, reason: str, words: str) -> None:
        """Make these lines of a batch in flight, as they were sent, dead letters."""
        ...

    def acknowledge(self, sequence: int) -> None:
        """Settle a batch: all its lines that were not refused are in the database."""
        ...

    def release(self, sequence: int) -> None:
        """Let a batch wait again that was not sent, or not as a whole."""
        ...

    def wait(self, timeout_s: float) -> bool:
        """Wait until batches arrive; False if none did in time."""
        ...

    def wake(self) -> None:
        """Let `wait` return now."""
        ...
