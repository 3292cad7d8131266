"""The DC charges of the fleet of tests/support/fleet.py: what questions about sessions are asked about.

All is computed from the plan below, so answers are known without a database.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from telemetry.model import point as lineprotocol
from tests.support.fleet import DAY_MIN, START

Answer = dict[tuple[str, ...], float]

_START_NS = int(START.timestamp()) * 1_000_000_000
_NS = 1_000_000_000
WHOLE = range(10, 80)  # percents


@dataclass(frozen=True, slots=True)
class Charge:
    """One session. s_per_percent: how long each percent lasts; shortfall_a: asked less given."""

    vehicle: str
    pack: str
    minute: int  # since the fleet's start
    station: str
    from_pct: int
    to_pct: int
    s_per_percent: float
    outcome: str
    side: str = ""
    reason: str = ""
    shortfall_a: float = 0.0
    has_meter: bool = False

    @property
    def energy_wh(self) -> float:
        """By the vehicle: 500 Wh a percent."""
        return 500.0 * (self.to_pct - self.from_pct)


CHARGES = (
    Charge("van-7", "main", 610, "S-1", 10, 80, 30.0, "complete", "vehicle", "soc_reached", 1.5, True),
    Charge(
        "van-7", "main", DAY_MIN + 610, "S-1", 5, 85, 36.0, "complete", "vehicle", "soc_reached", 2.5, True
    ),
    Charge("van-7", "main", 2 * DAY_MIN + 600, "S-2", 20, 20, 30.0, "failed"),
    Charge(
        "van-7",
        "main",
        2 * DAY_MIN + 610,
        "S-2",
        20,
        60,
        60.0,
        "complete",
        "charger",
        "stopped_by_person",
        40.0,
    ),
    Charge("van-8", "front", 3 * DAY_MIN + 660, "S-2", 30, 45, 60.0, "error", "vehicle", "ccs_timeout", 38.0),
    Charge("van-8", "front", 4 * DAY_MIN + 660, "S-1", 10, 81, 48.0, "cut"),
    Charge(
        "van-8",
        "rear",
        5 * DAY_MIN + 660,
        "S-2",
        12,
        80,
        40.0,
        "complete",
        "vehicle",
        "soc_reached",
        42.0,
        True,
    ),
)


def charge_lines() -> Iterator[bytes]:
    """All points of `charging_session` and `charging_curve`."""
    for charge in CHARGES:
        start_ns = _START_NS + charge.minute * 60 * _NS
        tags = {"vehicle": charge.vehicle, "pack": charge.pack, "charger": "main"}
        yield lineprotocol.line("charging_session", tags, _session(charge), start_ns)
        for number, soc_pct in enumerate(range(charge.from_pct, charge.to_pct)):
            fields: dict[str, float | bool | str | None] = {
                "session_start": f"{datetime.fromtimestamp(start_ns // _NS, UTC):%FT%TZ}",
                "soc_pct": float(soc_pct),
                "power_w": 500.0 * 3600.0 / charge.s_per_percent,
                "duration_s": charge.s_per_percent,
                "energy_wh": 500.0,
            }
            at_ns = start_ns + round((20.0 + number * charge.s_per_percent) * _NS)
            yield lineprotocol.line("charging_curve", tags, fields, at_ns)


def _session(charge: Charge) -> dict[str, float | bool | str | None]:
    is_charge = charge.to_pct > charge.from_pct
    charging_s = charge.s_per_percent * (charge.to_pct - charge.from_pct)
    return {
        "open": False,
        "duration_s": 20.0 + charging_s,
        "charging_s": charging_s,
        "start_soc_pct": float(charge.from_pct),
        "end_soc_pct": float(charge.to_pct),
        "energy_wh": charge.energy_wh,
        "energy_vehicle_wh": charge.energy_wh if is_charge else None,
        "energy_charger_wh": 1.02 * charge.energy_wh if is_charge else None,
        "energy_meter_wh": 1.05 * charge.energy_wh if charge.has_meter else None,
        "requested_max_a": 125.0 if is_charge else None,
        "current_shortfall_mean_a": charge.shortfall_a if is_charge else None,
        "outcome": charge.outcome,
        "stop_side": charge.side or None,
        "stop_reason": charge.reason or None,
        "protocol": "gbt27930",
        "station": charge.station,
        "attempts": 1.0,
    }


def why_charges_ended() -> Answer:
    """Charges by outcome, side and reason."""
    ended = Counter((charge.outcome, charge.side, charge.reason) for charge in CHARGES)
    return {labels: float(count) for labels, count in ended.items()}


def shortfall_by_station() -> Answer:
    """In A, the mean over the charges of each station that charged at all."""
    given: dict[str, list[float]] = {}
    for charge in CHARGES:
        if charge.to_pct > charge.from_pct:
            given.setdefault(charge.station, []).append(charge.shortfall_a)
    return {(station,): sum(some) / len(some) for station, some in given.items()}


def minutes_from_10_to_80() -> Answer:
    """Of charges that have every percent, by day."""
    return {
        (charge.vehicle, charge.pack, f"2026-03-{2 + charge.minute // DAY_MIN:02d}"): charge.s_per_percent
        * 70
        / 60
        for charge in CHARGES
        if charge.from_pct <= WHOLE.start and charge.to_pct >= WHOLE.stop
    }


def energy_by_meter() -> Answer:
    """In kWh, by vehicle and field."""
    found: Answer = {}
    for charge in CHARGES:
        for field, factor in (("vehicle", 1.0), ("charger", 1.02), ("meter", 1.05)):
            if charge.energy_wh and (field != "meter" or charge.has_meter):
                key = (charge.vehicle, f"energy_{field}_wh")
                found[key] = found.get(key, 0.0) + factor * charge.energy_wh / 1000.0
    return found


def failed_by_station() -> Answer:
    """Tries that ended in an error, or never came to charging."""
    failed = Counter((charge.station,) for charge in CHARGES if charge.outcome in ("failed", "error"))
    return {labels: float(count) for labels, count in failed.items()}
