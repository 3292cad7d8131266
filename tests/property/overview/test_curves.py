"""Thinned curves look like whole ones: nothing that a column of the picture shows is lost."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from telemetry.overview.curves import Curve, thinned

POINTS = st.lists(st.tuples(st.integers(0, 10**6), st.floats(-1e6, 1e6)), min_size=1, max_size=300)


def curve(points: list[tuple[int, float]]) -> Curve:
    times, values = zip(*sorted(points, key=lambda point: point[0]), strict=True)
    return Curve("v", np.array(times, np.int64), np.array(values), is_stepped=False)


def extremes(one: Curve, start: int, span: int, columns: int) -> dict[int, tuple[Any, ...]]:
    """First, last, lowest and highest value of each column, in plain Python."""
    found: dict[int, list[float]] = {}
    for time_ns, value in zip(one.times_ns.tolist(), one.values.tolist(), strict=True):
        found.setdefault(int((time_ns - start) * (columns / span)), []).append(value)
    return {column: (values[0], values[-1], min(values), max(values)) for column, values in found.items()}


@given(POINTS, st.integers(1, 20))
def test_each_column_keeps_its_first_last_lowest_and_highest_value(
    points: list[tuple[int, float]], columns: int
) -> None:
    whole = curve(points)
    few = thinned(whole, columns)
    assert len(few.times_ns) <= max(4 * columns, 4)
    start, span = int(whole.times_ns[0]), int(whole.times_ns[-1] - whole.times_ns[0]) + 1
    assert extremes(few, start, span, columns) == extremes(whole, start, span, columns)
