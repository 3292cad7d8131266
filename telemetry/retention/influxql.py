"""What is kept, for InfluxDB 1.x: retention policies, and continuous queries that fill them.

Promises: a mean is that of a minute's rows, since 1.x has no mean by time that stops at a gap (`integral()`
draws a line over it). What happens once keeps its stamp: it is selected in steps of a nanosecond.
"""

from telemetry.model.fields import Field
from telemetry.model.measurements import MEASUREMENTS
from telemetry.retention.kept import (
    COPIED,
    DAYS,
    LAST,
    LEVELS,
    MINUTES,
    RAW,
    RECORDS,
    STEPS,
    TIERS,
    pattern,
)
from telemetry.sinks.influxql import quoted

DEFAULT_POLICY = "autogen"


def policy(database: str, name: str, days: int, verb: str = "CREATE") -> str:
    """Return the statement that makes a retention policy, or with `ALTER` changes its days; 0: for ever."""
    duration = f"{days}d" if days else "INF"
    replication = " REPLICATION 1" if verb == "CREATE" else ""
    return f"{verb} RETENTION POLICY {quoted(name)} ON {quoted(database)} DURATION {duration}{replication}"


def selections(database: str, raw: str) -> dict[str, tuple[str, str]]:
    """Return, by measurement, a SELECT … INTO and the GROUP BY after its condition."""
    found = {}
    for steps in STEPS:
        levels = steps.levels
        chosen = [_chosen(function, field) for field in levels for function in ("mean", *LEVELS)]
        chosen += [_chosen(LAST, field) for field in steps.measurement.fields]
        found[steps.measurement.name] = (
            _into(database, raw, steps.place, steps.measurement.name, chosen),
            f"GROUP BY time({steps.every}), * fill(none)",
        )
    for copied in COPIED:
        chosen = [_copied(field) for field in copied.fields]
        into = _into(database, raw, RECORDS, copied.name, chosen)
        found[copied.name] = (into, "GROUP BY time(1ns), * fill(none)")
    return {name: found[name] for name in MEASUREMENTS}


def queries(database: str, raw: str) -> dict[str, str]:
    """Return the continuous queries by name."""
    return {
        f"nev_{name}_{tier.since}": (
            f"CREATE CONTINUOUS QUERY {quoted(f'nev_{name}_{tier.since}')} ON {quoted(database)}"
            f" RESAMPLE EVERY {tier.every} FOR {tier.since} BEGIN {into} {group} END"
        )
        for tier in TIERS
        for name, (into, group) in selections(database, raw).items()
    }


def script(database: str) -> str:
    """Return all that a database has which began with this, as one request."""
    made = [policy(database, name, DAYS[name]) for name in (MINUTES, RECORDS)]
    made += [
        policy(database, DEFAULT_POLICY, DAYS[RAW], "ALTER"),
        *queries(database, DEFAULT_POLICY).values(),
    ]
    return ";\n".join(made) + "\n"


def _into(database: str, raw: str, place: str, name: str, chosen: list[str]) -> str:
    target, source = (".".join(map(quoted, (database, where, name))) for where in (place, raw))
    return " ".join(("SELECT", ", ".join(chosen), "INTO", target, "FROM", source))


def _chosen(function: str, field: Field) -> str:
    if field.is_family:  # each that it finds is named as the others are
        return f"{function}(/^{pattern(field)}$/)"
    return f"{function}({quoted(field.name)}) AS {quoted(f'{function}_{field.name}')}"


def _copied(field: Field) -> str:
    if field.is_family:  # which has no alias: `last_r001`
        return _chosen(LAST, field)
    return f"last({quoted(field.name)}) AS {quoted(field.name)}"
