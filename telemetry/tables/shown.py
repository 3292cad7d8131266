"""Tables as people see them: as HTML in a notebook, and in a line. Needs no NumPy.

Promises: whatever a name or a text of a bus is, it stays text. A page is small, however large a table is.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from telemetry_core.columns.batches import Batches
from telemetry_core.columns.spec import ColumnKind, ColumnSpec

from telemetry.charging.report.escape import escaped
from telemetry.tables.layout import TIME

_ENDS = 5  # rows of each end
_COLUMNS = 20
_NAMED = 6  # signals of a table in a list
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEFT, _RIGHT = ("text-align:left;white-space:nowrap", "text-align:right")
_TEXTS = (ColumnKind.TIME, ColumnKind.WORDS)
_GAP = "…"


class Listed:
    """A table in short: its rows, its signals and their units, its time. `str()` is all of it."""

    def __init__(self, batches: Batches) -> None:
        columns = batches.spec.columns
        heads = sum(
            column.kind in (ColumnKind.TIME, ColumnKind.ID) or bool(column.head) for column in columns
        )
        signals = columns[heads:]
        self.rows = f"{len(batches):,}"
        more = [f"{_GAP} ({len(signals)})"] if len(signals) > _NAMED else []
        self.signals = ", ".join([f"{each.name} {each.unit}".strip() for each in signals[:_NAMED]] + more)
        times = [index for index, column in enumerate(columns) if column.name == TIME]
        extent = batches.extent(times[0]) if times else None
        self.first, self.last = map(_time, extent) if extent else ("", "")
        self.span = f"{(extent[1] - extent[0]) / 1e9:,.3f}" if extent else ""

    def __str__(self) -> str:
        span = f", {self.span} s from {self.first} UTC" if self.first else ""
        return f"{self.rows} row{'s' * (self.rows != '1')} of {self.signals}{span}"


def page_of(batches: Batches) -> str:
    """Return the first and the last rows of a table as HTML."""
    columns, rows = batches.spec.columns, len(batches)
    shown: list[int | None] = [*range(len(columns))]
    if len(columns) > _COLUMNS:
        shown[_COLUMNS // 2 : -_COLUMNS // 2] = [None]
    numbers: list[int | None] = (
        [*range(rows)] if rows <= 2 * _ENDS else [*range(_ENDS), None, *range(rows - _ENDS, rows)]
    )
    head = "".join(_head(None if index is None else columns[index]) for index in shown)
    lines = [f"<tr>{''.join(_cells(batches, row, shown))}</tr>" for row in numbers]
    title = f"{batches.spec.name}: {rows:,} row{'s' * (rows != 1)}, {len(columns)} columns"
    return _table(title, head, lines)


def page_of_all(tables: Iterable[Batches]) -> str:
    """Return a list of tables as HTML."""
    words = ("table", "rows", "signals", "from (UTC)", "to (UTC)", "s")
    styles = (_LEFT, _RIGHT, "text-align:left", _LEFT, _LEFT, _RIGHT)
    head = "".join(f'<th style="{style}">{word}</th>' for word, style in zip(words, styles, strict=True))
    lines = []
    for batches in tables:
        short = Listed(batches)
        cells = (batches.spec.name, short.rows, short.signals, short.first, short.last, short.span)
        lines.append(f"<tr>{''.join(map(_cell, cells, styles))}</tr>")
    return _table(f"{len(lines)} table{'s' * (len(lines) != 1)}", head, lines)


def _table(title: str, head: str, lines: Iterable[str]) -> str:
    return (
        f'<div style="overflow-x:auto"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table><p>{escaped(title)}</p></div>"
    )


def _head(column: ColumnSpec | None) -> str:
    if column is None:
        return f"<th>{_GAP}</th>"
    unit = "UTC" if column.kind is ColumnKind.TIME else column.unit
    name = f"{escaped(column.name)}<br><small>{escaped(unit) or '&nbsp;'}</small>"
    return f'<th style="{_LEFT if column.kind in _TEXTS else _RIGHT}">{name}</th>'


def _cells(batches: Batches, row: int | None, shown: Iterable[int | None]) -> Iterator[str]:
    values = () if row is None else batches.row(row)
    for index in shown:
        kind = ColumnKind.INT64 if index is None else batches.spec.columns[index].kind
        text = _text(kind, values[index]) if values and index is not None else _GAP
        yield _cell(text, _LEFT if kind in _TEXTS else _RIGHT)


def _text(kind: ColumnKind, value: float | str | None) -> str:
    if value is None:
        return ""
    if kind is ColumnKind.TIME:
        return _time(int(value))
    if kind is ColumnKind.ID:
        return f"0x{value:03X}"
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def _cell(text: str, style: str) -> str:
    return f'<td style="{style}">{escaped(text)}</td>'


def _time(time_ns: int) -> str:
    """Return a stamp with its digits of ms, and those of us or ns where it has some."""
    whole, rest_ns = divmod(time_ns, 10**9)
    digits = f"{rest_ns:09d}"
    while len(digits) > 3 and digits.endswith("000"):
        digits = digits[:-3]
    return f"{_EPOCH + timedelta(seconds=whole):%Y-%m-%d %H:%M:%S}.{digits}"
