"""Charging sessions that are open, over restarts, reloads and a clock that is set.

Their state travels in the spool's records, as of each record, and the last one is handed out at a start. What
of it goes on is decided by the follower, from what the bus says then.

Promises:
- A state stays until the source that it is of is followed again. One that no source takes is closed.
- Silence is what was watched: a process that stood still, or a device that was away, has watched nothing.
- Stamps of a clock that was not known yet move once it is; those of another boot are dropped, and logged.
"""

import logging
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.text.lines import LineBuffer

from telemetry.clock import Clock
from telemetry.service.stamping import AS_THEY_ARE, Stamping
from telemetry.spool.batch import TimeBase
from telemetry.stages.plugs import Plugs

LOG = logging.getLogger("telemetry.service")

MOST_WATCHED_NS = 500_000_000  # between two looks; they are 0.12 s apart unless something stands still
_SINCE_1970 = b"\0"
_SINCE_BOOT = b"\1"
_BOOT = struct.Struct("<16sq")  # its id; what turns stamps into times since it


@dataclass(slots=True)
class _Silence:
    newest_ns: int | None = None  # stamp of the newest frame
    watched_ns: int = 0


class OpenSessions:
    """What is open, by source, for one pipeline."""

    def __init__(self, found: Mapping[str, bytes], clock: Clock) -> None:
        """found: what an earlier run has left."""
        self._clock = clock
        self._left: dict[str, tuple[Stamping, bytes]] = {}  # not taken yet
        for source, content in found.items():
            head, state = content[:1], content[1:]
            stamping = AS_THEY_ARE
            if head == _SINCE_BOOT:
                boot_id, shift_ns = _BOOT.unpack_from(state)
                stamping, state = Stamping(TimeBase.BOOT, shift_ns), state[_BOOT.size :]
                if boot_id.hex() != clock.boot_id():
                    LOG.warning("%s: what was open before the last boot had no time yet, and is lost", source)
                    continue
            self._left[source] = stamping, state
        self._silences: dict[str, _Silence] = {}  # of sources that have been followed
        self._looked_s = clock.monotonic_s()

    def state(self, plugs: Plugs, stampings: Mapping[str, Stamping]) -> dict[str, bytes]:
        """What the next record carries. stampings: by source, of its newest frames."""
        states = {source: self._head(stamping) + state for source, (stamping, state) in self._left.items()}
        if plugs.any:
            for source in self._silences:
                if source not in self._left and (state := plugs.state(source)):
                    states[source] = self._head(stampings.get(source, AS_THEY_ARE)) + state
        return states

    def take(
        self, source: str, frames: FrameBatch, stamping: Stamping, plugs: Plugs, lines: LineBuffer
    ) -> None:
        """Frames of a live source come, with this stamping: what is left of it goes on with them."""
        if source in self._left and plugs.follows(source):
            self._restore(source, stamping, plugs, lines)
        self._silences[source] = _Silence(frames[len(frames) - 1].time_ns)

    def move(self, source: str, earlier: Stamping, stamping: Stamping, plugs: Plugs) -> None:
        """From now on frames have another stamping, whose stamps are on another time line."""
        if plugs.follows(source) and earlier.base is TimeBase.BOOT:
            plugs.move(source, self._to_boot_ns(earlier) - self._to_boot_ns(stamping))

    def watch(
        self, listening: Iterable[str], stampings: Mapping[str, Stamping], plugs: Plugs, lines: LineBuffer
    ) -> None:
        """Look who is silent. listening: sources whose device is there, and of which no frame waits."""
        now_s = self._clock.monotonic_s()
        passed_ns = min(round((now_s - self._looked_s) * 1e9), MOST_WATCHED_NS)
        self._looked_s = now_s
        if not plugs.any:
            return
        for source in listening:
            if not plugs.follows(source):
                continue
            silence = self._silences.setdefault(source, _Silence())
            silence.watched_ns += passed_ns
            stamping = stampings.get(source, AS_THEY_ARE)
            if source in self._left:
                if self._left[source][0].base is not stamping.base:
                    continue  # its time is not known yet
                self._restore(source, stamping, plugs, lines)
            plugs.watch(source, silence.newest_ns, silence.watched_ns, lines, shift_ns=stamping.shift_ns)

    def close_orphans(self, sources: Iterable[str], plugs: Plugs, lines: LineBuffer) -> None:
        """Close what is left of sources that are not among these, or are not followed."""
        followed = {source for source in sources if plugs.follows(source)}
        for source in [source for source in self._left if source not in followed]:
            _, state = self._left.pop(source)
            plugs.close(state, lines)

    def _restore(self, source: str, stamping: Stamping, plugs: Plugs, lines: LineBuffer) -> None:
        earlier, state = self._left.pop(source)
        plugs.restore(source, state, lines)
        self.move(source, earlier, stamping, plugs)

    def _head(self, stamping: Stamping) -> bytes:
        if stamping.base is TimeBase.UNIX:
            return _SINCE_1970
        return _SINCE_BOOT + _BOOT.pack(bytes.fromhex(self._clock.boot_id()), stamping.shift_ns)

    def _to_boot_ns(self, stamping: Stamping) -> int:
        """What turns stamps of frames into times since this boot."""
        if stamping.base is TimeBase.BOOT:
            return stamping.shift_ns
        return stamping.shift_ns - (self._clock.unix_ns() - self._clock.boot_ns())
