"""Logs into csv, line protocol or ndjson: what `nev-telemetry decode` does.

Promises: the output depends on the logs, the databases and the format alone, byte for byte, whatever the
batch size; memory is constant. csv carries each frame's own stamp and so does ndjson; in line protocol frames
of one message that share a stamp are set 1 ns apart, over all logs, since a database would keep only one.
Relies on the plan's loader for the databases and on `Log` for the formats.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from telemetry_core.decoder import Decoder
from telemetry_core.encoder import CSV_HEADER, Encoder
from telemetry_core.frames import FrameBatch
from telemetry_core.lines import LineBuffer
from telemetry_core.plan import Plan
from telemetry_core.samples import SampleBatch
from telemetry_core.schema import Schema
from telemetry_core.spec import PlanSpec
from telemetry_core.stamps import Nudger
from telemetry_core.transport import Transport

from telemetry.ledger import add
from telemetry.lineprotocol import tag_set
from telemetry.protocols.databases import BusDatabases
from telemetry.protocols.transport import SENDERS, IsoTpId, listen, listens_for_j1939
from telemetry.sources.logs import Log

BATCH_FRAMES = 4096
NO_BUS = -1


class OutputFormat(StrEnum):
    """How values are written."""

    CSV = "csv"
    LINE_PROTOCOL = "lp"
    NDJSON = "ndjson"


@dataclass(frozen=True, slots=True)
class Database:
    """A database and the channel that it is for; empty: every channel."""

    file: Path
    channel: str = ""


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """Which bus of a plan each channel is. `databases`: what the plan is loaded from."""

    databases: tuple[BusDatabases, ...]
    by_channel: dict[str, int] = field(default_factory=dict)
    otherwise: int = NO_BUS

    def bus_of(self, channel: str) -> int:
        """Index of the channel's bus, NO_BUS when it has no database."""
        return self.by_channel.get(channel, self.otherwise)


def plan_channels(
    databases: Sequence[Database], *, first_wins: bool, j1939: bool, keep_not_available: bool = False
) -> ChannelPlan:
    """One bus for each channel that has databases of its own, one for the others; files as given."""
    buses: list[BusDatabases] = []
    by_channel: dict[str, int] = {}
    otherwise = NO_BUS

    def add_bus(channel: str) -> int:
        files = dict.fromkeys(database.file for database in databases if database.channel in ("", channel))
        others = any(database.channel for database in databases)
        name = channel or ("of every other channel" if others else "of every channel")
        buses.append(BusDatabases(name, tuple(files), first_wins, j1939, keep_not_available))
        return len(buses) - 1

    for database in databases:
        if database.channel and database.channel not in by_channel:
            by_channel[database.channel] = add_bus(database.channel)
        elif not database.channel and otherwise == NO_BUS:
            otherwise = add_bus("")
    return ChannelPlan(tuple(buses), by_channel, otherwise)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one log is; `total_bytes` is 0 where it is unknown."""

    path: Path
    bytes_read: int
    total_bytes: int
    frames: int


class LogDecoder:
    """Decodes logs one after the other, as if they were one."""

    def __init__(
        self,
        plan: PlanSpec,
        channels: ChannelPlan,
        output_format: OutputFormat,
        *,
        vehicle: str,
        isotp: Sequence[IsoTpId] = (),
        batch_frames: int = BATCH_FRAMES,
    ) -> None:
        schema = Schema(plan.records)
        self._channels = channels
        self._format = output_format
        self._vehicle = vehicle
        packed = Plan(plan, schema)
        self._buses = plan.buses
        self._isotp = isotp
        self._transport = Transport(packed)
        self._decoder = Decoder(packed)
        self._encoder = Encoder(schema)
        self._encode = {
            OutputFormat.CSV: self._encoder.encode_csv,
            OutputFormat.LINE_PROTOCOL: self._encoder.encode,
            OutputFormat.NDJSON: self._encoder.encode_ndjson,
        }[output_format]
        self._nudger = Nudger()
        self._frames = FrameBatch(batch_frames)
        self._samples = SampleBatch(schema)
        self._lines = LineBuffer()
        self._numbers: dict[str, int] = {}
        self._tag_sets = 0
        self.frames_read = 0

    @property
    def header(self) -> bytes:
        """What comes before the first row."""
        return CSV_HEADER.encode() + b"\n" if self._format is OutputFormat.CSV else b""

    def decode(self, log: Log, write: Callable[[bytes], object], report: Callable[[Progress], None]) -> None:
        """Write what all frames of `log` mean; `report` is called after each batch."""
        while not log.at_end:
            self._frames.clear()
            log.read(self._frames)
            self.frames_read += len(self._frames)
            self._nudger.nudge(self._frames)
            self._samples.clear()
            self._decoder.decode(self._transport.reassemble(self._frames), self._samples)
            self._encode(self._samples, self._lines)
            if len(self._lines):
                write(self._lines.take())
            report(Progress(log.path, log.bytes_read, log.total_bytes, self.frames_read))

    def number_of(self, channel: str) -> int:
        """The number of a channel, which is bound to its bus the first time."""
        if channel not in self._numbers:
            number = self._numbers[channel] = len(self._numbers)
            bus = self._channels.bus_of(channel)
            j1939 = listens_for_j1939(self._buses, bus)
            listen(self._transport, number, bus, j1939=j1939, isotp=self._isotp)
            tags = {"vehicle": self._vehicle, "source": channel}
            own_tags = self._add_tags(tags)
            senders = [self._add_tags({**tags, "sa": f"{sender:02X}"}) for sender in range(SENDERS * j1939)]
            self._decoder.bind(number, bus, own_tags, senders[0] if senders else None)
            self._encoder.set_channel(number, channel)
        return self._numbers[channel]

    def _add_tags(self, tags: Mapping[str, str]) -> int:
        self._encoder.set_tags(self._tag_sets, tag_set(tags))
        self._tag_sets += 1
        return self._tag_sets - 1

    def finish(self) -> None:
        """All logs are read: what transport sessions have of their messages is no message."""
        for number in self._numbers.values():
            self._transport.end_sessions(number)

    def warnings(self) -> list[str]:
        """What was left out and why, for people; one line each."""
        lines = []
        if not self.frames_read:
            lines.append("no frames in what was read")
        for channel in self._numbers:
            if self._channels.bus_of(channel) == NO_BUS:
                lines.append(f"{channel}: no database (--dbc {channel}=FILE)")
        for channel in self._channels.by_channel:
            if channel not in self._numbers:
                lines.append(f"{channel}: has a database, but no frames")
        for reason, count in self._frames_by_fate().items():
            if count and reason.startswith("lost/"):
                lines.append(f"frames left out ({_words(reason.removeprefix('lost/'))}): {count}")
        sessions = add(*(self._transport.session_counts(number) for number in self._numbers.values()))
        for reason, count in sessions.items():
            if count and reason not in ("complete", "orphans"):
                lines.append(f"transport sessions without a message ({_words(reason)}): {count}")
        omitted = add(self._decoder.omitted(), {"not_finite": self._encoder.left_out})
        for reason, count in omitted.items():
            if count:
                lines.append(f"values left out ({_words(reason)}): {count}")
        return lines

    def summary(self) -> str:
        """One line: frames read and what became of them."""
        frames = self._frames_by_fate()
        fates = {"decoded": "decoded", "absorbed": "in transport sessions", "unknown": "in no database"}
        told = [f"{frames.get(fate, 0)} {words}" for fate, words in fates.items() if frames.get(fate)]
        return f"{self.frames_read} frames: {', '.join(told) or 'none decoded'}"

    def _frames_by_fate(self) -> dict[str, int]:
        return add(
            *(
                add(self._decoder.counts(number), self._transport.counts(number))
                for number in self._numbers.values()
            )
        )


def _words(reason: str) -> str:
    return reason.replace("_", " ")
