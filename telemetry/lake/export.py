"""A day out of InfluxDB into a dataset, once nothing more can come to it.

Promises:
- Each vehicle's rows of the data model make a partition, with the tables and columns that recordings have.
- What is written is what the store counts, value by value, before and after. Otherwise nothing is replaced.
- Memory is bounded: some 100,000 values at a time, where they are evenly spread over the day.
- A day that is there already, with the same counts, is skipped. One made of recordings is left alone.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
from telemetry.model.fields import Kind
from telemetry.model.measurements import MEASUREMENTS
from telemetry.sinks.influxql import quoted, text_literal
from telemetry.sinks.settings import Tables
from telemetry.tables.layout import CHANNEL, SOURCE, TAGS, TIME

EXPORTED = (
    "battery",
    "cells",
    "charger",
    "meter",
    "event",
    "charging_session",
    "charging_phase",
    "charging_curve",
)
CLOSED_AFTER_S = 7 * 86_400.0  # where no spool says how old its data may become
_VALUES = 100_000  # of one window, where they are evenly spread
_KINDS = {Kind.FLOAT: ColumnKind.FLOAT64, Kind.BOOL: ColumnKind.BOOL, Kind.TEXT: ColumnKind.WORDS}
_BY_STORE = {"float": ColumnKind.FLOAT64, "boolean": ColumnKind.BOOL, "integer": ColumnKind.INT64}
_INT_OF = {("event", "level")}  # which decode knows as whole
_MADE_OF, _COUNTS = "store", "counts"


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
        found = False
        for vehicle in vehicles:
            counts = self._counts(vehicle, start_ns)
            if counts.total():
                found = True
                try:
                    yield self._partition(vehicle, day, start_ns, counts)
                except DataError as error:
                    yield Outcome(vehicle, day, reason="failed", error=str(error))
        if not found:
            raise DataError(f"has nothing of {day}", where=self.address)

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
        made_of = {
            _MADE_OF: self.address,
            _COUNTS: fingerprint(dict(counts)),
            "version": __version__,
        }
        with store.held(partition) as parts:
            known = read_marker(store, partition)
            if known is not None and _MADE_OF not in known.made_of:
                raise DataError(
                    "is made of recordings already", where=f"{vehicle} {day}", hint="name another dataset"
                )
            if known is not None and known.made_of == made_of:
                return outcome_of(known)
            specs = [self._spec(measurement, counts) for measurement in EXPORTED]
            stored = _Stored([spec for spec in specs if spec is not None])
            rows = PartitionRows(stored, parts)
            try:
                for number, spec in enumerate(stored.tables):
                    of_it = sum(many for name, many in counts.items() if name.startswith(f"{spec.name}."))
                    step_ns = DAY_NS // (1 + of_it // _VALUES) + 1
                    for first_ns in range(start_ns, start_ns + DAY_NS, step_ns):
                        within = _condition(vehicle, first_ns, min(first_ns + step_ns, start_ns + DAY_NS))
                        stored.add(number, self.tables.points(spec.name, within))
                        rows.write_groups()
                written = rows.finish()
            finally:
                rows.close()
            after = self._counts(vehicle, start_ns)
            if not stored.counts == counts == after:
                what = f"the store counts {after.total():,} values, and {stored.counts.total():,} came"
                raise DataError(what, where=f"{vehicle} {day}", hint="does a gateway still write there?")
            marker = put_partition(store, parts, written, Marker(vehicle, day, made_of), known)
            return outcome_of(marker, "new" if known is None else "changed")

    def _spec(self, measurement: str, counts: Mapping[str, int]) -> TableSpec | None:
        """Return the table of a measurement: all columns of the data model, and what else there is."""
        known = MEASUREMENTS[measurement]
        _, keys = self.tables.table(f"SHOW FIELD KEYS FROM {quoted(measurement)}")
        there = {str(name): _BY_STORE.get(str(kind), ColumnKind.WORDS) for name, kind in keys}
        fields = {field.name: _KINDS[field.kind] for field in known.fields if "NNN" not in field.name}
        fields |= {name: kind for name, kind in there.items() if name not in fields}
        kinds = {
            name: ColumnKind.INT64 if (measurement, name) in _INT_OF else kind
            for name, kind in fields.items()
        }
        units = {field.name: field.unit for field in known.fields}
        if not any(name.startswith(f"{measurement}.") for name in counts):
            return None
        tags = [tag for tag in (*TAGS, "code") if tag in known.tags]
        head = [ColumnSpec(TIME, ColumnKind.TIME), ColumnSpec(CHANNEL, ColumnKind.WORDS)]
        head += [ColumnSpec(tag, ColumnKind.WORDS) for tag in tags]
        return TableSpec(
            measurement, (*head, *(ColumnSpec(name, kinds[name], units.get(name, "")) for name in kinds))
        )


class _Stored:
    """Rows of the store as columns: what `PartitionRows` takes them from."""

    def __init__(self, specs: list[TableSpec]) -> None:
        self._columns = Columns(Schema([]), specs)
        self.tables = specs
        self.counts = Counter[str]()

    def add(self, number: int, points: Iterator[dict[str, Any]]) -> None:
        spec = self.tables[number]
        heads = {TIME, CHANNEL, "code", *TAGS}
        for point in points:
            values = {**point, CHANNEL: point.get(SOURCE)}
            self.counts.update(
                f"{spec.name}.{column.name}"
                for column in spec.columns
                if column.name not in heads and column.name in values
            )
            self._columns.append_row(
                number, [_value(column, values.get(column.name)) for column in spec.columns]
            )

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
