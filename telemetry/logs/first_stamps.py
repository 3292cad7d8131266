"""What the stamps of a log's first frames say of its clock: whether it has a date, and goes forward.

`candump -t d` writes the time since the frame before, `-t z` since the first one. Both look like stamps.
"""

from collections import Counter
from collections.abc import Iterator

from telemetry_core.frames.batch import FrameBatch

LOOKED_AT = 256  # frames
FROM_ZERO_NS = 10**9  # an earlier first stamp is no date: the log counts from its own start
MANY_BACK = 0.1  # of the stamps of a channel: tools that sort by arrival step back now and then
LEAST_STEPS = 10


class FirstStamps:
    """Looks at the first frames of one log."""

    def __init__(self) -> None:
        self._left = LOOKED_AT
        self._first_ns = FROM_ZERO_NS
        self._last_ns: dict[int, int] = {}  # by channel
        self._steps: Counter[int] = Counter()
        self._steps_back: Counter[int] = Counter()

    @property
    def is_done(self) -> bool:
        """Return whether enough frames were looked at."""
        return not self._left

    def look(self, batch: FrameBatch, start: int) -> None:
        """Look at the frames from `start` on."""
        for index in range(start, min(len(batch), start + self._left)):
            frame = batch[index]
            if self._left == LOOKED_AT:
                self._first_ns = frame.time_ns
            self._left -= 1
            before_ns = self._last_ns.get(frame.channel)
            self._last_ns[frame.channel] = frame.time_ns
            if before_ns is not None:
                self._steps[frame.channel] += 1
                self._steps_back[frame.channel] += frame.time_ns < before_ns

    def doubts(self) -> Iterator[str]:
        """Yield what is wrong with them, for people; one line at most."""
        doubtful = (
            (back, self._steps[channel])
            for channel, back in self._steps_back.most_common()
            if self._steps[channel] >= LEAST_STEPS and back > MANY_BACK * self._steps[channel]
        )
        if found := next(doubtful, None):
            back, steps = found
            where = f"in the first {steps + 1} frames of a channel"
            yield f"stamps step back {back} times {where}, as of candump -t d: record with candump -L"
        elif self._first_ns < FROM_ZERO_NS:
            yield "times count from 1970: the log has no date (record with candump -L)"
