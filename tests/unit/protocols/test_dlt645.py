"""What the frames of a DL/T 645 meter mean: the reference's examples, each trap, and the simulated meter."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.wire import dlt645 as wire
from telemetry.protocols.serial.dlt645 import DLT645, FORWARD, request, request_address
from tests.support.examples import examples
from tests.support.framing import feed_pieces
from tests.support.moments import grid
from tests.support.serial_rows import values_of

ADDRESS = 0x112233445566
ASKED = "FEFEFEFE68665544332211681104333334331716"
FORWARD_REPLY = "6866554433221168910833333433896745330316"
VOLTAGE_REPLY = "68665544332211689106333434354856 3A16"
CURRENT_REPLY = "686655443322116891073334353558 34B3DD16"
POWER_REPLY = "6866554433221168910733333635 9A7836E616"
REFUSAL = "68665544332211 68D101353C16"
WHO = "68AAAAAAAAAAAA681300DF16"
I_AM = "686655443322116893069988776655446516"


def reply(identifier: int, data: bytes) -> bytes:
    return wire.frame("112233445566", 0x91, identifier.to_bytes(4, "little") + data)


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        (FORWARD_REPLY, {"energy_wh": 1234560.0}),
        (VOLTAGE_REPLY, {"voltage_v": 231.5}),
        (CURRENT_REPLY, {"current_a": -0.125}),
        (POWER_REPLY, {"power_w": 3456.7}),
        (REFUSAL, {}),
        (I_AM, {}),
    ],
)
def test_the_worked_examples_are_read(example: str, expected: dict[str, float]) -> None:
    assert values_of(DLT645, bytes.fromhex(example)) == expected


def test_requests_are_those_of_the_document() -> None:
    assert request(0x00010000, ADDRESS) == bytes.fromhex(ASKED)
    assert request_address() == bytes.fromhex("FEFEFEFE" + WHO)
    assert request(0x00010000, ADDRESS) == wire.request(wire.FORWARD, "112233445566")


def test_nothing_but_reads_is_ever_sent() -> None:
    controls = [one.to(ADDRESS)[12] for one in DLT645.requests]
    assert set(controls) == {0x11, 0x13}


def test_a_refusal_a_request_and_the_bytes_that_wake_are_counted_apart() -> None:
    framer = DLT645.make_framer()
    feed_pieces(framer, [bytes.fromhex(ASKED + REFUSAL), b"\xfe\xfe" + bytes.fromhex(VOLTAGE_REPLY)])
    counts = framer.counts()
    assert (counts["echoes"], counts["lost/error_reply"], counts["padding_bytes"]) == (1, 1, 6)
    assert counts["garbage_bytes"] == 0


def test_the_meter_says_its_address_when_it_is_asked_for_it() -> None:
    framer = DLT645.make_framer()
    (frame,) = feed_pieces(framer, [bytes.fromhex(WHO), bytes.fromhex(I_AM)])
    assert framer.identity() == {"address": "112233445566"}
    assert frame.data == b""


def test_frames_are_of_the_meter_whose_address_they_have() -> None:
    framer = DLT645.make_framer({ADDRESS: 3}.get)
    other = wire.frame("000000000001", 0x91, wire.VOLTAGE.to_bytes(4, "little") + b"\x00\x10")
    frames = feed_pieces(framer, [other, bytes.fromhex(VOLTAGE_REPLY)])
    assert [frame.channel for frame in frames] == [3]
    assert framer.counts()["other_messages"] == 1


def test_data_that_look_like_the_start_and_the_end_are_data() -> None:
    # 0x35 and 0xE3 become 68 and 16 on the line.
    tricky = wire.frame("683516000068", 0x91, wire.FORWARD.to_bytes(4, "little") + b"\x35\x35\xe3\x00")
    framer = DLT645.make_framer()
    frames = feed_pieces(framer, [tricky[:5], tricky[5:] + bytes.fromhex(FORWARD_REPLY)])
    assert [frame.id for frame in frames] == [FORWARD, FORWARD]


def test_bytes_that_wrap_when_they_are_shifted_are_read() -> None:
    assert b"\x00" in reply(wire.FORWARD, b"\xcd\x00\x00\x00")
    assert values_of(DLT645, reply(wire.FORWARD, b"\xcd\x00\x00\x00")) == {}  # C and D are no digits
    assert values_of(DLT645, reply(wire.FORWARD, b"\x99\x00\x00\x00")) == {"energy_wh": 990.0}


def test_what_is_no_digit_drops_the_value_and_not_the_frame() -> None:
    block = reply(0x0202FF00, b"\xff\xff\xff\x25\x01\x00\x00\x02\x00")
    framer = DLT645.make_framer()
    assert len(feed_pieces(framer, [block])) == 1
    assert values_of(DLT645, block) == {}
    assert values_of(DLT645, reply(0x0202FF00, b"\x25\x01\x00\xff\xff\xff\x00\x02\x00")) == {
        "current_a": 0.125
    }


def test_the_digits_of_a_value_are_as_many_as_come() -> None:
    assert values_of(DLT645, reply(wire.VOLTAGE, bytes.fromhex("050075"))) == {"voltage_v": 75000.5 / 1.0}


def test_combined_energy_has_a_sign_and_forward_energy_has_none() -> None:
    assert values_of(DLT645, reply(wire.FORWARD, bytes.fromhex("00000080"))) == {"energy_wh": 800000000.0}


def test_a_block_has_all_of_a_kind() -> None:
    block = reply(0x0203FF00, bytes.fromhex("000501 000302 000103 000200".replace(" ", "")))
    assert values_of(DLT645, block) == {"power_w": 1050.0}


def test_a_reply_without_a_value_is_counted() -> None:
    framer = DLT645.make_framer()
    assert feed_pieces(framer, [reply(wire.VOLTAGE, b"")]) == []
    assert framer.counts()["lost/bad_length"] == 1


def test_the_line_has_even_parity() -> None:
    assert str(DLT645.line) == "8E1"


METERS = st.builds(
    wire.MeterReadings,
    voltage_v=grid(0, 999.9, 0.1),
    current_a=grid(-799.999, 799.999, 0.001),
    power_w=grid(-79999.9, 79999.9, 0.1),
    forward_wh=grid(0, 999_999_990, 10.0),
    reverse_wh=grid(0, 999_999_990, 10.0),
)
FIRMWARES = st.builds(
    wire.Dlt645Firmware,
    address=st.text("0123456789", min_size=12, max_size=12),
    voltage_bytes=st.sampled_from((2, 3)),
    fill_bytes=st.integers(0, 4),
)


@settings(deadline=None, max_examples=examples(25))
@given(moment=METERS, firmware=FIRMWARES)
def test_all_that_a_simulated_meter_says_arrives(
    moment: wire.MeterReadings, firmware: wire.Dlt645Firmware
) -> None:
    line = wire.MeterLine(lambda: moment, firmware)
    address = int(firmware.address, 16)
    replies = [reply for one in DLT645.requests for reply in line.feed(one.to(address))]
    assert values_of(DLT645, b"".join(replies)) == pytest.approx(
        {
            "voltage_v": moment.voltage_v,
            "current_a": moment.current_a,
            "power_w": moment.power_w,
            "energy_wh": moment.forward_wh,
            "energy_reverse_wh": moment.reverse_wh,
        },
        abs=1e-9,
    )
