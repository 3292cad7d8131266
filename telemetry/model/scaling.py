"""How a signal's raw value becomes a decimal: exactly, by integer arithmetic, where its factor allows it.

Promises:

- A DecimalScale is exact for the decimals of the database's factor and offset: 0.1 is one tenth, not a
  double.
- No raw value of the signal takes it out of int64 at any step.

Where that is impossible the signal has no DecimalScale, and its value is computed as a double.
"""

from decimal import Context, Decimal
from functools import lru_cache

from telemetry_core.rows.spec import DecimalScale

_INT64 = range(-(1 << 63), 1 << 63)
_MOST_DECIMALS = 18


def raw_range(bit_count: int, signed: bool) -> tuple[int, int]:
    """Return the lowest and the highest raw value."""
    if signed:
        return -(1 << (bit_count - 1)), (1 << (bit_count - 1)) - 1
    return 0, (1 << bit_count) - 1


@lru_cache(maxsize=4096)  # a database has few factors and many signals
def decimal_scale(factor: float, offset: float, bit_count: int, signed: bool) -> DecimalScale | None:
    """Return the exact scale of an integer signal; None when int64 cannot hold it for every raw value."""
    decimal_factor, decimal_offset = Decimal(repr(factor)), Decimal(repr(offset))
    if not (decimal_factor.is_finite() and decimal_offset.is_finite()):
        return None
    decimals = max(decimals_of(decimal_factor), decimals_of(decimal_offset))
    if (
        decimals > _MOST_DECIMALS
        or max(decimal_factor.adjusted(), decimal_offset.adjusted()) > _MOST_DECIMALS
    ):
        return None
    multiplier = int(decimal_factor.scaleb(decimals))
    bias = int(decimal_offset.scaleb(decimals))
    steps = [bias]
    for raw in raw_range(bit_count, signed):
        steps += [raw, raw * multiplier, raw * multiplier + bias]
    if all(step in _INT64 for step in steps):
        return DecimalScale(multiplier, bias, decimals)
    return None


def decimals_of(number: Decimal, context: Context | None = None) -> int:
    """Return how many decimals a finite number has, without zeros at its end."""
    return max(0, -int(number.normalize(context).as_tuple().exponent))
