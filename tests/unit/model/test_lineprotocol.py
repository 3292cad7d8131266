"""Single points made in Python."""

import math

import pytest

from telemetry.model.point import line, tag_set


def test_a_point_has_sorted_tags_and_fields_in_their_order() -> None:
    assert (
        line(
            "event", {"vehicle": "v 1", "code": "over,=temp"}, {"text": "hot", "level": 2, "active": True}, 17
        )
        == b'event,code=over\\,\\=temp,vehicle=v\\ 1 text="hot",level=2,active=true 17'
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, b"0"),
        (-0.0, b"0"),
        (-7, b"-7"),
        (1.0, b"1"),
        (0.1, b"0.1"),
        (1e22, b"1e+22"),
        (2**64 - 1, b"18446744073709551615"),
        (10**30, b"1e+30"),
        (False, b"false"),
        ("", b'""'),
        ('say "a\\b"', b'"say \\"a\\\\b\\""'),
        ("two\r\nlines\x00", b'"two lines "'),
        ("\ud800", b'"?"'),
    ],
)
def test_a_value_is_a_float_a_boolean_or_a_text(value: float | bool | str, text: bytes) -> None:
    assert line("m", {}, {"v": value}, -5) == b"m v=" + text + b" -5"


def test_what_is_unknown_is_left_out() -> None:
    fields = {"a": None, "b": math.nan, "c": math.inf, "d": 10**400, "e": 1.5}
    assert line("m", {"t": ""}, fields, 0) == b"m e=1.5 0"


def test_a_point_of_nothing_is_refused() -> None:
    for fields in ({}, {"a": None}, {"a": math.nan}):
        with pytest.raises(ValueError, match="without any field"):
            line("m", {}, fields, 0)


@pytest.mark.parametrize("time_ns", [2**63, -(2**63) - 1])
def test_a_stamp_out_of_range_is_refused(time_ns: int) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        line("m", {}, {"a": 1}, time_ns)


def test_a_tag_set_is_what_the_encoder_takes() -> None:
    assert tag_set({"vehicle": "a b", "source": "can0", "pack": ""}) == b",source=can0,vehicle=a\\ b"
    assert tag_set({}) == b""
