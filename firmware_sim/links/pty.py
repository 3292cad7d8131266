"""A simulated serial port: a pseudo terminal that a symbolic link, named by the user, points to.

Promises:

- `write` and `read` never wait and never raise for a port that nobody has open.
- Bytes sent while nobody has it open are gone, as on a real serial line.
- Nothing is sent before a reader has opened the port and discarded old bytes (pyserial does so unasked). So
  every byte sent can be expected of the reader.
- `unplug` removes port and link, even while they are in use. `plug_in` makes a new port under the same link.
- A file other than our own link is never replaced.

Relies on the packet mode of pseudo terminals (tty_ioctl(2), TIOCPKT), which reports what the other end does.
"""

import contextlib
import fcntl
import os
import select
import sys
import termios
import time
import tty
from pathlib import Path

from firmware_sim.errors import NotUsableError

_READ_BYTES = 4096
_SETTLE_S = 0.5  # for readers that throw nothing away and say nothing: they are heard later
_TERMINALS = "/dev/pts/"


class PtyPort:
    """The device's end. Opened by `plug_in`; close it with `unplug`."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self._master: int | None = None
        self._terminal = ""
        self._received = bytearray()
        self._opened_s: float | None = None  # when it was seen that somebody has it open
        self._settled = False  # nothing that is sent from now on is thrown away by opening

    @property
    def plugged(self) -> bool:
        return self._master is not None

    @property
    def is_heard(self) -> bool:
        """Return whether somebody has it open who is done with opening it."""
        return self.plugged and self._is_settled()

    def plug_in(self) -> None:
        """Make the port. Raises NotUsableError when the link cannot be made."""
        master, terminal = os.openpty()
        os.set_blocking(master, False)
        fcntl.ioctl(master, termios.TIOCPKT, (1).to_bytes(4, sys.byteorder))
        self._terminal = os.ttyname(terminal)
        os.close(terminal)  # so that only somebody else can have it open
        try:
            _point(self.link, self._terminal)
        except OSError as error:
            os.close(master)
            hint = "give a path where a symbolic link may be made"
            raise NotUsableError(
                f"cannot be linked to a port: {error.strerror or error}", where=str(self.link), hint=hint
            ) from error
        self._master = master
        self._forget()

    def unplug(self) -> None:
        """Pull it out: its reader gets an error or an end of file."""
        if self._master is None:
            return
        with contextlib.suppress(OSError):
            if self.link.readlink() == Path(self._terminal):
                self.link.unlink()
        os.close(self._master)
        self._master = None

    def fileno(self) -> int | None:
        """Return what to wait for bytes on; None while nobody has the port open, and none can come."""
        return self._master if self._open_elsewhere() else None

    def read(self) -> bytes:
        """Return what has come; empty: nothing."""
        if not self._open_elsewhere():
            return b""
        self._pull()
        data = bytes(self._received)
        self._received.clear()
        return data

    def write(self, data: bytes) -> bool:
        """Write. Return whether all of it went to an open port; what does not fit is lost."""
        if self._master is None or not self._is_settled():
            return False
        try:
            return os.write(self._master, data) == len(data)
        except OSError:  # nobody reads, or closed just now
            return False

    def unread_bytes(self) -> int:
        """Return the number of bytes written that the reader has not read yet."""
        if self._master is None or not self._open_elsewhere():
            return 0
        with contextlib.suppress(OSError):
            terminal = os.open(self._terminal, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            try:
                waiting = fcntl.ioctl(terminal, termios.FIONREAD, bytes(4))
                return int.from_bytes(waiting, sys.byteorder)
            finally:
                os.close(terminal)
        return 0

    def _open_elsewhere(self) -> bool:
        """Return whether somebody has it open. A terminal forgets its settings with its last user: it is
        made raw again for the next one."""
        if self._master is None:
            return False
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        if any(event & select.POLLHUP for _, event in poll.poll(0)):
            self._pull()
            self._forget()
            return False
        if self._opened_s is None and self._make_raw():
            self._opened_s = time.monotonic()
        return self._opened_s is not None

    def _is_settled(self) -> bool:
        """Return whether somebody has it open who is done with opening it."""
        if not self._open_elsewhere():
            return False
        if not self._settled:
            self._pull()
            self._settled |= self._opened_s is not None and time.monotonic() - self._opened_s > _SETTLE_S
        return self._settled

    def _pull(self) -> None:
        """Take what has come. In packet mode a read gives 0 and data, or what the other end did, as flags."""
        while self._master is not None:
            try:
                packet = os.read(self._master, _READ_BYTES)
            except OSError:  # nothing to read, or closed just now
                return
            self._received += packet[1:]
            self._settled |= len(packet) > 1 or bool(packet[0] & termios.TIOCPKT_FLUSHREAD)

    def _forget(self) -> None:
        """Forget the reader: nobody has it open."""
        self._received.clear()
        self._opened_s = None
        self._settled = False

    def _make_raw(self) -> bool:
        with contextlib.suppress(OSError):
            terminal = os.open(self._terminal, os.O_RDWR | os.O_NOCTTY)
            try:
                tty.setraw(terminal, termios.TCSANOW)
            finally:
                os.close(terminal)
            return True
        return False


def _point(link: Path, target: str) -> None:
    """Make `link`, in the place of a link to a terminal that is gone. Raises OSError."""
    if link.is_symlink() and str(link.readlink()).startswith(_TERMINALS):
        fresh = link.with_name(f".{link.name}.{os.getpid()}")
        fresh.symlink_to(target)
        fresh.replace(link)
    else:
        link.symlink_to(target)
