"""Rows of charging sessions as csv and ndjson, in the forms in which the encoder writes rows of messages."""

import io
import json
from collections.abc import Iterator

from telemetry.charging.rows import Point, rfc3339
from telemetry.stages.formats import OutputFormat, TimeForm

_KEYS = {TimeForm.NS: "time_ns", TimeForm.ISO: "time", TimeForm.RELATIVE: "time_s"}


def lines_of(
    point: Point, channel: str, output: OutputFormat, form: TimeForm, origin_ns: int
) -> Iterator[bytes]:
    """Yield the lines of `point`, without newlines; origin_ns: where relative times begin."""
    time = _time(point.time_ns, form, origin_ns)
    known = {name: value for name, value in point.fields.items() if value != ""}
    if output is OutputFormat.NDJSON:
        row = {"channel": channel, "id": "", "message": point.measurement, "signals": known}
        stamp = f'"{time}"' if form is TimeForm.ISO else time
        words = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        yield f'{{"{_KEYS[form]}":{stamp},{words[1:]}'.encode("utf-8", "replace")
        return
    for name, value in known.items():
        yield _csv(time, channel, "", point.measurement, name, _text(value))


def _time(time_ns: int, form: TimeForm, origin_ns: int) -> str:
    if form is TimeForm.ISO:
        return rfc3339(time_ns)
    if form is TimeForm.NS:
        return str(time_ns)
    since_ns = time_ns - origin_ns
    seconds, ns = divmod(abs(since_ns), 1_000_000_000)
    return f"{'-' * (since_ns < 0)}{seconds}.{ns:09d}".rstrip("0").removesuffix(".")


def _text(value: float | bool | str) -> str:
    """Flags are 0 and 1, whole numbers have no point, as in rows of messages."""
    if isinstance(value, str):
        return value
    return f"{value:d}" if isinstance(value, bool) else repr(value).removesuffix(".0")


def _csv(*columns: str) -> bytes:
    import csv  # the service writes line protocol alone

    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(columns)
    return out.getvalue().encode("utf-8", "replace")
