"""A serial device that says what it said in a capture: to the same requests, or by itself at the same times.

Promises:

- A request that the capture has gets what followed it there, piece by piece. Asked again, it gets what
  followed the next time; after the last answer the first comes again.
- A capture without requests is played once, at its own times.
- Any other request gets no answer.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from math import inf
from typing import Protocol

from firmware_sim.faults.serial import LineFaults, SerialFaults
from firmware_sim.links.pty import PtyPort
from firmware_sim.links.serial_line import SerialLine, SerialLines
from firmware_sim.links.shared_line import Attached, SharedLine
from firmware_sim.units import S_NS

_NAP_S = 0.02


class CapturedBytes(Protocol):
    """Bytes that came in or went out together."""

    @property
    def time_ns(self) -> int: ...

    @property
    def is_received(self) -> bool: ...

    @property
    def data(self) -> bytes: ...


class RecordedLine:
    """The device's end of the line. pieces: of one port, in the order of the capture."""

    def __init__(self, pieces: Iterable[CapturedBytes]) -> None:
        self._answers: dict[bytes, list[list[bytes]]] = {}  # by request, in their order
        self._unasked: list[tuple[int, bytes]] = []  # ns after the first piece, what comes then
        self._received = b""
        self._given: dict[bytes, int] = {}
        first_ns: int | None = None
        answer: list[bytes] | None = None
        for piece in pieces:
            first_ns = piece.time_ns if first_ns is None else first_ns
            if not piece.is_received:
                answer = []
                self._answers.setdefault(piece.data, []).append(answer)
            elif answer is not None:
                answer.append(piece.data)
            else:
                self._unasked.append((piece.time_ns - first_ns, piece.data))
        self._requests = sorted(filter(None, self._answers), key=len, reverse=True)
        if self._requests:
            self._unasked.clear()  # the end of an answer to what was asked before the capture began
        self._said = 0

    @property
    def is_asked(self) -> bool:
        """Return whether it answers requests; otherwise it talks by itself."""
        return bool(self._requests)

    @property
    def is_over(self) -> bool:
        """Return whether it talks by itself and has said everything."""
        return not self.is_asked and self._said == len(self._unasked)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the answers to the requests that are whole by now."""
        self._received += data
        said: list[bytes] = []
        at = 0
        while at < len(self._received):
            request = next((one for one in self._requests if self._received.startswith(one, at)), None)
            if request is not None:
                said += self._answer(request)
                at += len(request)
                self._received, at = self._received[at:], 0
            elif any(one.startswith(self._received[at:]) for one in self._requests):
                break
            else:
                at += 1
        self._received = self._received[at:]
        return said

    def due(self, until_ns: int) -> list[bytes]:
        """Return what it says by itself up to this time after its beginning, and did not yet."""
        begin = self._said
        while self._said < len(self._unasked) and self._unasked[self._said][0] <= until_ns:
            self._said += 1
        return [data for _, data in self._unasked[begin : self._said]]

    def forget(self) -> None:
        """Drop a request that is not whole: the line was broken."""
        self._received = b""

    def _answer(self, request: bytes) -> list[bytes]:
        answers = self._answers[request]
        number = self._given.get(request, 0)
        self._given[request] = number + 1
        return answers[number % len(answers)]


def play_recorded(
    device: RecordedLine,
    port: PtyPort,
    stopped: Callable[[], bool],
    *,
    scale: float = 1.0,
    duration_s: float = inf,
) -> None:
    """Put the device on a port until stopped, or so long, or until it has said all that it says by itself.

    What talks by itself begins once somebody listens. scale: how many times as fast as it was. Raises
    NotUsableError when the port's link cannot be made.
    """
    began_s = time.monotonic()
    heard_s: float | None = None

    def now_ns() -> int:
        return -1 if heard_s is None else round((time.monotonic() - heard_s) * scale * S_NS)

    line = SharedLine([Attached("capture", device, SerialFaults("capture", (), 0))])
    lines = SerialLines([SerialLine("capture", line, port, LineFaults("", (), (), 0))], now_ns)
    with closing(lines):
        lines.open()
        while not stopped() and time.monotonic() - began_s < duration_s and not device.is_over:
            lines.wait(_NAP_S)
            if heard_s is None and port.is_heard:
                heard_s = time.monotonic()
        if not stopped():
            lines.drain()
