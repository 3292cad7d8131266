"""The live serial source: one port, and the devices on its line, asked in turns or just listened to.

Promises:
- A device that is unplugged, hangs up or reads nothing any more is opened again by its name, whatever number
  the link leads to by then.
- Each good message is one frame with the stamp of its last byte; what is not a good message is counted.
- Each device has a channel of its own. Its silence is an event, and its last values are never repeated. What
  another device says never comes under its name.
- A capture that the disk refuses disturbs nothing. It holds no password that a device reports.

Relies on a `SerialLink` for the port, on `Turns` for what is said, and on framers for messages.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.stamps import TimeMap

from telemetry.clock import Clock
from telemetry.framing.masking import Masker
from telemetry.logs.captures import CaptureWriter
from telemetry.model.source_states import ANOTHER_DEVICE, RECEIVING
from telemetry.sources.inbox import Inbox, Outbox
from telemetry.sources.reconnect import Occurrences, Outages, keep_connected, put_all
from telemetry.sources.serial.link import SerialLink, SerialPort
from telemetry.sources.serial.member import Member
from telemetry.sources.serial.turns import Turns
from telemetry.sources.source import Source
from telemetry.sources.stop import StopSignal
from telemetry.sources.tap import LineStore

LONGEST_WAIT_S = 1.0
MOST_READS = 64  # in a row, of a line that never falls silent
_LONGEST_KEPT = 8192  # bytes of a message that is not whole yet


def in_one_clause(states: Mapping[str, str]) -> str:
    """Return what the devices of a line do: what all of them do; otherwise how many receive."""
    if len(set(states.values())) == 1:
        return next(iter(states.values()))
    well = sum(state == RECEIVING for state in states.values())
    return f"{well} of {len(states)} {RECEIVING}"


class SerialSource(Source):
    """Messages of one port.

    time_map: for simulators that run fast. maskers: of passwords in its capture. late_bytes: that the link
    itself has discarded.
    """

    def __init__(
        self,
        name: str,
        link: SerialLink,
        members: Sequence[Member],
        clock: Clock,
        *,
        time_map: TimeMap | None = None,
        capture: LineStore | None = None,
        maskers: Sequence[Masker] = (),
        late_bytes: Callable[[], int] = lambda: 0,
    ) -> None:
        self.name = name
        self._late_bytes = late_bytes
        self._link = link
        self._members = tuple(members)
        self._turns = Turns([member.talk for member in members], clock)
        self._clock = clock
        self._time_map = time_map
        self._capture_file = capture
        self._capture = CaptureWriter(name, capture.write, maskers) if capture is not None else None
        self._outages = Outages(name, clock)
        self._drops = Occurrences(name, "frames_dropped", "messages dropped by a full queue")
        self._outbox: Outbox | None = None
        self._found: FrameBatch | None = None  # messages of one slice
        self._is_open = False
        self._read_bytes = 0
        self._frames = 0
        self._reopened = 0

    @property
    def device(self) -> str:
        """Return what the devices that are connected now say of themselves; empty: nothing yet."""
        if len(self._members) == 1:
            return self._members[0].device if self._is_open else ""
        said = ((member.name, member.device) for member in self._members)
        return "; ".join(f"{name}: {words}" for name, words in said if words) if self._is_open else ""

    @property
    def status(self) -> str:
        """Return what it does at the moment, in one clause."""
        if not self._is_open and self._outages.is_lost:
            where = f"{self._link.description}: "  # which a port that does not open says itself
            return f"waiting for {where}{self._outages.reason.removeprefix(where)}"
        if not self._is_open:
            return "stopped"
        return in_one_clause({member.name: self._status_of(member) for member in self._members})

    @property
    def devices(self) -> Mapping[str, str]:
        if len(self._members) == 1:
            return {}
        return {
            member.name: self._status_of(member) if self._is_open else self.status for member in self._members
        }

    def _status_of(self, member: Member) -> str:
        if member.same.is_other:
            return ANOTHER_DEVICE
        if member.silence.is_unknown:
            return f"no good message for {member.silence.silent_s:.0f} s"
        return RECEIVING if member.framer.counts()["messages"] else "waiting for the first message"

    def counts(self) -> Mapping[str, int]:
        """Return, beside frames, bytes that are part of none, requests without an answer …"""
        found: Counter[str] = Counter()
        for member in self._members:
            found.update(member.framer.counts())
        del found["messages"]
        lost = sum(count for name, count in found.items() if name.startswith("lost/"))
        return {
            "read": self._frames + lost,
            **found,
            "lost/other_device": sum(member.dropped for member in self._members),
            "lost/queue_overflow": self._outbox.overflowed if self._outbox is not None else 0,
            "read_bytes": self._read_bytes,
            "discarded_bytes": self._turns.discarded_bytes + self._late_bytes(),
            "timeouts": self._turns.timeouts,
            "reopened": self._reopened,
            "silences": sum(member.silence.count for member in self._members),
            "capture_lost": self._capture_file.lost_lines if self._capture_file is not None else 0,
        }

    def run(self, output: Inbox, stop: StopSignal) -> None:
        outbox = self._outbox = Outbox(self.name, output)
        keep_connected(
            lambda: self.session(output, stop),
            self._outages,
            output,
            stop,
            self._clock,
            while_lost=lambda: self._look_for_silence(output),
        )
        if self._capture_file is not None:
            self._capture_file.close()
        outbox.end(self.counts)

    def session(self, output: Inbox, stop: StopSignal) -> None:
        """Use the port once: until the device is gone (an OSError), the port is deaf, or `stop` is set."""
        outbox = self._outbox = self._outbox or Outbox(self.name, output)
        outbox.send(self.counts)  # what waits for room does not wait for the port too
        self._look_for_silence(output)
        with self._link.open(stop) as port:
            self._is_open = True
            self._turns.opened()
            for member in self._members:
                member.opened()
            try:
                while not stop.is_set():
                    self._step(port, outbox, output)
                    if self._turns.is_deaf():
                        self._reopened += 1
                        return
            finally:
                self._is_open = False
                self._settle(outbox, output)
                if self._capture is not None:
                    self._capture.finish()

    def _step(self, port: SerialPort, outbox: Outbox, output: Inbox) -> None:
        """Wait for bytes, or until something is due; then ask what is due."""
        turns = self._turns
        wait_s = min(turns.wait_s(), LONGEST_WAIT_S)
        self._take(port, outbox, output, wait_s)
        if turns.is_late():
            self._take_rest(port, outbox, output)
        request = turns.due()
        if request is not None and turns.current is not None:
            self._ask(port, turns.current, request, outbox, output)
        outbox.send(self.counts)
        now_s, now_ns = self._clock.monotonic_s(), self._clock.unix_ns()
        put_all(self._drops.observe(outbox.overflowed, now_s, now_ns), output)
        self._look_for_silence(output)

    def _look_for_silence(self, output: Inbox) -> None:
        for member in self._members:
            put_all(member.silence.look(), output)

    def _ask(self, port: SerialPort, device: int, request: bytes, outbox: Outbox, output: Inbox) -> None:
        for _ in range(MOST_READS):
            if not self._take(port, outbox, output, 0.0):
                break
        frames = self._room()
        self._members[device].sent(request, frames)
        self._took(device, frames, outbox, output)
        port.send(request)
        self._turns.asked()
        if self._capture is not None:
            self._capture.sent(self._clock.unix_ns(), request)

    def _take_rest(self, port: SerialPort, outbox: Outbox, output: Inbox) -> None:
        """Take what has come by now, and what good there is in what is unfinished: the answer is late."""
        for _ in range(MOST_READS):
            if not self._take(port, outbox, output, 0.0):
                break
        current = self._turns.current
        if self._turns.is_late() and current is not None:
            frames = self._room()
            self._members[current].framer.finish(frames)
            self._took(current, frames, outbox, output)

    def _settle(self, outbox: Outbox, output: Inbox) -> None:
        """Take what good there is in what is unfinished: no more comes through this port."""
        for device, member in enumerate(self._members):
            frames = self._room()
            member.framer.finish(frames)
            self._took(device, frames, outbox, output)
            member.framer.reset()

    def _take(self, port: SerialPort, outbox: Outbox, output: Inbox, wait_s: float) -> bool:
        """Feed what comes to the framers of those who hear it; whether anything came."""
        data = self._receive(port, wait_s)
        now_ns = self._clock.unix_ns()
        for device in self._turns.received(data) if data else ():
            frames = self._room()
            for _ in self._members[device].feed(data, now_ns, frames):
                self._took(device, frames, outbox, output)
                frames.clear()
        return bool(data)

    def _room(self) -> FrameBatch:
        """Return an empty batch for what a slice completes at any device."""
        if self._found is None:
            self._found = FrameBatch(
                max(member.framer.room_needed(_LONGEST_KEPT) for member in self._members)
            )
        self._found.clear()
        return self._found

    def _receive(self, port: SerialPort, timeout_s: float) -> bytes:
        data = port.receive(timeout_s)
        self._read_bytes += len(data)
        if data and self._capture is not None:
            self._capture.received(self._clock.unix_ns(), data)
        return data

    def _took(self, device: int, frames: FrameBatch, outbox: Outbox, output: Inbox) -> None:
        """Take messages of a device."""
        if not len(frames):
            return
        member = self._members[device]
        self._frames += len(frames)
        if self._time_map is not None:
            self._time_map.map(frames, 0)
        for index in range(len(frames)):
            self._turns.took(device, frames[index].id)
        own, events = member.judge(frames)
        put_all(events, output)
        self._hand_on(own, outbox)
        silence = member.silence.broken() if len(own) else []  # not what is held back, or another device's
        put_all([*silence, *self._outages.back()], output)

    def _hand_on(self, frames: FrameBatch, outbox: Outbox) -> None:
        """Put them into the batch that goes to the pipeline."""
        for start in range(0, len(frames), outbox.batch.capacity):
            part = frames.part(start, min(start + outbox.batch.capacity, len(frames)))
            if outbox.batch.capacity - len(outbox.batch) < len(part):
                outbox.send(self.counts)
            if outbox.batch.capacity - len(outbox.batch) < len(part):
                outbox.drop()
            outbox.batch.extend(part)
