"""The sign of a current, by what a battery of known resistance and capacity would show."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.overview.current_sign import by_charge, by_voltage

SECOND = 1_000_000_000


def battery(amperes: list[float], *, sign: float = 1.0) -> tuple[list[tuple[int, float]], ...]:
    """Current, charge in % and voltage of 100 Ah and 0.1 ohm, a row a second; sign: of the signal."""
    percent, current, soc, voltage = 50.0, [], [], []
    for second, ampere in enumerate(amperes):
        percent += ampere / 3600.0
        current.append((second * SECOND, sign * ampere))
        soc.append((second * SECOND, percent))
        voltage.append((second * SECOND, 360.0 + 0.1 * ampere))
    return current, soc, voltage


LOADS = st.lists(st.integers(-200, 200).map(float), min_size=40, max_size=80)


@given(LOADS, st.sampled_from([1.0, -1.0]))
def test_both_witnesses_say_which_way_is_positive(amperes: list[float], sign: float) -> None:
    current, soc, voltage = battery(amperes, sign=sign)
    charged = math.fsum(a + b for a, b in itertools.pairwise(amperes))
    by_soc = by_charge(current, soc)
    # The two sums differ by the ends: what is small beside them says nothing for sure.
    if abs(charged) > 2 * (abs(amperes[0]) + abs(amperes[-1])):
        assert by_soc.is_into is (sign > 0)
    if len({b - a for a, b in itertools.pairwise(amperes) if b != a}) > 1:
        by_volt = by_voltage(current, voltage)
        assert by_volt.is_into in ((sign > 0), None)
        assert by_volt.is_into is not None or "too few" in by_volt.words


@pytest.mark.parametrize(
    ("amperes", "words"),
    [([0.0] * 60, "it does not change"), ([], "too few values"), ([5.0], "too few values")],
)
def test_a_battery_at_rest_says_nothing(amperes: list[float], words: str) -> None:
    current, soc, voltage = battery(amperes)
    assert by_charge(current, soc).is_into is None
    assert words in by_charge(current, soc).words
    assert by_voltage(current, voltage).is_into is None


def test_a_voltage_that_does_not_go_with_the_current_says_nothing() -> None:
    current = [(second * SECOND, float(second % 7)) for second in range(100)]
    voltage = [(second * SECOND, 360.0) for second in range(100)]
    evidence = by_voltage(current, voltage)
    assert evidence.is_into is None
    assert "correlate by +0.00" in evidence.words


def test_values_that_are_seconds_apart_are_no_pair() -> None:
    current = [(second * SECOND, float(second % 3)) for second in range(100)]
    late = [(-5 * SECOND, 360.0)]
    assert by_voltage(current, late).words == "voltage: too few steps of the current"
