"""An RS485 line in simulated time: several boards on it, bytes that get lost, noise of others, an adapter
that is pulled out now and then. What came over it whole is known.
"""

import errno
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from telemetry.sources.stop import StopSignal
from tests.support.clock import FakeClock

BYTE_S = 10 / 9600
ANSWERS_AFTER_S = 0.03
LEAST_S = 1e-4  # a wait of less than the clock counts would never end


class BoardEnd(Protocol):
    """A device's end of the line."""

    def feed(self, data: bytes) -> list[bytes]:
        """Answers to what it has heard."""
        ...


@dataclass(slots=True)
class _Said:
    """One message of a board.

    is_whole: it answers the last request, no byte of it was lost, and none of others came between.
    """

    board: int
    data: bytes
    arrived: int = 0
    is_whole: bool = True


class SharedLine:
    """A `SerialLink`, and the port that it opens. whole: messages by board, in their order.
    heard: every byte that came over it.
    """

    description = "/dev/rs485"

    def __init__(
        self,
        boards: Sequence[BoardEnd],
        clock: FakeClock,
        stop: StopSignal,
        *,
        ends_s: float,
        lost_share: float = 0.0,
        noise_every_s: float | None = None,
        outages: Sequence[tuple[float, float]] = (),
        every_minute: Callable[[], None] = lambda: None,
    ) -> None:
        self.boards = list(boards)
        self._clock = clock
        self._stop = stop
        self._ends_s = ends_s
        self._lost_share = lost_share
        self._noise_every_s = noise_every_s
        self._outages = outages
        self._every_minute = every_minute
        self._minutes = 0
        self._chance = random.Random(16)
        self._coming: list[tuple[float, int, _Said | None]] = []  # in the order of time
        self._last: _Said | None = None  # whose byte was the last to arrive
        self._noise_s = noise_every_s or float("inf")
        self.whole: list[list[bytes]] = [[] for _ in boards]
        self.heard = bytearray()

    @contextmanager
    def open(self, stop: StopSignal) -> Iterator["SharedLine"]:  # noqa: ARG002 - as the protocol has it
        if self._is_out():
            self._tick()
            raise OSError(errno.ENOENT, "there is no such port")
        self._coming.clear()
        yield self

    def send(self, data: bytes) -> None:
        """Let all boards hear a request; they answer one after the other, in their order."""
        heard = bytes(byte for byte in data if self._chance.random() >= self._lost_share)
        at_s = self._clock.monotonic_s() + len(data) * BYTE_S + ANSWERS_AFTER_S
        for number, board in enumerate(self.boards):
            for answer in board.feed(heard):
                # The first byte of a request may complete an earlier one, to another board, which lost its
                # last. Nobody waits for that answer any more, and the source discards what comes late.
                said = _Said(number, answer, is_whole=answer[0] == data[0])
                for byte in answer:
                    at_s += BYTE_S
                    self._coming.append((at_s, byte, said))

    def receive(self, timeout_s: float) -> bytes:
        """Return what comes until `timeout_s` is over, or the first bytes if they come before."""
        now_s = self._clock.monotonic_s()
        self._make_noise(now_s + timeout_s)
        if self._coming and self._coming[0][0] <= now_s + timeout_s:
            last_s = self._coming[0][0] + 0.004 * self._chance.random()  # what an adapter gathers
            self._clock.advance(max(last_s - now_s, 0.0))
        else:
            self._clock.advance(max(timeout_s, LEAST_S) if timeout_s > 0.0 else 0.0)
        self._tick()
        if self._is_out():
            for _, _, said in self._coming:
                if said is not None:
                    said.is_whole = False
            self._coming.clear()
            raise OSError(errno.ENODEV, "the device is gone")
        arrived = bytearray()
        while self._coming and self._coming[0][0] <= self._clock.monotonic_s():
            _, byte, said = self._coming.pop(0)
            if said is not None and self._chance.random() < self._lost_share:
                said.is_whole = False
                continue
            arrived.append(byte)
            self._arrive(said)
        self.heard += arrived
        return bytes(arrived)

    def _arrive(self, said: _Said | None) -> None:
        if self._last is not None and said is not self._last and self._last.arrived < len(self._last.data):
            self._last.is_whole = False
        self._last = said
        if said is None:
            return
        said.arrived += 1
        if said.arrived == len(said.data) and said.is_whole:
            self.whole[said.board].append(said.data)

    def _make_noise(self, until_s: float) -> None:
        while self._noise_every_s is not None and self._noise_s <= until_s:
            noise = self._chance.randbytes(self._chance.randint(1, 12))
            self._coming += [(self._noise_s + n * BYTE_S, byte, None) for n, byte in enumerate(noise)]
            self._coming.sort(key=lambda one: one[0])
            self._noise_s += self._noise_every_s * (0.5 + self._chance.random())

    def _is_out(self) -> bool:
        now_s = self._clock.monotonic_s()
        return any(begin_s <= now_s < end_s for begin_s, end_s in self._outages)

    def _tick(self) -> None:
        while self._minutes * 60.0 <= self._clock.monotonic_s():
            self._minutes += 1
            self._every_minute()
        if self._clock.monotonic_s() >= self._ends_s:
            self._stop.set()
