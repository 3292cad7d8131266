"""Each protocol's framing, for any bytes in any pieces: as the readable model has it, and found again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.serial_devices import KINDS
from firmware_sim.wire import dlt645, modbus_registers
from telemetry.framing.framing import NO_ADDRESS, Framing, Shape
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.registers.register_map import find_map, read_register_map
from telemetry.protocols.serial.modbus import modbus
from tests.support.boards import BOARDS
from tests.support.examples import examples
from tests.support.framer_models import MessageModel
from tests.support.framing import feed_pieces, jbd_message, pieces_of
from tests.support.scanned_line import simulated
from tests.unit.protocols.test_boards import BELOW_ZERO, GREATEST, ORDINARY

PZEM = modbus(read_register_map(find_map("pzem_017")))
# Messages that no device here says when it is asked as the service asks: refusals, pushed values.
MORE = {
    "jbd": [jbd_message(5, b"", status=0x80)],
    "vedirect_hex": [b":7D5ED00C40ABE\n", b":7001000C80076\n", b":51641F9\n", b":70010003E\n"],
    "daly_modbus": [modbus_registers.with_crc(b"\xd2\x83\x02")],
    "dlt645": [dlt645.frame("112233445566", 0xD1, b"\x02")],
    "modbus": [modbus_registers.with_crc(b"\x01\x84\x02")],
}


def messages_of(name: str) -> list[bytes]:
    """Return messages that may stand on a line: what the simulated device answers, requests, and more."""
    protocol = PZEM if name == "modbus" else PROTOCOLS[name]
    device = simulated(name) if name in KINDS else None
    address = int(str(KINDS[name].usual), 16 if name == "dlt645" else 10) if device else NO_ADDRESS
    asked = [request.to(address) for request in protocol.requests] if device else []
    answers = [answer for data in asked for answer in (device.feed(data) if device else ())]
    boards = [board for board in BOARDS.values() if board.name == name]
    said = [board.say(each) for board in boards for each in (ORDINARY, GREATEST, BELOW_ZERO)]
    return [*answers, *MORE.get(name, ()), *asked, *said]


LINES = {
    name: messages_of(name) for name, protocol in PROTOCOLS.items() if isinstance(protocol.framing, Framing)
}
ALL = pytest.mark.parametrize("name", LINES)
cuts = st.lists(st.integers(0, 3000), max_size=20)


def framing_of(name: str) -> Framing:
    framing = PZEM.framing if name == "modbus" else PROTOCOLS[name].framing
    assert isinstance(framing, Framing)
    return framing


def make_framer(name: str):  # type: ignore[no-untyped-def]
    return (PZEM if name == "modbus" else PROTOCOLS[name]).make_framer()


def good(framer) -> int:  # type: ignore[no-untyped-def]
    return sum(framer.counts()[count] for count in ("messages", "echoes", "lost/error_reply"))


def first_of(name: str) -> bytes:
    """Return the first message that means something by itself, as a reply of registers does not."""
    for message in LINES[name]:
        framer = make_framer(name)
        feed_pieces(framer, [message])
        if good(framer):
            return message
    raise AssertionError(name)


FIRST = {name: first_of(name) for name in LINES}


@st.composite
def streams(draw: st.DrawFn, name: str) -> bytes:
    """Messages, pieces of messages, messages without a piece, beginnings, garbage."""
    messages = st.sampled_from(LINES[name])
    torn = st.builds(
        lambda message, at, lost: message[:at] + message[at + lost :],
        messages,
        st.integers(0, 300),
        st.integers(1, 300),
    )
    starts = st.sampled_from([start_of(shape) for shape in framing_of(name).shapes])
    return b"".join(draw(st.lists(st.one_of(messages, torn, starts, st.binary(max_size=12)), max_size=10)))


def start_of(shape: Shape) -> bytes:
    return b"".join(values[:1] for values in shape.start)


@ALL
@settings(deadline=None, max_examples=examples(60))
@given(data=st.data())
def test_messages_are_those_of_the_model_however_the_bytes_are_cut(name: str, data: st.DataObject) -> None:
    stream = data.draw(st.one_of(streams(name), st.binary(max_size=300)))
    framer = make_framer(name)
    frames = feed_pieces(framer, pieces_of(stream, data.draw(cuts)))
    model = MessageModel(framing_of(name), stream)
    assert [(frame.id, frame.data) for frame in frames] == [found[:2] for found in model.found]
    counts = framer.counts()
    assert counts == {count: model.counts[count] for count in counts}


@ALL
@settings(deadline=None, max_examples=examples(60))
@given(data=st.data())
def test_after_any_garbage_the_second_whole_message_has_come(name: str, data: st.DataObject) -> None:
    garbage = data.draw(st.one_of(streams(name), st.binary(max_size=300)))
    framer = make_framer(name)
    feed_pieces(framer, [garbage], finish=False)
    before = good(framer)
    feed_pieces(framer, [FIRST[name], FIRST[name]], finish=False)
    assert good(framer) > before


@ALL
@settings(deadline=None, max_examples=examples(20))
@given(stream=st.binary(min_size=1, max_size=50), begins=st.booleans())
def test_what_is_kept_is_bounded_whatever_comes(name: str, stream: bytes, begins: bool) -> None:
    framing, framer = framing_of(name), make_framer(name)
    longest = max(shape.longest for shape in framing.shapes)
    shortest = min(shape.shortest for shape in framing.shapes)
    piece = start_of(framing.shapes[0]) + stream * 8 if begins else stream
    feed_pieces(framer, [piece * 200], finish=False, capacity=100_000)
    assert framer.room_needed(0) <= (longest // shortest + 2) * framing.frames_per_message
