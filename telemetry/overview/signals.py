"""The signals of databases, and what logs hold of each.

Promises:

- Lowest, highest and last values are what `decode` writes, digit for digit.
- Every signal of a database is listed, also one that never came.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from telemetry_core.decode.spec import MessageSpec, PlanSpec
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.extremes import Extremes, FieldExtent, RecordExtent
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.text.encoder import Encoder
from telemetry_core.text.lines import LineBuffer

from telemetry.model.ids import id_text
from telemetry.rules.find_message import EXTENDED


@dataclass(frozen=True, slots=True)
class Seen:
    """What logs hold of a signal: texts as `decode` writes them, empty without a value."""

    values: int
    lowest: str
    highest: str
    last: str
    word: str  # of the last value, by the value table


@dataclass(frozen=True, slots=True)
class ListedSignal:
    """One signal. `seen` is None where no log was read."""

    name: str
    unit: str
    minimum: float | None
    maximum: float | None
    words: tuple[tuple[int, str], ...]  # the value table: raw value and word
    seen: Seen | None


@dataclass(frozen=True, slots=True)
class ListedMessage:
    """One message of a database, in a log on one channel.

    id: several with a space between; rows: how many frames had a value of it; period_s: between them, on
    average; channel: "" where no log was read, or all channels count as one.
    """

    name: str
    id: str
    byte_count: int
    rows: int | None
    period_s: float | None
    signals: tuple[ListedSignal, ...]
    channel: str = ""


def list_messages(plan: PlanSpec, seen: Mapping[str, Extremes] = MappingProxyType({})) -> list[ListedMessage]:
    """Return all messages with a signal, bus by bus, in the order of the database, each once.

    seen: what was seen of the plan's records, by channel. A message that came on several is there for each.
    """
    found: dict[tuple[str, int], list[MessageSpec]] = {}
    for message in (message for bus in plan.buses for message in bus.messages if message.signals):
        found.setdefault((message.name, message.record), []).append(message)
    listed = []
    for same in found.values():
        number = same[0].record
        ids = " ".join(dict.fromkeys(id_text(one.arbitration_id | EXTENDED * one.extended) for one in same))
        extents = {name: each.of(number) for name, each in seen.items()}
        came = [(name, extent) for name, extent in extents.items() if extent.rows]
        none: list[tuple[str, RecordExtent | None]] = [("", next(iter(extents.values()), None))]
        for name, extent in [*came] or none:
            listed.append(_message(same[0], ids, plan.records[number], extent, name))
    return listed


def _message(
    message: MessageSpec, ids: str, record: RecordSpec, extent: RecordExtent | None, channel: str
) -> ListedMessage:
    tables = [dict(signal.choices) for signal in message.signals]
    seen = _seen(record.fields[: len(tables)], extent.fields[: len(tables)], tables) if extent else None
    signals = tuple(
        ListedSignal(
            field.signal_name,
            field.unit,
            message.signals[index].minimum,
            message.signals[index].maximum,
            message.signals[index].choices,
            seen[index] if seen else None,
        )
        for index, field in enumerate(record.fields[: len(message.signals)])
        if field.kind is not SlotKind.WORD
    )
    return ListedMessage(
        message.name,
        ids,
        message.byte_count,
        extent.rows if extent else None,
        (extent.last_ns - extent.first_ns) / (extent.rows - 1) / 1e9 if extent and extent.rows > 1 else None,
        signals,
        channel,
    )


def _seen(
    fields: Sequence[FieldSpec], extents: Sequence[FieldExtent], tables: Sequence[Mapping[int, str]]
) -> list[Seen]:
    """Print the raw values by the encoder itself: each field as a record of its own."""
    schema = Schema(RecordSpec(str(index), (field,)) for index, field in enumerate(fields))
    samples, encoder, lines = SampleBatch(schema), Encoder(schema), LineBuffer()
    for index, (field, extent) in enumerate(zip(fields, extents, strict=True)):
        ends = (extent.lowest, extent.highest)
        for time_ns, raw in enumerate((*(ends if field.factor > 0 else reversed(ends)), extent.last)):
            if raw is not None:
                samples.append(index, time_ns, {field.name: raw})
    encoder.encode_csv(samples, lines)
    texts: dict[tuple[str, str], str] = {}
    for row in csv.reader(io.StringIO(lines.take().decode(), newline="")):
        texts[row[3], row[0]] = row[5]
    return [
        Seen(
            extent.values,
            lowest=texts.get((str(index), "0"), ""),
            highest=texts.get((str(index), "1"), ""),
            last=texts.get((str(index), "2"), ""),
            word=table.get(extent.last, "") if isinstance(extent.last, int) else "",
        )
        for index, (extent, table) in enumerate(zip(extents, tables, strict=True))
    ]
