"""The answers to docs/queries.md by brute force: loops over all raw points, no code of which is the page's.

An answer is a mapping of labels to values: labels in the order of `LABELS[number]`. A day is `2026-03-28`, in
the zone that is asked for.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any

from line_protocol_parser import parse_line

Answer = dict[tuple[str, ...], float]
Labels = tuple[str, ...]

PACK: Labels = ("vehicle", "pack")
LABELS: dict[int, Labels] = {
    **dict.fromkeys(range(1, 21), PACK),
    **dict.fromkeys((3, 6, 16), (*PACK, "day")),
    **dict.fromkeys((2, 12, 19), ("vehicle",)),
    4: ("vehicle", "day"),
    7: ("vehicle", "charger"),
    10: (*PACK, "column"),
    11: ("vehicle", "source", "reason"),
    13: ("vehicle", "code"),
    21: ("outcome", "stop_side", "stop_reason"),
    23: (*PACK, "time"),
    24: ("vehicle", "reason"),
    **dict.fromkeys((22, 25), ("station",)),
    **dict.fromkeys((26, 27, 28), PACK),
    29: ("vehicle", "reason"),
}
NS = 1_000_000_000
MINUTE_NS = 60 * NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
WEEK_NS = 7 * DAY_NS
_REASONS = ("kernel_dropped", "lost_queue_overflow")


@dataclass(frozen=True, slots=True)
class Point:
    """One stored row."""

    time_ns: int
    tags: Mapping[str, str]
    fields: Mapping[str, Any]

    def labels(self, names: Labels) -> Labels:
        """Return the point's tags of these names."""
        return tuple(self.tags.get(name, "") for name in names)


class RawPoints:
    """Points in the order of time, by measurement."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._points: dict[str, list[Point]] = defaultdict(list)
        for line in lines:
            parsed = parse_line(line.decode())
            self._points[parsed["measurement"]].append(
                Point(parsed["time"], parsed["tags"], parsed["fields"])
            )
        for points in self._points.values():
            points.sort(key=lambda point: point.time_ns)

    def between(self, measurement: str, start_ns: int, stop_ns: int, *fields: str) -> list[Point]:
        """Those that have all these fields; `stop_ns` excluded."""
        return [
            point
            for point in self._points[measurement]
            if start_ns <= point.time_ns < stop_ns and all(name in point.fields for name in fields)
        ]


@dataclass(frozen=True, slots=True)
class Asked:
    """All points, and the range of time that is asked about."""

    points: RawPoints
    start_ns: int
    stop_ns: int
    zone: tzinfo = UTC

    def day(self, time_ns: int) -> str:
        """Return the local date."""
        return f"{datetime.fromtimestamp(time_ns // NS, self.zone):%F}"

    def values(self, measurement: str, field: str, by: Labels) -> dict[Labels, list[tuple[int, Any]]]:
        """Stamps and values of one field, in their order, by tags."""
        found: dict[Labels, list[tuple[int, Any]]] = defaultdict(list)
        for point in self.points.between(measurement, self.start_ns, self.stop_ns, field):
            found[point.labels(by)].append((point.time_ns, point.fields[field]))
        return found

    def grouped(
        self,
        measurement: str,
        field: str,
        of: Callable[[list[Any]], float],
        by: Labels = PACK,
        bucket: Callable[[int], str] | None = None,
    ) -> Answer:
        """`of` all values of one field with the same tags and bucket of time."""
        found: dict[Labels, list[Any]] = defaultdict(list)
        for labels, values in self.values(measurement, field, by).items():
            for time_ns, value in values:
                found[(*labels, *([bucket(time_ns)] if bucket else []))].append(value)
        return {labels: float(of(values)) for labels, values in found.items()}

    def steps(self, measurement: str, counter: str, by: Labels) -> list[tuple[Labels, int, float]]:
        """Return what a counter grew by, and when; where it falls it has begun at 0 again."""
        return [
            (labels, time_ns, value - before if value >= before else value)
            for labels, values in self.values(measurement, counter, by).items()
            for (_, before), (time_ns, value) in pairwise(values)
        ]

    def minutes(self, field: str, of: Callable[[list[float]], float]) -> dict[tuple[Labels, int], float]:
        """`of` all values of a pack in each minute that has any."""
        found: dict[tuple[Labels, int], list[float]] = defaultdict(list)
        for labels, values in self.values("battery", field, PACK).items():
            for time_ns, value in values:
                found[labels, time_ns // MINUTE_NS].append(value)
        return {key: of(values) for key, values in found.items()}

    def grown(
        self, counter: str, by: Labels, bucket: Callable[[int], str], series: Labels = (*PACK, "source")
    ) -> Answer:
        """Return a battery counter's growth by tags and bucket of time, without what did not grow."""
        total: Answer = defaultdict(float)
        for labels, time_ns, step in self.steps("battery", counter, series):
            total[(*labels[: len(by)], bucket(time_ns))] += step
        return {labels: value for labels, value in total.items() if value > 0.0}

    def charging_minutes(self) -> Answer:
        """Question 6, on the days of this range."""
        current_a, soc_pct = self.minutes("current_a", min), self.minutes("soc_pct", min)
        counted = Counter(
            (*labels, self.day(minute * MINUTE_NS))
            for (labels, minute), soc in soc_pct.items()
            if 20.0 <= soc < 80.0 and current_a.get((labels, minute), 0.0) > 0.5
        )
        return {labels: float(count) for labels, count in counted.items()}

    def worst_cells(self) -> Answer:
        """Question 5: the cell that was the lowest at the end of most minutes, each source's own."""
        lowest = Counter[tuple[Any, ...]]()
        for labels, values in self.values("battery", "cell_min_index", (*PACK, "source")).items():
            last = {time_ns // MINUTE_NS: cell for time_ns, cell in values}
            lowest.update((*labels[:2], cell) for cell in last.values())
        found: Answer = {}
        for (*pack, cell), _ in lowest.most_common():
            found.setdefault(tuple(pack), cell)
        return found

    def charging_power(self) -> Answer:
        """Question 7: energy of charges over the time that it covers."""
        sums: dict[Labels, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
        fields = ("energy_charger_wh", "covered_charger_s")
        for session in self.points.between("charging_session", self.start_ns, self.stop_ns, *fields):
            labels, added = session.labels(("vehicle", "charger")), [session.fields[name] for name in fields]
            sums[labels] = (sums[labels][0] + added[0], sums[labels][1] + added[1])
        return {labels: wh / s * 3.6 for labels, (wh, s) in sums.items() if s > 0.0}

    def lost(self) -> Answer:
        """Question 11: what stands there now, less what stood there before this range, or 0."""
        answer: Answer = {}
        for reason in _REASONS:
            now = Asked(self.points, 0, self.stop_ns).values("gateway", reason, ("vehicle", "source"))
            before = Asked(self.points, 0, self.start_ns).values("gateway", reason, ("vehicle", "source"))
            for labels, values in now.items():
                stood = before[labels][-1][1] if labels in before else 0.0
                answer[(*labels, reason)] = float(values[-1][1] - stood)
        return answer


def answers(points: RawPoints, now: datetime, zone: tzinfo) -> dict[int, Answer]:
    """Return the answers to all questions, by their number."""
    now_ns = int(now.timestamp()) * NS

    def past(days: int) -> Asked:
        return Asked(points, now_ns - days * DAY_NS, now_ns, zone)

    ten, week, month = past(10), past(7), past(30)
    return {
        1: ten.grouped("battery", "soc_pct", lambda values: values[-1]),
        2: {
            labels: (now_ns - values[-1][0]) / HOUR_NS
            for labels, values in ten.values("gateway", "uptime_s", ("vehicle",)).items()
            if values[-1][0] < now_ns - DAY_NS
        },
        3: _thousands(ten.grown("charged_wh", PACK, ten.day)),
        4: _thousands(ten.grown("discharged_wh", ("vehicle",), ten.day)),
        5: week.worst_cells(),
        6: ten.charging_minutes(),
        7: week.charging_power(),
        8: hours_hotter(ten, 45.0),
        9: _drift(ten),
        10: _at_rest(week),
        11: week.lost(),
        12: {
            labels: value / 3600.0
            for labels, value in ten.grouped("gateway", "spool_oldest_s", max, ("vehicle",)).items()
        },
        13: _alarms(week),
        14: _cycles(ten),
        15: ten.grouped("battery", "capacity_ah", lambda values: values[-1] - values[0]),
        16: ten.grouped("battery", "soc_pct", min, bucket=ten.day),
        17: _coldest_while_charged(ten),
        18: week.grouped("battery", "insulation_kohm", min),
        19: {
            labels: max(later - earlier for (earlier, _), (later, _) in pairwise(values)) / MINUTE_NS
            for labels, values in ten.values("gateway", "uptime_s", ("vehicle",)).items()
            if len(values) > 1
        },
        20: hours_as_full(ten, 95.0),
        **_of_charges(month),
        26: past(400).grouped("battery_health", "soh_pct", lambda values: values[-1]),
        27: past(365).grouped("battery_health", "capacity_ah", lambda values: values[-1] - values[0]),
        **_of_health(past(90)),
    }


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _thousands(answer: Answer) -> Answer:
    return {labels: value / 1000.0 for labels, value in answer.items()}


def hours_hotter(asked: Asked, than_c: float) -> Answer:
    """Return how long packs were hotter."""
    return _hours(asked.minutes("temp_max_c", max), lambda hottest_c: hottest_c > than_c)


def hours_as_full(asked: Asked, as_pct: float) -> Answer:
    """Return how long packs were at least as full."""
    return _hours(asked.minutes("soc_pct", min), lambda least_pct: least_pct >= as_pct)


def _hours(by_minute: Mapping[tuple[Labels, int], float], counts: Callable[[float], bool]) -> Answer:
    counted = Counter(labels for (labels, _), value in by_minute.items() if counts(value))
    return {labels: minutes / 60.0 for labels, minutes in counted.items()}


def _drift(asked: Asked) -> Answer:
    by_day = asked.grouped("battery", "cell_delta_v", min, bucket=asked.day)
    days: dict[Labels, list[float]] = defaultdict(list)
    for (*labels, _), value in sorted(by_day.items()):
        days[tuple(labels)].append(value)
    return {labels: values[-1] - values[0] for labels, values in days.items()}


def _at_rest(asked: Asked) -> Answer:
    low_a, high_a = asked.minutes("current_a", min), asked.minutes("current_a", max)
    at_rest: dict[Labels, list[float]] = defaultdict(list)
    for key, delta_v in asked.minutes("cell_delta_v", max).items():
        if low_a.get(key, 1.0) > -0.5 and high_a.get(key, 1.0) < 0.5:
            at_rest[key[0]].append(delta_v)
    least = {(*labels, "least"): min(values) for labels, values in at_rest.items()}
    return {**least, **{(*labels, "most"): max(values) for labels, values in at_rest.items()}}


def _alarms(asked: Asked) -> Answer:
    events = asked.points.between("event", asked.start_ns, asked.stop_ns, "level", "active")
    begun = (event for event in events if event.fields["level"] >= 1.0 and event.fields["active"])
    return _counted(event.labels(("vehicle", "code")) for event in begun)


def _counted(labels: Iterable[Labels]) -> Answer:
    return {label: float(count) for label, count in Counter(labels).items()}


def _cycles(asked: Asked) -> Answer:
    charged_ah: Answer = defaultdict(float)
    for labels, _, step_ah in asked.steps("battery", "charged_ah", (*PACK, "source")):
        charged_ah[labels[:2]] += step_ah
    capacities_ah = asked.grouped("battery", "capacity_ah", lambda values: values[-1])
    return {
        labels: charged_ah[labels] / capacity_ah
        for labels, capacity_ah in capacities_ah.items()
        if labels in charged_ah
    }


def _coldest_while_charged(asked: Asked) -> Answer:
    current_a, coldest = asked.minutes("current_a", min), dict[Labels, float]()
    for key, temp_c in asked.minutes("temp_min_c", min).items():
        if current_a.get(key, 0.0) > 0.5:
            coldest[key[0]] = min(temp_c, coldest.get(key[0], temp_c))
    return coldest


def _of_charges(asked: Asked) -> dict[int, Answer]:
    sessions = asked.points.between("charging_session", asked.start_ns, asked.stop_ns)
    shortfalls_a: dict[Labels, list[float]] = defaultdict(list)
    measured_kwh: Answer = defaultdict(float)
    for session in sessions:
        if "station" in session.fields and "current_shortfall_mean_a" in session.fields:
            shortfalls_a[session.fields["station"],].append(session.fields["current_shortfall_mean_a"])
        for field in ("energy_vehicle_wh", "energy_charger_wh", "energy_meter_wh"):
            if field in session.fields:
                measured_kwh[session.tags["vehicle"], field] += session.fields[field] / 1000.0
    percents: dict[Labels, list[Point]] = defaultdict(list)
    for point in asked.points.between("charging_curve", asked.start_ns, asked.stop_ns, "soc_pct"):
        if 10.0 <= point.fields["soc_pct"] < 80.0:
            percents[(*point.labels(PACK), point.fields["session_start"])].append(point)
    return {
        21: _counted(
            tuple(session.fields.get(name, "") for name in LABELS[21])
            for session in sessions
            if session.fields.get("outcome")
        ),
        22: {labels: _mean(values) for labels, values in shortfalls_a.items()},
        23: {
            (*labels[:2], stamp(points[-1].time_ns)): sum(point.fields["duration_s"] for point in points)
            / 60.0
            for labels, points in percents.items()
            if len(points) == 70
        },
        24: dict(measured_kwh),
        25: _counted(
            (session.fields["station"],)
            for session in sessions
            if "station" in session.fields and session.fields.get("outcome") in ("failed", "error")
        ),
    }


def _of_health(asked: Asked) -> dict[int, Answer]:
    """Answer what is asked of single charges that battery health has measured."""
    weak: Answer = {}
    unused: Counter[Labels] = Counter()
    for point in asked.points.between("battery_health", asked.start_ns, asked.stop_ns):
        if point.fields.get("weak_cell_ratio", 1.0) < 0.95:
            weak[point.labels(PACK)] = point.fields["weak_cell_index"]
        if "reason" in point.fields:
            unused[point.tags["vehicle"], point.fields["reason"]] += 1
    return {28: weak, 29: {labels: float(count) for labels, count in unused.items()}}


def stamp(time_ns: int) -> str:
    """Return the time to the second, in UTC."""
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=time_ns // NS):%FT%T}"
