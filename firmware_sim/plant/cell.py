"""What one lithium cell is like: open-circuit voltage and resistance, as tables over state of charge.

Tables, because the plant looks up 96 cells ten times a simulated second. They reach a little past 0 and
100 % so that a cell driven out of its range behaves badly instead of stopping the simulation. NMC is of the
shape that the literature shows for cells of 100 to 200 Ah over graphite; no particular product is meant. LFP
is that of PyBaMM's parameter set Prada2013 between 2.0 and 3.6 V.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

STEPS_PER_UNIT = 500  # table steps between empty (0.0) and full (1.0)
MARGIN_STEPS = 50  # steps kept on either side: -10 % and 110 %

REFERENCE_TEMPERATURE_C = 25.0
_KELVIN = 273.15
_ACTIVATION_K = 2000.0  # activation energy over the gas constant: 17 kJ/mol, resistance x 3.3 at -20 degC

# (state of charge, volts)
_NMC_POINTS = (
    *((-0.10, 1.80), (-0.02, 2.60), (0.00, 2.90), (0.025, 3.20), (0.05, 3.35), (0.10, 3.45), (0.15, 3.52)),
    *((0.20, 3.56), (0.25, 3.59), (0.30, 3.61), (0.35, 3.63), (0.40, 3.65), (0.45, 3.67), (0.50, 3.70)),
    *((0.55, 3.75), (0.60, 3.81), (0.65, 3.87), (0.70, 3.92), (0.75, 3.97), (0.80, 4.02), (0.85, 4.06)),
    *((0.90, 4.09), (0.95, 4.13), (1.00, 4.19), (1.02, 4.26), (1.10, 4.70)),
)
_LFP_POINTS = (
    *((-0.10, 1.00), (0.00, 2.00), (0.01, 2.266), (0.02, 2.460), (0.03, 2.603), (0.05, 2.785), (0.08, 2.922)),
    *(
        (0.10, 2.978),
        (0.15, 3.108),
        (0.20, 3.169),
        (0.25, 3.186),
        (0.30, 3.206),
        (0.35, 3.232),
        (0.40, 3.253),
    ),
    *(
        (0.50, 3.266),
        (0.60, 3.269),
        (0.65, 3.270),
        (0.70, 3.274),
        (0.75, 3.293),
        (0.80, 3.310),
        (0.90, 3.314),
    ),
    *((0.95, 3.316), (0.97, 3.327), (0.98, 3.350), (0.99, 3.415), (1.00, 3.600), (1.02, 3.90), (1.10, 4.70)),
)
# (state of charge, factor on the resistance at half charge)
_RESISTANCE_POINTS = (
    (-0.10, 4.0),
    (0.0, 2.4),
    (0.05, 1.7),
    (0.10, 1.35),
    (0.20, 1.1),
    (0.50, 1.0),
    (1.10, 1.15),
)


def _table(points: Sequence[tuple[float, float]]) -> tuple[float, ...]:
    values = []
    segments = pairwise(points)
    (left, left_value), (right, right_value) = next(segments)
    for step in range(-MARGIN_STEPS, STEPS_PER_UNIT + MARGIN_STEPS + 1):
        at = step / STEPS_PER_UNIT
        while at > right + 1e-9:
            (left, left_value), (right, right_value) = next(segments)
        values.append(left_value + (right_value - left_value) * (at - left) / (right - left))
    return tuple(values)


@dataclass(frozen=True, slots=True)
class Chemistry:
    """A kind of cells: open-circuit voltages, and the voltages between which a BMS keeps them."""

    ocv_v: tuple[float, ...]  # at table position `charge x STEPS_PER_UNIT + MARGIN_STEPS`
    ocv_slope_v: tuple[float, ...]  # to the next position
    full_v: float  # the charge limit keeps every cell at or below it
    charge_v: float  # the mean that a charger is asked for
    empty_v: float
    balance_above_v: float


def _chemistry(points: Sequence[tuple[float, float]], *limits_v: float) -> Chemistry:
    ocv_v = _table(points)
    return Chemistry(ocv_v, tuple(after - before for before, after in pairwise(ocv_v)), *limits_v)


CHEMISTRIES = {
    "nmc": _chemistry(_NMC_POINTS, 4.19, 4.17, 3.0, 4.0),
    "lfp": _chemistry(_LFP_POINTS, 3.60, 3.55, 2.8, 3.45),
}
RESISTANCE_FACTOR = _table(_RESISTANCE_POINTS)


def temperature_factor(temperature_c: float) -> float:
    """Return how resistance grows in the cold (Arrhenius); 1.0 at the reference temperature."""
    return math.exp(
        _ACTIVATION_K * (1.0 / (temperature_c + _KELVIN) - 1.0 / (REFERENCE_TEMPERATURE_C + _KELVIN))
    )
