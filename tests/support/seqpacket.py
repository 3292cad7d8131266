"""A simulator's end of a SEQPACKET socket that carries `struct can_frame`, one client at a time."""

import contextlib
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from firmware_sim.links.can import pack_frame

ACCEPT_TIMEOUT_S = 20.0
SEND_BUFFER_BYTES = 8 * 1024 * 1024


class FrameListener:
    """Listens at `path`; `accept` waits for the gateway."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._listener.settimeout(ACCEPT_TIMEOUT_S)
        self._client: socket.socket | None = None

    def accept(self) -> None:
        self._client, _ = self._listener.accept()
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
