"""What `check --log` reports of bounds: what is kept of each field, how far off a reader is, and energy.

It also finds bounds for a budget.

Promises: the errors are those at every value of the log, drawn as the shape says. Relies on memory for its
values, 16 bytes each.
"""

import math
import re
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec

from telemetry.charging.session import Session
from telemetry.config import Config
from telemetry.model.events import Event
from telemetry.model.finding import Finding, Grade
from telemetry.model.measurements import BATTERY
from telemetry.rules.reduce import NO_BOUND, ReduceSettings
from telemetry.service.rate import Rate, measure
from telemetry.stages.binding import Binding
from telemetry.stages.prepare import Composition
from telemetry.stages.reducing import modes_of

GAP_NS = 2_000_000_000  # no energy is summed up over more
MOST_ROUNDS = 30
_MOST_FREE = 5  # fields without a bound that are named


class Series:
    """One field of one tag set: its values and those that are kept, by their stamps."""

    def __init__(self, bound: float, unit: str = "") -> None:
        self.bound, self.unit = bound, unit
        self.times_ns, self.values = array("q"), array("d")
        self.kept: list[tuple[int, float]] = []

    def at(self, time_ns: int, *, line: bool) -> float:
        """Return what a reader draws at this stamp."""
        after = bisect_right(self.kept, time_ns, key=lambda one: one[0])
        before_ns, before = self.kept[max(after - 1, 0)]
        if not line or after == len(self.kept) or not before_ns < time_ns:
            return before
        after_ns, last = self.kept[after]
        return before + (last - before) * (time_ns - before_ns) / (after_ns - before_ns)

    def greatest_error(self, *, line: bool) -> float:
        """Return how far off a reader is at most, at any value."""
        drawn = (self.at(time_ns, line=line) for time_ns in self.times_ns)
        return max((abs(one - value) for one, value in zip(drawn, self.values, strict=True)), default=0.0)

    @property
    def resolution(self) -> float:
        """Return the smallest step of one value to another one; 0: it never moves."""
        steps = (abs(one - other) for one, other in zip(self.values, self.values[1:], strict=False))
        return min((float(f"{step:.3g}") for step in steps if step > 1e-9), default=0.0)


class Watched:
    """Observes rows, and what bounds keep of them."""

    def __init__(self, config: Config, *, with_values: bool) -> None:
        """with_values: also remember those that are left out."""
        self._config = config
        self._with_values = with_values
        self.series: dict[tuple[str, int], Series] = {}  # by measurement.field and tag set
        self.packs: dict[int, str] = {}  # by tag set

    def start(self, schema: Schema, *_: object) -> None:
        reduce = self._config.reduce
        found = iter(reduce.bounds_of(schema.specs))
        self._fields: dict[str, dict[str, tuple[FieldSpec, float]]] = {}  # of measurements that are reduced
        for record, mode in zip(schema.specs, modes_of(schema, reduce, self._config.send), strict=True):
            fields = {field.name: (field, next(found)) for field in record.fields}
            if mode > 0:
                self._fields.setdefault(record.measurement, {}).update(fields)

    def bind(
        self,
        channel: int,  # noqa: ARG002 - tags say it all
        *,
        tags: Mapping[int, Mapping[str, str]],
        **named: str,  # noqa: ARG002 - of source and tag, which tags have
    ) -> None:
        self.packs |= {number: own["pack"] for number, own in tags.items() if "pack" in own}

    def observe(self, frames: FrameBatch, samples: SampleBatch) -> None:  # noqa: ARG002 - rows say it all
        for series, time_ns, value in self._values(samples) if self._with_values else ():
            series.times_ns.append(time_ns)
            series.values.append(value)

    def observe_kept(self, samples: SampleBatch) -> None:
        for series, time_ns, value in self._values(samples):
            series.kept.append((time_ns, value))

    def add_event(self, event: Event, time_ns: int) -> None:
        pass

    def add_session(self, session: Session, time_ns: int) -> None:
        pass

    def _values(self, samples: SampleBatch) -> Iterator[tuple[Series, int, float]]:
        for row in samples:
            fields = self._fields.get(row.measurement, {})
            for name, raw in row.raw.items() if fields else ():
                field, bound = fields[name]
                if not field.passes and not isinstance(raw, str):
                    key = (f"{row.measurement}.{name}", row.tags)
                    series = self.series.get(key) or self.series.setdefault(key, Series(bound, field.unit))
                    yield series, row.time_ns, raw * field.factor + field.offset


class Field(NamedTuple):
    """Findings in a log of one glob, or of one field without a bound."""

    name: str
    bound: float
    values: int
    kept: int
    error: float


def bound_findings(
    composition: Composition, log: Path, binding_of: Callable[[str], Binding], budget_bytes: float | None
) -> Iterator[Finding]:
    """Yield what a log reports of a configuration's bounds, and bounds for a budget of the link (bytes/h)."""
    config = composition.config
    watched, rate = _watch(composition, log, binding_of, with_values=True)
    if rate is None:
        return
    if config.reduce.bounds:
        link_bytes_h, most = _link_bytes_h(rate, config), config.uplink.bytes_per_hour
        words = f"{link_bytes_h / 1e6:.3f} MB an hour on the link"
        yield Finding(Grade.FACT, f"log {log}: {words}, bodies {rate.bytes_per_s * 0.0036:.3f}")
        if most is not None and link_bytes_h > most:
            words = f"that is more than [uplink] allows, {most / 1e6:.3f} MB: bounds will be widened"
            yield Finding(Grade.WARNING, f"log {log}: {words}")
        for field in kept_fields(watched.series, config.reduce):
            yield _kept(field)
        yield from _energy_findings(watched, line=config.reduce.is_line)
    if budget_bytes is not None:
        yield from _proposal(composition, log, binding_of, watched.series, budget_bytes)


def kept_fields(series: Mapping[tuple[str, int], Series], reduce: ReduceSettings) -> Iterator[Field]:
    """Yield each glob in its order, then those fields without a bound of which most is kept."""
    by_name: dict[str, list[Series]] = {}
    for (name, _), one in series.items():
        by_name.setdefault(_glob_of(name, reduce.bounds) if one.bound != NO_BOUND else name, []).append(one)
    for glob, bound in reduce.bounds.items():
        if found := by_name.pop(glob, ()):
            error = max(one.greatest_error(line=reduce.is_line) for one in found)
            yield Field(glob, bound, *_counts(found), error)
    free = (Field(name, NO_BOUND, *_counts(found), 0.0) for name, found in by_name.items())
    yield from sorted(free, key=lambda field: -field.kept)[:_MOST_FREE]


def _counts(found: Sequence[Series]) -> tuple[int, int]:
    return sum(len(one.values) for one in found), sum(len(one.kept) for one in found)


def _glob_of(name: str, globs: Iterable[str]) -> str:
    return next(glob for glob in globs if fnmatchcase(name, glob))


def _kept(field: Field) -> Finding:
    name, bound, values, kept, error = field
    words = f"{kept} of {values} values kept, {100 * kept / max(values, 1):.2g} %"
    has_bound = bound != NO_BOUND
    words += f", off by {error:.4g} at most" if has_bound else ": it has no bound"
    figures = {"field": name, "values": values, "kept": kept, "bound": bound, "greatest_error": error}
    return Finding(
        Grade.FACT,
        f"bounds: {name}{f' = {bound:g}' if has_bound else ''}: {words}",
        figures if has_bound else {**figures, "bound": None, "greatest_error": None},
    )


def _energy_findings(watched: Watched, *, line: bool) -> Iterator[Finding]:
    for (name, tags), current in watched.series.items():
        volts = watched.series.get((f"{BATTERY.name}.voltage_v", tags))
        if name == f"{BATTERY.name}.current_a" and volts is not None:
            off, flown = energy_off(volts, current, line=line)
            if flown:
                pack, words = watched.packs.get(tags, ""), f"off by {100 * off / flown:.3f} % of what flowed"
                subject = f"energy of pack {pack} from kept voltage and current"
                yield Finding(Grade.FACT, f"bounds: {subject}: {words}, {flown / 3.6e12:.0f} Wh")


def energy_off(volts: Series, current: Series, *, line: bool) -> tuple[float, float]:
    """Return by how much energy from kept values is off, and what flowed, in and out, in W ns."""
    whole = Series(NO_BOUND)
    whole.kept = [*zip(volts.times_ns, volts.values, strict=True)]
    true = [amps * whole.at(at, line=True) for at, amps in zip(current.times_ns, current.values, strict=True)]
    drawn = [current.at(at, line=line) * volts.at(at, line=line) for at in current.times_ns]
    off = flown = 0.0
    for number, (from_ns, to_ns) in enumerate(zip(current.times_ns, current.times_ns[1:], strict=False)):
        if 0 < to_ns - from_ns <= GAP_NS:
            mean = (true[number] + true[number + 1]) / 2
            off += ((drawn[number] + drawn[number + 1]) / 2 - mean) * (to_ns - from_ns)
            flown += abs(mean) * (to_ns - from_ns)
    return off, flown


def _link_bytes_h(rate: Rate, config: Config) -> float:
    """Return about what the link carries in an hour."""
    return rate.link_mb_a_day(tls=config.sink.address.startswith("https:")) * 1e6 / 24


def _proposal(
    composition: Composition,
    log: Path,
    binding_of: Callable[[str], Binding],
    series: Mapping[tuple[str, int], Series],
    budget_bytes: float,
) -> Iterator[Finding]:
    """Yield bounds that keep within the budget.

    They begin with the coarsest resolution of each field. Those of fields that keep most are doubled, again
    and again.
    """
    config, bounds = composition.config, dict[str, float]()
    for (name, _), one in series.items():
        bounds[_family(name)] = max(bounds.get(_family(name), 0.0), one.resolution)
    measured = {
        _family(name) for (name, _), one in series.items() if one.unit
    }  # no numbers of cells, no words
    bounds = {name: step for name, step in bounds.items() if step and name in measured}
    link_bytes = math.inf
    for _ in range(MOST_ROUNDS if bounds else 0):
        reduce = replace(config.reduce, bounds=bounds, shape=config.reduce.shape or "line", every_s=0.0)
        tried = replace(composition, config=replace(config, reduce=reduce))
        watched, rate = _watch(tried, log, binding_of, with_values=False)
        link_bytes = _link_bytes_h(rate, config) if rate else 0.0
        if link_bytes <= budget_bytes:
            yield Finding(Grade.FACT, f"for {budget_bytes / 1e3:g} kB/h: {link_bytes / 1e3:.0f} kB/h with")
            yield Finding(Grade.FACT, f'[reduce] shape = "{reduce.shape}", and [reduce.bounds]')
            for name, bound in bounds.items():
                yield Finding(Grade.FACT, f'"{name}" = {bound:.3g}')
            return
        longest_s, duration_s = reduce.longest_ns / 1e9, rate.duration_s if rate else 0.0
        kept = Counter[str]()  # beside one each `longest_s`, which no bound makes less
        for (name, _), one in watched.series.items():
            kept[_family(name)] += len(one.kept) - round(1.1 * duration_s / longest_s) - 2
        most = max(max(kept[name] for name in bounds), 1)
        bounds = {name: bound * (2 if 4 * kept[name] > most else 1) for name, bound in bounds.items()}
    words = f"no bounds are enough: {link_bytes / 1e3:.0f} kB/h are left"
    hint = "a longer [send] every_s or longest_s, or fewer messages"
    yield Finding(Grade.WARNING, f"for {budget_bytes / 1e3:g} kB/h: {words} ({hint})")


def _family(name: str) -> str:
    """Return the glob of all cells, or of all sensors, for one of them."""
    return re.sub(r"^(cells\.[vt])[0-9]+$", r"\1*", name)


def _watch(
    composition: Composition, log: Path, binding_of: Callable[[str], Binding], *, with_values: bool
) -> tuple[Watched, Rate | None]:
    """Send a log through stages; return what was kept, and how much that is."""
    stages, watched = composition.make_stages(), Watched(composition.config, with_values=with_values)
    stages.set_observer(watched)
    rate = measure(stages, log, binding_of, composition.config.send.every_s)
    for series in watched.series.values():
        series.kept.sort()
    return watched, rate
