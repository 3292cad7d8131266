"""Dashboards' questions in Flux, for InfluxDB 2.x. The bucket is the data source's default one."""

import json

from dashboards.influx import ALARM_TAGS, PACK_OF_SOURCE, BuiltQuery, InfluxQuery, Values


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

    def latest(self, values: Values) -> str:
        return _query(*_rows(values), "last()", _keep("_time", "_value", *values.by))

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
        return _query(
            *_rows(Values(measurement, f"{letter}[0-9]+")),
            "aggregateWindow(every: v.windowPeriod, fn: mean, createEmpty: false)",
            _keep("_time", "_value", "_field"),
        )

    def fields_now(self, measurement: str, letter: str) -> str:
        return _query(
            *_rows(Values(measurement, f"{letter}[0-9]+")), "last()", _keep("_time", "_value", "_field")
        )

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


def _rows(values: Values) -> tuple[str, ...]:
    """Filter by field; one that is a pattern stands for all fields that match it."""
    is_pattern = not values.field.isidentifier()
    field = f"r._field =~ /^({values.field})$/" if is_pattern else f'r._field == "{values.field}"'
    chosen = " and ".join(_matches(variable) for variable in values.where)
    return (
        "range(start: v.timeRangeStart, stop: v.timeRangeStop)",
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
