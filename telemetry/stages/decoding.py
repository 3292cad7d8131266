"""The decoder and what it has counted.

Promises: what comes out for a frame depends on that frame alone, so that threads with a decoder each can
share the frames of a log.
"""

from telemetry_core.decode.decoder import Decoder
from telemetry_core.decode.plan import Plan
from telemetry_core.decode.unmatched import UnmatchedIds

from telemetry.ledger import Names, add
from telemetry.stages.binding import BoundChannel


class Decoding:
    """One thread's decoder."""

    def __init__(self, plan: Plan) -> None:
        self._decoder = Decoder(plan, made_prefix="points/made/")
        self._names: dict[int, Names] = {}  # of the fates of a channel's frames
        self.decode = self._decoder.decode

    def bind(self, channel: BoundChannel) -> None:
        """Expect frames of `channel`."""
        senders = channel.senders.start if channel.j1939 else None
        self._decoder.bind(channel.number, channel.binding.bus, channel.own, senders)
        self._names[channel.number] = Names(f"frames/{channel.binding.source}/")

    def unmatched(self, most: int) -> UnmatchedIds:
        """Return what counts, by id, the frames for which this decoder has no message: `most` ids."""
        return UnmatchedIds(most, self._decoder)

    def fates(self) -> list[str]:
        """Return what may become of a frame."""
        return list(self._decoder.counts(0))

    def counted(self) -> dict[str, int]:
        """Return what became of the frames so far, and the points, as the accounts call them."""
        counters = self._decoder.made()
        for number, names in self._names.items():
            names.count(counters, self._decoder.counts(number))
        return counters

    def matched(self) -> dict[str, int]:
        """Return the number of frames, and payloads of several, that have a message (`decoded`) or not."""
        frames = (self._decoder.counts(number) for number in self._names)
        payloads = (self._decoder.payloads(number) for number in self._names)
        both = add(*frames, *payloads)
        known = both.get("decoded", 0) + both.get("without_signals", 0)
        return {"decoded": known, "unknown": both.get("unknown", 0)}

    def heard(self) -> set[str]:
        """Return the measurements of the messages that came so far, those of hidden ones, too."""
        return self._decoder.heard()

    def omitted(self) -> dict[str, int]:
        """Return values left out so far, by reason."""
        return self._decoder.omitted()
