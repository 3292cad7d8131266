"""Any messages on the socket: each is a frame or counted, and nothing else gets into a frame."""

import struct

from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.socketcan import CanReader

from telemetry.sources.stop import StopSignal
from tests.support.can_frames import ERROR, EXTENDED, REMOTE, seqpacket_pair

messages = st.one_of(
    st.binary(min_size=1, max_size=100),
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=72, max_size=72),
)


def modelled(message: bytes) -> tuple[int, bytes, int] | None:
    """(id, data, flags) of a message, or None for one that is no frame."""
    if len(message) not in (16, 72):
        return None
    id, length, flags = struct.unpack_from("=IBB", message)
    is_fd = len(message) == 72
    if length > (64 if is_fd else 8):
        return None
    if not id & (EXTENDED | ERROR):
        id &= 0x7FF | REMOTE
    data = bytes(length) if id & REMOTE else message[8 : 8 + length]
    return id, data, (1 | (flags & 1) << 1 | (flags & 2) << 1) if is_fd else 0


@given(st.lists(messages, max_size=100), st.integers(1, 70))
def test_each_message_is_a_frame_or_counted(sent: list[bytes], capacity: int) -> None:
    sender, receiver = seqpacket_pair()
    with sender, receiver, StopSignal() as stop:
        reader = CanReader(receiver.fileno(), stop.fileno())
        frames = []
        for first in range(0, len(sent), 50):  # more would not fit into the socket's buffer
            for message in sent[first : first + 50]:
                sender.send(message)
            batch = FrameBatch(capacity)
            while reader.messages_read < min(first + 50, len(sent)):
                reader.read(batch, 0, 0)
                frames += [(frame.id, frame.data, frame.flags) for frame in batch]
                batch.clear()
    expected = [modelled(message) for message in sent]
    assert frames == [frame for frame in expected if frame is not None]
    assert reader.messages_read == len(sent)
    assert reader.bad_length == expected.count(None)
