"""What one lithium NMC cell is like: open-circuit voltage and resistance, as tables over state of charge.

Tables, because the plant looks up 96 cells ten times a simulated second. They reach a little past 0 and
100 % so that a cell driven out of its range behaves badly instead of stopping the simulation. The shapes are
those that the literature shows for NMC/graphite cells of 100 to 200 Ah; no particular product is meant.
"""

import math
from itertools import pairwise

STEPS_PER_UNIT = 500  # table steps between empty (0.0) and full (1.0)
MARGIN_STEPS = 50  # steps kept on either side: -10 % and 110 %

REFERENCE_TEMPERATURE_C = 25.0
_KELVIN = 273.15
_ACTIVATION_K = 2000.0  # activation energy over the gas constant: 17 kJ/mol, resistance x 3.3 at -20 degC

# (state of charge, volts)
_OCV_POINTS = (
    *((-0.10, 1.80), (-0.02, 2.60), (0.00, 2.90), (0.025, 3.20), (0.05, 3.35), (0.10, 3.45), (0.15, 3.52)),
    *((0.20, 3.56), (0.25, 3.59), (0.30, 3.61), (0.35, 3.63), (0.40, 3.65), (0.45, 3.67), (0.50, 3.70)),
    *((0.55, 3.75), (0.60, 3.81), (0.65, 3.87), (0.70, 3.92), (0.75, 3.97), (0.80, 4.02), (0.85, 4.06)),
    *((0.90, 4.09), (0.95, 4.13), (1.00, 4.19), (1.02, 4.26), (1.10, 4.70)),
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


def _table(points: tuple[tuple[float, float], ...]) -> tuple[float, ...]:
    values = []
    segments = pairwise(points)
    (left, left_value), (right, right_value) = next(segments)
    for step in range(-MARGIN_STEPS, STEPS_PER_UNIT + MARGIN_STEPS + 1):
        at = step / STEPS_PER_UNIT
        while at > right + 1e-9:
            (left, left_value), (right, right_value) = next(segments)
        values.append(left_value + (right_value - left_value) * (at - left) / (right - left))
    return tuple(values)


OCV_V = _table(_OCV_POINTS)  # volts at table position `charge x STEPS_PER_UNIT + MARGIN_STEPS`
OCV_SLOPE_V = tuple(after - before for before, after in pairwise(OCV_V))  # volts to the next position
RESISTANCE_FACTOR = _table(_RESISTANCE_POINTS)


def temperature_factor(temperature_c: float) -> float:
    """Return how resistance grows in the cold (Arrhenius); 1.0 at the reference temperature."""
    return math.exp(
        _ACTIVATION_K * (1.0 / (temperature_c + _KELVIN) - 1.0 / (REFERENCE_TEMPERATURE_C + _KELVIN))
    )
