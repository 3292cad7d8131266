"""One device on an open line: its framer, its silence, and whether it is the device that it was.

Promises: each good message is one frame with the stamp of its last byte; two messages of one read are never
of one stamp.
"""

from collections.abc import Iterable

from telemetry_core.frames.batch import FrameBatch

from telemetry.clock import Clock
from telemetry.framing.framer import MessageFramer
from telemetry.protocols.table import Framer, device_words
from telemetry.sources.items import SourceEvent
from telemetry.sources.serial.conversation import Asking, Listening
from telemetry.sources.serial.identity import HOLD_S, SameDevice
from telemetry.sources.serial.silence import SilenceWatch

BYTE_NS = 1000  # two messages that one read brings are never of one stamp, or one would overwrite the other
SLICE_BYTES = 256  # fed at a time, which bounds the room that its messages need
_TEXT_SLICE_BYTES = 7  # no block is shorter, so that no two end in one slice
_HELD_FRAMES = 512


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
        if self.same.is_doubted:
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
        if was_doubted and not self.same.is_doubted:
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
