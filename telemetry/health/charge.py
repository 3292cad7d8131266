"""What one charge says of the capacity, or the reason why it says nothing. Pure.

Promises: a charge with a reason has no capacity. The reason is the first that holds of swap, soc, gaps,
window and chemistry.
"""

from math import hypot
from typing import NamedTuple

from telemetry_core.health.health_spec import CountedCharge

from telemetry.health.settings import LFP, HealthSettings

SWAP, SOC, GAPS, WINDOW, CHEMISTRY = "swap", "soc", "gaps", "window", "chemistry"
FULL_PCT = 99.0
_MOST_JUMP_PCT = 10.0  # of state of charge, against the count or without it
_MOST_FALL_PCT = 5.0
_RESOLUTION_PCT = 1.0
_MOST_GAPS = 0.02  # of the duration
_LEAST, _MOST = 1e-3, 1e6  # of a charge: Ah, A, s
_BRIDGED_ERROR = 0.03  # of the charge that was bridged


class Charge(NamedTuple):
    """A charge that was judged. window_pct: NaN, not known; capacity and sd: None with a reason."""

    counted: CountedCharge
    window_pct: float
    ended_full: bool
    reason: str
    capacity_ah: float | None = None
    sd_ah: float | None = None


def judged(
    counted: CountedCharge,
    settings: HealthSettings,
    *,
    known_ah: float = 0.0,
    swapped: bool = False,
) -> Charge:
    """Return what the charge says.

    known_ah: the capacity as it is known without this charge, 0: not at all. swapped: another pack came.
    """
    window_pct = counted.to_soc_pct - counted.from_soc_pct
    falls_off = counted.end_current_a < counted.highest_current_a / 2.0
    ended_full = counted.to_soc_pct >= FULL_PCT and falls_off
    reason = SWAP if swapped else _reason(counted, settings, known_ah, ended_full=ended_full)
    if reason:
        return Charge(counted, window_pct, ended_full, reason)
    capacity_ah = 100.0 * counted.charge_ah / window_pct
    bridged = _BRIDGED_ERROR * counted.bridged_ah / counted.charge_ah
    sd_ah = capacity_ah * hypot(settings.soc_error_pct / window_pct, bridged)
    return Charge(counted, window_pct, ended_full, "", capacity_ah, sd_ah)


def _reason(counted: CountedCharge, settings: HealthSettings, known_ah: float, *, ended_full: bool) -> str:
    window_pct = counted.to_soc_pct - counted.from_soc_pct
    if _is_soc_wrong(counted, known_ah):
        return SOC
    covered = (counted.charge_ah, counted.mean_current_a, counted.duration_s)
    is_counted = all(_LEAST < value < _MOST for value in covered)  # NaN fails it
    if not (is_counted and 0.0 <= counted.bridged_ah <= counted.charge_ah):
        return GAPS
    if not counted.gap_s <= _MOST_GAPS * counted.duration_s:
        return GAPS
    if window_pct < settings.min_window_pct:
        return WINDOW
    return CHEMISTRY if settings.chemistry == LFP and not ended_full else ""


def _is_soc_wrong(counted: CountedCharge, known_ah: float) -> bool:
    """Return whether it is absent, impossible, falling, stuck, or jumps against the count."""
    start_pct, end_pct = counted.from_soc_pct, counted.to_soc_pct
    if not -_RESOLUTION_PCT <= start_pct <= end_pct + _RESOLUTION_PCT <= 100.0 + 2.0 * _RESOLUTION_PCT:
        return True  # NaN fails it
    if counted.soc_fell_pct > (_RESOLUTION_PCT if end_pct <= start_pct else _MOST_FALL_PCT):
        return True
    own_ah = 100.0 * counted.charge_ah / (end_pct - start_pct) if end_pct > start_pct else 0.0
    capacities = [capacity_ah for capacity_ah in (known_ah, own_ah) if capacity_ah > 0.0]
    if not capacities:
        return False
    # A charge whose SOC is wrong has a wrong capacity, too: stuck is what one of both says, a jump both.
    still_pct = 100.0 * counted.soc_still_ah / min(capacities)
    jump_pct = min(abs(counted.soc_step_pct - 100.0 * counted.soc_step_ah / each) for each in capacities)
    return still_pct > _MOST_JUMP_PCT or jump_pct > _MOST_JUMP_PCT
