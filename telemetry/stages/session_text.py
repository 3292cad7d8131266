"""Rows of charging sessions as csv and ndjson, in the forms in which the encoder writes rows of messages."""

import io
import json
from collections.abc import Iterator, Mapping

from telemetry_core.rows.schema import guarded

from telemetry.charging.items import Point
from telemetry.charging.rows import rfc3339
from telemetry.stages.formats import OutputFormat, TextSettings, TimeForm

_KEYS = {TimeForm.NS: "time_ns", TimeForm.ISO: "time", TimeForm.RELATIVE: "time_s"}


def lines_of(
    point: Point,
    channel: str,
    owner: Mapping[str, str],
    settings: TextSettings,
    form: TimeForm,
    origin_ns: int,
) -> Iterator[bytes]:
    """Yield the lines of `point`, without newlines.

    owner: what stands in the last columns, by name; origin_ns: where relative times begin.
    """
    time = _time(point.time_ns, form, origin_ns)
    known = {name: value for name, value in point.fields.items() if value != ""}
    if settings.form is OutputFormat.NDJSON:
        row = {"channel": channel, "id": "", "message": point.measurement, **owner, "signals": known}
        stamp = f'"{time}"' if form is TimeForm.ISO else time
        words = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        yield f'{{"{_KEYS[form]}":{stamp},{words[1:]}'.encode("utf-8", "replace")
        return
    cell = str if settings.raw_text else guarded
    for name, value in known.items():
        text = cell(value) if isinstance(value, str) else _number(value)
        yield _csv(time, cell(channel), "", point.measurement, name, text, *map(cell, owner.values()))


def _time(time_ns: int, form: TimeForm, origin_ns: int) -> str:
    if form is TimeForm.ISO:
        return rfc3339(time_ns)
    if form is TimeForm.NS:
        return str(time_ns)
    since_ns = time_ns - origin_ns
    seconds, ns = divmod(abs(since_ns), 1_000_000_000)
    return f"{'-' * (since_ns < 0)}{seconds}.{ns:09d}".rstrip("0").removesuffix(".")


def _number(value: float | bool) -> str:
    """Return it as in rows of messages: flags are 0 and 1, whole numbers have no point."""
    return f"{value:d}" if isinstance(value, bool) else repr(value).removesuffix(".0")


def _csv(*columns: str) -> bytes:
    import csv  # the service writes line protocol alone

    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(columns)
    return out.getvalue().encode("utf-8", "replace")
