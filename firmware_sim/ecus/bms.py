"""The battery management system: a state machine over a pack, with limits, alarms, cooling and balancing.

Promises: no current is allowed unless the contactors are closed, and the contactors open within one tick of
a fault, which stays latched until the request is off. Knows no bus and no clock: `tick` moves it, every
TICK_S of simulated time; `broadcast.py` puts it on a bus.
"""

import math
from enum import Enum, IntEnum

from firmware_sim.ecus.alarms import THRESHOLDS, AlarmLevel, judge
from firmware_sim.ecus.charger import NO_REQUEST, ChargeRequest
from firmware_sim.ecus.gauge import Gauge
from firmware_sim.plant.pack import Pack

TICK_S = 0.1
TICK_NS = 100_000_000

INSULATION_KOHM = 2400.0  # of a vehicle that is dry and whole

MAX_CHARGE_A = 250.0
MAX_DISCHARGE_A = 450.0
_CLOSED_ABOVE = 0.97  # of the pack's voltage on the link: the main contactors may close
_PRECHARGE_TIME_CONSTANT_S = 0.15
_DRAIN_TIME_CONSTANT_S = 0.8  # the link drains by itself
_OPEN_BELOW_A = 2.0  # contactors are opened without load
_COOLING_ON_C, _COOLING_OFF_C = 30.0, 26.0
_BALANCE_DELTA_V, _BLEED_A = 0.005, 0.12
_FLOWS_ABOVE_A = 0.5
_FULL_BELOW_A, _FULL_AFTER_S = 8.0, 5.0  # a full cell lets no more than that in for so long: the end


class BmsState(IntEnum):
    """As vehicle.dbc numbers them."""

    OFF = 0
    PRECHARGE = 1
    DRIVE = 2
    CHARGE = 3
    FAULT = 4


class VehicleRequest(Enum):
    """What the vehicle requests of the battery."""

    OFF = "off"
    DRIVE = "drive"
    CHARGE = "charge"


_GOAL = {VehicleRequest.DRIVE: BmsState.DRIVE, VehicleRequest.CHARGE: BmsState.CHARGE}


class Bms:
    """Watches one pack. After each step of the plant, call `tick`."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.gauge = Gauge(pack)
        self.state = BmsState.OFF
        self.link_voltage_v = 0.0
        self.insulation_kohm = INSULATION_KOHM
        self.lost_sensors: set[int] = set()  # module temperature sensors, counted from 0
        self.charge_request = NO_REQUEST
        self.latched_fault = 0  # 1-based index into THRESHOLDS
        self.levels: dict[str, AlarmLevel] = {}
        self._precharge_s = 0.0
        self._full_s = 0.0
        self._read()

    @property
    def contactors_closed(self) -> bool:
        """Return whether both main contactors are closed."""
        return self.state in (BmsState.DRIVE, BmsState.CHARGE)

    @property
    def charging(self) -> bool:
        return self.pack.current_a > _FLOWS_ABOVE_A

    @property
    def discharging(self) -> bool:
        return self.pack.current_a < -_FLOWS_ABOVE_A

    @property
    def voltage_v(self) -> float:
        """Return the voltage where a charger is connected: after the contactors."""
        return self.link_voltage_v

    def current_at(self, voltage_v: float) -> float:
        """Return the current that would bring the link to this voltage; zero when the contactors are open."""
        return self.pack.current_at(voltage_v) if self.contactors_closed else 0.0

    def module_readings_c(self) -> list[float | None]:
        """Return the reading of each module's sensor; None where it is lost."""
        modules = self.pack.module_temperatures_c
        if not self.lost_sensors:
            return list(modules)
        return [None if at in self.lost_sensors else reading for at, reading in enumerate(modules)]

    def tick(self, request: VehicleRequest) -> None:
        """Look at the pack, judge, and change state where `request` or a fault demands it."""
        self._read()
        self._judge()
        self._change_state(request)
        self._move_link()
        self._cool()
        self._balance()
        self._limit()
        self._ask_for_charge()

    def _read(self) -> None:
        self.cell_voltages_v = self.pack.cell_voltages_v()
        self.cell_min_v = min(self.cell_voltages_v)
        self.cell_max_v = max(self.cell_voltages_v)
        sensors = [reading for reading in self.module_readings_c() if reading is not None]
        if sensors:  # without any, the last readings stand, and the alarm opens the contactors
            self.temp_min_c = min(sensors)
            self.temp_max_c = max(sensors)
        self.charge_limit_a = 0.0
        self.discharge_limit_a = 0.0

    def _judge(self) -> None:
        readings = {
            "cell_max_v": self.cell_max_v,
            "cell_min_v": self.cell_min_v,
            "cell_delta_v": self.cell_max_v - self.cell_min_v,
            "temp_max_c": self.temp_max_c,
            "temp_min_c": self.temp_min_c,
            "temp_delta_c": self.temp_max_c - self.temp_min_c,
            "charge_a": self.pack.current_a,
            "discharge_a": -self.pack.current_a,
            "insulation_kohm": self.insulation_kohm,
            "precharge_s": self._precharge_s,
            "lost_sensors": len(self.lost_sensors),
        }
        self.levels = judge(readings, self.levels)

    def _change_state(self, request: VehicleRequest) -> None:
        faults = [
            number
            for number, alarm in enumerate(THRESHOLDS, 1)
            if self.levels[alarm.name] is AlarmLevel.FAULT
        ]
        if faults and self.state is not BmsState.OFF:
            self.latched_fault = self.latched_fault or faults[0]
            self.state = BmsState.FAULT
        match self.state:
            case BmsState.OFF if request is not VehicleRequest.OFF and not faults:
                self.state = BmsState.PRECHARGE
            case BmsState.PRECHARGE if request is VehicleRequest.OFF:
                self.state = BmsState.OFF
            case BmsState.PRECHARGE if self.link_voltage_v >= _CLOSED_ABOVE * self.pack.voltage_v:
                self.state = _GOAL[request]
            case BmsState.PRECHARGE:
                self._precharge_s += TICK_S
            case BmsState.DRIVE | BmsState.CHARGE if self.state is not _GOAL.get(request):
                if abs(self.pack.current_a) < _OPEN_BELOW_A:
                    self.state = BmsState.OFF
            case BmsState.FAULT if request is VehicleRequest.OFF and not faults:
                self.state = BmsState.OFF
                self.latched_fault = 0
            case _:
                pass
        if self.state is not BmsState.PRECHARGE:
            self._precharge_s = 0.0

    def _move_link(self) -> None:
        if self.contactors_closed:
            self.link_voltage_v = self.pack.voltage_v
        elif self.state is BmsState.PRECHARGE:
            missing_v = self.pack.voltage_v - self.link_voltage_v
            self.link_voltage_v += missing_v * (1.0 - math.exp(-TICK_S / _PRECHARGE_TIME_CONSTANT_S))
        else:
            self.link_voltage_v *= math.exp(-TICK_S / _DRAIN_TIME_CONSTANT_S)

    def _cool(self) -> None:
        if self.temp_max_c > _COOLING_ON_C:
            self.pack.cooling_on = True
        elif self.temp_max_c < _COOLING_OFF_C:
            self.pack.cooling_on = False

    def _balance(self) -> None:
        cells: frozenset[int] = frozenset()
        if self.state is BmsState.CHARGE and self.cell_max_v > self.pack.chemistry.balance_above_v:
            threshold_v = self.cell_min_v + _BALANCE_DELTA_V
            cells = frozenset(cell for cell, v in enumerate(self.cell_voltages_v) if v > threshold_v)
        if cells != self.pack.balanced_cells:
            self.pack.balance(cells, _BLEED_A)

    def _limit(self) -> None:
        """Limit what may flow: nothing with open contactors, less in cold and heat, none past an end."""
        if not self.contactors_closed:
            return
        warm = min(max((self.temp_min_c + 5.0) / 20.0, 0.0), 1.0)
        hot = min(max((58.0 - self.temp_max_c) / 10.0, 0.0), 1.0)
        pack = self.pack
        to_full_a = max(pack.current_to_reach(pack.chemistry.full_v), 0.0)
        to_empty_a = max(-pack.current_to_fall_to(pack.chemistry.empty_v), 0.0)
        self.charge_limit_a = min(MAX_CHARGE_A * warm * hot, to_full_a)
        self.discharge_limit_a = min(MAX_DISCHARGE_A * hot, to_empty_a)

    def _ask_for_charge(self) -> None:
        """Ask the charger for limit and voltage, until a full cell has let next to nothing in for a while."""
        if self.state is not BmsState.CHARGE:
            self._full_s = 0.0
            self.charge_request = NO_REQUEST
            return
        if self._full_s < _FULL_AFTER_S:
            tapered = self.pack.current_to_reach(self.pack.chemistry.full_v) < _FULL_BELOW_A
            self._full_s = self._full_s + TICK_S if tapered else 0.0
        self.charge_request = ChargeRequest(
            enabled=self._full_s < _FULL_AFTER_S,
            voltage_v=self.pack.chemistry.charge_v * self.pack.spec.cells,
            current_a=self.charge_limit_a,
        )
