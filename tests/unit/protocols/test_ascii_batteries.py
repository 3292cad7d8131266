"""Seplos and Pylontech: worked examples of their documents, and what the traps of their frames come to."""

from dataclasses import replace
from functools import partial

import pytest
from telemetry_core.frames.batch import FrameBatch

from firmware_sim.wire import ascii_frame as wire
from firmware_sim.wire import pylontech as wire_pylontech
from firmware_sim.wire import seplos_v2 as wire_seplos
from telemetry.framing.framer import MessageFramer
from telemetry.protocols.serial.ascii_frame import request
from telemetry.protocols.serial.pylontech import PYLONTECH
from telemetry.protocols.serial.seplos_v2 import SEPLOS_V2
from telemetry.protocols.table import SerialProtocol
from tests.support.serial_rows import alarms_of, heard_by, rows_of
from tests.unit.protocols.test_boards import ORDINARY

SEPLOS_EXAMPLE = (
    b"~2001460030760001080CF00CF20CEF0CF30CEE0CF10CF00CF4060B820B840B860B810B8D0B9CFB2E0A5A235A0A27100389271000"
    b"2503DE0A590000000000000000E41C\r"
)
PYLONTECH_EXAMPLE = b"~20024600F03E1102030CE90CEB0CEA020B9B0B8CFFDD26BEFFFF04FFFF003400EFEC012110EF47\r"


def with_text(text: bytes) -> bytes:
    """Return a frame of these digits, with the check that they need."""
    return b"~%b%04X\r" % (text, -sum(text) & 0xFFFF)


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (request(0, 0x42, b"\x00"), b"~20004642E00200FD37\r"),
        (request(1, 0x44, b"\x01"), b"~20014644E00201FD33\r"),
        (request(0, 0x51, b""), b"~200046510000FDAE\r"),
        (request(2, 0x42, b"\x02"), b"~20024642E00202FD33\r"),
        (request(2, 0x42, b"\xff"), b"~20024642E002FFFD09\r"),
        (request(2, 0x92, b"\x02"), b"~20024692E00202FD2E\r"),
    ],
)
def test_requests_are_those_of_the_documents(asked: bytes, text: bytes) -> None:
    assert asked == text


@pytest.mark.parametrize(("info_bytes", "length"), [(0, b"0000"), (1, b"E002"), (9, b"D012"), (75, b"1096")])
def test_a_length_counts_letters_and_has_the_nibble_of_its_check(info_bytes: int, length: bytes) -> None:
    assert request(0, 0x42, bytes(info_bytes))[9:13] == length


@pytest.mark.parametrize(
    ("protocol", "said"),
    [(SEPLOS_V2, SEPLOS_EXAMPLE), (PYLONTECH, PYLONTECH_EXAMPLE)],
    ids=["seplos", "pylontech"],
)
def test_digits_may_be_small_letters(protocol: SerialProtocol, said: bytes) -> None:
    small = with_text(said[1:-5].lower())
    assert rows_of(protocol, small) == rows_of(protocol, said) != []
    assert rows_of(protocol, small[:-5] + small[-5:].lower()) == rows_of(protocol, said)


def test_the_worked_example_of_a_seplos_is_read() -> None:
    cells, battery = rows_of(SEPLOS_V2, SEPLOS_EXAMPLE)
    voltages = (3.312, 3.314, 3.311, 3.315, 3.310, 3.313, 3.312, 3.316)
    assert cells == (
        "cells",
        {
            **{f"v{n:03}": volts for n, volts in enumerate(voltages, 1)},
            "t001": 21.5,
            "t002": 21.7,
            "t003": 21.9,
            "t004": 21.4,
        },
    )
    expected = {
        "voltage_v": 26.5,
        "current_a": -12.34,
        "remaining_ah": 90.5,
        "capacity_ah": 100.0,
        "soc_pct": 90.5,
        "cycles": 37.0,
        "soh_pct": 99.0,
        "temp_ambient_c": 22.6,
        "temp_switch_c": 24.1,
    }
    assert battery[1] == battery[1] | expected
    assert heard_by(SEPLOS_V2, SEPLOS_EXAMPLE)[0] == [1]


def test_the_worked_example_of_a_pylontech_is_read() -> None:
    cells, battery = rows_of(PYLONTECH, PYLONTECH_EXAMPLE)
    assert cells == ("cells", {"v001": 3.305, "v002": 3.307, "v003": 3.306, "t001": 24.0, "t002": 22.5})
    expected = {
        "voltage_v": 9.918,
        "current_a": -3.5,
        "cycles": 52.0,
        "remaining_ah": 61.42,
        "capacity_ah": 74.0,
    }
    assert battery[1] == battery[1] | expected
    assert heard_by(PYLONTECH, PYLONTECH_EXAMPLE)[0] == [2]


@pytest.mark.parametrize("protocol", [SEPLOS_V2, PYLONTECH], ids=["seplos", "pylontech"])
@pytest.mark.parametrize(
    "spoiled",
    [
        b"~1203400456ABCEFEFC72\r",  # as both vendors print it: one more than the rule gives
        PYLONTECH_EXAMPLE[:-5] + b"EF48\r",
        PYLONTECH_EXAMPLE.replace(b"F03E", b"E03E").replace(
            b"EF47", b"EF48"
        ),  # a wrong nibble, a right check
        PYLONTECH_EXAMPLE[:-1] + b"\n",
        PYLONTECH_EXAMPLE.replace(b"0CE9", b"0CG9"),
    ],
)
def test_what_the_rule_of_the_checks_does_not_give_is_refused(
    protocol: SerialProtocol, spoiled: bytes
) -> None:
    assert rows_of(protocol, spoiled) == []
    assert heard_by(protocol, spoiled)[1]["messages"] == 0


def test_a_frame_ends_at_cr_and_needs_no_lf() -> None:
    addresses, counts, _ = heard_by(PYLONTECH, PYLONTECH_EXAMPLE)
    assert addresses == [2]
    assert counts["garbage_bytes"] == 0


def test_a_lost_cr_costs_that_frame_alone() -> None:
    assert heard_by(PYLONTECH, PYLONTECH_EXAMPLE[:-1] + PYLONTECH_EXAMPLE * 2)[0] == [2, 2]


@pytest.mark.parametrize(("version", "cid1"), [(0x25, 0x46), (0x20, 0x4A)])
def test_packs_of_other_makers_and_other_equipment_are_left_out(version: int, cid1: int) -> None:
    info = SEPLOS_EXAMPLE[13:-5]
    head = b"%02X00%02X001076" % (version, cid1)
    said = with_text(head[:8] + SEPLOS_EXAMPLE[9:13] + info)
    _, counts, _ = heard_by(SEPLOS_V2, said)
    assert counts["other_messages"] == 1
    assert rows_of(SEPLOS_V2, said) == []


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 7, 0x90, 0x91, 0xE1, 0xE4])
def test_a_return_code_is_a_refusal(code: int) -> None:
    assert heard_by(SEPLOS_V2, wire.frame(0, code))[1]["lost/error_reply"] == 1
    assert heard_by(PYLONTECH, wire.frame(2, code))[1]["lost/error_reply"] == 1


@pytest.mark.parametrize("asked", [b"", request(0, 0x42, b"\x00"), request(0, 0x44, b"\x00")])
def test_a_reply_is_read_by_its_form_whatever_was_asked(asked: bytes) -> None:
    said = wire.frame(0, 0, wire_seplos.alarms(ORDINARY, wire_seplos.SeplosFirmware()))
    framer = SEPLOS_V2.make_framer()
    assert isinstance(framer, MessageFramer)
    frames = FrameBatch(1024)
    framer.sent(asked, frames)
    framer.feed(asked + SEPLOS_EXAMPLE + said, 1, frames)
    assert [frame.id for frame in frames] == [0x42, 0x44]
    assert framer.counts()["echoes"] == bool(asked)


def test_a_seplos_says_what_it_is() -> None:
    said = wire.frame(0, 0, wire_seplos.vendor(wire_seplos.SeplosFirmware()))
    _, _, identity = heard_by(SEPLOS_V2, said, sent=request(0, 0x51, b""))
    assert identity == {"model": "1101-SP76", "firmware": "16.6", "maker": "CAN:VICTRON"}


def alarm_info(event: int, bits: int) -> bytes:
    """Return an answer of sixteen cells with these bits in one event; events count from 1."""
    info = bytearray(wire_seplos.alarms(replace(ORDINARY, cells_v=(3.3,) * 16), wire_seplos.SeplosFirmware()))
    info[28 + event] = bits
    return wire.frame(0, 0, bytes(info))


@pytest.mark.parametrize(
    ("event", "first", "code"),
    [
        (2, 0, "cell_overvoltage"),
        (2, 2, "cell_undervoltage"),
        (2, 4, "pack_overvoltage"),
        (2, 6, "pack_undervoltage"),
        (3, 0, "charge_overtemperature"),
        (3, 2, "charge_undertemperature"),
        (3, 4, "discharge_overtemperature"),
        (3, 6, "discharge_undertemperature"),
        (5, 0, "charge_overcurrent"),
        (5, 2, "discharge_overcurrent"),
    ],
)
def test_a_warning_and_its_protection_are_one_code_at_two_levels(event: int, first: int, code: str) -> None:
    for bit in (first, first + 1):
        assert alarms_of(SEPLOS_V2, alarm_info(event, 1 << bit)) == [code]
    levels = {
        (one.bit, one.level)
        for one in SEPLOS_V2.mapped
        if one.signal == f"SeplosAlarms.event{event}" and one.to == f"event.{code}"
    }
    assert (first, "warning") in levels
    assert (first + 1, None) in levels


@pytest.mark.parametrize(
    ("event", "bits", "code"),
    [
        (1, 0x10, "sensor_fault"),
        (4, 0x01, "overtemperature"),
        (5, 0x10, "discharge_overcurrent"),
        (5, 0x20, "short_circuit"),
        (6, 0x04, "soc_low"),
        (6, 0x08, "soc_low"),
    ],
)
def test_other_events_of_a_seplos_have_their_codes(event: int, bits: int, code: str) -> None:
    assert alarms_of(SEPLOS_V2, alarm_info(event, bits)) == [code]


def test_a_seplos_reports_switches_and_balanced_cells() -> None:
    readings = replace(ORDINARY, cells_v=(3.3,) * 16, charge_switch=False, balanced_cells=frozenset((0, 9)))
    said = wire.frame(0, 0, wire_seplos.alarms(readings, wire_seplos.SeplosFirmware()))
    assert rows_of(SEPLOS_V2, said) == [
        (
            "battery",
            {
                "charge_enabled": False,
                "discharge_enabled": True,
                "balancing": True,
                "protection_word": 0,
                "balance_word": 1 << 9 | 1,
            },
        )
    ]


def test_fewer_further_values_leave_their_fields_out() -> None:
    said = wire.frame(0, 0, wire_seplos.analog(ORDINARY, wire_seplos.SeplosFirmware(custom_count=10)))
    info = bytearray.fromhex(said[13:-5].decode())
    at = len(info) - 21
    assert info[at] == 10
    info[at] = 3
    battery = dict(rows_of(SEPLOS_V2, wire.frame(0, 0, bytes(info[: at + 7]))))["battery"]
    assert battery["soc_pct"] == 64.0
    assert battery.keys().isdisjoint({"cycles", "soh_pct"})


# --- several modules

MODULES = (
    ORDINARY,
    replace(
        ORDINARY, cells_v=(3.2,) * 15, current_a=-5.0, voltage_v=48.0, capacity_ah=50.0, remaining_ah=25.0
    ),
    replace(ORDINARY, cells_v=(3.1,) * 15, current_a=0.0, voltage_v=46.5),
)


def stack(group: int = 0, wide: tuple[bool, ...] = (True, False, True)) -> wire_pylontech.PylontechLine:
    firmware = wire_pylontech.PylontechFirmware(group=group, wide=wide)
    return wire_pylontech.PylontechLine([partial(replace, module) for module in MODULES], firmware)


@pytest.mark.parametrize("group", [0, 1, 14])
def test_modules_of_a_group_are_devices_in_the_order_of_the_frame(group: int) -> None:
    (said,) = stack(group).feed(wire_pylontech.request(0x42, wire_pylontech.ALL, group))
    addresses, _, _ = heard_by(PYLONTECH, said)
    assert addresses == [16 * group + 2, 16 * group + 3, 16 * group + 4]
    volts = [values["voltage_v"] for name, values in rows_of(PYLONTECH, said) if name == "battery"]
    assert volts == [46.291, 48.0, 46.5]


@pytest.mark.parametrize("number", [2, 3, 4])
def test_one_module_has_the_address_that_was_asked_for(number: int) -> None:
    (said,) = stack().feed(wire_pylontech.request(0x42, number))
    assert heard_by(PYLONTECH, said)[0] == [number]


def test_a_stack_of_one_is_its_first_module() -> None:
    line = wire_pylontech.PylontechLine([lambda: ORDINARY])
    (said,) = line.feed(wire_pylontech.request(0x42, wire_pylontech.ALL))
    assert heard_by(PYLONTECH, said)[0] == [2]


def test_modules_of_two_models_may_stand_beside_each_other() -> None:
    (said,) = stack(wide=(False, True, False)).feed(wire_pylontech.request(0x42, wire_pylontech.ALL))
    full = [values["capacity_ah"] for name, values in rows_of(PYLONTECH, said) if name == "battery"]
    assert full == [65.535, 50.0, 65.535]  # two bytes hold no more


def test_three_user_items_have_the_wide_charges_too() -> None:
    wide = bytearray(wire_pylontech.module_analog(ORDINARY, wide=True))
    assert wide[-11] == 4
    wide[-11] = 3
    said = wire.frame(2, 0, bytes((0, 2)) + bytes(wide) * 2)
    assert rows_of(PYLONTECH, said) == rows_of(
        PYLONTECH, wire.frame(2, 0, bytes((0, 2)) + wire_pylontech.module_analog(ORDINARY, wide=True) * 2)
    )
    assert heard_by(PYLONTECH, said)[0] == [2, 3]


@pytest.mark.parametrize("missing", range(1, 18))  # 6 of the wide charges, 11 before them
def test_a_reply_that_ends_within_its_last_values_says_nothing(missing: int) -> None:
    module = wire_pylontech.module_analog(ORDINARY, wide=True)
    assert heard_by(PYLONTECH, wire.frame(2, 0, bytes((0, 2)) + module))[0] == [2]
    addresses, counts, _ = heard_by(PYLONTECH, wire.frame(2, 0, bytes((0, 2)) + module[:-missing]))
    assert (addresses, counts["lost/bad_length"]) == ([], 1)


@pytest.mark.parametrize("protocol", [PYLONTECH, SEPLOS_V2])
def test_a_device_name_may_be_filled_up_with_zeros(protocol: SerialProtocol) -> None:
    info = b"US2KBPL".ljust(10, b"\0") + b"\x02\x03" + b"Pylon".ljust(20, b"\0")
    _, _, identity = heard_by(protocol, wire.frame(2, 0, info))
    assert identity["model"] == "US2KBPL"
    assert identity["maker"] == "Pylon"


def test_a_reply_that_counts_more_modules_than_it_holds_says_nothing() -> None:
    info = bytes((0, 4)) + wire_pylontech.module_analog(ORDINARY, wide=True) * 3
    said = wire.frame(2, 0, info)
    assert rows_of(PYLONTECH, said) == []
    assert heard_by(PYLONTECH, said)[1]["lost/bad_length"] == 1


def test_management_reports_limits_as_positive_numbers() -> None:
    (said,) = stack().feed(wire_pylontech.request(0x92))
    assert rows_of(PYLONTECH, said) == [
        (
            "battery",
            {
                "charge_limit_v": 53.25,
                "charge_limit_a": 25.0,
                "discharge_limit_a": 25.0,
                "charge_enabled": True,
                "discharge_enabled": True,
            },
        )
    ]


def test_the_greatest_discharge_limit_of_16_bits_is_read() -> None:
    info = bytes((2,)) + bytes.fromhex("D002 B004 7FFF 8000 C0")
    ((measurement, fields),) = rows_of(PYLONTECH, wire.frame(2, 0, info))
    assert measurement == "battery"
    assert (fields["charge_limit_a"], fields["discharge_limit_a"]) == (3276.7, 3276.8)


@pytest.mark.parametrize(
    ("alarm", "codes"),
    [
        ("pack_overvoltage", ["pack_overvoltage"]),
        ("cell_undervoltage", ["cell_undervoltage", "sensor_fault"]),
        ("charge_overcurrent", ["charge_overcurrent"]),
        ("discharge_overcurrent", ["discharge_overcurrent"]),
        ("discharge_overtemperature", ["discharge_overtemperature"]),
        ("charge_overtemperature", ["charge_overtemperature"]),
        ("pack_undervoltage", ["pack_undervoltage"]),
        ("cell_overvoltage", ["cell_overvoltage", "sensor_fault"]),
    ],
)
def test_alarms_of_a_module_have_their_codes(alarm: str, codes: list[str]) -> None:
    readings = replace(ORDINARY, alarms=frozenset((alarm,)))
    line = wire_pylontech.PylontechLine([lambda: readings])
    (said,) = line.feed(wire_pylontech.request(0x44, wire_pylontech.ALL))
    assert alarms_of(PYLONTECH, said) == codes


def test_a_stack_says_what_it_is() -> None:
    line = stack()
    replies = [line.feed(wire_pylontech.request(command))[0] for command in (0x93, 0x96)]
    _, _, identity = heard_by(PYLONTECH, *replies)
    assert identity == {"serial number of 02": "K221027C30801234", "firmware": "1.1.3"}


def test_limits_of_a_stack_are_a_message_of_their_own() -> None:
    info = bytes.fromhex("00 0E42 0BEA 0AF0 0D03 0AAB 1388 D002 AFC8 A8C0 0D67 0A47 EC78")
    framer, frames = PYLONTECH.make_framer(), FrameBatch(1024)
    framer.feed(wire.frame(2, 0, info), 1, frames)
    assert [(frame.id, frame.data) for frame in frames] == [(0x47, info[1:])]


def test_the_form_alone_separates_alarms_from_values_whatever_bits_are_set() -> None:
    for bits in range(256):
        for event in (1, 2, 6, 7):
            framer, frames = SEPLOS_V2.make_framer(), FrameBatch(1024)
            framer.feed(alarm_info(event, bits), 1, frames)
            assert [frame.id for frame in frames] == [0x44]
