"""From settings to sources, and what the pipeline must know of each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from telemetry.clock import Clock
from telemetry.logs.identity import belongs_to, end_of, position_name
from telemetry.model.bit_rate import BitRate
from telemetry.model.ids import IsoTpId
from telemetry.sources.channels import ChannelTable
from telemetry.sources.settings import SourceSettings, Start
from telemetry.sources.source import Source


@dataclass(frozen=True, slots=True)
class Assembled:
    """A source and what the pipeline must know of it.

    resume_as: what its position is called; empty if positions mean nothing to a later run. own_time: its
    stamps do not come from this machine's clock (logs, simulators).
    """

    source: Source
    settings: SourceSettings
    resume_as: str
    own_time: bool

    @property
    def name(self) -> str:
        """Return the name as configured."""
        return self.settings.name

    def bus_of(self, channel: str) -> str:
        """Return the name of the plan's bus that describes this channel."""
        return self.settings.bus_of(channel)

    @property
    def buses(self) -> tuple[str, ...]:
        """Return the names of the plan's buses that describe its channels."""
        return self.settings.bus_names

    @property
    def has_error_frames(self) -> bool:
        """Return whether a controller's error frames, and remote frames, may be among its frames."""
        return self.settings.is_can

    @property
    def has_scaled_time(self) -> bool:
        """Return whether a simulator stamps at another speed than the machine's clock."""
        return self.own_time and self.settings.log is None

    @property
    def isotp(self) -> tuple[IsoTpId, ...]:
        """Ids of its frames that are parts of longer messages."""
        return self.settings.isotp

    @property
    def bit_rate(self) -> BitRate | None:
        """Return the bit rate of its bus: as configured, or as the interface has it now; None: not known."""
        return self.settings.bit_rate or self.source.bit_rate

    @property
    def states(self) -> dict[str, str]:
        """For people: `source/NAME` is what it does, `device/NAME` what its device says of itself, if any.

        Of several devices `state/NAME/DEVICE` is what each does.
        """
        states = {f"source/{self.name}": self.source.status}
        states |= {f"state/{self.name}/{device}": does for device, does in self.source.devices.items()}
        return {**states, f"device/{self.name}": self.source.device} if self.source.device else states

    def tag_of(self, channel: str) -> str:
        """Return the tag `source`: a bus's configured name, or a channel's name as its log has it."""
        return channel if self.resume_as else self.settings.tag_of(channel)


def assemble_sources(
    sources: Iterable[SourceSettings], channels: ChannelTable, clock: Clock, positions: Mapping[str, int]
) -> list[Assembled]:
    """Return the configured sources, none of them opened yet. positions: frames of each log that are done."""
    return [assemble_source(settings, channels, clock, positions) for settings in sources]


def assemble_source(
    settings: SourceSettings, channels: ChannelTable, clock: Clock, positions: Mapping[str, int]
) -> Assembled:
    """Return one source, not opened yet; see `assemble_sources`."""
    resume_as = position_name(settings.name, settings.log) if settings.log else ""
    start = Start(clock, partial(channels.number, settings.name), positions.get(resume_as, 0))
    return Assembled(settings.make_source(start), settings, resume_as, settings.own_time)


def without_replaced(positions: Mapping[str, int], sources: Iterable[Assembled]) -> dict[str, int]:
    """`positions` less those of logs that a source of `sources` does not read any more."""
    present = [source for source in sources if source.resume_as]
    return {
        name: frames
        for name, frames in positions.items()
        if not any(
            belongs_to(name, source.name) and name not in (source.resume_as, end_of(source.resume_as))
            for source in present
        )
    }
