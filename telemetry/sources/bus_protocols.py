"""`protocol` of a CAN bus: what describes its frames beside databases, or in place of them.

Promises:

- Two buses with one protocol share the records of its messages, where these look alike on both.
- A protocol beside a database or another protocol that claims one of its ids is refused, by name.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from telemetry_core.decode.spec import BusSpec, PlanSpec

from telemetry.errors import ConfigError
from telemetry.plugins import listed
from telemetry.protocols.known import CAN_PROTOCOLS
from telemetry.rules.map_entry import MAIN, MapEntry
from telemetry.settings.declared import key, settings
from telemetry.settings.document import Where
from telemetry.settings.likeness import closest
from telemetry.settings.table import TomlTable

if TYPE_CHECKING:  # a bus without a protocol imports none of it
    from telemetry.protocols.can.table import CanProtocol

_WHERE = Where("protocol")


@dataclass(frozen=True, slots=True)
class BusProtocols:
    """The protocols of one bus.

    charger: the tag of what they say about the charger. shown: rows of the messages themselves are sent, too.
    """

    names: tuple[str, ...] = ()
    charger: str = MAIN
    shown: bool = False
    value_texts: bool = False
    where: Where = _WHERE

    @property
    def titles(self) -> Iterator[str]:
        """Yield what they are, for people."""
        return (each.title for each in self._protocols)

    @property
    def _protocols(self) -> Iterator["CanProtocol"]:
        return (CAN_PROTOCOLS[name] for name in self.names)

    def extended(self, plan: PlanSpec, bus: str) -> PlanSpec:
        """Return `plan` with their messages on that bus. Raises ConfigError: an id is claimed already."""
        for protocol in self._protocols:
            plan = self._with(protocol, plan, bus)
        return plan

    def map_entries(self, bus: str) -> Iterator[MapEntry]:
        """Yield what their messages on that bus mean."""
        for protocol in self._protocols:
            yield from protocol.map_entries(bus, charger=self.charger)

    def _with(self, protocol: "CanProtocol", plan: PlanSpec, name: str) -> PlanSpec:
        # Here, since a bus without a protocol needs neither.
        from telemetry.protocols.can.table import id_words, shared_id
        from telemetry.protocols.table import shared_records

        own = protocol.records_with(hidden=not self.shown, value_texts=self.value_texts)
        records, first = shared_records(plan.records, own)
        added = protocol.bus(name, first, value_texts=self.value_texts).messages
        bus = next((each for each in plan.buses if each.name == name), BusSpec(name, ()))
        if shared := shared_id(bus, added):
            other, claimed = shared
            one, another = (f"{each.name} ({id_words(each)})" for each in (claimed, other))
            raise ConfigError(
                f"{one} of {protocol.name} and {another} are the same frames on {name}",
                where=self.where,
                hint="one bus has one of them: leave the other database or protocol out",
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
    charger: str | None = key(
        "with `protocol`: the tag `charger` of what it says about the charger",
        default=None,
        shown=f'`"{MAIN}"`',
    )
    messages: bool | None = key(
        "with `protocol`: the messages themselves are written, too, as `PROTOCOL_MESSAGE`",
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
            if getattr(self, alone) is not None and not self.protocol:
                raise table.wrong(alone, "stands without protocol", "name that of the bus, or leave it out")

    def protocols(self, table: TomlTable, *, value_texts: bool) -> BusProtocols:
        """Return the protocols of the bus of a table."""
        where = table.where().key("protocol")
        return BusProtocols(self.protocol, self.charger or MAIN, bool(self.messages), value_texts, where)
