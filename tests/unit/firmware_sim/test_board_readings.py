"""firmware_sim/wire/readings.py, wire/numbers.py, wire/crc.py and wire/asked.py: what all boards share.

The CRC-8 of SAE J1850 stands against a bitwise one and published check values.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.ecus.jbd import JbdBms
from firmware_sim.ecus.service_battery import ServiceSpec
from firmware_sim.plant.pack import Pack
from firmware_sim.wire.asked import AskedLine, begins_at
from firmware_sim.wire.crc import crc8, crc8_remainder, crc16_modbus
from firmware_sim.wire.numbers import be, le, sbe, signed, sle, unsigned
from firmware_sim.wire.readings import Readings


def test_the_readings_of_a_board_are_its_packs() -> None:
    bms = JbdBms(Pack(ServiceSpec(start_temp_c=-12.5).pack(), seed=1))
    bms.lost_sensors.add(1)
    bms.pack.step(-20.0, 1.0)
    bms.tick(1.0)
    readings = bms.readings()
    assert readings.cells_v == tuple(bms.cell_voltages_v)
    assert readings.sensors_c == (bms.pack.module_temperatures_c[0], None)
    assert (readings.current_a, readings.voltage_v) == (-20.0, bms.pack.voltage_v)
    assert readings.power_w == pytest.approx(-20.0 * bms.pack.voltage_v)
    assert readings.alarms == {"charge_undertemperature"}
    assert (readings.charge_switch, readings.discharge_switch) == (False, True)
    assert readings.switch_c == pytest.approx(bms.pack.module_temperatures_c[0] + 0.32, abs=0.05)


def test_extremes_of_cells_are_counted_from_0() -> None:
    readings = Readings((3.30, 3.35, 3.20), (), 9.85)
    assert (readings.highest, readings.lowest) == ((1, 3.35), (2, 3.20))
    assert readings.average_v == pytest.approx(3.28333, abs=1e-5)


def test_numbers_are_held_at_the_ends_of_their_range() -> None:
    assert (unsigned(-1.0), unsigned(1e9), unsigned(3.3, 0.001)) == (0, 0xFFFF, 3300)
    assert (signed(-1e9), signed(1e9), signed(-12.34, 0.01)) == (-0x8000, 0x7FFF, -1234)
    assert (be(258), le(258), sbe(-2), sle(-2)) == (b"\1\2", b"\2\1", b"\xff\xfe", b"\xfe\xff")
    assert be(1.0, 0.001, 3) == b"\0\3\xe8"


@pytest.mark.parametrize(
    ("body", "check"),
    [("01 03 00 00 00 0A", "C5 CD"), ("02 04 00 10 00 04", "F0 3F"), ("01 83 02", "C0 F1")],
)
def test_the_crc_of_modbus_is_that_of_the_published_examples(body: str, check: str) -> None:
    assert crc16_modbus(bytes.fromhex(body)) == bytes.fromhex(check)
    assert crc16_modbus(bytes.fromhex(body + check)) == b"\0\0"


def test_a_start_that_has_half_come_is_kept() -> None:
    assert begins_at(b"xx\x4e\x57y", b"\x4e\x57") == 2
    assert begins_at(b"xx\x4e", b"\x4e\x57") == 2
    assert begins_at(b"xxx", b"\x4e\x57") == 3


def test_requests_are_answered_as_they_become_whole() -> None:
    def take(received: bytes) -> tuple[int, bytes | None]:
        return (2, received[:2]) if len(received) >= 2 else (0, None)

    line = AskedLine(take, lambda asked: (asked[::-1],))
    assert line.feed(b"abc") == [b"ba"]
    assert line.feed(b"d") == [b"dc"]
    line.feed(b"e")
    line.forget()
    assert line.feed(b"fg") == [b"gf"]
    assert line.due(1) == []


def bitwise_crc8(data: bytes) -> int:
    """Polynomial division over the message as one long number, bit by bit."""
    remainder = 0xFF
    for bit in (byte >> place & 1 for byte in data for place in range(7, -1, -1)):
        feedback = (remainder >> 7) ^ bit
        remainder = (remainder << 1) & 0xFF
        if feedback:
            remainder ^= 0x1D
    return remainder ^ 0xFF


# From AUTOSAR's specification of CRC routines, CRC8 (SAE J1850).
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("00000000", 0x59),
        ("F20183", 0x37),
        ("0FAA0055", 0x79),
        ("00FF5511", 0xB8),
        ("332255AABBCCDDEEFF", 0xCB),
        ("926B55", 0x8C),
        ("FFFFFFFF", 0x74),
    ],
)
def test_it_gives_the_published_check_values(data: str, expected: int) -> None:
    assert crc8(bytes.fromhex(data)) == expected


def test_it_gives_the_catalogued_check_value() -> None:
    assert crc8(b"123456789") == 0x4B


@given(st.binary(max_size=64))
def test_it_equals_the_bitwise_division(data: bytes) -> None:
    assert crc8(data) == bitwise_crc8(data)


@given(st.binary(max_size=16), st.binary(max_size=16))
def test_a_remainder_continues_where_it_stopped(head: bytes, tail: bytes) -> None:
    assert crc8(tail, crc8_remainder(head)) == crc8(head + tail)
