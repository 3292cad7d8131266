"""The session at a plug as a record: what its words, facts and the follower's totals say together."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from telemetry_core.charge.follow_spec import TOTALS, End, FollowedPhase, PlugChange

from telemetry.charging.facts import station_in
from telemetry.charging.outcome import Word, outcome, who_and_why
from telemetry.charging.plug import OpenSession, Plug
from telemetry.charging.session import Session


def session_of(plug: Plug, change: PlugChange, vehicle: str, end: End | None = None) -> Session:
    """Return the session as it is at this change; end: it is over."""
    now = plug.known
    totals = {name: value for name, value in zip(TOTALS, change.totals, strict=True) if isfinite(value)}
    edition_ = plug.edition
    said = [Word(is_error, by, tuple(names)) for is_error, by, names in _last_words(now, end)]
    side, why = who_and_why(said, edition_)
    charging_ns, paused_ns = now.charging_ns, now.paused_ns
    if now.phase == FollowedPhase.CHARGING and now.since_ns:
        running_ns = max(0, change.time_ns - now.since_ns)
        charging_ns, paused_ns = (
            (charging_ns, paused_ns + running_ns) if now.is_paused else (charging_ns + running_ns, paused_ns)
        )
    phases = (*plug.phases, *(now.running_phase(change.time_ns) if end is None else ()))
    lasted_us = int(1e6 * sum(phase.duration_s for phase in phases)) - 1  # never more than it was
    # a clock that was set back makes stamps of less time than was counted
    duration_s = max(change.time_ns - now.start_ns, charging_ns + paused_ns, 1000 * lasted_us, 0) / 1e9
    known = now.facts
    values: dict[str, Any] = {
        **_energies(totals, duration_s),
        **_electrical(totals, known),
        **(plug.cross.fields() if plug.cross else {}),
        "charging_s": charging_ns / 1e9,
        "paused_s": paused_ns / 1e9,
        "gap_s": totals.get("gap_s", now.gap_s),
        "attempts": now.attempt,
        "protocol": plug.settings.protocol or None,
        "edition": edition_,
        "vin": now.vehicle_vin,
    }
    for name in (
        *("maker", "battery_type", "rated_ah", "station_energy_wh"),
        *("max_current_a", "max_voltage_v", "station_clock_offset_s"),
    ):
        values[name] = known.get(name)
    values["station"] = station_in(edition_, known.get("station"))
    return Session(
        start_ns=now.start_ns,
        end_ns=None if end is None else max(change.time_ns, now.start_ns),
        vehicle=vehicle,
        pack=now.pack,
        charger=plug.settings.charger,
        open=end is None,
        duration_s=duration_s,
        stop_side=side,
        stop_reason=why,
        outcome=None if end is None else _outcome(plug, said, end),
        phases=phases,
        errors=tuple(plug.errors),
        curve=tuple(plug.curve),
        **{name: _rounded(value) for name, value in values.items() if value is not None},
    )


def _last_words(now: OpenSession, end: End | None) -> list[list[Any]]:
    """Return what was said at the end: that of the attempt before, where the last one came to nothing."""
    is_over = end not in (None, End.FINISHED)
    return now.words_before if is_over and not now.words and not _has_charged(now) else now.words


def _has_charged(now: OpenSession) -> bool:
    return now.has_charged or now.phase >= FollowedPhase.CHARGING


def _outcome(plug: Plug, said: Sequence[Word], end: End) -> str:
    now = plug.known
    has_statistics = now.phase == FollowedPhase.ENDED
    if plug.settings.protocol == "chademo" and said:  # whose contactor opens after a fault, too
        has_statistics = has_statistics and not said[0].names
    return outcome(end, said, has_statistics=has_statistics, has_charged=_has_charged(now))


def _rounded(value: Any) -> Any:
    """Return a number without the digits that nobody measured."""
    return round(value, 6) + 0.0 if isinstance(value, float) else value


def _energies(totals: Mapping[str, float], duration_s: float) -> dict[str, Any]:
    """Return energy, charge and power: of each side, and of the best of them."""
    found: dict[str, Any] = {}
    covered = {side: totals.get(f"covered_{side}_s", 0.0) for side in ("meter", "charger", "vehicle")}
    for side, covered_s in covered.items():
        if covered_s:
            found[f"energy_{side}_wh"] = totals.get(f"energy_{side}_wh")
            found[f"covered_{side}_s"] = covered_s
    if totals.get("discharged_wh"):
        found["energy_discharged_wh"] = totals["discharged_wh"]
    most_s = max(covered.values())
    whole = [side for side, covered_s in covered.items() if 10 * covered_s >= 9 * most_s > 0]
    if len(whole) == len(covered) and _is_outvoted(*(totals.get(f"energy_{side}_wh", 0.0) for side in whole)):
        whole.remove("meter")
    if whole:
        best = whole[0]
        found["energy_wh"] = totals.get(f"energy_{best}_wh")
        found["charged_ah"] = totals.get(f"charged_{best}_ah")
        found["peak_power_w"] = totals.get(f"peak_{best}_w")
        if duration_s and found["energy_wh"] is not None:
            found["mean_power_w"] = found["energy_wh"] * 3600 / duration_s
    return found


def _is_outvoted(meter_wh: float, charger_wh: float, vehicle_wh: float) -> bool:
    """Return whether the plug's two ends agree to a tenth, and the meter is further than that from both."""
    apart_wh = max(abs(charger_wh), abs(vehicle_wh)) / 10
    is_far = min(abs(meter_wh - charger_wh), abs(meter_wh - vehicle_wh)) > apart_wh
    return is_far and abs(charger_wh - vehicle_wh) <= apart_wh


def _electrical(totals: Mapping[str, float], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return states at start and end, what was asked for, and differences over common time."""
    common_s = totals.get("common_s", 0.0)
    found: dict[str, Any] = {
        "start_soc_pct": known.get("start_soc_pct", totals.get("start_soc_pct")),
        "end_soc_pct": known.get("end_soc_pct", totals.get("end_soc_pct", known.get("configured_soc_pct"))),
        "start_temp_max_c": totals.get("start_temp_max_c"),
        "end_temp_max_c": totals.get("end_temp_max_c"),
        "cell_max_v": totals.get("cell_max_v"),
        "requested_max_a": totals.get("requested_max_a"),
    }
    if common_s:
        vehicle_wh = totals.get("common_vehicle_wh", 0.0)
        if vehicle_wh:
            difference_wh = totals.get("common_charger_wh", 0.0) - vehicle_wh
            found["energy_difference_pct"] = 100 * difference_wh / vehicle_wh
        if "common_current_as" in totals:
            found["current_difference_mean_a"] = totals["common_current_as"] / common_s
        if "common_voltage_vs" in totals:
            found["voltage_difference_mean_v"] = totals["common_voltage_vs"] / common_s
    return found
