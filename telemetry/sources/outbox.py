"""The batch that a live source fills, and what becomes of it when the pipeline is slow.

Promises:
- Frames that find no room in the inbox wait in the batch while it has room.
- When both are full, a source whose device has a buffer (`hand_over`) leaves frames there.
- A source without such a buffer (`send`) counts the batch as lost, and reads the newest frames on.
"""

from collections.abc import Callable, Mapping

from telemetry.sources.inbox import Inbox
from telemetry.sources.items import Arrival, SourceEnded

LAST_WAIT_S = 0.5


class Outbox:
    """`batch` is full only between `hand_over` and the next one."""

    def __init__(self, source: str, output: Inbox) -> None:
        self._source = source
        self._output = output
        self.batch = output.take_empty()
        self.overflowed = 0  # frames

    @property
    def is_full(self) -> bool:
        """Return whether `batch` has no room left."""
        return len(self.batch) == self.batch.capacity

    def hand_over(self, counts: Callable[[], Mapping[str, int]], wait_s: float = 0.0) -> None:
        """Hand the batch over if the inbox has room for it within `wait_s`.

        counts: what the source has counted by now.
        """
        batch = self.batch
        if not len(batch):
            return
        position = batch.position + len(batch)
        if self._output.put(Arrival(self._source, batch, counts()), wait_s):  # now it is not ours any more
            self.batch = self._output.take_empty()
            self.batch.position = position

    def send(self, counts: Callable[[], Mapping[str, int]]) -> None:
        """Hand the batch over, or give it up when it is full."""
        self.hand_over(counts)
        if self.is_full:
            self.drop()

    def finish(self, counts: Callable[[], Mapping[str, int]]) -> None:
        """Hand the last batch over, or give it up."""
        self.hand_over(counts, LAST_WAIT_S)
        self.drop()

    def end(self, counts: Callable[[], Mapping[str, int]]) -> None:
        """Hand the last batch over, or give it up; then note that the source has ended."""
        self.finish(counts)
        self._output.put(SourceEnded(self._source, counts(), is_complete=False))

    def drop(self) -> None:
        """Give up what waits in the batch, counted."""
        self.overflowed += len(self.batch)
        self.batch.position += len(self.batch)
        self.batch.clear()
