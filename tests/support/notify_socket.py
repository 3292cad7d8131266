"""A service manager's end of NOTIFY_SOCKET: collects what a service sends."""

import socket
import time
from collections.abc import Callable
from typing import Self

DEADLINE_S = 60.0


class NotifySocket:
    """Listens at `address`: a path, or a name in the abstract space after an `@`."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.received: list[list[str]] = []

    def poll(self, timeout_s: float = 0.0) -> None:
        """Take what has come, waiting for the first of it."""
        self._socket.settimeout(timeout_s)
        try:
            while True:
                self.received.append(self._socket.recv(65536).decode().split("\n"))
                self._socket.settimeout(0.0)
        except (TimeoutError, BlockingIOError):
            return

    def wait_for(self, wanted: Callable[[list[str]], bool], what: str) -> list[str]:
        """Wait for the next message that `wanted` likes; the ones before it are passed over."""
        deadline_s = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline_s:
            while self.received:
                message = self.received.pop(0)
                if wanted(message):
                    return message
            self.poll(0.1)
        raise AssertionError(f"{what} was not sent in {DEADLINE_S} s")

    def wait_for_line(self, line: str) -> list[str]:
        """Wait for the next message with this line in it."""
        return self.wait_for(lambda message: line in message, line)

    def poll_until_silent(self, silence_s: float) -> None:
        """Until nothing has come for so long."""
        deadline_s = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline_s:
            self.received.clear()
            self.poll(silence_s)
            if not self.received:
                return
        raise AssertionError(f"never silent for {silence_s} s")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
