"""Each protocol's framing, for any bytes in any pieces: as the readable model has it, and found again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.serial_devices import KINDS
from firmware_sim.wire import dlt645, modbus_registers
from telemetry.framing.framing import NO_ADDRESS, Framing
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.registers.register_map import find_map, read_register_map
from telemetry.protocols.serial.modbus import modbus
from tests.support.examples import examples
from tests.support.framer_models import MessageModel
from tests.support.framing import feed_pieces, jbd_message, pieces_of
from tests.support.scanned_line import simulated

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
    return [*answers, *MORE.get(name, ()), *asked]


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
    """Messages, pieces of messages, garbage."""
    messages = st.sampled_from(LINES[name])
    torn = st.builds(lambda message, at: message[:at], messages, st.integers(0, 40))
    return b"".join(draw(st.lists(st.one_of(messages, torn, st.binary(max_size=8)), max_size=10)))


@ALL
@settings(deadline=None, max_examples=examples(60))
@given(data=st.data())
def test_messages_are_those_of_the_model_however_the_bytes_are_cut(name: str, data: st.DataObject) -> None:
    stream = data.draw(st.one_of(streams(name), st.binary(max_size=300)))
    pieces = pieces_of(stream, data.draw(cuts))
    whole = feed_pieces(make_framer(name), [stream])
    framer = make_framer(name)
    frames = feed_pieces(framer, pieces)
    assert [frame[1:] for frame in frames] == [frame[1:] for frame in whole]
    model = MessageModel(framing_of(name), stream)
    counts = framer.counts()
    for count in ("messages", "lost/bad_checksum", "garbage_bytes", "padding_bytes", "echoes"):
        assert counts[count] == model.counts[count], count


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
@given(stream=st.binary(min_size=1, max_size=50))
def test_what_is_kept_is_bounded_whatever_comes(name: str, stream: bytes) -> None:
    framer = make_framer(name)
    feed_pieces(framer, [stream * 200], finish=False, capacity=100_000)
    assert framer.room_needed(0) < 500
