"""SIGTERM, SIGINT and SIGHUP as calls from a thread of its own, and an end that does not depend on anybody.

Promises: `on_signal` is called within milliseconds whatever the main thread is doing (a handler in Python
would wait for the main thread's system call to return, and could deadlock on a lock that it interrupts), once
however many signals come; a process that is still there `limit_s` later is ended, which costs what a power
cut would cost. While a start has nothing to store, `interrupting` ends whatever the main thread waits for.
`on_hangup` is called for each SIGHUP until then; but a SIGHUP that comes because the terminal is gone, from
which the process was started, ends it like SIGTERM.
"""

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Self

SIGNALS = (signal.SIGTERM, signal.SIGINT)
LIMIT_S = 4.5
EXIT_STUCK = 75  # EX_TEMPFAIL
_STDERR = 2

LOG = logging.getLogger(__name__)


class SignalWatch:
    """A context manager for the main thread."""

    def __init__(
        self,
        on_signal: Callable[[], None],
        limit_s: float = LIMIT_S,
        on_hangup: Callable[[], None] | None = None,
    ) -> None:
        """on_hangup: None leaves SIGHUP what it is."""
        self._on_signal = on_signal
        self._on_hangup = on_hangup
        self._signals = SIGNALS if on_hangup is None else (*SIGNALS, signal.SIGHUP)
        self._has_terminal = os.isatty(_STDERR)
        self._limit_s = limit_s
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="signals", daemon=True)

    def __enter__(self) -> Self:
        self._earlier_fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._earlier = {number: signal.signal(number, _ignore) for number in self._signals}
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._done.set()
        for number, handler in self._earlier.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._earlier_fd)
        self._writer.close()
        self._thread.join()
        self._reader.close()

    @contextlib.contextmanager
    def interrupting(self) -> Iterator[None]:
        """In here SIGTERM and SIGINT raise KeyboardInterrupt too, once."""
        for number in SIGNALS:
            signal.signal(number, _interrupt)
        try:
            yield
        finally:
            _ignore_all()

    def _watch(self) -> None:
        while True:
            received = self._reader.recv(1)
            if not received:
                return  # over, and no signal has come that ends it
            if received[0] != signal.SIGHUP or self._on_hangup is None or self._terminal_is_gone():
                break
            self._on_hangup()
        self._on_signal()
        if not self._done.wait(self._limit_s):
            LOG.error("still busy %g s after the signal: giving up what is not stored", self._limit_s)
            os._exit(EXIT_STUCK)

    def _terminal_is_gone(self) -> bool:
        return self._has_terminal and not os.isatty(_STDERR)  # one that was hung up answers EIO


def _ignore_all() -> None:
    for number in SIGNALS:
        signal.signal(number, _ignore)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    _ignore_all()
    raise KeyboardInterrupt


def _ignore(number: int, frame: FrameType | None) -> None:
    """The byte that the interpreter has written to the socket tells."""
