"""Spoils the frames of the bus, as the faults of a scenario require, and counts what became of them.

Promises:

- The same faults, seed and frames give the same frames.
- A frame that no fault concerns passes unchanged.
- `sent` counts by message what went out with its id and its length, so that a reader can be compared with it.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from firmware_sim.faults import kinds
from firmware_sim.faults.kinds import BUS, Fault, PlacedFault
from firmware_sim.units import S_NS
from firmware_sim.wire.broadcast import Frame
from firmware_sim.wire.crc import crc8
from firmware_sim.wire.layout import CAN_EFF_FLAG, CAN_ERR_FLAG, SentMessage

_BUS_OFF, _RESTARTED = CAN_ERR_FLAG | 0x40, CAN_ERR_FLAG | 0x100  # linux/can/error.h
_ERROR_BYTES = 8
_UNKNOWN_IDS = (0x5A1, 0x6E0, 0x7DF, 0x1CFF0203 | CAN_EFF_FLAG)  # in no message of vehicle.dbc
_SHORT_BYTES = 3


class BusFaults:
    """All frames of the bus go through here."""

    def __init__(self, faults: Iterable[Fault], layouts: Mapping[str, SentMessage], seed: int) -> None:
        """Faults of batteries and lines are left out."""
        self._faults = [
            fault
            for fault in faults
            if isinstance(fault, kinds.BusOff)
            or (isinstance(fault, PlacedFault) and (fault.on == BUS or _is_on_bus(fault.on, layouts)))
        ]
        self._layouts = layouts
        self._by_id = {layout.arbitration_id: layout for layout in layouts.values()}
        self._draw = random.Random(f"{seed}/bus")
        self._bus_off = False
        self._counters: dict[str, int] = {}  # of messages whose counter stands still
        self._noise_ns = 0
        self.sent: Counter[str] = Counter(dict.fromkeys(layouts, 0))
        self.spoiled: Counter[str] = Counter()  # by what was done

    @property
    def frames_total(self) -> int:
        """Return the number of all frames that went out."""
        extra = ("error_frame", "unknown_id", "short_frame")
        return self.sent.total() + sum(self.spoiled[name] for name in extra)

    def silent(self, message: str, now_ns: int) -> bool:
        """Return whether this message reaches nobody."""
        return any(
            fault.window.active(now_ns)
            for fault in self._faults
            if isinstance(fault, kinds.BusOff)
            or (isinstance(fault, kinds.Silence) and _is_of(message, fault.on))
        )

    def through(self, frames: Iterable[Frame], until_ns: int) -> Iterator[Frame]:
        """Yield what is left of these frames, all of them before `until_ns`, and what comes in between."""
        if not self._faults:
            for frame in frames:
                self.sent[self._by_id[frame[1]].name] += 1
                yield frame
            return
        for at_ns, id, data in frames:
            yield from self._state(at_ns)
            yield from self._noise(at_ns)
            layout = self._by_id[id]
            if self.silent(layout.name, at_ns):
                self.spoiled["silenced"] += 1
                continue
            self.sent[layout.name] += 1
            yield at_ns, id, self._spoil(layout, data, at_ns)
        self._noise_ns = max(self._noise_ns, until_ns)

    def _state(self, now_ns: int) -> Iterator[Frame]:
        off = any(isinstance(fault, kinds.BusOff) and fault.window.active(now_ns) for fault in self._faults)
        if off != self._bus_off:
            self._bus_off = off
            self.spoiled["error_frame"] += 1
            yield now_ns, _BUS_OFF if off else _RESTARTED, bytes(_ERROR_BYTES)

    def _noise(self, now_ns: int) -> Iterator[Frame]:
        passed_s = max(now_ns - self._noise_ns, 0) / S_NS
        self._noise_ns = max(now_ns, self._noise_ns)
        for fault in self._faults:
            if isinstance(fault, kinds.Garbage) and fault.window.active(now_ns) and not self._bus_off:
                count = fault.per_s * passed_s
                for _ in range(int(count) + (self._draw.random() < count % 1.0)):
                    yield self._junk(now_ns)

    def _junk(self, now_ns: int) -> Frame:
        if self._draw.random() < 0.5:
            self.spoiled["unknown_id"] += 1
            return now_ns, self._draw.choice(_UNKNOWN_IDS), self._draw.randbytes(8)
        self.spoiled["short_frame"] += 1
        layout = self._draw.choice(list(self._layouts.values()))
        return now_ns, layout.arbitration_id, self._draw.randbytes(_SHORT_BYTES)

    def _spoil(self, layout: SentMessage, data: bytes, now_ns: int) -> bytes:
        for fault in self._faults:
            match fault:
                case kinds.CounterError(on=layout.name):
                    if fault.window.active(now_ns):
                        data = self._with_old_counter(layout, data)
                    else:
                        self._counters.pop(layout.name, None)
                case kinds.ChecksumError(on=layout.name, share=share) if fault.window.active(now_ns):
                    if self._draw.random() < share:
                        self.spoiled["checksum"] += 1
                        data = bytes((data[0] ^ self._draw.randrange(1, 256),)) + data[1:]
                case _:
                    pass
        return data

    def _with_old_counter(self, layout: SentMessage, data: bytes) -> bytes:
        """Return the frame with the counter of the last frame before; the checksum is right."""
        shift, start = layout.counter_shift, layout.checksum_start
        if shift is None or start is None:
            return data
        payload = int.from_bytes(data, "little")
        stands_at = self._counters.setdefault(layout.name, payload >> shift & 0xF)
        self.spoiled["counter"] += payload >> shift & 0xF != stands_at
        payload = payload & ~(0xF << shift) | stands_at << shift
        held = payload.to_bytes(len(data), "little")
        return bytes((crc8(held[1:], start),)) + held[1:]


def _is_on_bus(name: str, layouts: Mapping[str, SentMessage]) -> bool:
    return any(_is_of(message, name) for message in layouts)


def _is_of(message: str, name: str) -> bool:
    """Return whether a fault on `name` concerns this message: it is the message, or its node."""
    return message == name or message.startswith(f"{name}_")
