"""One serial line and the devices on it, as on an RS485 bus: each hears all, and those that are meant answer.

Promises:

- Bytes take the time of the line's rate, if it has one. Two that talk at the same time spoil each other's
  bytes, and a request that a device talks into is heard by nobody as it was.
- A device forgets half a request after a pause.
- What each device said is known, and what became of it.

Knows no port and no clock: times are passed in, in ns of a clock that never goes back.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from firmware_sim.faults.serial import SerialFaults
from firmware_sim.table import key
from firmware_sim.units import S_NS

FORGETS_AFTER_NS = 100_000_000
_BITS_A_BYTE = 10


class DeviceEnd(Protocol):
    """A device's end of a line, without the line."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return what it answers, message by message."""
        ...

    def due(self, until_ns: int) -> list[bytes]:
        """Return what it says by itself before this simulated time, and did not yet."""
        ...

    def forget(self) -> None:
        """Forget half a request: the line was broken."""
        ...


@dataclass(frozen=True, slots=True)
class Electrics:
    """How a line is. baud_rate: None: bytes take no time. echo: the adapter gives back what is sent."""

    baud_rate: int | None = key(None, least=50, most=4_000_000)
    answers_after_s: float = key(0.0, least=0.0, most=60.0)
    echo: bool = key(False)

    @property
    def byte_ns(self) -> int:
        return 0 if self.baud_rate is None else _BITS_A_BYTE * S_NS // self.baud_rate


@dataclass(frozen=True, slots=True)
class Attached:
    """A device on the line: its name, its end, and what goes wrong with what it says."""

    name: str
    end: DeviceEnd
    faults: SerialFaults


@dataclass(slots=True)
class Said:
    """One message of a device. request: the number of the request that it answers; 0: it was not asked.

    as_of_ns: when the device made it. is_whole: nothing has spoiled it on its way. is_heard: somebody had the
    port open all the time.
    """

    device: str
    message: bytes
    request: int
    as_of_ns: int
    is_whole: bool = True
    is_heard: bool = True


@dataclass(slots=True)
class ArrivedBytes:
    """Bytes that have arrived, of one message or of none. is_last: nothing of it is on its way any more."""

    data: bytes
    said: Said | None
    is_last: bool


@dataclass(slots=True, eq=False)
class _Sending:
    """The bytes on the line from `start_ns` on. heard: None: a byte that does not arrive."""

    start_ns: int
    byte_ns: int
    heard: list[int | None]
    said: Said | None = None
    arrived: int = 0

    @property
    def end_ns(self) -> int:
        return self.start_ns + len(self.heard) * self.byte_ns

    @property
    def next_ns(self) -> int:
        """Return when the next byte is there."""
        return self.start_ns + (self.arrived + 1) * self.byte_ns

    def within(self, begin_ns: int, end_ns: int) -> range:
        """Return which bytes are on the line at some time between."""
        if not self.byte_ns:
            return range(0)
        first = max((begin_ns - self.start_ns) // self.byte_ns, 0)
        return range(first, min(-(-(end_ns - self.start_ns) // self.byte_ns), len(self.heard)))

    def spoil(self) -> None:
        if self.said is not None:
            self.said.is_whole = False

    def until(self, now_ns: int) -> bytes:
        """Return the bytes that have arrived since."""
        count = len(self.heard) if now_ns >= self.start_ns else 0
        if self.byte_ns:
            count = min((now_ns - self.start_ns) // self.byte_ns, count)
        fresh, self.arrived = self.heard[self.arrived : count], max(count, self.arrived)
        return bytes(byte for byte in fresh if byte is not None)


class SharedLine:
    """The devices' end of the line."""

    def __init__(
        self,
        devices: Sequence[Attached],
        electrics: Electrics | None = None,
        *,
        seed: int = 1,
        said: Callable[[Said], None] = lambda _: None,
    ) -> None:
        """said: is called with each message that a device makes, before anything becomes of it."""
        self.devices = tuple(devices)
        self.requests = 0
        self._electrics = electrics or Electrics()
        self._byte_ns = self._electrics.byte_ns
        self._said = said
        self._sendings: list[_Sending] = []
        self._chance = random.Random(f"{seed}/collisions")
        self._heard_ns = 0

    def hear(self, data: bytes, line_ns: int, now_ns: int) -> None:
        """Take what the master sends from `line_ns` on; `now_ns` is the simulated time."""
        self.requests += 1
        request = _Sending(line_ns, self._byte_ns, [*data])
        self._put(request, comes_back=self._electrics.echo)
        heard = bytes(byte for byte in request.heard if byte is not None)
        if line_ns - self._heard_ns > FORGETS_AFTER_NS:
            self.forget()
        self._heard_ns = request.end_ns
        after_ns = request.end_ns + round(self._electrics.answers_after_s * S_NS)
        for device in self.devices:
            if answers := device.end.feed(heard):
                self._speak(device, answers, after_ns, now_ns, self.requests)

    def talk(self, line_ns: int, now_ns: int) -> None:
        """Let devices say what is due by themselves."""
        for device in self.devices:
            if said := device.end.due(now_ns):
                self._speak(device, said, line_ns, now_ns, 0)

    def disturb(self, noise: bytes, line_ns: int) -> None:
        """Put bytes on the line that nobody meant to send."""
        self._put(_Sending(line_ns, self._byte_ns, [*noise]))

    def arrived(self, line_ns: int) -> Iterator[ArrivedBytes]:
        """Yield what has come to the master by then, in order, and did not before."""
        if not self._sendings:
            return
        for sending in self._sendings:
            had = sending.arrived
            data = sending.until(line_ns)
            is_last = sending.arrived == len(sending.heard)
            if sending.arrived > had or is_last:
                yield ArrivedBytes(data, sending.said, is_last)
        self._sendings = [one for one in self._sendings if one.arrived < len(one.heard)]

    @property
    def next_ns(self) -> int | None:
        """Return when the next byte arrives; None: none is on its way."""
        return min((one.next_ns for one in self._sendings), default=None)

    def forget(self) -> None:
        """Let devices forget half a request: the line was broken, or silent."""
        for device in self.devices:
            device.end.forget()

    def cut(self) -> None:
        """Pull the adapter out: what is on its way arrives nowhere."""
        for sending in self._sendings:
            sending.spoil()
        self._sendings.clear()
        self.forget()

    def _speak(
        self, device: Attached, messages: Sequence[bytes], after_ns: int, now_ns: int, request: int
    ) -> None:
        """Put messages on the line one after the other, as faults leave them."""
        late_ns = device.faults.late_ns(now_ns) if request else 0
        start_ns = after_ns + late_ns
        for message in messages:
            said = Said(device.name, message, request, start_ns)
            self._said(said)
            left = device.faults.spoil(message, now_ns)
            said.is_whole = left == message
            sending = _Sending(start_ns, self._byte_ns, [*left], said)
            start_ns = sending.end_ns
            self._put(sending)

    def _put(self, sending: _Sending, *, comes_back: bool = True) -> None:
        """Put bytes on the line, in the order of time. comes_back: the master hears them."""
        for other in self._sendings:
            self._collide(other, sending)
        if not comes_back:
            return
        at = len(self._sendings)
        while at and self._sendings[at - 1].start_ns > sending.start_ns:
            at -= 1
        self._sendings.insert(at, sending)

    def _collide(self, one: _Sending, other: _Sending) -> None:
        """Spoil the bytes that both send at the same time: one is heard in place of two, which is neither."""
        both = one.within(other.start_ns, other.end_ns)
        if not both:
            return
        for place in both:
            one.heard[place] = self._chance.randrange(256)
        for place in other.within(one.start_ns, one.end_ns):
            other.heard[place] = None
        one.spoil()
        other.spoil()
