"""Line protocol read back, as this program writes it."""

import pytest

from telemetry.model.point import line
from telemetry.model.read_point import measurement_of, read_point, row_key, type_of, value_of

POINT = line("my pack", {"a b": "c,d", "e": "f=g"}, {"x": 1.5, "on": True, "say": 'a "b\\', "n, m": -2.0}, -7)


def test_a_point_is_read_as_it_was_meant() -> None:
    point = read_point(POINT)
    assert point is not None
    assert (point.measurement, point.tags, point.time_ns) == ("my pack", {"a b": "c,d", "e": "f=g"}, -7)
    assert {name: value_of(value) for name, value in point.fields.items()} == {
        "x": 1.5,
        "on": True,
        "say": 'a "b\\',
        "n, m": -2.0,
    }
    assert measurement_of(POINT) == "my pack"


def test_a_point_without_tags_is_one() -> None:
    point = read_point(b"m v=1 5")
    assert point is not None
    assert (point.tags, point.fields, point.time_ns) == ({}, {"v": b"1"}, 5)


@pytest.mark.parametrize("text", [b"", b"m v=1", b"m  5", b"m v 5", b"m v=1, 5", b"m v=1,w 5", b"m v=1 x"])
def test_a_line_that_is_not_well_formed_is_no_point_and_a_row_of_its_own(text: bytes) -> None:
    assert read_point(text) is None
    if text.count(b" ") < 2:
        assert row_key(text) == text
        assert measurement_of(text) == "unknown"


def test_rows_of_one_series_and_stamp_have_one_key_whatever_their_values() -> None:
    assert row_key(b"m,a=b v=1 5") == row_key(b"m,a=b w=2 5") == b"m,a=b 5"
    assert len({row_key(each) for each in (b"m,a=b v=1 5", b"m,a=b v=1 6", b"m,a=c v=1 5", b"n v=1 5")}) == 4


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        (b"1.5", 1.5, "float"),
        (b"-3i", -3.0, "integer"),
        (b"3u", 3.0, "unsigned"),
        (b"t", True, "boolean"),
        (b"TRUE", True, "boolean"),
        (b"False", False, "boolean"),
        (b'"3i"', "3i", "string"),
    ],
)
def test_a_value_has_the_type_of_influxdb(text: bytes, value: object, kind: str) -> None:
    assert value_of(text) == value
    assert type(value_of(text)) is type(value)
    assert type_of(text) == kind
