"""One device on an open line: its framer, its silence, and whether it is the device that it was.

Promises:
- Each good message is one frame with the stamp of its last byte; two messages of one read are never of one
  stamp.
- A silent device is not believed any more: values are unknown after 10 s, and it is offline after 60 s. Each
  is one event when it begins and one when it ends, and is counted. The last values are never repeated.
- After a port was opened again, messages of a device that has named itself before are held back until it has
  done so again. A device that talks for 60 s without a name is believed.
- As long as another device answers its messages are dropped: they never appear under the name of the one
  before. That begins and ends with an event.

Relies on being asked now and then; knows no port.
"""

from collections.abc import Iterable, Mapping

from telemetry_core.frames.batch import FrameBatch

from telemetry.clock import Clock
from telemetry.framing.framer import MessageFramer
from telemetry.model.events import begins, ends
from telemetry.protocols.table import Framer, device_words
from telemetry.sources.inbox import SourceEvent
from telemetry.sources.serial.conversation import Asking, Listening

BYTE_NS = 1000  # two messages that one read brings are never of one stamp, or one would overwrite the other
SLICE_BYTES = 256  # fed at a time, which bounds the room that its messages need
_TEXT_SLICE_BYTES = 7  # no block is shorter, so that no two end in one slice
_HELD_FRAMES = 512
UNKNOWN_S = 10.0  # of silence: the values are not believed any more
OFFLINE_S = 60.0
HOLD_S = 60.0  # for which a device that does not name itself is doubted
_MAY_CHANGE = ("firmware", "software")  # by an update


class SilenceWatch:
    """How long one device has been silent."""

    def __init__(
        self, source: str, clock: Clock, *, unknown_s: float = UNKNOWN_S, offline_s: float = OFFLINE_S
    ) -> None:
        self._source = source
        self._clock = clock
        self._limits_s = {"values_unknown": unknown_s, "device_offline": offline_s}
        self._begun: list[str] = []
        self._since_s = clock.monotonic_s()
        self.count = 0  # how often the values became unknown

    @property
    def is_unknown(self) -> bool:
        """Return whether the device's values are unknown by now."""
        return bool(self._begun)

    @property
    def silent_s(self) -> float:
        """Return for how long it has been silent."""
        return self._clock.monotonic_s() - self._since_s

    def look(self) -> list[SourceEvent]:
        """Return the events that are due by now."""
        silent_s = self.silent_s
        due = [
            code
            for code, limit_s in self._limits_s.items()
            if silent_s >= limit_s and code not in self._begun
        ]
        self.count += "values_unknown" in due
        self._begun += due
        text = f"no good message for {silent_s:.1f} s"
        return [SourceEvent(begins(code, text, self._source), self._clock.unix_ns()) for code in due]

    def broken(self) -> list[SourceEvent]:
        """Note that a good message has come. Return the events that end by it."""
        text = f"sent nothing for {self.silent_s:.1f} s"
        ended, self._begun = self._begun, []
        self._since_s = self._clock.monotonic_s()
        return [SourceEvent(ends(code, text, self._source), self._clock.unix_ns()) for code in ended]


class SameDevice:
    """Watches one device over all openings of its port. source: as its events have it."""

    def __init__(self, source: str, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._known: dict[str, str] = {}
        self._talks_since_s: float | None = None  # without a name, after the port was opened
        self.is_doubted = False  # whether messages are to be held back, since it is not known who sends them
        self.is_other = False

    def opened(self) -> None:
        """Begin again: the port was opened again."""
        self.is_doubted = bool(self._known)
        self._talks_since_s = None

    def heard(self, identity: Mapping[str, str]) -> list[SourceEvent]:
        """Return the events that follow from messages: it has said this of itself by now."""
        now_s = self._clock.monotonic_s()
        if self._talks_since_s is None:
            self._talks_since_s = now_s
        if now_s - self._talks_since_s >= HOLD_S:
            self.is_doubted = False
        said = {name: words for name, words in identity.items() if not name.startswith(_MAY_CHANGE)}
        common = [name for name in said if name in self._known]
        if not common and (self._known or not said):
            return []
        was_other, self.is_other = self.is_other, any(said[name] != self._known[name] for name in common)
        self.is_doubted = False
        if not self.is_other:
            self._known |= said
        if self.is_other == was_other:
            return []
        now_ns = self._clock.unix_ns()
        if not self.is_other:
            return [SourceEvent(ends("device_changed", "the device is back", self._source), now_ns)]
        changes = ", ".join(f"{name} {self._known[name]} -> {said[name]}" for name in common)
        return [SourceEvent(begins("device_changed", f"another device: {changes}", self._source), now_ns)]


class Member:
    """Relies on `framer` stamping the bytes of a feed BYTE_NS apart, where it is a MessageFramer."""

    def __init__(
        self, name: str, framer: Framer, talk: Asking | Listening, silence: SilenceWatch, clock: Clock
    ) -> None:
        self.name = name
        self.framer = framer
        self.talk = talk
        self.silence = silence
        self.same = SameDevice(name, clock)
        self._held: FrameBatch | None = None
        self.dropped = 0  # frames of another device, or that found no room while it was asked for

    @property
    def device(self) -> str:
        """Return what it says of itself: `model …, firmware …`; empty: nothing yet."""
        return device_words(self.framer.identity())

    def opened(self) -> None:
        """Begin again: the port was opened. It may be another device, and is asked first who it is."""
        self.framer.forget_identity()
        self.same.opened()
        if self.same.is_doubted and isinstance(self.talk, Asking):
            self.talk.hurry(HOLD_S)

    def feed(self, data: bytes, now_ns: int, frames: FrameBatch) -> Iterable[None]:
        """Take bytes that came by now; after each step, `frames` has the messages of a slice."""
        size = SLICE_BYTES if isinstance(self.framer, MessageFramer) else _TEXT_SLICE_BYTES
        for first in range(0, len(data), size):
            piece = data[first : first + size]
            after = len(data) - first - len(piece)
            self.framer.feed(piece, now_ns - after * BYTE_NS, frames)
            yield

    def sent(self, request: bytes, frames: FrameBatch) -> None:
        """Note that it was asked."""
        self.framer.reset()
        if isinstance(self.framer, MessageFramer):
            self.framer.sent(request, frames)

    def judge(self, frames: FrameBatch) -> tuple[FrameBatch, list[SourceEvent]]:
        """Return those of `frames`, its new messages, that are its own as far as it is known.

        Events that follow.
        """
        was_doubted = self.same.is_doubted
        events = self.same.heard(self.framer.identity())
        if was_doubted and not self.same.is_doubted and isinstance(self.talk, Asking):
            self.talk.calm()
        if self.same.is_doubted:
            self._hold(frames)
            return FrameBatch(1), events
        if self.same.is_other:
            self.dropped += len(frames) + self._forget_held()
            return FrameBatch(1), events
        if self._held is None:
            return frames, events
        whole = FrameBatch(len(self._held) + len(frames))
        whole.extend(self._held)
        whole.extend(frames)
        self._held = None
        return whole, events

    def _hold(self, frames: FrameBatch) -> None:
        if self._held is None:
            self._held = FrameBatch(_HELD_FRAMES)
        if self._held.capacity - len(self._held) < len(frames):
            self.dropped += len(frames)
        else:
            self._held.extend(frames)

    def _forget_held(self) -> int:
        held, self._held = self._held, None
        return 0 if held is None else len(held)
