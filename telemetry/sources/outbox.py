"""The batch that a live source fills, and what becomes of it when the pipeline is behind.

Promises: frames that find no room in the channel wait in the batch while it has room. When both are full, a
source that has a buffer behind it (`hand_over`) leaves frames there; one that has none (`send`) counts the
batch as lost, and the newest frames go on being read.
"""

from collections.abc import Callable, Mapping

from telemetry.sources.inbox import BatchChannel
from telemetry.sources.source import Delivery

LAST_WAIT_S = 0.5


class Outbox:
    """`batch` is full only between `hand_over` and the next one."""

    def __init__(self, source: str, output: BatchChannel) -> None:
        self._source = source
        self._output = output
        self.batch = output.take_empty()
        self.overflowed = 0  # frames

    @property
    def is_full(self) -> bool:
        """Whether `batch` has no room left."""
        return len(self.batch) == self.batch.capacity

    def hand_over(self, counts: Callable[[], Mapping[str, int]], wait_s: float = 0.0) -> None:
        """Hand the batch over if the channel has room for it within `wait_s`.

        counts: what the source has counted by now.
        """
        batch = self.batch
        if not len(batch):
            return
        position = batch.position + len(batch)
        if self._output.put(Delivery(self._source, batch, counts()), wait_s):  # now it is not ours any more
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

    def drop(self) -> None:
        """Give up what waits in the batch, counted."""
        self.overflowed += len(self.batch)
        self.batch.position += len(self.batch)
        self.batch.clear()
