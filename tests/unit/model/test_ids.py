"""CAN ids and findings as people write and read them."""

import pytest

from telemetry.model.finding import Finding, Grade
from telemetry.model.ids import id_text, parse_id, parse_id_masks

EXTENDED = 0x80000000


@pytest.mark.parametrize(
    ("text", "id", "written"),
    [
        ("0", 0, "000"),
        ("7FF", 0x7FF, "7FF"),
        ("0x7ff", 0x7FF, "7FF"),
        ("0X12", 0x12, "012"),
        ("00000000", EXTENDED, "00000000"),
        ("18FF50E5", 0x18FF50E5 | EXTENDED, "18FF50E5"),
        ("1FFFFFFF", 0x1FFFFFFF | EXTENDED, "1FFFFFFF"),
    ],
)
def test_an_id_is_read_by_its_digits_and_written_as_it_is_read(text: str, id: int, written: str) -> None:
    assert parse_id(text) == id
    assert id_text(id) == written
    assert parse_id(written) == id


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no id in hexadecimal"),
        ("1234", "no id in hexadecimal"),
        ("12G", "no id in hexadecimal"),
        ("800", "more than 11 bits"),
        ("20000000", "more than 29 bits"),
    ],
)
def test_what_is_no_id_is_refused(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        parse_id(text)


def test_masks_are_told_apart_by_their_digits_and_all_bits_count_without_one() -> None:
    assert parse_id_masks([]) == (0x7FF, 0x1FFFFFFF)
    assert parse_id_masks(["7F0"]) == (0x7F0, 0x1FFFFFFF)
    assert parse_id_masks(["00FFFF00"]) == (0x7FF, 0x00FFFF00)
    assert parse_id_masks(["1FFFFF00", "700"]) == (0x700, 0x1FFFFF00)


def test_a_finding_is_one_line_with_its_grade() -> None:
    assert str(Finding(Grade.FACT, "can0: 3\nframes")) == "can0: 3 frames"
    assert str(Finding(Grade.WARNING, "x")) == "warning: x"
    assert str(Finding(Grade.FAULT, "x")) == "fault: x"
