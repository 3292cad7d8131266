"""[[serial]] of the configuration: one port, and the devices on its line.

Promises:
- Devices of one protocol share the records of its messages, on whatever port.
- Devices that cannot live on one line (other line settings, one address twice) are refused by name.
- A simulator's time shortens intervals and the time-outs of silence, but never the time that an answer may
  take on this machine.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar, Self

from telemetry_core.decode.spec import PlanSpec

from telemetry.clock import Clock
from telemetry.framing.framing import has_messages_like
from telemetry.framing.masking import maskers_of
from telemetry.logs.capture_file import CaptureFile
from telemetry.model.finding import Grade
from telemetry.protocols.table import EIGHT_N_ONE, LineSettings
from telemetry.rules.map_entry import MapEntry
from telemetry.sources.keys import read_simulated_time
from telemetry.sources.serial.device import DeviceSettings
from telemetry.sources.serial.link import BY_ID, PyserialLink, check_port, lasting_link
from telemetry.sources.serial.member import BYTE_NS, Member
from telemetry.sources.serial.modbus_tcp import ModbusTcpLink, check_tcp_port, is_modbus_tcp
from telemetry.sources.serial.silence import OFFLINE_S, UNKNOWN_S, SilenceWatch
from telemetry.sources.serial.source import LineStore, SerialSource
from telemetry.sources.settings import NAME, Resource, SourceSettings, Start
from telemetry.toml_table import TomlTable

MIB = 1024 * 1024

# Of a simulator's time, so that one that is held up for a moment is not a silent device.
LEAST_UNKNOWN_S = 2.0
LEAST_OFFLINE_S = 4.0

_COUNTED_POLLS = 3.0
_LEAST_POLL_S = 1.0  # as often as devices are asked, or talk by themselves
_NUMBERED_PORT = re.compile("/dev/tty(USB|ACM)[0-9]+")
_MODBUS = ("modbus", "daly_modbus")
_OF_A_DEVICE = ("protocol", "registers", "address", "pack", "charger", "poll_every_s", "reply_timeout_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialSettings(SourceSettings):
    """[[serial]]: a port. devices: one that is called as the port, or those of its [[serial.device]]."""

    port: str
    devices: tuple[DeviceSettings, ...]
    baud_rate: int
    line: LineSettings
    capture: Path | None
    capture_bytes: int
    is_can: ClassVar[bool] = False

    @classmethod
    def read(cls, table: TomlTable, name: str) -> Self:
        port = table.take_text("port")
        is_tcp = is_modbus_tcp(port)
        if wrong := check_tcp_port(port) if is_tcp else check_port(port):
            hint = "a path such as /dev/serial/by-id/…, socket://HOST:PORT or rfc2217://HOST:PORT"
            raise table.wrong("port", wrong, "" if is_tcp else hint)
        if "://" not in port:
            port = str(table.full_path("port", port))
        tables = table.take_tables("device")
        if tables:
            for key in (*_OF_A_DEVICE, "invert_current"):
                if key in table:
                    raise table.wrong(key, "stands beside [[serial.device]]", "it belongs to a device")
            devices = _devices(tables)
        else:
            devices = (DeviceSettings.read(table, name),)
        baud_rate, line = (_no_line if is_tcp else _line)(table, tables, devices)
        capture = table.take_optional_path("capture")
        if capture is not None and capture.is_dir():
            raise table.wrong("capture", f"is a folder: {capture}", "name a file in it")
        capture_mib = table.take_number("capture_mib", 64.0, above=0.0, most=1024.0 * 1024.0)
        return cls(
            name=name,
            port=port,
            devices=devices,
            baud_rate=baud_rate,
            line=line,
            capture=capture,
            capture_bytes=round(capture_mib * MIB),
            simulated_time=read_simulated_time(table),
        )

    @property
    def _scale(self) -> float:
        return self.simulated_time.scale if self.simulated_time else 1.0

    @property
    def _has_one(self) -> bool:
        """Whether its device is the port itself, as far as names go."""
        return [device.name for device in self.devices] == [self.name]

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,) if self._has_one else (self.name, *(device.name for device in self.devices))

    @property
    def bus_names(self) -> tuple[str, ...]:
        return tuple(self._bus(device) for device in self.devices)

    def _bus(self, device: DeviceSettings) -> str:
        return self.name if self._has_one else f"{self.name}/{device.name}"

    def bus_of(self, channel: str) -> str:
        return next(
            (self._bus(device) for device in self.devices if device.name == channel), self.bus_names[0]
        )

    def tag_of(self, channel: str) -> str:
        return channel

    def is_same_device(self, other: SourceSettings) -> bool:
        return (
            isinstance(other, SerialSettings)
            and [one.without_owner() for one in self.devices]
            == [one.without_owner() for one in other.devices]
            and all(
                getattr(self, each.name) == getattr(other, each.name)
                for each in fields(self)
                if each.name not in self.of_the_line | {"devices"}
            )
        )

    # -- what it needs

    @property
    def resources(self) -> tuple[Resource, ...]:
        port = Resource("port", self.port)
        return (port,) if self.capture is None else (port, Resource("capture", str(self.capture), "writes"))

    @property
    def _titles(self) -> tuple[str, ...]:
        """What its devices are, each kind once."""
        return tuple(dict.fromkeys(device.table.title for device in self.devices))

    def presence(self) -> Iterator[tuple[Grade, str]]:
        where = f"port {self.port}"
        how = "Modbus/TCP" if is_modbus_tcp(self.port) else f"{self.baud_rate} baud"
        said = f"{' and '.join(self._titles)}, {how}"
        if "://" in self.port:
            yield Grade.FACT, f"{where}: {said}"
            return
        port = Path(self.port)
        try:
            is_there = port.exists()
        except OSError as error:  # a folder on the way that this user may not enter
            yield Grade.FAULT, f"{where}: {error.strerror}"
            return
        if not is_there:
            yield Grade.WARNING, f"{where} is not there yet: {said}"
        elif not os.access(port, os.R_OK | os.W_OK):
            yield Grade.FAULT, f"{where}: permission denied (add this user to the group dialout)"
        else:
            yield Grade.FACT, f"{where}: {said}"
        if _NUMBERED_PORT.fullmatch(self.port):
            lasting = lasting_link(port) or f"its link in {BY_ID}"
            words = f"its number may change when it is plugged in again (take {lasting})"
            yield Grade.WARNING, f"{where}: {words}"

    # -- what it brings

    def extended(self, plan: PlanSpec) -> PlanSpec:
        """With a bus for each device."""
        for device in self.devices:
            protocol, records = device.table, plan.records
            own = protocol.records
            first = records.index(own[0]) if own and own[0] in records else len(records)
            if records[first : first + len(own)] != own:
                first = len(records)
                records += own
            plan = PlanSpec(records, (*plan.buses, protocol.bus(self._bus(device), first)))
        return plan

    def map_entries(self) -> Iterator[MapEntry]:
        """Fields and alarms."""
        for device in self.devices:
            yield from device.map_entries(device.table, self._bus(device))

    @property
    def count_gap_ns(self) -> int:
        """Two readings may have been lost.

        A simulator's readings come as this machine's time lets them, whatever its own time is.
        """
        slowest_s = max(device.poll_every_s or 0.0 for device in self.devices)
        gap_s = _COUNTED_POLLS * max(slowest_s, _LEAST_POLL_S)
        if self.simulated_time is not None:
            gap_s = max(gap_s, LEAST_UNKNOWN_S * self._scale)
        return round(gap_s * 1e9)

    # -- its source

    def make_source(self, start: Start) -> SerialSource:
        capture = CaptureFile(self.capture, self.capture_bytes, start.clock) if self.capture else None
        return self.make_recording_source(start, capture)

    def make_recording_source(self, start: Start, capture: LineStore | None) -> SerialSource:
        """A source whose bytes go to `capture`, whatever these settings say of one."""
        time, clock = self.simulated_time, start.clock
        tcp = ModbusTcpLink(self.port) if is_modbus_tcp(self.port) else None
        return SerialSource(
            self.name,
            tcp or PyserialLink(self.port, self.baud_rate, self.line),
            [self._member(device, start) for device in self.devices],
            clock,
            time_map=time.time_map() if time else None,
            capture=capture,
            late_bytes=lambda: tcp.late_bytes if tcp else 0,
            maskers=maskers_of(device.table.framing for device in self.devices),
        )

    def _member(self, device: DeviceSettings, start: Start) -> Member:
        protocol, clock = device.table, start.clock
        number, hears = start.number_of(device.name), device.hearing(protocol)
        framer = protocol.make_framer(lambda address: number if hears(address) else None, byte_ns=BYTE_NS)
        talk = device.conversation(protocol, clock, self._scale)
        return Member(device.name, framer, talk, self._silence(device.name, clock), clock)

    def _silence(self, name: str, clock: Clock) -> SilenceWatch:
        if self._scale == 1.0:
            return SilenceWatch(name, clock)
        return SilenceWatch(
            name,
            clock,
            unknown_s=max(UNKNOWN_S / self._scale, LEAST_UNKNOWN_S),
            offline_s=max(OFFLINE_S / self._scale, LEAST_OFFLINE_S),
        )


def _devices(tables: list[TomlTable]) -> tuple[DeviceSettings, ...]:
    found: list[DeviceSettings] = []
    for table in tables:
        name = table.take_text("name")
        if not NAME.fullmatch(name):
            raise table.wrong("name", f"{name!r} must be letters, digits and _ . : -, 64 at most")
        if any(other.name == name for other in found):
            raise table.wrong("name", f"another device is already called {name!r}")
        device = DeviceSettings.read(table, name)
        for other in found:
            _refuse_to_mix(table, device, other)
        found.append(device)
        table.close()
    return tuple(found)


def _refuse_to_mix(table: TomlTable, device: DeviceSettings, other: DeviceSettings) -> None:
    """Raises ConfigError where one device on the line would answer for both."""
    if _address(other) != _address(device):
        return
    if other.protocol == device.protocol:
        if device.table.addresses is None:
            words = f"{other.name} speaks {other.protocol} already, whose devices have no address"
            raise table.wrong("protocol", words, "one device on a line: give each a port of its own")
        raise table.wrong("address", f"{other.name} speaks {other.protocol} at that address already")
    if has_messages_like(device.table.framing, other.table.framing):
        what = f"{other.name} speaks {other.protocol} at that address, with messages like {device.protocol}'s"
        raise table.wrong("address", what, "one device would answer for both: give each its own address")


def _address(device: DeviceSettings) -> int:
    return device.address_on(device.table)


def _line(
    table: TomlTable, tables: list[TomlTable], devices: tuple[DeviceSettings, ...]
) -> tuple[int, LineSettings]:
    """What the table says of the line, or the devices' own, if they agree."""
    baud_rate = table.take_optional_integer("baud_rate", least=50, most=4_000_000)
    parity = table.take_optional_text("parity", one_of=("N", "E", "O"))
    stop_bits = table.take_optional_integer("stop_bits", least=1, most=2)
    wanted = []
    for device in devices:
        protocol = device.table
        line = LineSettings(parity or protocol.line.parity, stop_bits or protocol.line.stop_bits)
        wanted.append((baud_rate or protocol.baud_rate, line))
    for number, (rate, line) in enumerate(wanted):
        if (rate, line) != wanted[0]:
            own, first = f"{rate} baud {line}", "{} baud {}".format(*wanted[0])
            words = f"{devices[number].name} is at {own}, {devices[0].name} at {first}"
            raise tables[number].wrong("protocol", words, "set baud_rate, parity and stop_bits of the port")
    return wanted[0]


def _no_line(
    table: TomlTable, tables: Sequence[TomlTable], devices: Sequence[DeviceSettings]
) -> tuple[int, LineSettings]:
    """What stands for the settings of a line at Modbus/TCP, which has none and no other protocols."""
    for key in ("baud_rate", "parity", "stop_bits"):
        if key in table:
            raise table.wrong(key, "is not for tcp://", "leave it out")
    for number, device in enumerate(devices):
        if device.protocol not in _MODBUS:
            hint = "socket://HOST:PORT for a converter that passes bytes"
            owner = tables[number] if tables else table
            raise owner.wrong("protocol", f"{device.protocol} is not Modbus, which tcp:// speaks", hint)
    return 0, EIGHT_N_ONE
