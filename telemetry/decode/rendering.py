"""From frames to text, for one thread: decoder and encoder, and what they have counted.

Promises: what comes out for a frame depends on that frame alone, so that any number of renderers can share
the frames of a log. What depends on frames before (nudged stamps, transport sessions) is done by who hands
the frames over. Relies on the plan, which renderers share and nobody changes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from telemetry_core.decode.decoder import Decoder
from telemetry_core.decode.plan import Plan
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.text.encoder import Encoder
from telemetry_core.text.lines import LineBuffer

from telemetry.decode.output import OutputFormat
from telemetry.ledger import add, subtract
from telemetry.model.point import tag_set
from telemetry.stages.transport import SENDERS


@dataclass(frozen=True, slots=True)
class LogChannel:
    """A channel of a log: its number, the plan's bus that it is (-1: none), what points of it are tagged."""

    number: int
    name: str
    bus: int
    j1939: bool
    first_tags: int
    tags: Mapping[str, str]

    @property
    def tag_sets(self) -> int:
        """How many it needs, from `first_tags` on: its own, and with J1939 one for each sender."""
        return 1 + SENDERS * self.j1939


@dataclass(frozen=True, slots=True)
class Rendered:
    """Text, and of line protocol the number of lines and the bounds of their stamps."""

    text: bytes
    lines: int
    first_ns: int
    last_ns: int


class Renderer:
    """Writes frames in one format."""

    def __init__(self, plan: Plan, output_format: OutputFormat) -> None:
        self._decoder = Decoder(plan)
        self._encoder = Encoder(plan.schema)
        self._encode = {
            OutputFormat.CSV: self._encoder.encode_csv,
            OutputFormat.LINE_PROTOCOL: self._encoder.encode,
            OutputFormat.NDJSON: self._encoder.encode_ndjson,
        }[output_format]
        self._samples = SampleBatch(plan.schema)
        self._lines = LineBuffer()
        self._bound = 0

    def bind(self, channels: Iterable[LogChannel]) -> None:
        """`channels`: all that there are, in the order of their numbers; new ones are bound."""
        for channel in channels:
            if channel.number < self._bound:
                continue
            self._encoder.set_channel(channel.number, channel.name)
            self._encoder.set_tags(channel.first_tags, tag_set(channel.tags))
            senders = channel.first_tags + 1 if channel.j1939 else None
            for sender in range(SENDERS * channel.j1939):
                self._encoder.set_tags(
                    channel.first_tags + 1 + sender, tag_set({**channel.tags, "sa": f"{sender:02X}"})
                )
            self._decoder.bind(channel.number, channel.bus, channel.first_tags, senders)
            self._bound += 1

    def render(self, frames: FrameBatch) -> Rendered:
        """What the frames mean."""
        self._samples.clear()
        self._decoder.decode(frames, self._samples)
        self._encode(self._samples, self._lines)
        lines, first_ns, last_ns = self._lines.lines, self._lines.first_ns, self._lines.last_ns
        return Rendered(self._lines.take(), lines, first_ns, last_ns)

    def frames_by_fate(self) -> dict[str, int]:
        """What became of all frames so far."""
        return add(*(self._decoder.counts(number) for number in range(self._bound)))

    def points_made(self) -> dict[str, int]:
        """Lines so far, by measurement. For line protocol."""
        return subtract(self._decoder.made(), self._encoder.empty_by_measurement())

    def omitted(self) -> dict[str, int]:
        """Values left out so far, by reason."""
        return add(self._decoder.omitted(), {"not_finite": self._encoder.left_out})
