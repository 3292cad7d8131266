"""What a Seplos battery (V2) says on RS485: analog values, alarms and its maker's text.

Promises: a battery answers requests for its own address alone. Layout: "SEPLOS BMS Communication Protocol
V2.0".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firmware_sim.wire.ascii_frame import OK, WRONG_CID2, AsciiLine, compared, compared_cells, frame
from firmware_sim.wire.numbers import be, sbe
from firmware_sim.wire.readings import Readings

ANALOG, ALARMS, VENDOR = 0x42, 0x44, 0x51


@dataclass(frozen=True, slots=True)
class SeplosFirmware:
    """How one battery differs from others."""

    address: int = 0
    group: int = 1  # as INFO reports it
    cell_sensors: int = 4  # before those of the ambient and of the MOSFETs
    custom_count: int = 10
    device: bytes = b"1101-SP76 "
    version: tuple[int, int] = (16, 6)
    maker: bytes = b"CAN:VICTRON".ljust(20)


def kelvin_tenths(degrees: float) -> bytes:
    """Return 0.1 K, with 273.1 K at the freezing point."""
    return be(degrees + 273.1, 0.1)


def analog(readings: Readings, firmware: SeplosFirmware) -> bytes:
    """Return INFO of the answer to ANALOG."""
    sensors = [*readings.sensors_c, *[readings.ambient_c] * firmware.cell_sensors][: firmware.cell_sensors]
    temperatures = [readings.ambient_c if c is None else c for c in sensors]
    temperatures += [readings.ambient_c, readings.switch_c]
    return (
        bytes((0, firmware.group, len(readings.cells_v)))
        + b"".join(be(volts, 0.001) for volts in readings.cells_v)
        + bytes((len(temperatures),))
        + b"".join(kelvin_tenths(c) for c in temperatures)
        + sbe(readings.current_a, 0.01)
        + be(readings.voltage_v, 0.01)
        + be(readings.remaining_ah, 0.01)
        + bytes((firmware.custom_count,))
        + be(readings.capacity_ah, 0.01)
        + be(readings.soc_pct, 0.1)
        + be(readings.nominal_ah, 0.01)
        + be(readings.cycles)
        + be(readings.soh_pct, 0.1)
        + be(readings.voltage_v, 0.01)  # at the port: what the pack has while its switches are closed
        + bytes(2 * (firmware.custom_count - 6))
    )


def alarms(readings: Readings, firmware: SeplosFirmware, warnings: frozenset[str] = frozenset()) -> bytes:
    """Return INFO of the answer to ALARMS. `warnings` are alarms at their first level alone."""
    count = len(readings.cells_v)
    events = [0] * 9  # the first is not used
    events[2], events[3], events[5] = readings.level_bits(warnings)
    cells = compared_cells(readings)
    switches = readings.discharge_switch | readings.charge_switch << 1
    balanced = readings.balanced_bits.to_bytes(4, "little")
    system = 1 << (1 if readings.current_a > 0.0 else 0 if readings.current_a < 0.0 else 4)
    return (
        bytes((0, firmware.group, count, *cells, firmware.cell_sensors + 2))
        + bytes(firmware.cell_sensors + 2)
        + bytes((compared(readings.alarms, "charge_overcurrent", "discharge_overcurrent"),))
        + bytes((compared(readings.alarms, "pack_overvoltage", "pack_undervoltage"), 20))
        + bytes((*events[1:7], switches, balanced[0], balanced[1], system, 0, 0, *events[7:9]))
        + bytes(6)
    )


def vendor(firmware: SeplosFirmware) -> bytes:
    """Return INFO of the answer to VENDOR: device, version, maker."""
    return firmware.device + bytes(firmware.version) + firmware.maker


def request(address: int, command: int) -> bytes:
    """Return a request. On RS485 INFO repeats the address; VENDOR has none."""
    return frame(address, command, b"" if command == VENDOR else bytes((address,)))


class SeplosLine(AsciiLine):
    """The battery's end of the bus."""

    def __init__(self, readings: Callable[[], Readings], firmware: SeplosFirmware | None = None) -> None:
        self._readings = readings
        self._firmware = firmware or SeplosFirmware()
        super().__init__(self._respond)

    def _respond(self, address: int, command: int, info: bytes) -> Sequence[tuple[int, int, bytes]]:  # noqa: ARG002 - one answer for any
        if address != self._firmware.address:
            return ()
        if command == ANALOG:
            return ((address, OK, analog(self._readings(), self._firmware)),)
        if command == ALARMS:
            return ((address, OK, alarms(self._readings(), self._firmware)),)
        if command == VENDOR:
            return ((address, OK, vendor(self._firmware)),)
        return ((address, WRONG_CID2, b""),)
