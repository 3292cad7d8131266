"""Buses with a protocol of their own: any frames in any order are decoded as the models do."""

from functools import cache

from telemetry_core.decode.decoder import Decoder
from telemetry_core.decode.plan import Plan
from telemetry_core.frames.batch import FrameBatch, FrameTuple
from telemetry_core.rows.batch import Row, SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.transport.stage import Transport

from telemetry.protocols.can.gbt27930 import GBT27930
from telemetry.protocols.can.table import CanProtocol
from telemetry.protocols.known import CAN_PROTOCOLS
from tests.support.reference_decoder import ReferenceDecoder
from tests.support.transport_model import TransportModel

EXTENDED = 0x80000000
_PROTOCOLS = tuple(CAN_PROTOCOLS.values())
_TRANSPORT = (0x1CEC56F4, 0x1CECF456, 0x1CEB56F4, 0x1CEBF456, 0x1CECFFF4, 0x1CEBFFF4)
_MOST_FRAMES = 100


def protocol_harness(data: bytes) -> None:
    """Decode frames; the first byte is the protocol, the second the size of a batch."""
    protocol = _PROTOCOLS[data[0] % len(_PROTOCOLS)] if data else GBT27930
    frames = frames_of(protocol, data[2:])
    check(protocol, frames, 1 + (data[1] if len(data) > 1 else 0))


def check(protocol: CanProtocol, frames: list[FrameTuple], batch_frames: int) -> None:
    """Messages are what the readable models say, in batches of any size."""
    plan = _plan(protocol.name)
    reference = ReferenceDecoder(plan.spec)
    reference.bind(0, 0, 0)
    model = TransportModel(j1939=protocol.extended)
    whole = [out for frame in frames for out in model.listen(frame)]
    assert _decoded(plan, frames, batch_frames, j1939=protocol.extended) == reference.decode(whole)


@cache
def _plan(name: str) -> Plan:
    protocol = CAN_PROTOCOLS[name]
    plan = protocol.plan("b", hidden=False)
    return Plan(plan, Schema(plan.records))


def _decoded(plan: Plan, frames: list[FrameTuple], batch_frames: int, *, j1939: bool) -> list[Row]:
    transport, decoder, samples = Transport(plan), Decoder(plan), SampleBatch(plan.schema)
    transport.bind(0, 0, j1939=j1939)
    decoder.bind(0, 0, 0)
    batch = FrameBatch(batch_frames)
    for frame in frames:
        batch.append(frame.time_ns, frame.id, frame.data)
        if len(batch) == batch_frames:
            decoder.decode(transport.reassemble(batch), samples)
            batch.clear()
    decoder.decode(transport.reassemble(batch), samples)
    return list(samples)


def frames_of(protocol: CanProtocol, data: bytes) -> list[FrameTuple]:
    """Read which id, how much later, how many bytes; a second byte over 250 is a step back in time.

    Of the ids one in eight belongs to no message.
    """
    ids = [id | EXTENDED * protocol.extended for message in protocol.messages for id in message.ids]
    ids += [id | EXTENDED for id in _TRANSPORT]
    frames: list[FrameTuple] = []
    at, time_ns = 0, 10**18
    while at + 3 <= len(data) and len(frames) < _MOST_FRAMES:
        chosen, later, length = data[at : at + 3]
        id = ids[chosen % len(ids)]
        if length >= 224:
            id ^= 1 << (length % 26)
        time_ns += later * 10_000_000 if later <= 250 else -(10**9)
        is_transport = id & 0x1FFFFFFF in _TRANSPORT
        size = 8 if is_transport or length & 8 else length % 9
        frames.append(FrameTuple(time_ns, id, data[at + 3 : at + 3 + size], 0, 0, 0))
        at += 3 + size
    return frames
