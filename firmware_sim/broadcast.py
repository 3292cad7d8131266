"""Puts a BMS on the bus: which frame is due when, and what stands in it.

Promises: frames come in the order of their time, at the periods and start delays of vehicle.dbc, counted in
simulated time from the ECU's start; alive counters and pages go on without a gap. Values are those of the
last tick. No clock and no bus here.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from firmware_sim.alarms import THRESHOLDS, Level
from firmware_sim.bms import CELL_EMPTY_V, CELL_FULL_V, Bms, State
from firmware_sim.layout import MessageLayout, load_layouts

VEHICLE_DBC = Path(__file__).with_name("vehicle.dbc")

Frame = tuple[int, int, bytes]  # time in ns, arbitration id with CAN_EFF_FLAG, payload

_CELL_SIGNALS = tuple(f"Cell{number:02d}Voltage" for number in range(1, 97))
_MODULE_SIGNALS = tuple(f"Module{number:02d}Temperature" for number in range(1, 13))

_SERIAL_NUMBER = 0x4E455601
_SOFTWARE_VERSION = 12


def _pack_power(bms: Bms) -> dict[str, float]:
    return {
        "State": bms.state,
        "PackVoltage": bms.pack.voltage_v,
        "PackCurrent": bms.pack.current_a,
        "LinkVoltage": bms.link_voltage_v,
    }


def _pack_state(bms: Bms) -> dict[str, float]:
    return {
        "MainContactorPlus": bms.contactors_closed,
        "MainContactorMinus": bms.contactors_closed or bms.state is State.PRECHARGE,
        "PrechargeContactor": bms.state is State.PRECHARGE,
        "Balancing": bool(bms.pack.balanced_cells),
        "StateOfCharge": bms.pack.soc_pct,
        "RemainingCapacity": bms.pack.remaining_ah,
        "FullCapacity": bms.pack.capacity_ah,
    }


def _limits(bms: Bms) -> dict[str, float]:
    cells = bms.pack.spec.cells
    return {
        "ChargeEnabled": bms.charge_limit_a > 0.0,
        "DischargeEnabled": bms.discharge_limit_a > 0.0,
        "Charging": bms.charging,
        "Discharging": bms.discharging,
        "ChargeCurrentLimit": bms.charge_limit_a,
        "DischargeCurrentLimit": bms.discharge_limit_a,
        "PackVoltageUpperLimit": CELL_FULL_V * cells,
        "PackVoltageLowerLimit": CELL_EMPTY_V * cells,
    }


def _cell_extremes(bms: Bms) -> dict[str, float]:
    return {
        "CellVoltageMin": bms.cell_min_v,
        "CellVoltageMax": bms.cell_max_v,
        "CellIndexMin": bms.cell_voltages_v.index(bms.cell_min_v) + 1,
        "CellIndexMax": bms.cell_voltages_v.index(bms.cell_max_v) + 1,
    }


def _cell_voltages(bms: Bms) -> dict[str, float]:
    return dict(zip(_CELL_SIGNALS, bms.cell_voltages_v, strict=True))


def _temperatures(bms: Bms) -> dict[str, float]:
    modules = bms.pack.module_temperatures_c
    return {
        "CoolingOn": bms.pack.cooling_on,
        "TemperatureMin": bms.temp_min_c,
        "TemperatureMax": bms.temp_max_c,
        "TemperatureMean": sum(modules) / len(modules),
        "CoolantTemperature": bms.pack.spec.coolant_c,
    }


def _module_temperatures(bms: Bms) -> dict[str, float]:
    return dict(zip(_MODULE_SIGNALS, bms.pack.module_temperatures_c, strict=True))


def _alarms(bms: Bms) -> dict[str, float]:
    levels: dict[str, float] = {alarm.name: bms.levels.get(alarm.name, Level.NONE) for alarm in THRESHOLDS}
    return levels | {
        "HighestLevel": max(levels.values()),
        "FaultLatched": bms.state is State.FAULT,
        "LatchedFault": bms.latched_fault,
    }


def _health(bms: Bms) -> dict[str, float]:
    return {
        "StateOfHealth": 100.0 * bms.pack.soh,
        "ChargeCycles": bms.pack.cycles,
        "InsulationResistance": bms.insulation_kohm,
    }


def _energy(bms: Bms) -> dict[str, float]:
    return {"EnergyCharged": bms.pack.energy_in_wh, "EnergyDischarged": bms.pack.energy_out_wh}


def _identity(bms: Bms) -> dict[str, float]:
    return {
        "SerialNumber": _SERIAL_NUMBER,
        "NominalCapacity": bms.pack.spec.cell_capacity_ah,
        "CellCount": bms.pack.spec.cells,
        "SoftwareVersion": _SOFTWARE_VERSION,
    }


VALUES: Mapping[str, Callable[[Bms], dict[str, float]]] = {
    "BMS_PackPower": _pack_power,
    "BMS_PackState": _pack_state,
    "BMS_Limits": _limits,
    "BMS_CellExtremes": _cell_extremes,
    "BMS_CellVoltages": _cell_voltages,
    "BMS_Temperatures": _temperatures,
    "BMS_ModuleTemperatures": _module_temperatures,
    "BMS_Alarms": _alarms,
    "BMS_Health": _health,
    "BMS_Energy": _energy,
    "BMS_Identity": _identity,
}


class _Sender:
    """One message: its next frame, packed at most once a tick and page."""

    def __init__(self, layout: MessageLayout, bms: Bms) -> None:
        self.layout = layout
        self.sent = 0
        self._bms = bms
        self._values = VALUES[layout.name]
        self._pages = tuple(layout.pages)
        self._packed: dict[int, int] = {}
        self._values_now: dict[str, float] | None = None

    def tick(self) -> None:
        """The values have changed."""
        self._packed.clear()
        self._values_now = None

    def next_payload(self) -> bytes:
        page = self._pages[self.sent % len(self._pages)]
        packed = self._packed.get(page)
        if packed is None:
            if self._values_now is None:
                self._values_now = self._values(self._bms)
            packed = self._packed[page] = self.layout.pack(self._values_now, page)
        payload = self.layout.protect(packed, self.sent)
        self.sent += 1
        return payload


class Broadcast:
    """All messages of vehicle.dbc, as one ECU sends them from simulated time 0 on."""

    def __init__(self, bms: Bms) -> None:
        self._senders = [_Sender(layout, bms) for layout in load_layouts(VEHICLE_DBC).values()]
        self._cycle_ns = math.lcm(*(sender.layout.period_ns for sender in self._senders))
        due = (
            (at_ns, index)
            for index, sender in enumerate(self._senders)
            for at_ns in range(sender.layout.delay_ns, self._cycle_ns, sender.layout.period_ns)
        )
        self._due = sorted(due)  # one cycle, which repeats; delays are shorter than periods
        self._next = 0
        self._cycle_start_ns = 0

    def frames_until(self, end_ns: int) -> Iterator[Frame]:
        """The frames that are due before `end_ns` and were not given yet, with the values of now."""
        for sender in self._senders:
            sender.tick()
        while True:
            offset_ns, index = self._due[self._next]
            at_ns = self._cycle_start_ns + offset_ns
            if at_ns >= end_ns:
                return
            self._next += 1
            if self._next == len(self._due):
                self._next = 0
                self._cycle_start_ns += self._cycle_ns
            sender = self._senders[index]
            yield at_ns, sender.layout.arbitration_id, sender.next_payload()

    def sent(self) -> dict[str, int]:
        """Frames given so far, by message."""
        return {sender.layout.name: sender.sent for sender in self._senders}
