"""What Pylontech batteries say on RS485: the first of a stack answers for all its modules.

Promises: a request for a group's address gets the modules asked for, in order; a module that is not there
gets the return code for a wrong address. Layout: "PYLON low-voltage RS485 V3.3".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firmware_sim.wire.ascii_frame import OK, WRONG_CID2, AsciiLine, compared, compared_cells, frame
from firmware_sim.wire.numbers import be, sbe
from firmware_sim.wire.readings import Readings
from firmware_sim.wire.seplos_v2 import kelvin_tenths

ANALOG, ALARMS, MANAGEMENT, SERIAL_NUMBER, FIRMWARE = 0x42, 0x44, 0x92, 0x93, 0x96
FIRST_MODULE = 2
ALL = 0xFF
WRONG_ADDRESS = 0x90


@dataclass(frozen=True, slots=True)
class PylontechFirmware:
    """How a stack differs from others."""

    group: int = 0
    wide: tuple[bool, ...] = ()  # by module: its charges have 24 bits, and FFFF stands in their old places
    charge_limit_v: float = 53.25
    discharge_limit_v: float = 47.0
    charge_limit_a: float = 25.0
    discharge_limit_a: float = 25.0
    serial_numbers: tuple[bytes, ...] = (b"K221027C30801234",)
    version: tuple[int, int, int] = (2, 8, 1)


def module_analog(readings: Readings, *, wide: bool) -> bytes:
    """Return one module within the INFO of ANALOG."""
    temperatures = [readings.ambient_c, *(c for c in readings.sensors_c if c is not None)]
    charges = (readings.remaining_ah, readings.capacity_ah)
    remaining, total = (b"\xff\xff", b"\xff\xff") if wide else (be(ah, 0.001) for ah in charges)
    return (
        bytes((len(readings.cells_v),))
        + b"".join(be(volts, 0.001) for volts in readings.cells_v)
        + bytes((len(temperatures),))
        + b"".join(kelvin_tenths(c) for c in temperatures)
        + sbe(readings.current_a, 0.1)
        + be(readings.voltage_v, 0.001)
        + remaining
        + bytes((4 if wide else 2,))
        + total
        + be(readings.cycles)
        + (b"".join(be(ah, 0.001, 3) for ah in charges) if wide else b"")
    )


def module_alarms(readings: Readings) -> bytes:
    """Return one module within the INFO of ALARMS."""
    cells = compared_cells(readings)
    alarms = readings.alarms
    sensors = 1 + sum(c is not None for c in readings.sensors_c)

    bits = {
        "pack_overvoltage": 0,
        "cell_undervoltage": 1,
        "charge_overcurrent": 2,
        "discharge_overcurrent": 4,
        "discharge_overtemperature": 5,
        "charge_overtemperature": 6,
        "pack_undervoltage": 7,
    }
    status1 = sum(1 << bit for alarm, bit in bits.items() if alarm in alarms)
    status2 = readings.charge_switch << 1 | readings.discharge_switch << 2
    status3 = (readings.current_a > 0.0) << 7 | (readings.current_a < 0.0) << 6
    faults = sum(1 << cell for cell, state in enumerate(cells) if state).to_bytes(2, "little")
    return (
        bytes((len(cells), *cells, sensors))
        + bytes(sensors)
        + bytes((compared(alarms, "charge_overcurrent"),))
        + bytes((compared(alarms, "pack_overvoltage", "pack_undervoltage"),))
        + bytes((compared(alarms, "discharge_overcurrent"), status1, status2, status3, *faults))
    )


def request(command: int, module: int = FIRST_MODULE, group: int = 0) -> bytes:
    """Return the request for one module, or for ALL; the address is that of the group's first."""
    address = (FIRST_MODULE if module == ALL else module) + 16 * group
    info = ALL if module == ALL else address
    return frame(address, command, bytes((info,)))


class PylontechLine(AsciiLine):
    """The end of the bus of a whole group. `modules` are the readings of each, the first is number 2."""

    def __init__(
        self, modules: Sequence[Callable[[], Readings]], firmware: PylontechFirmware | None = None
    ) -> None:
        self._modules = modules
        self._firmware = firmware or PylontechFirmware()
        super().__init__(self._respond)

    def _respond(self, address: int, command: int, info: bytes) -> Sequence[tuple[int, int, bytes]]:
        if address >> 4 != self._firmware.group:
            return ()
        wanted = info[0] if info else address
        fitted = range(len(self._modules))
        places: Sequence[int] = fitted if wanted == ALL else [(wanted & 15) - FIRST_MODULE]
        if not all(place in fitted for place in places):
            return ((address, WRONG_ADDRESS, b""),)
        if command in (ANALOG, ALARMS):
            head = bytes((0, len(places) if wanted == ALL else wanted))
            make = self._analog if command == ANALOG else self._alarms
            return ((address, OK, head + b"".join(make(place) for place in places)),)
        said = self._about(command, wanted, places[0])
        return ((address, WRONG_CID2, b"") if said is None else (address, OK, said),)

    def _analog(self, place: int) -> bytes:
        wide = place < len(self._firmware.wide) and self._firmware.wide[place]
        return module_analog(self._modules[place](), wide=wide)

    def _alarms(self, place: int) -> bytes:
        return module_alarms(self._modules[place]())

    def _about(self, command: int, wanted: int, place: int) -> bytes | None:
        firmware = self._firmware
        if command == MANAGEMENT:
            readings = self._modules[place]()
            allowed = readings.charge_switch << 7 | readings.discharge_switch << 6
            return (
                bytes((wanted,))
                + be(firmware.charge_limit_v, 0.001)
                + be(firmware.discharge_limit_v, 0.001)
                + sbe(firmware.charge_limit_a, 0.1)
                + sbe(-firmware.discharge_limit_a, 0.1)
                + bytes((allowed,))
            )
        if command == SERIAL_NUMBER:
            known = firmware.serial_numbers
            return bytes((wanted,)) + known[place % len(known)].ljust(16)
        if command == FIRMWARE:
            return bytes((wanted, *firmware.version, 1, 3))
        return None
