"""Decimals of a signal: exact, or none."""

import pytest
from telemetry_core.rows.spec import DecimalScale

from telemetry.model.scaling import decimal_scale, raw_range


@pytest.mark.parametrize(
    ("factor", "offset", "expected"),
    [
        (1, 0, DecimalScale(1, 0, 0)),
        (0.1, 0, DecimalScale(1, 0, 1)),
        (0.25, -40, DecimalScale(25, -4000, 2)),
        (-0.5, 0.125, DecimalScale(-500, 125, 3)),
        (1e3, 0.0, DecimalScale(1000, 0, 0)),
        (1.5e-05, 0, DecimalScale(15, 0, 6)),
    ],
)
def test_decimals_are_those_that_factor_and_offset_are_written_with(
    factor: float, offset: float, expected: DecimalScale
) -> None:
    assert decimal_scale(factor, offset, 16, signed=False) == expected


@pytest.mark.parametrize(
    ("factor", "offset", "bit_count", "signed"),
    [
        (1, 0, 64, False),  # 2**64 - 1 is no int64
        (0.1, 2**62, 32, False),
        (1e-19, 0, 8, False),  # more decimals than an int64 has digits
        (1e19, 0, 1, False),
        (10.0, 0, 61, False),
        (float("nan"), 0, 8, False),
        (1, float("inf"), 8, False),
    ],
)
def test_what_int64_cannot_hold_has_no_decimal_scale(
    factor: float, offset: float, bit_count: int, signed: bool
) -> None:
    assert decimal_scale(factor, offset, bit_count, signed) is None


def test_int64_itself_has_a_scale() -> None:
    assert decimal_scale(1, 0, 64, signed=True) == DecimalScale(1, 0, 0)
    assert decimal_scale(-1, 0, 64, signed=True) is None  # -1 * -2**63 is no int64


def test_the_raw_range_is_that_of_the_width() -> None:
    assert raw_range(8, signed=False) == (0, 255)
    assert raw_range(8, signed=True) == (-128, 127)
