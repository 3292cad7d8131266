"""The facts of a session, grouped: what the page and the text say beside the curves. Pure.

Promises: a fact that is not known is left out; a group without a fact too.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from telemetry.charging.report import phrases
from telemetry.charging.report.phrases import duration, energy, figure
from telemetry.charging.session import Session


@dataclass(frozen=True, slots=True)
class Meter:
    """What one side measured: its energy, the time that it covers, and the charging time that it does not."""

    name: str
    energy_wh: float
    covered_s: float | None
    missing_s: float | None


@dataclass(frozen=True, slots=True)
class FactGroup:
    """Facts under one heading: label and value."""

    title: str
    facts: tuple[tuple[str, str], ...]


def groups(session: Session) -> Iterator[FactGroup]:
    """Return all groups that hold something, in the order in which people ask."""
    found = (
        ("The charge", _charge(session)),
        ("Asked and given", _asked(session)),
        ("Battery", _battery(session)),
        ("Cross-check", _cross_check(session)),
        ("Not seen", _not_seen(session)),
    )
    for title, facts in found:
        known = tuple((label, value) for label, value in facts if value)
        if known:
            yield FactGroup(title, known)


def meters(session: Session) -> list[Meter]:
    """Return who measured energy, and for how long."""
    charging_s = _in_charging_s(session)
    sides = (
        ("vehicle", session.energy_vehicle_wh, session.covered_vehicle_s),
        ("charger", session.energy_charger_wh, session.covered_charger_s),
        ("meter", session.energy_meter_wh, session.covered_meter_s),
    )
    return [
        Meter(
            name,
            energy_wh,
            covered_s,
            None if covered_s is None or charging_s is None else max(charging_s - covered_s, 0.0),
        )
        for name, energy_wh, covered_s in sides
        if energy_wh is not None
    ]


def _in_charging_s(session: Session) -> float | None:
    """Time in the phase of charging, of all attempts."""
    of_phases = [each.duration_s for each in session.phases if each.phase == "charging"]
    return sum(of_phases) if of_phases else session.charging_s


def _charge(session: Session) -> Iterator[tuple[str, str]]:
    yield "Start", phrases.moment(session.start_ns)
    yield "End", "" if session.end_ns is None else phrases.moment(session.end_ns)
    yield "Plugged in for", duration(session.duration_s)
    yield "Of which charging", duration(session.charging_s)
    yield "Paused", duration(session.paused_s or None)
    yield "Attempts", "" if session.attempts is None else f"{session.attempts:.0f}"
    yield "Protocol", phrases.protocol(session)
    yield "Station", session.station or ""
    yield "Inlet", session.charger
    yield "Vehicle", "" if session.vehicle == "unknown" else session.vehicle
    yield "VIN", session.vin or ""
    yield "Pack", session.pack
    yield "Station's clock", _off(session.station_clock_offset_s)


def _off(seconds: float | None) -> str:
    """Return how far the station's clock is from the stamps of its frames."""
    if seconds is None:
        return ""
    if abs(seconds) < 1.0:
        return "right, to a second"
    return f"{duration(abs(seconds))} {'ahead' if seconds > 0 else 'behind'}"


def _asked(session: Session) -> Iterator[tuple[str, str]]:
    yield "Highest current asked for", figure(session.requested_max_a, "A")
    yield "Charger can give", _both(figure(session.max_current_a, "A"), figure(session.max_voltage_v, "V"))
    yield "Shortfall of current, mean", figure(session.current_shortfall_mean_a, "A")
    yield "Shortfall of current, highest", figure(session.current_shortfall_max_a, "A")
    yield "Voltage above what was asked for, at most", figure(session.voltage_excess_max_v, "V")
    yield "Peak power", figure(session.peak_power_w, "kW", factor=0.001)
    yield "Mean power", figure(session.mean_power_w, "kW", factor=0.001)


def _both(current: str, voltage: str) -> str:
    return " at ".join(value for value in (current, voltage) if value)


def _battery(session: Session) -> Iterator[tuple[str, str]]:
    yield "State of charge", phrases.soc(session)
    yield "Charge", figure(session.charged_ah, "Ah")
    yield "Discharged", energy(session.energy_discharged_wh)
    yield "Hottest at the start", figure(session.start_temp_max_c, "°C", 0)
    yield "Hottest at the end", figure(session.end_temp_max_c, "°C", 0)
    yield "Highest cell", figure(session.cell_max_v, "V", 3)
    yield "Maker", session.maker or ""
    yield "Type", session.battery_type or ""
    yield "Rated", figure(session.rated_ah, "Ah")


def _cross_check(session: Session) -> Iterator[tuple[str, str]]:
    yield "Energy, charger less vehicle", figure(session.energy_difference_pct, "%", sign=True)
    yield "Current, charger less vehicle", figure(session.current_difference_mean_a, "A", sign=True)
    yield "Voltage, charger less vehicle", figure(session.voltage_difference_mean_v, "V", sign=True)
    yield "Energy by the station's own count", energy(session.station_energy_wh)


def _not_seen(session: Session) -> Iterator[tuple[str, str]]:
    yield "Nobody listened for", duration(session.gap_s or None)
    for meter in meters(session):
        if meter.missing_s is not None and meter.missing_s >= 1.0:
            yield f"Without values of the {meter.name}", duration(meter.missing_s)
