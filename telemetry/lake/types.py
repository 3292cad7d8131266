"""The types of columns, which are one in all partitions of a dataset."""

import shlex
from collections.abc import Container, Iterable, Mapping
from typing import Any

from telemetry.errors import UsageError
from telemetry.lake.marker import Marker
from telemetry.lake.what import What, sink
from telemetry.tables.packages import require
from telemetry.tables.table import Table

_MOST_NAMED = 3  # partitions
Types = Mapping[str, Mapping[str, str]]  # by table and column


def types_of(what: What) -> Types:
    """Return the types of all columns that rows of these recordings may have."""
    arrow: Any = require("pyarrow", "a dataset")
    rows = sink()
    what.described("").make_stages(rows)
    return {
        batches.spec.name: {each.name: str(each.type) for each in arrow.table(Table(batches)).schema}
        for batches in rows.take(0)
    }


def require_types(
    where: str, markers: Iterable[Marker], types: Types, planned: Container[tuple[str, str]]
) -> None:
    """Raise UsageError where a partition that is not made again has a column of another type.

    planned: vehicles and days that are.
    """
    others: dict[tuple[str, str, str, str], list[Marker]] = {}
    for marker in markers:
        if (marker.vehicle, marker.day) in planned:
            continue
        for output in marker.outputs.values():
            now = types.get(output.table, {})
            for column, then in output.types.items():
                if now.get(column, then) != then:
                    others.setdefault((output.table, column, then, now[column]), []).append(marker)
    for (table, column, before, after), found in others.items():
        named = ", ".join(f"{each.vehicle} {each.day}" for each in found[:_MOST_NAMED])
        more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        paths = dict.fromkeys(each.path for marker in found for each in marker.inputs)
        again = f"nev-telemetry decode {shlex.join(paths)} --format dataset -o {shlex.quote(where)}"
        raise UsageError(
            f"{table}.{column} is {after} by these databases, and {before} in {named}{more}",
            where=where,
            hint=f"make those again, with the options of this command: {again}",
        )
