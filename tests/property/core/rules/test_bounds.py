"""Bounds: what a store's reader draws is within them at every value, and all is as the model has it."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.rows.batch import Row, SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.rules.bounds import Bounds
from telemetry_core.rules.senders import NEW_SENDER, OTHER_SENDER

from tests.support.bounds import GAP_NS, ModelBounds, ModelField, Value, errors_of

SECOND = 1_000_000_000
WIDE = [f"f{index}" for index in range(70)]
BOUNDS = dict.fromkeys(WIDE, 0.7390851332) | {"f0": 2.3708, "f63": 0.0, "f64": -1.0, "f69": -1.0}
FLAGS = {"f64"}
SCHEMA = Schema(
    [
        RecordSpec(
            "wide", tuple(FieldSpec(name, SlotKind.INT, passes=name in FLAGS) for name in WIDE), modelled=True
        )
    ]
)
ONE = Schema([RecordSpec("one", (FieldSpec("x", SlotKind.FLOAT),), modelled=True)])
STEPS_NS = st.one_of(
    st.sampled_from([0, 1, SECOND // 100, SECOND, GAP_NS, GAP_NS + 1, 5 * SECOND, -SECOND]),
    st.integers(1, 3 * SECOND),
)
AWKWARD = st.sampled_from([0.0, -0.0, 1e300, -1.7e308, 5e-324, math.nan, math.inf, -math.inf])
SMALLEST = 1e-300  # a slope of less than that in a minute may round to 0
NUMBERS = st.one_of(st.floats(-3, 3), st.integers(-4, 4).map(float), AWKWARD)


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    names = st.sampled_from(["f0", "f1", "f62", "f63", "f64", "f65", "f69"])
    time_ns = draw(st.integers(-(10**18), 10**18))
    made = []
    for step_ns in draw(st.lists(STEPS_NS, max_size=25)):
        time_ns += step_ns
        raw: dict[str, int | float | bool] = {**draw(st.dictionaries(names, st.integers(-2, 3), max_size=5))}
        made.append(
            Row(
                time_ns=time_ns,
                nudge_ns=draw(st.integers(0, 3)),
                measurement="wide",
                tags=draw(st.integers(0, 1)),
                channel=draw(st.integers(0, 1)),
                id=draw(st.sampled_from([0, 0, 0, 1, OTHER_SENDER, NEW_SENDER])),
                raw=raw,
            )
        )
    return made


def batch(some: Sequence[Row], schema: Schema = SCHEMA) -> SampleBatch:
    samples = SampleBatch(schema)
    for row in some:
        head = {"tags": row.tags, "channel": row.channel, "id": row.id, "nudge_ns": row.nudge_ns}
        samples.append(0, row.time_ns, row.raw, **head)
    return samples


def as_they_are(some: Sequence[Row]) -> list[tuple[object, ...]]:
    return sorted((*row[:6], tuple(sorted(row.raw.items()))) for row in some)


@pytest.mark.parametrize("shape", ["line", "hold"])
@pytest.mark.parametrize("every_ns", [0, SECOND])
@given(rows(), st.lists(st.tuples(st.integers(0, 25), st.one_of(st.none(), STEPS_NS), st.integers(0, 2))))
def test_bounds_do_what_their_model_does(
    shape: str, every_ns: int, some: list[Row], flushes: list[tuple[int, int | None, int]]
) -> None:
    flags_every_ns, longest_ns = 3 * SECOND, 4 * SECOND
    bounds = Bounds(
        SCHEMA,
        [1],
        list(BOUNDS.values()),
        line=shape == "line",
        longest_ns=longest_ns,
        every_ns=every_ns,
        flags_every_ns=[flags_every_ns],
    )

    def field(name: str) -> ModelField:
        distance_ns = flags_every_ns if name in FLAGS else every_ns
        return ModelField(shape, None if BOUNDS[name] < 0 else BOUNDS[name], distance_ns, longest_ns)

    model, rows_out = ModelBounds(field), 0
    for number, row in enumerate(some):
        out = SampleBatch(SCHEMA)
        bounds.reduce(batch([row]), out)
        expected = model.take(row)
        for at, before_ns, tags in flushes:
            if at == number:
                end_ns = None if before_ns is None else row.time_ns + before_ns
                one = None if tags == 2 else tags
                bounds.flush(out, end_ns, None if one is None else {one})
                expected += model.flush_of(one, end_ns)
        found = [one._replace(id=one.id & ~NEW_SENDER) for one in out]
        assert as_they_are(found) == as_they_are(expected)
        rows_out += len(out)
        assert (bounds.reduced, bounds.pending) == (model.reduced, model.pending)
        assert bounds.holding == len(model.held)
        assert sum(bounds.made_by_measurement().values()) == model.parts - model.pending
        assert number + 1 + model.parts == rows_out + bounds.reduced + bounds.pending


@st.composite
def values(draw: st.DrawFn) -> list[Value]:
    times = draw(st.lists(STEPS_NS, min_size=1, max_size=60))
    time_ns, made = 1_700_000_000 * SECOND, []
    for step_ns in times:
        time_ns += step_ns
        made.append((time_ns, draw(NUMBERS)))
    return made


def kept_of(bounds: Bounds, some: Sequence[Value], size: int = 7) -> list[Value]:
    out = SampleBatch(ONE)
    for at in range(0, len(some), size):
        part = [Row(time_ns, 0, "one", 0, 0, 0, {"x": number}) for time_ns, number in some[at : at + size]]
        bounds.reduce(batch(part, ONE), out)
    bounds.flush(out)
    return [(row.time_ns, row.raw["x"]) for row in out]


@pytest.mark.parametrize("shape", ["line", "hold"])
@given(values(), st.sampled_from([0.0, 0.1, 0.5, 1.0, 7.25]), st.sampled_from([SECOND, 60 * SECOND]))
def test_what_a_reader_draws_is_within_the_bound_at_every_value(
    shape: str, some: list[Value], bound: float, longest_ns: int
) -> None:
    kept = kept_of(Bounds(ONE, [1], [bound], line=shape == "line", longest_ns=longest_ns), some)
    for number, run in enumerate(runs_of(some)):
        assert repr(run[0]) in map(repr, kept), number
        assert repr(run[-1]) in map(repr, kept), number
        if math.isfinite(run[0][1]):
            of_run = [one for one in kept if run[0][0] <= one[0] <= run[-1][0] and one in run]
            for value, error in errors_of(of_run, run, shape):
                rounding = 1e-9 * max(bound, *(abs(number) for _, number in run)) + SMALLEST
                assert error <= bound + rounding, value


def runs_of(some: Sequence[Value]) -> list[list[Value]]:
    """Cut values where a run ends."""
    made: list[list[Value]] = []
    distance_ns, last_ns = 0, None
    for time_ns, number in some:
        since_ns = 0 if last_ns is None else time_ns - last_ns
        ends = since_ns <= 0 or since_ns > max(GAP_NS, 2 * distance_ns)
        if not made or ends or not math.isfinite(number) or not math.isfinite(made[-1][0][1]):
            made.append([])
        made[-1].append((time_ns, number))
        distance_ns, last_ns = max(since_ns, 0), time_ns
    return made


@given(rows(), st.integers(1, 25), st.booleans())
def test_the_sizes_of_batches_make_no_difference(some: list[Row], size: int, line: bool) -> None:
    whole, parts = SampleBatch(SCHEMA), SampleBatch(SCHEMA)
    settings = (SCHEMA, [1], list(BOUNDS.values()))
    one = Bounds(*settings, line=line, longest_ns=4 * SECOND)
    other = Bounds(*settings, line=line, longest_ns=4 * SECOND)
    one.reduce(batch(some), whole)
    for at in range(0, len(some), size):
        other.reduce(batch(some[at : at + size]), parts)
    assert list(parts) == list(whole)
    assert other.left_out_by_measurement() == one.left_out_by_measurement()


@given(rows(), rows(), st.booleans())
def test_what_another_one_remembers_goes_on(first: list[Row], then: list[Row], line: bool) -> None:
    settings = (SCHEMA, [1], list(BOUNDS.values()))
    before = Bounds(*settings, line=line, longest_ns=4 * SECOND)
    after = Bounds(*settings, line=line, longest_ns=4 * SECOND)
    before.reduce(batch(first), SampleBatch(SCHEMA))
    after.remember(before.memory())
    assert (after.pending, after.holding) == (before.pending, before.holding)
    expected, found = SampleBatch(SCHEMA), SampleBatch(SCHEMA)
    for bounds, out in ((before, expected), (after, found)):
        bounds.reduce(batch(then), out)
        bounds.flush(out)
    assert list(found) == list(expected)
    assert repr(after.memory()) == repr(before.memory())


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=200), st.sampled_from([0.1, 0.5, 2.0, 30.0]))
def test_a_strict_door_is_right_where_the_textbook_s_may_be_off_by_up_to_twice_the_bound(
    numbers: list[float], bound: float
) -> None:
    some = [(number * SECOND // 100, each) for number, each in enumerate(numbers)]
    strict = kept_of(Bounds(ONE, [1], [bound], line=True, longest_ns=60 * SECOND), some)
    assert greatest_error(strict, some) <= bound + 1e-9 * 100
    assert greatest_error(textbook(some, bound), some) <= 2 * bound + 1e-9 * 100


def test_the_textbook_s_door_breaks_the_bound_and_the_strict_one_does_not() -> None:
    some = [(number * SECOND, each) for number, each in enumerate([0.0, 1.9, 1.0, -5.0])]
    assert greatest_error(textbook(some, 1.0), some) == pytest.approx(1.4)
    strict = kept_of(Bounds(ONE, [1], [1.0], line=True, longest_ns=60 * SECOND), some)
    assert greatest_error(strict, some) <= 1.0


def greatest_error(kept: Sequence[Value], some: Sequence[Value]) -> float:
    return max(error for _, error in errors_of(kept, some, "line"))


def textbook(some: Sequence[Value], bound: float) -> list[Value]:
    """Compress by the swinging door as textbooks have it: the value before the one that closes it is kept."""
    (pivot, *rest), kept = some, [some[0]]
    last, low, high = pivot, -math.inf, math.inf
    for time_ns, number in rest:
        distance_ns = time_ns - pivot[0]
        low = max(low, (number - bound - pivot[1]) / distance_ns)
        high = min(high, (number + bound - pivot[1]) / distance_ns)
        if low > high:
            pivot = last
            kept.append(pivot)
            distance_ns = time_ns - pivot[0]
            low = (number - bound - pivot[1]) / distance_ns
            high = (number + bound - pivot[1]) / distance_ns
        last = (time_ns, number)
    return [*kept, some[-1]]
