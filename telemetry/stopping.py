"""SIGTERM, SIGINT and SIGHUP as calls from a thread of its own, and an end that waits for nobody.

Promises:

- `on_signal` is called within milliseconds, whatever the main thread does, and once for any number of
  signals.
- A process that is still there `limit_s` later ends, which costs what a kill costs.
- `on_hangup` is called for each SIGHUP until then.
- A SIGHUP because the process's terminal is gone ends the process like SIGTERM.
- One that comes within `hangups_wait` and before the watch is taken as soon as that begins.

The signals are blocked, and one thread takes them by `sigwait`. So the kernel never hands a signal to a
thread that sleeps in a disk that hangs, and no handler waits for a lock that it interrupts. While a start has
nothing to store, `interrupting` ends any wait of the main thread.

Relies on being entered before other threads are started: they inherit what is blocked. So do child processes,
which have to call `unblock`. What it cannot promise: a thread in uninterruptible sleep (state D) keeps its
process from ending, even by SIGKILL, until the kernel lets it go.
"""

import _thread
import contextlib
import errno
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Self

from telemetry.threads import start

SIGNALS = (signal.SIGTERM, signal.SIGINT)
LIMIT_S = 4.5
EXIT_STUCK = 75  # EX_TEMPFAIL
_LOG_S = 0.1
_NUDGE_EVERY_S = 0.02
_STDERR = 2
_NUDGE = signal.SIGRTMIN  # ours: sent to one thread, never to the process

LOG = logging.getLogger(__name__)


class SignalWatch:
    """A context manager for the main thread."""

    def __init__(
        self,
        on_signal: Callable[[], None],
        limit_s: float = LIMIT_S,
        on_hangup: Callable[[], None] | None = None,
    ) -> None:
        """Prepare; nothing is blocked yet. Without `on_hangup` SIGHUP keeps its meaning."""
        self._on_signal = on_signal
        self._on_hangup = on_hangup
        self._blocked = {*SIGNALS, _NUDGE} if on_hangup is None else {*SIGNALS, _NUDGE, signal.SIGHUP}
        self._limit_s = limit_s
        self._done = threading.Event()
        self._has_come = False
        self._interruptible: int | None = None  # the thread to interrupt, if any
        self._thread = threading.Thread(target=self._watch, name="signals", daemon=True)

    def __enter__(self) -> Self:
        """Block the signals and start the thread. Raises UnavailableError when the system gives no thread."""
        self._earlier = signal.pthread_sigmask(signal.SIG_BLOCK, self._blocked)
        try:
            start(self._thread)
        except BaseException:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._earlier)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread.ident is not None:
            signal.pthread_kill(self._thread.ident, _NUDGE)  # it ends by this alone, so it is there still
        self._thread.join()
        while signal.sigtimedwait(self._blocked, 0) is not None:
            pass  # it came while the first one was obeyed, or was our own
        signal.pthread_sigmask(signal.SIG_SETMASK, self._earlier)

    @contextlib.contextmanager
    def interrupting(self) -> Iterator[None]:
        """Let SIGTERM and SIGINT raise KeyboardInterrupt too, once, even if one has come already."""
        earlier = signal.signal(_NUDGE, self._interrupt)
        self._interruptible = threading.get_ident()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {_NUDGE})
        try:
            if self._has_come:
                raise KeyboardInterrupt
            yield
        finally:
            self._interruptible = None
            signal.pthread_sigmask(signal.SIG_BLOCK, {_NUDGE})
            signal.signal(_NUDGE, earlier)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._interruptible = None
        signal.pthread_sigmask(signal.SIG_BLOCK, {number})
        raise KeyboardInterrupt

    def _watch(self) -> None:
        while (number := signal.sigwait(self._blocked)) != _NUDGE or not self._done.is_set():
            if self._has_come or number == _NUDGE:
                continue
            if number == signal.SIGHUP and self._on_hangup is not None and not _terminal_is_gone():
                self._on_hangup()
                continue
            self._has_come = True
            self._on_signal()
            self._see_to_the_end()

    def _see_to_the_end(self) -> None:
        ends_s = time.monotonic() + self._limit_s
        while (left_s := ends_s - time.monotonic()) > 0.0:
            thread = self._interruptible
            if thread is not None:  # again and again: one that comes just before it waits does not wake it
                signal.pthread_kill(thread, _NUDGE)
            if self._done.wait(left_s if thread is None else min(left_s, _NUDGE_EVERY_S)):
                return
        self._give_up()

    def _give_up(self) -> None:
        """End the process, without waiting for any lock: its holder may never let go."""
        text = "still busy %g s after the signal: giving up what is not stored"
        with contextlib.suppress(RuntimeError):  # no thread is to be had: then without a word
            _thread.start_new_thread(LOG.error, (text, self._limit_s))
            time.sleep(_LOG_S)
        os._exit(EXIT_STUCK)


def _terminal_is_gone() -> bool:
    try:
        os.tcgetpgrp(_STDERR)
    except OSError as error:
        return error.errno == errno.EIO  # of one that was hung up; what never was one answers otherwise
    return False


@contextlib.contextmanager
def hangups_wait() -> Iterator[None]:
    """Let SIGHUP wait for a `SignalWatch`. One that none has taken by the end is forgotten."""
    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.sigtimedwait({signal.SIGHUP}, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)


def unblock() -> None:
    """Unblock all signals of a child process, which inherits what its parent has blocked."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
