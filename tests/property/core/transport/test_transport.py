"""The compiled transport stage does what the readable model does, on any frames in any batches."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_core.decode.plan import Plan
from telemetry_core.decode.spec import BusSpec, PlanSpec
from telemetry_core.frames.batch import FrameBatch, FrameTuple
from telemetry_core.rows.schema import Schema
from telemetry_core.transport.stage import Transport

from tests.support.can_frames import EXTENDED
from tests.support.examples import examples
from tests.support.transport_model import TransportModel
from tests.support.transport_wire import bam, id_of, isotp, requested

ISOTP = {
    0x7E8: (False, False),
    0x7E0: (False, True),
    EXTENDED | 0x18DA10F1: (False, False),
    EXTENDED | 0x18DAF110: (False, False),
    0x6F1: (True, False),
    0x612: (True, False),
    0x640: (True, True),
}
SIZES = st.sampled_from([1, 8, 9, 14, 20])


@st.composite
def j1939_frames(draw: st.DrawFn) -> tuple[int, bytes]:
    """Draw a frame of a small world in which sessions come to an end now and then."""
    sender, receiver = draw(st.sampled_from([(1, 2), (2, 1), (1, 255), (3, 1)]))
    pgn = draw(st.sampled_from([0xFECA, 0x1100, 0x0200])).to_bytes(3, "little")
    size = draw(SIZES)
    packets = -(-size // 7) + draw(st.sampled_from([0, 0, 0, 0, 0, 1]))
    kind = draw(st.sampled_from(["begin", "data", "data", "data", "data", "cts", "end", "abort", "any"]))
    format_, data = 0xEC, draw(st.binary(min_size=8, max_size=8))
    if kind == "begin":
        data = bytes([draw(st.sampled_from([16, 32])), size, 0, packets, 255]) + pgn
    elif kind == "data":
        format_, data = 0xEB, bytes([draw(st.integers(1, 3))]) + data[1:]
    elif kind == "cts":
        data = bytes([17, draw(st.integers(0, 3)), 1, 255, 255]) + pgn
    elif kind == "end":
        data = bytes([19, size, 0, packets, 255]) + pgn
    elif kind == "abort":
        data = bytes([255, 1, 255, 255, 255]) + draw(st.sampled_from([pgn, b"\xff\xff\xff"]))
    priority = draw(st.sampled_from([6, 7]))
    return EXTENDED | priority << 26 | format_ << 16 | receiver << 8 | sender, data


@st.composite
def isotp_frames(draw: st.DrawFn) -> tuple[int, bytes]:
    id = draw(st.sampled_from(sorted(ISOTP)))
    size = draw(st.sampled_from([0, 5, 8, 20, 40]))
    head = draw(
        st.sampled_from(
            [
                bytes([size & 15]),
                bytes([0, size]),
                bytes([0x10, size]),
                bytes([0x10, 0, 0, 0, 0, size]),
                bytes([0x10, 0, 1, 0, 0, 0]),
                bytes([0x21]),
                bytes([0x22]),
                bytes([0x23]),
                bytes([0x30, 0, 0]),
                bytes([0x32, 0, 0]),
                b"",
            ]
        )
    )
    length = draw(st.sampled_from([8, 8, 8, 12, 64, 3]))
    body = draw(st.binary(max_size=2)) * 32
    address = draw(st.sampled_from([b"\x12", b"\x40", b"\xf1"])) if ISOTP[id][0] else b""
    return id, (address + head + body)[:length]


OTHERS = st.tuples(
    st.sampled_from([0x123, EXTENDED | 0x18FF50E5, EXTENDED | 0x19EC0201]), st.binary(max_size=8)
)
Drawn = list[tuple[tuple[int, bytes], int, int]]  # id and data, channel, time since the one before
ANY_FRAMES = st.lists(
    st.tuples(
        st.one_of(j1939_frames(), j1939_frames(), isotp_frames(), OTHERS),
        st.integers(0, 1),
        st.sampled_from([0, 1_000_000, 1_000_000, 700_000_000, 800_000_000, 3_000_000_000, -5_000_000_000]),
    ),
    max_size=60,
)

# Of ISO-TP: the id of a message, its address, and the id and address of what its receiver answers.
PATHS = [
    ("7E8", b"", "7E0", b""),
    ("7E0", b"", "7E8", b""),
    ("18DAF110", b"", "18DA10F1", b""),
    ("6F1", b"\x12", "612", b"\xf1"),
    ("6F1", b"\x40", "640", b"\xf1"),
    ("612", b"\xf1", "6F1", b"\x12"),
]


@st.composite
def isotp_messages(draw: st.DrawFn) -> list[str]:
    """Draw a whole message, about as short as several frames allow; its receiver may be heard."""
    id, address, answer_id, answer_address = draw(st.sampled_from(PATHS))
    frame_bytes = draw(st.sampled_from([8, 8, 12, 64]))
    shortest = frame_bytes - len(address) - (frame_bytes > 8)
    payload = bytes(range(100, 100 + shortest + draw(st.sampled_from([0, 1, 7, 30, -1]))))
    frames = isotp(id, payload, frame_bytes=frame_bytes, address=address)
    flow = draw(st.sampled_from([b"", b"\x30\0\0", b"\x32\0\0", b"\x32\0\0"]))
    if flow:
        frames.insert(draw(st.sampled_from([1, 1, 2])), f"{answer_id}#{(answer_address + flow).hex()}")
    head = (address + b"\x02AA").ljust(8, b"A").hex()  # a message of one frame
    return draw(st.sampled_from([[], [], [], frames[:2], [frames[0], f"{id}#{head}"]])) + frames


@st.composite
def isotp_singles(draw: st.DrawFn) -> list[str]:
    """Draw a frame with its length in a separate byte, which only some may have, or of no known kind."""
    id, address, _, _ = draw(st.sampled_from(PATHS))
    frame = address + bytes([draw(st.sampled_from([0, 0, 0x40])), draw(st.integers(1, 5))])
    return [f"{id}#{frame.ljust(draw(st.sampled_from([8, 8, 12])), b'A').hex()}"]


def j1939_messages() -> st.SearchStrategy[list[str]]:
    payloads = st.sampled_from([bytes(9), bytes(20)])
    whole = st.builds(requested, st.just(1), st.just(2), payloads, block=st.just(2))
    aborted = st.builds(
        lambda frames, at, id, pgn: [*frames[:at], f"{id}#FF01FFFFFF{pgn}"],
        whole,
        st.integers(1, 4),
        st.sampled_from(["1CEC0201", "1CEC0102"]),  # by the sender, by the receiver
        st.sampled_from(["001100", "FFFFFF", "CAFE00"]),
    )
    return st.one_of(st.builds(bam, st.integers(1, 2), payloads), whole, aborted)


@st.composite
def mixtures(draw: st.DrawFn) -> Drawn:
    """Frames of whole messages in any order that keeps each one's, a few lost, repeated or spoiled."""
    message = st.one_of(isotp_messages(), isotp_messages(), isotp_singles(), j1939_messages())
    messages = draw(st.lists(message, min_size=2, max_size=5))
    order = draw(st.permutations([number for number, texts in enumerate(messages) for _ in texts]))
    lost = draw(st.sets(st.integers(0, len(order) - 1), max_size=2))
    again = dict.fromkeys(draw(st.sets(st.sampled_from(range(len(order))), min_size=len(order) // 4)), 0)
    again |= dict.fromkeys(draw(st.sets(st.sampled_from(range(len(order))), max_size=3)), 1)
    later_ns = st.sampled_from([1_000_000] * 20 + [800_000_000, 3_000_000_000])
    rest = [iter(texts) for texts in messages]
    drawn = []
    for place, number in enumerate(order):
        id, _, data = next(rest[number]).partition("#")
        if place not in lost:
            sent = bytes.fromhex(data)
            drawn.append(((id_of(id), sent), 0, draw(later_ns)))
            if place in again:
                drawn.append(((id_of(id), sent[:-1] + bytes([sent[-1] ^ again[place]])), 0, 1_000_000))
    return drawn


FRAMES = st.one_of(ANY_FRAMES, mixtures(), mixtures())


def frames_of(drawn: Drawn) -> list[FrameTuple]:
    frames, time_ns = [], 10**18
    for (id, data), channel, later_ns in drawn:
        time_ns += later_ns
        frames.append(FrameTuple(time_ns, id, data, channel, 0, 0))
    return frames


def batch_of(frames: Sequence[FrameTuple]) -> FrameBatch:
    batch = FrameBatch(max(1, len(frames)))
    for frame in frames:
        batch.append(frame.time_ns, frame.id, frame.data, channel=frame.channel)
    return batch


def bound() -> Transport:
    """Return a stage with channels 0 and 1."""
    transport = Transport(Plan(PlanSpec((), (BusSpec("", ()),)), Schema(())))
    for channel in (0, 1):
        transport.bind(channel, 0, j1939=True, isotp=[(id, *rule) for id, rule in ISOTP.items()])
    return transport


@settings(max_examples=examples(400))
@given(FRAMES, st.integers(1, 20))
def test_the_compiled_stage_and_the_model_agree_however_frames_are_batched(
    drawn: Drawn, batch_size: int
) -> None:
    frames = frames_of(drawn)
    model = TransportModel(ISOTP)
    expected = [out for frame in frames for out in model.listen(frame)]
    transport = bound()
    batches = (frames[at : at + batch_size] for at in range(0, len(frames), batch_size))
    assert [out for some in batches for out in transport.reassemble(batch_of(some))] == expected
    counted = [transport.counts(channel) for channel in (0, 1)]
    assert [counts["absorbed"] for counts in counted] == [model.absorbed[channel] for channel in (0, 1)]
    assert [counts["lost/incomplete_session"] for counts in counted] == [model.lost[0], model.lost[1]]
    assert sum(transport.open_frames(channel) for channel in (0, 1)) == model.open_frames
    for channel in (0, 1):
        transport.end_sessions(channel)
        model.end_sessions(channel)
    ends = [transport.session_counts(channel) for channel in (0, 1)]
    assert {name: ends[0][name] + ends[1][name] for name in ends[0]} == {
        name: model.ends[name] for name in ends[0]
    }


@given(FRAMES)
def test_every_frame_goes_on_or_is_counted_or_waits(drawn: Drawn) -> None:
    frames = frames_of(drawn)
    transport = bound()
    went_on = sum(not frame.flags for frame in transport.reassemble(batch_of(frames)))
    counted = sum(sum(transport.counts(channel).values()) for channel in (0, 1))
    assert went_on + counted + sum(transport.open_frames(channel) for channel in (0, 1)) == len(frames)
