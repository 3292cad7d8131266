"""Protocols of CAN: any frames, of any length and addresses, are decoded as the models do, in any batches."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_core.frames.batch import FrameTuple

from fuzz.buses import EXTENDED, check, frames_of
from telemetry.protocols.can.table import CanProtocol
from telemetry.protocols.known import CAN_PROTOCOLS
from tests.support.can_protocols import frame_of, transfer

PROTOCOLS = list(CAN_PROTOCOLS.values())


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
@settings(max_examples=50)
@given(data=st.binary(max_size=400), batch_frames=st.integers(1, 20))
def test_any_bytes_are_decoded_as_the_models_do(
    protocol: CanProtocol, data: bytes, batch_frames: int
) -> None:
    check(protocol, frames_of(protocol, data), batch_frames)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_frames_of_any_addresses_and_lengths_are_decoded_as_the_models_do(protocol: CanProtocol) -> None:
    random = Random(20261127)
    frames = []
    for number in range(600):
        message = random.choice(protocol.messages)
        id = random.choice(message.ids)
        if random.random() < 0.5:  # another priority, destination or sender
            id ^= random.choice((1 << 26, 7 << 26, 0xFF, 0x100, 0xFF00, 1 << 24, 1 << 25))
        length = random.choice((0, 1, 3, 5, 6, 7, 8, 8, 8, 8))
        filling = random.choice((b"", b"\0", b"\xff"))
        payload = filling * length if filling else random.randbytes(length)
        frames.append(
            FrameTuple(number * 1_000_000, id & 0x1FFFFFFF | EXTENDED * protocol.extended, payload, 0, 0, 0)
        )
    check(protocol, frames if protocol.extended else [f for f in frames if f.id < 0x800], 7)


@settings(max_examples=50)
@given(
    pgn=st.sampled_from([0x0200, 0x0600, 0x1100, 0x1500, 0x1600, 0x1700, 0x2000]),
    payload=st.binary(min_size=9, max_size=600),
    destination=st.sampled_from([0x56, 0x56, 0xE5]),
)
def test_messages_of_any_length_are_decoded_as_the_models_do(
    pgn: int, payload: bytes, destination: int
) -> None:
    texts = transfer(pgn, payload.hex(), destination=destination)
    frames = [FrameTuple(number, *frame_of(text), 0, 0, 0) for number, text in enumerate(texts)]
    check(CAN_PROTOCOLS["gbt27930"], frames, 3)
