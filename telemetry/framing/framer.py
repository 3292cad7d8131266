"""The resynchroniser: the bytes of a serial line, in pieces of any size, as the frames of a batch.

Promises, for any bytes and any framing:

- The same messages come out however the bytes are split.
- Each message has the stamp of the feed that brought its last byte.
- After garbage, messages come again from the second whole one on: a beginning is given up once two whole
  messages, one after the other, lie within what it claims.
- A bad message costs its first byte alone: the search goes on right after it, since a good one may begin
  within.
- Memory is bounded by the longest message.
- Every byte outside of messages is counted.

Of messages that begin at one place the shortest good one is taken. Relies on the batch having room
(`room_needed`), and on lengths that do not depend on what follows.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Self

from telemetry_core.frames.batch import FrameBatch

from telemetry.framing.framing import Framing, Heard, Shape, Skipped, longest_literal, pattern, rarest
from telemetry.framing.lengths import UNKNOWN, Length

_MOST_REQUESTS = 64  # that wait for the bytes before them


class _Form(NamedTuple):
    """A shape, unpacked for the loops."""

    begins: Callable[[bytes, int], object]
    length: Length
    shortest: int
    longest: int
    end: bytes
    is_good: Callable[[bytes], bool]
    is_checked: bool

    @classmethod
    def of(cls, shape: Shape) -> Self:
        begins = shape.beginnings.match
        return cls(
            begins,
            shape.length,
            shape.shortest,
            shape.longest,
            shape.end,
            shape.check.is_good,
            shape.is_checked,
        )


def _by_first_byte(shapes: Iterable[Shape]) -> Sequence[Sequence[_Form]]:
    """Return, for each byte, the forms of the messages that may begin with it, in their order."""
    forms = [(shape.start[0], _Form.of(shape)) for shape in shapes]
    kept: dict[tuple[_Form, ...], tuple[_Form, ...]] = {}  # most bytes begin the same ones
    begun = (tuple(form for first, form in forms if byte in first) for byte in range(256))
    return [kept.setdefault(one, one) for one in begun]


class MessageFramer:
    """Finds the messages of one port, and gives each frame the channel of its device.

    channel_of: the channel of a device by its address (NO_ADDRESS: it has none); None: nobody asked for it.
    byte_ns: the messages of one feed are stamped so far apart a byte.
    """

    def __init__(
        self, framing: Framing, channel_of: Callable[[int], int | None], *, byte_ns: int = 0
    ) -> None:
        self._framing = framing
        self._forms = _by_first_byte(framing.shapes)
        starts = b"|".join(pattern(shape.start) for shape in framing.shapes)
        self._beginnings = re.compile(b"(?=%b)" % starts, re.DOTALL)
        self._checked = tuple(_Form.of(shape) for shape in framing.shapes if shape.is_checked)
        self._literals = tuple({longest_literal(shape.start) for shape in framing.shapes if shape.is_checked})
        within, self._within_offset = rarest([shape.start for shape in framing.shapes])
        self._within = re.compile(within, re.DOTALL)
        self._shortest = min(shape.shortest for shape in framing.shapes)
        self._two_shortest = 2 * self._shortest
        self._frames_per_message = framing.frames_per_message
        self._silence_ns = framing.silence_ns
        self._padding = framing.padding
        self._channel_of = channel_of
        self._byte_ns = byte_ns
        self._reader = framing.make_reader()
        self._kept = b""
        self._stamps: list[tuple[int, int]] = []  # of pieces of `_kept`: where each ends, its time
        self._last_ns: int | None = None
        self._end_ns = 0  # of the last message
        self._request = b""  # the last one sent: what an adapter may echo
        self._requests: deque[tuple[int, bytes]] = deque()  # after how many of `_kept` each was sent
        self._counts = dict.fromkeys(("messages", "lost/bad_checksum"), 0)
        self._counts |= {skipped.value: 0 for skipped in Skipped if skipped.value}
        self._counts |= {"padding_bytes": 0, "garbage_bytes": 0}

    def feed(self, data: bytes, time_ns: int, frames: FrameBatch) -> None:
        """Take bytes from the serial line, and append the messages that are complete now to `frames`.

        `time_ns` is the time of their arrival. Raises IndexError, and takes nothing, when `frames` has less
        room than `room_needed(len(data))`.
        """
        self._check_room(len(data), frames)
        silence_ns = self._silence_ns
        if silence_ns is not None:
            if self._last_ns is not None and time_ns - self._last_ns > silence_ns:
                self._end(frames)
            self._last_ns = time_ns
        self._kept += data
        self._stamps.append((len(self._kept), time_ns))
        self._settle(frames, is_end=False)

    def sent(self, request: bytes, frames: FrameBatch) -> None:
        """Note a request that was sent: its echo is no message, and the reader may read the answer by it.

        Messages that begin before it, and that bytes after it decide, are read by the request before it.
        """
        if self._kept:
            if len(self._requests) == _MOST_REQUESTS:
                self._ask(self._requests.popleft()[1], frames)
            self._requests.append((len(self._kept), request))
        else:
            self._ask(request, frames)

    def finish(self, frames: FrameBatch) -> None:
        """End the bytes so far: at the end of a recording, or when a reply is late.

        What is unfinished is given up, and the messages within it are appended to `frames`. Raises
        IndexError, and does nothing, when `frames` has less room than `room_needed(0)`.
        """
        self._check_room(0, frames)
        self._end(frames)

    def room_needed(self, byte_count: int) -> int:
        """Return how many messages the next `byte_count` bytes may complete at most."""
        messages = (len(self._kept) + byte_count) // self._shortest
        return (messages + 1) * self._frames_per_message

    def reset(self) -> None:
        """Forget what is unfinished, since the port was opened again. Counts go on."""
        self._counts["garbage_bytes"] += len(self._kept)
        self._kept = b""
        self._stamps.clear()
        self._requests.clear()

    def counts(self) -> dict[str, int]:
        """Return what was found so far, by name.

        - messages: those that gave frames, or a part of one.
        - lost/bad_checksum: whole but for their check.
        - lost/bad_length: too short for what their kind must have.
        - lost/error_reply: the device refused.
        - lost/incomplete: came in parts, some of which are missing.
        - echoes: requests heard on the serial line.
        - other_messages: acknowledgements, and what other devices say.
        - padding_bytes: fill bytes between messages.
        - garbage_bytes: all other bytes, those of messages with a bad checksum included.
        """
        return {**self._counts, "lost/incomplete": self._reader.incomplete}

    def identity(self) -> dict[str, str]:
        """Return what the device last said about itself, by name, in printable letters alone."""
        return dict(self._reader.identity)

    def forget_identity(self) -> None:
        """Forget the device: the port was opened again, and another device may answer. Counts go on."""
        incomplete = self._reader.incomplete
        self._reader = self._framing.make_reader()
        self._reader.incomplete = incomplete
        self._request = b""

    def _check_room(self, byte_count: int, frames: FrameBatch) -> None:
        needed = self.room_needed(byte_count)
        if frames.capacity - len(frames) < needed:
            raise IndexError(f"the batch has no room for {needed} messages")

    def _end(self, frames: FrameBatch) -> None:
        self._settle(frames, is_end=True)
        self._append(self._reader.end(), frames)

    def _settle(self, frames: FrameBatch, *, is_end: bool) -> None:
        """Take the messages that the kept bytes decide."""
        data, at, count = self._kept, 0, len(self._kept)
        while at < count:
            size, is_open, is_bad = self._judge(data, at)
            if size:
                if self._requests:
                    self._ask_until(at, frames)
                self._take(data[at : at + size], self._stamp(at + size), frames)
                at += size
            elif is_open and not is_end:
                break
            else:
                found = self._beginnings.search(data, at)
                begin = found.start() if found is not None else count
                if begin == at:  # of a bad message
                    self._counts["lost/bad_checksum"] += is_bad
                    begin += 1
                self._drop(data[at:begin])
                at = begin
        self._kept = data[at:]
        self._stamps = [(end - at, time_ns) for end, time_ns in self._stamps if end > at]
        if self._requests:
            self._ask_until(at, frames)
            self._requests = deque((end - at, request) for end, request in self._requests)

    def _ask_until(self, at: int, frames: FrameBatch) -> None:
        """Let the reader know of the requests that were sent before this place."""
        while self._requests and self._requests[0][0] <= at:
            self._ask(self._requests.popleft()[1], frames)

    def _ask(self, request: bytes, frames: FrameBatch) -> None:
        said = self._reader.sent(request)
        if said:
            self._append(said, frames)
        self._request = request

    def _judge(self, data: bytes, at: int) -> tuple[int, bool, bool]:
        """Return the size of the good message here (0: none), whether one may yet be, whether one was bad."""
        left = len(data) - at
        best, is_open, is_bad = 0, False, False
        for begins, length, shortest, longest, end, is_good, _ in self._forms[data[at]]:
            if not begins(data, at):
                continue
            size = length(data, at)
            if size != UNKNOWN and not shortest <= size <= longest:
                continue
            if best and size >= best:
                continue
            is_whole = 0 < size <= left
            inner = size - 2 if is_whole else left - 1  # bytes that it claims beside its first and last one
            if inner >= self._two_shortest and self._holds_two(data, at + 1, at + 1 + inner):
                continue
            if not is_whole:
                is_open = True
            elif data.startswith(end, at + size - len(end)):
                if is_good(data[at : at + size - len(end)]):
                    best = size
                else:
                    is_bad = True
        return best, is_open, is_bad

    def _holds_two(self, data: bytes, begin: int, end: int) -> bool:
        """Return whether two whole messages, one after the other, lie between these places."""
        for literal, literal_at in self._literals:
            if data.find(literal, begin + literal_at, end) >= 0:
                break
        else:
            return False
        offset = self._within_offset
        found = self._within.finditer(data, begin + offset, end - self._shortest + offset + 1)
        places = [one.start() - offset for one in found]
        if not places or places[-1] - places[0] < self._shortest:
            return False
        first_end = end  # of the message that ends first
        for at in places:
            for begins, length, shortest, longest, ending, is_good, _ in self._checked:
                if not begins(data, at):
                    continue
                size = length(data, at)
                if not shortest <= size <= min(longest, end - at):
                    continue
                if not data.startswith(ending, at + size - len(ending)):
                    continue
                if not is_good(data[at : at + size - len(ending)]):
                    continue
                if at >= first_end:
                    return True
                first_end = min(first_end, at + size)
        return False

    def _stamp(self, end: int) -> int:
        """Return the time of the byte before `end`."""
        for piece_end, time_ns in self._stamps:
            if end <= piece_end:
                return time_ns - (piece_end - end) * self._byte_ns
        raise AssertionError("every kept byte has come with a piece")

    def _take(self, message: bytes, time_ns: int, frames: FrameBatch) -> None:
        if message == self._request:
            self._request = b""
            self._counts[Skipped.ECHO.value] += 1
            return
        before = self._reader.before(message)
        if before:
            self._append(before, frames)
        self._end_ns = time_ns
        said = self._reader.read(message)
        if isinstance(said, Skipped):
            self._counts[said.value or "messages"] += 1
            return
        self._counts["messages"] += 1
        self._append(said, frames)

    def _append(self, said: Sequence[Heard], frames: FrameBatch) -> None:
        for one in said:
            channel = self._channel_of(one.address)
            if channel is None:
                self._counts[Skipped.OTHER.value] += 1
            else:
                frames.append(self._end_ns, one.id, one.data, channel=channel)

    def _drop(self, dropped: bytes) -> None:
        self._reader.dropped(len(dropped))
        garbage = len(dropped.translate(None, self._padding))
        self._counts["padding_bytes"] += len(dropped) - garbage
        self._counts["garbage_bytes"] += garbage
