"""What the bytes of a serial device come to in the data model, as Python values."""

from collections.abc import Mapping
from functools import cache

from telemetry_core.decode.decoder import Decoder
from telemetry_core.decode.plan import Plan
from telemetry_core.decode.spec import PlanSpec
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import Row as SampleRow
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rules.map_spec import MapSpec
from telemetry_core.rules.mapper import Mapper
from telemetry_core.text.lines import LineBuffer

from telemetry.framing.framer import MessageFramer
from telemetry.model.event_codes import EVENT_CODES
from telemetry.protocols.table import Framer, SerialProtocol
from telemetry.rules.map import resolve
from telemetry.rules.resolve import Modelling, model
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support.lineprotocol import parse_line

Value = float | bool | str
Row = tuple[str, dict[str, Value]]  # measurement and values


def rows_of(protocol: SerialProtocol, data: bytes) -> list[Row]:
    """Return the modelled rows of all messages of `data`, in their order."""
    plan, mapping, schema = _modelled(protocol)
    decoder, mapper = Decoder(Plan(plan, schema)), Mapper(schema, mapping)
    decoder.bind(0, 0, 0)
    mapper.bind(0, 0, range(len(mapping.tag_sets)))
    framer = protocol.make_framer()
    frames, samples, mapped = _batch(framer, data), SampleBatch(schema), SampleBatch(schema)
    framer.feed(data, 10**18, frames)
    framer.finish(frames)
    decoder.decode(frames, samples)
    mapper.map(samples, mapped)
    texts = {
        record.measurement: {field.name: dict(field.texts) for field in record.fields}
        for record in mapping.records
    }
    return [
        (row.measurement, _in_words(row, texts[row.measurement]))
        for row in mapped
        if row.measurement in texts
    ]


def values_of(protocol: SerialProtocol, data: bytes) -> dict[str, Value]:
    """Return all that the messages of `data` fill, the last of each, whatever the measurement."""
    return {name: value for _, row in rows_of(protocol, data) for name, value in row.items()}


@cache
def _modelled(protocol: SerialProtocol) -> tuple[PlanSpec, MapSpec, Schema]:
    plan = protocol.plan("port")
    mapping = resolve(protocol.map_entries("port"), plan)
    return plan, mapping, Schema(plan.records + mapping.records)


@cache
def _with_alarms(protocol: SerialProtocol) -> tuple[PlanSpec, Modelling]:
    plan = protocol.plan("port")
    return plan, model(protocol.map_entries("port"), (), plan)


def _in_words(row: SampleRow, texts: Mapping[str, Mapping[int, str]]) -> dict[str, Value]:
    return {name: texts[name][int(raw)] if texts[name] else raw for name, raw in row.raw.items()}


def _batch(framer: Framer, data: bytes) -> FrameBatch:
    return FrameBatch(2 * framer.room_needed(len(data)))


def heard_by(
    protocol: SerialProtocol, *said: bytes, sent: bytes = b""
) -> tuple[list[int], dict[str, int], dict[str, str]]:
    """Return the addresses of the frames, the counts and the identity, after `sent` and what was said."""
    addresses: list[int] = []

    def channel_of(address: int) -> int:
        addresses.append(address)
        return 0

    framer, frames = protocol.make_framer(channel_of), FrameBatch(4096)
    if sent and isinstance(framer, MessageFramer):
        framer.sent(sent, frames)
    for piece in said:
        framer.feed(piece, 1, frames)
    framer.finish(frames)
    return addresses, framer.counts(), framer.identity()


def alarms_of(protocol: SerialProtocol, data: bytes) -> list[str]:
    """Return the codes of the alarms that the messages of `data` report, in the vocabulary's order."""
    plan, modelling = _with_alarms(protocol)
    stages = Stages(plan, modelling.map, modelling.alarms, vehicle="car")
    stages.bind(0, Binding(0, "port", "port"))
    framer = protocol.make_framer()
    frames, lines = _batch(framer, data), LineBuffer()
    framer.feed(data, 10**18, frames)
    stages.process(frames, lines)
    points = [parse_line(text) for text in lines.take().splitlines()]
    codes = {point.tags["code"] for point in points if point.measurement == "event"}
    return [code for code in EVENT_CODES if code in codes]
