"""Tables and csv of one decode as the same values, to compare them."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import telemetry
from telemetry.__main__ import main
from telemetry.model.event_codes import EVENT_CODES

Value = tuple[int, str, str, str, float | str]  # time_ns, channel, message, signal, value
HEADS = ("time", "channel", "id", "pack", "charger")
MODELLED_TEXTS = ("phase", "text")  # which csv leaves out


def csv_values(output: Path, *arguments: str) -> Counter[Value]:
    """Count the values that `decode --format csv` writes."""
    assert main(["decode", "--format", "csv", "-o", str(output), *arguments]) == 0
    rows = csv.DictReader(io.StringIO(output.read_text("utf-8")))
    return Counter(
        (int(row["time_ns"]), row["channel"], row["message"], row["signal"], _value(row["value"]))
        for row in rows
    )


def table_values(tables: telemetry.Tables, leave_out: Sequence[str] = MODELLED_TEXTS) -> Counter[Value]:
    """Count the same values in tables, without the columns of the names in `leave_out`."""
    return Counter(value for table in tables.values() for value in _values(table, leave_out))


def _values(table: telemetry.Table, leave_out: Sequence[str]) -> Iterator[Value]:
    times = table.column("time").astype("int64").tolist()
    channels = table.column("channel").tolist()
    for name in table.columns:
        if name in HEADS or name in leave_out:
            continue
        for time, channel, value in zip(times, channels, table.column(name).tolist(), strict=True):
            if value is not None and value == value:
                yield time, channel, table.name, name, plain(table.name, name, value)


def plain(table: str, name: str, value: Any) -> float | str:
    if (table, name) == ("event", "code"):
        return float(EVENT_CODES[value].number)
    return _value(value) if isinstance(value, str) else float(value)  # csv has digits alone


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
