"""A BMS's reports of current and state of charge: the plant's values, with errors of sensors.

Promises: without an error they are the plant's own. Limits, alarms and the plant itself never see an error.
"""

import random

from firmware_sim.plant.pack import Pack

_KNOT_PCT = 20.0  # errors are drawn that far apart, and straight lines lead from one to the next
_KNOTS = 6
_IN_COMMON = 0.5  # of the variance: an error lasts from one end of a charge to the other


class Gauge:
    """The sensor of current and the estimate of charge. Faults set its errors."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.stuck_pct: float | None = None
        self.clear_current()
        self.clear_soc()

    @property
    def current_a(self) -> float:
        return self.pack.current_a * self.gain + self.offset_a

    @property
    def soc_pct(self) -> float:
        """Return the state of charge as the BMS reports it, between 0 and 100 %."""
        if self.stuck_pct is not None:
            return self.stuck_pct
        true_pct = self.pack.soc_pct
        knot = min(max(int(true_pct / _KNOT_PCT), 0), _KNOTS - 2)
        share = true_pct / _KNOT_PCT - knot
        left_pct, right_pct = self._errors_pct[knot : knot + 2]
        told_pct = true_pct + left_pct + (right_pct - left_pct) * share + self.shift_pct
        if self.resolution_pct:
            told_pct = round(told_pct / self.resolution_pct) * self.resolution_pct
        return min(max(told_pct, 0.0), 100.0)

    def clear_current(self) -> None:
        """Let the current be told as it is."""
        self.gain, self.offset_a = 1.0, 0.0

    def clear_soc(self) -> None:
        """Let the state of charge be told without errors."""
        self.shift_pct = self.resolution_pct = 0.0
        self._errors_pct = [0.0] * _KNOTS

    def draw_soc_errors(self, draw: random.Random, sd_pct: float) -> None:
        """Draw an error of that standard deviation at each state of charge: right at full, elsewhere slow."""
        common_pct = draw.gauss(0.0, sd_pct * _IN_COMMON**0.5)
        own_sd_pct = sd_pct * (1.0 - _IN_COMMON) ** 0.5
        self._errors_pct = [common_pct + draw.gauss(0.0, own_sd_pct) for _ in range(_KNOTS - 1)] + [0.0]
