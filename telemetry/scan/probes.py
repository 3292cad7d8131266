"""What a scan sends to a serial line, setting by setting: requests to read from the protocols' own tables.

Promises:

- Nothing is sent that is not a request of a protocol's table, and none of them changes anything in a device
  of that protocol.
- What may disturb a device of another protocol is risky, and left out unless it is asked for.
- Equal bytes are sent once. Of the protocols that they may come from, the one with the strictest replies is
  believed first.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from telemetry.framing.framing import NO_ADDRESS
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.registers.register_map import READY, read_register_map
from telemetry.protocols.serial.modbus import modbus, raw_modbus
from telemetry.protocols.table import EIGHT_N_ONE, DeviceRequest, LineSettings, SerialProtocol

# Usual ones; those that gateways and inverters have for themselves; the last one.
TCP_UNITS = (*range(1, 17), 100, 126, 240, 247)


class Meant(NamedTuple):
    """Whom a request is for, and the id of the message that answers it."""

    protocol: SerialProtocol
    address: int
    reply_id: int

    @property
    def is_of_anyone(self) -> bool:
        """Return whether any device answers, and says its own address."""
        addresses = self.protocol.addresses
        return addresses is not None and self.address > addresses.most


@dataclass(frozen=True, slots=True)
class Probe:
    """One request. meant: those who may answer, whose replies are believed in this order."""

    data: bytes
    meant: tuple[Meant, ...]
    is_usual: bool  # the usual address of one of them

    @property
    def is_of_anyone(self) -> bool:
        """Return whether several devices may answer."""
        return any(meant.is_of_anyone for meant in self.meant)


@dataclass(frozen=True, slots=True)
class Setting:
    """How the line is set, who may be heard then, and what is asked: usual addresses first.

    baud_rate: 0: there is no line, but Modbus/TCP.
    """

    baud_rate: int
    line: LineSettings
    heard: tuple[SerialProtocol, ...]
    probes: tuple[Probe, ...]

    def __str__(self) -> str:
        return "Modbus/TCP" if self.is_tcp else f"{self.baud_rate} baud {self.line}"

    @property
    def is_tcp(self) -> bool:
        return self.baud_rate == 0


@functools.cache
def ready_maps() -> Mapping[str, SerialProtocol]:
    """Return the Modbus devices whose registers come with the program, by the name of their map."""
    files = sorted(READY.glob("*.toml"))
    return {file.stem: modbus(read_register_map(file)) for file in files}


def scanned(names: Iterable[str] = ()) -> list[SerialProtocol]:
    """Return the protocols of these names, or all, common ones first: replies are believed in this order."""
    found = [_asked(PROTOCOLS[name]) for name in set(names) or PROTOCOLS]
    return sorted(found, key=lambda one: (one.scan.rarity, one.name))


def _asked(protocol: SerialProtocol) -> SerialProtocol:
    """Return the requests of Modbus for what its ready maps read; any answer is taken."""
    if protocol.name != "modbus":
        return protocol
    blocks = [
        (group.function, group.first, group.count)
        for file in sorted(READY.glob("*.toml"))
        for group in read_register_map(file).groups
    ]
    return raw_modbus(blocks)


def settings_of(protocols: Sequence[SerialProtocol], *, risky: bool = False) -> list[Setting]:
    """Return the settings of the line to try, in the order of the protocols."""
    groups: dict[tuple[int, str], list[SerialProtocol]] = {}
    for protocol in protocols:
        for rate in (protocol.baud_rate, *protocol.scan.more_rates):
            for parity in (protocol.line.parity, *protocol.scan.more_parities):
                groups.setdefault((rate, parity), []).append(protocol)
    return [
        Setting(rate, _line(group, parity), tuple(group), tuple(_probes(group, risky=risky)))
        for (rate, parity), group in groups.items()
    ]


def tcp_setting() -> Setting:
    """Return what is asked over Modbus/TCP, where nobody talks unasked: each unit for what all are asked."""
    probes = [
        Probe(data, (meant,), is_usual)
        for data, meant, is_usual in _modbus_requests(_asked(PROTOCOLS["modbus"]), TCP_UNITS)
    ]
    return Setting(0, EIGHT_N_ONE, (), tuple(probes))


def _line(group: Sequence[SerialProtocol], parity: str) -> LineSettings:
    """Return whether these settings do for others: two stop bits are understood by those who expect one."""
    all_stop_bits = [
        one.line.stop_bits
        for protocol in group
        for one in (protocol, *(ready_maps().values() if protocol.name == "modbus" else ()))
    ]
    return LineSettings(parity, max(all_stop_bits))


def _probes(group: Sequence[SerialProtocol], *, risky: bool) -> list[Probe]:
    """Order requests by usual addresses; each once, for all whose it may be."""
    found: dict[bytes, Probe] = {}
    for protocol in group:
        if protocol.scan.risk and not risky:
            continue
        for data, meant, is_usual in _requests(protocol):
            known = found.get(data)
            before = known.meant if known else ()
            found[data] = Probe(data, (*before, meant), is_usual or bool(known and known.is_usual))
    return sorted(found.values(), key=lambda probe: not probe.is_usual)


def _requests(protocol: SerialProtocol) -> Iterator[tuple[bytes, Meant, bool]]:
    if protocol.name == "modbus":
        yield from _modbus_requests(protocol, (1, *protocol.scan.others))
        return
    if not protocol.requests:
        return
    first = protocol.requests[0]
    usual = protocol.addresses.default if protocol.addresses else NO_ADDRESS
    for address in (usual, *protocol.scan.others):
        yield first.to(address), Meant(protocol, address, first.reply_id), address == usual


def _modbus_requests(protocol: SerialProtocol, slaves: Iterable[int]) -> Iterator[tuple[bytes, Meant, bool]]:
    """Return one request, which finds a device: what it does not have it refuses."""
    maps = ready_maps()
    first = next(iter(maps.values())).requests[0]
    for slave in slaves:
        yield first.to(slave), Meant(protocol, slave, 1), slave == 1


def neighbour(meant: Meant) -> Probe | None:
    """Return the request to the next address; None: no device is expected there."""
    protocol, address = meant.protocol, meant.address + 1
    if not protocol.scan.has_neighbours or address % 16 == 0:
        return None
    first = protocol.requests[0]
    return Probe(first.to(address), (Meant(protocol, address, first.reply_id),), is_usual=False)


def narrower(meant: Meant) -> list[Probe]:
    """Return requests to a hundredth each of those whom a request is for: by two more digits."""
    protocol = meant.protocol
    if not (protocol.scan.by_digits and meant.is_of_anyone):
        return []
    request = next(one for one in protocol.requests if one.reply_id == protocol.scan.by_digits)
    digits, known = protocol.addresses.digits if protocol.addresses else 0, f"{meant.address:x}".lstrip("a")
    addresses = [int(f"{two:02d}{known}".rjust(digits, "a"), 16) for two in range(100)]
    return [
        Probe(request.to(address), (Meant(protocol, address, request.reply_id),), is_usual=False)
        for address in addresses
    ]


def further(meant: Meant) -> list[tuple[str, SerialProtocol, DeviceRequest]]:
    """Return what a device that has answered is asked besides, for what it says of itself.

    The name of the map of a Modbus device, the protocol that reads the answer, the request.
    """
    if meant.protocol.name == "modbus":
        return [(name, one, request) for name, one in ready_maps().items() for request in one.requests]
    return [("", meant.protocol, request) for request in meant.protocol.requests[1:]]


def follow_ups(meant: Meant) -> list[bytes]:
    """Return all that may be sent to a device that has answered, and to the addresses after it."""
    found = [request.to(meant.address) for _, _, request in further(meant)]
    after = neighbour(meant)
    return found if after is None else [*found, after.data, *follow_ups(after.meant[0])]
