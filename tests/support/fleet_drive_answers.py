"""What the plant itself answers to docs/queries.md about the vehicle of tests/support/fleet_drive.py.

An answer is as in `raw_answers`. TOLERANCES says how far a database may be from it, and why: signals have a
resolution, and minutes that are not whole do not count.
"""

from tests.support.fleet_drive import (
    BEHIND_S,
    GATEWAY_EVERY_S,
    LOST,
    MORNINGS,
    PACK,
    SOURCE,
    VEHICLE,
    WEAK_CELL,
    driven,
)
from tests.support.raw_answers import Answer

_OF_PACK = (VEHICLE, PACK)
_DAYS = tuple(f"{morning:%F}" for morning in MORNINGS)

# By question: absolute, relative.
TOLERANCES: dict[int, tuple[float, float]] = {
    1: (0.01, 0.0),  # the signal's resolution, %
    3: (0.0, 0.002),  # current to 0.05 A
    4: (0.0, 0.002),
    6: (2.0, 0.0),  # the minutes in which a charge begins and ends
    7: (0.0, 0.01),
    9: (0.001, 0.0),  # cells to 0.5 mV, two of them, twice
    10: (0.0015, 0.0),
    14: (0.0, 0.002),
    15: (0.01, 0.0),  # the signal's resolution, Ah
    16: (0.01, 0.0),
    17: (0.5, 0.0),  # the first minute of a charge is not whole: it is warmer in the second
}


def drive_answers() -> dict[int, Answer]:
    """Answer all questions that have an answer for this vehicle, by their number."""
    truth = driven().truth
    mornings = list(zip(_DAYS, truth.mornings, strict=True))
    first, second = truth.mornings
    least_v, most_v = truth.delta_at_rest_v
    heard_s = (round(first.lasts_s) - 1) // GATEWAY_EVERY_S * GATEWAY_EVERY_S
    ((weakest, _),) = truth.lowest_cell_ticks.most_common(1)
    assert weakest == WEAK_CELL
    return {
        1: {_OF_PACK: truth.soc_pct},
        3: {(*_OF_PACK, day): morning.charged_wh / 1000.0 for day, morning in mornings},
        4: {(VEHICLE, day): morning.discharged_wh / 1000.0 for day, morning in mornings},
        5: {_OF_PACK: float(weakest)},
        6: {(*_OF_PACK, day): morning.charging_s / 60.0 for day, morning in mornings},
        7: {(VEHICLE, PACK): truth.charger_wh / truth.charger_s * 3.6},
        9: {_OF_PACK: second.least_delta_v - first.least_delta_v},
        10: {(*_OF_PACK, "least"): least_v, (*_OF_PACK, "most"): most_v},
        11: {(VEHICLE, SOURCE, reason): float(count) for reason, count in LOST.items()},
        12: {(VEHICLE,): BEHIND_S / 3600.0},
        13: {(VEHICLE, "cell_imbalance"): 1.0},
        14: {_OF_PACK: (first.charged_ah + second.charged_ah) / truth.capacities_ah[-1]},
        15: {_OF_PACK: truth.capacities_ah[-1] - truth.capacities_ah[0]},
        16: {(*_OF_PACK, day): morning.least_soc_pct for day, morning in mornings},
        17: {_OF_PACK: truth.coldest_charging_c},
        18: {_OF_PACK: truth.insulation_kohm},
        19: {(VEHICLE,): 24.0 * 60.0 - heard_s / 60.0},
    }
