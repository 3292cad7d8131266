"""A list of signals as text: a table for people, csv and JSON for programs."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict

from telemetry_core.rows.schema import guarded

from telemetry.overview.signals import ListedMessage, ListedSignal

COLUMNS = (
    "message",
    "id",
    "signal",
    "unit",
    "minimum",
    "maximum",
    "values",
    "lowest",
    "highest",
    "last",
    "channel",
)
_NUMBERS = ("lowest", "highest", "last")
_GAP = "  "
_WORDS_SHOWN = 4


def as_csv(messages: Sequence[ListedMessage], *, raw_text: bool = False) -> str:
    """Return a row a signal, with COLUMNS in the header; what a log holds only where one was read.

    raw_text: also texts that a spreadsheet takes for formulas are as they are.
    """
    cell = str if raw_text else guarded
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    with_log = any(message.rows is not None for message in messages)
    writer.writerow(COLUMNS if with_log else COLUMNS[:6])
    for message in messages:
        for signal in message.signals:
            row = [cell(message.name), message.id, cell(signal.name), cell(signal.unit)]
            row += [_number(signal.minimum), _number(signal.maximum)]
            if signal.seen is not None:
                row += [str(signal.seen.values), signal.seen.lowest, signal.seen.highest, signal.seen.last]
                row.append(cell(message.channel))
            writer.writerow(row)
    return text.getvalue()


def as_json(messages: Sequence[ListedMessage]) -> str:
    """Return a list of messages with their signals; a number of a log is a number, as `decode` writes it."""
    return "[" + ",\n ".join(_object(message) for message in messages) + "]\n"


def as_table(messages: Sequence[ListedMessage], *, with_log: bool) -> str:
    """Return columns that are aligned over all messages, each message under a line of its own."""
    head = ["signal", "unit", "range"] + ["values", "lowest", "highest", "last"] * with_log
    rows = [(message, signal, _cells(signal)) for message in messages for signal in message.signals]
    widths = [max(map(len, column)) for column in zip(head, *(cells for _, _, cells in rows), strict=True)]
    lines = [_line(head, widths)]
    channels = {message.channel for message in messages if message.channel}
    before: ListedMessage | None = None
    for message, signal, cells in rows:
        if message is not before:
            lines += ["", _title(message, with_channel=len(channels) > 1)]
            before = message
        words = _words(signal)
        lines.append(_line(cells, widths) + (f"{_GAP}{words}" if words else ""))
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _object(message: ListedMessage) -> str:
    signals = []
    for signal in message.signals:
        one = asdict(signal) | {"words": {str(raw): word for raw, word in signal.words}}
        if signal.seen is None:
            del one["seen"]
        else:
            one["seen"] = {
                key: None if value == "" else json.loads(value) if key in _NUMBERS else value
                for key, value in asdict(signal.seen).items()
            }
        signals.append(one)
    return json.dumps({**asdict(message), "signals": signals}, ensure_ascii=False)


def _title(message: ListedMessage, *, with_channel: bool) -> str:
    words = [message.name, message.id, f"{message.byte_count} bytes"]
    if with_channel and message.channel:
        words.append(message.channel)
    if message.rows is not None:
        words.append(f"{message.rows:,} frames" if message.rows != 1 else "1 frame")
    if message.period_s:
        words.append(f"every {_period(message.period_s)}")
    return _GAP.join(words)


def _period(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def _cells(signal: ListedSignal) -> list[str]:
    low, high = _number(signal.minimum), _number(signal.maximum)
    cells = [f"  {signal.name}", signal.unit, f"{low} … {high}" if low or high else ""]
    if signal.seen is not None:
        seen = signal.seen
        cells += [f"{seen.values:,}" if seen.values else "none", seen.lowest, seen.highest, seen.last]
    return cells


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Return the cells in their columns: names to the left, numbers to the right."""
    places = enumerate(zip(cells, widths, strict=True))
    return _GAP.join(cell.ljust(width) if at < 2 else cell.rjust(width) for at, (cell, width) in places)


def _words(signal: ListedSignal) -> str:
    """Return the word of the last value; without a log the value table in short."""
    if signal.seen is not None:
        return signal.seen.word
    shown = [f"{raw} {word}" for raw, word in signal.words[:_WORDS_SHOWN]]
    return ", ".join(shown) + (" …" if len(signal.words) > _WORDS_SHOWN else "")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.15g}"
