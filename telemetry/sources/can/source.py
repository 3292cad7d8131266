"""The live CAN source: any socket that `CanReader` reads, over a link that may go and come back.

Promises:
- The loss of the interface or of a simulator, and a controller that leaves the bus, are events; the source
  goes on by itself.
- Frames that the pipeline has no room for stay in the socket's buffer. The kernel counts what finds no room
  there either.
- Python runs once a wake-up, not once a frame.

Relies on a `CanLink` for its sockets.
"""

import errno
import logging
import threading
from collections.abc import Mapping

from telemetry_core.frames.socketcan import CanReader, ErrorStates
from telemetry_core.frames.stamps import Nudger, TimeMap

from telemetry.clock import Clock
from telemetry.model.bit_rate import BitRate
from telemetry.sources.bus_errors import BusErrors
from telemetry.sources.can.sockets import CanLink, gather_ms, receive_buffer_warning
from telemetry.sources.inbox import Inbox, Outbox
from telemetry.sources.reconnect import Occurrences, Outages, keep_connected, put_all
from telemetry.sources.source import Source
from telemetry.sources.stop import StopSignal

IDLE_MS = 1000
FULL_MS = 50  # when frames wait for room in the inbox

logger = logging.getLogger(__name__)


class SocketCanSource(Source):
    """Frames of one bus. channel: goes into each frame. time_map: for simulators that run fast."""

    def __init__(
        self, name: str, link: CanLink, clock: Clock, *, channel: int = 0, time_map: TimeMap | None = None
    ) -> None:
        self.name = name
        self._link = link
        self._clock = clock
        self._channel = channel
        self._time_map = time_map
        self._nudger = Nudger()
        self._states = ErrorStates()
        self._bus_errors = BusErrors(name, self._states)
        self._outages = Outages(name, clock)
        self._drops = Occurrences(name, "frames_dropped", "frames dropped by the kernel")
        self._warned = ""
        self._outbox: Outbox | None = None
        self._counting = threading.Lock()
        self._reader: CanReader | None = None
        self._bit_rate: BitRate | None = None
        self._earlier = {"read": 0, "kernel_dropped": 0, "lost/bad_length": 0}  # of readers before this one

    @property
    def status(self) -> str:
        """Return what it does at the moment, in one clause."""
        if self._outages.is_lost:
            return f"waiting for {self._link.description}: {self._outages.reason}"
        return "receiving" if self._reader is not None else "stopped"

    @property
    def bit_rate(self) -> BitRate | None:
        """Return that of the link when it was opened or came up last; any thread may ask."""
        return self._bit_rate

    def counts(self) -> Mapping[str, int]:
        with self._counting:
            counts = _plus(self._earlier, self._reader)
        counts["lost/queue_overflow"] = self._outbox.overflowed if self._outbox is not None else 0
        counts["nudged"] = self._nudger.nudged
        counts["controller_overflows"] = self._states.controller_overflows
        return counts

    def run(self, output: Inbox, stop: StopSignal) -> None:
        outbox = self._outbox = Outbox(self.name, output)
        keep_connected(lambda: self._session(outbox, output, stop), self._outages, output, stop, self._clock)
        outbox.end(self.counts)

    def _session(self, outbox: Outbox, output: Inbox, stop: StopSignal) -> None:
        outbox.hand_over(self.counts)  # what waits for room does not wait for the link too
        with self._link.open() as opened:
            self._warn(receive_buffer_warning(opened, self._link.receive_buffer_bytes))
            self._bit_rate = self._link.bit_rate()
            reader = self._reader = CanReader(opened.fileno(), stop.fileno(), self._channel)
            try:
                self._receive(reader, gather_ms(opened), outbox, output, stop)
            finally:
                with self._counting:
                    self._earlier = _plus(self._earlier, reader)
                    self._reader = None

    def _receive(
        self, reader: CanReader, gather: int, outbox: Outbox, output: Inbox, stop: StopSignal
    ) -> None:
        is_down = False
        timeout_ms = 0  # at first: a socket that is bound to an interface that is down says so at once
        while True:
            is_last = stop.is_set()
            frames = 0
            try:
                frames = self._take(reader, outbox, timeout_ms, gather)
            except OSError as error:
                if error.errno != errno.ENETDOWN or is_down:
                    raise
                # The socket works again by itself once its interface is up, and loses nothing until then.
                is_down = True
                put_all(self._outages.lost(f"{self._link.description} is down"), output)
            timeout_ms = FULL_MS if len(outbox.batch) else IDLE_MS
            if self._outages.is_lost:
                if frames or self._link.is_up():
                    is_down = False
                    self._bit_rate = self._link.bit_rate()  # it can be changed while the interface is down
                    put_all(self._outages.back(), output)
                else:
                    timeout_ms = int(1000 * self._outages.next_delay_s())
            self._report(reader, output)
            if is_last:
                return

    def _take(self, reader: CanReader, outbox: Outbox, timeout_ms: int, gather: int) -> int:
        if outbox.is_full:
            outbox.hand_over(self.counts, FULL_MS / 1000)
            return 0
        batch = outbox.batch
        start = len(batch)
        error_frames = reader.error_frames
        frames = reader.read(batch, timeout_ms, gather)
        if frames:
            if self._time_map is not None:
                self._time_map.map(batch, start)
            if reader.error_frames != error_frames:
                self._states.scan(batch, start)
            self._nudger.nudge(batch, start)
        outbox.hand_over(self.counts)
        return frames

    def _report(self, reader: CanReader, output: Inbox) -> None:
        now_s, now_ns = self._clock.monotonic_s(), self._clock.unix_ns()
        dropped = self._earlier["kernel_dropped"] + reader.kernel_dropped
        put_all(self._drops.observe(dropped, now_s, now_ns), output)
        put_all(self._bus_errors.events(now_s, now_ns), output)

    def _warn(self, warning: str) -> None:
        if warning and warning != self._warned:
            logger.warning("%s: %s", self.name, warning)
        self._warned = warning


def _plus(earlier: Mapping[str, int], reader: CanReader | None) -> dict[str, int]:
    if reader is None:
        return dict(earlier)
    return {
        "read": earlier["read"] + reader.messages_read,
        "kernel_dropped": earlier["kernel_dropped"] + reader.kernel_dropped,
        "lost/bad_length": earlier["lost/bad_length"] + reader.bad_length,
    }
