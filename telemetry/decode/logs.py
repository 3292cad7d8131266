"""Logs into csv, line protocol or ndjson: what `nev-telemetry decode` does.

Promises: the output depends on the logs, the databases and the format alone, byte for byte, whatever the
batch size and the number of threads; memory is constant. csv carries each frame's own stamp and so does
ndjson; in line protocol frames of one message that share a stamp are set 1 ns apart, over all logs, since a
database would keep only one.

How threads share the work: whatever depends on earlier frames is done while reading, by one thread at a
time (`log_reading`); decoding and encoding depend on the frame alone and are done by whichever thread has
read it (`rendering`); results come out in order (`in_order`). So one large log is shared as well as
several, nothing is kept on disk, and there is no process but this one that could be left behind.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from telemetry_core.decode.plan import Plan
from telemetry_core.decode.spec import PlanSpec
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rules.protection_spec import ProtectionRule
from telemetry_core.text.encoder import CSV_HEADER

from telemetry.databases.bus import BusDatabases
from telemetry.decode.in_order import InOrder
from telemetry.decode.output import OutputFormat, Piece
from telemetry.decode.reading import ACCOUNT, LogReading, Place
from telemetry.decode.rendering import Rendered, Renderer
from telemetry.ledger import add, subtract
from telemetry.model.ids import ID_BITS, ID_BITS_EXTENDED, IsoTpId

BATCH_FRAMES = 2048
AHEAD_PER_JOB = 3  # results that may wait to be written: about 2 MB of csv each
NO_BUS = -1
_FAULTS = {"wrong_crc": "wrong checksum", "repeated": "repeated counter", "skipped": "skipped counter"}


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
    databases: Sequence[Database],
    *,
    first_wins: bool,
    j1939: bool,
    keep_not_available: bool = False,
    value_texts: bool = False,
    id_masks: tuple[int, int] = (ID_BITS, ID_BITS_EXTENDED),
) -> ChannelPlan:
    """One bus for each channel that has databases of its own, one for the others; files as given."""
    buses: list[BusDatabases] = []
    by_channel: dict[str, int] = {}
    otherwise = NO_BUS

    def add_bus(channel: str) -> int:
        files = dict.fromkeys(database.file for database in databases if database.channel in ("", channel))
        others = any(database.channel for database in databases)
        name = channel or ("of every other channel" if others else "of every channel")
        options = (first_wins, j1939, keep_not_available, value_texts, *id_masks)
        buses.append(BusDatabases(name, tuple(files), *options))
        return len(buses) - 1

    for database in databases:
        if database.channel and database.channel not in by_channel:
            by_channel[database.channel] = add_bus(database.channel)
        elif not database.channel and otherwise == NO_BUS:
            otherwise = add_bus("")
    return ChannelPlan(tuple(buses), by_channel, otherwise)


NOTHING = Rendered(b"", 0, 0, 0)


class LogDecoder:
    """A `FileDecoder` of logs."""

    def __init__(
        self,
        plan: PlanSpec,
        channels: ChannelPlan,
        output_format: OutputFormat,
        *,
        vehicle: str,
        isotp: Sequence[IsoTpId] = (),
        protection: Sequence[ProtectionRule] = (),
        batch_frames: int = BATCH_FRAMES,
        jobs: int = 1,
        accounts: bool = False,
        done: int = 0,
    ) -> None:
        """jobs: threads; accounts: whether pieces have `counts`; done: frames that need no text any more."""
        packed = Plan(plan, Schema(plan.records))
        self._channels = channels
        self._format = output_format
        self._reading = LogReading(
            packed,
            channels.bus_of,
            vehicle=vehicle,
            isotp=isotp,
            protection=protection,
            accounts=accounts,
            stop_at=done,
        )
        self._workers = [
            _Worker(
                self._reading, Renderer(packed, output_format), batch_frames, accounts=accounts, done=done
            )
            for _ in range(jobs)
        ]

    @property
    def header(self) -> bytes:
        """See FileDecoder."""
        return CSV_HEADER.encode() + b"\n" if self._format is OutputFormat.CSV else b""

    @contextmanager
    def pieces(self, paths: Sequence[Path]) -> Iterator[InOrder[Piece]]:
        """See FileDecoder."""
        self._reading.begin(paths)
        try:
            with InOrder(self._workers, AHEAD_PER_JOB * len(self._workers)) as pieces:
                yield pieces
        finally:
            self._reading.close()

    @property
    def frames_read(self) -> int:
        """Of all logs so far."""
        return self._reading.frames_read

    def warnings(self) -> list[str]:
        """See FileDecoder."""
        lines = []
        if not self.frames_read:
            lines.append("no frames in what was read")
        names = {channel.name for channel in self._reading.channels}
        for channel in self._reading.channels:
            if channel.bus == NO_BUS:
                lines.append(f"{channel.name}: no database (--dbc {channel.name}=FILE)")
        for name in self._channels.by_channel:
            if name not in names:
                lines.append(f"{name}: has a database, but no frames")
        for reason, count in self._frames_by_fate().items():
            if count and reason.startswith("lost/"):
                lines.append(f"frames left out ({_words(reason.removeprefix('lost/'))}): {count}")
        for what, count in self._reading.protection_counts().items():
            message, _, fault = what.rpartition("/")
            lines.append(f"{message}: frames with a {_FAULTS[fault]}: {count}")
        for reason, count in self._reading.session_counts().items():
            if count and reason not in ("complete", "orphans"):
                lines.append(f"transport sessions without a message ({_words(reason)}): {count}")
        for reason, count in add(*(worker.renderer.omitted() for worker in self._workers)).items():
            if count:
                lines.append(f"values left out ({_words(reason)}): {count}")
        return lines

    def summary(self) -> str:
        """See FileDecoder."""
        frames = self._frames_by_fate()
        fates = {"decoded": "decoded", "absorbed": "in transport sessions", "unknown": "in no database"}
        told = [f"{frames.get(fate, 0)} {words}" for fate, words in fates.items() if frames.get(fate)]
        return f"{self.frames_read} frames: {', '.join(told) or 'none decoded'}"

    def _frames_by_fate(self) -> dict[str, int]:
        return add(
            *(worker.renderer.frames_by_fate() for worker in self._workers), self._reading.frames_by_fate()
        )


class _Worker:
    """One thread's part; see `in_order.Worker`."""

    def __init__(
        self, reading: LogReading, renderer: Renderer, batch_frames: int, *, accounts: bool, done: int
    ) -> None:
        self.renderer = renderer
        self._reading = reading
        self._accounts = accounts
        self._done = done
        self._frames = FrameBatch(batch_frames)
        self._together = FrameBatch(2 * batch_frames)  # with payloads of sessions: one a frame at most
        self._place: Place  # where what was taken last ends

    def take(self) -> bool:
        """Read the next frames."""
        taken = self._reading.take(self._frames)
        if taken is None:
            return False
        frames, self._place = taken
        self._together.clear()
        if frames is not self._frames:  # valid until the next thread reads
            self._together.extend(frames)
            self._frames.clear()
        return True

    def do(self) -> Piece:
        """What they mean."""
        place, before = self._place, self._counted()
        self.renderer.bind(self._reading.channels)
        rendered = NOTHING if place.frames <= self._done else self._render()
        return Piece(
            rendered.text,
            rendered.lines,
            rendered.first_ns,
            rendered.last_ns,
            place.frames,
            add(place.counts, subtract(self._counted(), before)) if self._accounts else {},
            place.progress,
            place.warnings,
            place.is_end,
        )

    def _render(self) -> Rendered:
        return self.renderer.render(self._together if len(self._together) else self._frames)

    def _counted(self) -> dict[str, int]:
        if not self._accounts:
            return {}
        fates = {f"frames/{ACCOUNT}/{name}": count for name, count in self.renderer.frames_by_fate().items()}
        made = {f"points/made/{name}": count for name, count in self.renderer.points_made().items()}
        return {**fates, **made}


def _words(reason: str) -> str:
    return reason.replace("_", " ")
