"""Any interface that python-can knows (slcan, gs_usb, pcan, udp_multicast, virtual …), with its own options.

Promises: an adapter that is unplugged is an event and a new attempt, as with every source; a message costs
python-can's own price and a few calls more, since messages gather for 10 ms. Stamps are python-can's,
rounded to microseconds (they are floats); stamps of an adapter's own clock are put on the wall clock's time
line. Relies on python-can, which is imported only when a source of this kind runs.
"""

import importlib.metadata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from telemetry_core.frames.socketcan import ErrorStates
from telemetry_core.frames.stamps import HardwareClock, Nudger

from telemetry.clock import Clock
from telemetry.logs.python_can import append_message
from telemetry.sources.bus_errors import BusErrors
from telemetry.sources.inbox import Inbox, Outbox
from telemetry.sources.reconnect import Occurrences, Outages, keep_connected, put_all
from telemetry.sources.source import Source
from telemetry.sources.stop import StopSignal

if TYPE_CHECKING:
    import can

RECEIVE_TIMEOUT_S = 0.2  # how soon a stop is seen on a silent bus
GATHER_S = 0.01
_EXTRAS = {"udp_multicast": "multicast"}  # of python-can, where they are not called as the interface
EARLIEST_EPOCH_S = 1e9  # September 2001; a smaller stamp counts from the adapter's own start


class PythonCanSource(Source):
    """Frames of one python-can bus. options: the keyword arguments of `can.Bus`, passed through."""

    def __init__(self, name: str, options: Mapping[str, Any], clock: Clock, *, channel: int = 0) -> None:
        self.name = name
        self._options = dict(options)
        self._clock = clock
        self._channel = channel
        self._nudger = Nudger()
        self._adapter_clock = HardwareClock()
        self._states = ErrorStates()
        self._bus_errors = BusErrors(name, self._states)
        self._outages = Outages(name, clock)
        self._drops = Occurrences(name, "frames_dropped", "frames dropped by a full queue")
        self._outbox: Outbox | None = None
        self._is_open = False
        self._read = 0
        self._bad_length = 0

    @property
    def status(self) -> str:
        """Return what it does at the moment, in one clause."""
        if self._outages.is_lost:
            return f"waiting for {self._options.get('interface', 'the adapter')}: {self._outages.reason}"
        return "receiving" if self._is_open else "stopped"

    def counts(self) -> Mapping[str, int]:
        """Return no drops: what an adapter or its driver drops is not known."""
        return {
            "read": self._read,
            "lost/bad_length": self._bad_length,
            "lost/queue_overflow": self._outbox.overflowed if self._outbox is not None else 0,
            "nudged": self._nudger.nudged,
            "controller_overflows": self._states.controller_overflows,
        }

    def run(self, output: Inbox, stop: StopSignal) -> None:
        outbox = self._outbox = Outbox(self.name, output)
        keep_connected(lambda: self._session(outbox, output, stop), self._outages, output, stop, self._clock)
        outbox.end(self.counts)

    def _session(self, outbox: Outbox, output: Inbox, stop: StopSignal) -> None:
        import can

        outbox.send(self.counts)  # what waits for room does not wait for the adapter too
        try:
            with can.Bus(**self._options) as bus:
                self._is_open = True
                self._receive(bus, outbox, output, stop)
        except can.CanInterfaceNotImplementedError as error:
            extra = extra_of(str(self._options.get("interface", "")))
            raise OSError(f"{error} (pip install '{extra}')" if extra else str(error)) from error
        except can.CanError as error:
            raise OSError(str(error)) from error
        finally:
            self._is_open = False

    def _receive(self, bus: "can.BusABC", outbox: Outbox, output: Inbox, stop: StopSignal) -> None:
        while not stop.is_set():
            message = bus.recv(RECEIVE_TIMEOUT_S)
            put_all(self._outages.back(), output)
            if message is not None:
                self._gather(message, bus, outbox, stop)
            outbox.send(self.counts)
            now_s, now_ns = self._clock.monotonic_s(), self._clock.unix_ns()
            put_all(self._drops.observe(outbox.overflowed, now_s, now_ns), output)
            put_all(self._bus_errors.events(now_s, now_ns), output)

    def _gather(self, first: "can.Message", bus: "can.BusABC", outbox: Outbox, stop: StopSignal) -> None:
        batch = outbox.batch
        start = len(batch)
        self._take(first, outbox)
        self._clock.wait(stop.event, GATHER_S)
        try:
            while len(batch) < batch.capacity and (message := bus.recv(0)) is not None:
                self._take(message, outbox)
        finally:
            self._states.scan(batch, start)
            self._nudger.nudge(batch, start)

    def _take(self, message: "can.Message", outbox: Outbox) -> None:
        self._read += 1
        if not append_message(outbox.batch, message, self._stamp_ns(message), self._channel):
            self._bad_length += 1

    def _stamp_ns(self, message: "can.Message") -> int:
        stamp_ns = round(message.timestamp * 1e6) * 1000
        if message.timestamp >= EARLIEST_EPOCH_S:
            return stamp_ns
        now_ns = self._clock.unix_ns()
        return self._adapter_clock.stamp(now_ns, stamp_ns) if stamp_ns else now_ns


def extra_of(interface: str) -> str:
    """Return `python-can[multicast]` and the like; empty: python-can has no extra for this interface."""
    extra = _EXTRAS.get(interface, interface.replace("_", "-"))
    known = importlib.metadata.metadata("python-can").get_all("Provides-Extra") or ()
    return f"python-can[{extra}]" if extra in known else ""
