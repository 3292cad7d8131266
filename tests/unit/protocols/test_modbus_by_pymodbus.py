"""Modbus RTU against another program: frames that pymodbus builds are read, and ours are read by pymodbus."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadHoldingRegistersResponse,
    ReadInputRegistersRequest,
    ReadInputRegistersResponse,
)
from telemetry_core.frames.batch import FrameBatch

from telemetry.framing.framer import MessageFramer
from telemetry.protocols.serial.modbus import raw_modbus
from telemetry.protocols.serial.rtu import HOLDING, INPUT, Asked, request
from tests.support.examples import examples
from tests.support.framing import feed_pieces, pieces_of

LAST_SLAVE = 247
MOST_REGISTERS = 125

OF_MASTERS = FramerRTU(DecodePDU(is_server=True))
OF_SLAVES = FramerRTU(DecodePDU(is_server=False))
REQUESTS = {HOLDING: ReadHoldingRegistersRequest, INPUT: ReadInputRegistersRequest}
REPLIES = {HOLDING: ReadHoldingRegistersResponse, INPUT: ReadInputRegistersResponse}

blocks = st.builds(
    Asked,
    slave=st.integers(1, LAST_SLAVE),
    function=st.sampled_from((HOLDING, INPUT)),
    first=st.one_of(st.integers(0, 0xFFFF - MOST_REGISTERS), st.integers(0x0300, 0x03FF)),
    quantity=st.integers(1, MOST_REGISTERS),
)


def asked_by_pymodbus(asked: Asked) -> bytes:
    pdu = REQUESTS[asked.function](address=asked.first, count=asked.quantity, dev_id=asked.slave)
    return OF_MASTERS.buildFrame(pdu)


def read_by_pymodbus(framer: FramerRTU, data: bytes) -> tuple[int, ModbusPDU | None]:
    """Return how many bytes pymodbus took, and what it found."""
    return framer.handleFrame(data, 0, 0)


def framer_of(asked: Asked) -> MessageFramer:
    """Ours, for a capture in which this block alone was read."""
    framer = raw_modbus([asked[1:]]).make_framer(lambda address: address)
    assert isinstance(framer, MessageFramer)
    return framer


@settings(deadline=None, max_examples=examples(100))
@given(asked=blocks)
def test_a_request_is_the_one_that_pymodbus_builds_and_reads(asked: Asked) -> None:
    assert request(asked) == asked_by_pymodbus(asked)
    used, pdu = read_by_pymodbus(OF_MASTERS, request(asked))
    assert (used, type(pdu)) == (8, REQUESTS[asked.function])
    assert pdu is not None
    assert (pdu.dev_id, pdu.address, pdu.count) == (asked.slave, asked.first, asked.quantity)


@settings(deadline=None, max_examples=examples(100))
@given(asked=blocks, data=st.data())
def test_a_reply_of_pymodbus_is_read_whatever_registers_were_asked_for(
    asked: Asked, data: st.DataObject
) -> None:
    values = data.draw(st.lists(st.integers(0, 0xFFFF), min_size=asked.quantity, max_size=asked.quantity))
    cuts = data.draw(st.lists(st.integers(0, 300), max_size=4))
    reply = OF_SLAVES.buildFrame(REPLIES[asked.function](registers=values, dev_id=asked.slave))
    framer = framer_of(asked)
    (frame,) = feed_pieces(framer, pieces_of(asked_by_pymodbus(asked) + reply, cuts))
    assert frame.channel == asked.slave
    assert [int.from_bytes(frame.data[at : at + 2], "big") for at in range(0, len(frame.data), 2)] == values
    assert framer.counts()["echoes"] == 1
    used, pdu = read_by_pymodbus(OF_SLAVES, reply)
    assert used == len(reply)
    assert pdu is not None
    assert pdu.registers == values


@pytest.mark.parametrize("function", [HOLDING, INPUT])
@pytest.mark.parametrize("code", [1, 2, 3, 4, 6, 11])
def test_an_exception_of_pymodbus_is_a_refusal(function: int, code: int) -> None:
    asked = Asked(7, function, 10, 2)
    refusal = OF_SLAVES.buildFrame(ExceptionResponse(function, code, device_id=7))
    framer = framer_of(asked)
    assert feed_pieces(framer, [asked_by_pymodbus(asked) + refusal]) == []
    assert framer.counts()["lost/error_reply"] == 1
    assert framer.counts()["garbage_bytes"] == 0


@settings(deadline=None, max_examples=examples(100))
@given(asked=blocks, place=st.integers(0, 1000), bit=st.integers(0, 7))
def test_a_reply_that_pymodbus_refuses_for_its_crc_is_refused(asked: Asked, place: int, bit: int) -> None:
    pdu = REPLIES[asked.function](registers=[0x1234] * asked.quantity, dev_id=asked.slave)
    spoiled = bytearray(OF_SLAVES.buildFrame(pdu))
    spoiled[3 + place % (len(spoiled) - 3)] ^= 1 << bit  # slave, function and length stay
    assert read_by_pymodbus(OF_SLAVES, bytes(spoiled))[1] is None
    framer = framer_of(asked)
    framer.sent(request(asked), FrameBatch(4096))
    assert feed_pieces(framer, [bytes(spoiled)]) == []
    assert framer.counts()["messages"] == 0


def test_a_reply_that_begins_with_the_crc_of_a_request_is_a_reply() -> None:
    asked = Asked(slave=133, function=INPUT, first=0, quantity=20)
    values = [370, 339, 19968, *[0] * 17]  # 85 04 28 01 72 01 53 4E would be a request for 29,185 registers
    reply = OF_SLAVES.buildFrame(ReadInputRegistersResponse(registers=values, dev_id=133))
    (frame,) = feed_pieces(framer_of(asked), [asked_by_pymodbus(asked) + reply])
    assert [int.from_bytes(frame.data[at : at + 2], "big") for at in range(0, len(frame.data), 2)] == values
