"""The batch that a live source fills, and what becomes of it when the pipeline is behind.

Promises: frames that find no room in the channel wait in the batch while it has room; when both are full
they are counted as lost, and the newest frames go on being read.
"""

from collections.abc import Callable, Mapping

from telemetry.sources.channel import BatchChannel
from telemetry.sources.source import Delivery


class Outbox:
    """`batch` always has room for at least one frame."""

    def __init__(self, source: str, output: BatchChannel) -> None:
        self._source = source
        self._output = output
        self.batch = output.take_empty()
        self.overflowed = 0  # frames

    def send(self, counts: Callable[[], Mapping[str, int]]) -> None:
        """Hand the batch over if that is possible; `counts`: what the source has counted by now."""
        batch = self.batch
        if not len(batch):
            return
        position = batch.position + len(batch)
        if self._output.put(Delivery(self._source, batch, counts())):  # from here on the batch is not ours
            self.batch = self._output.take_empty()
            self.batch.position = position
        elif len(batch) == batch.capacity:
            self.drop()

    def drop(self) -> None:
        """Give up what waits in the batch, counted."""
        self.overflowed += len(self.batch)
        self.batch.position += len(self.batch)
        self.batch.clear()
