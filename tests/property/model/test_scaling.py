"""Whatever the factor: a decimal scale is exact and stays within int64."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from telemetry.model.scaling import decimal_scale, raw_range

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=6).map(float)
NUMBERS = st.integers(-(10**6), 10**6) | DECIMALS | st.floats(allow_nan=False, allow_infinity=False)


@given(NUMBERS, NUMBERS, st.integers(1, 64), st.booleans(), st.data())
def test_every_raw_value_is_scaled_exactly_within_int64(
    factor: float, offset: float, bit_count: int, signed: bool, data: st.DataObject
) -> None:
    scale = decimal_scale(factor, offset, bit_count, signed)
    if scale is None:
        return
    low, high = raw_range(bit_count, signed)
    raw = data.draw(st.integers(low, high) | st.sampled_from((low, high)))
    product = raw * scale.multiplier
    assert -(2**63) <= product < 2**63
    assert -(2**63) <= product + scale.bias < 2**63
    written = raw * Fraction(repr(factor)) + Fraction(repr(offset))
    assert Fraction(product + scale.bias, 10**scale.decimals) == written
