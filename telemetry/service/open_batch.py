"""The open batch: lines until they are closed and handed to the store, with the accounts as of their end.

Promises:
- It is closed at 5,000 lines, 2 MiB or after a second, whichever comes first, and always between two
  deliveries, so that its positions and its accounts are exact.
- What a live source has delivered is kept from a death of this process at once, with the accounts as of that
  delivery.
- A batch that may hold a point of an earlier one (`LineBuffer.overlaps`) is ordered, so that the last frame's
  value stays.
- Rows that replace earlier ones by design (charging sessions) close the batch: they go before it, in a batch
  of their own, so that the others need not be ordered.

Relies on one thread calling it.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from telemetry_core.text.lines import LineBuffer

from telemetry.clock import Clock
from telemetry.ledger import Counters, Ledger
from telemetry.spool.batch import EncodedBatch, Series, TimeBase
from telemetry.spool.compress import compress

BATCH_LINES = 5000
BATCH_BYTES = 2 * 1024 * 1024
BATCH_AGE_S = 1.0
KEEP_EVERY_S = 0.02  # at most: many sources, or one whose frames hardly gather, cost no more than this often

REFUSED_S = 1.0  # until it is tried again, where it was not kept: a commit is to come first


class BatchStore(Protocol):
    """Store batches, as the spool does. keeps: whether there is anywhere that `keep` could."""

    keeps: bool

    def keep(
        self,
        lines: LineBuffer,
        *,
        accounts: Counters,
        positions: Mapping[str, int],
        boot_id: str,
        state: Mapping[str, bytes],
        replacing: LineBuffer,
    ) -> bool: ...

    def append(
        self,
        batch: EncodedBatch,
        *,
        accounts: Counters,
        positions: Mapping[str, int],
        state: Mapping[str, bytes],
        replacing: EncodedBatch | None,
    ) -> None: ...

    def commit(self) -> None: ...

    def commit_due(self) -> bool: ...


class OpenBatch:
    """Takes lines, and rows that replace earlier ones in `replacing`."""

    def __init__(
        self,
        store: BatchStore,
        ledger: Ledger,
        clock: Clock,
        positions: Mapping[str, int],
        state: Callable[[], Mapping[str, bytes]],
    ) -> None:
        """Be empty. positions: of frames of logs; state: returns what a start is to know."""
        self.lines = LineBuffer()
        self.replacing = LineBuffer(256)
        self.positions = dict(positions)
        self.time_base = TimeBase.UNIX
        self.is_live = False  # something cannot be read again
        self.has_news = False  # besides lines, since it was kept
        self._store, self._ledger, self._clock, self._state = store, ledger, clock, state
        self._opened_s = self._keep_at_s = clock.monotonic_s()
        self._kept_bytes = 0

    def switch(self, time_base: TimeBase) -> None:
        """Let stamps of lines count from there from now on."""
        if time_base is not self.time_base:
            self.cut()
            self.time_base = time_base

    def tick(self) -> None:
        """Close it when it is old, keep what is new, and commit when that is due."""
        now_s = self._clock.monotonic_s()
        if not self.lines.lines:
            self._opened_s = now_s
        if now_s - self._opened_s >= BATCH_AGE_S:
            self.commit()  # what is so old waits no longer
            return
        if now_s >= self._keep_at_s and self._keep():
            self._keep_at_s = now_s + (REFUSED_S if self._is_new else KEEP_EVERY_S)
        if self._store.commit_due():
            self._store.commit()

    def wait_s(self, most_s: float) -> float:
        """Return how long the next `tick` may wait: `most_s`, or less while something is to be kept."""
        return min(most_s, max(0.0, self._keep_at_s - self._clock.monotonic_s())) if self._is_new else most_s

    def cut_if_due(self) -> None:
        """Close it if it is large, or has rows that replace earlier ones."""
        if self.lines.lines >= BATCH_LINES or len(self.lines) >= BATCH_BYTES or self.replacing.lines:
            self.cut()

    def commit(self) -> None:
        """Close it, and commit all that the store has."""
        self.cut()
        self._store.commit()

    def cut(self) -> None:
        """Close it, and hand it to the store."""
        self._opened_s = self._clock.monotonic_s()
        if not self.lines.lines and not self.replacing.lines:
            return
        accounts, state = self._keep() or (self._ledger.snapshot(), self._state())
        replacing = self._batch(self.replacing) if self.replacing.lines else None
        batch = self._batch(self.lines) if self.lines.lines else replacing
        self.replacing.clear()
        self.lines.clear()
        self._kept_bytes = 0
        if batch is not None:
            self._store.append(
                batch,
                accounts=accounts,
                positions=self.positions,
                state=state,
                replacing=None if replacing is batch else replacing,
            )
        if self._store.commit_due():
            self._store.commit()

    def _batch(self, lines: LineBuffer) -> EncodedBatch:
        return EncodedBatch(
            payload=compress(lines),
            points=lines.lines,
            first_ns=lines.first_ns,
            last_ns=lines.last_ns,
            ordered=lines.overlaps,
            time_base=self.time_base,
            boot_id=self._boot_id,
            series=Series.SESSIONS if lines is self.replacing else Series.OTHERS,
            urgent=lines.urgent,
        )

    @property
    def _boot_id(self) -> str:
        return self._clock.boot_id() if self.time_base is TimeBase.BOOT else ""

    @property
    def _is_new(self) -> bool:
        return self._store.keeps and self.is_live and (self.has_news or len(self.lines) != self._kept_bytes)

    def _keep(self) -> tuple[Counters, Mapping[str, bytes]] | None:
        """Let the store keep it as it is. Accounts and state as of now; None: nothing is new."""
        if not self._is_new and not (self.is_live and self.replacing.lines):
            return None
        accounts, state = self._ledger.snapshot(), self._state()
        is_kept = self._store.keep(
            self.lines,
            accounts=accounts,
            positions=self.positions,
            boot_id=self._boot_id,
            state=state,
            replacing=self.replacing,
        )
        if is_kept:
            self._kept_bytes, self.has_news = len(self.lines), False
        return accounts, state
