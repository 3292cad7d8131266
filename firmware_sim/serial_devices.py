"""The devices that the simulator puts on serial lines: boards over a battery, its charger, meters beside it.

Promises:

- Devices over one battery report the same plant, so that readers of different protocols agree.
- Each device has a serial number of its own, as far as its kind can say one; the same seed gives the same.
"""

import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from firmware_sim.ecus.service_battery import ServiceBattery
from firmware_sim.links.shared_line import DeviceEnd
from firmware_sim.wire import modbus_registers as modbus
from firmware_sim.wire.ant_new import AntNewFirmware, AntNewLine
from firmware_sim.wire.ant_old import AntOldFirmware, AntOldLine
from firmware_sim.wire.daly import DalyFirmware, DalyLine
from firmware_sim.wire.dlt645 import Dlt645Firmware, MeterLine, MeterReadings
from firmware_sim.wire.jbd import MODEL, JbdFirmware, JbdLine
from firmware_sim.wire.jk_55aa import Jk55aaFirmware, Jk55aaLine
from firmware_sim.wire.jk_nw import JkNwFirmware, JkNwLine
from firmware_sim.wire.pylontech import FIRST_MODULE, PylontechFirmware, PylontechLine
from firmware_sim.wire.seplos_v2 import SeplosFirmware, SeplosLine
from firmware_sim.wire.vedirect import VeDirectFirmware, VeDirectLine

Option = bool | int | float | str


@dataclass(frozen=True, slots=True)
class DeviceName:
    """A device as it is named: its kind, its address if it has one, and what differs in its firmware."""

    kind: str
    address: int = 0
    options: tuple[tuple[str, Option], ...] = ()

    def __str__(self) -> str:
        return f"{self.kind}:{self.address}" if KINDS[self.kind].addresses else self.kind


@dataclass(frozen=True, slots=True)
class DeviceKind:
    """One kind of device.

    what, sends: what it is and says, for the page. firmware: of an address and a number of ten digits that no
    other device has. make: of its battery and its firmware. addresses: that it may have; usual: the one of a
    device that is given none.
    """

    what: str
    sends: str
    firmware: Callable[[int, str], Any]
    make: Callable[[ServiceBattery, Any], DeviceEnd]
    addresses: range = range(0)
    usual: int = 0

    @property
    def options(self) -> Mapping[str, type]:
        """Return what may differ in its firmware, each with its type, without the address."""
        firmware = self.firmware(self.usual, "")
        values = {field.name: getattr(firmware, field.name) for field in fields(firmware)}
        kinds = {name: str if isinstance(value, bytes) else type(value) for name, value in values.items()}
        return {
            name: kind
            for name, kind in kinds.items()
            if kind in (bool, int, float, str) and name not in _IS_ADDRESS
        }


_IS_ADDRESS = ("address", "number", "slave", "group")


def parse_devices(text: str) -> tuple[DeviceName, ...]:
    """Read `KIND[:ADDRESS][,OPTION[:VALUE]…][+…]` of one line. Raises ValueError with what is wrong."""
    return checked(tuple(_parse_device(part) for part in text.split("+")))


def checked(names: tuple[DeviceName, ...]) -> tuple[DeviceName, ...]:
    """Return devices that can share a line. Raises ValueError."""
    for name, count in Counter(map(str, names)).items():
        if count > 1:
            why = "two devices on a line have one address" if ":" in name else f"two {name} have no address"
            raise ValueError(why)
    return names


def named(kind: str, address: int | None, options: Mapping[str, Option]) -> DeviceName:
    """Return a device. Raises ValueError for an address or an option that it cannot have."""
    if kind not in KINDS:
        raise ValueError(f"no device is called {kind!r}; there are {', '.join(KINDS)}")
    known = KINDS[kind]
    if address is None:
        address = known.usual
    elif not known.addresses:
        raise ValueError(f"{kind} has no address")
    elif address not in known.addresses:
        raise ValueError(f"{kind} has addresses {_words(known.addresses)}, not {address}")
    for name, value in options.items():
        wanted = known.options.get(name)
        if wanted is None:
            raise ValueError(f"{kind} has no option {name!r}; it has {', '.join(known.options) or 'none'}")
        if type(value) is not wanted:
            raise ValueError(f"{name} of {kind} is {_TYPE_WORDS[wanted]}, not {value!r}")
    return DeviceName(kind, address, tuple(options.items()))


def device_end(name: DeviceName, battery: ServiceBattery, place: str = "") -> DeviceEnd:
    """Return the device's end of a line. place: makes its serial number differ from others of that name."""
    kind = KINDS[name.kind]
    number = f"{zlib.crc32(f'{place}/{name}'.encode()):010d}"
    firmware = kind.firmware(name.address, number)
    options = {
        option: value.encode("ascii", "replace")
        if isinstance(value, str) and isinstance(getattr(firmware, option), bytes)
        else value
        for option, value in name.options
    }
    return kind.make(battery, replace(firmware, **options))


_TYPE_WORDS = {bool: "true or false", int: "an integer", float: "a number with a point", str: "a text"}


def _parse_device(text: str) -> DeviceName:
    head, *rest = text.split(",")
    kind, colon, digits = head.partition(":")
    if colon and not digits.isdecimal():
        raise ValueError(f"{digits!r} is not an address")
    options = {}
    for one in rest:
        name, has_value, value = one.partition(":")
        wanted = KINDS[kind].options.get(name, str) if kind in KINDS else str
        options[name] = _value(value, wanted) if has_value else True
    return named(kind, int(digits) if colon else None, options)


def _value(text: str, wanted: type) -> Option:
    """Return the value as the option has it; what cannot be read so stays a text, which `named` refuses."""
    if wanted is bool:
        return {"true": True, "false": False}.get(text, text)
    try:
        return wanted(text)  # type: ignore[no-any-return]  # `wanted` is a type that is read at run time
    except ValueError:
        return text


def _words(addresses: range) -> str:
    if addresses.step == 1:
        return f"{addresses[0]} to {addresses[-1]}"
    return ", ".join(map(str, addresses))


def _meter(battery: ServiceBattery) -> MeterReadings:
    """Return what a meter between battery and loads reads: forward is into the battery."""
    pack = battery.pack
    power_w = pack.voltage_v * pack.current_a
    return MeterReadings(pack.voltage_v, pack.current_a, power_w, pack.energy_in_wh, pack.energy_out_wh)


def _meter_bank(battery: ServiceBattery, firmware: modbus.ModbusMeterFirmware) -> modbus.Bank:
    """Return a meter that has the registers of a PZEM-017 and of an Acrel, and a serial number."""
    readings, pack = battery.bms.readings(), battery.pack
    return {
        **modbus.pzem(readings, pack.energy_in_wh + pack.energy_out_wh),
        **modbus.acrel(readings, pack.energy_in_wh, pack.energy_out_wh),
        **modbus.text(modbus.SERIAL_NUMBER_AT, firmware.serial_number, modbus.SERIAL_NUMBER_REGISTERS),
    }


KINDS: Mapping[str, DeviceKind] = {
    "jbd": DeviceKind(
        "the board of a 14-cell, 100 Ah service battery with two temperature sensors",
        "answers to requests of registers 0x03, 0x04 and 0x05; to any other, and to any write, an error",
        lambda _, number: JbdFirmware(MODEL + b"-" + number[-6:].encode()),
        lambda battery, firmware: JbdLine(battery.bms.readings, firmware),
    ),
    "vedirect": DeviceKind(
        "its solar charger",
        "one text block each simulated second, and answers to HEX messages",
        lambda _, number: VeDirectFirmware(f"HQ{number[-9:]}"),
        lambda battery, firmware: VeDirectLine(battery.solar.readings, firmware),
    ),
    "jk_nw": DeviceKind(
        "a JK board over the same battery",
        "answers to the request for everything",
        lambda _, number: JkNwFirmware(device_id=number[-8:].encode()),
        lambda battery, firmware: JkNwLine(battery.bms.readings, firmware),
    ),
    "jk_55aa": DeviceKind(
        "a JK inverter board, address 0 to 15 (1)",
        "answers to triggers; with address 0 its state each second",
        lambda address, number: Jk55aaFirmware(address=address, serial_number=number.encode()),
        lambda battery, firmware: Jk55aaLine(battery.bms.readings, firmware),
        range(16),
        1,
    ),
    "seplos_v2": DeviceKind(
        "a Seplos board, address 0 to 15 (0)",
        "answers to requests for values, alarms and versions",
        lambda address, number: SeplosFirmware(address=address, maker=f"NEV {number}".encode().ljust(20)),
        lambda battery, firmware: SeplosLine(battery.bms.readings, firmware),
        range(16),
    ),
    "pylontech": DeviceKind(
        "a stack of one Pylontech module, address 2 plus 16 times its group (2)",
        "answers to requests for values, alarms, limits, serial number and versions",
        lambda address, number: PylontechFirmware(
            group=address >> 4, wide=(True,), serial_numbers=(f"K{number}".encode(),)
        ),
        lambda battery, firmware: PylontechLine([battery.bms.readings], firmware),
        range(FIRST_MODULE, 0xF0, 16),  # of the first module of each group
        FIRST_MODULE,
    ),
    "ant_old": DeviceKind(
        "an ANT board of the first kind",
        "answers to requests for the state and for the capacity",
        lambda _, _number: AntOldFirmware(),
        lambda battery, firmware: AntOldLine(battery.bms.readings, firmware),
    ),
    "ant_new": DeviceKind(
        "an ANT board of 2021",
        "answers to requests for the state and the versions",
        lambda _, number: AntNewFirmware(hardware=f"24AHA{number}".encode()),
        lambda battery, firmware: AntNewLine(battery.bms.readings, firmware),
    ),
    "daly": DeviceKind(
        "a Daly board, number 1 to 16 (1)",
        "answers to A5 requests 0x90 to 0x98, 0x50 and 0x57",
        lambda address, number: DalyFirmware(number=address, code=f"DL{number}".encode()),
        lambda battery, firmware: DalyLine(battery.bms.readings, firmware),
        range(1, 17),
        1,
    ),
    "daly_modbus": DeviceKind(
        "a Daly board of 2023, address 1 to 247 (210)",
        "answers to requests for its registers",
        lambda address, number: modbus.DalyModbusFirmware(address, b"K1.0", f"DL-K {number}".encode()),
        lambda battery, firmware: modbus.ModbusLine(
            lambda: modbus.daly(battery.bms.readings(), firmware), firmware.slave
        ),
        range(1, 248),
        modbus.DALY_SLAVE,
    ),
    "dlt645": DeviceKind(
        "an energy meter between battery and loads, address of 12 digits (112233445566)",
        "answers to requests for voltage, current, power, energies and its address",
        lambda address, _: Dlt645Firmware(address=f"{address:012d}"),
        lambda battery, firmware: MeterLine(lambda: _meter(battery), firmware),
        range(10**12),
        112233445566,
    ),
    "modbus": DeviceKind(
        "a DC meter there, address 1 to 247 (1)",
        (
            "answers as a PZEM-017 (input registers) and as an Acrel DJSF1352-RN (holding registers); "
            "its serial number is a text in 8 holding registers from 256 on"
        ),
        lambda address, number: modbus.ModbusMeterFirmware(address, number.encode()),
        lambda battery, firmware: modbus.ModbusLine(lambda: _meter_bank(battery, firmware), firmware.slave),
        range(1, 248),
        1,
    ),
}
