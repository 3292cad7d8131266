"""The decoder and what it has counted.

Promises: what comes out for a frame depends on that frame alone, so that threads with a decoder each can
share the frames of a log.
"""

from telemetry_core.decode.decoder import Decoder
from telemetry_core.decode.plan import Plan

from telemetry.ledger import add
from telemetry.stages.binding import BoundChannel


class Decoding:
    """One thread's decoder."""

    def __init__(self, plan: Plan) -> None:
        self._decoder = Decoder(plan)
        self._channels: list[BoundChannel] = []
        self.decode = self._decoder.decode

    def bind(self, channel: BoundChannel) -> None:
        """Frames of `channel` will come."""
        senders = channel.senders.start if channel.j1939 else None
        self._decoder.bind(channel.number, channel.binding.bus, channel.own, senders)
        self._channels.append(channel)

    def fates(self) -> list[str]:
        """What may become of a frame."""
        return list(self._decoder.counts(0))

    def counted(self) -> dict[str, int]:
        """What became of the frames so far, and the points, as the accounts call them."""
        fates = (
            {f"frames/{channel.binding.source}/{name}": count for name, count in counts.items()}
            for channel in self._channels
            for counts in (self._decoder.counts(channel.number),)
        )
        return add(*fates, {f"points/made/{name}": count for name, count in self._decoder.made().items()})

    def omitted(self) -> dict[str, int]:
        """Values left out so far, by reason."""
        return self._decoder.omitted()
