"""[[serial]] of the configuration: one port, and the devices on its line.

Promises:
- Devices of one protocol share the records of its messages, on whatever port.
- Devices that cannot live on one line (other line settings, one address twice) are refused by name.
- A simulator's time shortens intervals and the time-outs of silence, but never the time that an answer may
  take on this machine.
"""

import os
import re
import termios
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

from telemetry_core.decode.spec import PlanSpec

from telemetry.clock import Clock
from telemetry.framing.framing import has_messages_like
from telemetry.framing.masking import maskers_of
from telemetry.logs.captures import CaptureFile
from telemetry.model.finding import Grade
from telemetry.protocols.registers.register_map import numbered_from_1, read_register_map
from telemetry.protocols.table import EIGHT_N_ONE, LineSettings
from telemetry.protocols.values import shared_records
from telemetry.rules.map_entry import MapEntry
from telemetry.settings.declared import key, part, settings
from telemetry.settings.table import TomlTable
from telemetry.sources.keys import SourceKeys, TimeKeys
from telemetry.sources.serial.device import DeviceKeys, DeviceSettings, NamedDeviceKeys
from telemetry.sources.serial.link import (
    BOTH_ASSERTED,
    BY_ID,
    ControlLines,
    PyserialLink,
    Rs485,
    check_port,
    lasting_link,
)
from telemetry.sources.serial.member import BYTE_NS, OFFLINE_S, UNKNOWN_S, Member, SilenceWatch
from telemetry.sources.serial.modbus_tcp import ModbusTcpLink, check_tcp_port, is_modbus_tcp
from telemetry.sources.serial.source import SerialSource
from telemetry.sources.settings import Resource, SourceSettings, Start
from telemetry.sources.tap import LineStore, TappedLines

MIB = 1024 * 1024

# Of a simulator's time, so that one that is held up for a moment is not a silent device.
LEAST_UNKNOWN_S = 2.0
LEAST_OFFLINE_S = 4.0

_COUNTED_POLLS = 3.0
_LEAST_POLL_S = 1.0  # as often as devices are asked, or talk by themselves
_NUMBERED_PORT = re.compile("/dev/tty(USB|ACM)[0-9]+")
# Those of the kernel, and others that UARTs divide their clock down to.
_USUAL_RATES = sorted(
    {int(name[1:]) for name in dir(termios) if re.fullmatch("B[1-9][0-9]+", name)}
    | {10_400, 14_400, 28_800, 76_800, 128_000, 250_000, 256_000}
)
_MODBUS = ("modbus", "daly_modbus")


@settings(kw_only=True)
class Rs485Keys:
    """`rs485` of [[serial]]; without `rts_on_send` the table is not there."""

    rts_on_send: bool | None = key(
        "the level of RTS while the transmitter drives the line; the other one holds otherwise"
    )
    delay_before_ms: int | None = key(
        "how long before the first bit", default=None, shown="0", least=0, most=1000
    )
    delay_after_ms: int | None = key(
        "how long after the last bit", default=None, shown="0", least=0, most=1000
    )

    def check(self, table: TomlTable) -> None:
        """Raise ConfigError for delays of nothing."""
        if self.rts_on_send is None and (self.delay_before_ms, self.delay_after_ms) != (None, None):
            raise table.missing("rts_on_send", "true for most adapters")

    @property
    def wanted(self) -> Rs485 | None:
        if self.rts_on_send is None:
            return None
        return Rs485(self.rts_on_send, self.delay_before_ms or 0, self.delay_after_ms or 0)


@settings(kw_only=True)
class SerialKeys(SourceKeys):
    """[[serial]], as a file has it. own: of the device where there is no [[serial.device]]."""

    port: str = key(
        "a path, best a link in `/dev/serial/by-id`, which stays when the number changes; or a URL of"
        " pyserial: `socket://HOST:PORT`, `rfc2217://HOST:PORT`; or `tcp://HOST[:PORT]` for Modbus/TCP",
    )
    own: DeviceKeys | None = part(unless="device")
    baud_rate: int | None = key(
        "bits a second", default=None, shown="the protocol's", least=50, most=4_000_000
    )
    parity: str | None = key("of each byte", default=None, shown="the protocol's", one_of=("N", "E", "O"))
    stop_bits: int | None = key("after each byte", default=None, shown="the protocol's", least=1, most=2)
    dtr: bool = key("whether DTR is asserted, which some cables draw their power from", default=True)
    rts: bool = key("whether RTS is asserted, which some cables draw their power from", default=True)
    rs485: Rs485Keys = key(
        "have the kernel's driver switch the transmitter of an RS485 line by RTS, as in"
        " `{ rts_on_send = true }`: for ports of a board; USB adapters do it by themselves",
        kind="table",
        of=Rs485Keys,
    )
    capture: Path | None = key(
        "a text file to which all bytes sent and received are appended", default=None, shown="none"
    )
    capture_bytes: int = key(
        "how much the capture may take, with the older file `….1` beside it",
        name="capture_mib",
        kind="number",
        default=64 * MIB,
        scale=MIB,
        above=0.0,
        most=1024.0 * 1024.0,
    )
    time: TimeKeys = part()
    device: tuple[NamedDeviceKeys, ...] = key(kind="tables", of=NamedDeviceKeys, default=())

    def check(self, table: TomlTable) -> None:
        """Raise ConfigError for a port that cannot be, and for a line at Modbus/TCP, which has none."""
        is_tcp = is_modbus_tcp(self.port)
        if wrong := check_tcp_port(self.port) if is_tcp else check_port(self.port):
            hint = "a path such as /dev/serial/by-id/…, socket://HOST:PORT or rfc2217://HOST:PORT"
            raise table.wrong("port", wrong, "" if is_tcp else hint)
        for name in ("baud_rate", "parity", "stop_bits") if is_tcp else ():
            if getattr(self, name) is not None:
                raise table.wrong(name, "is not for tcp://", "leave it out")
        if self.rs485.wanted is not None and "://" in self.port:
            raise table.wrong("rs485", "is for a port of this machine", "the other end switches its own line")
        if self.rs485.wanted is not None and not self.rts:
            raise table.wrong("rts", "is what rs485 switches", "leave it out")


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialSettings(SourceSettings):
    """[[serial]]: a port. devices: one that is called as the port, or those of its [[serial.device]]."""

    port: str
    devices: tuple[DeviceSettings, ...]
    baud_rate: int
    line: LineSettings
    control: ControlLines = BOTH_ASSERTED
    capture: Path | None
    capture_bytes: int
    is_can: ClassVar[bool] = False
    keys: ClassVar[type[SerialKeys]] = SerialKeys

    @classmethod
    def of(cls, keys: SerialKeys, table: TomlTable) -> Self:
        port, capture = keys.port, keys.capture
        places = [table.at(f"device[{number}]") for number in range(len(keys.device))]
        if keys.own is not None:
            places = [table]
            devices: tuple[DeviceSettings, ...] = (DeviceSettings.of(keys.own, table, keys.name),)
        else:
            devices = _devices(keys.device, places)
        if is_modbus_tcp(port):
            baud_rate, line = _no_line(devices, places)
        else:
            baud_rate, line = _line(keys, devices, places)
        if capture is not None and capture.is_dir():
            raise table.wrong("capture", f"is a folder: {capture}", "name a file in it")
        return cls(
            name=keys.name,
            port=port if "://" in port else str(table.full_path("port", port)),
            devices=devices,
            baud_rate=baud_rate,
            line=line,
            control=ControlLines(keys.dtr, keys.rts, keys.rs485.wanted),
            capture=capture,
            capture_bytes=keys.capture_bytes,
            simulated_time=keys.time.simulated_time,
        )

    @property
    def _scale(self) -> float:
        return self.simulated_time.scale if self.simulated_time else 1.0

    @property
    def _has_one(self) -> bool:
        """Return whether its device is the port itself, as far as names go."""
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

    def as_device(self) -> Self:
        devices = tuple(each.without_owner() for each in self.devices)
        return replace(SourceSettings.as_device(self), devices=devices)

    # -- what it needs

    @property
    def resources(self) -> tuple[Resource, ...]:
        port = Resource("port", self.port)
        return (port,) if self.capture is None else (port, Resource("capture", str(self.capture), "writes"))

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(device.registers for device in self.devices if device.registers is not None)

    @property
    def _titles(self) -> tuple[str, ...]:
        """Return what its devices are, each kind once."""
        return tuple(dict.fromkeys(device.table.title for device in self.devices))

    def presence(self) -> Iterator[tuple[Grade, str]]:
        where = f"port {self.port}"
        how = "Modbus/TCP" if is_modbus_tcp(self.port) else f"{self.baud_rate} baud"
        said = f"{' and '.join(self._titles)}, {how}"
        for device in self.devices:
            if device.registers and (first := numbered_from_1(read_register_map(device.registers))):
                words = f"{device.registers}: register {first} is asked for at address {first}"
                hint = f"numbers_from = {first // 10_000 * 10_000 + 1} where the first one is called so"
                yield Grade.WARNING, f"{words} ({hint})"
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
        elif not port.is_char_device():
            yield Grade.FAULT, f"{where}: is no serial port (a path such as {BY_ID}/usb-…)"
        elif not os.access(port, os.R_OK | os.W_OK):
            yield Grade.FAULT, f"{where}: permission denied (add this user to the group dialout)"
        else:
            yield Grade.FACT, f"{where}: {said}"
        if self.baud_rate not in _USUAL_RATES:
            near = min(_USUAL_RATES, key=lambda rate: abs(rate - self.baud_rate))
            yield Grade.WARNING, f"{where}: {self.baud_rate} baud is no usual rate (did you mean {near}?)"
        if _NUMBERED_PORT.fullmatch(self.port):
            lasting = lasting_link(port) or f"its link in {BY_ID}"
            words = f"its number may change when it is plugged in again (take {lasting})"
            yield Grade.WARNING, f"{where}: {words}"

    # -- what it brings

    def extended(self, plan: PlanSpec) -> PlanSpec:
        """Return `plan` with a bus for each device."""
        for device in self.devices:
            records, first = shared_records(plan.records, device.table.records)
            plan = PlanSpec(records, (*plan.buses, device.table.bus(self._bus(device), first)))
        return plan

    def map_entries(self) -> Iterator[MapEntry]:
        """Yield fields and alarms."""
        for device in self.devices:
            yield from device.map_entries(device.table, self._bus(device))

    @property
    def count_gap_ns(self) -> int:
        """Return the gap in which two readings may have been lost.

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
        lines = capture if start.tap is None else TappedLines(self.name, capture, start.tap)
        return self.make_recording_source(start, lines)

    def make_recording_source(self, start: Start, capture: LineStore | None) -> SerialSource:
        """Return a source whose bytes go to `capture`, whatever these settings say of one."""
        time, clock = self.simulated_time, start.clock
        tcp = ModbusTcpLink(self.port) if is_modbus_tcp(self.port) else None
        return SerialSource(
            self.name,
            tcp or PyserialLink(self.port, self.baud_rate, self.line, self.control),
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


def _devices(keys: Sequence[NamedDeviceKeys], places: Sequence[TomlTable]) -> tuple[DeviceSettings, ...]:
    found: list[DeviceSettings] = []
    for one, table in zip(keys, places, strict=True):
        if any(other.name == one.name for other in found):
            raise table.wrong("name", f"another device is already called {one.name!r}")
        device = DeviceSettings.of(one.own, table, one.name)
        for other in found:
            _refuse_to_mix(table, device, other)
        found.append(device)
    return tuple(found)


def _refuse_to_mix(table: TomlTable, device: DeviceSettings, other: DeviceSettings) -> None:
    """Raise ConfigError where one device on the line would answer for both."""
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
    keys: SerialKeys, devices: tuple[DeviceSettings, ...], places: Sequence[TomlTable]
) -> tuple[int, LineSettings]:
    """Return what the table says of the line, or the devices' own, if they agree."""
    wanted = []
    for device in devices:
        protocol = device.table
        line = LineSettings(keys.parity or protocol.line.parity, keys.stop_bits or protocol.line.stop_bits)
        wanted.append((keys.baud_rate or protocol.baud_rate, line))
    for number, (rate, line) in enumerate(wanted):
        if (rate, line) != wanted[0]:
            own, first = f"{rate} baud {line}", "{} baud {}".format(*wanted[0])
            words = f"{devices[number].name} is at {own}, {devices[0].name} at {first}"
            raise places[number].wrong("protocol", words, "set baud_rate, parity and stop_bits of the port")
    return wanted[0]


def _no_line(devices: Sequence[DeviceSettings], places: Sequence[TomlTable]) -> tuple[int, LineSettings]:
    """Return what stands for the settings of a line at Modbus/TCP, which has none and no other protocols."""
    for number, device in enumerate(devices):
        if device.protocol not in _MODBUS:
            hint = "socket://HOST:PORT for a converter that passes bytes"
            words = f"{device.protocol} is not Modbus, which tcp:// speaks"
            raise places[number].wrong("protocol", words, hint)
    return 0, EIGHT_N_ONE
