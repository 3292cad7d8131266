"""Which tables and columns a schema's rows go into.

Promises:
- One table a message, by the name that csv prints, and one a measurement of the data model. Messages of the
  same name on several buses share a table, in which `channel` and `id` separate them.
- A signal's column has the name that csv prints, and no two columns share one. Signals of one name that
  exclude one another share a column.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from telemetry_core.columns.spec import ColumnKind, ColumnSpec, TableSpec, common_kind, kind_of
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

from telemetry import __version__
from telemetry.model.fields import Field, Kind, Measurement
from telemetry.model.health import HEALTH_MEASUREMENTS
from telemetry.model.measurements import (
    BATTERY,
    CELLS,
    CHARGER,
    CHARGING_CURVE,
    CHARGING_PHASE,
    CHARGING_SESSION,
    EVENT,
    MEASUREMENTS,
    numbered_field,
    record_spec,
)
from telemetry.stages.output import LOG

TIME, CHANNEL, ID = "time", "channel", "id"
SOURCE = "source"  # what tells a row's channel: its tag set, since rows of an aggregate have no channel
TAGS = ("pack", "charger")  # that separate rows of the data model
_CODE = "code"  # likewise, of events
_TIME = ColumnSpec(TIME, ColumnKind.TIME)
_CHANNEL = ColumnSpec(CHANNEL, ColumnKind.WORDS, head=SOURCE)
_LOG = ColumnSpec(LOG, ColumnKind.WORDS, head=LOG)
_NOT_SCALED = (ColumnKind.WORDS, ColumnKind.BOOL)
_KINDS = {Kind.FLOAT: ColumnKind.FLOAT64, Kind.BOOL: ColumnKind.BOOL, Kind.TEXT: ColumnKind.WORDS}


def table_of(measurement: Measurement, cells: int | None = None) -> TableSpec:
    """Return the table of a measurement whose rows come one by one; a level is a whole number.

    cells: of the packs, for families of fields; None: these are left out.
    """
    tags = (tag for tag in (*TAGS, _CODE) if tag in measurement.tags)
    heads = (ColumnSpec(tag, ColumnKind.WORDS, head="" if tag == _CODE else tag) for tag in tags)
    fields = (
        ColumnSpec(name, ColumnKind.INT64 if name == "level" else _KINDS[each.kind], each.unit)
        for each in measurement.fields
        for name in _names(each, cells)
    )
    return TableSpec(measurement.name, (_TIME, _CHANNEL, *heads, *fields))


def _names(field: Field, cells: int | None) -> Iterable[str]:
    if not field.is_family:
        return (field.name,)
    if cells is None:
        return ()
    if field.name.endswith("NNN"):
        return (numbered_field(field.name[0], number + 1) for number in range(cells))
    return (
        field.name.replace("TEMP", f"{temperature}".replace("-", "m")).replace("SOC", f"{soc}")
        for temperature in range(-40, 120, 10)
        for soc in range(0, 100, 10)
    )


_PHASE = FieldSpec("phase", SlotKind.TEXT)  # of a charger whose charges are followed: it comes alone
# Of tables whose rows come one by one; they are the last of all.
ROW_TABLES = tuple(map(table_of, (CHARGING_SESSION, CHARGING_PHASE, CHARGING_CURVE, EVENT)))
ONE_BY_ONE = {table.name for table in ROW_TABLES} | {each.name for each in HEALTH_MEASUREMENTS}


def lay_out(
    specs: Sequence[RecordSpec],
    *,
    with_log: bool = False,
    taken: Iterable[str] = (),
    databases_sha256: str = "",
) -> tuple[TableSpec, ...]:
    """Return the tables of all records that are written, in their order, and after them ROW_TABLES.

    Where packs have rows, the tables of their health stand before that of events.

    - with_log: a column before the signals says which log a row is of
    - taken: names that no signal's column may have
    - databases_sha256: of what describes the rows, for the tables' metadata
    """
    said = (("databases_sha256", databases_sha256),) if databases_sha256 else ()
    metadata = (*said, ("version", __version__))
    log = (_LOG,) if with_log else ()
    modelled = {spec.measurement for spec in specs if spec.modelled}
    if modelled:
        modelled.add(CHARGER.name)  # no record need have it: a phase comes alone
    modelled |= ONE_BY_ONE
    tables: dict[str, _Table] = {}
    for record, spec in enumerate(specs):
        if spec.hidden:
            continue
        name = spec.message_name
        if name in modelled:
            name = spec.measurement  # of a message `battery`: can_battery
        tables.setdefault(name, _Table(name, (*_head(spec), *log), taken)).add(record, spec)
    if CHARGER.name in modelled:
        head = (*_head(record_spec(CHARGER)), *log)
        tables.setdefault(CHARGER.name, _Table(CHARGER.name, head, taken)).column(_PHASE, is_raw=False)
    row_tables = [*ROW_TABLES]
    if BATTERY.name in modelled:
        cells = next((spec.fields for spec in specs if spec.modelled and spec.measurement == CELLS.name), ())
        count = sum(field.name.startswith("v") for field in cells)
        row_tables[-1:-1] = (table_of(each, count) for each in HEALTH_MEASUREMENTS)
    laid_out = (*(table.spec() for table in tables.values()), *(_with(log, table) for table in row_tables))
    return tuple(replace(table, metadata=metadata) for table in laid_out)


def _with(log: Sequence[ColumnSpec], table: TableSpec) -> TableSpec:
    heads = 2 + len(TAGS)
    return replace(table, columns=(*table.columns[:heads], *log, *table.columns[heads:]))


class _Table:
    """A table while records are added to it."""

    def __init__(self, name: str, head: Iterable[ColumnSpec], taken: Iterable[str]) -> None:
        self._name = name
        self._columns = {column.name: column for column in head}
        self._taken = frozenset((*self._columns, *taken))
        self._owners: dict[str, tuple[str, bool]] = {}  # by column: its signal, and whether it holds words
        self._records: list[tuple[int, tuple[int, ...]]] = []

    def add(self, record: int, spec: RecordSpec) -> None:
        of_fields = (self.column(field, is_raw=not spec.modelled) for field in spec.fields)
        self._records.append((record, tuple(of_fields)))

    def spec(self) -> TableSpec:
        return TableSpec(self._name, tuple(self._columns.values()), tuple(self._records))

    def column(self, field: FieldSpec, *, is_raw: bool) -> int:
        """Return the index of the field's column, which is there from now on; -1: it is never written.

        is_raw: its factor is that of a database.
        """
        if field.kind is SlotKind.WORD and not field.texts:
            return -1
        kind = kind_of(field)
        name = field.signal_name
        owner = (name, kind is ColumnKind.WORDS)
        while name in self._taken:
            name += "_signal"
        while self._owners.setdefault(name, owner) != owner:
            name += "_text" if kind is ColumnKind.WORDS else "_signal"
        is_scaled = is_raw and kind not in _NOT_SCALED
        factor, offset = (field.factor, field.offset) if is_scaled else (None, None)
        new = ColumnSpec(name, kind, field.unit, "", factor, offset, field.comment)
        column = self._columns.setdefault(name, new)
        if (column.factor, column.offset) != (factor, offset):
            column = replace(column, factor=None, offset=None)
        self._columns[name] = replace(column, kind=common_kind(column.kind, kind))
        return list(self._columns).index(name)


def _head(spec: RecordSpec) -> Iterator[ColumnSpec]:
    yield _TIME
    yield _CHANNEL
    if not spec.modelled:
        yield ColumnSpec(ID, ColumnKind.ID)
        return
    measurement = MEASUREMENTS.get(spec.measurement)
    for tag in TAGS:
        if measurement is not None and tag in measurement.tags:
            yield ColumnSpec(tag, ColumnKind.WORDS, head=tag)
