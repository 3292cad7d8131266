"""What Health reports of one pack, by a readable model: it keeps all readings, and looks back over them.

It knows no clock that is set: stamps step back by 2 s at most.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

SECOND = 10**9
MINUTE = 60 * SECOND
SILENCE = 15 * MINUTE
DAY = 86_400 * SECOND
PACK = -1  # in place of a cell's number

Report = tuple[str, int, dict[str, object]]  # what, its stamp, and what it says


@dataclass
class _Reading:
    """A voltage with its current."""

    t: int
    v: float
    a: float
    temp: float
    soc: float


@dataclass
class _Charge:
    start: int
    from_pct: float
    rows: list[tuple[int, float]] = field(default_factory=list)  # with current
    spans: list[dict[str, float]] = field(default_factory=list)  # between two rows
    counted: int = 0  # of these, up to the last row with current
    socs: list[tuple[int, float, float]] = field(default_factory=list)  # stamp, SOC and what was counted
    under: int | None = None
    flowed_out: bool = False
    paused: int = 0
    rising: bool = True
    begun: bool = False
    net: tuple[int, int] = (0, 0)

    def total(self, what: str, until: int | None = None) -> float:
        return sum(span.get(what, 0.0) for span in self.spans[:until])


@dataclass
class _Stretch:
    """Cells in a stretch of constant current: what each, and the median, crossed at which charge."""

    first: dict[int, int] = field(default_factory=dict)
    crossed: dict[int, dict[int, float]] = field(default_factory=dict)
    median: dict[int, float] = field(default_factory=dict)
    median_first: int = 0
    next: dict[int, int] = field(default_factory=dict)
    median_next: int = 0


def level_over(v: float) -> int:
    """Return the number of the first level of 5 mV over a voltage."""
    return math.floor(v / 0.005) + 1


class HealthModel:
    """The changes of one pack, from its rows and pages in their order."""

    def __init__(self, rated_ah: float, gap_ns: int = 2 * SECOND) -> None:
        self.threshold = 0.02 * rated_ah if rated_ah else 2.0
        self.least_ah = 0.01 * rated_ah
        self.one_c = rated_ah or 100.0
        self.gap = gap_ns
        self.known = dict.fromkeys(("voltage_v", "soc_pct", "temp_min_c", "temp_max_c"), math.nan)
        self.v_then = math.nan  # when the newest current came
        self.newest: int | None = None
        self.currents: list[tuple[int, float]] = []
        self.flows: list[tuple[int, float]] = []  # of the current, late ones, too
        self.powers: list[tuple[int, float]] = []
        self.charge: _Charge | None = None
        self.net: list[tuple[float, int]] = []  # A s and time of each span
        self.moves: list[float] = []  # of SOC over gaps
        self.soc_before_gap: float | None = None
        self.out: int | None = None
        self.drive: int | None = None
        self.moved = 0
        self.idle: int | None = None
        self.rested = False
        self.waiting: dict[int, tuple[int, float]] = {}
        self.readings: dict[int, list[_Reading]] = defaultdict(list)
        self.marks: dict[str, dict[int, int]] = {"charge": {}, "drive": {}}
        self.cells: dict[int, tuple[int, float]] = {}  # the newest of each
        self.steady: int | None = None
        self.smoothed = 0.0
        self.stretch: _Stretch | None = None
        self.levels: dict[int, list[tuple[float, float]]] = defaultdict(list)
        self.levels_of: int | None = None
        self.day: int | None = None
        self.use: dict[str, float] = defaultdict(float)
        self.reports: list[Report] = []

    @property
    def temp(self) -> float:
        known = [self.known[name] for name in ("temp_min_c", "temp_max_c")]
        return statistics.fmean([one for one in known if not math.isnan(one)] or [math.nan])

    def take_row(self, t: int, values: Mapping[str, float]) -> None:
        values = {name: value for name, value in values.items() if math.isfinite(value)}
        self._pass_time(t)
        self.known |= {
            name: value for name, value in values.items() if name in self.known and name != "soc_pct"
        }
        if "current_a" in values:
            self._end_what_is_over(t)
            self._take_current(t, values["current_a"])
        if "voltage_v" in values:
            self._take_volts(PACK, t, values["voltage_v"])
        if "power_w" in values:
            self._flow(self.powers, t, values["power_w"], "energy", "wh")
        if "soc_pct" in values:
            self._take_soc(t, values["soc_pct"])

    def take_page(self, t: int, cells: Mapping[int, float]) -> None:
        before = [self.cells[cell][0] for cell in cells if cell in self.cells]
        for cell, v in sorted(cells.items()):
            self._take_volts(cell, t, v)
            self._take_level(cell, t, v)
            self.cells[cell] = (t, v)
        ready = None if self.idle is None else self.idle + 30 * MINUTE
        if (
            ready is None
            or self.rested
            or math.isnan(self.known["soc_pct"])
            or max(before, default=-DAY) < ready
        ):
            return
        fresh = {cell: v for cell, (at, v) in self.cells.items() if at >= ready}
        median = statistics.median(fresh.values())
        drift = {cell: (v - median) * 1000 for cell, v in fresh.items()}
        self.reports.append(("REST", self.idle or 0, {"drift_mv": drift, "soc_pct": self.known["soc_pct"]}))
        self.rested = True

    def finish(self, t: int) -> None:
        self._end_what_is_over(t)
        self._end_drive()
        self._end_charge()
        self._report_day()

    def _pass_time(self, t: int) -> None:
        if self.newest is not None and t - self.newest > SILENCE:
            self._end_drive()
            self._end_charge()
            if t - self.newest >= 30 * MINUTE:
                self.idle, self.rested = self.newest, False
            if self.soc_before_gap is None:
                self.soc_before_gap = self.known["soc_pct"]
            self.known = dict.fromkeys(self.known, math.nan)
            self.v_then = math.nan
        self.newest = max(t, self.newest or t)
        if self.day is None or t >= self.day + DAY:
            self._report_day()
            self.day = t // DAY * DAY
            self.use.clear()

    def _report_day(self) -> None:
        use: dict[str, object] = {name: value for name, value in self.use.items() if value >= 5e-7}
        if use and self.day is not None:
            self.reports.append(("DAY", self.day, use))

    def _end_what_is_over(self, t: int) -> None:
        if self.drive is not None and t - self.moved > SILENCE:
            self._end_drive()
        charge = self.charge
        if charge is None or charge.rising:
            return
        is_left = charge.flowed_out and charge.under is not None and t - charge.under >= MINUTE
        if t - charge.rows[-1][0] > SILENCE or is_left:
            self._end_charge()

    def _flow(self, series: list[tuple[int, float]], t: int, value: float, what: str, unit: str) -> None:
        if series and 0 < t - series[-1][0] <= self.gap:
            before, hours = series[-1][1], (t - series[-1][0]) / 3600e9
            if before * value >= 0:
                parts = [(before + value) / 2]
            else:
                parts = [one * abs(one) / abs(value - before) / 2 for one in (before, value)]
            for part in parts:
                self.use[f"{what}_{'in' if part > 0 else 'out'}_{unit}"] += abs(part) * hours
        series.append((t, value))

    def _take_current(self, t: int, a: float) -> None:
        last = self.currents[-1] if self.currents else None
        passed = t - last[0] if last else 0
        warm, full = self.temp, self.known["soc_pct"]
        if 0 < passed <= self.gap and not math.isnan(warm) and not math.isnan(full):
            low = min(max(math.floor(warm / 10) * 10, -40), 110)
            percent = min(math.floor(full / 10) * 10, 90)
            self.use[f"temp_{'m' if low < 0 else ''}{abs(low)}_soc_{percent}_s"] += passed / 1e9
        self._flow(self.flows, t, a, "charge", "ah")
        if last and passed <= 0:
            return
        over, under = a > self.threshold, a < -self.threshold
        begun = drive_begun = False
        if last:
            self._span(last[1], a, passed)
        if self.charge and self.charge.rising and (not over or passed > MINUTE):
            self.charge = None
        if self.charge and last:
            self.charge.spans.append(self._counted(last[1], a, passed))
        self.out = None if not under else t if self.out is None or passed > MINUTE else self.out
        if over or under:
            self.moved, self.idle, self.rested = t, None, False
        elif self.idle is None:
            self.idle = t
        ended = False
        if over:
            begun = self._take_current_in(t, a, passed if last else DAY)
        else:
            self.steady = self.stretch = None
            charge = self.charge
            if charge:
                charge.under = t if charge.under is None else charge.under
                charge.flowed_out |= under
                is_gone = under and t - (self.out or t) >= 10 * SECOND
                ended = under and (is_gone or t - charge.under >= MINUTE)
        if under and self.out is not None and t - self.out >= 10 * SECOND and self.drive is None:
            self.drive, drive_begun = self.out, True
        self.currents.append((t, a))
        self.v_then = self.known["voltage_v"]
        for cell, (at, v) in self.waiting.items():
            self._take_reading(cell, at, v)
        self.waiting.clear()
        if begun:
            self._end_drive()
        if ended:
            self._end_charge()
        if drive_begun:
            self._mark("drive")
        if begun and self.charge:
            self.reports.append(("CHARGE_BEGUN", self.charge.start, {}))

    def _is_covered(self, before: float, a: float, passed: int) -> bool:
        is_like = min(before, a) > self.threshold and abs(a - before) <= 0.05 * max(a, before)
        return passed <= self.gap or (passed <= MINUTE and is_like)

    def _span(self, before: float, a: float, passed: int) -> None:
        if self._is_covered(before, a, passed):
            self.net.append(((before + a) / 2 * passed / 1e9, passed))
        elif self.soc_before_gap is None:
            self.soc_before_gap = self.known["soc_pct"]

    def _counted(self, before: float, a: float, passed: int) -> dict[str, float]:
        if not self._is_covered(before, a, passed):
            return {"gap_s": passed / 1e9}
        i0, i1 = (one if abs(one) > self.threshold else 0.0 for one in (before, a))
        if i0 == i1 == 0:
            return {}
        seconds = passed / 1e9
        v1 = self.known["voltage_v"]
        v0 = v1 if math.isnan(self.v_then) else self.v_then
        ah, wh = (i0 + i1) / 2 * seconds / 3600, (i0 * v0 + i1 * v1) / 2 * seconds / 3600
        span = {"ah": ah, "wh": wh, "s": seconds, "bridged_ah": ah if passed > self.gap else 0.0}
        if not math.isnan(self.temp):
            span |= {"temp": self.temp * seconds, "temp_s": seconds}
        return span

    def _take_current_in(self, t: int, a: float, passed: int) -> bool:
        if self.charge is None:
            self.charge = _Charge(t, self.known["soc_pct"])
        charge = self.charge
        if charge.under is not None and t - charge.under >= MINUTE:
            charge.paused += t - charge.under
        if passed > MINUTE:
            self.steady = self.stretch = None
        if self.steady is None or abs(a - self.smoothed) > 0.05 * self.smoothed or a > self.one_c:
            self.steady, self.smoothed, self.stretch = t, a, None
        else:
            self.smoothed += (a - self.smoothed) * min(passed / MINUTE, 1.0)
        charge.rows.append((t, a))
        charge.counted, charge.under, charge.flowed_out = len(charge.spans), None, False
        charge.net = (len(self.net), len(self.moves))
        charge.rising &= t - charge.start < 10 * SECOND
        is_enough = t - charge.start >= 2 * MINUTE and charge.total("ah") >= self.least_ah
        begins = is_enough and not charge.begun
        charge.begun |= is_enough
        return begins

    def _take_soc(self, t: int, soc: float) -> None:
        if self.soc_before_gap is not None:
            self.moves.append(abs(soc - self.soc_before_gap))
            self.soc_before_gap = None
        self.known["soc_pct"] = soc
        charge = self.charge
        if charge and self.out is None:
            if math.isnan(charge.from_pct) and t - charge.start <= 10 * SECOND:
                charge.from_pct = soc
            charge.socs.append((t, soc, charge.total("ah")))

    def _end_drive(self) -> None:
        if self.drive is not None:
            self.reports.append(("DRIVE_ENDED", self.drive, self._steps("drive")))
            self.drive = None
            self._mark("drive")

    def _end_charge(self) -> None:
        charge, self.charge = self.charge, None
        if charge is None or not charge.begun:
            return
        spans, moves = charge.net
        end, (ah, covered) = charge.rows[-1][0], (charge.total(one, charge.counted) for one in ("ah", "s"))
        temp_s = charge.total("temp_s", charge.counted)
        says: dict[str, object] = {
            "end_ns": end,
            "from_soc_pct": charge.from_pct,
            "to_soc_pct": charge.socs[-1][1]
            if charge.socs and charge.socs[-1][0] >= end - 10 * SECOND
            else math.nan,
            "charge_ah": ah,
            "bridged_ah": charge.total("bridged_ah", charge.counted),
            "energy_wh": charge.total("wh", charge.counted),
            "gap_s": charge.total("gap_s", charge.counted),
            "duration_s": (end - charge.start) / 1e9,
            "mean_current_a": ah * 3600 / covered if covered else math.nan,
            "highest_current_a": max(a for _, a in charge.rows),
            "end_current_a": charge.rows[-1][1],
            "temp_mean_c": charge.total("temp", charge.counted) / temp_s if temp_s else math.nan,
            "bridged_pause_s": charge.paused / 1e9,
            "net_ah": sum(one for one, _ in self.net[:spans]) / 3600,
            "net_s": sum(one for _, one in self.net[:spans]) / 1e9,
            "net_gap_pct": sum(self.moves[:moves]),
            **_of_soc(charge, ah),
            **self._steps("charge"),
            "ratios": {
                cell: _ratio(pairs) for cell, pairs in self.levels.items() if self.levels_of == charge.start
            },
        }
        self.reports.append(("CHARGE_ENDED", charge.start, says))
        self.net, self.moves = self.net[spans:], self.moves[moves:]
        self._mark("charge")
        self._mark("drive")

    def _take_volts(self, cell: int, t: int, v: float) -> None:
        if not self.currents or t > self.currents[-1][0]:
            self.waiting[cell] = (t, v)
        else:
            self._take_reading(cell, t, v)

    def _take_reading(self, cell: int, t: int, v: float) -> None:
        a = self._current_at(t)
        if not math.isnan(a):
            self.readings[cell].append(_Reading(t, v, a, self.temp, self.known["soc_pct"]))

    def _current_at(self, t: int) -> float:
        t1, a1 = self.currents[-1]
        t0, a0 = self.currents[-2] if len(self.currents) > 1 else (t1, a1)
        if t == t1:
            return a1
        if not t0 <= t < t1:
            return math.nan
        if t1 - t0 <= 0.2 * SECOND or (t1 - t0 <= self.gap and abs(a1 - a0) <= 0.01 * self.one_c):
            return a0 + (a1 - a0) * (t - t0) / (t1 - t0)
        if t - t0 <= 0.05 * SECOND:
            return a0
        return a1 if t1 - t <= 0.05 * SECOND else math.nan

    def _mark(self, since: str) -> None:
        self.marks[since] = {cell: len(readings) for cell, readings in self.readings.items()}

    def _steps(self, since: str) -> dict[str, object]:
        found = {cell: [*self._pairs(cell, since)] for cell in self.readings}
        sums = {
            cell: (
                len(pairs),
                sum(di * di for _, di, _ in pairs),
                sum(du * di for du, di, _ in pairs),
                sum(du * du for du, _, _ in pairs),
            )
            for cell, pairs in found.items()
        }
        at = [second for _, _, second in found.get(PACK, [])]
        temps = [one.temp for one in at if not math.isnan(one.temp)]
        socs = [one.soc for one in at if not math.isnan(one.soc)]
        return {
            "steps": {cell: one for cell, one in sums.items() if one[0]},
            "steps_temp": statistics.fmean(temps or [math.nan]),
            "steps_soc": statistics.fmean(socs or [math.nan]),
        }

    def _pairs(self, cell: int, since: str) -> Iterator[tuple[float, float, _Reading]]:
        least, most = (0.9, 1.1) if cell == PACK else (0.2, 1.5)
        first: _Reading | None = None
        for number, one in enumerate(self.readings[cell]):
            passed = (one.t - first.t) / SECOND if first else -1.0
            if 0 <= passed < least:
                continue
            is_step = first and 0 <= passed <= most and abs(one.a - first.a) >= 0.15 * self.one_c
            if first and is_step and number >= self.marks[since].get(cell, 0):
                yield one.v - first.v, one.a - first.a, one
            first = one

    def _take_level(self, cell: int, t: int, v: float) -> None:
        charge = self.charge
        if charge is None or self.steady is None or t - self.steady < 5 * MINUTE:
            return
        last_t, last_a = self.currents[-1]
        if t - last_t > MINUTE:
            return
        before_t, before_v = self.cells.get(cell, (-DAY, 0.0))
        ah = charge.total("ah") + last_a * (t - last_t) / 3600e9
        before_ah = ah - self.smoothed * (t - before_t) / 3600e9
        ready = self.steady + 5 * MINUTE
        if self.stretch is None:
            if before_t < ready:
                return
            self._begin_stretch(
                {one: known[1] for one, known in self.cells.items() if known[0] >= ready}, charge
            )
        stretch = self.stretch
        assert stretch is not None
        if cell not in stretch.next:
            stretch.next[cell] = stretch.first[cell] = level_over(v)
        elif level_over(v) - stretch.next[cell] > 20:
            self.steady = self.stretch = None
        else:
            for level in range(stretch.next[cell], level_over(v)):
                share = max((level * 0.005 - before_v) / (v - before_v), 0.0) if v > before_v else 0.0
                self._cross(stretch, cell, level, before_ah + (ah - before_ah) * share)

    def _begin_stretch(self, cells: Mapping[int, float], charge: _Charge) -> None:
        if self.levels_of != charge.start:
            self.levels, self.levels_of = defaultdict(list), charge.start
        first = {cell: level_over(v) for cell, v in cells.items()}
        middle = level_over(sorted(cells.values())[len(cells) // 2])
        self.stretch = _Stretch(first, median_first=middle, next=dict(first), median_next=middle)

    def _cross(self, stretch: _Stretch, cell: int, level: int, ah: float) -> None:
        stretch.crossed.setdefault(cell, {})[level] = ah
        stretch.next[cell] = level + 1
        if level < stretch.median_next:
            if level in stretch.median and stretch.median_next - level <= 20:
                self.levels[cell].append((stretch.median[level], ah))
            return
        while 2 * sum(one > stretch.median_next for one in stretch.next.values()) >= len(stretch.next):
            crossed = stretch.median_next
            stretch.median[crossed] = ah
            stretch.median_next += 1
            for other, levels in stretch.crossed.items():
                if crossed in levels and stretch.next[other] - crossed <= 20:
                    self.levels[other].append((ah, levels[crossed]))


def _of_soc(charge: _Charge, ah: float) -> dict[str, object]:
    """Return what SOC did: how far it fell, its largest step, and the most that was counted without one."""
    step = step_ah = still = fell = changed = 0.0
    before = highest = charge.from_pct
    for _, soc, counted in charge.socs:
        if soc != before and not math.isnan(before):
            if abs(soc - before) > abs(step):
                step, step_ah = soc - before, counted - changed
            still, changed = max(still, counted - changed), counted
        highest = soc if math.isnan(highest) else max(highest, soc)
        fell, before = max(fell, highest - soc), soc
    still = max(still, ah - changed)
    return {"soc_fell_pct": fell, "soc_step_pct": step, "soc_step_ah": step_ah, "soc_still_ah": still}


def _ratio(pairs: Sequence[tuple[float, float]]) -> tuple[int, float, float]:
    """Return levels, ratio of deviations, and its own deviation by what a line leaves over."""
    x, y = [one for one, _ in pairs], [one for _, one in pairs]
    if len(pairs) < 3 or 1 in (len(set(x)), len(set(y))):
        return len(pairs), math.nan, math.nan
    ratio = statistics.stdev(y) / statistics.stdev(x)
    unexplained = max(1 - statistics.correlation(x, y) ** 2, 0.0)
    return len(pairs), ratio, ratio * math.sqrt(unexplained / (len(pairs) - 2))
