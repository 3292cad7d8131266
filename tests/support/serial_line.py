"""A serial line in simulated time: a JBD battery that is asked, or a VE.Direct charger that talks, at the far
end, an adapter that is pulled out now and then, bytes that get lost. Hours of it take seconds, and what came
over it whole is known."""

import errno
import math
import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from telemetry.protocols.serial.vedirect import CHARGER
from telemetry.sources.stop import StopSignal
from tests.support.clock import FakeClock
from tests.support.framing import vedirect_block

BASIC, CELLS, MODEL = 0x03, 0x04, 0x05
BLOCK_EVERY_S = 1.05  # so that no silence between two blocks is about 10 s or 60 s long
ANSWERS_AFTER_S = 0.03
DATA_BYTES = {BASIC: 31, CELLS: 34, MODEL: 12}


def request(register: int) -> bytes:
    return bytes([0xDD, 0xA5, register, 0]) + (-register & 0xFFFF).to_bytes(2, "big") + b"\x77"


def reply(register: int, data: bytes) -> bytes:
    """Return a JBD reply, whose check is the negated sum of status, length and data."""
    check = -(len(data) + sum(data)) & 0xFFFF
    return bytes([0xDD, register, 0, len(data)]) + data + check.to_bytes(2, "big") + b"\x77"


def block(number: int) -> bytes:
    """Return a VE.Direct block that differs from all others by its voltage, in mV."""
    return vedirect_block({"PID": "0xA053", "V": str(number), "I": "7400", "CS": "3", "H19": "456"})


REGISTERS = {request(register): register for register in DATA_BYTES}


@dataclass(frozen=True, slots=True)
class Reply:
    """What the device said: the data of one register, or of a block (its number), as of `as_of_s`.

    wire_bytes: how many bytes of it came. arrived_s: when the last was read.
    """

    register: int
    data: bytes
    as_of_s: float
    wire_bytes: int
    arrived_s: float


_Ends = Callable[[int, float], Reply]  # of how many bytes came, and when the last was read


class Battery:
    """Answers each whole request with data that it never gives twice."""

    def __init__(self) -> None:
        self._count = 0

    def data(self, register: int) -> bytes:
        """Voltages count up, so that each answer differs from all others."""
        self._count += 1
        count = self._count.to_bytes(4, "big")
        if register == BASIC:
            head = bytes([0x19, 0xDF]) + b"\xf8\x24" + count + b"\x00\x02" + bytes(8)
            return head + bytes([0x12, 87, 3, 17, 4]) + b"\x0b\x98\x0b\xa9\x0b\x96\x0b\x97"
        if register == CELLS:
            return count + b"".join((3600 + cell).to_bytes(2, "big") for cell in range(15))
        return count + b"JBD-SP17"


@dataclass(slots=True)
class _Byte:
    """One byte on its way. ends: the reply that is whole once this byte is there."""

    at_s: float
    byte: int
    ends: Callable[[float], Reply] | None = None


@dataclass
class SimulatedLine:
    """A `SerialLink` in the time of `clock`.

    lost_share: of all bytes, both ways. outages: (from, to) in s, rising: the adapter is pulled out. ends_s:
    then `stop` is set. every_minute: is called once in each minute, between two reads. answers_after: how
    long the battery thinks. echoes: the adapter gives back what is sent. deaf_after_s: so long after it was
    opened the port reads nothing any more, without an error.
    """

    clock: FakeClock
    stop: StopSignal
    ends_s: float
    lost_share: float = 0.0
    outages: list[tuple[float, float]] = field(default_factory=list)
    every_minute: Callable[[], None] = lambda: None
    answers_after: Callable[[], float] = lambda: ANSWERS_AFTER_S
    echoes: bool = False
    deaf_after_s: float = math.inf
    seed: int = 20261125
    description: str = "simulated line"
    byte_s: float = 10 / 9600

    def __post_init__(self) -> None:
        self.whole: list[Reply] = []  # replies of which every byte arrived
        self.opened = 0
        self.read_bytes = 0
        self.requests = 0
        self._deaf_from_s = math.inf
        self._battery = Battery()
        self._chance = random.Random(self.seed)
        self._coming: list[_Byte] = []  # on their way to us
        self._outages = deque(self.outages)
        self._next_minute_s = 60.0

    @contextmanager
    def open(self, stop: StopSignal) -> Iterator["SimulatedLine"]:
        assert stop is self.stop
        self._look_at_clock()
        if self._is_pulled_out():
            raise OSError(errno.ENOENT, "there is no such port")
        self.opened += 1
        self._plugged_in()
        self._deaf_from_s = self.clock.monotonic_s() + self.deaf_after_s
        yield self

    def receive(self, timeout_s: float) -> bytes:
        """Return, as the adapter does, what has gathered since the first byte came."""
        now_s = self.clock.monotonic_s()
        until_s = now_s
        if timeout_s > 0:
            until_s += max(timeout_s, 0.001)
            self._talk(until_s)
            if self._coming and self._coming[0].at_s <= until_s:
                until_s = max(self._coming[0].at_s, now_s) + self._chance.choice([0.0, 0.005, 0.016])
        if now_s < self._outage_s()[0] <= until_s:
            until_s = self._outage_s()[0]
        self.clock.advance(until_s - now_s)
        self._look_at_clock()
        if self._is_pulled_out():
            raise OSError(errno.ENODEV, "the device is gone")
        return self._arrived()

    def _arrived(self) -> bytes:
        now_s = self.clock.monotonic_s()
        count = next((n for n, one in enumerate(self._coming) if one.at_s > now_s), len(self._coming))
        arrived, self._coming = self._coming[:count], self._coming[count:]
        if now_s >= self._deaf_from_s:
            return b""
        self.read_bytes += len(arrived)
        self.whole += [one.ends(now_s) for one in arrived if one.ends is not None]
        return bytes(one.byte for one in arrived)

    def send(self, data: bytes) -> None:
        if self._is_pulled_out():
            raise OSError(errno.ENODEV, "the device is gone")
        now_s = self.clock.monotonic_s()
        self.requests += 1
        if self.echoes:
            self._bring(data, now_s, None)
        register = REGISTERS.get(bytes(byte for byte in data if not self._is_lost()))
        if register is not None:
            as_of_s = now_s + len(data) * self.byte_s
            said = self._battery.data(register)
            message = reply(register, said)
            self._bring(message, as_of_s + self.answers_after(), partial(Reply, register, said, as_of_s))

    def _talk(self, until_s: float) -> None:
        """Bring what the device says by itself until then: nothing."""

    def _plugged_in(self) -> None:
        """Drop what was on its way."""
        self._coming.clear()

    def _bring(self, message: bytes, from_s: float, ends: _Ends | None) -> None:
        """Put a message on the line; `ends` comes with its last byte if none of it is lost."""
        if self._coming:
            from_s = max(from_s, self._coming[-1].at_s)
        left = self._left_of(message)
        arriving = [_Byte(from_s + (index + 1) * self.byte_s, byte) for index, byte in left]
        if ends is not None and len(left) == len(message):
            arriving[-1].ends = partial(ends, len(left))
        self._coming += arriving

    def _left_of(self, message: bytes) -> list[tuple[int, int]]:
        """Return the bytes that are not lost, and where they stood."""
        return [(index, byte) for index, byte in enumerate(message) if not self._is_lost()]

    def _is_lost(self) -> bool:
        return self._chance.random() < self.lost_share

    def _is_pulled_out(self) -> bool:
        return self._outage_s()[0] <= self.clock.monotonic_s()

    def _outage_s(self) -> tuple[float, float]:
        """Return the present outage, or the next one."""
        while self._outages and self._outages[0][1] <= self.clock.monotonic_s():
            self._outages.popleft()
        return self._outages[0] if self._outages else (math.inf, math.inf)

    def _look_at_clock(self) -> None:
        now_s = self.clock.monotonic_s()
        if now_s >= self._next_minute_s:
            self._next_minute_s = now_s + 60.0
            self.every_minute()
        if now_s >= self.ends_s:
            self.stop.set()


class TalkingLine(SimulatedLine):
    """A VE.Direct charger in place of the battery: a block every BLOCK_EVERY_S, even if nobody listens."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.byte_s = 10 / 19200
        self._blocks = 0

    def send(self, data: bytes) -> None:
        raise AssertionError(f"the charger was asked: {data.hex()}")

    def _talk(self, until_s: float) -> None:
        while (begins_s := (self._blocks + 1) * BLOCK_EVERY_S) <= until_s:
            self._blocks += 1
            message = block(self._blocks)
            number = self._blocks.to_bytes(4, "little")
            self._bring(message, begins_s, partial(Reply, CHARGER, number, begins_s))

    def _plugged_in(self) -> None:
        """Begin in the middle of a block: its rest is heard, and is not whole."""
        now_s = self.clock.monotonic_s()
        self._talk(now_s)
        self._coming = [one for one in self._coming if one.at_s > now_s]
        for one in self._coming:
            one.ends = None

    def _left_of(self, message: bytes) -> list[tuple[int, int]]:
        """Not what is neither good nor bad.

        Lost bytes that add up to 256, which a sum of 8 bits cannot see, and the loss of the first CR alone,
        which is no loss after a whole block.
        """
        while True:
            left = super()._left_of(message)
            is_seen = sum(byte for _, byte in left) % 256 and left != list(enumerate(message))[1:]
            if len(left) == len(message) or is_seen:
                return left
