"""What the bytes of a serial device come to in the data model, as Python values."""

from telemetry_core.decoder import Decoder
from telemetry_core.frames import FrameBatch
from telemetry_core.mapper import Mapper
from telemetry_core.plan import Plan
from telemetry_core.samples import SampleBatch
from telemetry_core.schema import Schema
from telemetry_core.spec import PlanSpec

from telemetry.mapping import resolve
from telemetry.protocols.serial_table import SerialProtocol

Row = tuple[str, dict[str, int | float | bool]]  # measurement and values


def rows_of(protocol: SerialProtocol, data: bytes) -> list[Row]:
    """The modelled rows of all messages of `data`, in their order."""
    plan = PlanSpec(protocol.records, (protocol.bus("port"),))
    mapping = resolve(protocol.map_entries("port"), plan)
    schema = Schema(plan.records + mapping.records)
    decoder, mapper = Decoder(Plan(plan, schema)), Mapper(schema, mapping)
    decoder.bind(0, 0, 0)
    mapper.bind(0, 0, range(len(mapping.tag_sets)))
    frames, samples, mapped = FrameBatch(64), SampleBatch(schema), SampleBatch(schema)
    framer = protocol.make_framer()
    framer.feed(data, 10**18, frames)
    framer.finish(frames)
    decoder.decode(frames, samples)
    mapper.map(samples, mapped)
    hidden = {record.measurement for record in protocol.records}
    return [(row.measurement, row.raw) for row in mapped if row.measurement not in hidden]


def alarms_of(protocol: SerialProtocol, data: bytes) -> list[str]:
    """The codes of the alarms that the messages of `data` report."""
    plan = PlanSpec(protocol.records, (protocol.bus("port"),))
    schema = Schema(plan.records)
    decoder = Decoder(Plan(plan, schema))
    decoder.bind(0, 0, 0)
    frames, samples = FrameBatch(64), SampleBatch(schema)
    protocol.make_framer().feed(data, 0, frames)
    decoder.decode(frames, samples)
    return [
        alarm.code
        for row in samples
        for alarm in protocol.alarms
        for signal in [alarm.signal.removeprefix(row.measurement + ".")]
        if signal in row.raw and alarm.is_active(int(row.raw[signal]))
    ]
