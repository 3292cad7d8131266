"""Commits in a thread of their own, so that a commit that hangs does not keep the pipeline from new data.

Promises:
- What is appended while a commit is in progress survives a death of the process, like everything before it.
- `commit` waits for the disk only when so much waits that more would not be kept.
- `finish` returns once all that was appended is on disk, or the disk has refused it.
- `hangs` shows a disk that hangs to the watchdog and to health.

Relies on one thread that appends, and on the spool doing its own locking. Before `start` it commits at once.
"""

import logging
import threading
from collections.abc import Callable

from telemetry.clock import Clock
from telemetry.spool.spool import Spool
from telemetry.threads import start

LOG = logging.getLogger("telemetry.service")

HANGS_S = 1.0  # a commit that takes longer is no progress


class Committer:
    """The spool, as the pipeline's thread uses it."""

    def __init__(self, spool: Spool, clock: Clock, on_failure: Callable[[Exception], None]) -> None:
        self._spool = spool
        self._clock = clock
        self._on_failure = on_failure
        self._changed = threading.Condition()
        self._asked = 0  # commits
        self._done = 0  # of those asked for
        self._began_s: float | None = None
        self._ends = False
        self._then: Callable[[], None] | None = None  # after the next commit
        self._thread = threading.Thread(target=self._run, name="disk", daemon=True)
        self.keeps, self.keep, self.append = (
            spool.keeps,
            spool.keep,
            spool.append,
        )  # for the thread that appends

    def start(self) -> None:
        """Begin. Raises UnavailableError when the system gives no thread."""
        start(self._thread)

    def commit_due(self) -> bool:
        """Return whether it is time for `commit`.

        While one is in progress: whether so much waits that `commit` waits.
        """
        if self._done != self._asked:
            return self._spool.is_behind()
        return self._spool.commit_due()

    def commit(self) -> None:
        """Ask the thread to commit all that was appended."""
        if not self._thread.is_alive():
            self._commit()
            return
        with self._changed:
            self._asked += 1
            self._changed.notify_all()
            asked = self._asked
            self._changed.wait_for(lambda: self._done >= asked or not self._spool.is_behind())

    def follow_with(self, act: Callable[[], None]) -> None:
        """Have all committed that was appended, and let the thread call `act` then; of several the last."""
        with self._changed:
            self._then = act
        self.commit()

    def _commit(self) -> None:
        with self._changed:  # before: a commit that has begun knows nothing of what was appended since
            act, self._then = self._then, None
        self._spool.commit()
        if act is not None:
            act()

    def finish(self) -> None:
        """Wait until what was appended has been committed."""
        with self._changed:
            self._changed.wait_for(lambda: self._done == self._asked or not self._thread.is_alive())

    def close(self) -> None:
        """Finish, and end the thread."""
        with self._changed:
            self._ends = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()

    def hangs(self) -> bool:
        """Return whether the commit in progress has taken long already."""
        began_s = self._began_s
        return began_s is not None and self._clock.monotonic_s() - began_s > HANGS_S

    def _run(self) -> None:
        self._remove_orphans()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._done < self._asked or self._ends)
                if self._done == self._asked:
                    return
                asked = self._asked
            self._began_s = self._clock.monotonic_s()
            try:
                self._commit()
            except Exception as error:  # noqa: BLE001 - whatever it is, the service must know that nothing is stored
                self._on_failure(error)
            self._began_s = None
            with self._changed:
                self._done = asked
                self._changed.notify_all()

    def _remove_orphans(self) -> None:
        """Remove what other spools have left: no start should wait for it, and their disks may hang."""
        self._began_s = self._clock.monotonic_s()
        try:
            self._spool.remove_orphans()
        except Exception:  # nothing of ours is lost, and commits must go on
            LOG.exception("what other spools have left in memory stays there")
        self._began_s = None
