"""Puts ECUs on the bus: which frame is due when, packed from the values of that moment.

Promises: frames come in the order of their time, at the periods and start delays of vehicle.dbc, counted in
simulated time from the ECU's start; alive counters and pages go on without a gap. Values are those of the
last tick. No clock and no bus here.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from firmware_sim.wire.layout import SentMessage, load_layouts

VEHICLE_DBC = Path(__file__).with_name("vehicle.dbc")

Values = Callable[[], Mapping[str, float]]  # gives the values of a message's signals
Frame = tuple[int, int, bytes]  # time in ns, arbitration id with CAN_EFF_FLAG, payload


class _Sender:
    """One message: its next frame, packed at most once a tick and page."""

    def __init__(self, layout: SentMessage, values: Values) -> None:
        self.layout = layout
        self.sent = 0
        self._values = values
        self._pages = tuple(layout.pages)
        self._packed: dict[int, int] = {}
        self._values_now: Mapping[str, float] | None = None

    def tick(self) -> None:
        """Forget what was packed: the values have changed."""
        self._packed.clear()
        self._values_now = None

    def next_payload(self) -> bytes:
        page = self._pages[self.sent % len(self._pages)]
        packed = self._packed.get(page)
        if packed is None:
            if self._values_now is None:
                self._values_now = self._values()
            packed = self._packed[page] = self.layout.pack(self._values_now, page)
        payload = self.layout.protect(packed, self.sent)
        self.sent += 1
        return payload


class Broadcast:
    """Messages of vehicle.dbc, as their ECUs send them from simulated time 0 on."""

    def __init__(self, messages: Mapping[str, Values]) -> None:
        """messages: what gives the values of each; a message that is not in it is not sent."""
        layouts = load_layouts(VEHICLE_DBC)
        self._senders = [_Sender(layouts[name], values) for name, values in messages.items()]
        self._cycle_ns = math.lcm(*(sender.layout.period_ns for sender in self._senders))
        due = (
            (at_ns, index)
            for index, sender in enumerate(self._senders)
            for at_ns in range(sender.layout.delay_ns, self._cycle_ns, sender.layout.period_ns)
        )
        self._due = sorted(due)  # one cycle, which repeats; delays are shorter than periods
        self._next = 0
        self._cycle_start_ns = 0

    def frames_until(self, end_ns: int) -> Iterator[Frame]:
        """Yield the frames that are due before `end_ns` and were not given yet, with the values of now."""
        for sender in self._senders:
            sender.tick()
        while True:
            offset_ns, index = self._due[self._next]
            at_ns = self._cycle_start_ns + offset_ns
            if at_ns >= end_ns:
                return
            self._next += 1
            if self._next == len(self._due):
                self._next = 0
                self._cycle_start_ns += self._cycle_ns
            sender = self._senders[index]
            yield at_ns, sender.layout.arbitration_id, sender.next_payload()
