"""From settings to sources, the numbers of their channels, and what the pipeline must know of each.

A channel says where a frame came from, as 16 bits. A live source has one, a log as many as it names. Source
threads ask for numbers as names appear. The pipeline's thread binds the new ones to the compiled stages
before it processes frames that carry them.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from telemetry.clock import Clock
from telemetry.logs.identity import belongs_to, end_of, position_name
from telemetry.model.bit_rate import BitRate
from telemetry.sources.settings import SourceSettings, Start
from telemetry.sources.source import Source
from telemetry.sources.tap import LineTap

MAX_CHANNELS = 4096  # a log that names more is garbage: the rest of its names share the last number


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel: its number, the source that reads it, and its name in the log or configuration."""

    number: int
    source: str
    name: str


class ChannelTable:
    """Numbers (source, name) pairs in the order in which they appear; any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._channels: list[Channel] = []
        self._numbers: dict[tuple[str, str], int] = {}

    def number(self, source: str, name: str) -> int:
        """Return the number of `name` of `source`; a new one the first time."""
        with self._lock:
            known = self._numbers.get((source, name))
            if known is not None:
                return known
            number = len(self._channels)
            if number == MAX_CHANNELS:
                return number - 1
            self._channels.append(Channel(number, source, name))
            self._numbers[source, name] = number
            return number

    def since(self, count: int) -> list[Channel]:
        """Return the channels after the first `count`, in order."""
        with self._lock:
            return self._channels[count:]


@dataclass(frozen=True, slots=True)
class Assembled:
    """A source and what the pipeline must know of it.

    resume_as: what its position is called; empty if positions mean nothing to a later run.
    """

    source: Source
    settings: SourceSettings
    resume_as: str

    @property
    def name(self) -> str:
        """Return the name as configured."""
        return self.settings.name

    @property
    def has_scaled_time(self) -> bool:
        """Return whether a simulator stamps at another speed than the machine's clock."""
        return self.settings.own_time and self.settings.log is None

    @property
    def bit_rate(self) -> BitRate | None:
        """Return the bit rate of its bus: as configured, or as the interface has it now; None: not known."""
        return self.settings.bit_rate or self.source.bit_rate

    @property
    def states(self) -> dict[str, str]:
        """Return, for people, what it does as `source/NAME`, what its device says of itself as `device/NAME`.

        Of several devices `state/NAME/DEVICE` is what each does.
        """
        states = {f"source/{self.name}": self.source.status}
        states |= {f"state/{self.name}/{device}": does for device, does in self.source.devices.items()}
        return {**states, f"device/{self.name}": self.source.device} if self.source.device else states

    def tag_of(self, channel: str) -> str:
        """Return the tag `source`: a bus's configured name, or a channel's name as its log has it."""
        return channel if self.resume_as else self.settings.tag_of(channel)


def assemble_sources(
    sources: Iterable[SourceSettings],
    channels: ChannelTable,
    clock: Clock,
    positions: Mapping[str, int],
    tap: LineTap | None = None,
) -> list[Assembled]:
    """Return the configured sources, none of them opened yet. positions: frames of each log that are done."""
    return [assemble_source(settings, channels, clock, positions, tap) for settings in sources]


def assemble_source(
    settings: SourceSettings,
    channels: ChannelTable,
    clock: Clock,
    positions: Mapping[str, int],
    tap: LineTap | None = None,
) -> Assembled:
    """Return one source, not opened yet; see `assemble_sources`."""
    resume_as = position_name(settings.name, settings.log) if settings.log else ""
    start = Start(clock, partial(channels.number, settings.name), positions.get(resume_as, 0), tap)
    return Assembled(settings.make_source(start), settings, resume_as)


def without_replaced(positions: Mapping[str, int], sources: Iterable[Assembled]) -> dict[str, int]:
    """Return `positions` less those of logs that a source of `sources` does not read any more.

    Nor are those of use that an earlier version had of sources which are not logs.
    """
    present = [source for source in sources if source.resume_as]
    return {
        name: frames
        for name, frames in positions.items()
        if "@" in name
        and not any(
            belongs_to(name, source.name) and name not in (source.resume_as, end_of(source.resume_as))
            for source in present
        )
    }
