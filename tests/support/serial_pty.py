"""A serial device of a test: a real pty behind a symbolic link, as udev puts one in /dev/serial/by-id."""

import os
import pty
import select
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from firmware_sim.links.serial_line import SerialLine, SerialLines
from tests.support.background import repeated

DEADLINE_S = 60.0
REQUEST_BYTES = 7
PAUSE_S = 0.02


class PtyDevice:
    """The far end of the port at `link`. Unplugging hangs up; plugging in again takes another pty."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self._far: int | None = None
        self._near: int | None = None
        self.plug_in()

    def plug_in(self, *, other_than: Path | None = None) -> None:
        """Open a new pty, never `other_than`, and lead the link to it."""
        taken = [pty.openpty()]
        while Path(os.ttyname(taken[-1][1])) == other_than:
            taken.append(pty.openpty())
        self._far, self._near = taken.pop()
        for descriptor in (one for pair in taken for one in pair):
            os.close(descriptor)
        tty.setraw(self._near)
        fresh = self.link.with_name(self.link.name + ".new")
        fresh.symlink_to(os.ttyname(self._near))
        fresh.replace(self.link)

    def unplug(self, *, keep_link: bool = False) -> None:
        """Close the pty and remove the link with it, unless udev is slow."""
        if not keep_link:
            self.link.unlink(missing_ok=True)
        self._close()

    def _close(self) -> None:
        for descriptor in (self._near, self._far):
            if descriptor is not None:
                os.close(descriptor)
        self._near = self._far = None

    def fileno(self) -> int:
        """Return the descriptor of the device's end."""
        assert self._far is not None
        return self._far

    def write(self, data: bytes) -> None:
        """Bytes from the device."""
        os.write(self.fileno(), data)

    def read(self, count: int) -> bytes:
        """`count` bytes that were sent to the device."""
        data = b""
        while len(data) < count:
            ready, _, _ = select.select([self], [], [], DEADLINE_S)
            assert ready, f"only {data!r} came"
            data += os.read(self.fileno(), count - len(data))
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()


@contextmanager
def answering(descriptor: int, answer: Callable[[bytes], bytes]) -> Iterator[None]:
    """Run a thread that sends `answer(request)` for each JBD device's request on `descriptor`."""
    stop = os.eventfd(0)

    def serve() -> None:
        pending = b""
        while stop not in (ready := select.select([descriptor, stop], [], [])[0]):
            assert ready
            pending += os.read(descriptor, 4096)
            while len(pending) >= REQUEST_BYTES:
                os.write(descriptor, answer(pending[:REQUEST_BYTES]))
                pending = pending[REQUEST_BYTES:]

    yield from _beside(serve, lambda: os.eventfd_write(stop, 1))
    os.close(stop)


@contextmanager
def talking(descriptor: int, say: Callable[[], bytes]) -> Iterator[None]:
    """Run a thread that sends what `say` gives, again and again."""
    stop = threading.Event()

    def talk() -> None:
        while not stop.wait(PAUSE_S):
            os.write(descriptor, say())

    yield from _beside(talk, stop.set)


def _beside(serve: Callable[[], None], stop: Callable[[], object]) -> Iterator[None]:
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join()


@contextmanager
def served(line: SerialLine) -> Iterator[None]:
    """Serve a simulated line on its pseudo-terminal, until the end."""
    lines = SerialLines([line], lambda: 0)
    lines.open()
    try:
        with repeated(lambda: lines.wait(0.01)):
            yield
    finally:
        lines.close()
