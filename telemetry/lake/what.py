"""What says what recordings hold, as plain values that travel to other processes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from telemetry.databases.bus import LoadedPlan
from telemetry.decode.channels import ChannelPlan, Vehicle
from telemetry.decode.described import NO_PLAN, Described, by_config, by_databases, by_protocol
from telemetry.logs.content import file_digest
from telemetry.model.ids import IsoTpId
from telemetry.tables.databases import Databases, plan_of
from telemetry.tables.sink import TableSink

TAKEN = ("time", "channel", "id", "vehicle", "day", "pack", "charger", "table")  # by what is no signal


@dataclass(frozen=True, slots=True)
class What:
    """One of `databases`, `config` and `protocol`, and what goes with it, as of `telemetry.read`.

    vehicles: profiles beside databases, or in place of them; those of the user's by absolute paths
    """

    databases: Databases | None = None
    vehicles: Sequence[Vehicle] = ()
    config: str = ""
    source: str = ""
    protocol: str = ""
    registers: str | None = None
    messages: bool = True  # of a protocol or profile: the messages themselves, too
    value_texts: bool = False  # of these on a bus
    signals: Sequence[str] = ()
    protect: str = ""
    isotp: Sequence[IsoTpId] = ()
    vin_key: bytes = b""  # of a configuration: what digests of vehicle numbers are made with

    def described(self, vehicle: str, paths: Sequence[Path] = ()) -> Described:
        """Return what makes the stages. Raises ConfigError, UsageError."""
        if self.config:
            return by_config(Path(self.config), self.source, vin_key=lambda: self.vin_key)
        if self.protocol:
            return by_protocol(
                self.protocol,
                self.registers,
                paths,
                vehicle,
                with_messages=self.messages,
                value_texts=self.value_texts,
                signals=self.signals,
                isotp=self.isotp,
            )
        channels, plan = self._plans
        return by_databases(
            plan,
            replace(channels, isotp=self.isotp),
            vehicle,
            protect_file=Path(self.protect) if self.protect else None,
            signals=self.signals,
            vehicles=self.vehicles,
            value_texts=self.value_texts,
            with_messages=self.messages,
        )

    @property
    def _plans(self) -> tuple[ChannelPlan, LoadedPlan]:
        return (ChannelPlan(()), NO_PLAN) if self.databases is None else plan_of(self.databases)

    def made_of(self) -> Mapping[str, str]:
        """Return what changes with the databases and with the options, by what people call it."""
        files = [*self.described("").files]
        if self.config:
            files.append(Path(self.config))
        options: list[object] = [self.source]
        if self.protocol:  # databases say themselves what they have of these
            options += [self.protocol, self.registers, self.messages, self.value_texts]
        if self.vehicles:
            from telemetry.vehicles.known import named

            profiles = [(named(each.profile), each) for each in self.vehicles]
            files += [file for profile, _ in profiles for file in profile.files]
            options += [(profile.name, each.channel, each.bus) for profile, each in profiles]
            options += [self.messages, self.value_texts]
        of_databases = ""
        if self.databases is not None:
            channels, _ = plan_of(self.databases)
            files += [path for bus in channels.databases for path in bus.databases]
            buses = [replace(bus, databases=()) for bus in channels.databases]
            of_databases = repr([buses, channels.by_channel, channels.otherwise])
        said = repr([*options, *self.signals, *self.isotp, of_databases])
        hashes = sorted({file_digest(path).sha256 for path in files})
        return {
            "databases": sha256(" ".join(hashes).encode()).hexdigest(),
            "options": sha256(said.encode()).hexdigest(),
        }


def sink() -> TableSink:
    """Return what takes the rows of a dataset."""
    # All blocks of one size, so that a process that runs for hours does not fragment its memory.
    return TableSink(taken=TAKEN, batch_rows=8192)
