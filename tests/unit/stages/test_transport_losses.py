"""Transport sessions of every kind: mixed in every order, each single frame lost, aborted at each place."""

from collections.abc import Sequence

import pytest

from tests.support.transport_wire import Wire, bam, interleavings, isotp, requested

ISOTP_IDS = [(0x7E8, False, False), (0x80000000 | 0x18DAF110, True, False), (0x7E0, False, True)]
TEXT = bytes(range(40))

# Each kind: its frames, the numbers of those that a listener can do without, and what it gives.
SESSIONS = {
    "broadcast": (bam(1, TEXT), (), ("18FECA01", TEXT)),
    "requested": (requested(1, 2, TEXT, block=3), (1, 5, 9), ("18110201", TEXT)),
    "iso-tp": (isotp("7E8", TEXT), (), ("7E8", TEXT)),
    "iso-tp with addresses": (isotp("18DAF110", TEXT, address=b"\xf1"), (), ("18DAF110", TEXT)),
    "iso-tp in CAN FD": (isotp("7E0", TEXT, frame_bytes=12), (), ("7E0", bytes([len(TEXT)]) + TEXT)),
}
LOSSES = [(kind, place) for kind, (frames, _, _) in SESSIONS.items() for place in range(len(frames))]
ASKED = requested(1, 2, bytes(20), block=2)
ABORTS = {
    "sender": "1CEC0201#FF03FFFFFF001100",
    "receiver": "1CEC0102#FF03FFFFFF001100",
    "receiver of all": "1CEC0102#FF03FFFFFFFFFFFF",
}


def listening() -> Wire:
    return Wire(isotp=ISOTP_IDS)


def reported(kind: str) -> tuple[str, str]:
    id, payload = SESSIONS[kind][2]
    return id, payload.hex().upper()


def assert_balanced(wire: Wire, heard: Sequence[str], went_on: Sequence[tuple[str, str]]) -> None:
    """Check that every frame goes on, or is counted, or belongs to a session that is open."""
    frames = {tuple(text.upper().split("#")) for text in heard}
    passed = sum(out in frames for out in went_on)
    assert passed + sum(wire.counts) + wire.transport.open_frames(0) == len(heard)


@pytest.mark.parametrize(
    "sessions",
    [
        (bam(1, b"A" * 9), requested(2, 3, b"B" * 9), isotp("7E8", b"C" * 9)),
        (requested(1, 2, b"A" * 9), requested(2, 1, b"B" * 9), bam(1, b"C" * 5, 0xFEE5)),
        (isotp("7E8", b"A" * 9), isotp("18DAF110", b"B" * 9, address=b"\xf1"), isotp("7E0", b"C" * 15)),
    ],
    ids=["of three kinds", "of one pair in both directions", "of ISO-TP"],
)
def test_three_sessions_are_kept_apart_in_every_order_of_their_frames(sessions: list[list[str]]) -> None:
    expected = [listening().payloads(*session) for session in sessions]
    assert [len(payloads) for payloads in expected] == [1, 1, 1]
    wire = listening()
    count = 0
    for frames in interleavings(sessions):
        assert sorted(wire.hear_at_once(frames)) == sorted(expected[0] + expected[1] + expected[2])
        count += 1
    assert count > 200
    assert wire.ends == {"complete": 3 * count}


@pytest.mark.parametrize("kind", SESSIONS)
def test_a_whole_session_gives_its_payload(kind: str) -> None:
    wire = listening()
    assert wire.hear(*SESSIONS[kind][0]) == [reported(kind)]
    assert wire.ends == {"complete": 1}


@pytest.mark.parametrize(("kind", "place"), LOSSES)
def test_a_lost_frame_costs_its_own_message_alone_and_only_if_it_was_needed(kind: str, place: int) -> None:
    wire = listening()
    frames, dispensable, _ = SESSIONS[kind]
    other = bam(9, b"other" * 3)
    heard = [*frames[:place], *other, *frames[place + 1 :]]
    found = wire.hear(*heard)
    assert ("18FECA09", (b"other" * 3).hex().upper()) in found
    assert (reported(kind) in found) == (place in dispensable)
    assert_balanced(wire, heard, found)
    assert wire.payloads(*frames) == [reported(kind)]  # the next one is whole again
    assert wire.ends["complete"] == (3 if place in dispensable else 2)


@pytest.mark.parametrize("side", ABORTS)
@pytest.mark.parametrize("heard", range(1, len(ASKED) - 1))  # the last but one completes it
def test_an_abort_of_either_side_at_any_place_ends_the_session(side: str, heard: int) -> None:
    wire = Wire()
    assert wire.hear(*ASKED[:heard], ABORTS[side]) == []
    assert wire.ends == {"aborted": 1}
    assert wire.counts == (0, heard + 1)
    assert wire.transport.open_frames(0) == 0
    assert wire.payloads(*ASKED) == [("18110201", bytes(20).hex())]


@pytest.mark.parametrize("heard", [1, 2, 3])
def test_a_broadcast_is_aborted_by_its_sender_alone(heard: int) -> None:
    frames = bam(1, bytes(20))
    wire = Wire()
    stranger = "1CECFF02#FF03FFFFFFCAFE00"
    assert wire.hear(*frames[:heard], stranger) == [("1CECFF02", "FF03FFFFFFCAFE00")]
    assert wire.hear("1CECFF01#FF03FFFFFFCAFE00") == []
    assert wire.ends == {"aborted": 1}
    assert wire.counts == (0, heard + 1)


def test_an_abort_after_the_last_packet_takes_nothing_back() -> None:
    wire = Wire()
    assert wire.hear(*ASKED[:-1]) == [("18110201", bytes(20).hex())]
    wire.hear(ABORTS["receiver"])
    assert wire.ends == {"complete": 1}
    assert wire.counts[1] == 0
