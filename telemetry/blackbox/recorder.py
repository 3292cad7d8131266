"""The black box while the service runs: it takes what comes, and a thread of its own writes it.

Promises:
- Nobody who gives it something waits for the disk. What a disk does not take, or takes too late, is counted.
- What came is on disk a second later.
- A capture holds all that was there when it was frozen, and what came until its time was over.
- Frozen captures take `most_mb` at most, but for the newest: older ones are dropped, with an event.

Relies on an injected clock; frames come from one thread, lines of serial ports from any.
"""

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.packed import Packer

from telemetry.blackbox.settings import BlackBoxSettings
from telemetry.blackbox.store import LENGTH, Box, Capture, Part
from telemetry.clock import Clock
from telemetry.errors import TelemetryError
from telemetry.model.events import Event, begins
from telemetry.spool.compress import compress
from telemetry.spool.filesystem import append_all
from telemetry.threads import start

LOG = logging.getLogger("telemetry.service")

SEGMENT_S = 10.0
WRITE_EVERY_S = 1.0
MOST_WAITING_BYTES = 2_000_000
CLOSE_S = 2.0
LATE_S = 1.0  # what belongs to a capture may come so late


class BlackBox:
    """Takes frames and lines of live sources. Between `start` and `close` it has a thread."""

    def __init__(self, settings: BlackBoxSettings, clock: Clock, on_event: Callable[[Event], None]) -> None:
        """Lock the folder. Raises StorageError."""
        if settings.directory is None:
            raise ValueError("a black box has a folder")
        self.settings = settings
        self.box = Box(settings.directory)
        self._lock = self.box.lock()
        self._clock, self._boot_id = clock, clock.boot_id()
        self._on_event = on_event
        self._changed = threading.Condition()
        self._packers: dict[str, Packer] = {}  # by source
        self._waiting: list[bytes] = []  # parts
        self._waiting_bytes = self._waiting_count = 0
        self.time_known = True  # as it is for lines
        self._asked: list[tuple[str, float]] = []  # captures: id, and until when
        self._open: dict[str, float] = {}  # captures that go on: until when
        self._descriptor = -1
        self._number = max(self.box.segments(), default=0)
        self._began_s = clock.monotonic_s()
        self._warned = False
        self._ends = False
        self.lost = 0  # frames and lines
        self.dropped = 0  # captures
        self._thread = threading.Thread(target=self._run, name="black box", daemon=True)
        self.frozen = self.box.frozen()  # as of a moment ago, for any thread
        for capture, _ in self.frozen:
            if capture.last is None:  # that was cut off
                self._end(capture)

    def start(self) -> None:
        """Begin. Raises UnavailableError when the system gives no thread."""
        start(self._thread)

    def close(self) -> None:
        """Write what waits, end captures, and give the folder back. A disk that hangs is not waited for."""
        with self._changed:
            self._ends = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_S)
        else:
            self.step(ends=True)
        if not self._thread.is_alive():
            os.close(self._lock)

    def take(self, source: str, frames: FrameBatch, offset_ns: int | None = None) -> None:
        """Take frames of a live source. offset_ns: as of a Part."""
        with self._changed:
            if self._waiting_bytes > MOST_WAITING_BYTES:
                self.lost += len(frames)
            else:
                content = self._packers.setdefault(source, Packer()).pack(frames)
                self._add(Part(source, content, offset_ns, self._boot_id, len(frames)))

    def take_line(self, source: str, line: bytes) -> None:
        """Take a line of a serial port's capture. From any thread."""
        offset_ns = None if self.time_known else self._clock.unix_ns() - self._clock.boot_ns()
        with self._changed:
            if self._waiting_bytes > MOST_WAITING_BYTES:
                self.lost += 1
            else:
                self._add(Part(source, line, offset_ns, self._boot_id))

    def _add(self, part: Part) -> None:
        self._waiting.append(part.packed())
        self._waiting_bytes += len(self._waiting[-1])
        self._waiting_count += 1 if part.count is None else part.count

    def freeze(self, name: str, after_s: float) -> None:
        """Keep what is there, and what comes within `after_s`."""
        with self._changed:
            self._asked.append((name, self._clock.monotonic_s() + after_s + LATE_S))

    def counted(self) -> dict[str, int]:
        """Return what was lost, and which captures were dropped, as counters."""
        return {"black_box/lost": self.lost, "black_box/dropped": self.dropped}

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ends, WRITE_EVERY_S)
                ends = self._ends
            self.step(ends=ends)
            if ends:
                return

    def step(self, *, ends: bool = False) -> None:
        """Write what has come since, and do what is due. For its thread."""
        with self._changed:
            taken, frames, self._waiting, self._waiting_count = self._waiting, self._waiting_count, [], 0
            self._waiting_bytes = 0
            self._packers.clear()
            asked, self._asked = self._asked, []
        now_s = self._clock.monotonic_s()
        try:
            for name, until_s in asked:
                self._freeze(name, until_s)
            if taken:
                self._write(b"".join(taken))
            over = [name for name, until_s in self._open.items() if ends or now_s >= until_s]
            if ends or now_s - self._began_s >= SEGMENT_S:
                self._end_segment(now_s)
            for name in over:
                del self._open[name]
            for capture in self.box.captures() if over else ():  # one may be dropped by now
                if capture.id in over:
                    self._end(capture)
            if self._descriptor < 0:
                self._tidy()
            if asked or over or self._descriptor < 0:
                self.frozen = self.box.frozen()
        except (OSError, TelemetryError) as error:
            with self._changed:
                self._asked += [each for each in asked if each[0] not in self._open]
            self._refused(error, frames)

    def _write(self, content: bytes) -> None:
        if self._descriptor < 0:
            self._number += 1
            self._descriptor = self.box.filesystem.create(self.box.path(self._number))
            self._began_s = self._clock.monotonic_s()
        member = compress(content)
        append_all(self.box.filesystem, self._descriptor, LENGTH.pack(len(member)) + member)
        self.box.filesystem.sync(self._descriptor)
        self._warned = False

    def _end_segment(self, now_s: float) -> None:
        self._began_s = now_s
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            try:
                self.box.filesystem.sync(descriptor)
                self.box.filesystem.sync_directory(self.box.directory)
            finally:
                self.box.filesystem.close(descriptor)

    def _refused(self, error: OSError | TelemetryError, count: int) -> None:
        """Go on with another segment: the one that was refused may be torn."""
        self.lost += count
        if not self._warned:
            LOG.warning("%s: the black box cannot be written: %s", self.box.directory, error)
        self._warned = True
        with suppress(OSError):
            self._end_segment(self._clock.monotonic_s())
        with suppress(OSError, TelemetryError):
            self._tidy()

    def _freeze(self, name: str, until_s: float) -> None:
        known = next((one for one in self.box.captures() if one.id == name), None)
        first = known.first if known else min([*self._ring(), self._number + (self._descriptor < 0)])
        self.box.save(Capture(name, first, None))
        self._open[name] = max(until_s, self._open.get(name, until_s))

    def _ring(self) -> list[int]:
        """Return the segments of the last minutes, and the one that is being written."""
        count = round(self.settings.minutes * 60.0 / SEGMENT_S)
        return [number for number in self.box.segments() if number >= self._number - count]

    def _end(self, capture: Capture) -> None:
        with suppress(OSError):  # it goes on then, until the next start
            self.box.save(Capture(capture.id, capture.first, max(self._number, capture.first)))

    def _tidy(self) -> None:
        """Remove what nobody holds back, and captures that are too much."""
        segments, captures, ring = self.box.segments(), self.box.captures(), set(self._ring())
        ended = [one for one in captures if one.last is not None]
        while len(ended) > 1 or (ended and len(captures) > len(ended)):
            held = sum(size for number, size in segments.items() if any(one.has(number) for one in captures))
            if held <= self.settings.most_bytes:
                break
            oldest = ended.pop(0)
            captures.remove(oldest)
            self.box.drop(oldest)
            self.dropped += 1
            words = f"{oldest.id}: frozen captures took more than {self.settings.most_bytes / 1e6:g} MB"
            self._on_event(begins("capture_dropped", words))
        for number in segments:
            if number not in ring and not any(one.has(number) for one in captures):
                self.box.filesystem.unlink(self.box.path(number))
