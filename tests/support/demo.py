"""Outcomes of a demonstration, as they should be."""

from dataclasses import replace

from telemetry.demo.gateway_config import SOURCE, expected_points
from telemetry.demo.readback import Measured
from telemetry.demo.verdict import Outcome, Truth

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
}
MEASURED = Measured(
    soc_start_pct=45.87,
    soc_end_pct=75.1,
    energy_in_wh=22_764.9,
    energy_out_wh=3_536.1,
    cell_min_v=4.002,
    cell_max_v=4.025,
)


def good_outcome() -> Outcome:
    """Nothing lost, everything stored."""
    sent = sum(FRAMES.values())
    points = expected_points(FRAMES)
    made = sum(points.values())
    return Outcome(
        truth=Truth(frames=FRAMES, frames_sent=sent, measured=MEASURED, duration_s=10.0, late_max_s=0.0123),
        measured=replace(MEASURED, energy_in_wh=MEASURED.energy_in_wh * 1.0005),
        stored=points,
        accounts={
            f"bus/{SOURCE}/read": sent,
            f"frames/{SOURCE}/decoded": sent,
            **{f"points/made/{measurement}": count for measurement, count in points.items()},
            "points/acknowledged": made,
        },
        waiting_points=0,
        delivered=True,
    )
