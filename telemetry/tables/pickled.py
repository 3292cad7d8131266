"""Tables as streams of Arrow's IPC format and back, for pickle: between processes, and into files.

Promises: what comes back is equal: columns, units, values, which of them are absent, and the words of each
column with their codes. Relies on pyarrow and NumPy, which are imported when they are needed.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from telemetry_core.columns.batches import Batches, batches_of
from telemetry_core.columns.spec import ColumnKind, TableSpec

from telemetry.tables.packages import require

_WHAT = "a pickled table"


def as_stream(table: Any, spec: TableSpec) -> tuple[TableSpec, bytes]:
    """Return what `from_stream` takes, of anything that has Arrow's interface. Raises MissingPackageError."""
    arrow: Any = require("pyarrow", _WHAT)
    content = arrow.BufferOutputStream()
    rows = arrow.table(table)
    with arrow.ipc.new_stream(content, rows.schema) as stream:
        stream.write_table(rows)
    return replace(spec, records=()), content.getvalue().to_pybytes()


def from_stream(spec: TableSpec, content: bytes) -> Batches:
    """Return the rows again. Raises MissingPackageError."""
    arrow: Any = require("pyarrow", _WHAT)
    require("numpy", _WHAT)
    rows = arrow.ipc.open_stream(content).read_all()
    return batches_of(spec, len(rows), _columns(arrow, spec, rows))


def _columns(arrow: Any, spec: TableSpec, rows: Any) -> Iterator[tuple[tuple[str, ...] | None, Any, Any]]:
    for column, chunked in zip(spec.columns, rows.columns, strict=True):
        values, texts = chunked.combine_chunks(), None
        if column.kind is ColumnKind.WORDS:
            values, texts = values.indices, tuple(values.dictionary.to_pylist())
        elif column.kind is ColumnKind.TIME:
            values = values.view(arrow.int64())
        absent = values.is_null().to_numpy(zero_copy_only=False)
        present = values.fill_null(False if column.kind is ColumnKind.BOOL else 0)
        yield texts, present.to_numpy(zero_copy_only=False).view("uint8"), absent.view("uint8")
