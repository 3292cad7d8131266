"""SessionItem-up numbers: one for one, of the same form, and not calculated from the real ones."""

import pytest

from telemetry.framing.secrets import POSITION, SERIAL_NUMBER, VIN, kind_of
from telemetry.scrub.replacements import Replacements

# As ISO 3779 and 49 CFR 565 have it: what letters count, and the weight of each place.
VALUES = {**dict(zip("ABCDEFGH", range(1, 9), strict=True)), **dict(zip("JKLMN", range(1, 6), strict=True))}
VALUES |= {"P": 7, "R": 9, **dict(zip("STUVWXYZ", range(2, 10), strict=True))}
WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def check_digit(vin: str) -> str:
    total = sum(WEIGHTS[at] * VALUES.get(letter, ord(letter) - 48) for at, letter in enumerate(vin))
    return "0123456789X"[total % 11]


def test_the_test_s_own_check_digit_is_that_of_known_vins() -> None:
    assert check_digit("1M8GDM9AXKP042788") == "X"
    assert check_digit("11111111111111111") == "1"


def test_a_vin_becomes_one_with_a_right_check_digit() -> None:
    new = Replacements()
    made = [new.vin(f"LSVFA49J2320375{number:02d}".encode()).decode() for number in range(40)]
    assert len(set(made)) == 40
    assert all(vin.startswith("SCRUBBED") and len(vin) == 17 and vin[8] == check_digit(vin) for vin in made)


def test_one_number_has_one_replacement_and_two_have_two() -> None:
    new = Replacements()
    first, second = new.serial_number(b"HQ2209NEV01"), new.serial_number(b"HQ2209NEV02")
    assert (first, second) == (b"AA0000AAA01", b"AA0000AAA02")
    assert new.serial_number(b"HQ2209NEV01\0\0\0") == first + b"\0\0\0"
    assert (new.counts, new.distinct) == ({SERIAL_NUMBER: 3}, {SERIAL_NUMBER: 2})


def test_replacements_depend_on_the_order_alone() -> None:
    assert Replacements().serial_number(b"K221027C30801234") == Replacements().serial_number(
        b"A999999B99999999"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"ab-12/CD", b"aa-00/AB"),
        (b"7", b"1"),
        (b"AB 12", b"AA 01"),
        (b"HQ2209NEV00000012", b"AA0000AAA00000001"),  # as long as a VIN
        (b"\x01\x02\x03\x04", b"\x00\x00\x00\x01"),
        (b"AB\x7fC", b"\x00\x00\x00\x01"),
        (b"\x00\x00\x00\x00", b"\x00\x00\x00\x00"),
        (b"\xff\xff\xff\xff", b"\xff\xff\xff\xff"),
        (b"    ", b"    "),
        (b"", b""),
        (b"--", b"--"),
    ],
)
def test_a_text_keeps_its_kinds_of_letters_and_what_is_absent_stays(before: bytes, after: bytes) -> None:
    assert Replacements().serial_number(before) == after


def test_numbers_of_a_byte_repeat_after_all_of_them() -> None:
    new = Replacements()
    made = {new.number(SERIAL_NUMBER, bytes((value,))) for value in range(1, 255)}
    assert len(made) == 254


def test_a_vin_is_found_in_any_bytes_and_words_of_one_kind_are_not() -> None:
    new = Replacements()
    data = b"\x62\xf1\x90WVWZZZ1JZXW000001\0ABCDEFGHJKLMNPRST 12345678901234567"
    made = new.vins(data)
    assert len(made) == len(data)
    assert b"WVWZZZ" not in made
    assert made.endswith(b"\0ABCDEFGHJKLMNPRST 12345678901234567")


def test_a_vin_with_few_letters_is_found_and_a_part_of_one_keeps_its_form() -> None:
    assert Replacements().vins(b"A1234567890123456") == Replacements().vin(b"A1234567890123456")
    assert Replacements().vin(b"LSVFA49J") == b"AAAAA00B"


def test_what_was_noted_is_found_in_any_bytes() -> None:
    new = Replacements()
    new.note(b"HQ2209", b"AA0001")
    new.note(b"7788", b"0002")
    new.note(b"123", b"345")  # too short to be looked for
    assert new.in_any_bytes(b"xHQ2209y123z7788") == b"xAA0001y123z0002"


def test_a_small_number_is_no_other_value_of_a_message_and_is_masked_in_spoiled_bytes() -> None:
    new = Replacements()
    new.note(b"\x00\x00\x00\x07", b"\x00\x00\x00\x02")
    assert new.in_any_bytes(b"\x01\x00\x00\x00\x07") == b"\x01\x00\x00\x00\x07"
    assert new.in_spoiled_bytes(b"\x01\x00\x00\x00\x07") == b"\x01\x00***"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("VIN", VIN),
        ("VIN_Part1", VIN),
        ("ID405VINPart2", VIN),
        ("vehicleVin", VIN),
        ("VehicleIdentificationNumber", VIN),
        ("BMS_SerialNumber", SERIAL_NUMBER),
        ("serial_low", SERIAL_NUMBER),
        ("PackSN", SERIAL_NUMBER),
        ("BoardSerNo", SERIAL_NUMBER),
        ("Serialno", SERIAL_NUMBER),
        ("GPS_Latitude", POSITION),
        ("Longitude", POSITION),
        ("GpsLat", POSITION),
        ("Lon", POSITION),
        ("LatAccel", None),
        ("LongitudinalAcceleration", None),
        ("Saving", None),
        ("Driving", None),
        ("SerialPort", SERIAL_NUMBER),
        ("PackVoltage", None),
    ],
)
def test_names_of_signals_say_what_they_hold(name: str, kind: str | None) -> None:
    assert kind_of(name) == kind


def test_a_short_number_has_one_however_many_came_before() -> None:
    new = Replacements()
    for number in range(1, 255):
        new.number(SERIAL_NUMBER, number.to_bytes(2, "big"))
    made = [new.number(SERIAL_NUMBER, bytes((number,))) for number in range(1, 255)]
    assert not {b"\x00", b"\xff"} & set(made)
    assert len(set(made)) == 254
