"""All signals of a recording in one table, whose rows are instants.

Promises:
- An instant holds the last value that came after the instant before it; with `hold` the last value at or
  before it. Nothing is interpolated, so flags, counters and words stay what they are.
- A raster is made of the multiples of its step since 1970. It begins with the first one at or after the
  first stamp, and ends with the first one at or after the last stamp: each value lies in one step.
- A column is a signal of one sender on one channel: SIGNAL, or MESSAGE.SIGNAL where several messages have it,
  and in brackets what tells it from others: channel, id, pack, charger, log.
- Memory is at most twice that of the result, and the stamps. A result above 4 GiB is refused.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

from telemetry_core.columns.batches import Batches, batches_of
from telemetry_core.columns.spec import ColumnKind, ColumnSpec, TableSpec

from telemetry.errors import DataError, UsageError
from telemetry.tables.arrays import copied
from telemetry.tables.layout import TIME
from telemetry.tables.packages import require

_UNITS_NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9}
_STEP = re.compile(rf"\s*([0-9]+(?:\.[0-9]+)?)\s*({'|'.join(_UNITS_NS)})\s*")
_MOST_VALUES = 2**29  # of 8 bytes
_MOST_NS = 2**63 - 1


@dataclass(slots=True)
class _Series:
    """Rows of one sender on one channel, by their stamps; ends: how many lie up to each instant."""

    tag: str
    rows: Any
    times: Any
    ends: Any = None


@dataclass(frozen=True, slots=True)
class _Source:
    """A table: its series, and the indexes of the columns that are signals."""

    batches: Batches
    series: Sequence[_Series]
    signals: Sequence[int]

    def columns(self) -> Iterator[tuple[ColumnSpec, int, _Series]]:
        """Yield the columns that it gives: a series of a signal each."""
        for index in self.signals:
            for one in self.series:
                yield self.batches.spec.columns[index], index, one


def widen(tables: Iterable[Batches], every: str | timedelta | None, *, hold: bool) -> Batches:
    """Return one table of all signals; every: the step of its raster, None: an instant for each stamp.

    Raises UsageError for a step that is none, DataError for a result that is too large.
    """
    np: Any = require("numpy", "a wide table")
    step_ns = None if every is None else _step_ns(every)
    sources = [_source(np, batches) for batches in tables if len(batches)]
    columns = [ColumnSpec(TIME, ColumnKind.TIME)]
    columns += [replace(spec, name=name) for name, spec in _named(sources)]
    series = [one for source in sources for one in source.series]
    instants = _instants(np, [one.times for one in series], step_ns, len(columns))
    for one in series:
        one.ends = np.searchsorted(one.times, instants, side="right")
    filled = _filled(np, instants, sources, hold=hold)
    return batches_of(TableSpec("wide", tuple(columns)), len(instants), filled)


def _step_ns(every: object) -> int:
    if isinstance(every, timedelta):
        step_ns = every // timedelta(microseconds=1) * 1000
    else:
        found = _STEP.fullmatch(every) if isinstance(every, str) else None
        if found is None:
            hint = 'as "100ms"; units are ' + ", ".join(_UNITS_NS)
            raise UsageError(f"{every!r} is no time with its unit", where="every", hint=hint)
        step_ns = int(Fraction(found[1]) * _UNITS_NS[found[2]])
    if not 0 < step_ns <= _MOST_NS:
        raise UsageError(f"{every!r} is no step", where="every", hint='as "100ms"')
    return step_ns


def _source(np: Any, batches: Batches) -> _Source:
    signals = [
        index
        for index, column in enumerate(batches.spec.columns)
        if not _is_key(column) and column.kind is not ColumnKind.TIME
    ]
    return _Source(batches, sorted(_series(np, batches), key=lambda one: one.tag), signals)


def _is_key(column: ColumnSpec) -> bool:
    """Return whether it separates series of one signal."""
    return bool(column.head) or column.kind is ColumnKind.ID


def _series(np: Any, batches: Batches) -> Iterator[_Series]:
    """Yield the series of a table, by the keys that tell them apart."""
    columns = batches.spec.columns
    times = copied(np, batches, columns.index(ColumnSpec(TIME, ColumnKind.TIME)))[0].view("int64")
    groups, tags = np.zeros(len(times), "int64"), [""]
    for index in (at for at, column in enumerate(columns) if _is_key(column)):
        values, absent = copied(np, batches, index)
        values = np.where(absent, -1, values.astype("int64"))
        if (values == values[0]).all():
            continue
        is_id = columns[index].kind is ColumnKind.ID
        texts = () if is_id else batches.texts(index)
        found, place = np.unique(values, return_inverse=True)
        words = [
            f" {value:03X}" if is_id else f" {texts[value]}" if value >= 0 else "" for value in found.tolist()
        ]
        # Numbered again each time: so many as there are rows at most, whatever the keys.
        pairs, groups = np.unique(groups * len(found) + place, return_inverse=True)
        tags = [tags[pair // len(found)] + words[pair % len(found)] for pair in pairs.tolist()]
    order = np.lexsort((times, groups)) if len(tags) > 1 or (times[1:] < times[:-1]).any() else None
    ends = np.cumsum(np.bincount(groups, minlength=len(tags))).tolist()
    for tag, first, end in zip(tags, [0, *ends], ends, strict=False):
        rows = slice(first, end) if order is None else order[first:end]
        yield _Series(tag.strip(), rows, times[rows])


def _instants(np: Any, times: Sequence[Any], step_ns: int | None, width: int) -> Any:
    """Return the stamps of the rows. Raises DataError where rows of `width` values would be too many."""
    if not times:
        return np.zeros(0, "int64")
    if step_ns is None:
        instants = np.unique(np.concatenate(times))
        count, what = len(instants), "a row for each stamp"
    else:
        first, last = min(int(each[0]) for each in times), max(int(each[-1]) for each in times)
        begin, end = -(-first // step_ns), -(-last // step_ns)
        count, what = end - begin + 1, f"from {np.datetime64(first, 'ns')} to {np.datetime64(last, 'ns')}"
    if count * width > _MOST_VALUES or (step_ns and end * step_ns > _MOST_NS):
        raise DataError(
            f"{what} is {count:,} rows of {width:,} columns, more than {_MOST_VALUES:,} values",
            where="wide",
            hint="take a longer `every`, or read fewer signals or less time",
        )
    return instants if step_ns is None else np.arange(begin, end + 1, dtype="int64") * step_ns


def _named(sources: Sequence[_Source]) -> Iterator[tuple[str, ColumnSpec]]:
    """Yield the name of each column, no two alike."""
    names = [[source.batches.spec.columns[index].name for index in source.signals] for source in sources]
    owners = Counter(name for each in names for name in each)
    taken = {TIME}
    for source in sources:
        for spec, _, one in source.columns():
            name = spec.name if owners[spec.name] == 1 else f"{source.batches.spec.name}.{spec.name}"
            name += f" ({one.tag})" if one.tag else ""
            while name in taken:
                name += "_"
            taken.add(name)
            yield name, spec


def _filled(
    np: Any, instants: Any, sources: Sequence[_Source], *, hold: bool
) -> Iterator[tuple[tuple[str, ...] | None, Any, Any]]:
    """Yield the columns as `batches_of` wants them."""
    yield None, instants.view("uint8"), np.zeros(len(instants), "uint8")
    for source in sources:
        before = -1
        for spec, index, one in source.columns():
            if index != before:
                column, before = copied(np, source.batches, index), index
            values, absent = (each[one.rows] for each in column)
            ends, at = one.ends, one.ends - 1
            if absent.any():
                present = np.flatnonzero(~absent)
                ends = np.searchsorted(present, ends)
                values, at = values[present] if len(present) else values, ends - 1
            begins = 0 if hold else np.concatenate(([0], ends[:-1]))
            texts = source.batches.texts(index) if spec.kind is ColumnKind.WORDS else None
            yield texts, values[np.maximum(at, 0)].view("uint8"), (ends <= begins).view("uint8")
