"""Compares what was sent with what arrived. Pure: numbers in, findings out.

The demonstration succeeds when every frame sent was read and decoded, every point expected is stored, the
accounts balance without a loss, and the energies agree with the plant's own within sampling error.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from telemetry.demo.gateway_config import SOURCE, expected_points
from telemetry.demo.readback import Measured
from telemetry.ledger import Counters, imbalances, total

ENERGY_TOLERANCE = 0.005  # stamps jitter by the scheduler's delays times the time scale
SOC_TOLERANCE_PCT = 0.05
CELL_TOLERANCE_V = 0.001

# What points may have become other than stored or on their way.
POINT_LOSSES = ("evicted", "damaged", "dead")


@dataclass(frozen=True, slots=True)
class Truth:
    """From the simulator's report."""

    frames: Mapping[str, int]  # by message
    frames_sent: int
    measured: Measured
    duration_s: float
    late_max_s: float  # the most that a frame was sent late, in wall time

    @classmethod
    def from_report(cls, report: Mapping[str, Any]) -> "Truth":
        names = ("soc_start_pct", "soc_end_pct", "energy_in_wh", "energy_out_wh", "cell_min_v", "cell_max_v")
        return cls(
            frames=report["frames"],
            frames_sent=report["frames_sent"],
            measured=Measured(**{name: report[name] for name in names}),
            duration_s=report["duration_s"],
            late_max_s=report["late_max_s"],
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything the report shows."""

    truth: Truth
    measured: Measured
    stored: Mapping[str, int]  # points by measurement
    accounts: Counters
    waiting_points: int  # in memory and on disk
    delivered: bool  # a database was there: nothing may be waiting at the end


def energy_difference(measured_wh: float, true_wh: float) -> float:
    """Relative; 0 where both are nothing."""
    return (measured_wh - true_wh) / true_wh if true_wh else measured_wh


def faults(outcome: Outcome) -> list[str]:
    """One sentence for each thing that is not as it should be; none is success."""
    return [*_frame_faults(outcome), *_point_faults(outcome), *_value_faults(outcome)]


def _frame_faults(outcome: Outcome) -> Iterator[str]:
    truth, accounts = outcome.truth, outcome.accounts
    due = sum(truth.frames.values())
    if truth.frames_sent != due:
        yield f"{due - truth.frames_sent:,} frames of the simulator went nowhere"
    for name, count in (
        ("read", accounts.get(f"bus/{SOURCE}/read", 0)),
        ("decoded", accounts.get(f"frames/{SOURCE}/decoded", 0)),
    ):
        if count != truth.frames_sent:
            yield f"{truth.frames_sent:,} frames were sent, {count:,} {name}"
    lost = frames_lost(accounts)
    if lost:
        yield f"{lost:,} frames were lost"


def frames_lost(accounts: Counters) -> int:
    """By the kernel, or for any reason after."""
    return accounts.get(f"bus/{SOURCE}/kernel_dropped", 0) + total(accounts, f"frames/{SOURCE}/lost/")


def _point_faults(outcome: Outcome) -> Iterator[str]:
    for measurement, count in expected_points(outcome.truth.frames).items():
        stored = outcome.stored.get(measurement, 0)
        if stored != count:
            yield f"{measurement}: {count:,} points expected, {stored:,} stored"
    for end in POINT_LOSSES:
        count = outcome.accounts.get(f"points/{end}", 0)
        if count:
            yield f"{count:,} points were lost ({end})"
    if outcome.delivered and outcome.waiting_points:
        yield f"{outcome.waiting_points:,} points are still waiting"
    yield from imbalances(outcome.accounts, outcome.waiting_points, {})


def _value_faults(outcome: Outcome) -> Iterator[str]:
    measured, true = outcome.measured, outcome.truth.measured
    for name, measured_wh, true_wh in (
        ("in", measured.energy_in_wh, true.energy_in_wh),
        ("out", measured.energy_out_wh, true.energy_out_wh),
    ):
        if abs(energy_difference(measured_wh, true_wh)) > ENERGY_TOLERANCE:
            yield f"energy {name}: {measured_wh:,.1f} Wh stored, {true_wh:,.1f} Wh true"
    for name, measured_pct, true_pct in (
        ("start", measured.soc_start_pct, true.soc_start_pct),
        ("end", measured.soc_end_pct, true.soc_end_pct),
    ):
        if abs(measured_pct - true_pct) > SOC_TOLERANCE_PCT:
            yield f"state of charge at the {name}: {measured_pct:.2f} % stored, {true_pct:.2f} % true"
    for name, measured_v, true_v in (
        ("lowest", measured.cell_min_v, true.cell_min_v),
        ("highest", measured.cell_max_v, true.cell_max_v),
    ):
        if abs(measured_v - true_v) > CELL_TOLERANCE_V:
            yield f"{name} cell at the end: {measured_v:.4f} V stored, {true_v:.4f} V true"
