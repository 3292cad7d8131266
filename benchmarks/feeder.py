"""A bus in the gateway's place of one: a SEQPACKET socket that carries `struct can_frame`, fed at an even
pace.

It blocks when the receiver does not keep up: no frame is ever lost in it, so a gateway that is too slow
shows as a lower rate. This works on any machine, with CAN or without, and costs both contenders the same.
"""

import ctypes
import fcntl
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Iterable
from pathlib import Path

SEND_BUFFER_BYTES = 4 * 1024 * 1024
CONNECT_TIMEOUT_S = 30.0


class Feeder:
    """Listens on `path`, takes one receiver, sends it frames."""

    def __init__(self, folder: Path) -> None:
        library = folder / "feeder.so"
        source = Path(__file__).parent / "feeder.c"
        subprocess.run(["gcc", "-O2", "-fPIC", "-shared", "-o", str(library), str(source)], check=True)
        self._library = ctypes.CDLL(str(library))
        self._library.feed.restype = ctypes.c_size_t
        self.path = folder / "bus.sock"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(self.path))
        self._listener.listen(1)
        self._listener.settimeout(CONNECT_TIMEOUT_S)
        self._receiver: socket.socket | None = None

    def __enter__(self) -> "Feeder":
        return self

    def __exit__(self, *_: object) -> None:
        if self._receiver is not None:
            self._receiver.close()
        self._listener.close()

    def accept(self) -> None:
        """Wait for the receiver."""
        receiver, _ = self._listener.accept()
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        receiver.setblocking(True)
        self._receiver = receiver

    def send(self, can_frames: bytes, frames_per_s: int) -> None:
        """Send all of an array of `struct can_frame`; 0 frames/s: as fast as they are taken."""
        assert self._receiver is not None
        count = len(can_frames) // 16
        period_ns = 1_000_000_000 // frames_per_s if frames_per_s else 0
        sent = self._library.feed(
            self._receiver.fileno(), can_frames, ctypes.c_size_t(count), ctypes.c_int64(period_ns)
        )
        assert sent == count, "the receiver closed its socket"

    def unread_bytes(self) -> int:
        """Return what the receiver has not taken yet (SIOCOUTQ, which is TIOCOUTQ)."""
        assert self._receiver is not None
        answer = fcntl.ioctl(self._receiver.fileno(), termios.TIOCOUTQ, bytes(4))
        return int.from_bytes(answer, sys.byteorder)


def send_side_by_side(feeders: Iterable[Feeder], can_frames: bytes, frames_per_s: int) -> None:
    """Send them to all at once, and return when all have sent them."""
    threads = [threading.Thread(target=feeder.send, args=(can_frames, frames_per_s)) for feeder in feeders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
