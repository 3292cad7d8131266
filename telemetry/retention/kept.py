"""What is kept of the data model, how long and in which steps: one table, of which both languages are made.

Promises:
- Rows stay for 30 days. What happens once (sessions, events) and the accounts are copied, and stay for ever.
- Of rows of batteries, chargers and meters each minute stays for a year: of a level its mean, its
  least, its greatest and its last value; of a flag, a text, a counter, a number of a cell the last alone.
- A kept field's name begins with which value it is (`mean_soc_pct`), and ends with its unit.
- Points that come late are brought in when a task of TIERS looks back so far.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from telemetry.model.fields import Field, Kind, Measurement, Place
from telemetry.model.measurements import BATTERY, CELLS, CHARGER, GATEWAY, MEASUREMENTS, METER

RAW, MINUTES, RECORDS = "raw", "minutes", "records"  # retention policies; buckets: after the database's name
DAYS = {RAW: 30, MINUTES: 365, RECORDS: 0}  # 0: for ever
LAST, LEVELS = "last", ("min", "max")
MINUTELY = (BATTERY, CELLS, CHARGER, METER)
COPIED = tuple(each for each in MEASUREMENTS.values() if each not in (*MINUTELY, GATEWAY))


@dataclass(frozen=True, slots=True)
class Tier:
    """A task: how far back it looks, and how often: all at once in 1.x, by slices each hour in 2.x."""

    every: str
    since: str


TIERS = (Tier("1h", "3h"), Tier("1d", "3d"), Tier("1w", f"{DAYS[RAW] - 1}d"))


@dataclass(frozen=True, slots=True)
class Steps:
    """One measurement in steps of `every`: which of its fields are levels; of all others the last is kept."""

    measurement: Measurement
    place: str
    every: str

    @property
    def levels(self) -> tuple[Field, ...]:
        return tuple(field for field in self.measurement.fields if self.place == MINUTES and is_level(field))


STEPS = (*(Steps(each, MINUTES, "1m") for each in MINUTELY), Steps(GATEWAY, RECORDS, "1h"))


def is_level(field: Field) -> bool:
    """Return whether a mean of it says anything: a number with a unit that is no counter."""
    is_counter = field.shown is not None and field.shown.place is Place.COUNTED
    return field.kind is Kind.FLOAT and bool(field.unit) and not is_counter


def pattern(field: Field) -> str:
    """Return a regular expression of the field's name, of which a family (`vNNN`, `lost_REASON`) has many."""
    return re.sub("[A-Z]+", ".+", field.name.replace("NNN", "[0-9]+"))


def patterns(fields: tuple[Field, ...]) -> str:
    """Return a regular expression of all their names."""
    return "^(" + "|".join(map(pattern, fields)) + ")$"


def files(database: str) -> Iterator[tuple[str, str]]:
    """Yield name and text of what an administrator may install by hand."""
    from telemetry.retention import flux, influxql

    yield "influxql/retention.sql", influxql.script(database)
    for tier in TIERS:
        yield f"flux/{tier.since}.flux", flux.task(database, tier)
