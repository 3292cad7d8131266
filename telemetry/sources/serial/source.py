"""The live serial source: one port, one protocol, polled or just listened to.

Promises:
- A device that is unplugged, hangs up or reads nothing any more is opened again by its name, whatever number
  the link leads to by then.
- Each good message is one frame with the stamp of its last byte; what is not a good message is counted.
- The silence of a device is an event, and its last values are never repeated.
- A capture that the disk refuses disturbs nothing.

Relies on a `SerialLink` for the port, on a `Conversation` for what is said, and on a framer for messages.
"""

from collections.abc import Mapping

from telemetry_core.frames.stamps import TimeMap

from telemetry.clock import Clock
from telemetry.logs.capture_file import CaptureFile
from telemetry.logs.captures import CaptureWriter
from telemetry.protocols.table import Framer, device_words
from telemetry.sources.inbox import Inbox
from telemetry.sources.outbox import Outbox
from telemetry.sources.reconnect import Occurrences, Outages, keep_connected, put_all, put_end
from telemetry.sources.serial.conversation import Conversation
from telemetry.sources.serial.link import SerialLink, SerialPort
from telemetry.sources.serial.silence import SilenceWatch
from telemetry.sources.source import Source
from telemetry.sources.stop import StopSignal

LONGEST_WAIT_S = 1.0
MOST_READS = 64  # in a row, of a line that never falls silent
SLICE_BYTES = 7  # no protocol has a shorter message, so that no two end in one slice
BYTE_NS = 1000  # two messages that one read brings are never of one stamp, or one would overwrite the other


class SerialSource(Source):
    """Messages of one port. time_map: for simulators that run fast."""

    def __init__(
        self,
        name: str,
        link: SerialLink,
        conversation: Conversation,
        framer: Framer,
        silence: SilenceWatch,
        clock: Clock,
        *,
        time_map: TimeMap | None = None,
        capture: CaptureFile | None = None,
    ) -> None:
        self.name = name
        self._link = link
        self._conversation = conversation
        self._framer = framer
        self._silence = silence
        self._clock = clock
        self._time_map = time_map
        self._capture_file = capture
        self._capture = CaptureWriter(name, capture.write) if capture is not None else None
        self._outages = Outages(name, clock)
        self._drops = Occurrences(name, "frames_dropped", "messages dropped by a full queue")
        self._outbox: Outbox | None = None
        self._is_open = False
        self._read_bytes = 0
        self._reopened = 0
        self._identity: Mapping[str, str] = {}

    @property
    def device(self) -> str:
        """What the device that is connected now says of itself: `model …, firmware …`; empty: nothing yet."""
        return device_words(self._identity)

    @property
    def status(self) -> str:
        """What it does at the moment, in one clause."""
        if not self._is_open and self._outages.is_lost:
            where = f"{self._link.description}: "  # which a port that does not open says itself
            return f"waiting for {where}{self._outages.reason.removeprefix(where)}"
        if not self._is_open:
            return "stopped"
        if self._silence.is_unknown:
            return f"no good message for {self._silence.silent_s:.0f} s"
        return "receiving" if self._framer.counts()["messages"] else "waiting for the first message"

    def counts(self) -> Mapping[str, int]:
        """Beside frames: bytes that are part of none, requests without an answer …"""
        found = self._framer.counts()
        messages = found.pop("messages")
        lost = sum(count for name, count in found.items() if name.startswith("lost/"))
        return {
            "read": messages + lost,
            **found,
            "lost/queue_overflow": self._outbox.overflowed if self._outbox is not None else 0,
            "read_bytes": self._read_bytes,
            "discarded_bytes": self._conversation.discarded_bytes,
            "timeouts": self._conversation.timeouts,
            "reopened": self._reopened,
            "silences": self._silence.count,
            "capture_lost": self._capture_file.lost_lines if self._capture_file is not None else 0,
        }

    def run(self, output: Inbox, stop: StopSignal) -> None:
        outbox = self._outbox = Outbox(self.name, output)
        keep_connected(lambda: self._session(outbox, output, stop), self._outages, output, stop, self._clock)
        outbox.finish(self.counts)
        if self._capture_file is not None:
            self._capture_file.close()
        put_end(self.name, self.counts(), output)

    def _session(self, outbox: Outbox, output: Inbox, stop: StopSignal) -> None:
        """Until the device is gone (an OSError), the port is deaf, or the source is stopped."""
        outbox.send(self.counts)  # what waits for room does not wait for the port too
        put_all(self._silence.look(), output)
        with self._link.open(stop) as port:
            self._is_open = True
            self._framer.forget_identity()  # it may be another device
            self._identity = {}
            try:
                self._conversation.opened()
                while not stop.is_set():
                    self._step(port, outbox, output)
                    if self._conversation.is_deaf():
                        self._reopened += 1
                        return
            finally:
                self._is_open = False
                self._framer.reset()

    def _step(self, port: SerialPort, outbox: Outbox, output: Inbox) -> None:
        """Wait for bytes, or until something is due; then ask what is due."""
        conversation = self._conversation
        wait_s = min(conversation.wait_s(), LONGEST_WAIT_S)
        self._take(port, outbox, output, wait_s)
        if conversation.is_late():
            self._take_rest(port, outbox, output)
        request = conversation.due()
        if request is not None:
            self._ask(port, request)
        outbox.send(self.counts)
        now_s, now_ns = self._clock.monotonic_s(), self._clock.unix_ns()
        put_all(self._drops.observe(outbox.overflowed, now_s, now_ns), output)
        put_all(self._silence.look(), output)

    def _ask(self, port: SerialPort, request: bytes) -> None:
        for _ in range(MOST_READS):
            stale = self._receive(port, 0.0)
            if not stale:
                break
            self._conversation.received(stale)
        self._framer.reset()
        port.send(request)
        self._conversation.asked()
        if self._capture is not None:
            self._capture.sent(self._clock.unix_ns(), request)

    def _take_rest(self, port: SerialPort, outbox: Outbox, output: Inbox) -> None:
        """The answer is late: take what has come by now, and what good there is in what is unfinished."""
        for _ in range(MOST_READS):
            if not self._take(port, outbox, output, 0.0):
                break
        if self._conversation.is_late():
            self._make_room(outbox, 0)
            start = len(outbox.batch)
            self._framer.finish(outbox.batch)
            self._took(outbox, start, output)

    def _take(self, port: SerialPort, outbox: Outbox, output: Inbox, wait_s: float) -> bool:
        """Feed what comes to the framer; whether anything came."""
        data = self._receive(port, wait_s)
        now_ns = self._clock.unix_ns()
        wanted = self._conversation.received(data) if data else b""
        for first in range(0, len(wanted), SLICE_BYTES):
            piece = wanted[first : first + SLICE_BYTES]
            after = len(wanted) - first - len(piece)
            self._make_room(outbox, len(piece))
            start = len(outbox.batch)
            self._framer.feed(piece, now_ns - after * BYTE_NS, outbox.batch)
            self._took(outbox, start, output)
        return bool(data)

    def _receive(self, port: SerialPort, timeout_s: float) -> bytes:
        data = port.receive(timeout_s)
        self._read_bytes += len(data)
        if data and self._capture is not None:
            self._capture.received(self._clock.unix_ns(), data)
        return data

    def _make_room(self, outbox: Outbox, byte_count: int) -> None:
        """For all messages that `byte_count` bytes more may complete."""
        needed = self._framer.room_needed(byte_count)
        if outbox.batch.capacity - len(outbox.batch) < needed:
            outbox.send(self.counts)
        if outbox.batch.capacity - len(outbox.batch) < needed:
            outbox.drop()

    def _took(self, outbox: Outbox, start: int, output: Inbox) -> None:
        """Messages of the batch from `start` on are new."""
        batch = outbox.batch
        if len(batch) == start:
            return
        if self._time_map is not None:
            self._time_map.map(batch, start)
        for index in range(start, len(batch)):
            self._conversation.took(batch[index].id)
        self._identity = self._framer.identity()
        put_all([*self._silence.broken(), *self._outages.back()], output)
