"""VE.Direct HEX: published examples, and messages between and inside text blocks."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.frames.batch import FrameBatch

from firmware_sim.ecus.solar import SolarCharger
from firmware_sim.wire.vedirect import hex_message, register_value, text_block
from telemetry.framing.framer import MessageFramer
from telemetry.protocols.serial.vedirect import VEDIRECT
from telemetry.protocols.serial.vedirect_hex import VEDIRECT_HEX, get, request
from tests.support.framing import feed_pieces, pieces_of
from tests.support.serial_rows import rows_of


def answer(register: int, value: bytes, *, command: int = 7, flags: int = 0) -> bytes:
    return hex_message(command, register.to_bytes(2, "little") + bytes((flags,)) + value)


def framed(data: bytes, *sent: bytes) -> MessageFramer:
    framer, frames = VEDIRECT_HEX.make_framer(), FrameBatch(4096)
    assert isinstance(framer, MessageFramer)
    for asked in sent:
        framer.sent(asked, frames)
    framer.feed(data, 1, frames)
    return framer


@pytest.mark.parametrize(
    ("asked", "text"),
    [(get(0x1000), b":70010003E\n"), (get(0xEDD5), b":7D5ED008C\n"), (request(1), b":154\n")],
)
def test_requests_are_the_published_ones_and_their_echoes_no_values(asked: bytes, text: bytes) -> None:
    assert asked == text
    assert framed(text).counts()["echoes"] == 1
    assert rows_of(VEDIRECT_HEX, text) == []


@pytest.mark.parametrize("in_case", [bytes.upper, bytes.lower])
def test_published_answers_are_read_in_capitals_and_in_small_letters(
    in_case: Callable[[bytes], bytes],
) -> None:
    assert rows_of(VEDIRECT_HEX, in_case(b":7001000C80076\n")) == [("battery", {"capacity_ah": 200.0})]
    assert rows_of(VEDIRECT_HEX, in_case(b":7D5ED00C40ABE\n")) == [("charger", {"voltage_v": 27.56})]


@pytest.mark.parametrize(
    ("register", "value", "measurement", "field", "expected"),
    [
        (0xEDD5, b"\xff\xff", "charger", "voltage_v", 655.35),
        (0xEDD7, b"\xc8\x00", "charger", "current_a", 20.0),
        (0xEDDB, b"\x18\xfc", "charger", "temp_c", -10.0),
        (0x0201, b"\x03", "charger", "phase", "bulk"),
        (0x0201, b"\xf5", "charger", "phase", "starting"),
        (0xED8D, b"\xe2\x04", "battery", "voltage_v", 12.5),
        (0xED8D, b"\xff\xff", "battery", "voltage_v", -0.01),
    ],
)
@pytest.mark.parametrize("command", [7, 0xA])
def test_registers_fill_their_fields(
    register: int, value: bytes, measurement: str, field: str, expected: float | str, command: int
) -> None:
    rows = dict(rows_of(VEDIRECT_HEX, answer(register, value, command=command)))
    assert rows[measurement][field] == expected


def test_a_sense_that_is_not_linked_is_absent() -> None:
    assert rows_of(VEDIRECT_HEX, answer(0xEDEC, b"\xff\xff")) == []
    cells = dict(rows_of(VEDIRECT_HEX, answer(0xEDEC, (26315).to_bytes(2, "little"))))["cells"]
    assert cells == {"t001": -10.0}


@pytest.mark.parametrize(
    ("said", "count"),
    [
        (answer(0xEDD5, b"", flags=1), "lost/error_reply"),
        (answer(0xEDD5, b"", flags=2), "lost/error_reply"),
        (b":4AAAAFD\n", "lost/error_reply"),
        (b":3064C\n", "lost/error_reply"),
        (b":7D5ED00C40ABF\n", "lost/bad_checksum"),
        (answer(0xEDD5, b"\0\0\0\0"), "lost/bad_length"),
        (hex_message(8, b"\x00\x02\x00\x04"), "other_messages"),
    ],
)
def test_what_says_no_value_is_counted_by_its_reason(said: bytes, count: str) -> None:
    assert rows_of(VEDIRECT_HEX, said) == []
    assert framed(said).counts()[count] == 1


def test_an_unknown_register_is_a_message_that_nobody_knows() -> None:
    frames = feed_pieces(VEDIRECT_HEX.make_framer(), [answer(0x1234, b"\x01")])
    known = {message.id for message in VEDIRECT_HEX.messages}
    assert [frame.id in known for frame in frames] == [False]


@pytest.mark.parametrize("last", [b"\n", b"\xfe", b"\r\n", b""])
def test_a_message_ends_at_anything_that_is_no_digit(last: bytes) -> None:
    said = b":7D5ED00C40ABE" + last + b":7001000C80076\n"
    assert len(rows_of(VEDIRECT_HEX, said)) == 2


def test_a_device_says_its_product_and_firmware() -> None:
    assert framed(b":5644 1AB\n".replace(b" ", b"")).identity() == {"firmware": "1.64"}
    assert framed(hex_message(1, b"\x58\xa0"), request(4)).identity() == {"product": "0xA058"}
    assert framed(hex_message(1, b"\x64\x41"), request(3)).identity() == {"firmware": "1.64"}
    assert framed(hex_message(1, b"\x64\x41")).identity() == {}


def test_registers_of_a_simulated_charger_come_back() -> None:
    solar = SolarCharger(900.0, 1, 15.0)
    solar.battery_v, solar.charger.current_a, solar.charger.temperature_c = 55.4, 34.9, -3.25
    said = b""
    for register in (0xEDD5, 0xEDD7, 0xEDDB):
        value = register_value(solar.readings(), register)
        assert value is not None
        said += answer(register, value)
    merged: dict[str, object] = {}
    for measurement, values in rows_of(VEDIRECT_HEX, said):
        assert measurement == "charger"
        merged.update(values)
    assert merged == {"voltage_v": 55.4, "current_a": 34.9, "temp_c": -3.25, "power_w": 1933.46}


@given(data=st.data(), cuts=st.lists(st.integers(0, 600), max_size=8))
def test_messages_anywhere_in_text_are_found_and_the_text_stays_whole(
    data: st.DataObject, cuts: list[int]
) -> None:
    block = text_block(SolarCharger(900.0, 1, 15.0).readings())
    message = answer(0xEDD5, b"\xc4\x0a")
    at = data.draw(st.sampled_from([*range(1, len(block) - 1), len(block)]))  # not before the checksum
    stream = block[:at] + message + block[at:] + block
    frames = feed_pieces(VEDIRECT_HEX.make_framer(), pieces_of(stream, cuts))
    assert len(frames) == 1
    assert len(feed_pieces(VEDIRECT.make_framer(), pieces_of(stream, cuts))) == 2
    framer = VEDIRECT_HEX.make_framer()
    feed_pieces(framer, pieces_of(stream, cuts))
    counts = framer.counts()
    assert counts["padding_bytes"] == len(stream) - len(message)
    assert counts["garbage_bytes"] == 0


def test_a_checksum_that_is_a_colon_begins_no_message() -> None:
    # 0x3A as the last byte of a block, then the next block.
    stream = b"\r\nChecksum\t:\r\nV\t13180\r\n:7001000C80076\n"
    assert rows_of(VEDIRECT_HEX, stream) == [("battery", {"capacity_ah": 200.0})]
