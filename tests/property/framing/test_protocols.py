"""Each protocol's framing, for any bytes in any pieces: as the readable model has it, and found again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.wire import daly, dlt645, modbus_registers
from firmware_sim.wire.readings import Readings
from telemetry.framing.framing import Framing
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.registers.register_map import find_map, read_register_map
from telemetry.protocols.serial.modbus import modbus
from tests.support.boards import BOARDS
from tests.support.examples import examples
from tests.support.framer_models import MessageModel
from tests.support.framing import feed_pieces, jbd_message, pieces_of

MOMENT = Readings(cells_v=(3.3, 3.31, 3.29, 3.3), sensors_c=(25.0, 24.0), voltage_v=13.2, current_a=-4.2)
PZEM = modbus(read_register_map(find_map("pzem_017")))

# Of each protocol messages that may stand on a line, replies and requests.
LINES = {
    "jbd": [
        jbd_message(3, bytes.fromhex("19DFF8240DA50FA00002249100000000000012570311040B980BA90B960B97")),
        jbd_message(4, bytes.fromhex("0CE40CE5")),
        jbd_message(5, b"", status=0x80),
        bytes.fromhex("DDA50300FFFD77"),
    ],
    "vedirect_hex": [b":7D5ED00C40ABE\n", b":7001000C80076\n", b":51641F9\n", b":70010003E\n"],
    "daly": [
        daly.frame(1, id, data)
        for id in (0x90, 0x93, 0x94, 0x95, 0x96, 0x98)
        for data in daly.answers(id, MOMENT, daly.DalyFirmware())
    ]
    + [daly.request(0x90)],
    "daly_modbus": [
        modbus_registers.request(0xD2, 3, 0, 62),
        modbus_registers.reply(0xD2, 3, [modbus_registers.daly(MOMENT)[3, n] for n in range(62)]),
        modbus_registers.with_crc(b"\xd2\x83\x02"),
    ],
    "dlt645": [
        dlt645.request(dlt645.VOLTAGE),
        dlt645.frame("112233445566", 0x91, dlt645.VOLTAGE.to_bytes(4, "little") + b"\x05\x23"),
        dlt645.frame("112233445566", 0xD1, b"\x02"),
    ],
    "modbus": [
        modbus_registers.request(1, 4, 0, 8),
        modbus_registers.reply(1, 4, [5000, 120, 6000, 0, 1, 0, 0, 0]),
        modbus_registers.with_crc(b"\x01\x84\x02"),
    ],
}
ALL = pytest.mark.parametrize("name", LINES)
cuts = st.lists(st.integers(0, 3000), max_size=20)


def framing_of(name: str) -> Framing:
    framing = PZEM.framing if name == "modbus" else PROTOCOLS[name].framing
    assert isinstance(framing, Framing)
    return framing


def make_framer(name: str):  # type: ignore[no-untyped-def]
    return (PZEM if name == "modbus" else PROTOCOLS[name]).make_framer()


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
    before = sum(framer.counts()[count] for count in ("messages", "echoes", "lost/error_reply"))
    feed_pieces(framer, [LINES[name][0], LINES[name][0]], finish=False)
    after = sum(framer.counts()[count] for count in ("messages", "echoes", "lost/error_reply"))
    assert after > before


@ALL
@settings(deadline=None, max_examples=examples(20))
@given(stream=st.binary(min_size=1, max_size=50))
def test_what_is_kept_is_bounded_whatever_comes(name: str, stream: bytes) -> None:
    framer = make_framer(name)
    feed_pieces(framer, [stream * 200], finish=False, capacity=100_000)
    assert framer.room_needed(0) < 500


def test_every_protocol_is_tried_here_or_with_the_boards() -> None:
    framed = {name for name, protocol in PROTOCOLS.items() if isinstance(protocol.framing, Framing)}
    assert set(LINES) | {board.name for board in BOARDS.values()} == framed
