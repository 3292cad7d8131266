"""telemetry/scan/ear.py by messages of the simulator: what one protocol makes of a line."""

import pytest

from firmware_sim.wire import daly
from firmware_sim.wire.modbus_registers import HOLDING, reply, with_crc
from telemetry.framing.framing import NO_ADDRESS
from telemetry.protocols.known import PROTOCOLS
from telemetry.scan.ear import Ear
from telemetry.scan.probes import Meant, ready_maps, scanned
from tests.support.framing import jbd_message
from tests.support.scanned_line import board, meter

DALY = PROTOCOLS["daly"]
MODBUS = scanned(["modbus"])[0]


def heard(name: str, *said: bytes) -> Ear:
    ear = Ear(scanned([name])[0])
    for number, data in enumerate(said):
        ear.feed(data, number)
    return ear


def pack(number: int) -> bytes:
    """Return what a Daly board says of its pack: 13.3 V, 12 A drawn, 61 %."""
    return b"".join(board(number).feed(daly.request(daly.PACK, number)))


def test_devices_are_known_by_their_addresses_in_whatever_order_they_talk() -> None:
    ear = heard("daly", pack(5), pack(2), pack(5))
    assert ear.addresses == [2, 5]
    assert ear.count_of(daly.PACK) == 3
    assert ear.count_of(daly.SWITCHES) == 0
    assert heard("jbd", jbd_message(4, bytes(8))).addresses == [NO_ADDRESS]


@pytest.mark.parametrize("cut", range(1, 13))
def test_a_message_in_two_pieces_is_one(cut: int) -> None:
    message = pack(1)
    ear = heard("daly", message[:cut])
    assert not ear.hears_others
    ear.feed(message[cut:], 1)
    assert ear.addresses == [1]


def test_what_a_device_measures_is_taken_from_its_own_messages_and_the_last_of_them() -> None:
    other = daly.frame(2, daly.PACK, bytes.fromhex("0064 0064 7530 03E8"))  # 10 V, 0 A, 100 %
    newer = daly.frame(1, daly.PACK, bytes.fromhex("0086 0086 7530 0262"))  # 13.4 V, 0 A, 61 %
    expected = {"battery.voltage_v": 13.3, "battery.current_a": -12.0, "battery.soc_pct": 61.0}
    assert heard("daly", pack(1), other).values(1).items() >= expected.items()
    ear = heard("daly", pack(1), other, newer)
    expected |= {"battery.voltage_v": 13.4, "battery.current_a": 0.0}
    assert ear.values(1).items() >= expected.items()
    assert ear.values(2)["battery.soc_pct"] == 100.0
    assert ear.values(3) == {}


def test_what_a_device_reports_as_an_event_is_no_measurement() -> None:
    """Byte 0, bit 1 of the alarms is the second level of a cell's overvoltage."""
    values = heard("daly", pack(1), daly.frame(1, daly.ALARMS, b"\x02" + bytes(7))).values(1)
    assert values
    assert not [name for name in values if name.startswith("event")]


@pytest.mark.parametrize(
    ("said", "address", "found"),
    [
        (pack(1), 1, [1]),
        (pack(1) + pack(2), 2, [2]),
        (pack(2), 1, []),
        (daly.frame(1, daly.SWITCHES, bytes(8)), 1, []),  # an answer to another request
        (b"", 1, []),
    ],
)
def test_a_device_has_answered_whose_message_is_of_that_kind_and_address(
    said: bytes, address: int, found: list[int]
) -> None:
    ear = heard("daly", said)
    assert ear.answering(Meant(DALY, address, daly.PACK)) == found


def test_whoever_answers_a_request_to_anybody_is_there() -> None:
    protocol = PROTOCOLS["dlt645"]
    first = protocol.requests[0]
    assert protocol.addresses
    ear = Ear(protocol)
    for address in ("000000000042", "000000000007"):
        ear.feed(b"".join(meter(address).feed(first.to(protocol.addresses.default))), 0)
    meant = Meant(protocol, protocol.addresses.default, first.reply_id)
    assert meant.is_of_anyone
    assert ear.answering(meant) == [0x07, 0x42]
    assert ear.answering(meant._replace(reply_id=first.reply_id + 1)) == []


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (with_crc(b"\x03\x83\x02"), True),
        (with_crc(b"\x03\x84\x01"), True),
        (bytes(64) + with_crc(b"\x03\x83\x02"), True),
        (with_crc(b"\x03\x83\x0a"), False),  # a gateway without a path to it
        (with_crc(b"\x03\x84\x0b"), False),  # a gateway to which it does not answer
        (with_crc(b"\x04\x83\x02"), False),  # another device
        (with_crc(b"\x03\x83\x02")[:-1] + b"\x00", False),  # a wrong check
        (reply(4, HOLDING, [0x0383, 2]), False),  # a value that looks like one
    ],
)
def test_a_modbus_device_that_refuses_is_there_and_what_a_gateway_says_of_it_is_not(
    said: bytes, found: bool
) -> None:
    ear = heard("modbus", said)
    assert ear.answering(Meant(MODBUS, 3, 1)) == ([3] if found else [])


def test_a_refusal_of_another_protocol_is_no_device() -> None:
    """Daly's own Modbus has the form of Modbus; a board of it that only refuses is not known to be one."""
    protocol = PROTOCOLS["daly_modbus"]
    ear = heard("daly_modbus", with_crc(b"\x81\x83\x02"))
    assert ear.hears_others
    assert ear.answering(Meant(protocol, 0x81, protocol.requests[0].reply_id)) == []


def test_an_echo_is_no_answer_and_what_comes_after_it_is_read_by_the_request() -> None:
    protocol = ready_maps()["pzem_017"]
    asked = protocol.requests[0]
    data = asked.to(9)
    ear = Ear(protocol)
    ear.sent(data)
    ear.feed(data, 0)
    assert not ear.hears_others
    ear.feed(reply(9, data[1], range(int.from_bytes(data[4:6], "big"))), 1)
    assert ear.addresses == [9]
    assert ear.answering(Meant(protocol, 9, asked.reply_id)) == [9]


def test_requests_that_were_not_sent_here_are_of_another_master() -> None:
    ear = heard("daly", daly.request(daly.PACK))
    assert ear.hears_requests
    assert not ear.hears_others
    ear = heard("daly", pack(1))
    assert not ear.hears_requests
    assert ear.hears_others


def test_what_is_unfinished_when_nothing_follows_gives_up_for_the_message_within_it() -> None:
    """Two bytes that begin a long message of JBD, and a whole one after them."""
    ear = heard("jbd", b"\xdd\x03\x00\xf0" + jbd_message(4, bytes(8)))
    assert ear.addresses == []
    ear.finish()
    assert ear.addresses == [NO_ADDRESS]


def test_what_a_device_says_of_itself_is_its_name() -> None:
    assert heard("jbd", jbd_message(5, b"JBD-SP04S020")).identity() == {"model": "JBD-SP04S020"}
