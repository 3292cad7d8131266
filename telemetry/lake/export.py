"""A day out of InfluxDB into a dataset, once nothing more can come to it.

Promises:
- Each vehicle's rows of the data model make a partition, with the tables and columns that recordings have.
- What is written is what the store counts, value by value, before and after. Otherwise nothing is replaced.
- Memory is bounded: some 100,000 values at a time, where they are evenly spread over the day.
- A day that is there already, with the same counts, is skipped. One made of recordings is left alone.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from telemetry_core.columns.batches import Batches
from telemetry_core.columns.columns import Columns
from telemetry_core.columns.spec import ColumnKind, ColumnSpec, TableSpec
from telemetry_core.rows.schema import Schema

from telemetry import __version__
from telemetry.errors import DataError, UsageError
from telemetry.lake.files import read_marker
from telemetry.lake.layout import DAY_NS, day_of, fingerprint, partition_name, start_of
from telemetry.lake.marker import Marker
from telemetry.lake.rows import PartitionRows, put_partition
from telemetry.lake.store import Where, open_store
from telemetry.lake.task import Outcome, outcome_of
from telemetry.model.health import HEALTH_MEASUREMENTS
from telemetry.model.measurements import MEASUREMENTS
from telemetry.sinks.influxql import quoted, text_literal
from telemetry.sinks.settings import Tables
from telemetry.tables.layout import CHANNEL, SOURCE, TAGS, TIME, table_of

EXPORTED = (
    "battery",
    "cells",
    "charger",
    "meter",
    "event",
    "charging_session",
    "charging_phase",
    "charging_curve",
    *(measurement.name for measurement in HEALTH_MEASUREMENTS),
)
CLOSED_AFTER_S = 7 * 86_400.0  # where no spool says how old its data may become
_VALUES = 100_000  # of one window, where they are evenly spread
_BY_STORE = {"float": ColumnKind.FLOAT64, "boolean": ColumnKind.BOOL, "integer": ColumnKind.INT64}
_MADE_OF, _COUNTS = "store", "counts"
_HEADS = {TIME, CHANNEL, "code", *TAGS}  # of no measurement's fields


@dataclass(frozen=True, slots=True)
class Exporter:
    """A store that is asked, the dataset, and what says that."""

    tables: Tables
    address: str
    where: Where

    def export(self, day: str, now_ns: int, closed_after_s: float = CLOSED_AFTER_S) -> Iterator[Outcome]:
        """Yield what has become of each vehicle's day, as of `write`.

        closed_after_s: how long a gateway may keep points. Raises UsageError for a day to which more may
        come, DataError for one that the store has nothing of, UnavailableError.
        """
        try:
            start_ns = start_of(day)
        except ValueError as error:
            raise UsageError(f"{day!r} is no date", where="--day", hint="as 2026-03-28") from error
        closed_ns = start_ns + DAY_NS + int(closed_after_s * 1e9)
        if now_ns < closed_ns:
            what = "is not closed: gateways may still bring points of it"
            raise UsageError(what, where=f"--day {day}", hint=f"from {day_of(closed_ns + DAY_NS - 1)} on")
        vehicles = sorted({vehicle for measurement in EXPORTED for vehicle in self._vehicles(measurement)})
        counted = {vehicle: counts for vehicle in vehicles if (counts := self._counts(vehicle, start_ns))}
        if not counted:
            raise DataError(f"has nothing of {day}", where=self.address)
        for vehicle, counts in counted.items():
            try:
                yield self._partition(vehicle, day, start_ns, counts)
            except DataError as error:
                yield Outcome(vehicle, day, reason="failed", error=str(error))

    def _vehicles(self, measurement: str) -> list[str]:
        _, rows = self.tables.table(f"SHOW TAG VALUES FROM {quoted(measurement)} WITH KEY = vehicle")
        return [str(row[1]) for row in rows]

    def _counts(self, vehicle: str, start_ns: int) -> Counter[str]:
        """Count the day's values, by `MEASUREMENT.FIELD`."""
        found = Counter[str]()
        for measurement in EXPORTED:
            condition = _condition(vehicle, start_ns, start_ns + DAY_NS)
            columns, rows = self.tables.table(f"SELECT count(*) FROM {quoted(measurement)} WHERE {condition}")  # noqa: S608 - escaped
            for name, count in zip(columns, rows[0] if rows else (), strict=False):
                if name != TIME and count:
                    found[f"{measurement}.{name.removeprefix('count_')}"] = int(count)
        return found

    def _partition(self, vehicle: str, day: str, start_ns: int, counts: Counter[str]) -> Outcome:
        store, partition = open_store(self.where), partition_name(vehicle, day)
        made_of = {_MADE_OF: self.address, _COUNTS: fingerprint(counts), "version": __version__}
        with store.held(partition) as parts:
            known = read_marker(store, partition)
            if known is not None and _MADE_OF not in known.made_of:
                what, hint = "is made of recordings already", "name another dataset"
                raise DataError(what, where=f"{vehicle} {day}", hint=hint)
            if known is not None and known.made_of == made_of and store.are_there(known.sizes):
                return outcome_of(known)
            there = {name.partition(".")[0] for name in counts}
            stored = _Stored([self._spec(measurement) for measurement in EXPORTED if measurement in there])
            with closing(PartitionRows(stored, parts)) as rows:
                for number, spec in enumerate(stored.tables):
                    of_it = sum(many for name, many in counts.items() if name.startswith(f"{spec.name}."))
                    step_ns = DAY_NS // (1 + of_it // _VALUES) + 1
                    for first_ns in range(start_ns, start_ns + DAY_NS, step_ns):
                        within = _condition(vehicle, first_ns, min(first_ns + step_ns, start_ns + DAY_NS))
                        stored.add(number, self.tables.points(spec.name, within))
                        rows.write_groups()
                written = rows.finish()
            after = self._counts(vehicle, start_ns)
            if not stored.counts == counts == after:
                what = f"the store counts {after.total():,} values, and {stored.counts.total():,} came"
                raise DataError(what, where=f"{vehicle} {day}", hint="does a gateway still write there?")
            marker = put_partition(store, parts, written, Marker(vehicle, day, made_of), known)
            return outcome_of(marker, "new" if known is None else "changed")

    def _spec(self, measurement: str) -> TableSpec:
        """Return the table of a measurement: all columns of the data model, and what else there is."""
        table = table_of(MEASUREMENTS[measurement])
        known = {column.name for column in table.columns}
        _, keys = self.tables.table(f"SHOW FIELD KEYS FROM {quoted(measurement)}")
        more = (
            ColumnSpec(str(name), _BY_STORE.get(str(kind), ColumnKind.WORDS))
            for name, kind in keys
            if name not in known
        )
        return replace(table, columns=(*table.columns, *more))


class _Stored:
    """Rows of the store as columns: what `PartitionRows` takes them from."""

    def __init__(self, specs: list[TableSpec]) -> None:
        self._columns = Columns(Schema([]), specs)
        self.tables = specs
        self.counts = Counter[str]()

    def add(self, number: int, points: Iterator[dict[str, Any]]) -> None:
        spec = self.tables[number]
        fields = {each.name for each in spec.columns} - _HEADS
        for point in points:
            values = {**point, CHANNEL: point.get(SOURCE)}
            self.counts.update(f"{spec.name}.{name}" for name in fields & values.keys())
            row = [_value(column, values.get(column.name)) for column in spec.columns]
            self._columns.append_row(number, row)

    def take(self, at_least: int = 1) -> Iterator[Batches]:
        for table in self._columns.tables_of(at_least):
            yield self._columns.take(table)


def _value(column: ColumnSpec, value: Any) -> Any:
    """Return a value as its column has it: JSON writes 5.0 as 5."""
    if value is None:
        return None
    if column.kind is ColumnKind.FLOAT64:
        return float(value)
    return int(value) if column.kind is ColumnKind.INT64 else value


def _condition(vehicle: str, start_ns: int, stop_ns: int) -> str:
    return f"time >= {start_ns} AND time < {stop_ns} AND vehicle = {text_literal(vehicle)}"
