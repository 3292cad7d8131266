"""What goes on in a thread of its own while a test looks."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def repeated(work: Callable[[], object], pause_s: float = 0.0) -> Iterator[None]:
    """Do `work` again and again, with pauses, until the end; what it has begun it ends."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(pause_s):
            work()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
