"""Modbus RTU by a map of registers: the reference's examples, each trap, what is wrong with a map, and both
maps that come along.
"""

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_core.frames.batch import FrameBatch

from firmware_sim.wire import modbus_registers as wire
from firmware_sim.wire.readings import Readings
from telemetry.errors import ConfigError
from telemetry.protocols.registers.register_map import READY, RegisterMap, find_map, read_register_map
from telemetry.protocols.serial.modbus import modbus, raw_modbus
from telemetry.protocols.serial.rtu import Asked, request
from telemetry.protocols.table import SerialProtocol
from tests.support.examples import examples
from tests.support.framing import feed_pieces
from tests.support.moments import readings
from tests.support.serial_rows import Value, alarms_of, values_of

EXAMPLE = bytes.fromhex("02040814B4FF9C000186A02876")
EXAMPLE_REQUEST = bytes.fromhex("020400100004F03F")
PZEM = modbus(read_register_map(find_map("pzem_017")))
ACREL = modbus(read_register_map(find_map("acrel_djsf1352")))


@pytest.fixture
def device(tmp_path: Path) -> "Device":
    return Device(tmp_path)


class Device:
    """A device whose map is written for the test."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "map.toml"

    def protocol(self, *registers: str, head: str = "") -> SerialProtocol:
        tables = "".join(f"[[register]]\n{one}\n" for one in registers)
        self._file.write_text(f'title = "a device"\n{head}\n{tables}')
        return modbus(read_register_map(self._file))

    def said(self, register: str, data: bytes) -> dict[str, Value]:
        """Return what a value in holding registers from 0 on means for `to = "meter.voltage_v"`."""
        protocol = self.protocol(f'name = "v"\nregister = 0\nto = "meter.voltage_v"\n{register}')
        return values_of(protocol, answered(1, 3, 0, data))


def answered(slave: int, function: int, first: int, data: bytes) -> bytes:
    """Return a request and its reply, as they are on the line."""
    registers = [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]
    asked = wire.request(slave, function, first, len(registers))
    return asked + wire.reply(slave, function, registers)


def test_the_requests_are_those_of_the_document() -> None:
    assert request(Asked(1, 3, 0, 2)) == bytes.fromhex("010300000002C40B")
    assert request(Asked(2, 4, 0x10, 4)) == EXAMPLE_REQUEST
    assert request(Asked(1, 3, 0, 10)) == bytes.fromhex("01030000000AC5CD")


def test_the_worked_example_is_read_by_a_map(device: "Device") -> None:
    protocol = device.protocol(
        'name = "v"\nregister = 16\nscale = 0.01\nunit = "V"\nto = "meter.voltage_v"',
        'name = "i"\nregister = 17\ntype = "s16"\nscale = 0.1\nto = "meter.current_a"',
        'name = "e"\nregister = 18\ntype = "u32"\nto = "meter.energy_wh"',
        head="function = 4",
    )
    assert values_of(protocol, EXAMPLE_REQUEST + EXAMPLE) == {
        "voltage_v": 53.0,
        "current_a": -10.0,
        "power_w": -530.0,
        "energy_wh": 100000.0,
    }
    (only,) = protocol.requests
    assert only.to(2) == EXAMPLE_REQUEST


@pytest.mark.parametrize(
    ("order", "data"),
    [("ABCD", "000186A0"), ("CDAB", "86A00001"), ("BADC", "0100A086"), ("DCBA", "A0860100")],
)
def test_the_four_orders_of_bytes_are_settings(device: "Device", order: str, data: str) -> None:
    register = f'type = "u32"\norder = "{order}"'
    assert device.said(register, bytes.fromhex(data)) == {"voltage_v": 100000.0}


@pytest.mark.parametrize(
    ("type_", "data", "value"),
    [
        ("u16", b"\xff\xff", 65535.0),
        ("s16", b"\x80\x00", -32768.0),
        ("s32", b"\xff\xff\xff\xfe", -2.0),
        ("u32", b"\xff\xff\xff\xff", 4294967295.0),
        ("s64", b"\xff" * 7 + b"\xfd", -3.0),
        ("u64", b"\x00\x00\x01" + bytes(5), 2.0**40),
        ("bcd16", b"\x12\x34", 1234.0),
        ("bcd32", b"\x12\x34\x56\x78", 12345678.0),
        ("f32", struct.pack(">f", -12.5), -12.5),
        ("f64", struct.pack(">d", 0.1), 0.1),
    ],
)
def test_values_of_every_type_are_read(device: "Device", type_: str, data: bytes, value: float) -> None:
    assert device.said(f'type = "{type_}"', data) == {"voltage_v": value}


@pytest.mark.parametrize(
    ("register", "data"),
    [
        ('type = "bcd16"', b"\x12\x3a"),
        ('type = "f32"', struct.pack(">f", float("nan"))),
        ("absent = [65535, 32767]", b"\x7f\xff"),
        ('type = "u64"', b"\xff" * 8),
    ],
)
def test_what_is_no_value_leaves_a_gap(device: "Device", register: str, data: bytes) -> None:
    assert device.said(register, data) == {}


def test_numbers_of_registers_may_begin_as_the_manual_has_them(device: "Device") -> None:
    protocol = device.protocol(
        'name = "v"\nregister = 40011\nto = "meter.voltage_v"', head="numbers_from = 40001"
    )
    assert protocol.requests[0].to(1) == wire.request(1, 3, 10, 1)


def test_bits_are_alarms_and_texts_name_the_device(device: "Device") -> None:
    protocol = device.protocol(
        'name = "state"\nregister = 0\nbits = { 0 = "cell_overvoltage", 9 = "short_circuit" }',
        'name = "serial number"\nregister = 1\ntype = "text"\ncount = 3',
    )
    data = answered(1, 3, 0, b"\x02\x00" + b"AB12\x00\x00")
    assert alarms_of(protocol, data) == ["short_circuit"]
    framer = protocol.make_framer()
    feed_pieces(framer, [data])
    assert framer.identity() == {"serial number": "AB12"}


def test_registers_that_lie_apart_are_asked_apart_and_all_of_a_reply_is_used(device: "Device") -> None:
    protocol = device.protocol(
        'name = "v"\nregister = 0\nto = "meter.voltage_v"',
        'name = "i"\nregister = 1\nto = "meter.current_a"',
        'name = "e"\nregister = 40\nto = "meter.energy_wh"',
    )
    asked = [one.to(7) for one in protocol.requests]
    assert asked == [wire.request(7, 3, 0, 2), wire.request(7, 3, 40, 1)]
    found = values_of(protocol, answered(7, 3, 1, b"".join(n.to_bytes(2, "big") for n in range(1, 45))))
    assert (found["current_a"], found["energy_wh"]) == (1.0, 40.0)
    assert "voltage_v" not in found  # another master asked for part of a group


def test_a_reply_is_not_taken_for_one_to_another_request() -> None:
    framer = PZEM.make_framer()
    late = wire.reply(1, 4, [0] * 8)
    wrong = wire.request(1, 4, 0, 2) + late
    assert feed_pieces(framer, [late, wrong, wire.reply(2, 4, [0, 0])]) == []
    assert framer.counts()["other_messages"] == 3


def test_a_reply_that_noise_holds_back_is_read_by_its_own_request() -> None:
    """Noise claims to be a reply of 32 bytes, so that the first reply is found after the second request."""
    framer, frames = raw_modbus([(4, 0, 8), (4, 0, 4)]).make_framer(), FrameBatch(64)
    noise = bytes((1, 4, 32))
    framer.feed(noise, 1, frames)
    for at, quantity in ((2, 8), (3, 4)):
        framer.sent(wire.request(1, 4, 0, quantity), frames)  # type: ignore[union-attr]
        framer.feed(wire.reply(1, 4, [quantity] * quantity), at, frames)
    framer.finish(frames)
    assert [(frame.time_ns, frame.data[:2]) for frame in frames] == [(2, b"\x00\x08"), (3, b"\x00\x04")]
    assert framer.counts()["garbage_bytes"] == len(noise)


def test_a_refusal_is_counted_and_forgets_the_request() -> None:
    framer, frames = PZEM.make_framer(), FrameBatch(64)
    framer.sent(wire.request(1, 4, 0, 8), frames)  # type: ignore[union-attr]
    framer.feed(wire.with_crc(b"\x01\x84\x02") + wire.reply(1, 4, [0] * 8), 0, frames)
    assert len(frames) == 0
    assert framer.counts()["lost/error_reply"] == 1


def test_an_adapter_may_echo_the_request() -> None:
    framer, frames = PZEM.make_framer(), FrameBatch(64)
    asked = wire.request(1, 4, 0, 8)
    framer.sent(asked, frames)  # type: ignore[union-attr]
    framer.feed(asked + wire.reply(1, 4, [0] * 8), 0, frames)
    assert len(frames) == 1
    assert framer.counts()["echoes"] == 1


def test_without_a_map_registers_are_shown_as_they_are() -> None:
    protocol = raw_modbus([(4, 16, 4)])
    framer = protocol.make_framer()
    (frame,) = feed_pieces(framer, [EXAMPLE_REQUEST + EXAMPLE])
    assert [signal.name for signal in protocol.messages[0].signals] == [
        "r00016",
        "r00017",
        "r00018",
        "r00019",
    ]
    assert frame.data == EXAMPLE[3:-2]


PLAIN = (
    'name = "a"\nregister = 0\nto = "meter.voltage_v"',
    'name = "b"\nregister = 1\ntype = "u32"\norder = "CDAB"\nto = "meter.current_a"',
    'name = "c"\nregister = 3\ntype = "u32"\norder = "DCBA"\nto = "meter.power_w"',
    'name = "d"\nregister = 5\ntype = "u32"\norder = "BADC"\nto = "meter.energy_wh"',
)
SIGNED = 'name = "e"\nregister = 7\ntype = "s16"\nto = "meter.energy_reverse_wh"'


@pytest.mark.parametrize("first", range(8))
def test_of_unsigned_numbers_those_that_a_reply_has_are_read_with_a_signed_one_or_without(
    device: "Device", first: int
) -> None:
    registers = (0xFFFE, 0x0304, 0xF102, 0x0403, 0x02F1, 0x02F1, 0x0403, 0xFFFF)
    data = b"".join(register.to_bytes(2, "big") for register in registers[first:])
    values = {"voltage_v": 0xFFFE, **dict.fromkeys(("current_a", "power_w", "energy_wh"), 0xF1020304)}
    begins = {"voltage_v": 0, "current_a": 1, "power_w": 3, "energy_wh": 5}
    expected = {name: value for name, value in values.items() if begins[name] >= first}
    line = answered(1, 3, first, data)
    assert values_of(device.protocol(*PLAIN), line) == expected
    assert values_of(device.protocol(*PLAIN, SIGNED), line) == {**expected, "energy_reverse_wh": -1}


def test_the_decimal_point_of_an_acrel_is_in_registers_of_its_own() -> None:
    registers = [4567, 2, 0xFFFF - 122, 1, 0, 25, 0, 0, 1500, 3, 0, 0, 0x0001, 0x86A0, 0, 5, *(0,) * 4]
    data = b"".join(register.to_bytes(2, "big") for register in registers)
    assert values_of(ACREL, answered(1, 3, 0, data)) == {
        "voltage_v": 456.7,
        "current_a": -1.23,
        "power_w": 1500.0,
        "energy_wh": 100000.0,
        "energy_reverse_wh": 5.0,
    }


@pytest.mark.parametrize(("first", "count"), [(10, 1), (9, 2), (12, 1)])
def test_a_value_whose_decimal_places_lie_beside_the_reply_is_none(
    device: "Device", first: int, count: int
) -> None:
    """Right behind the value, or right before it; another master has asked for as much."""
    values = [
        f'name = "{name}"\nregister = {at}\ndecimals = 11\nto = "meter.{to}"' for name, at, to in DECIMALS
    ]
    protocol = device.protocol(*values)
    assert values_of(protocol, answered(1, 3, 10, b"\x30\x39\x00\x02\x30\x39"))["voltage_v"] == 1234500
    assert values_of(protocol, answered(1, 3, first, b"\x30\x39" * count)) == {}


DECIMALS = (("v", 10, "voltage_v"), ("i", 12, "current_a"))


def test_a_reply_that_comes_once_more_answers_no_second_request() -> None:
    framer = PZEM.make_framer()
    late = wire.reply(1, 4, [0] * 8)
    assert len(feed_pieces(framer, [wire.request(1, 4, 0, 8) + late + late])) == 1
    assert framer.counts()["other_messages"] == 1


@settings(deadline=None, max_examples=examples(25))
@given(moment=readings(), energy_wh=st.integers(0, 2**32 - 1))
def test_all_that_a_simulated_meter_says_arrives(moment: Readings, energy_wh: int) -> None:
    line = wire.ModbusLine(lambda: wire.pzem(moment, energy_wh))
    (only,) = PZEM.requests
    assert only.to(1) == wire.request(1, 4, 0, 8)
    (reply,) = line.feed(only.to(1))
    found = values_of(PZEM, only.to(1) + reply)
    voltage_v = min(moment.voltage_v, 655.35)
    current_a = min(abs(moment.current_a), 655.35)
    power_w = abs(moment.power_w)
    assert found == pytest.approx(
        {"voltage_v": voltage_v, "current_a": current_a, "power_w": power_w, "energy_wh": energy_wh},
        abs=0.0501,  # half of the 0.1 W to which the wire rounds the power
    )


GOOD = """
title = "a meter"
slave = 7
parity = "E"
[[register]]
name = "voltage"
register = 4
type = "s32"
[[register]]
name = "current"
register = 6
"""


def read(folder: Path, text: str) -> RegisterMap:
    file = folder / "map.toml"
    file.write_text(text)
    return read_register_map(file)


def test_registers_side_by_side_are_one_poll(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD)
    assert (found.slave, found.parity, found.stop_bits, found.baud_rate) == (7, "E", 1, 9600)
    (group,) = found.groups
    assert (group.function, group.first, group.count, group.every_s) == (3, 4, 3, 1.0)


def test_polls_may_be_given_and_read_more_than_is_used(tmp_path: Path) -> None:
    polls = "[[poll]]\nfirst = 0\ncount = 6\nevery_s = 0.5\n[[poll]]\nfirst = 6\ncount = 10\nevery_s = 60\n"
    found = read(tmp_path, GOOD + polls)
    assert [(group.first, group.every_s, len(group.registers)) for group in found.groups] == [
        (0, 0.5, 1),
        (6, 60.0, 1),
    ]


def test_the_function_of_a_map_is_that_of_its_registers_and_its_polls(tmp_path: Path) -> None:
    polls = "[[poll]]\nfirst = 4\ncount = 3\n"
    (group,) = read(tmp_path, "function = 4" + GOOD + polls).groups
    assert (group.function, len(group.registers)) == (4, 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace('"s32"', '"s31"'), r"map.toml:8: register\[0\].type: .*s31"),
        (
            GOOD.replace("register = 6", "register = 5"),
            "register 5 of current|5 of current is a part of voltage",
        ),
        (GOOD.replace('"current"', '"voltage"'), "voltage is there twice"),
        (GOOD.replace("register = 6", "register = 65536"), "register"),
        (GOOD.replace("register = 4", "register = 65535"), "ends after the last register"),
        (GOOD + "[[poll]]\nfirst = 4\ncount = 2\n", "current lies in no"),
        (GOOD + "scales = 2\n", "scales"),
        (GOOD + 'bits = { x = "short_circuit" }\n', "not the number of a bit"),
        (
            GOOD + 'bits = { 16 = "short_circuit" }\n',
            "'16' is not the number of a bit of a u16 .*15 the highest",
        ),
        (GOOD + 'type = "f32"\nbits = { 1 = "short_circuit" }\n', "a f32 has no bits"),
        (GOOD + 'bits = { 1 = "source_lost" }\n', r"bits\.1: source_lost is reported by the service itself"),
        (GOOD + 'to = "meter.volts"\n', r'map.toml:[0-9]+: register\[1\].to: meter has no field "volts"'),
        (GOOD + 'to = "charger.phase"\n', r"register\[1\].to: charger.phase is a text"),
        (GOOD + 'to = "cells.v{n}"\n', r"register\[1\].to: cells.v{n} is many fields"),
        (
            GOOD.replace("register = 4", 'register = 4\nto = "meter.current_a"') + 'to = "meter.current_a"\n',
            r"register\[1\].to: voltage fills meter.current_a already",
        ),
        (GOOD + "scale = 0\n", r"register\[1\].scale: must not be 0"),
        (GOOD + 'absent = ["x"]\n', r"register\[1\].absent: must be integers"),
        (GOOD + 'bits = { 1 = "shorted" }\n', "shorted"),
        ('title = "x"\n', r"has no \[\[register\]\]"),
        (GOOD.replace("slave = 7", "slave = 248"), "slave"),
    ],
)
def test_a_map_that_is_wrong_says_where(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read(tmp_path, text)


@pytest.mark.parametrize("name", ["acrel_djsf1352", "pzem_017"])
def test_the_maps_that_come_along_are_whole(name: str) -> None:
    found = read_register_map(find_map(name))
    assert {"meter.voltage_v", "meter.current_a"} <= {
        register.to for group in found.groups for register in group.registers
    }


def test_all_maps_that_come_along_are_tested_here() -> None:
    assert {file.stem for file in READY.glob("*.toml")} == {"acrel_djsf1352", "pzem_017"}


def test_a_map_is_found_by_its_path_where_no_ready_one_has_the_name(tmp_path: Path) -> None:
    assert find_map("pzem_017").parent == READY
    assert find_map("mine.toml", tmp_path) == tmp_path / "mine.toml"
    assert find_map(str(tmp_path / "pzem_017"), tmp_path) == tmp_path / "pzem_017"
