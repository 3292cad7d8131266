"""What the vehicle asks of its battery while it drives.

Promises: power in watts, positive into the battery (regeneration), the same for the same seed. Relies on
being called once a tick. A drive is made of manoeuvres (speed up, cruise, slow down, stand), as traffic makes
them: stop and go in town, long stretches at 100 to 130 km/h on the motorway.
"""

import random
from dataclasses import dataclass
from enum import Enum

_GRAVITY_M_S2 = 9.81
_AIR_KG_M3 = 1.2
_MASS_KG = 1850.0
_ROTATING = 1.05  # wheels and motor add five percent of inertia
_ROLLING = 0.0095
_DRAG_AREA_M2 = 0.63
_TRACTION_EFFICIENCY = 0.90
_REGENERATION_EFFICIENCY = 0.80
_MAX_TRACTION_W = 120_000.0
_MAX_REGENERATION_W = 60_000.0
_AUXILIARIES_W = 650.0  # electronics, lights, pumps, some heating
_KM_H = 1.0 / 3.6


class Profile(Enum):
    """Kinds of road."""

    URBAN = "urban"
    MOTORWAY = "motorway"


@dataclass(frozen=True, slots=True)
class _Road:
    speeds_km_h: tuple[float, float]
    cruise_s: tuple[float, float]
    acceleration_m_s2: tuple[float, float]
    stops: float  # probability that a manoeuvre ends at a standstill
    stand_s: tuple[float, float]


_ROADS = {
    Profile.URBAN: _Road((25.0, 52.0), (5.0, 40.0), (0.9, 1.7), 0.55, (5.0, 30.0)),
    Profile.MOTORWAY: _Road((95.0, 130.0), (20.0, 120.0), (0.5, 1.0), 0.0, (0.0, 0.0)),
}


class Vehicle:
    """A car on a road, standing at first. `enter` a road, then ask for its power tick by tick."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._road: _Road | None = None
        self.speed_m_s = 0.0
        self._target_m_s = 0.0
        self._acceleration_m_s2 = 1.0
        self._hold_s = 0.0

    @property
    def standing(self) -> bool:
        return self.speed_m_s == 0.0

    def enter(self, profile: Profile) -> None:
        """Go on along this kind of road, at the present speed."""
        self._road = _ROADS[profile]
        self._hold_s = 0.0

    def stop(self) -> None:
        """Brake, and stay."""
        self._road = None
        self._target_m_s = 0.0
        self._acceleration_m_s2 = 1.8

    def power_w(self, tick_s: float) -> float:
        """Move the vehicle, and return the battery's power over the next tick."""
        if self._road is not None:
            self._manoeuvre(self._road, tick_s)
        change = self._acceleration_m_s2 * tick_s
        before = self.speed_m_s
        self.speed_m_s += min(max(self._target_m_s - before, -change), change)
        return self._battery_w(0.5 * (before + self.speed_m_s), (self.speed_m_s - before) / tick_s)

    def _manoeuvre(self, road: _Road, tick_s: float) -> None:
        if self.speed_m_s != self._target_m_s:
            return
        self._hold_s -= tick_s
        if self._hold_s > 0.0:
            return
        draw = self._draw
        if self.speed_m_s > 0.0 and draw.random() < road.stops:
            self._target_m_s = 0.0
            self._hold_s = draw.uniform(*road.stand_s)
        else:
            self._target_m_s = draw.uniform(*road.speeds_km_h) * _KM_H
            self._hold_s = draw.uniform(*road.cruise_s)
        self._acceleration_m_s2 = draw.uniform(*road.acceleration_m_s2)

    @staticmethod
    def _battery_w(speed_m_s: float, acceleration_m_s2: float) -> float:
        rolling_n = _MASS_KG * _GRAVITY_M_S2 * _ROLLING if speed_m_s > 0.0 else 0.0
        drag_n = 0.5 * _AIR_KG_M3 * _DRAG_AREA_M2 * speed_m_s**2
        wheels_w = (rolling_n + drag_n + _MASS_KG * _ROTATING * acceleration_m_s2) * speed_m_s
        if wheels_w >= 0.0:
            return -min(wheels_w / _TRACTION_EFFICIENCY, _MAX_TRACTION_W) - _AUXILIARIES_W
        return min(-wheels_w * _REGENERATION_EFFICIENCY, _MAX_REGENERATION_W) - _AUXILIARIES_W
