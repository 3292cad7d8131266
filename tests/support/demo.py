"""Outcomes of a demonstration, as they should be, and a readback of what a test gives it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from telemetry.demo.gateway_config import JBD, SOURCE, VEDIRECT, expected_points
from telemetry.demo.measured import Quantity
from telemetry.demo.plug import PLUG, PlugTruth
from telemetry.demo.sampling import Estimate, Series
from telemetry.demo.verdict import Outcome, SimulatorReport
from tests.support.charging_sessions import reconnected

FRAMES = {
    "BMS_PackPower": 1000,
    "BMS_PackState": 100,
    "BMS_Limits": 100,
    "BMS_CellExtremes": 100,
    "BMS_CellVoltages": 500,
    "BMS_Temperatures": 20,
    "BMS_ModuleTemperatures": 41,
    "BMS_Alarms": 50,
    "BMS_Health": 10,
    "BMS_Energy": 10,
    "BMS_Identity": 10,
    "BMS_ChargeRequest": 100,
    "CHG_Output": 100,
    "CHG_Limits": 20,
    "CHG_State": 20,
}
PLANT = {"energy_in_wh": 22_764.9, "soc_end_pct": 75.1, "service_in_wh": 233.05}
TRUTH = SimulatorReport(
    frames=FRAMES,
    frames_sent=sum(FRAMES.values()),
    serial_sent={JBD.name: 21, VEDIRECT.name: 10},
    plant=PLANT,
    start_ns=1_772_436_600_000_000_000,
    duration_s=10.0,
    late_max_s=0.0123,
)
PLUG_TRUTH = PlugTruth(Path("plug.log"), 100_775, 1484.5, 2, "complete", 29_800.0, 29_900.0)
CHARGED = replace(reconnected(), energy_vehicle_wh=29_750.0, energy_charger_wh=29_890.0)
QUANTITIES = (
    Quantity("battery", "energy in", "Wh", 1, 22_764.9, Estimate(22_766.0, 20.0)),
    Quantity("battery", "state of charge, end", "%", 2, 75.1, Estimate(75.1, 0.015)),
    Quantity("service battery", "energy in", "Wh", 1, 233.05, Estimate(234.0, 3.0)),
)


def good_outcome() -> Outcome:
    """Return an outcome with nothing lost, all stored, one board answer without values, one too late."""
    sent = TRUTH.frames_sent
    points = expected_points(FRAMES)
    made = sum(points.values())
    return Outcome(
        truth=TRUTH,
        quantities=QUANTITIES,
        stored=points,
        serial_stored={JBD.name: 19, VEDIRECT.name: 10},
        accounts={
            f"bus/{SOURCE}/read": sent,
            f"frames/{SOURCE}/decoded": sent,
            f"bus/{JBD.name}/read": 20,
            f"bus/{JBD.name}/timeouts": 1,
            f"frames/{JBD.name}/decoded": 19,
            f"frames/{JBD.name}/without_signals": 1,
            f"bus/{VEDIRECT.name}/read": 10,
            f"frames/{VEDIRECT.name}/decoded": 10,
            f"bus/{PLUG}/read": PLUG_TRUTH.frames,
            f"frames/{PLUG}/decoded": PLUG_TRUTH.frames - 50_000,
            f"frames/{PLUG}/absorbed": 50_000,
            **{f"points/made/{measurement}": count for measurement, count in points.items()},
            "points/acknowledged": made,
        },
        incomplete_cycles=0,
        waiting_points=0,
        gateway_s=12.0,
        delivered=True,
        plug=PLUG_TRUTH,
        sessions=(CHARGED,),
    )


def with_estimate(outcome: Outcome, index: int, value: float) -> Outcome:
    """Return the outcome with another stored value of one quantity."""
    one = outcome.quantities[index]
    changed = replace(one, stored=replace(one.stored, value=value))
    return replace(
        outcome, quantities=(*outcome.quantities[:index], changed, *outcome.quantities[index + 1 :])
    )


class ListedReadback:
    """What is stored, as a test says it: by measurement, source and field."""

    name = "a list"

    def __init__(self, stored: Mapping[tuple[str, str, str], Series]) -> None:
        self._stored = stored

    def field_counts(self, measurement: str, source: str) -> dict[str, int]:
        return {
            field: len(series)
            for (of, reported_by, field), series in self._stored.items()
            if (of, reported_by) == (measurement, source)
        }

    def series(self, measurement: str, source: str, *fields: str) -> Mapping[str, Series]:
        return {field: self._stored.get((measurement, source, field), Series([], [])) for field in fields}
