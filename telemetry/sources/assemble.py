"""From settings to sources: what each kind of source is made of, and which databases describe it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from telemetry_core.decode.spec import PlanSpec
from telemetry_core.frames.stamps import TimeMap

from telemetry.clock import Clock
from telemetry.config import (
    CanSettings,
    Config,
    DatabaseSettings,
    PythonCanSettings,
    ReplaySettings,
    SourceSettings,
)
from telemetry.databases.bus import BusDatabases, LoadedPlan
from telemetry.databases.plan_cache import load_plan
from telemetry.logs.identity import belongs_to, end_of, position_name
from telemetry.model.bit_rate import BitRate
from telemetry.model.ids import IsoTpId
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.map_plan import Counting
from telemetry.sources.can.python_can import PythonCanSource
from telemetry.sources.can.socketcan import SocketCanSource
from telemetry.sources.can.sockets import CanInterface, CanLink, CanUnixSocket
from telemetry.sources.channels import ChannelTable
from telemetry.sources.replay import ReplaySource
from telemetry.sources.serial.assemble import count_gap_ns, serial_map_entries, serial_source, with_serial
from telemetry.sources.serial.port import SerialSource
from telemetry.sources.serial.settings import SerialSettings
from telemetry.sources.source import Source

NO_DATABASES = LoadedPlan(PlanSpec((), ()), ())


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
        """As configured."""
        return self.settings.name

    def bus_of(self, channel: str) -> str:
        """The name of the plan's bus that describes this channel."""
        settings = self.settings
        if isinstance(settings, ReplaySettings) and channel in settings.channel_databases:
            return _channel_bus(settings.name, channel)
        return settings.name

    @property
    def buses(self) -> tuple[str, ...]:
        """The names of the plan's buses that describe its channels."""
        settings = self.settings
        channels = settings.channel_databases if isinstance(settings, ReplaySettings) else ()
        return (settings.name, *(_channel_bus(settings.name, channel) for channel in channels))

    @property
    def has_error_frames(self) -> bool:
        """Whether a controller's error frames, and remote frames, may be among its frames."""
        return not isinstance(self.settings, SerialSettings)

    @property
    def has_scaled_time(self) -> bool:
        """Whether its stamps are those of a simulator that runs at another speed than the machine's clock."""
        return self.own_time and not isinstance(self.settings, ReplaySettings)

    @property
    def isotp(self) -> tuple[IsoTpId, ...]:
        """Ids of its frames that are parts of longer messages."""
        return () if isinstance(self.settings, SerialSettings) else self.settings.databases.isotp

    @property
    def bit_rate(self) -> BitRate | None:
        """Of its bus: as configured, else as the interface has it now; None: not known, or no CAN bus."""
        settings, source = self.settings, self.source
        configured = settings.bit_rate if isinstance(settings, CanSettings | PythonCanSettings) else None
        return configured or (source.bit_rate if isinstance(source, SocketCanSource) else None)

    @property
    def states(self) -> dict[str, str]:
        """For people: `source/NAME` is what it does, `device/NAME` what its device says of itself, if any."""
        device = self.source.device if isinstance(self.source, SerialSource) else ""
        states = {f"source/{self.name}": self.source.status}
        return {**states, f"device/{self.name}": device} if device else states

    def tag_of(self, channel: str) -> str:
        """The tag `source`: a bus's configured name; for a log the channel's name, as the log has it."""
        return channel if self.resume_as else self.name


def load_whole_plan(config: Config) -> LoadedPlan:
    """The plan for all buses and ports: of databases, and of protocols that are their own. ConfigError."""
    databases = [bus for settings in config.sources for bus in _buses(settings) if bus.databases]
    plan = load_plan(databases, config.cache_directory) if databases else NO_DATABASES
    return replace(plan, spec=with_serial(plan.spec, _serials(config)))


def map_entries(config: Config) -> tuple[MapEntry, ...]:
    """What the configuration maps, and what protocols map by themselves."""
    return (*config.map, *serial_map_entries(_serials(config)))


def counting(config: Config) -> Counting:
    """That charge and energy are counted, between readings that are no further apart than a source's own."""
    return Counting({settings.name: count_gap_ns(settings) for settings in _serials(config)})


def _serials(config: Config) -> list[SerialSettings]:
    return [settings for settings in config.sources if isinstance(settings, SerialSettings)]


def assemble_sources(
    config: Config, channels: ChannelTable, clock: Clock, positions: Mapping[str, int]
) -> list[Assembled]:
    """The configured sources, none of them opened yet. positions: frames of each log that are done."""
    return [assemble_source(settings, channels, clock, positions) for settings in config.sources]


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


def assemble_source(
    settings: SourceSettings, channels: ChannelTable, clock: Clock, positions: Mapping[str, int]
) -> Assembled:
    """One source, not opened yet; see `assemble_sources`."""
    match settings:
        case CanSettings():
            return _can(settings, channels, clock)
        case PythonCanSettings():
            channel = channels.number(settings.name, settings.name)
            source = PythonCanSource(settings.name, settings.options, clock, channel=channel)
            return Assembled(source, settings, resume_as="", own_time=False)
        case SerialSettings():
            serial = serial_source(settings, channels, clock)
            return Assembled(serial, settings, resume_as="", own_time=settings.simulated_time is not None)
        case ReplaySettings():
            resume_as = position_name(settings.name, settings.file)
            replay = ReplaySource(
                settings.name,
                settings.file,
                clock,
                lambda channel: channels.number(settings.name, channel),
                speed=settings.speed,
                start_position=positions.get(resume_as, 0),
            )
            return Assembled(replay, settings, resume_as, own_time=True)


def _can(settings: CanSettings, channels: ChannelTable, clock: Clock) -> Assembled:
    time = settings.simulated_time
    source = SocketCanSource(
        settings.name,
        _link(settings),
        clock,
        channel=channels.number(settings.name, settings.name),
        time_map=TimeMap(time.scale, time.origin_ns, time.wall_ns) if time else None,
    )
    return Assembled(source, settings, resume_as="", own_time=time is not None)


def _link(settings: CanSettings) -> CanLink:
    if settings.socket is not None:
        return CanUnixSocket(settings.socket, settings.receive_buffer_bytes)
    return CanInterface(
        settings.interface or settings.name,
        hardware_stamps=settings.hardware_stamps,
        receive_buffer_bytes=settings.receive_buffer_bytes,
    )


def _buses(settings: SourceSettings) -> Iterator[BusDatabases]:
    if isinstance(settings, SerialSettings):
        return
    databases = settings.databases
    yield _bus(settings.name, databases)
    if isinstance(settings, ReplaySettings):
        for channel, files in settings.channel_databases.items():
            yield _bus(_channel_bus(settings.name, channel), replace(databases, files=files))


def _bus(name: str, databases: DatabaseSettings) -> BusDatabases:
    return BusDatabases(
        name,
        databases.files,
        databases.first_wins,
        databases.j1939,
        databases.keep_not_available,
        databases.value_texts,
        *databases.id_masks,
    )


def _channel_bus(source: str, channel: str) -> str:
    return f"{source}/{channel}"
