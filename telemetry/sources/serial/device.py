"""One device of a serial line, as the configuration has it: what it speaks, its address, its owner.

Promises: an address that its protocol does not have, and a map of registers that is wrong, are one line with
file and key.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from telemetry.clock import Clock
from telemetry.framing.framing import NO_ADDRESS
from telemetry.plugins import Choices
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.registers.register_map import READY, find_map, read_register_map
from telemetry.protocols.serial.modbus import modbus
from telemetry.protocols.table import SerialProtocol
from telemetry.rules.map_entry import MAIN, MapEntry
from telemetry.rules.signals import choice
from telemetry.settings.declared import key, part, settings
from telemetry.settings.table import TomlTable
from telemetry.sources.keys import checked_name
from telemetry.sources.serial.conversation import Asking, Listening, Poll

DAY_S = 86_400.0


@settings(kw_only=True)
class DeviceKeys:
    """What a file says of a device, whether it has the line alone or not."""

    protocol: str = key(
        "what the device speaks, see [serial devices](serial.md)", one_of=Choices("protocols", PROTOCOLS)
    )
    registers: str | None = key(
        "of `modbus`: the [map of registers](serial.md#a-map-of-registers), a file, or the name of one that"
        " comes along",
        default=None,
        shown="required by `modbus`",
    )
    address: tuple[int | str, ...] = key(
        'the device\'s address; of `dlt645` the digits on its plate: `"112233445566"`',
        default=(),
        shown="the protocol's usual one",
    )
    pack: str = key("the tag `pack`", default=MAIN)
    charger: str = key("the tag `charger`, of fields of `charger`", default=MAIN)
    poll_every_s: float | None = key(
        "how often values are requested; slower requests keep their proportion",
        default=None,
        shown="the protocol's",
        above=0.0,
        most=DAY_S,
    )
    reply_timeout_s: float | None = key(
        "how long an answer may take; more over a slow network",
        default=None,
        shown="the protocol's",
        above=0.0,
        most=60.0,
    )
    invert_current: bool = key("for devices whose firmware counts discharging positive", default=False)


@settings(kw_only=True)
class NamedDeviceKeys:
    """[[serial.device]], as a file has it."""

    name: str = key("the tag `source`; each name once, as those of sources", convert=checked_name)
    own: DeviceKeys = part()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSettings:
    """[[serial.device]], or the device of a [[serial]] that has one. None where the protocol's value holds.

    registers: the file of a Modbus device's map.
    """

    name: str
    protocol: str
    registers: Path | None = None
    address: int | None = None
    pack: str = MAIN
    charger: str = MAIN
    poll_every_s: float | None = None
    reply_timeout_s: float | None = None
    invert_current: bool = False

    @classmethod
    def of(cls, keys: DeviceKeys, table: TomlTable, name: str) -> Self:
        """Return the settings that `table` means with these keys. Raises ConfigError."""
        return cls(
            name=name,
            protocol=keys.protocol,
            registers=_registers(table, keys),
            address=_address(table, PROTOCOLS[keys.protocol], keys.address),
            pack=keys.pack,
            charger=keys.charger,
            poll_every_s=keys.poll_every_s,
            reply_timeout_s=keys.reply_timeout_s,
            invert_current=keys.invert_current,
        )

    @property
    def table(self) -> SerialProtocol:
        """Return what it speaks."""
        if self.registers is not None:
            return modbus(read_register_map(self.registers))
        return PROTOCOLS[self.protocol]

    def address_on(self, protocol: SerialProtocol) -> int:
        """Return its address; NO_ADDRESS where its protocol has none."""
        if protocol.addresses is None:
            return NO_ADDRESS
        return protocol.addresses.default if self.address is None else self.address

    def hearing(self, protocol: SerialProtocol) -> Callable[[int], bool]:
        """Return whether a message of an address is its own; of any address where its own is not known."""
        addresses, own = protocol.addresses, self.address_on(protocol)
        if addresses is None or own > addresses.most:
            return lambda _address: True
        return lambda address: address in (own, NO_ADDRESS)

    def map_entries(self, protocol: SerialProtocol, bus: str) -> Iterator[MapEntry]:
        """Yield fields and alarms."""
        for entry in protocol.map_entries(bus, pack=self.pack, charger=self.charger):
            has_sign = entry.to.endswith((".current_a", ".power_w"))
            yield replace(entry, scale=-entry.scale) if self.invert_current and has_sign else entry

    def conversation(self, protocol: SerialProtocol, clock: Clock, scale: float) -> Asking | Listening:
        """Return how it is talked to. scale: how many times as fast as the clock its time runs."""
        if not protocol.requests:
            return Listening(clock)
        shortest_s = min(request.every_s for request in protocol.requests)
        factor = (self.poll_every_s or shortest_s) / shortest_s / scale
        timeout_s = self.reply_timeout_s or protocol.reply_timeout_s
        address = self.address_on(protocol)
        polls = [
            Poll(request.to(address), request.reply_id, request.every_s * factor, timeout_s)
            for request in protocol.requests
        ]
        return Asking(polls, protocol.rest_s / scale, clock)

    def without_owner(self) -> Self:
        """Return what the device itself knows of."""
        return replace(self, pack=MAIN, charger=MAIN, invert_current=False)


def _registers(table: TomlTable, keys: DeviceKeys) -> Path | None:
    name, protocol = keys.registers, keys.protocol
    if protocol != "modbus":
        if name is not None:
            raise table.wrong("registers", f"is not for {protocol}", "modbus has registers")
        return None
    if name is None:
        raise table.wrong("registers", "is missing: modbus needs a map", "a file, pzem_017 or acrel_djsf1352")
    file = find_map(name, table.full_path("registers", "."))
    if not file.suffix and not file.exists():
        ready = choice(name, sorted(one.stem for one in READY.glob("*.toml")))
        raise table.wrong("registers", f"is neither a file nor a ready map: {name!r}", ready)
    table.check_is_file("registers", file)
    read_register_map(file)
    return file


def _address(table: TomlTable, protocol: SerialProtocol, values: tuple[int | str, ...]) -> int | None:
    addresses = protocol.addresses
    if not values:
        return None
    if addresses is None:
        raise table.wrong("address", f"is not for {protocol.name}: one device on a line", "leave it out")
    (value, *others) = values
    if others:
        raise table.wrong("address", "must be one address")
    if addresses.digits > 2:  # such as the number on a meter, which may begin with zeros
        if not isinstance(value, str) or len(value) != addresses.digits or not value.isdecimal():
            words = f"must be a text of {addresses.digits} digits, not {value!r}"
            whole = str(value).zfill(addresses.digits)
            is_short = whole.isdecimal() and len(whole) == addresses.digits
            raise table.wrong("address", words, f'with zeros in front: "{whole}"' if is_short else "")
        return int(value, 16)
    if not isinstance(value, int) or not addresses.least <= value <= addresses.most:
        words = f"must be an integer from {addresses.least} to {addresses.most}, not {value!r}"
        raise table.wrong("address", words)
    return value
