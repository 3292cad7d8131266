"""Sessions made by hand: a good charge, one with a reconnect, one that was cut off."""

from dataclasses import asdict, replace
from datetime import UTC, datetime

from telemetry.charging.session import CurvePoint, Phase, Session, SessionError
from telemetry.model.events import begins
from telemetry.model.events import line as event_line
from telemetry.model.point import line

NS = 1_000_000_000
START_NS = 1_772_355_600 * NS  # 2026-03-01T09:00:00Z
_SECONDS_A_PERCENT = 36.0
_CHARGING_FROM_S = 12.0


def curve(first: int, last: int, start_ns: int = START_NS) -> tuple[CurvePoint, ...]:
    """Return a point per percent from `first` to before `last`: full current to 60 %, then less."""
    points = []
    for number, soc_pct in enumerate(range(first, last)):
        voltage_v = 350.0 + 0.5 * soc_pct
        current_a = 120.0 if soc_pct < 60 else 120.0 - 2.0 * (soc_pct - 60)
        power_w = voltage_v * current_a
        points.append(
            CurvePoint(
                at_ns=start_ns + round((_CHARGING_FROM_S + number * _SECONDS_A_PERCENT) * NS),
                soc_pct=float(soc_pct),
                power_w=power_w,
                voltage_v=voltage_v,
                current_a=current_a,
                temp_max_c=24.0 + number // 8,
                cell_min_v=voltage_v / 100.0 - 0.01,
                cell_max_v=voltage_v / 100.0 + 0.005,
                duration_s=_SECONDS_A_PERCENT,
                energy_wh=power_w * _SECONDS_A_PERCENT / 3600.0,
            )
        )
    return tuple(points)


def phases(attempt: int, from_s: float, charging_s: float, *, is_ended: bool) -> tuple[Phase, ...]:
    """Return the phases of an attempt that begins `from_s` after the start."""
    lasting = [("handshake", 3.0), ("recognition", 4.0), ("configuration", 5.0), ("charging", charging_s)]
    lasting += [("stopping", 2.0), ("ended", 4.0)] if is_ended else []
    found = []
    for phase, duration_s in lasting:
        found.append(Phase(attempt, phase, START_NS + round(from_s * NS), duration_s))
        from_s += duration_s
    return tuple(found)


def good() -> Session:
    """Return a session from 10 to 80 %, ended by the vehicle."""
    points = curve(10, 80)
    charging_s = 70 * _SECONDS_A_PERCENT
    energy_wh = sum(point.energy_wh or 0.0 for point in points)
    return Session(
        start_ns=START_NS,
        end_ns=START_NS + round((_CHARGING_FROM_S + charging_s + 6.0) * NS),
        vehicle="van-3",
        pack="main",
        charger="bay-2",
        open=False,
        duration_s=_CHARGING_FROM_S + charging_s + 6.0,
        energy_wh=energy_wh,
        start_soc_pct=10.0,
        end_soc_pct=80.0,
        peak_power_w=max(point.power_w or 0.0 for point in points),
        mean_power_w=energy_wh / charging_s * 3600.0,
        start_temp_max_c=24.0,
        end_temp_max_c=32.0,
        stop_reason="soc_reached",
        stop_side="vehicle",
        protocol="gbt27930",
        station="4711",
        outcome="complete",
        edition="2015",
        attempts=1,
        charging_s=charging_s,
        paused_s=0.0,
        energy_vehicle_wh=energy_wh,
        energy_charger_wh=energy_wh * 1.004,
        covered_vehicle_s=charging_s,
        covered_charger_s=charging_s - 30.0,
        energy_difference_pct=0.4,
        station_energy_wh=round(energy_wh, -2),
        charged_ah=72.4,
        requested_max_a=125.0,
        max_current_a=250.0,
        max_voltage_v=750.0,
        current_shortfall_mean_a=2.5,
        current_shortfall_max_a=7.0,
        voltage_excess_max_v=0.0,
        current_difference_mean_a=0.3,
        voltage_difference_mean_v=-0.6,
        cell_max_v=3.90,
        station_clock_offset_s=3.0,
        vin="9f0c2a7d41be",
        maker="CATL",
        battery_type="LFP",
        rated_ah=150.0,
        phases=phases(1, 0.0, charging_s, is_ended=True),
        curve=points,
    )


def reconnected() -> Session:
    """Cut off by an error after twenty minutes; the second attempt went through."""
    first_s = 1200.0
    again_s = 12.0 + first_s + 30.0
    first = curve(10, 43)
    second = curve(43, 80, START_NS + round(again_s * NS))
    charging_s = 37 * _SECONDS_A_PERCENT
    return replace(
        good(),
        attempts=2,
        duration_s=again_s + 12.0 + charging_s + 6.0,
        end_ns=START_NS + round((again_s + 12.0 + charging_s + 6.0) * NS),
        charging_s=first_s + charging_s,
        phases=(*phases(1, 0.0, first_s, is_ended=False), *phases(2, again_s, charging_s, is_ended=True)),
        errors=(SessionError(START_NS + round((12.0 + first_s) * NS), 1, "vehicle", "ccs_timeout"),),
        curve=(*first, *second),
        stop_side="charger",
        stop_reason="condition_reached,stopped_by_person",
    )


def cut() -> Session:
    """Return a session whose plug was pulled at 45 %, with the service away for ten minutes."""
    points = tuple(point for point in curve(20, 45) if not 28 <= point.soc_pct < 33)
    charging_s = 25 * _SECONDS_A_PERCENT
    return replace(
        good(),
        start_soc_pct=20.0,
        end_soc_pct=45.0,
        outcome="cut",
        stop_side=None,
        stop_reason=None,
        duration_s=12.0 + charging_s,
        end_ns=START_NS + round((12.0 + charging_s) * NS),
        charging_s=charging_s,
        gap_s=600.0,
        covered_vehicle_s=charging_s - 180.0,
        covered_charger_s=charging_s - 185.0,
        station_energy_wh=None,
        phases=phases(1, 0.0, charging_s, is_ended=False),
        curve=points,
    )


def session_lines(session: Session) -> list[str]:
    """Return the session as line protocol, as the data model has it."""
    tags = {"vehicle": session.vehicle, "pack": session.pack, "charger": session.charger}
    begun = f"{datetime.fromtimestamp(session.start_ns // NS, UTC):%FT%T}.{session.start_ns % NS:09d}Z"
    made = [line("charging_session", tags, dict(session.values()), session.start_ns)]
    for phase in session.phases:
        values: dict[str, float | bool | str | None] = {
            "session_start": begun,
            "attempt": float(phase.attempt),
            "phase": phase.phase,
            "duration_s": phase.duration_s,
        }
        made.append(line("charging_phase", tags, values, phase.start_ns))
    for point in session.curve:
        fields = {name: value for name, value in asdict(point).items() if name != "at_ns"}
        made.append(line("charging_curve", tags, {"session_start": begun, **fields}, point.at_ns))
    for error in session.errors:
        event = replace(
            begins("charging_error", f"{error.side}: {error.what}", "can0"), charger=session.charger
        )
        made.append(event_line(event, session.vehicle, error.at_ns))
    return [each.decode() for each in made]
