"""The reducer against its model, whatever the rows and however they are batched."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.rows.batch import Row, SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.rules.reducer import Reducer
from telemetry_core.rules.senders import NEW_SENDER, OTHER_SENDER

from tests.support.reducer import ModelReducer

EVERY_NS = {"small": 10, "wide": 7, "all": 0, "none": -1}
FLAGS_EVERY_NS = {"small": 4, "wide": 20, "all": 3, "none": 5}
PASSES = {
    "small": {"flag"},
    "wide": {f"f{index}" for index in (0, 63, 64, 69)},
    "all": {"flag"},
    "none": {"flag"},
}
NAMES = {name: ["x", "flag"] for name in EVERY_NS} | {"wide": [f"f{index}" for index in range(70)]}
MEASUREMENTS = list(EVERY_NS)
SCHEMA = Schema(
    RecordSpec(
        measurement,
        tuple(
            FieldSpec(name, SlotKind.INT, passes=name in PASSES[measurement]) for name in NAMES[measurement]
        ),
    )
    for measurement in MEASUREMENTS
)


@st.composite
def rows(draw: st.DrawFn, measurements: Sequence[str] = MEASUREMENTS) -> Row:
    measurement = draw(st.sampled_from(measurements))
    names = st.sampled_from(NAMES[measurement])
    raw: dict[str, int | float | bool] = {**draw(st.dictionaries(names, st.integers(0, 2), max_size=4))}
    return Row(
        time_ns=draw(st.integers(-25, 25)),
        nudge_ns=draw(st.integers(0, 3)),
        measurement=measurement,
        tags=draw(st.integers(0, 1)),
        channel=draw(st.integers(0, 1)),
        id=draw(st.sampled_from([0, 0, 1, NEW_SENDER, OTHER_SENDER])),
        raw=raw,
    )


def in_order(some: list[Row]) -> list[Row]:
    return sorted(some, key=lambda row: row.time_ns)


BATCHES = st.one_of(st.lists(rows(), max_size=20), st.lists(rows(["small"]), max_size=20).map(in_order))


def batch(some: list[Row]) -> SampleBatch:
    samples = SampleBatch(SCHEMA)
    for row in some:
        record = MEASUREMENTS.index(row.measurement)
        samples.append(
            record, row.time_ns, row.raw, tags=row.tags, channel=row.channel, id=row.id, nudge_ns=row.nudge_ns
        )
    return samples


@given(
    st.lists(st.one_of(BATCHES, st.none(), st.integers(-30, 30))),
    st.sampled_from([{}, FLAGS_EVERY_NS]),
)
def test_the_reducer_does_what_its_model_does(
    steps: list[list[Row] | int | None], flags_every_ns: dict[str, int]
) -> None:
    every_ns = [EVERY_NS[name] for name in MEASUREMENTS]
    reducer = Reducer(SCHEMA, every_ns, [flags_every_ns.get(name, 0) for name in MEASUREMENTS])
    model = ModelReducer(EVERY_NS, PASSES, flags_every_ns)
    rows_in = rows_out = 0
    for step in steps:
        out = SampleBatch(SCHEMA)
        if isinstance(step, list):
            reducer.reduce(batch(step), out)
            assert list(out) == model.reduce(step)
            rows_in += len(step)
        else:
            reducer.flush(out, step)
            assert {(row.measurement, row.tags) for row in out} == model.flush(step)
        rows_out += len(out)
        assert (reducer.reduced, reducer.pending) == (model.reduced, model.pending)
        assert rows_in == rows_out + reducer.reduced + reducer.pending
        assert sum(reducer.made_by_measurement().values()) == -reducer.pending


@given(st.lists(rows(), max_size=40))
def test_the_last_state_of_a_flag_is_sent_whatever_its_interval(some: list[Row]) -> None:
    every_ns = [EVERY_NS[name] for name in MEASUREMENTS]
    flags_every_ns = [FLAGS_EVERY_NS[name] for name in MEASUREMENTS]
    reducer, out = Reducer(SCHEMA, every_ns, flags_every_ns), SampleBatch(SCHEMA)
    reducer.reduce(batch(some), out)
    reducer.flush(out)
    assert last_flags(list(out)) == last_flags([row for row in some if row.measurement != "none"])


def last_flags(some: list[Row]) -> dict[tuple[str, int], dict[str, int | float | bool]]:
    last: dict[tuple[str, int], dict[str, int | float | bool]] = {}
    for row in some:
        flags = {name: value for name, value in row.raw.items() if name in PASSES[row.measurement]}
        last[row.measurement, row.tags] = last.get((row.measurement, row.tags), {}) | flags
    return last


@given(st.lists(rows(), max_size=40), st.integers(1, 40))
def test_the_sizes_of_batches_make_no_difference(some: list[Row], size: int) -> None:
    every_ns = [EVERY_NS[name] for name in MEASUREMENTS]
    whole, parts = SampleBatch(SCHEMA), SampleBatch(SCHEMA)
    Reducer(SCHEMA, every_ns).reduce(batch(some), whole)
    reducer = Reducer(SCHEMA, every_ns)
    for at in range(0, len(some), size):
        reducer.reduce(batch(some[at : at + size]), parts)
    assert list(parts) == list(whole)
