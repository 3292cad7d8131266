"""JK boards: what the traps of their two protocols come to."""

from dataclasses import replace

import pytest
from telemetry_core.frames.batch import FrameBatch

from firmware_sim.wire import jk_55aa as wire_55aa
from firmware_sim.wire import jk_nw as wire_nw
from telemetry.framing.framing import NO_ADDRESS
from telemetry.protocols.serial.jk_55aa import JK_55AA, request
from telemetry.protocols.serial.jk_nw import JK_NW, REQUEST
from tests.support.framing import frames_of
from tests.support.serial_rows import Value, alarms_of, heard_by, rows_of
from tests.unit.protocols.test_boards import ORDINARY

PLAIN = wire_nw.JkNwFirmware()


def nw(firmware: wire_nw.JkNwFirmware = PLAIN, **changes: object) -> dict[str, dict[str, Value]]:
    return dict(rows_of(JK_NW, wire_nw.reply(replace(ORDINARY, **changes), firmware)))  # type: ignore[arg-type]


def tagged(body: str, *, command: int = 6, kind: int = 1) -> bytes:
    """Return a reply of these tags alone."""
    return wire_nw.seal(bytes(4) + bytes((command, 0, kind)) + bytes.fromhex(body) + bytes(4))


# --- tagged values


def test_the_request_for_all_is_the_vendors_and_its_echo_is_no_status() -> None:
    assert bytes.fromhex("4E5700130000000006030000000000006800000129") == REQUEST
    assert rows_of(JK_NW, REQUEST) == []
    assert heard_by(JK_NW, REQUEST)[1]["echoes"] == 1


def test_a_reply_whose_printed_check_does_not_fit_its_bytes_is_refused() -> None:
    said = wire_nw.reply(ORDINARY, PLAIN)
    wrong = (
        int.from_bytes(said[-2:], "big") + 0x4923 - 0x485C
    ) & 0xFFFF  # as far off as the vendor's example
    spoiled = said[:-2] + wrong.to_bytes(2, "big")
    assert rows_of(JK_NW, spoiled) == []
    assert heard_by(JK_NW, spoiled)[1]["lost/bad_checksum"] == 1


def test_the_first_two_bytes_of_the_check_may_be_anything() -> None:
    said = wire_nw.reply(ORDINARY, PLAIN)
    assert rows_of(JK_NW, said[:-4] + b"\x00\x01" + said[-2:]) == rows_of(JK_NW, said)


@pytest.mark.parametrize(
    ("body", "amperes"),
    [
        ("84 84D2 C0 01", 12.34),
        ("84 04D2 C0 01", -12.34),
        ("84 0000 C0 01", 0.0),
        ("84 FFFF C0 01", 327.67),
        ("84 84D2 C0 01 B1 05", 12.34),
        ("84 2710", 0.0),
        ("84 0000", 100.0),
        ("84 2AF8", -10.0),
        ("84 FFFF", -555.35),
    ],
)
def test_the_current_is_read_by_the_version(body: str, amperes: float) -> None:
    battery = dict(rows_of(JK_NW, tagged("79 03 01 0CE4" + body)))["battery"]
    assert battery["current_a"] == amperes
    assert str(battery["current_a"]) != "-0.0"


def test_after_an_unknown_tag_what_was_read_stays_and_the_version_is_still_found() -> None:
    rows = nw(replace(PLAIN, unknown_tag=b"\xe1\x84\x00"), current_a=-12.34)
    assert rows["battery"]["current_a"] == -12.34
    assert rows["battery"]["voltage_v"] == 46.29
    assert "capacity_ah" not in rows["battery"]


def test_a_tag_that_does_not_come_leaves_its_field_out() -> None:
    rows = nw(replace(PLAIN, left_out=frozenset((0x81, 0x85, 0x8C, 0x99, 0xAA))))
    assert "t001" not in rows["cells"]
    assert rows["cells"]["t002"] == 22.0
    assert (
        rows["battery"]
        .keys()
        .isdisjoint({"soc_pct", "charge_enabled", "balancing", "charge_limit_a", "capacity_ah"})
    )


@pytest.mark.parametrize(("raw", "degrees"), [(0, 0), (50, 50), (99, 99), (100, -1), (101, -2), (119, -20)])
def test_temperatures_above_99_are_below_zero(raw: int, degrees: int) -> None:
    rows = dict(rows_of(JK_NW, tagged(f"80 {raw:04X} 81 {raw:04X}")))
    assert rows["battery"]["temp_switch_c"] == degrees
    assert rows["cells"]["t001"] == degrees


def test_texts_may_hold_any_bytes_and_a_password_goes_nowhere() -> None:
    firmware = replace(
        PLAIN, password=b"s3cret\x84\x85", device_id=b"\x0a\x0d\x79\x8bID", maker=b"JK_B2A24S\x85\x64"
    )
    said = wire_nw.reply(ORDINARY, firmware)
    assert rows_of(JK_NW, said) == rows_of(JK_NW, wire_nw.reply(ORDINARY, PLAIN))
    identity = heard_by(JK_NW, said)[2]
    assert identity["firmware"] == "11.XW_S11.26___"
    assert identity["maker"].startswith("JK_B2A24S")
    (frame,) = frames_of(JK_NW, said)
    assert b"s3cret" not in frame.data
    assert not any("s3cret" in words for words in identity.values())


@pytest.mark.parametrize(
    ("command", "kind", "is_read"), [(6, 1, True), (3, 1, True), (6, 2, True), (5, 1, False)]
)
def test_replies_and_what_is_pushed_are_read(command: int, kind: int, is_read: bool) -> None:
    assert bool(rows_of(JK_NW, tagged("83 12D0", command=command, kind=kind))) is is_read


@pytest.mark.parametrize(
    ("bit", "code"),
    [
        (0, "soc_low"),
        (1, "overtemperature"),
        (2, "pack_overvoltage"),
        (3, "pack_undervoltage"),
        (4, "overtemperature"),
        (5, "charge_overcurrent"),
        (6, "discharge_overcurrent"),
        (7, "cell_imbalance"),
        (8, "overtemperature"),
        (9, "undertemperature"),
        (10, "cell_overvoltage"),
        (11, "cell_undervoltage"),
    ],
)
def test_each_alarm_bit_of_a_tag_has_its_code(bit: int, code: str) -> None:
    assert alarms_of(JK_NW, tagged(f"8B {1 << bit:04X}")) == [code]
    assert dict(rows_of(JK_NW, tagged(f"8B {1 << bit:04X}")))["battery"] == {"protection_word": 1 << bit}


def test_limits_are_those_of_the_current() -> None:
    battery = nw()["battery"]
    assert (battery["charge_limit_a"], battery["discharge_limit_a"]) == (50.0, 100.0)


# --- 55 AA EB 90


def answer(address: int, kind: wire_55aa.Type = wire_55aa.Type.STATUS) -> bytes:
    line = wire_55aa.Jk55aaLine(lambda: ORDINARY, wire_55aa.Jk55aaFirmware(address=address))
    return b"".join(line.feed(wire_55aa.request(address, kind)))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (2, "01 10 16 20 00 01 02 00 00 D6 F1"),
        (1, "01 10 16 1E 00 01 02 00 00 D2 2F"),
        (3, "01 10 16 1C 00 01 02 00 00 D3 CD"),
    ],
)
def test_triggers_are_the_vendors(kind: int, text: str) -> None:
    assert request(1, kind) == bytes.fromhex(text)


def test_the_address_is_that_of_the_acknowledgement_and_all_310_bytes_are_taken() -> None:
    addresses, counts, _ = heard_by(JK_55AA, answer(1) + answer(7) + answer(15))
    assert addresses == [1, 7, 15]
    assert (counts["messages"], counts["garbage_bytes"], counts["padding_bytes"]) == (6, 0, 6)


def test_a_masters_broadcast_has_no_address() -> None:
    master = wire_55aa.Jk55aaLine(lambda: ORDINARY, wire_55aa.Jk55aaFirmware(address=0))
    (said,) = master.due(1)
    addresses, counts, _ = heard_by(
        JK_55AA, said + wire_55aa.request(3, wire_55aa.Type.STATUS) + answer(3) + said
    )
    assert addresses == [NO_ADDRESS, 3, NO_ADDRESS]
    assert counts["echoes"] == 1


def test_a_frame_in_pieces_waits_for_its_acknowledgement_however_late_both_come() -> None:
    addresses: list[int] = []
    framer = JK_55AA.make_framer(addresses.append)
    frames = FrameBatch(1024)
    said = answer(5)
    for second, piece in enumerate((said[:100], said[100:300], said[300:])):
        framer.feed(piece, second * 10**9, frames)
    assert addresses == [5]


def test_noise_before_a_frame_does_not_part_it_from_its_acknowledgement() -> None:
    """More than 11 bytes between them would: another frame was among them."""
    assert heard_by(JK_55AA, b"\x11" * 12 + answer(5))[0] == [5]
    assert heard_by(JK_55AA, answer(4) + b"\x11" * 12 + answer(5))[0] == [4, 5]


def test_an_acknowledgement_of_another_kind_or_with_a_wrong_crc_names_nobody() -> None:
    frame = answer(1)[:301]
    assert heard_by(JK_55AA, frame + wire_55aa.acknowledgement(4, wire_55aa.Type.SETTINGS))[0] == [NO_ADDRESS]
    spoiled = bytearray(wire_55aa.acknowledgement(4, wire_55aa.Type.STATUS))
    spoiled[-1] ^= 1
    assert heard_by(JK_55AA, frame + bytes(spoiled))[0] == [NO_ADDRESS]


def test_an_acknowledgement_after_a_spoiled_frame_does_not_name_the_frame_before() -> None:
    """The first board's acknowledgement is lost, and the second board's frame is not whole."""
    first = answer(1)[:301]
    second = bytearray(answer(2))
    second[100] ^= 1
    assert heard_by(JK_55AA, first + bytes(second))[0] == [NO_ADDRESS]
    assert heard_by(JK_55AA, first + bytes(second[200:]))[0] == [NO_ADDRESS]


@pytest.mark.parametrize("echo_bytes", range(12))
def test_as_many_bytes_of_the_echo_as_an_adapter_lets_through_do_not_matter(echo_bytes: int) -> None:
    firmware = wire_55aa.Jk55aaFirmware(address=2, echo_bytes=echo_bytes)
    line = wire_55aa.Jk55aaLine(lambda: ORDINARY, firmware)
    (said,) = line.feed(wire_55aa.request(2, wire_55aa.Type.STATUS))
    assert rows_of(JK_55AA, said) == rows_of(JK_55AA, answer(2))
    assert heard_by(JK_55AA, said)[0] == [2]


def test_settings_report_the_limits_and_the_board_itself_but_not_its_pin() -> None:
    assert rows_of(JK_55AA, answer(1, wire_55aa.Type.SETTINGS)) == [
        ("battery", {"charge_limit_a": 60.0, "discharge_limit_a": 120.0})
    ]
    about = answer(1, wire_55aa.Type.ABOUT)
    assert wire_55aa.PIN in about
    _, _, identity = heard_by(JK_55AA, about)
    assert identity == {
        "model": "JK_PB2A16S20P",
        "hardware": "15A",
        "firmware": "15.24",
        "serial number": "4030000000",
    }
    (frame,) = frames_of(JK_55AA, about)
    assert wire_55aa.PIN not in frame.data


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(
    ("alarm", "code"),
    [
        ("cell_overvoltage", "cell_overvoltage"),
        ("pack_overvoltage", "pack_overvoltage"),
        ("charge_overcurrent", "charge_overcurrent"),
        ("charge_overtemperature", "charge_overtemperature"),
        ("charge_undertemperature", "charge_undertemperature"),
        ("cell_undervoltage", "cell_undervoltage"),
        ("pack_undervoltage", "pack_undervoltage"),
        ("discharge_overcurrent", "discharge_overcurrent"),
        ("discharge_overtemperature", "discharge_overtemperature"),
    ],
)
def test_alarms_of_both_layouts_have_their_codes(old: bool, alarm: str, code: str) -> None:
    readings = replace(ORDINARY, alarms=frozenset((alarm,)))
    said = wire_55aa.status(readings, wire_55aa.Jk55aaFirmware(old_layout=old))
    said += wire_55aa.acknowledgement(1, wire_55aa.Type.STATUS)
    assert alarms_of(JK_55AA, said) == [code]


def test_each_sensor_has_a_bit_that_says_whether_it_is_fitted() -> None:
    readings = replace(ORDINARY, sensors_c=(-12.5, None, 13.5, -0.1))
    said = bytearray(wire_55aa.status(readings, wire_55aa.Jk55aaFirmware()))
    assert _sensors(bytes(said)) == {"t001": -12.5, "t003": 13.5, "t004": -0.1}
    said[214] = 0  # firmware that does not say
    said[299] = sum(said[:299]) & 0xFF
    assert _sensors(bytes(said)) == {"t001": -12.5}


def test_the_mosfets_second_temperature_is_no_sensor_at_the_cells() -> None:
    said = bytearray(wire_55aa.status(replace(ORDINARY, sensors_c=(20.0, 21.0)), wire_55aa.Jk55aaFirmware()))
    said[214] = 0xFF
    said[254:256] = (374).to_bytes(2, "little")
    said[299] = sum(said[:299]) & 0xFF
    assert _sensors(bytes(said)) == {"t001": 20.0, "t002": 21.0}
    assert dict(rows_of(JK_55AA, bytes(said)))["battery"]["temp_max_c"] == 21.0


def test_zeros_in_place_of_both_later_sensors_say_that_the_firmware_has_none() -> None:
    readings = replace(ORDINARY, sensors_c=(20.0, 21.0, 0.0, 0.0))
    said = bytearray(wire_55aa.status(readings, wire_55aa.Jk55aaFirmware()))
    said[214] = 0xFF
    said[299] = sum(said[:299]) & 0xFF
    assert _sensors(bytes(said)) == {"t001": 20.0, "t002": 21.0}
    one = wire_55aa.status(replace(ORDINARY, sensors_c=(20.0, 21.0, 0.0, -0.5)), wire_55aa.Jk55aaFirmware())
    assert _sensors(one) == {"t001": 20.0, "t002": 21.0, "t003": 0.0, "t004": -0.5}


def _sensors(said: bytes) -> dict[str, Value]:
    cells = dict(rows_of(JK_55AA, said))["cells"]
    return {name: value for name, value in cells.items() if name[0] == "t"}


def test_a_cell_that_the_mask_leaves_out_is_absent() -> None:
    said = bytearray(wire_55aa.status(ORDINARY, wire_55aa.Jk55aaFirmware()))
    said[70:74] = (0b1101).to_bytes(4, "little")
    said[299] = sum(said[:299]) & 0xFF
    cells = dict(rows_of(JK_55AA, bytes(said)))["cells"]
    assert [name for name in cells if name[0] == "v"] == ["v001", "v003", "v004"]
