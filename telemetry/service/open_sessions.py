"""Charging sessions that are open, over restarts, reloads and a clock that is set.

Their state travels in the spool's records, as of each record, and the last one is handed out at a start. What
of it goes on is decided by the follower, from what the bus says then.

Promises:
- A state stays until its plug is followed again. One that no plug takes is closed.
- Silence is what was watched: a process that stood still, or a device that was away, has watched nothing.
- A session that both ends have finished ends after its silence, even while the device is away.
- Stamps of a clock that was not known yet move once it is. Those of another boot are dropped, and logged.
- What was open before a boot goes on once the time is known. Until then nobody has seen it.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.text.lines import LineBuffer

from telemetry.clock import Clock
from telemetry.service.stamping import AS_THEY_ARE, Stamping
from telemetry.spool.batch import TimeBase
from telemetry.stages.sessions import PlugSessions

LOG = logging.getLogger("telemetry.service")

BY_POWER = ""  # in place of a source: plugs that are followed by power, whichever source measures it
MOST_BYTES = 2048  # of the state of a plug: it is in each record
MOST_WATCHED_NS = 500_000_000  # between two looks; they are 0.15 s apart unless something stands still


@dataclass(frozen=True, slots=True)
class _Left:
    """What an earlier run has left open at a plug that has not been followed yet."""

    state: bytes
    stamping: Stamping
    has_ended: bool


@dataclass(slots=True)
class _Silence:
    newest_ns: int | None = None  # stamp of the newest frame
    watched_ns: int = 0
    away_ns: int = 0  # the device was not there; counts for what both ends have finished


class OpenSessions:
    """What is open, by plug, for one pipeline of live sources."""

    def __init__(self, found: Mapping[str, bytes], clock: Clock) -> None:
        """found: what an earlier run has left."""
        self._clock = clock
        self._left: dict[str, _Left] = {}  # by plug
        if found:
            from telemetry.charging.saved import head_of  # which imports what follows a charge
        for plug, state in found.items():
            boot, has_ended = head_of(state)
            stamping = Stamping(TimeBase.BOOT, boot[1]) if boot else AS_THEY_ARE
            if boot and boot[0] != clock.boot_id():
                LOG.warning("%s: what was open before the last boot had no time yet, and is lost", plug)
            else:
                self._left[plug] = _Left(state, stamping, has_ended)
        self._stampings: dict[str, Stamping] = {}  # of the newest frames, by source
        self._silences: dict[str, _Silence] = {}  # by source
        self._looked_s = clock.monotonic_s()
        self._too_large: set[str] = set()  # plugs whose state has been

    def state(self, sessions: PlugSessions) -> dict[str, bytes]:
        """Return what the next record carries."""
        states = {plug: left.state for plug, left in self._left.items()}
        for source in self._silences:
            stamping = self._stamping(source)
            boot = (self._clock.boot_id(), stamping.shift_ns) if stamping.base is TimeBase.BOOT else None
            for plug in sessions.plugs_of(source):
                if plug not in self._left and (state := sessions.state(plug, boot)):
                    if len(state) <= MOST_BYTES:
                        states[plug] = state
                    elif plug not in self._too_large:
                        self._too_large.add(plug)
                        LOG.warning("%s: %d bytes of state do not survive a restart", plug, len(state))
        return states

    def take(
        self, source: str, frames: FrameBatch, stamping: Stamping, sessions: PlugSessions, lines: LineBuffer
    ) -> None:
        """Take note of frames of `source`, which come with this stamping."""
        for origin in (source, BY_POWER):
            earlier = self._stampings.get(origin, stamping)
            self._stampings[origin] = stamping
            plugs = sessions.plugs_of(origin)
            if not plugs:
                continue
            if not stamping.continues(earlier):
                for plug in plugs:
                    self._move(plug, earlier, stamping, sessions)
            self._silences[origin] = _Silence(frames[len(frames) - 1].time_ns)
            self._restore(origin, sessions, lines)
            for plug in plugs:
                sessions.write_rows(plug, stamping.base is TimeBase.UNIX, lines)

    def watch(
        self, listening: Sequence[str], away: Sequence[str], sessions: PlugSessions, lines: LineBuffer
    ) -> int:
        """Look who is silent. Of none of these sources a frame waits. Return for how long, in ns.

        listening: those whose device is there; away: those whose device is not.
        """
        now_s = self._clock.monotonic_s()
        passed_ns = min(round((now_s - self._looked_s) * 1e9), MOST_WATCHED_NS)
        self._looked_s = now_s
        for source in (*listening, BY_POWER) if listening else ():
            if plugs := sessions.plugs_of(source):
                silence = self._silences.setdefault(source, _Silence())
                silence.watched_ns += passed_ns
                self._restore(source, sessions, lines)
                self._end_silent(source, plugs, silence, sessions, lines)
        for source in away:
            left = self._left
            plugs = [
                plug
                for plug in sessions.plugs_of(source)
                if (left[plug].has_ended if plug in left else sessions.has_ended(plug))
            ]
            if plugs:
                silence = self._silences.setdefault(source, _Silence())
                silence.away_ns += passed_ns
                self._restore(source, sessions, lines, only=plugs)
                self._end_silent(source, plugs, silence, sessions, lines)
        return passed_ns

    def _end_silent(
        self, source: str, plugs: Sequence[str], silence: _Silence, sessions: PlugSessions, lines: LineBuffer
    ) -> None:
        shift_ns = self._stamping(source).shift_ns
        for plug in plugs:
            if plug not in self._left:
                away_ns = silence.away_ns if sessions.has_ended(plug) else 0
                silent_ns = silence.watched_ns + away_ns
                sessions.watch(plug, silence.newest_ns, silent_ns, lines, shift_ns=shift_ns)

    def leave(self, sources: Iterable[str], sessions: PlugSessions, lines: LineBuffer) -> Iterator[TimeBase]:
        """Say that the service stops; yield the time base of what is written next.

        sources: all that are configured, also those of which no frame has come.
        """
        for source in (*sources, BY_POWER):
            stamping = self._stamping(source)
            plugs = sessions.plugs_of(source)
            if source not in self._stampings and any(plug in self._left for plug in plugs):
                self._silences.setdefault(source, _Silence())
                yield stamping.base
                self._restore(source, sessions, lines)
            if source not in self._silences:
                continue
            if plugs := [plug for plug in plugs if plug not in self._left]:
                yield stamping.base
                for plug in plugs:
                    sessions.leave(plug, lines, shift_ns=stamping.shift_ns)

    def close_orphans(self, sources: Iterable[str], sessions: PlugSessions, lines: LineBuffer) -> None:
        """Close what is left of plugs that no longer are followed by frames of any of these sources."""
        followed = {plug for source in (*sources, BY_POWER) for plug in sessions.plugs_of(source)}
        for plug in [plug for plug in self._left if plug not in followed]:
            sessions.close(plug, self._left.pop(plug).state, lines)

    def _restore(
        self, source: str, sessions: PlugSessions, lines: LineBuffer, *, only: Sequence[str] | None = None
    ) -> None:
        """Let what is left (`only` of these plugs) go on, unless that has to wait until the time is known."""
        stamping = self._stamping(source)
        for plug in sessions.plugs_of(source) if only is None else only:
            if plug not in self._left:
                continue
            earlier = self._left[plug].stamping
            if earlier.base is TimeBase.BOOT:
                is_due = source in self._stampings
            else:
                is_due = stamping.base is TimeBase.UNIX
            if is_due:
                sessions.restore(plug, self._left.pop(plug).state, lines)
                if not stamping.continues(earlier):
                    self._move(plug, earlier, stamping, sessions)

    def _move(self, plug: str, earlier: Stamping, now: Stamping, sessions: PlugSessions) -> None:
        """Move the stamps that are known, since frames have another stamping now."""
        if earlier.base is TimeBase.BOOT:
            sessions.move(plug, self._to_boot_ns(earlier) - self._to_boot_ns(now))

    def _stamping(self, source: str) -> Stamping:
        return self._stampings.get(source, AS_THEY_ARE)

    def _to_boot_ns(self, stamping: Stamping) -> int:
        """Return what turns stamps of frames into times since this boot."""
        if stamping.base is TimeBase.BOOT:
            return stamping.shift_ns
        return stamping.shift_ns - (self._clock.unix_ns() - self._clock.boot_ns())
