"""What `check --log` reports of bounds: what is kept of each field, how far off a reader is, and energy.

Promises: the errors are those at every value of the log, drawn as the shape says. Relies on memory for its
values, 16 bytes each.
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec

from telemetry.config import Config
from telemetry.model.finding import Finding, Grade
from telemetry.model.measurements import BATTERY
from telemetry.rules.reduce import ReduceSettings, is_number
from telemetry.service.rate import Rate, measure
from telemetry.stages.binding import Binding
from telemetry.stages.observer import ignore
from telemetry.stages.prepare import Composition
from telemetry.stages.reducing import modes_of
from telemetry.stages.stages import Stages

GAP_NS = 2_000_000_000  # no energy is summed up over more
_MOST_FREE = 5  # fields without a bound that are named


class Series:
    """One field of one tag set: its values and those that are kept, by their stamps."""

    def __init__(self, unit: str = "") -> None:
        self.unit = unit
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

    add_event = add_session = ignore

    def __init__(self, config: Config, *, with_values: bool) -> None:
        """with_values: also remember those that are left out."""
        self._config = config
        self._with_values = with_values
        self.series: dict[tuple[str, int], Series] = {}  # by measurement.field and tag set
        self.packs: dict[int, str] = {}  # by tag set

    def start(self, schema: Schema, *_: object) -> None:
        self._fields: dict[str, dict[str, FieldSpec]] = {}  # of measurements that are reduced
        modes = modes_of(schema, self._config.reduce, self._config.send)
        for record in (record for record, mode in zip(schema.specs, modes, strict=True) if mode > 0):
            fields = {field.name: field for field in record.fields if is_number(field)}
            self._fields.setdefault(record.measurement, {}).update(fields)

    def bind(self, channel: int, *, tags: Mapping[int, Mapping[str, str]], **_: str) -> None:  # noqa: ARG002 - tags say it all
        self.packs |= {number: own["pack"] for number, own in tags.items() if "pack" in own}

    def observe(self, frames: FrameBatch, samples: SampleBatch) -> None:  # noqa: ARG002 - rows say it all
        for series, time_ns, value in self._values(samples) if self._with_values else ():
            series.times_ns.append(time_ns)
            series.values.append(value)

    def observe_kept(self, samples: SampleBatch) -> None:
        for series, time_ns, value in self._values(samples):
            series.kept.append((time_ns, value))

    def _values(self, samples: SampleBatch) -> Iterator[tuple[Series, int, float]]:
        for row in samples:
            fields = self._fields.get(row.measurement, {})
            for name, raw in row.raw.items() if fields else ():
                if (field := fields.get(name)) and not isinstance(raw, str):
                    key = (f"{row.measurement}.{name}", row.tags)
                    series = self.series.get(key) or self.series.setdefault(key, Series(field.unit))
                    yield series, row.time_ns, raw * field.factor + field.offset


@dataclass(frozen=True, slots=True)
class Sent:
    """A log as it is sent: its stages after the last frame, what was kept, and how much that is.

    rate: None: nothing is sent, or all at one stamp; link_bytes_h: about what the link carries in an hour.
    """

    stages: Stages
    watched: Watched
    rate: Rate | None
    link_bytes_h: float


@dataclass(frozen=True, slots=True)
class Sample:
    """A log of the buses of a configuration. binding_of: of its channels, by their names."""

    composition: Composition
    log: Path
    binding_of: Callable[[str], Binding]

    def sent(self, reduce: ReduceSettings, *, with_values: bool = False) -> Sent:
        """Return what is sent of it with this [reduce]. with_values: also remember what is not kept."""
        config = replace(self.composition.config, reduce=reduce)
        stages = replace(self.composition, config=config).make_stages()
        watched = Watched(config, with_values=with_values)
        stages.set_observer(watched)
        rate = measure(stages, self.log, self.binding_of, config.send.every_s)
        for series in watched.series.values():
            series.kept.sort()
        tls = config.sink.address.startswith("https:")
        return Sent(stages, watched, rate, rate.link_bytes_h(tls=tls) if rate else 0.0)


def bound_findings(watched: Watched, reduce: ReduceSettings) -> Iterator[Finding]:
    """Yield each glob in its order, those fields without a bound of which most is kept, and energy."""
    by_name: dict[str, list[Series]] = {}
    for (name, _), one in watched.series.items():
        by_name.setdefault(reduce.glob_of(name) or name, []).append(one)
    bounded = [(glob, by_name.pop(glob)) for glob in reduce.bounds if glob in by_name]
    free = sorted(by_name.items(), key=lambda item: -sum(len(one.kept) for one in item[1]))
    for name, found in (*bounded, *free[:_MOST_FREE]):
        values, kept = sum(len(one.values) for one in found), sum(len(one.kept) for one in found)
        bound, error = reduce.bounds.get(name), None
        words = f"{kept} of {values} values kept, {100 * kept / max(values, 1):.2g} %"
        if bound is None:
            words = f"{name}: {words}: it has no bound"
        else:
            error = max(one.greatest_error(line=reduce.is_line) for one in found)
            words = f"{name} = {bound:g}: {words}, off by {error:.4g} at most"
        figures = {"field": name, "values": values, "kept": kept, "bound": bound, "greatest_error": error}
        yield Finding(Grade.FACT, f"bounds: {words}", figures)
    for (name, tags), current in watched.series.items():
        volts = watched.series.get((f"{BATTERY.name}.voltage_v", tags))
        if name == f"{BATTERY.name}.current_a" and volts is not None:
            off, flown = energy_off(volts, current, line=reduce.is_line)
            if flown:
                words = f"off by {100 * off / flown:.3f} % of what flowed, {flown / 3.6e12:.0f} Wh"
                subject = f"energy of pack {watched.packs.get(tags, '')} from kept voltage and current"
                yield Finding(Grade.FACT, f"bounds: {subject}: {words}")


def energy_off(volts: Series, current: Series, *, line: bool) -> tuple[float, float]:
    """Return by how much energy from kept values is off, and what flowed, in and out, in W ns."""
    whole = Series()
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
