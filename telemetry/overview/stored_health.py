"""Battery health out of an InfluxDB: rows of the data model as points again.

Promises: numbers are floats, whatever the server writes of them. A name that a database of records has given
a cell (`last_r001`) is that of the cell.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from telemetry.charging.items import Point
from telemetry.clock import Clock
from telemetry.decode.target import sink_settings
from telemetry.health.found import FoundPack, packs
from telemetry.model.health import HEALTH_MEASUREMENTS
from telemetry.sinks.influxql import text_literal
from telemetry.sinks.settings import Tables


def stored_health(
    config: Path | None, options: Mapping[str, str | bool], since_ns: int | None, **tags: str | None
) -> tuple[str, list[FoundPack]]:
    """Return the address of the database of a configuration, or of options, and the packs in it.

    since_ns: what began then or later; tags: `vehicle` and `pack` that are wanted alone.
    """
    settings = sink_settings(config, options, os.environ)
    conditions = [] if since_ns is None else [f"time >= {since_ns}"]
    conditions += [f"{name} = {text_literal(value)}" for name, value in tags.items() if value]
    with contextlib.closing(settings.make_tables(Clock())) as tables:
        found = packs(_points(tables, " AND ".join(conditions)))
        for each in found:
            of = f"vehicle = {text_literal(each.vehicle)} AND pack = {text_literal(each.pack)}"
            what = f"last(soh_pct) FROM battery WHERE {of}"
            _, rows = tables.table("SELECT " + what)
            each.reported_soh_pct = float(rows[0][1]) if rows else None
        return settings.address, found


def _points(tables: Tables, condition: str) -> Iterator[Point]:
    for measurement in HEALTH_MEASUREMENTS:
        for row in tables.points(measurement.name, condition):
            time_ns = int(row.pop("time"))
            tags = {name: str(row.pop(name, "")) for name in measurement.tags}
            fields = {
                name.removeprefix("last_"): value if isinstance(value, bool | str) else float(value)
                for name, value in row.items()
            }
            yield Point(measurement.name, tags, fields, time_ns)
