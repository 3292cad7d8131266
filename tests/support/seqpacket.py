"""A simulator's end of a SEQPACKET socket that carries `struct can_frame`, one client at a time."""

import contextlib
import socket
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from firmware_sim.links.can import pack_frame

ACCEPT_TIMEOUT_S = 60.0
SEND_BUFFER_BYTES = 8 * 1024 * 1024


class FrameListener:
    """Listens at `path`; `accept` waits for the gateway."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._client: socket.socket | None = None

    def accept(self, timeout_s: float = ACCEPT_TIMEOUT_S) -> None:
        """Wait for the gateway. Raises TimeoutError."""
        self._listener.settimeout(timeout_s)
        self._client, _ = self._listener.accept()
        self._client.settimeout(None)
        self._client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def send(self, frames: Iterable[tuple[int, bytes]]) -> int:
        """Send (id, data) pairs as fast as the gateway takes them; how many."""
        assert self._client is not None
        count = 0
        for id, data in frames:
            self._client.sendall(pack_frame(id, data))
            count += 1
        return count

    def send_bytes(self, message: bytes) -> None:
        """Send what need not be a frame."""
        assert self._client is not None
        self._client.sendall(message)

    def hang_up(self) -> None:
        """End the connection: the gateway sees its bus go."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        with contextlib.suppress(OSError):
            self._listener.close()


class Load:
    """Sends frames again and again, from a thread of its own, until it is asked to stop."""

    def __init__(self, listener: FrameListener, frames: Sequence[tuple[int, bytes]], every_s: float) -> None:
        self.sent = 0
        self._listener = listener
        self._frames = frames
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        """Stop sending, and return how many were sent in all."""
        self._stop.set()
        self._thread.join()
        return self.sent

    def _send(self) -> None:
        while not self._stop.wait(self._every_s):
            self.sent += self._listener.send(self._frames)
