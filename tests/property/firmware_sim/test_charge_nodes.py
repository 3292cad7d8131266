"""Whatever either end of a charge hears, it never raises, and goes on by its own deadlines."""

from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.ecus.gbt.charger import ChargerNode, GbtChargerSpec
from firmware_sim.ecus.gbt.node import Node
from firmware_sim.ecus.gbt.vehicle import VehicleNode, VehicleSpec
from firmware_sim.plant.pack import Pack, PackSpec
from firmware_sim.wire.gbt import CHARGER, MESSAGES, VEHICLE, Edition
from firmware_sim.wire.j1939 import CONTROL_PGN, DATA_PGN, Control, frame_id

PGNS = [message.pgn for message in MESSAGES.values()]
editions = st.sampled_from(Edition)
payloads = st.one_of(
    st.binary(max_size=8),
    st.binary(min_size=8, max_size=8),
    st.sampled_from([b"\xaa", b"\x00", b"\xaa" + bytes(7), bytes.fromhex("4c1dd007dc05a00f")]),
)
controls = st.builds(
    lambda control, size, packets, first, pgn: (
        bytes((control,)) + size.to_bytes(2, "little") + bytes((packets, first)) + pgn.to_bytes(3, "little")
    ),
    st.sampled_from(Control),
    st.one_of(st.sampled_from([9, 13, 41, 49]), st.integers(0, 0xFFFF)),
    st.integers(0, 255),
    st.integers(0, 255),
    st.sampled_from(PGNS),
)
packets = st.builds(lambda number, data: bytes((number,)) + data, st.integers(0, 9), st.binary(max_size=7))


def heard(source: int, destination: int) -> st.SearchStrategy[tuple[int, bytes]]:
    """Frames of the other end, of its transport, and of anybody."""

    def of(pgn: int) -> int:
        return frame_id(pgn, 6, destination, source)

    return st.one_of(
        st.tuples(st.sampled_from([of(pgn) for pgn in PGNS]), payloads),
        st.tuples(st.just(of(CONTROL_PGN)), st.one_of(controls, payloads)),
        st.tuples(st.just(of(DATA_PGN)), st.one_of(packets, payloads)),
        st.tuples(st.integers(0, 0xFFFFFFFF), st.binary(max_size=64)),
    )


steps = st.one_of(st.integers(0, 300_000_000), st.integers(0, 12_000_000_000))


def lives(node: Node, frames: list[tuple[int, tuple[int, bytes]]]) -> None:
    now_ns = 0
    for step_ns, (id, data) in frames:
        now_ns += step_ns
        for _ in range(50):  # it may want to run often before the frame comes
            if node.wake_ns > now_ns:
                break
            for sent_id, payload in node.run(now_ns):
                assert sent_id >> 29 == 4  # an extended data frame
                assert len(payload) <= 8
        assert node.wake_ns > now_ns, "it rests"
        node.hear(now_ns, id, data)


@given(editions, st.lists(st.tuples(steps, heard(VEHICLE, CHARGER)), max_size=60))
def test_a_charger_hears_anything(edition: Edition, frames: list[tuple[int, tuple[int, bytes]]]) -> None:
    node = ChargerNode(GbtChargerSpec(edition=edition, goes_on_without_bhm=True), 1)
    lives(node, frames)
    node.tick(node.heard, 0.1)


PACK = Pack(PackSpec(cells=8), 1)


@given(editions, st.lists(st.tuples(steps, heard(CHARGER, VEHICLE)), max_size=60))
def test_a_vehicle_hears_anything(edition: Edition, frames: list[tuple[int, tuple[int, bytes]]]) -> None:
    node = VehicleNode(VehicleSpec(edition=edition), PACK, 1)
    lives(node, frames)
    node.tick(min(node.heard_a, 300.0))
