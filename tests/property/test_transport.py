"""The compiled transport stage does what the readable model does, on any frames in any batches."""

from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_core.frames import FrameBatch, FrameTuple
from telemetry_core.plan import Plan
from telemetry_core.schema import Schema
from telemetry_core.spec import BusSpec, PlanSpec
from telemetry_core.transport import Transport

from tests.support.transport_model import TransportModel

EXTENDED = 0x80000000
ISOTP = {0x7E8: (False, False), 0x7E0: (False, True), EXTENDED | 0x18DAF110: (True, False)}
SIZES = st.sampled_from([1, 8, 9, 14, 20])


@st.composite
def j1939_frames(draw: st.DrawFn) -> tuple[int, bytes]:
    """A frame of a small world in which sessions come to an end now and then."""
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
                b"",
            ]
        )
    )
    length = draw(st.sampled_from([8, 8, 8, 12, 64, 3]))
    body = draw(st.binary(max_size=2)) * 32
    address = b"\xf1" * ISOTP[id][0]
    return id, (address + head + body)[:length]


OTHERS = st.tuples(
    st.sampled_from([0x123, EXTENDED | 0x18FF50E5, EXTENDED | 0x19EC0201]), st.binary(max_size=8)
)
FRAMES = st.lists(
    st.tuples(
        st.one_of(j1939_frames(), j1939_frames(), isotp_frames(), OTHERS),
        st.integers(0, 1),
        st.sampled_from([0, 1_000_000, 1_000_000, 700_000_000, 800_000_000, 3_000_000_000, -5_000_000_000]),
    ),
    max_size=60,
)


def frames_of(drawn: list[tuple[tuple[int, bytes], int, int]]) -> list[FrameTuple]:
    frames, time_ns = [], 10**18
    for (id, data), channel, later_ns in drawn:
        time_ns += later_ns
        frames.append(FrameTuple(time_ns, id, data, channel, 0, 0))
    return frames


@settings(max_examples=400)
@given(FRAMES, st.integers(1, 20))
def test_the_compiled_stage_and_the_model_agree_however_frames_are_batched(
    drawn: list[tuple[tuple[int, bytes], int, int]], batch_size: int
) -> None:
    frames = frames_of(drawn)
    model = TransportModel(ISOTP)
    expected = [out for frame in frames for out in model.listen(frame)]
    plan = PlanSpec((), (BusSpec("", ()),))
    transport = Transport(Plan(plan, Schema(())))
    for channel in (0, 1):
        transport.bind(channel, 0, j1939=True, isotp=[(id, *rule) for id, rule in ISOTP.items()])
    found: list[FrameTuple] = []
    for start in range(0, len(frames), batch_size):
        batch = FrameBatch(batch_size)
        for frame in frames[start : start + batch_size]:
            batch.append(frame.time_ns, frame.id, frame.data, channel=frame.channel)
        found.extend(transport.reassemble(batch))
    assert found == expected
    counted = [transport.counts(channel) for channel in (0, 1)]
    assert [counts["absorbed"] for counts in counted] == [model.absorbed[channel] for channel in (0, 1)]
    assert [counts["lost/incomplete_session"] for counts in counted] == [model.lost[0], model.lost[1]]
    assert sum(transport.open_frames(channel) for channel in (0, 1)) == model.open_frames
    ends = [transport.session_counts(channel) for channel in (0, 1)]
    assert {name: ends[0][name] + ends[1][name] for name in ends[0]} == {
        name: model.ends[name] for name in ends[0]
    }


@given(FRAMES)
def test_every_frame_goes_on_or_is_counted_or_waits(drawn: list[tuple[tuple[int, bytes], int, int]]) -> None:
    frames = frames_of(drawn)
    transport = Transport(Plan(PlanSpec((), (BusSpec("", ()),)), Schema(())))
    for channel in (0, 1):
        transport.bind(channel, 0, j1939=True, isotp=[(id, *rule) for id, rule in ISOTP.items()])
    batch = FrameBatch(max(1, len(frames)))
    for frame in frames:
        batch.append(frame.time_ns, frame.id, frame.data, channel=frame.channel)
    went_on = sum(not frame.flags for frame in transport.reassemble(batch))
    counted = sum(sum(transport.counts(channel).values()) for channel in (0, 1))
    assert went_on + counted + sum(transport.open_frames(channel) for channel in (0, 1)) == len(frames)
