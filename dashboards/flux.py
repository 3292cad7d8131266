"""Dashboards' questions in Flux, for InfluxDB 2.x. The bucket is the data source's default one.

A course is the mean over time of what `shape` draws between values, window by window. Sums that grow from
value to value (time that is no silence, area, rise) are straight lines between them, except the area under
a slope, whose bend follows from the others: so their lines at a window's edges give its mean, and nothing
counts in a silence.

Relies on what a server does column by column: `elapsed`, `group` and `filter` of rows cost ten times as
much, and `map` does unless it computes with columns and literals alone. Of more values than `_MOST` the
mean is by count, which the storage engine does: so dense are values of which none is left out, or so many
the vehicles.
"""

import json

from dashboards.influx import ALARM_TAGS, PACK_OF_SOURCE, BuiltQuery, InfluxQuery, Values

_MOST = 300_000
_COURSE = """\
import "date"
import "interpolate"

every = v.windowPeriod
rows = () =>
  from(bucket: v.defaultBucket)
    |> range(start: date.sub(d: ${silence}s, from: v.timeRangeStart), stop: v.timeRangeStop)
    |> %(chosen)s

found = rows() |> count() |> group() |> sum() |> findColumn(fn: (key) => true, column: "_value")
drawn =
  rows()
    |> drop(columns: ["_measurement"])
    |> duplicate(column: "_value", as: "rise")
    |> map(fn: (r) => ({r with time: float(v: r._time)}))
    |> difference(columns: ["rise", "time"], keepFirst: true)
    |> fill(column: "rise", value: 0.0)
    |> fill(column: "time", value: 0.0)
    |> map(fn: (r) => ({r with rise: if r.time <= ${silence}000000000.0 then r.rise else 0.0}))
    |> map(fn: (r) => ({r with time: if r.time <= ${silence}000000000.0 then r.time else 0.0}))
    |> map(fn: (r) => ({r with area: (r._value - ${shape} * r.rise) * r.time}))
    |> cumulativeSum(columns: ["time", "area", "rise"])
    |> map(fn: (r) => ({r with bend: r.rise * r.time}))

grown = (column) =>
  drawn
    |> duplicate(column: column, as: "_value")
    |> drop(columns: ["time", "area", "rise", "bend"])
    |> interpolate.linear(every: every)
    |> difference()
    |> aggregateWindow(every: every, offset: 1ns, fn: sum, createEmpty: false, timeSrc: "_start")
    |> set(key: "of", value: column)

edges =
  union(tables: [grown(column: "time"), grown(column: "area"), grown(column: "rise"), grown(column: "bend")])
    |> pivot(rowKey: ["_time"], columnKey: ["of"], valueColumn: "_value")
    |> cumulativeSum(columns: ["time", "area", "rise", "bend"])
    |> map(fn: (r) => ({r with area: r.area - (1.0 - ${shape}) * (r.bend - r.rise * r.time)}))

first =
  edges
    |> limit(n: 1)
    |> map(fn: (r) => ({r with time: 0.0, area: 0.0}))
    |> timeShift(duration: duration(v: -int(v: every)), columns: ["_time"])

weighed =
  union(tables: [first, edges])
    |> sort(columns: ["_time"])
    |> difference(columns: ["time", "area"])
    |> filter(fn: (r) => r.time > 0.0)
    |> map(fn: (r) => ({r with _value: r.area / r.time}))
    |> keep(columns: %(labels)s)

counted =
  rows()
    |> aggregateWindow(every: every, fn: mean, createEmpty: false, timeSrc: "_start")
    |> keep(columns: %(labels)s)

means = if length(arr: found) == 0 or ${shape} == 0.0 or found[0] > %(most)d then counted else weighed

%(shown)s
  |> keep(columns: %(labels)s)
  |> aggregateWindow(every: every, fn: %(function)s)
  |> keep(columns: %(kept)s)"""
_EXTREMES = """\
kept =
  rows() |> aggregateWindow(every: every, fn: %(function)s, createEmpty: false, timeSrc: "_start")

union(tables: [means, kept])"""

_STATES = """\
import "date"

rows = (start, stop) =>
  from(bucket: v.defaultBucket)
    |> range(start: start, stop: stop)
    |> %(chosen)s

before =
  rows(start: date.sub(d: 1d, from: v.timeRangeStart), stop: v.timeRangeStart)
    |> last()
    |> map(fn: (r) => ({r with _time: v.timeRangeStart}))

union(
  tables: [
    before,
    rows(start: v.timeRangeStart, stop: v.timeRangeStop) |> aggregateWindow(every: v.windowPeriod, fn: last),
  ],
)
  |> keep(columns: %(kept)s)
  |> sort(columns: ["_time"])
  |> fill(usePrevious: true)"""


class Flux:
    """See `dashboards.influx.Language`."""

    name = "flux"
    title = "Flux"

    def over_time(self, values: Values, function: str = "mean") -> str:
        return _query(
            *_rows(values),
            f"aggregateWindow(every: v.windowPeriod, fn: {function}, createEmpty: false)",
            _keep("_time", "_value", *values.by),
        )

    def course(self, values: Values, function: str = "mean") -> str:
        named = {"function": function, "most": _MOST}
        return _COURSE % {
            **named,
            "chosen": "\n    |> ".join(_chosen(values)),
            "shown": "means" if function == "mean" else _EXTREMES % named,
            "labels": json.dumps(("_start", "_stop", "_time", "_value", *values.by)),
            "kept": json.dumps(("_time", "_value", *values.by)),
        }

    def states(self, values: Values) -> str:
        return _STATES % {
            "chosen": "\n    |> ".join(_chosen(values)),
            "kept": json.dumps(("_time", "_value", *values.by)),
        }

    def latest(self, values: Values) -> str:
        return _last(values, *values.by)

    def rate(self, values: Values) -> str:
        return _query(
            *_rows(values),
            "aggregateWindow(every: v.windowPeriod, fn: last, createEmpty: false)",
            "derivative(unit: 1s, nonNegative: true)",
            _keep("_time", "_value", *values.by),
        )

    def growth(self, values: Values) -> str:
        return _query(*_rows(values), "increase()", "last()", _keep("_value", *values.by))

    def growth_from_0(self, values: Values) -> str:
        _, *chosen = _rows(values)
        standing = "\n".join(f"    |> {step}" for step in ("range(start: 0, stop: stop)", *chosen, "last()"))
        negative = "map(fn: (r) => ({r with _value: -r._value}))"
        return (
            f"standing = (stop) =>\n  from(bucket: v.defaultBucket)\n{standing}\n\n"
            "union(tables: [standing(stop: v.timeRangeStop),"
            f" standing(stop: v.timeRangeStart) |> {negative}])\n"
            f"  |> group(columns: {json.dumps(values.by)})\n  |> sum()"
        )

    def standing(self, values: Values) -> str:
        return _query(
            *_rows(values),
            "last()",
            f"group(columns: {json.dumps(values.by)})",
            'sort(columns: ["_time"])',  # of two sources the one that was heard last
            "last()",
            _keep("_time", "_value", *values.by),
            "group()",
            'rename(columns: {_time: "Time", _value: "value"})',
        )

    def lost(self, values: Values) -> str:
        return f'{self.growth_from_0(values)}\n  |> group()\n  |> rename(columns: {{_value: "value"}})'

    def alarms(self) -> str:
        return _query(
            *_rows(Values("event", "level|text", where=("vehicle",))),
            "last()",
            'pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")',
            "filter(fn: (r) => r.level >= 1.0)",
            'rename(columns: {_time: "Time", level: "value"})',
            _keep("Time", "value", "text", *ALARM_TAGS),
            "group()",
        )

    def thousands_per_day(self, values: Values) -> str:
        return _query(
            *_growths(values, "1d"),
            "map(fn: (r) => ({r with _value: r._value / 1000.0}))",
            _keep("_time", "_value", *values.by),
        )

    def percent_per_week(self, part: str, whole: str) -> str:
        values = Values("battery", f"{part}|{whole}", by=PACK_OF_SOURCE)
        return _query(
            *_growths(values, "1w"),
            'pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")',
            f"filter(fn: (r) => r.{whole} > 0.0)",
            f"map(fn: (r) => ({{r with _value: 100.0 * r.{part} / r.{whole}}}))",
            _keep("_time", "_value", *values.by),
        )

    def minutes_per_day_between(self, soc_from: float, soc_to: float) -> str:
        return _query(
            *_rows(Values("battery", "soc_pct|current_a")),
            'aggregateWindow(every: 1m, fn: min, createEmpty: false, timeSrc: "_start")',
            'group(columns: ["vehicle", "pack"])',
            'sort(columns: ["_value"], desc: true)',  # of two sources the lower value: pivot() takes the last
            'pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")',
            f"filter(fn: (r) => r.current_a > 0.5 and r.soc_pct >= {soc_from} and r.soc_pct < {soc_to})",
            'aggregateWindow(every: 1d, fn: count, column: "soc_pct", createEmpty: false, timeSrc: "_start")',
            _keep("_time", "soc_pct", "vehicle", "pack"),
        )

    def fields_over_time(self, measurement: str, letter: str) -> str:
        return self.course(Values(measurement, f"{letter}[0-9]+", by=("_field",)))

    def fields_now(self, measurement: str, letter: str) -> str:
        return _last(Values(measurement, f"{letter}[0-9]+"), "_field")

    def sums_per_day(self, values: Values) -> str:
        return _query(
            *_rows(values),
            'aggregateWindow(every: 1d, fn: sum, createEmpty: false, timeSrc: "_start")',
            "map(fn: (r) => ({r with _value: r._value / 1000.0}))",
            _keep("_time", "_value", *values.by),
        )

    def listing(self, measurement: str, tags: tuple[str, ...], fields: tuple[str, ...]) -> str:
        return _query(
            *_rows(Values(measurement, "|".join(fields), where=("vehicle",))),
            'pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")',
            "group()",
            'sort(columns: ["_time"], desc: true)',
            "limit(n: 200)",
            _keep("_time", *tags, *fields),
        )

    def tag_values(self, tag: str, measurement: str = "", where: tuple[str, ...] = ()) -> str:
        conditions = [f'r._measurement == "{measurement}"'] if measurement else []
        chosen = " and ".join([*conditions, *map(_matches, where)]) or "true"
        return (
            'import "influxdata/influxdb/schema"\n\n'
            f'schema.tagValues(bucket: v.defaultBucket, tag: "{tag}", start: v.timeRangeStart,'
            f" predicate: (r) => {chosen})"
        )

    def query(self, ref_id: str, text: str, *, as_table: bool) -> BuiltQuery:
        return BuiltQuery(InfluxQuery(ref_id, text, is_flux=True, result_format="table" if as_table else ""))


def _query(*steps: str) -> str:
    return "from(bucket: v.defaultBucket)\n" + "\n".join(f"  |> {step}" for step in steps)


def _last(values: Values, *labels: str) -> str:
    day_before = "range(start: date.sub(d: 1d, from: v.timeRangeStart), stop: v.timeRangeStop)"
    steps = (day_before, *_chosen(values), "last()", _keep("_time", "_value", *labels))
    return f'import "date"\n\n{_query(*steps)}'


def _rows(values: Values) -> tuple[str, ...]:
    return ("range(start: v.timeRangeStart, stop: v.timeRangeStop)", *_chosen(values))


def _chosen(values: Values) -> tuple[str, ...]:
    """Filter by field; one that is a pattern stands for all fields that match it."""
    is_pattern = not values.field.isidentifier()
    field = f"r._field =~ /^({values.field})$/" if is_pattern else f'r._field == "{values.field}"'
    chosen = " and ".join(_matches(variable) for variable in values.where)
    return (
        f'filter(fn: (r) => r._measurement == "{values.measurement}" and {field})',
        f"filter(fn: (r) => {chosen})",
    )


def _growths(values: Values, every: str) -> tuple[str, ...]:
    """Sum the steps of a counter, minute by minute. Where it steps down it has begun at 0 again."""
    return (
        *_rows(values),
        # The highest, so that a minute in which it begins again has what it had come to.
        'aggregateWindow(every: 1m, fn: max, createEmpty: false, timeSrc: "_start")',
        "increase()",
        "difference()",
        f'aggregateWindow(every: {every}, fn: sum, createEmpty: false, timeSrc: "_start")',
    )


def _matches(variable: str) -> str:
    return f"r.{variable} =~ /^${{{variable}:regex}}$/"


def _keep(*columns: str) -> str:
    return f"keep(columns: {json.dumps(columns)})"
