"""One signal that ends every way in which a thread waits."""

import os
import threading
from collections.abc import Callable
from typing import Self


class StopSignal:
    """Stops threads wherever they wait: in `poll` (an eventfd), on an Event, or on a condition."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._listeners: list[Callable[[], None]] = []

    def set(self) -> None:
        """Stop, for good. May be called more than once and from any thread."""
        if self.event.is_set():
            return
        self.event.set()
        os.eventfd_write(self._fd, 1)
        for listener in tuple(self._listeners):
            listener()

    def is_set(self) -> bool:
        """Return whether to stop."""
        return self.event.is_set()

    def fileno(self) -> int:
        """Return a descriptor that is readable once the signal is set, for `poll`."""
        return self._fd

    def on_set(self, listener: Callable[[], None]) -> None:
        """Have `listener` called by `set`: for waits that neither the descriptor nor the Event can end."""
        self._listeners.append(listener)

    def remove_listener(self, listener: Callable[[], None]) -> None:
        """Undo `on_set`."""
        self._listeners.remove(listener)

    def close(self) -> None:
        """Give the descriptor back. Only when no thread uses the signal any more."""
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
