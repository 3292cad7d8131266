"""firmware_sim/wire/jbd.py: replies byte for byte, against the worked examples and an own reading."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.ecus.jbd import JbdBms
from firmware_sim.ecus.service_battery import ServiceSpec
from firmware_sim.plant.pack import Pack
from firmware_sim.wire.jbd import MODEL, JbdLine, checksum, reply, request


def make_bms(start_soc_pct: float = 60.0, start_temp_c: float = 18.0) -> JbdBms:
    return JbdBms(Pack(ServiceSpec(start_soc_pct=start_soc_pct, start_temp_c=start_temp_c).pack(), seed=1))


def unpack(message: bytes, register: int) -> bytes:
    """Return the data of a good reply, after checking it as the vendor's text says."""
    assert message[0] == 0xDD
    assert message[1] == register
    assert message[2] == 0
    assert message[-1] == 0x77
    assert len(message) == message[3] + 7
    assert (sum(message[2:-3]) + int.from_bytes(message[-3:-1], "big")) & 0xFFFF == 0
    return message[4:-3]


def word(data: bytes, at: int, *, signed: bool = False) -> int:
    return int.from_bytes(data[at : at + 2], "big", signed=signed)


def ask(bms: JbdBms, register: int) -> bytes:
    (message,) = JbdLine(bms.readings).feed(request(register))
    return unpack(message, register)


@pytest.mark.parametrize(
    ("register", "text"),
    [(3, "DD A5 03 00 FF FD 77"), (4, "DD A5 04 00 FF FC 77"), (5, "DD A5 05 00 FF FB 77")],
)
def test_requests_are_those_of_the_vendor(register: int, text: str) -> None:
    assert request(register) == bytes.fromhex(text)


def test_the_checksum_is_that_of_the_vendors_example() -> None:
    # The vendor's reply to 0x03 of seventeen cells.
    data = bytes.fromhex(
        "19 DF F8 24 0D A5 0F A0 00 02 24 91 00 00 00 00 00 00 12 57 03 11 04 0B 98 0B A9 0B 96 0B 97"
    )
    assert checksum(bytes((0, len(data))) + data) == 0xF89A
    assert reply(3, data)[-3:] == bytes.fromhex("F8 9A 77")


def test_basic_info_holds_the_plant_within_its_resolution() -> None:
    bms = make_bms()
    bms.pack.step(-12.34, 1.0)
    bms.tick(1.0)
    data = ask(bms, 3)
    pack = bms.pack
    assert word(data, 0) / 100 == pytest.approx(pack.voltage_v, abs=0.005001)
    assert word(data, 2, signed=True) / 100 == pytest.approx(-12.34, abs=0.005)
    assert word(data, 4) / 100 == pytest.approx(pack.remaining_ah, abs=0.005001)
    assert word(data, 6) / 100 == 100.0
    assert word(data, 8) == 64
    assert (word(data, 10) >> 9, word(data, 10) >> 5 & 15, word(data, 10) & 31) == (24, 3, 11)
    assert (word(data, 12), word(data, 14), word(data, 16)) == (0, 0, 0)
    assert data[18] == 0x21
    assert data[19] == round(pack.soc_pct)
    assert data[20] == 0b11
    assert data[21] == 14
    assert data[22] == 2
    for sensor in range(2):
        degrees = (word(data, 23 + 2 * sensor) - 2731) / 10
        assert degrees == pytest.approx(pack.module_temperatures_c[sensor], abs=0.05001)
    assert len(data) == 27


def test_a_frozen_battery_is_below_zero_and_not_charged() -> None:
    data = ask(make_bms(start_temp_c=-12.5), 3)
    assert word(data, 23) == 2731 - 125
    assert word(data, 16) == 1 << 5
    assert data[20] == 0b10


def test_a_lost_sensor_reads_as_an_open_wire_and_trips_nothing() -> None:
    bms = make_bms()
    bms.lost_sensors.add(1)
    bms.tick(0.1)
    data = ask(bms, 3)
    assert word(data, 25) == 0
    assert word(data, 23) > 2731
    assert word(data, 16) == 0


def test_balanced_cells_are_bits_from_the_first_cell_on() -> None:
    bms = make_bms()
    bms.pack.balance(frozenset({0, 13}), 0.05)
    assert word(ask(bms, 3), 12) == 1 << 13 | 1


def test_cell_voltages_are_millivolts_in_order() -> None:
    bms = make_bms()
    data = ask(bms, 4)
    assert [word(data, 2 * cell) for cell in range(14)] == [
        round(1000 * voltage) for voltage in bms.cell_voltages_v
    ]


def test_the_model_is_text() -> None:
    assert ask(make_bms(), 5) == MODEL


def test_how_often_each_protection_has_acted_stands_in_the_order_of_the_register() -> None:
    bms = make_bms()
    assert ask(bms, 0xAA) == bytes(22)
    frozen = make_bms(start_temp_c=-12.5)  # charging is too cold: the seventh counter
    assert [word(ask(frozen, 0xAA), 2 * number) for number in range(11)] == [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    frozen.tick(1.0)
    assert word(ask(frozen, 0xAA), 12) == 1  # it lasts, and has acted once


def test_an_unknown_register_and_a_write_get_an_error() -> None:
    line = JbdLine(make_bms().readings)
    assert line.feed(request(0x99)) == [bytes.fromhex("DD 99 80 00 FF 80 77")]
    write = bytes.fromhex("E1 02 00 00")
    write = b"\xdd\x5a" + write + checksum(write).to_bytes(2, "big") + b"\x77"
    assert line.feed(write) == [bytes.fromhex("DD E1 80 00 FF 80 77")]


def test_a_damaged_request_gets_nothing_and_the_next_one_its_reply() -> None:
    line = JbdLine(make_bms().readings)
    damaged = bytearray(request(3))
    damaged[5] ^= 1
    assert line.feed(bytes(damaged)) == []
    assert [message[1] for message in line.feed(request(4))] == [4]


@given(st.data(), st.lists(st.sampled_from([3, 4, 5, 0x42]), min_size=1, max_size=5), st.binary(max_size=20))
def test_requests_are_found_in_any_pieces_after_any_noise(
    data: st.DataObject, registers: list[int], noise: bytes
) -> None:
    line = JbdLine(make_bms().readings)
    stream = noise.replace(b"\xdd", b"") + b"".join(request(register) for register in registers)
    answered = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        answered += [message[1] for message in line.feed(stream[:size])]
        stream = stream[size:]
    assert answered == registers


def test_half_a_request_is_forgotten_with_the_line() -> None:
    line = JbdLine(make_bms().readings)
    line.feed(request(3)[:4])
    line.forget()
    assert line.feed(request(3)[4:]) == []
