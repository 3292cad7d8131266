"""firmware_sim/wire of JK, Seplos, Pylontech and ANT boards, against the worked examples of the protocols.

The examples are those that the makers' documents print, and a few that were made up and computed by hand.
"""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.links.shared_line import DeviceEnd
from firmware_sim.wire import ant_new, ant_old, ascii_frame, jk_55aa, jk_nw, pylontech, seplos_v2
from firmware_sim.wire.readings import Readings

READINGS = Readings(
    cells_v=(3.312, 3.314, 3.311, 3.315, 3.310, 3.313, 3.312, 3.316),
    sensors_c=(21.5, 21.7, 21.9, 21.4),
    voltage_v=26.50,
    current_a=-12.34,
    soc_pct=90.5,
    soh_pct=99.0,
    remaining_ah=90.5,
    capacity_ah=100.0,
    nominal_ah=100.0,
    cycles=37.0,
    cycled_ah=3700.0,
    uptime_s=123_456.0,
    switch_c=24.1,
    ambient_c=22.6,
    balanced_cells=frozenset({1, 7}),
)


def readings() -> Readings:
    return READINGS


LINES: dict[str, tuple[Callable[[], DeviceEnd], bytes]] = {
    "jk_nw": (lambda: jk_nw.JkNwLine(readings), jk_nw.request()),
    "jk_55aa": (lambda: jk_55aa.Jk55aaLine(readings), jk_55aa.request(1, jk_55aa.Type.STATUS)),
    "seplos_v2": (lambda: seplos_v2.SeplosLine(readings), seplos_v2.request(0, seplos_v2.ANALOG)),
    "pylontech": (lambda: pylontech.PylontechLine([readings]), pylontech.request(pylontech.ANALOG)),
    "ant_old": (lambda: ant_old.AntOldLine(readings), ant_old.STATUS_REQUEST),
    "ant_new": (lambda: ant_new.AntNewLine(readings), ant_new.status_request()),
}


@pytest.mark.parametrize("name", LINES)
@given(data=st.data(), noise=st.binary(max_size=30))
def test_a_request_is_answered_once_in_any_pieces(name: str, data: st.DataObject, noise: bytes) -> None:
    make, request = LINES[name]
    line = make()
    stream = noise.translate(None, b"\x4e\x5a\xdb\x7e~\x01\x00\x10") + request
    answers = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        answers += line.feed(stream[:size])
        stream = stream[size:]
    assert answers == make().feed(request)
    assert len(answers) == 1


@pytest.mark.parametrize("name", LINES)
def test_a_request_that_lost_a_byte_gets_no_values(name: str) -> None:
    make, request = LINES[name]
    for at in range(1, len(request)):
        line = make()
        answers = line.feed(request[:at] + request[at + 1 :])
        assert all(len(answer) < 30 for answer in answers)
        assert line.feed(bytes(40) + request)[-1:] == make().feed(request)


# --- JK, tagged values


def test_the_request_of_a_jk_is_the_vendors() -> None:
    assert jk_nw.request() == bytes.fromhex("4E5700130000000006030000000000006800000129")


def test_a_jk_says_its_pack_in_tags() -> None:
    said = jk_nw.reply(READINGS, jk_nw.JkNwFirmware())
    assert len(said) == int.from_bytes(said[2:4], "big") + 2
    assert int.from_bytes(said[-4:], "big") == sum(said[:-4])
    assert said[8:11] == bytes((6, 0, 1))
    assert said[11:16] == bytes.fromhex("79 18 01 0C F0")  # 24 bytes, cell 1: 3.312 V
    rest = said[37:]
    assert rest[:9] == bytes.fromhex("80 00 18 81 00 16 82 00 16")  # 24, 22 (21.5 to the even), 22
    assert rest[9:17] == bytes.fromhex("83 0A 5A 84 04 D2 85 5A")  # 26.50 V, discharging 12.34 A, 90 %
    assert said[-11:-9] == b"\xc0\x01"


@pytest.mark.parametrize(
    ("amperes", "new", "word"),
    [
        (12.34, True, 0x84D2),
        (-12.34, True, 0x04D2),
        (0.0, True, 0),
        (12.34, False, 8766),
        (-12.34, False, 11234),
        (-1000.0, True, 0x7FFF),
    ],
)
def test_the_current_of_a_jk_depends_on_its_version(amperes: float, new: bool, word: int) -> None:
    assert jk_nw.current(amperes, new=new) == word.to_bytes(2, "big")


def test_frost_is_counted_down_from_the_base() -> None:
    assert [jk_nw.temperature(c, 99)[1] for c in (0.0, 99.0, -1.0, -20.0)] == [0, 99, 100, 119]


def test_firmware_of_a_jk_leaves_tags_out() -> None:
    old = jk_nw.JkNwFirmware(
        new_current=False, reply_command=3, left_out=frozenset({0x82}), unknown_tag=b"\xe1\1\2"
    )
    said = jk_nw.reply(READINGS, old)
    assert said[8] == 3
    assert said[-12:-9] != b"\xc0\x01\0"
    assert bytes.fromhex("81 00 16 83") in said
    assert b"\xe1\1\2" in said


# --- JK, 55 AA EB 90


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (jk_55aa.Type.STATUS, "01 10 16 20 00 01 02 00 00 D6 F1"),
        (jk_55aa.Type.SETTINGS, "01 10 16 1E 00 01 02 00 00 D2 2F"),
        (jk_55aa.Type.ABOUT, "01 10 16 1C 00 01 02 00 00 D3 CD"),
    ],
)
def test_requests_of_a_jk_bus_are_the_vendors(kind: jk_55aa.Type, text: str) -> None:
    assert jk_55aa.request(1, kind) == bytes.fromhex(text)


def test_a_jk_frame_is_followed_by_the_acknowledgement() -> None:
    (said,) = jk_55aa.Jk55aaLine(readings).feed(jk_55aa.request(1, jk_55aa.Type.STATUS))
    assert len(said) == 310
    assert said[:5] == bytes.fromhex("55 AA EB 90 02")
    assert said[299] == sum(said[:299]) & 0xFF
    assert said[300:] == bytes.fromhex("00 01 10 16 20 00 01 04 4B 00")


def test_a_jk_status_is_little_endian() -> None:
    said = jk_55aa.status(READINGS, jk_55aa.Jk55aaFirmware())
    assert int.from_bytes(said[6:8], "little") == 3312
    assert int.from_bytes(said[70:74], "little") == 0xFF
    assert (said[78], said[79]) == (7, 4)
    assert int.from_bytes(said[144:146], "little", signed=True) == 241
    assert int.from_bytes(said[150:154], "little") == 26500
    assert int.from_bytes(said[154:158], "little") == 327010  # 26.50 V x 12.34 A, without its sign
    assert int.from_bytes(said[158:162], "little", signed=True) == -12340
    assert [int.from_bytes(said[at : at + 2], "little") for at in (162, 164, 256, 258)] == [
        215,
        217,
        219,
        214,
    ]
    assert (said[172], said[173]) == (2, 90)
    assert int.from_bytes(said[174:178], "little") == 90500
    assert said[214] == 0x36


def test_the_old_jk_layout_is_shifted_after_the_cells() -> None:
    said = jk_55aa.status(READINGS, jk_55aa.Jk55aaFirmware(old_layout=True))
    assert int.from_bytes(said[54:58], "little") == 0xFF
    assert int.from_bytes(said[118:122], "little") == 26500
    assert int.from_bytes(said[130:132], "little") == 215
    assert int.from_bytes(said[134:136], "little") == 241
    assert said[141] == 90


def test_a_jk_master_broadcasts_and_others_are_silent() -> None:
    master = jk_55aa.Jk55aaLine(readings, jk_55aa.Jk55aaFirmware(address=0))
    assert [len(said) for said in master.due(1)] == [301]
    assert master.due(1_000_000_000) == []
    assert len(master.due(2_500_000_001)) == 2
    slave = jk_55aa.Jk55aaLine(readings, jk_55aa.Jk55aaFirmware(address=3, echo_bytes=5, answers_about=False))
    assert slave.due(5_000_000_000) == []
    assert slave.feed(jk_55aa.request(1, jk_55aa.Type.STATUS)) == []
    assert slave.feed(jk_55aa.request(3, jk_55aa.Type.ABOUT)) == []
    (said,) = slave.feed(jk_55aa.request(3, jk_55aa.Type.STATUS))
    assert said[:9] == jk_55aa.request(3, jk_55aa.Type.STATUS)[:5] + jk_55aa.START


def test_a_jk_reports_its_settings_and_what_it_is() -> None:
    firmware = jk_55aa.Jk55aaFirmware(address=3)
    settings = jk_55aa.settings(READINGS, firmware)
    assert int.from_bytes(settings[130:134], "little") == 100_000
    assert int.from_bytes(settings[270:274], "little") == 3
    about = jk_55aa.about(READINGS, firmware)
    assert about[6:22].rstrip(b"\0") == b"JK_PB2A16S20P"
    assert about[46:56] == b"4030000000"
    assert len(settings) == len(about) == 300


# --- Seplos and Pylontech


@pytest.mark.parametrize(("digits", "word"), [(18, 0xD012), (2, 0xE002), (150, 0x1096), (0, 0)])
def test_lengths_carry_their_nibble(digits: int, word: int) -> None:
    assert ascii_frame.checked_length(digits) == word


def test_the_vendors_printed_checksum_is_off_by_one() -> None:
    assert ascii_frame.checksum(b"1203400456ABCEFE") == 0xFC71  # the text has FC72


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (seplos_v2.request(0, 0x42), b"~20004642E00200FD37\r"),
        (seplos_v2.request(0, 0x51), b"~200046510000FDAE\r"),
        (seplos_v2.request(1, 0x44), b"~20014644E00201FD33\r"),
        (pylontech.request(0x42), b"~20024642E00202FD33\r"),
        (pylontech.request(0x42, pylontech.ALL), b"~20024642E002FFFD09\r"),
        (pylontech.request(0x92), b"~20024692E00202FD2E\r"),
    ],
)
def test_ascii_requests_are_those_of_the_documents(asked: bytes, text: bytes) -> None:
    assert asked == text


def test_a_seplos_answers_as_the_worked_example() -> None:
    said = ascii_frame.frame(1, 0, seplos_v2.analog(READINGS, seplos_v2.SeplosFirmware(group=1)))
    expected = (
        "~2001460030760001080CF00CF20CEF0CF30CEE0CF10CF00CF4060B820B840B860B810B8D0B9CFB2E0A5A235A0A27100389"
        "2710002503DE0A590000000000000000E41C\r"
    )
    # The example's port stands at 26.49 V, the simulated one where the pack does.
    at = expected.index("0A59")
    assert said[:at] == expected[:at].encode()
    assert said[at : at + 4] == b"0A5A"
    assert len(said) == len(expected)


def test_a_seplos_reports_alarms_in_49_bytes() -> None:
    tired = Readings(
        (3.3,) * 15 + (3.9,), (20.0,), 53.4, alarms=frozenset({"cell_overvoltage", "charge_overcurrent"})
    )
    info = seplos_v2.alarms(tired, seplos_v2.SeplosFirmware(), frozenset({"pack_overvoltage"}))
    assert len(info) == 49
    assert info[18] == 2  # the last cell is above
    assert info[26] == 2
    assert info[30] == 0b00010010
    assert info[33] == 0b10
    assert info[35] == 0b11


def test_a_seplos_answers_for_its_address_alone() -> None:
    line = seplos_v2.SeplosLine(readings, seplos_v2.SeplosFirmware(address=3))
    assert line.feed(seplos_v2.request(0, 0x42)) == []
    assert line.feed(seplos_v2.request(3, 0x47)) == [ascii_frame.frame(3, 4)]
    assert len(line.feed(seplos_v2.request(3, 0x44))) == 1
    assert len(line.feed(seplos_v2.request(3, 0x51))) == 1


def test_wrong_checks_of_a_request_are_refused_by_their_code() -> None:
    line = seplos_v2.SeplosLine(readings)
    assert line.feed(b"~20004642E00200FD38\r") == [ascii_frame.frame(0, 2)]
    digits = b"20004642D00200"
    asked = b"~" + digits + b"%04X" % ascii_frame.checksum(digits) + b"\r"
    assert line.feed(asked) == [ascii_frame.frame(0, 3)]


def test_a_pylontech_module_is_that_of_the_worked_example() -> None:
    module = Readings(
        cells_v=(3.305, 3.307, 3.306),
        sensors_c=(22.5,),
        voltage_v=9.918,
        current_a=-3.5,
        remaining_ah=61.42,
        capacity_ah=74.0,
        cycles=52.0,
        ambient_c=24.0,
    )
    line = pylontech.PylontechLine([lambda: module], pylontech.PylontechFirmware(wide=(True,)))
    expected = b"~20024600F03E1102030CE90CEB0CEA020B9B0B8CFFDD26BEFFFF04FFFF003400EFEC012110EF47\r"
    (said,) = line.feed(pylontech.request(pylontech.ANALOG))
    # The example's flag is 11: alarms have changed. The simulated one has no change to report.
    assert said[13:15] == b"00"
    assert said[15:-5] == expected[15:-5]


def test_a_pylontech_answers_for_all_modules_of_its_group() -> None:
    line = pylontech.PylontechLine([readings, readings], pylontech.PylontechFirmware(group=1))
    assert line.feed(pylontech.request(0x42, pylontech.ALL)) == []
    (said,) = line.feed(pylontech.request(0x42, pylontech.ALL, group=1))
    assert said[3:5] == b"12"
    assert said[15:17] == b"02"
    (refused,) = line.feed(pylontech.request(0x42, 4, group=1))
    assert refused == ascii_frame.frame(0x14, 0x90)
    (managed,) = line.feed(pylontech.request(0x92, 2, group=1))
    # 53.25 V, 47 V, 25 A, -25 A, both allowed
    assert managed[13:-5] == b"12D002B79800FAFF06C0"


# --- ANT


def test_an_ant_of_the_first_kind_says_140_bytes() -> None:
    said = ant_old.status(READINGS, ant_old.AntOldFirmware())
    assert len(said) == 140
    assert int.from_bytes(said[138:], "big") == sum(said[4:138])
    assert int.from_bytes(said[4:6], "big") == 265
    assert int.from_bytes(said[6:8], "big") == 3312
    assert int.from_bytes(said[70:74], "big", signed=True) == 123  # out of the battery
    assert said[74] == 90
    assert int.from_bytes(said[75:79], "big") == 100_000_000
    assert int.from_bytes(said[79:83], "big") == 90_500_000
    assert int.from_bytes(said[83:87], "big") == 3_700_000
    assert int.from_bytes(said[87:91], "big") == 123_456
    assert (said[103], said[104], said[105]) == (1, 1, 4)
    assert int.from_bytes(said[111:115], "big", signed=True) == 327
    assert (said[115], said[118], said[123]) == (8, 5, 8)
    assert int.from_bytes(said[132:136], "big") == 0x82


def test_an_ant_without_a_capacity_reports_it_as_registers() -> None:
    line = ant_old.AntOldLine(readings, ant_old.AntOldFirmware(reports_capacity=False))
    for asked in (ant_old.STATUS_REQUEST, ant_old.VENDOR_REQUEST, ant_old.BLUETOOTH_REQUEST):
        (said,) = line.feed(asked)
        assert said[75:79] == bytes(4)
    (low,) = line.feed(ant_old.register_request(0x1F))
    (high,) = line.feed(ant_old.register_request(0x20))
    assert int.from_bytes(high[3:5] + low[3:5], "big") == 100_000_000


def test_requests_of_a_new_ant_are_the_published_ones() -> None:
    assert ant_new.status_request() == bytes.fromhex("7E A1 01 00 00 BE 18 55 AA 55")
    assert ant_new.device_request() == bytes.fromhex("7E A1 02 6C 02 20 58 C4 AA 55")


def test_a_new_ant_says_its_cells_before_its_state() -> None:
    said = ant_new.status(READINGS, ant_new.AntNewFirmware(protection_word=1 << 40, warning_word=3))
    assert len(said) == said[5] + 10
    assert said[-4:-2] == crc_of(said[1:-4])
    assert (said[7], said[8], said[9]) == (3, 4, 8)
    assert said[10:26] == (1 << 40).to_bytes(8, "little") + (3).to_bytes(8, "little")
    assert int.from_bytes(said[34:36], "little") == 3312
    after = said[34 + 16 + 8 :]
    assert int.from_bytes(after[:2], "little") == 24
    assert int.from_bytes(after[4:6], "little") == 2650
    assert int.from_bytes(after[6:8], "little", signed=True) == -123
    turned = ant_new.status(READINGS, ant_new.AntNewFirmware(discharge_is_positive=True))
    assert int.from_bytes(turned[34 + 24 + 6 : 34 + 24 + 8], "little", signed=True) == 123


def crc_of(body: bytes) -> bytes:
    """Bit by bit over the reversed message: another way than the simulator's."""
    remainder = 0xFFFF
    for byte in body:
        for bit in range(8):
            carry = (remainder ^ byte >> bit) & 1
            remainder = (remainder >> 1) ^ (0xA001 if carry else 0)
    return remainder.to_bytes(2, "little")
