"""Dashboards' questions in InfluxQL, for InfluxDB 1.x.

A course is the mean over time of what `shape` draws between values, window by window, as sums of areas by
sums of times. By `line` that is `integral()`, where the window before has values too: otherwise it draws
over a silence. It hands out each series' last window after all others, in any order, of which sums around it
lose series. So a row half a millisecond after the time range ends each series, and only windows of full
length count. By `hold`, and in windows shorter than a silence, a row at each window's edge repeats the value
before. Conditions on the dashboard's constants leave out, unread, what a window's length and the shape do
not need: rows cost much here. A subquery looks no further back than what is around it.
"""

from dashboards.influx import ALARM_TAGS, PACK_OF_SOURCE, BuiltQuery, InfluxQuery, Values

_BACK, _A_DAY_BACK = "time >= ${__from}ms - ${silence}s", "time >= ${__from}ms - 1d"
_LINE, _HOLD, _ALL = "${shape} = 0.5", "${shape} = 1", "${shape} = 0"
_LONG, _SHORT = "$__interval_ms >= ${silence}000", "$__interval_ms < ${silence}000"
_STEPS = f"({_HOLD} OR {_LINE} AND {_SHORT})"
_JUST_AFTER = "time <= ${__to}ms + 1ms"
_BILLION = "1000000000"  # the weight of what is exact beside what is not


class InfluxQL:
    """See `dashboards.influx.Language`."""

    name = "influxql"
    title = "InfluxQL"

    def over_time(self, values: Values, function: str = "mean") -> str:
        return _select(f'{function}("{values.field}")', values, "time($__interval)", end="fill(none)")

    def course(self, values: Values, function: str = "mean") -> str:
        field, tags = values.field, _tags(values.by)
        chosen = "".join(f" AND {_matches(variable)}" for variable in values.where)
        rows = f'FROM "{values.measurement}" WHERE {_BACK} AND time <= ${{__to}}ms{chosen}'
        windows, edges = f"GROUP BY time($__interval), {tags}", f"GROUP BY time($__interval, -1ns), {tags}"
        before = "moving_average({0}, 2) - difference({0}) / 2".format

        raw = f'SELECT "{field}" AS v {rows} AND {_LINE} GROUP BY {tags}'
        ends = (
            f'SELECT last("{field}") AS v FROM "{values.measurement}" WHERE {_BACK} AND {_JUST_AFTER}{chosen}'
            f" AND {_LINE} GROUP BY time(36500d, ${{__to}}500u), {tags} fill(previous)"
        )
        parts = f"SELECT v, 0.0 * v + 1.0 AS one FROM ({raw}), ({ends}) GROUP BY {tags}"
        lines = f"SELECT integral(v, 1ms) AS a, integral(one, 1ms) AS t FROM ({parts}) {windows}"
        whole = "t > $__interval_ms - 0.2 AND t < $__interval_ms + 0.2"
        straight = f"SELECT a * {_BILLION} AS a, t * {_BILLION} AS t FROM ({lines}) WHERE {whole}"
        plain = f"AND ({_LINE} AND {_LONG} OR {_ALL}) {windows}"
        alone = f'SELECT sum("{field}") AS a, 1.0 * count("{field}") AS t {rows} {plain}'

        last = f'last("{field}")'
        known = (
            f"SELECT {before(last)} AS v, elapsed({last}, 1ms) AS t {rows} AND {_HOLD} AND {_LONG} {edges}"
        )
        held = f"SELECT {last} AS v {rows} AND {_STEPS} AND {_SHORT} {edges} fill(previous)"
        every = ", ".join(
            (
                f'(SELECT "{field}" AS v {rows} AND {_STEPS} GROUP BY {tags})',
                f"(SELECT v FROM ({known}) WHERE t <= $__interval_ms)",
                f"(SELECT {before('v')} AS v FROM ({held}) GROUP BY {tags})",
            )
        )
        steps = (
            f"SELECT moving_average(v, 2) + (0.5 - ${{shape}}) * difference(v) AS v, elapsed(v, 1u) AS t"
            f" FROM (SELECT v FROM {every} GROUP BY {tags}) GROUP BY {tags}"
        )
        pieces = f"SELECT v * t AS a, 1.0 * t AS t FROM ({steps}) WHERE t <= ${{silence}}000000"

        drawn = (
            f"SELECT sum(a) / sum(t) AS drawn FROM ({straight}), ({alone}), ({pieces}) {windows} fill(linear)"
        )
        seen = f'SELECT count("{field}") AS heard {rows} {windows} fill(none)'
        counted = f'SELECT count("{field}") AS heard {rows} GROUP BY time(${{silence}}s), {tags} fill(0)'
        heard = f"SELECT max(heard) AS heard FROM ({counted}) {windows} fill(previous)"
        sources = [f"({drawn})", f"({seen})", f"(SELECT heard FROM ({heard}) WHERE heard > 0)"]
        if function != "mean":
            sources.append(f'(SELECT {function}("{field}") AS drawn {rows} {windows} fill(none))')
        return (
            f"SELECT {function}(drawn) + 0 * mean(heard) FROM {', '.join(sources)}"
            f" WHERE {_BACK} AND {_JUST_AFTER} {windows} fill(null)"
        )

    def states(self, values: Values) -> str:
        last = f'last("{values.field}") AS state'
        before = _select(last, values, since=f"{_A_DAY_BACK} AND time < ${{__from}}ms")
        within = _select(last, values, "time($__interval)", end="fill(none)")
        return f"SELECT state FROM ({before}), ({within}) WHERE {_A_DAY_BACK} GROUP BY {_tags(values.by)}"

    def latest(self, values: Values) -> str:
        return _select(f'last("{values.field}")', values, since=_A_DAY_BACK)

    def rate(self, values: Values) -> str:
        counted = f'non_negative_derivative(last("{values.field}"), 1s)'
        return _select(counted, values, "time($__interval)", end="fill(none)")

    def growth(self, values: Values) -> str:
        grown = _steps(values, values.field, "grown")
        return f'SELECT sum("grown") FROM {grown} WHERE $timeFilter GROUP BY {_tags(values.by)}'

    def growth_from_0(self, values: Values) -> str:
        chosen = "".join(f" AND {_matches(variable)}" for variable in values.where)
        last, by = f'last("{values.field}")', _tags(values.by)
        end = f'FROM "{values.measurement}" WHERE time <= ${{__to}}ms{chosen} GROUP BY {by}'
        start = f'FROM "{values.measurement}" WHERE time < ${{__from}}ms{chosen} GROUP BY {by}'
        return (
            'SELECT last(standing) - sum(before) AS "value" FROM'
            f" (SELECT {last} AS standing, 0 * {last} AS before {end}), (SELECT {last} AS before {start})"
            f" GROUP BY {by}"
        )

    def standing(self, values: Values) -> str:
        return _select(f'last("{values.field}") AS "value"', values)

    def lost(self, values: Values) -> str:
        return self.growth_from_0(values)

    def alarms(self) -> str:
        last = _select('last("level") AS "value", "text"', Values("event", "", ALARM_TAGS, ("vehicle",)))
        return f'SELECT "value", "text" FROM ({last}) WHERE "value" >= 1 GROUP BY {_tags(ALARM_TAGS)}'

    def thousands_per_day(self, values: Values) -> str:
        grown = _steps(values, values.field, "grown")
        return (
            f'SELECT sum("grown") / 1000 FROM {grown} WHERE $timeFilter'
            f" GROUP BY time(1d), {_tags(values.by)} fill(none)"
        )

    def percent_per_week(self, part: str, whole: str) -> str:
        values = Values("battery", "", by=PACK_OF_SOURCE)
        steps = f"{_steps(values, part, 'part')}, {_steps(values, whole, 'whole')}"
        # A week in which nothing went in is 0. To leave it out would take a query around this one, which then
        # begins with the week and not with the time range.
        return (
            f'SELECT 100 * sum("part") / sum("whole") FROM {steps} WHERE $timeFilter'
            f" GROUP BY time(1w), {_tags(values.by)} fill(none)"
        )

    def minutes_per_day_between(self, soc_from: float, soc_to: float) -> str:
        state = 'min("soc_pct") AS soc, min("current_a") AS a'
        by_minute = _select(state, Values("battery", ""), "time(1m)")
        return (
            f'SELECT count("soc") FROM ({by_minute})'
            f' WHERE "a" > 0.5 AND "soc" >= {soc_from} AND "soc" < {soc_to}'
            ' GROUP BY time(1d), "vehicle", "pack" fill(none)'
        )

    def fields_over_time(self, measurement: str, letter: str) -> str:
        return _select(
            f"mean(/^{letter}[0-9]+$/)",
            Values(measurement, "", by=()),
            "time($__interval)",
            end="fill(none)",
        )

    def fields_now(self, measurement: str, letter: str) -> str:
        return _select(f"last(/^{letter}[0-9]+$/)", Values(measurement, "", by=()), since=_A_DAY_BACK)

    def sums_per_day(self, values: Values) -> str:
        return _select(f'sum("{values.field}") / 1000', values, "time(1d)", end="fill(none)")

    def listing(self, measurement: str, tags: tuple[str, ...], fields: tuple[str, ...]) -> str:
        columns = ", ".join(f'"{name}"' for name in (*tags, *fields))
        return (
            f'SELECT {columns} FROM "{measurement}"'
            f" WHERE $timeFilter AND {_matches('vehicle')} ORDER BY time DESC LIMIT 200"
        )

    def tag_values(self, tag: str, measurement: str = "", where: tuple[str, ...] = ()) -> str:
        chosen = " AND ".join(_matches(variable) for variable in where)
        condition = f" WHERE {chosen}" if chosen else ""
        source = f' FROM "{measurement}"' if measurement else ""
        return f'SHOW TAG VALUES{source} WITH KEY = "{tag}"{condition}'

    def query(self, ref_id: str, text: str, *, as_table: bool) -> BuiltQuery:
        result_format = "table" if as_table else "time_series"
        return BuiltQuery(InfluxQuery(ref_id, text, is_flux=False, result_format=result_format))


def _select(what: str, values: Values, *groups: str, end: str = "", since: str = "") -> str:
    times = f"{since} AND time <= ${{__to}}ms" if since else "$timeFilter"
    conditions = [times, *(_matches(variable) for variable in values.where)]
    parts = [f'SELECT {what} FROM "{values.measurement}" WHERE {" AND ".join(conditions)}']
    if grouped := [*groups, *([_tags(values.by)] if values.by else [])]:
        parts.append(f"GROUP BY {', '.join(grouped)}")
    return " ".join([*parts, *([end] if end else [])])


def _steps(values: Values, counter: str, name: str) -> str:
    """Two subqueries: a counter's steps up; and where it has begun at 0 again, what it then stands at."""
    up = _select(f'non_negative_difference("{counter}") AS {name}', values)
    both = _select(f'moving_average("{counter}", 2) AS mean, difference("{counter}") AS step', values)
    again = f'SELECT "mean" + "step" / 2 AS {name} FROM ({both}) WHERE "step" < 0 GROUP BY {_tags(values.by)}'
    return f"({up}), ({again})"


def _matches(variable: str) -> str:
    return f'"{variable}" =~ /^${{{variable}:regex}}$/'


def _tags(tags: tuple[str, ...]) -> str:
    return ", ".join(f'"{tag}"' for tag in tags)
