"""What the compiled Health takes and reports, as plain values. NaN is not known, everywhere.

`telemetry.health` makes PackSpecs of a configuration's map, and rows of the data model of what is reported.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

ABSENT = -1  # an index: there is no such record or field


@dataclass(frozen=True, slots=True)
class PackSpec:
    """Place the values of one pack in a schema: records by their index, fields by theirs in `battery`."""

    battery: int
    current_a: int
    soc_pct: int
    voltage_v: int
    temp_min_c: int
    temp_max_c: int
    pages: int = ABSENT  # hidden rows, a page of cells each with its own stamp
    cell_count: int = 0  # their first so many fields are voltages of cells, in V
    rated_ah: float = 0.0  # 0: not known; then 2 A is the least current that counts, and 0.15 C is 15 A
    power_w: int = ABSENT  # a field of `battery`; without it no energy of a day is counted
    gap_ns: int = 2_000_000_000  # further apart two readings of the current have a gap between them


class HealthKind(IntEnum):
    """Name a change at a pack."""

    CHARGE_BEGUN = 1
    CHARGE_ENDED = 2
    DRIVE_ENDED = 3
    REST = 4
    DAY = 5


@dataclass(frozen=True, slots=True)
class Steps:
    """Sums over pairs of rows with |dI| of 0.15 C or more: the resistance is sum_ui / sum_ii ohm.

    sum_ii in A2, sum_ui in VA, sum_uu in V2; temp_c and soc_pct are means.
    """

    count: int
    sum_ii: float
    sum_ui: float
    sum_uu: float
    temp_c: float
    soc_pct: float


class CountedCharge(NamedTuple):
    """Give the sums of one charge, current into the pack above 0.

    start_ns, end_ns: the first and the last row of it with current. from_soc_pct: the last before the
    current; to_soc_pct: the last after it, before the next current. charge_ah and energy_wh include
    bridged_ah; gap_s is what was not bridged. mean_current_a: over the time that was covered.
    """

    start_ns: int
    end_ns: int
    from_soc_pct: float
    to_soc_pct: float
    charge_ah: float
    bridged_ah: float
    energy_wh: float
    gap_s: float
    duration_s: float
    mean_current_a: float
    highest_current_a: float
    end_current_a: float
    temp_mean_c: float
    soc_fell_pct: float  # the deepest fall below the highest so far
    soc_step_pct: float  # the largest single step of it, with its sign,
    soc_step_ah: float  # and what was counted since the step before that
    soc_still_ah: float  # the most that was counted while it did not change
    bridged_pause_s: float  # of pauses of the station
    net_ah: float  # of the current as it reads since the end of the charge before, or the first row,
    net_s: float  # the time that this covers,
    net_gap_pct: float  # and how far SOC moved, either way, in the time that it does not cover


class CellCharge(NamedTuple):
    """The charge of a cell between like voltages, over that of the median cell, and the ratio's sd."""

    levels: int  # voltages that both have crossed
    ratio: float
    sd: float


class HealthChange(NamedTuple):
    """A change of the pack `pack`, the index of its spec; kind: by `HealthKind`.

    row: the number of the row in its batch that shows it, -1 without one. time_ns: the start of the charge,
    of the drive, of the rest or of the UTC day. What a kind does not have is None or ().
    """

    row: int
    time_ns: int
    pack: int
    kind: int
    charge: CountedCharge | None = None  # CHARGE_ENDED
    steps: Steps | None = None  # CHARGE_ENDED: since the end of the charge before; DRIVE_ENDED: of the drive
    cell_steps: tuple[Steps, ...] = ()  # likewise, an entry a cell
    cell_charges: tuple[CellCharge, ...] = ()  # CHARGE_ENDED, an entry a cell
    drift_mv: tuple[float, ...] = ()  # REST: each cell off the median
    soc_pct: float = float("nan")  # REST
    day: dict[str, float] | None = None  # DAY: fields of `battery_use` but full_cycles, those over 0 alone
