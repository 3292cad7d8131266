"""The sign of a current, by what a battery of known resistance and capacity would show."""

import itertools
import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.overview.current_sign import by_charge, by_voltage

SECOND = 1_000_000_000


def battery(amperes: list[float], *, sign: float = 1.0) -> tuple[list[tuple[int, float]], ...]:
    """Return current (times `sign`), charge in % and voltage of 100 Ah and 0.1 ohm, a row a second."""
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


def hours(*values: tuple[float, float]) -> list[tuple[int, float]]:
    return [(round(hour * 3600) * SECOND, value) for hour, value in values]


@pytest.mark.parametrize(
    ("current", "soc", "words", "is_into"),
    [
        (hours((1, 0), (2, 10), (3, 20)), hours((1, 50), (3, 70)), "50 to 70 %", True),
        (hours((1, 0), (2, 10), (3, 20)), hours((1, 70), (3, 50)), "70 to 50 %", False),
        (hours((1, 0), (2, -10), (3, -20)), hours((1, 70), (3, 50)), "70 to 50 %", True),
        # What is known of one of the two alone counts for nothing.
        (
            hours((1, 0), (2, 10), (3, 20)),
            hours((0, 99), (1, 50), (3, 70), (4, 1)),
            "50 to 70 %",
            True,
        ),
        (
            hours((0, 99), (1, 0), (2, 10), (3, 20), (4, 99)),
            hours((1, 50), (3, 70)),
            "50 to 70 %",
            True,
        ),
        (hours((1, 10), (3, 10)), hours((1, 50), (3, 70)), "50 to 70 %", True),
    ],
)
def test_a_charge_is_the_sum_of_trapezoids_between_two_states_of_charge(
    current: list[tuple[int, float]], soc: list[tuple[int, float]], words: str, is_into: bool
) -> None:
    evidence = by_charge(current, soc)
    ampere_hours = "-20" if current[1][1] < 0 else "+20"
    assert evidence.words == f"state of charge: {words}, while the current adds up to {ampere_hours} Ah"
    assert evidence.is_into is is_into


def test_a_charge_that_adds_up_to_nothing_says_nothing() -> None:
    evidence = by_charge(hours((1, 10), (2, 0), (3, -10)), hours((1, 50), (3, 49)))
    assert (evidence.is_into, evidence.words[-5:]) == (None, "+0 Ah")


@pytest.mark.parametrize(
    ("current", "soc", "words"),
    [
        (hours((1, 10)), hours((1, 50), (3, 70)), "too few values"),
        (hours((1, 10), (3, 10)), hours((1, 50)), "too few values"),
        (hours((1, 10), (3, 10)), hours((2, 50), (4, 70)), "it does not change in this log"),
    ],
)
def test_less_than_two_values_of_each_say_nothing(
    current: list[tuple[int, float]], soc: list[tuple[int, float]], words: str
) -> None:
    assert by_charge(current, soc).words == f"state of charge: {words}"


def test_the_correlation_of_steps_is_pearson_s_and_says_something_from_0_3_on() -> None:
    said = set()
    for seed in range(200):
        chance = random.Random(seed)
        amperes = [chance.uniform(-100, 100) for _ in range(30)]
        volts = [360 + 0.1 * ampere + chance.uniform(-30, 30) for ampere in amperes]
        current = [(second * SECOND, ampere) for second, ampere in enumerate(amperes)]
        voltage = [(second * SECOND, volt) for second, volt in enumerate(volts)]
        r = statistics.correlation(
            [b - a for a, b in itertools.pairwise(amperes)], [b - a for a, b in itertools.pairwise(volts)]
        )
        evidence = by_voltage(current, voltage)
        assert (
            evidence.words == f"voltage: its steps and those of the current correlate by {r:+.2f} (29 steps)"
        )
        assert evidence.is_into is (None if abs(r) < 0.3 else r > 0)
        said.add((evidence.is_into, abs(r) >= 0.5))
    assert {(None, False), (True, False), (True, True)} <= said


@pytest.mark.parametrize(("steps", "is_enough"), [(19, False), (20, True)])
def test_twenty_steps_of_the_current_are_enough(steps: int, is_enough: bool) -> None:
    amperes = [float(second % 2) for second in range(steps + 1)] + [float(steps % 2)] * 9
    current, _, voltage = battery(amperes)
    assert by_voltage(current, voltage).is_into is (True if is_enough else None)


@pytest.mark.parametrize(("age_ns", "is_pair"), [(0, True), (SECOND, True), (SECOND + 1, False)])
def test_a_voltage_of_the_past_second_belongs_to_a_current(age_ns: int, is_pair: bool) -> None:
    current, _, voltage = battery([float(second % 2) for second in range(60)])
    current = [(time_ns * 3, value) for time_ns, value in current]
    voltage = [(time_ns * 3 - age_ns, value) for time_ns, value in voltage]
    assert by_voltage(current, voltage).is_into is (True if is_pair else None)
