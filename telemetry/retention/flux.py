"""What is kept, for InfluxDB 2.x: tasks in Flux that fill two more buckets.

Promises: a mean is weighted by time. Each row counts for the time since the row before it, a minute at most,
so neither a burst of rows nor a gap counts for more than it lasted. A row with none before it in what a task
looks at counts for nothing. (`timeWeightedAvg` draws the line of a minute's last two rows on to its end, past
its least and greatest value.) What is written is no answer, which would be longer than any client reads.

Relies on what a server does column by column, which costs a fraction of doing it row by row: fields are
renamed and written as columns of one row, and `map` computes with columns and literals alone.
"""

from collections.abc import Iterator

from telemetry.retention.kept import COPIED, LAST, LEVELS, MINUTES, RAW, RECORDS, STEPS, Tier, patterns

# What lies far back is brought in by slices, one an hour, each an hour over the next: a server holds all that
# a task writes. By how far a task looks back: when in the hour it runs, slices of a round, hours of each.
_SLICES = {"3h": ("5m", 1, 3), "3d": ("20m", 18, 5), "29d": ("35m", 77, 9)}
_HEAD = """\
import "date"
import "experimental"

option task = {{name: {name}, every: 1h, offset: {offset}}}

hour = date.truncate(t: now(), unit: 1h)
slice = int(v: hour) / 3600000000000 % {count}
stop = date.sub(d: duration(v: slice * {apart} * 3600000000000), from: hour)
start = date.sub(d: {hours}h, from: stop)
"""
_BODY = """\

rows = (measurement, fields, since) =>
  from(bucket: {raw})
    |> range(start: since, stop: stop)
    |> filter(fn: (r) => r._measurement == measurement and r._field =~ fields)

named = (tables=<-, measurement, fields, name, bucket) =>
  tables
    |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
    |> rename(fn: (column) => if column =~ fields then name + column else column)
    |> experimental.to(bucket: bucket)
    |> limit(n: 0)
    |> filter(fn: (r) => false)
    |> yield(name: measurement + name)

steps = (measurement, fields, every, fn, name, bucket) =>
  rows(measurement: measurement, fields: fields, since: start)
    |> aggregateWindow(every: every, fn: fn, createEmpty: false, timeSrc: "_start")
    |> named(measurement: measurement, fields: fields, name: name, bucket: bucket)

means = (measurement, fields) => {{
  weighed =
    rows(measurement: measurement, fields: fields, since: date.sub(d: 1h, from: start))
      |> elapsed(unit: 1ns)
      |> map(
        fn: (r) =>
          ({{r with weight: if r.elapsed < 60000000000 then float(v: r.elapsed) else 60000000000.0}}),
      )
      |> map(fn: (r) => ({{r with weighted: r._value * r.weight}}))
  sums = (column) =>
    weighed
      |> aggregateWindow(every: 1m, fn: sum, column: column, createEmpty: false, timeSrc: "_start")
      |> duplicate(column: column, as: "_value")
      |> set(key: "_of", value: column)

  return
    union(tables: [sums(column: "weighted"), sums(column: "weight")])
      |> pivot(rowKey: ["_time"], columnKey: ["_of"], valueColumn: "_value")
      |> filter(fn: (r) => r._time >= start)
      |> map(fn: (r) => ({{r with _value: r.weighted / r.weight}}))
      |> named(measurement: measurement, fields: fields, name: "mean_", bucket: {minutes})
}}

"""


def quoted(text: str) -> str:
    """Return a text as Flux writes it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${") + '"'


def bucket(database: str, place: str) -> str:
    """Return the name of the database's own bucket, or of one that is beside it."""
    return database if place == RAW else f"{database}_{place}"


def task_name(database: str, tier: Tier) -> str:
    """Return by which name the server knows a task."""
    return f"nev-telemetry {database} {tier.since}"


def task(database: str, tier: Tier) -> str:
    """Return a task as `influx task create --file` takes it."""
    offset, count, hours = _SLICES[tier.since]
    name = quoted(task_name(database, tier))
    head = _HEAD.format(name=name, offset=offset, count=count, apart=hours - 1, hours=hours)
    return head + _body(database) + "".join(_calls(database))


def once(database: str, start: str, stop: str) -> Iterator[str]:
    """Yield the same for what lies between two instants, each a whole hour, as queries one after the other.

    All calls of one query write at once, and a write that waits for more than 10 s ends the query.
    """
    head = f'import "date"\nimport "experimental"\n\nstart = {start}\nstop = {stop}\n'
    for call in _calls(database):
        yield head + _body(database) + call


def _body(database: str) -> str:
    return _BODY.format(raw=quoted(database), minutes=quoted(bucket(database, MINUTES)))


def _calls(database: str) -> Iterator[str]:
    for steps in STEPS:
        into, name = quoted(bucket(database, steps.place)), steps.measurement.name
        levels = ((function, steps.levels) for function in ("means", *LEVELS) if steps.levels)
        for function, fields in (*levels, (LAST, steps.measurement.fields)):
            of = f'measurement: "{name}", fields: /{patterns(fields)}/'
            how = f'every: {steps.every}, fn: {function}, name: "{function}_", bucket: {into}'
            yield f"means({of})\n" if function == "means" else f"steps({of}, {how})\n"
    for copied in COPIED:
        of = f'measurement: "{copied.name}", fields: /{patterns(copied.fields)}/'
        into = quoted(bucket(database, RECORDS))
        yield f'rows({of}, since: start) |> named({of}, name: "", bucket: {into})\n'
