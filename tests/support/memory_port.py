"""A serial port in simulated time: at one end the simulator's lines, at the other one our source."""

import errno
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from firmware_sim.links.serial_line import SerialLines
from telemetry.sources.stop import StopSignal
from tests.support.clock import FakeClock

LEAST_S = 1e-4  # a wait of less than the clock counts would never end
ADAPTER_S = 0.06  # for which an adapter, and a busy machine, may gather bytes


class MemoryPort:
    """A `Port` of the simulator, and a `SerialLink` with the `SerialPort` that it opens.

    advanced: is called whenever time has passed. asked, read: are called with each request that is sent, and
    with all that is read.
    """

    description = "/dev/simulated"

    def __init__(
        self,
        clock: FakeClock,
        *,
        advanced: Callable[[], None] = lambda: None,
        asked: Callable[[bytes], None] = lambda _: None,
        read: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        self.plugged = False
        self.plugs = 0
        self.lines: SerialLines | None = None
        self._clock = clock
        self._advanced = advanced
        self._asked = asked
        self._read = read
        self._chance = random.Random(5)
        self._is_open = False
        self._is_gone = False
        self._to_devices = b""
        self._to_master = b""

    # -- the devices' end

    def plug_in(self) -> None:
        self.plugged = True
        self.plugs += 1

    def unplug(self) -> None:
        self.plugged = False
        self._is_gone = self._is_open
        self._to_devices = self._to_master = b""

    def fileno(self) -> int | None:
        return None

    def read(self) -> bytes:
        data, self._to_devices = self._to_devices, b""
        return data

    def write(self, data: bytes) -> bool:
        if not self._is_open or self._is_gone:
            return False
        self._to_master += data
        return True

    def unread_bytes(self) -> int:
        return len(self._to_master)

    # -- the source's end

    @contextmanager
    def open(self, stop: StopSignal) -> Iterator["MemoryPort"]:  # noqa: ARG002 - the clock ends it
        self._attend()
        if not self.plugged:
            raise OSError(errno.ENOENT, "there is no such port")
        self._is_open, self._is_gone = True, False
        try:
            yield self
        finally:
            self._is_open = False

    def send(self, data: bytes) -> None:
        self._check()
        self._asked(data)
        self._to_devices += data
        self._attend()

    def receive(self, timeout_s: float) -> bytes:
        """Return what comes until `timeout_s` is over, or what an adapter has gathered before."""
        until_s = self._clock.monotonic_s() + timeout_s
        self._attend()
        while not self._to_master and not self._is_gone:
            now_s = self._clock.monotonic_s()
            if now_s >= until_s:
                break
            due_s = self.lines.due_s() if self.lines is not None else None
            gathers_s = ADAPTER_S * self._chance.random()
            wait_s = until_s - now_s if due_s is None else min(due_s + gathers_s, until_s - now_s)
            self._clock.advance(max(wait_s, LEAST_S))
            self._attend()
        self._check()
        data, self._to_master = self._to_master, b""
        self._read(data)
        return data

    def _check(self) -> None:
        if self._is_gone:
            raise OSError(errno.ENODEV, "the device is gone")

    def _attend(self) -> None:
        assert self.lines is not None
        self.lines.attend()
        self._advanced()
