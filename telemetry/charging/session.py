"""One charging session as a record: what people, pages and queries see of it.

Attributes are the fields of `charging_session`, `charging_phase` and `charging_curve` (docs/data-model.md),
with their names, units and signs. What is not known is None.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

PHASES = ("handshake", "recognition", "configuration", "charging", "stopping", "ended")
OUTCOMES = ("complete", "stopped", "error", "cut", "failed", "unfinished")
SIDES = ("vehicle", "charger")


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of one attempt."""

    attempt: int  # from 1
    phase: str  # one of PHASES
    start_ns: int
    duration_s: float


@dataclass(frozen=True, slots=True)
class SessionError:
    """An error message: `side` reports that it missed `what`."""

    at_ns: int
    attempt: int
    side: str  # who reports it: vehicle or charger
    what: str  # names of signals, sorted, with commas between them


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One percent of state of charge: means over it, extremes of cells and temperature."""

    at_ns: int  # when the percent was reached
    soc_pct: float
    power_w: float | None = None
    voltage_v: float | None = None
    current_a: float | None = None
    temp_max_c: float | None = None
    cell_min_v: float | None = None
    cell_max_v: float | None = None
    duration_s: float | None = None
    energy_wh: float | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One charging session; `outcome` is None while it is open."""

    start_ns: int  # stamp of its first frame; its identity, together with vehicle and charger
    end_ns: int | None  # stamp of its last frame; None while it is open
    vehicle: str
    pack: str
    charger: str
    open: bool
    duration_s: float
    energy_wh: float | None = None
    start_soc_pct: float | None = None
    end_soc_pct: float | None = None
    peak_power_w: float | None = None
    mean_power_w: float | None = None
    start_temp_max_c: float | None = None
    end_temp_max_c: float | None = None
    stop_reason: str | None = None
    stop_side: str | None = None
    protocol: str | None = None
    station: str | None = None
    outcome: str | None = None
    edition: str | None = None
    attempts: int | None = None
    charging_s: float | None = None
    paused_s: float | None = None
    gap_s: float | None = None
    energy_vehicle_wh: float | None = None
    energy_charger_wh: float | None = None
    energy_meter_wh: float | None = None
    energy_discharged_wh: float | None = None
    covered_vehicle_s: float | None = None
    covered_charger_s: float | None = None
    covered_meter_s: float | None = None
    energy_difference_pct: float | None = None
    station_energy_wh: float | None = None
    charged_ah: float | None = None
    requested_max_a: float | None = None
    max_current_a: float | None = None
    max_voltage_v: float | None = None
    current_shortfall_mean_a: float | None = None
    current_shortfall_max_a: float | None = None
    voltage_excess_max_v: float | None = None
    current_difference_mean_a: float | None = None
    voltage_difference_mean_v: float | None = None
    cell_max_v: float | None = None
    station_clock_offset_s: float | None = None
    vin: str | None = None
    maker: str | None = None
    battery_type: str | None = None
    rated_ah: float | None = None
    phases: tuple[Phase, ...] = ()
    errors: tuple[SessionError, ...] = ()
    curve: tuple[CurvePoint, ...] = ()

    def values(self) -> Iterator[tuple[str, bool | float | str]]:
        """Yield the fields of `charging_session` that are known, with their names."""
        for name in SESSION_FIELDS:
            value: Any = getattr(self, name)
            if value is not None:
                yield name, float(value) if type(value) is int else value


_APART = {"start_ns", "end_ns", "vehicle", "pack", "charger", "phases", "errors", "curve"}
SESSION_FIELDS = tuple(field.name for field in fields(Session) if field.name not in _APART)
