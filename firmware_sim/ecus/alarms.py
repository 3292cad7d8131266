"""What the BMS finds wrong: readings against thresholds, each with a level and a hysteresis.

Pure: the levels depend on the readings and on the levels before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum


class AlarmLevel(IntEnum):
    """As vehicle.dbc numbers them."""

    NONE = 0
    WARNING = 1
    ALARM = 2
    FAULT = 3  # latched; opens the contactors


@dataclass(frozen=True, slots=True)
class Threshold:
    """An alarm: `reading` at or past a limit (above, or below where the limits fall) gives its level.

    A level is left only when the reading has gone back past its limit by `hysteresis`.
    """

    name: str  # as vehicle.dbc calls it
    reading: str
    warning: float
    alarm: float
    fault: float
    hysteresis: float

    def level(self, value: float, before: AlarmLevel) -> AlarmLevel:
        """Return the level of `value`, when the level was `before`."""
        sign = 1.0 if self.fault > self.warning else -1.0
        reached = AlarmLevel.NONE
        for level, limit in (
            (AlarmLevel.WARNING, self.warning),
            (AlarmLevel.ALARM, self.alarm),
            (AlarmLevel.FAULT, self.fault),
        ):
            slack = self.hysteresis if level <= before else 0.0
            if sign * (value - limit) >= -slack:
                reached = level
        return reached


# In the order of vehicle.dbc's LatchedFault, which counts from 1.
THRESHOLDS = (
    Threshold("CellOvervoltage", "cell_max_v", 4.20, 4.23, 4.27, 0.02),
    Threshold("CellUndervoltage", "cell_min_v", 3.10, 2.90, 2.60, 0.05),
    Threshold("CellImbalance", "cell_delta_v", 0.15, 0.30, 0.60, 0.02),
    Threshold("Overtemperature", "temp_max_c", 48.0, 54.0, 60.0, 2.0),
    Threshold("Undertemperature", "temp_min_c", -20.0, -28.0, -40.0, 2.0),
    Threshold("TemperatureSpread", "temp_delta_c", 12.0, 18.0, 25.0, 2.0),
    Threshold("ChargeOvercurrent", "charge_a", 330.0, 360.0, 400.0, 10.0),
    Threshold("DischargeOvercurrent", "discharge_a", 500.0, 550.0, 600.0, 10.0),
    Threshold("InsulationLow", "insulation_kohm", 500.0, 200.0, 40.0, 20.0),
    Threshold("PrechargeFailed", "precharge_s", 2.0, 2.5, 3.0, 0.1),
    Threshold("SensorLost", "lost_sensors", 1.0, 2.0, 6.0, 0.5),
)


def judge(readings: Mapping[str, float], before: Mapping[str, AlarmLevel]) -> dict[str, AlarmLevel]:
    """Return the level of every alarm; `before` are the levels of the last time."""
    return {
        threshold.name: threshold.level(
            readings[threshold.reading], before.get(threshold.name, AlarmLevel.NONE)
        )
        for threshold in THRESHOLDS
    }
