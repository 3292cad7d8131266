"""A small fleet whose every minute is known: what dashboards and questions are asked about in tests.

Two vehicles, three packs, ten days from a Monday in March: drives and charges by a plan, a weekend, one weak
cell that drifts, two hot afternoons, a charge in the cold, an outage of the link, lost frames, a vehicle that
falls silent. All is computed from the plan, without random numbers: answers are known without a database.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
DAYS = 10
NOW = datetime(2026, 3, 12, tzinfo=UTC)
DAY_MIN = 24 * 60
CELL_COUNT = 12
SENSOR_COUNT = 4
CHARGER_EFFICIENCY = 0.94

# van-7 is out of power from 02:00 to 04:00 on the fifth day; van-8 falls silent on the ninth day at noon.
GAP_MIN = range(4 * DAY_MIN + 120, 4 * DAY_MIN + 240)
SILENT_FROM_MIN = 8 * DAY_MIN + 720
# The link of van-8 is gone for six hours of the fourth day.
OUTAGE_MIN = range(3 * DAY_MIN, 3 * DAY_MIN + 360)


@dataclass(frozen=True, slots=True)
class Activity:
    """A drive (negative rate) or a charge; minutes since midnight, `end_min` excluded."""

    start_min: int
    end_min: int
    rate_pct_per_h: float


@dataclass(frozen=True, slots=True)
class Pack:
    """One pack and what is peculiar to it."""

    vehicle: str
    name: str
    source: str
    capacity_ah: float
    capacity_loss_ah_per_day: float
    weak_cell: int
    weak_by_v: float
    drift_v_per_day: float


@dataclass(frozen=True, slots=True)
class Minute:
    """A pack's state in one minute, counted from START."""

    minute: int
    soc_pct: float
    current_a: float
    voltage_v: float
    power_w: float
    cells_v: tuple[float, ...]
    temp_min_c: float
    temp_max_c: float
    capacity_ah: float
    throughput_ah: float  # into the battery, since START

    @property
    def day(self) -> int:
        return self.minute // DAY_MIN

    @property
    def cell_delta_v(self) -> float:
        return round(max(self.cells_v) - min(self.cells_v), 4)


VAN7 = Pack("van-7", "main", "can0", 120.0, 0.05, weak_cell=7, weak_by_v=0.004, drift_v_per_day=0.003)
VAN8_FRONT = Pack("van-8", "front", "can0", 80.0, 0.02, weak_cell=3, weak_by_v=0.002, drift_v_per_day=0.0)
VAN8_REAR = Pack("van-8", "rear", "can1", 80.0, 0.02, weak_cell=10, weak_by_v=0.002, drift_v_per_day=0.0)
PACKS = (VAN7, VAN8_FRONT, VAN8_REAR)
VEHICLES = ("van-7", "van-8")
SOURCES = {"van-7": ("can0",), "van-8": ("can0", "can1")}


def activities(pack: Pack, day: int) -> tuple[Activity, ...]:
    """What a pack does on one day."""
    saturday, sunday, monday, tuesday = range(5, 9)
    if pack is VAN7:
        drive, charge = Activity(420, 540, -30.0), Activity(1080, 1140, 60.0)
    else:
        drive, charge = Activity(480, 600, -30.0), Activity(1080, 1224, 25.0)
    if pack is VAN8_REAR and day == sunday:
        return (Activity(600, 648, 25.0),)  # to 100 %
    if pack is VAN8_REAR and day == monday:
        return drive, Activity(1080, 1176, 25.0)
    if pack is VAN8_REAR and day == tuesday:
        return (Activity(480, 600, -20.0),)
    return () if day in (saturday, sunday) else (drive, charge)


def is_heard(vehicle: str, minute: int) -> bool:
    """Whether anything of the vehicle is stored for that minute."""
    return minute not in GAP_MIN if vehicle == "van-7" else minute < SILENT_FROM_MIN


@cache
def minutes(pack: Pack) -> tuple[Minute, ...]:
    """Every minute that is stored of a pack."""
    return tuple(minute for minute in _all_minutes(pack) if is_heard(pack.vehicle, minute.minute))


def _all_minutes(pack: Pack) -> Iterator[Minute]:
    soc_pct, throughput_ah = 80.0, 0.0
    for day in range(DAYS):
        rates = [0.0] * DAY_MIN
        for activity in activities(pack, day):
            for minute in range(activity.start_min, activity.end_min):
                rates[minute] = activity.rate_pct_per_h
        capacity_ah = round(pack.capacity_ah - day * pack.capacity_loss_ah_per_day, 2)
        for minute, rate_pct_per_h in enumerate(rates):
            yield _minute(pack, day * DAY_MIN + minute, soc_pct, rate_pct_per_h, capacity_ah, throughput_ah)
            soc_pct += rate_pct_per_h / 60.0
            throughput_ah += max(0.0, rate_pct_per_h) / 6000.0 * capacity_ah


def _minute(
    pack: Pack, minute: int, soc_pct: float, rate_pct_per_h: float, capacity_ah: float, throughput_ah: float
) -> Minute:
    current_a = round(rate_pct_per_h / 100.0 * capacity_ah, 2)
    voltage_v = round(350.0 + 0.5 * soc_pct + 0.02 * current_a, 2)
    temp_min_c, temp_max_c = _temperatures(pack, minute, current_a)
    return Minute(
        minute=minute,
        soc_pct=round(soc_pct, 2),
        current_a=current_a,
        voltage_v=voltage_v,
        power_w=round(voltage_v * current_a, 1),
        cells_v=_cells(pack, minute // DAY_MIN, soc_pct, current_a),
        temp_min_c=temp_min_c,
        temp_max_c=temp_max_c,
        capacity_ah=capacity_ah,
        throughput_ah=throughput_ah,
    )


def _cells(pack: Pack, day: int, soc_pct: float, current_a: float) -> tuple[float, ...]:
    """The weak cell lies lower each day, and lower still while it is discharged."""
    weak_by_v = pack.weak_by_v + pack.drift_v_per_day * day + (0.010 if current_a < 0.0 else 0.0)
    base_v = 3.2 + 0.008 * soc_pct
    spread_v = [0.0001 * (number * 7 % CELL_COUNT) for number in range(1, CELL_COUNT + 1)]
    spread_v[pack.weak_cell - 1] = -weak_by_v
    return tuple(round(base_v + offset_v, 4) for offset_v in spread_v)


def _temperatures(pack: Pack, minute: int, current_a: float) -> tuple[float, float]:
    """Lowest and highest sensor."""
    day, of_day = divmod(minute, DAY_MIN)
    if pack is VAN7 and day in (2, 3) and 720 <= of_day < 900:
        return 44.0, 48.0
    if pack is VAN8_FRONT and day == 1 and current_a > 0.0:
        return -3.0, 1.0
    air_c = 15.0 + 8.0 * math.sin((of_day - 540) / DAY_MIN * 2.0 * math.pi)
    return round(air_c, 1), round(air_c + (9.0 if current_a else 3.0), 1)


@dataclass(frozen=True, slots=True)
class Happening:
    """One event; it is over `lasts_min` later."""

    vehicle: str
    code: str
    minute: int
    lasts_min: int
    pack: str = ""
    source: str = ""


def happenings() -> tuple[Happening, ...]:
    """All events but the ends of those that last."""
    imbalance = [
        Happening("van-7", "cell_imbalance", day * DAY_MIN + 450, 60, pack="main") for day in (5, 7, 8, 9)
    ]
    heat = [Happening("van-7", "overtemperature", day * DAY_MIN + 720, 180, pack="main") for day in (2, 3)]
    return (
        *imbalance,
        *heat,
        Happening("van-7", "service_start", GAP_MIN.stop, 0),
        Happening("van-8", "service_start", 0, 0),
        Happening("van-8", "charge_undertemperature", DAY_MIN + 1080, 144, pack="front"),
        Happening("van-8", "sink_unreachable", OUTAGE_MIN.start + 1, 359),
        Happening("van-8", "frames_dropped", 4 * DAY_MIN + 600, 0, source="can1"),
        Happening("van-8", "insulation_low", 7 * DAY_MIN + 360, 120, pack="front"),
    )


def insulation_kohm(pack: Pack, minute: int) -> float:
    """Low on the eighth day, for two hours, in one pack."""
    is_low = pack is VAN8_FRONT and 7 * DAY_MIN + 360 <= minute < 7 * DAY_MIN + 480
    return 180.0 if is_low else 2400.0


def oldest_s(vehicle: str, minute: int) -> float:
    """Age of the oldest batch in the spool."""
    return (minute - OUTAGE_MIN.start) * 60.0 if vehicle == "van-8" and minute in OUTAGE_MIN else 0.0


def lost(vehicle: str, source: str, minute: int) -> dict[str, int]:
    """Frames lost so far, by the gateway's own names."""
    dropped = 5 if (vehicle, source) == ("van-7", "can0") and minute >= 6 * DAY_MIN else 0
    overflow = 37 if (vehicle, source) == ("van-8", "can1") and minute >= 4 * DAY_MIN + 600 else 0
    return {"kernel_dropped": dropped, "lost_queue_overflow": overflow}
