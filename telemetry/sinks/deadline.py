"""One thread that ends what takes too long, for as long as a sink lives.

Promises:
- `start` starts the thread or says why it cannot; nothing that comes later needs another thread.
- The thread ends a limited block once, at its time, and never after the block was left.
- It limits one block at a time.

Relies on the machine's own clock: what it guards waits for a real socket.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from math import inf

from telemetry.threads import start

_END_S = 1.0  # for the thread to end after `close`


class RequestDeadline:
    """`limit` belongs to one thread at a time."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due_s = inf  # monotonic
        self._end: Callable[[], None] = _nothing
        self._wakes_s = inf  # when the thread looks again by itself
        self._closed = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, unless it runs. Raises UnavailableError where the system grants none."""
        if self._thread is None:
            self._closed = False
            thread = threading.Thread(target=self._run, name="sink-deadline", daemon=True)
            start(thread)
            self._thread = thread

    @contextlib.contextmanager
    def limit(self, seconds: float, end: Callable[[], None]) -> Iterator[None]:
        """Call `end` from the thread if the block takes longer than `seconds`. It must return at once."""
        with self._changed:
            self._due_s, self._end = time.monotonic() + seconds, end
            if self._due_s < self._wakes_s:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._due_s, self._end = inf, _nothing

    def close(self) -> None:
        """End the thread; `start` may start another."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(_END_S)
            self._thread = None

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                left_s = self._due_s - time.monotonic()
                if left_s <= 0.0:
                    end, self._due_s = self._end, inf
                    end()
                    continue
                self._wakes_s = self._due_s
                self._changed.wait(None if left_s == inf else left_s)


def _nothing() -> None:
    pass
