"""`protocol` and `vehicle_profile` of a CAN bus: what describes its frames beside or in place of databases.

Promises:

- A vehicle's profile is a protocol of its bus. Its file is read again with the configuration.
- Two buses with one protocol share the records of its messages, where these look alike on both.
- A protocol beside a database or another protocol that claims one of its ids is refused, by name.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from telemetry_core.decode.spec import BusSpec, PlanSpec

from telemetry.errors import ConfigError
from telemetry.model.ids import IsoTpId, id_text
from telemetry.plugins import listed
from telemetry.protocols.known import CAN_PROTOCOLS
from telemetry.rules.map_entry import MAIN, MapEntry
from telemetry.settings.declared import key, settings
from telemetry.settings.document import Where
from telemetry.settings.likeness import closest
from telemetry.settings.table import TomlTable

if TYPE_CHECKING:  # a bus without a protocol imports none of it, and one without a profile none of vehicles
    from telemetry.protocols.can.table import CanProtocol

_WHERE = Where("protocol")


@dataclass(frozen=True, slots=True)
class BusProtocols:
    """The protocols of one bus.

    - vehicle: what a profile says of the bus; files: of the user's that it is read from
    - pack, charger: the tags of what the profile says of the battery, and all of them of the charger
    - shown: rows of the messages themselves are sent, too
    """

    names: tuple[str, ...] = ()
    vehicle: "CanProtocol | None" = None
    files: tuple[Path, ...] = ()
    pack: str = MAIN
    charger: str = MAIN
    shown: bool = False
    value_texts: bool = False
    where: Where = _WHERE

    @property
    def isotp(self) -> tuple[IsoTpId, ...]:
        """Return the ids whose frames are parts of their messages."""
        return tuple(id for protocol in self._protocols for id in protocol.isotp)

    def isotp_with(self, own: Iterable[IsoTpId], where: Where | str) -> tuple[IsoTpId, ...]:
        """Return these ids and a user's own. Raises ConfigError where he says otherwise of one of these."""
        known = {each.id: each for each in self.isotp}
        mine = {each.id: each for each in own}
        for id in known.keys() & mine.keys():
            if known[id] != mine[id]:
                words = f"{id_text(id)} is of the vehicle's units, with other addressing or length"
                raise ConfigError(words, where=where, hint="leave it out: the profile says all of it")
        return tuple((known | mine).values())

    @property
    def titles(self) -> Iterator[str]:
        """Yield what they are, for people."""
        return (each.title for each in self._protocols)

    @property
    def _protocols(self) -> Iterator["CanProtocol"]:
        yield from (CAN_PROTOCOLS[name] for name in self.names)
        if self.vehicle is not None:
            yield self.vehicle

    def extended(self, plan: PlanSpec, bus: str) -> PlanSpec:
        """Return `plan` with their messages on that bus. Raises ConfigError: an id is claimed already."""
        for protocol in self._protocols:
            plan = self._with(protocol, plan, bus)
        return plan

    def map_entries(self, bus: str) -> Iterator[MapEntry]:
        """Yield what their messages on that bus mean."""
        for protocol in self._protocols:
            pack = self.pack if protocol is self.vehicle else MAIN
            yield from protocol.map_entries(bus, pack=pack, charger=self.charger)

    def _with(self, protocol: "CanProtocol", plan: PlanSpec, name: str) -> PlanSpec:
        # Here, since a bus without a protocol needs neither.
        from telemetry.protocols.can.table import id_words, shared_id
        from telemetry.protocols.values import shared_records

        own = protocol.records_with(hidden=not self.shown, value_texts=self.value_texts)
        records, first = shared_records(plan.records, own)
        added = protocol.bus(name, first, value_texts=self.value_texts).messages
        bus = next((each for each in plan.buses if each.name == name), BusSpec(name, ()))
        if shared := shared_id(bus, added):
            other, claimed = shared
            one, another = (f"{each.name} ({id_words(each)})" for each in (claimed, other))
            raise ConfigError(
                f"{one} of {protocol.name} and {another} are the same frames (bus {name})",
                where=self.where,
                hint="one bus has one of them, with first_wins too: leave database, protocol or profile out",
            )
        whole = replace(bus, messages=bus.messages + added)
        buses = [whole if each is bus else each for each in plan.buses]
        return PlanSpec(records, (*buses, *(() if whole in buses else (whole,))))


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in CAN_PROTOCOLS:
            known, near = (
                ", ".join([*CAN_PROTOCOLS, *listed("protocols")]),
                closest(name.casefold(), CAN_PROTOCOLS),
            )
            hint = f"did you mean {near}?" if near else ""
            raise ConfigError(f"must be one of {known}, not {name!r}", hint=hint)
    return names


@settings
class ProtocolKeys:
    """What is spoken on a bus, as a table names it."""

    protocol: tuple[str, ...] = key(
        "what is spoken on the bus, a name or a list of names, beside `databases` or in place of them: see"
        " [DC charging](protocols/gbt27930.md)",
        kind="names",
        convert=_known,
        default=(),
        shown="none",
    )
    vehicle_profile: str | None = key(
        "the vehicle that the bus is of: the name of a profile (`nev-telemetry vehicles` lists them), or the"
        " path of one's own, as `my-van.toml`; beside `databases` and `protocol`, or in place of them",
        default=None,
        shown="none",
    )
    vehicle_bus: str | None = key(
        "with `vehicle_profile`: which of its buses it is", default=None, shown="the only one"
    )
    pack: str | None = key(
        "with `vehicle_profile`: the tag `pack` of what it says about the battery",
        default=None,
        shown=f'`"{MAIN}"`',
    )
    charger: str | None = key(
        "with `protocol` or `vehicle_profile`: the tag `charger` of what it says about the charger",
        default=None,
        shown=f'`"{MAIN}"`',
    )
    messages: bool | None = key(
        "with `protocol` or `vehicle_profile`: the messages themselves are written, too, as"
        " `PROTOCOL_MESSAGE`",
        default=None,
        shown="false",
    )

    def check(self, table: TomlTable) -> None:
        """Raise ConfigError for protocols that no bus carries at once, and for keys that stand alone."""
        rates = {CAN_PROTOCOLS[name].bit_rate // 1000: name for name in self.protocol}
        if len(rates) > 1:
            spoken = " and ".join(f"{name} (at {rate} kbit/s)" for rate, name in rates.items())
            raise table.wrong("protocol", f"one bus does not carry {spoken}", "name one of them")
        for alone in ("charger", "messages"):
            if getattr(self, alone) is not None and not (self.protocol or self.vehicle_profile):
                raise table.wrong(alone, "stands without protocol", "name that of the bus, or leave it out")
        for alone in ("vehicle_bus", "pack"):
            if getattr(self, alone) is not None and not self.vehicle_profile:
                raise table.wrong(alone, "stands without vehicle_profile", "name one, or leave it out")

    def protocols(self, table: TomlTable, *, value_texts: bool) -> BusProtocols:
        """Return the protocols of the bus of a table."""
        vehicle, files = self._vehicle(table)
        where = table.where().key("protocol" if vehicle is None else "vehicle_profile")
        tags = self.pack or MAIN, self.charger or MAIN
        return BusProtocols(self.protocol, vehicle, files, *tags, bool(self.messages), value_texts, where)

    def _vehicle(self, table: TomlTable) -> "tuple[CanProtocol | None, tuple[Path, ...]]":
        """Return what the vehicle's profile says of the bus, and files of the user's. Raises ConfigError."""
        if self.vehicle_profile is None:
            return None, ()
        from telemetry.vehicles.known import is_path, named, own_files

        name: str | Path = self.vehicle_profile
        file = table.full_path("vehicle_profile", self.vehicle_profile) if is_path(str(name)) else None
        if file is not None:
            table.check_is_file("vehicle_profile", file)
        profile = named(file or str(name), table.where("vehicle_profile"))
        buses = ", ".join(profile.buses)
        if self.vehicle_bus is None and len(profile.buses) > 1:
            raise table.missing("vehicle_bus", f"{profile.name} has {buses}")
        if self.vehicle_bus is not None and self.vehicle_bus not in profile.buses:
            raise table.wrong("vehicle_bus", f"{profile.name} has no bus of that name", f"it has {buses}")
        return profile.protocol(self.vehicle_bus or next(iter(profile.buses))), own_files(profile)
