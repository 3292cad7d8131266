"""Battery health for tests: charges as the compiled core reports them, and histories whose truth is known."""

import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from telemetry_core.health.health_spec import CellCharge, CountedCharge, HealthChange, HealthKind, Steps

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
START_NS = 1_700_000_000_000_000_000
# Of a pack of 100 Ah, from 20 to 80 % at 30 A.
_GOOD = CountedCharge(
    start_ns=START_NS,
    end_ns=START_NS + 2 * HOUR_NS,
    from_soc_pct=20.0,
    to_soc_pct=80.0,
    charge_ah=60.0,
    bridged_ah=0.0,
    energy_wh=21_000.0,
    gap_s=0.0,
    duration_s=7200.0,
    mean_current_a=30.0,
    highest_current_a=32.0,
    end_current_a=30.0,
    temp_mean_c=25.0,
    soc_fell_pct=0.0,
    soc_step_pct=1.0,
    soc_step_ah=1.0,
    soc_still_ah=1.0,
    bridged_pause_s=0.0,
    net_ah=0.0,
    net_s=20 * 3600.0,
    net_gap_pct=0.0,
)


def counted(**changed: Any) -> CountedCharge:
    """Return a charge of 60 Ah from 20 to 80 % but for what is named."""
    return _GOOD._replace(**changed)


def charge_ended(charge: CountedCharge = _GOOD, **known: Any) -> HealthChange:
    """Return the change at the end of `charge`."""
    return HealthChange(-1, charge.start_ns, 0, HealthKind.CHARGE_ENDED, charge=charge, **known)


def steps(mohm: float, scatter_v: float = 0.0, count: int = 50, step_a: float = 50.0) -> Steps:
    """Return sums over `count` steps of a resistance, whose voltages lie `scatter_v` off in turns."""
    pairs = [(step_a, mohm / 1000.0 * step_a + scatter_v * (-1) ** number) for number in range(count)]
    sums = (sum(i * i for i, _ in pairs), sum(u * i for i, u in pairs), sum(u * u for _, u in pairs))
    return Steps(count, *sums, temp_c=25.0, soc_pct=50.0)


def cell_charges(*ratios: float, sd: float = 0.005) -> tuple[CellCharge, ...]:
    return tuple(CellCharge(40, ratio, sd) for ratio in ratios)


class Sensors(NamedTuple):
    """What is wrong with the current. gain_pct and offset_a: it shows so much more."""

    gain_pct: float = 0.0
    offset_a: float = 0.0
    current_a: float = 30.0


TRUE = Sensors()


def windows(rng: random.Random) -> tuple[float, float]:
    """Draw where a charge begins and ends, in percent, as the charges of 300 cars do."""
    widths = ((0.09, 80, 98), (0.42, 50, 80), (0.29, 30, 50), (0.20, 10, 30))
    width_pct = rng.choices(
        [rng.uniform(low, high) for _, low, high in widths], [part for part, *_ in widths]
    )[0]
    end_pct = 100.0 if rng.random() < 0.57 else rng.uniform(width_pct + 1.0, 99.0)
    return end_pct - width_pct, end_pct


def charges(
    rng: random.Random,
    capacity_ah: Callable[[float], float],
    sensors: Sensors = TRUE,
    every_days: float = 3.0,
    soc_error_pct: float = 3.3,
    widths: Callable[[random.Random], tuple[float, float]] = windows,
) -> Iterator[CountedCharge]:
    """Yield charges for ever, each `every_days`, of a pack whose capacity is `capacity_ah(years)`.

    Its SOC has a resolution of 1 %, is right at full, and elsewhere off by `soc_error_pct` at either end;
    these errors correlate by 0.5, so that the difference is off by as much.
    """
    time_ns = START_NS
    while True:
        low_pct, high_pct = widths(rng)
        common, *own = (rng.gauss(0.0, soc_error_pct * 0.5**0.5) for _ in range(3))
        true_ah = capacity_ah((time_ns - START_NS) / (365.25 * DAY_NS)) * (high_pct - low_pct) / 100.0
        errors_pct = [common + each for each in own] if high_pct < 100.0 else [common + own[0], 0.0]
        shown_a = sensors.current_a * (1.0 + sensors.gain_pct / 100.0) + sensors.offset_a
        hours = true_ah / sensors.current_a
        yield counted(
            start_ns=time_ns,
            end_ns=time_ns + int(hours * HOUR_NS),
            from_soc_pct=float(round(max(low_pct + errors_pct[0], 0.0))),
            to_soc_pct=float(round(min(high_pct + errors_pct[1], 100.0))),
            charge_ah=shown_a * hours,
            mean_current_a=shown_a,
            duration_s=3600.0 * hours,
        )
        time_ns += int(every_days * DAY_NS)
