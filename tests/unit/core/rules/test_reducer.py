"""The reducer: what is held back, what goes out at once, and that every row is accounted for."""

import pytest
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.rules.reducer import Reducer

SECOND = 1_000_000_000


@pytest.fixture
def schema() -> Schema:
    return Schema(
        [
            RecordSpec(
                "pack",
                (
                    FieldSpec("voltage", SlotKind.UINT),
                    FieldSpec("current", SlotKind.INT),
                    FieldSpec("closed", SlotKind.UINT, passes=True),
                ),
            ),
            RecordSpec("raw", (FieldSpec("x", SlotKind.UINT),)),
        ]
    )


class Bench:
    """A reducer of one-second intervals for `pack`, none for `raw`, and what came out of it."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.reducer = Reducer(schema, [SECOND, 0])
        self.rows_in = 0
        self.rows_out = 0

    def put(
        self, time_s: float, *, tags: int = 0, record: int = 0, **raw: int
    ) -> list[tuple[float, dict[str, float]]]:
        samples, out = SampleBatch(self.schema), SampleBatch(self.schema)
        samples.append(record, round(time_s * SECOND), raw, tags=tags)
        self.reducer.reduce(samples, out)
        self.rows_in += 1
        return self._came(out)

    def flush(self, before_s: float | None = None) -> list[tuple[float, dict[str, float]]]:
        out = SampleBatch(self.schema)
        self.reducer.flush(out, None if before_s is None else round(before_s * SECOND))
        return self._came(out)

    def _came(self, out: SampleBatch) -> list[tuple[float, dict[str, float]]]:
        self.rows_out += len(out)
        assert self.rows_in == self.rows_out + self.reducer.reduced + self.reducer.pending
        return [(row.time_ns / SECOND, row.raw) for row in out]


@pytest.fixture
def bench(schema: Schema) -> Bench:
    return Bench(schema)


def test_the_first_row_of_a_key_goes_out_at_once(bench: Bench) -> None:
    assert bench.put(0.0, voltage=1) == [(0.0, {"voltage": 1})]
    assert bench.put(0.1, tags=1, voltage=1) == [(0.1, {"voltage": 1})]
    assert bench.put(0.2, voltage=2) == []


def test_rows_of_one_interval_are_merged_under_the_last_stamp(bench: Bench) -> None:
    bench.put(0.0, voltage=1)
    assert bench.put(0.1, voltage=2, current=7) == []
    assert bench.put(0.2, voltage=3) == []
    assert bench.put(1.0, voltage=4) == [(0.2, {"voltage": 3, "current": 7})]
    assert (bench.reducer.reduced, bench.reducer.pending) == (1, 1)


def test_an_earlier_interval_ends_the_pending_one_too(bench: Bench) -> None:
    bench.put(5.0, voltage=1)
    bench.put(5.1, voltage=2)
    assert bench.put(-0.5, voltage=3) == [(5.1, {"voltage": 2})]
    assert bench.put(-0.1, voltage=4) == []
    assert bench.put(0.0, voltage=5) == [(-0.1, {"voltage": 4})]


def test_a_change_of_a_flag_passes_at_once_and_takes_its_fields_along(bench: Bench) -> None:
    bench.put(0.0, voltage=1, closed=0)
    assert bench.put(0.1, voltage=2, current=7, closed=0) == []
    assert bench.put(0.2, voltage=3, closed=1) == [(0.2, {"voltage": 3, "closed": 1})]
    assert bench.flush() == [(0.1, {"current": 7})]


def test_a_pending_row_of_nothing_is_gone(bench: Bench) -> None:
    bench.put(0.0, voltage=1, closed=0)
    bench.put(0.1, voltage=2, closed=0)
    assert bench.put(0.2, voltage=3, closed=1) == [(0.2, {"voltage": 3, "closed": 1})]
    assert (bench.reducer.reduced, bench.reducer.pending) == (1, 0)
    assert bench.flush() == []


def test_a_flag_seen_for_the_first_time_is_a_change(bench: Bench) -> None:
    bench.put(0.0, voltage=1)
    assert bench.put(0.1, closed=0) == [(0.1, {"closed": 0})]
    assert bench.put(0.2, closed=0) == []


def test_keys_do_not_touch_each_other(bench: Bench) -> None:
    bench.put(0.0, tags=1, voltage=1)
    bench.put(0.0, tags=2, voltage=1)
    bench.put(0.1, tags=1, voltage=2)
    assert bench.put(3.0, tags=2, voltage=3) == []
    assert bench.reducer.made_by_measurement() == {"pack": -2}
    assert bench.flush() == [(0.1, {"voltage": 2}), (3.0, {"voltage": 3})]
    assert bench.reducer.made_by_measurement() == {}


def test_flush_before_a_time_leaves_the_interval_that_is_not_over(bench: Bench) -> None:
    bench.put(0.0, voltage=1)
    bench.put(0.9, voltage=2)
    assert bench.flush(0.99) == []
    assert bench.flush(1.0) == [(0.9, {"voltage": 2})]


def test_records_without_an_interval_pass(bench: Bench) -> None:
    assert [bench.put(0.1 * step, record=1, x=1) for step in range(3)] == [
        [(0.1 * step, {"x": 1})] for step in range(3)
    ]
    assert bench.flush() == []


def test_of_a_record_with_the_interval_minus_one_nothing_goes_out_and_all_is_counted(schema: Schema) -> None:
    reducer, samples, out = Reducer(schema, [-1, 0]), SampleBatch(schema), SampleBatch(schema)
    for step in range(3):
        samples.append(0, step, {"closed": step})
        samples.append(1, step, {"x": step})
    reducer.reduce(samples, out)
    reducer.flush(out)
    assert [(row.measurement, row.raw) for row in out] == [("raw", {"x": step}) for step in range(3)]
    assert (reducer.reduced, reducer.pending) == (3, 0)


def test_a_flag_that_changes_with_each_row_passes_once_in_its_interval(schema: Schema) -> None:
    bench = Bench(schema)
    bench.reducer = Reducer(schema, [1000 * SECOND, 0], [10 * SECOND, 0])
    came = [bench.put(step * 0.5, closed=step % 2, voltage=step) for step in range(200)]
    sent = [row for rows in came for row in rows]
    last = [9.5 + 10 * step for step in range(9)]  # of each interval
    assert [time_s for time_s, _ in sent] == [0.0, *last]
    assert all(row["voltage"] == 2 * time_s for time_s, row in sent)
    assert bench.reducer.reduced == 200 - 10 - 1


def test_a_change_that_is_held_goes_out_when_its_interval_is_over_though_no_other_follows(
    schema: Schema,
) -> None:
    bench = Bench(schema)
    bench.reducer = Reducer(schema, [1000 * SECOND, 0], [10 * SECOND, 0])
    bench.put(0.0, closed=0)
    assert bench.put(1.0, closed=1) == []
    assert bench.put(2.0, voltage=5) == []
    assert bench.flush(9.9) == []
    assert bench.flush(10.0) == [(2.0, {"closed": 1, "voltage": 5})]
    assert bench.put(11.0, closed=1) == []  # as sent
    assert bench.put(12.0, closed=0) == [(12.0, {"closed": 0})]  # the first change of this interval


def test_a_message_without_the_flag_lets_go_of_the_change_that_waits(schema: Schema) -> None:
    bench = Bench(schema)
    bench.reducer = Reducer(schema, [1000 * SECOND, 0], [10 * SECOND, 0])
    bench.put(0.0, closed=0)
    bench.put(1.0, closed=1)
    assert bench.put(10.0, voltage=1) == [(1.0, {"closed": 1})]
    assert [bench.put(time_s, voltage=1) for time_s in (20.0, 30.0)] == [[], []]  # nothing waits any more
    assert bench.put(30.5, closed=0) == [(30.5, {"closed": 0})]


def test_ten_thousand_keys_are_found_again(schema: Schema) -> None:
    reducer, samples, out = Reducer(schema, [SECOND, 0]), SampleBatch(schema), SampleBatch(schema)
    for time_ns in (0, 1, 2):
        for tags in range(10_000):
            samples.append(0, time_ns, {"voltage": tags}, tags=tags)
    reducer.reduce(samples, out)
    assert (len(out), reducer.reduced, reducer.pending) == (10_000, 10_000, 10_000)
    out.clear()
    reducer.flush(out)
    assert [(row.tags, row.raw["voltage"]) for row in out] == [(tags, tags) for tags in range(10_000)]


@pytest.mark.parametrize("every_ns", [[], [1], [1, 2, 3], [1, -2]])
def test_intervals_must_fit_the_schema(schema: Schema, every_ns: list[int]) -> None:
    with pytest.raises(ValueError, match="interval"):
        Reducer(schema, every_ns)
    with pytest.raises(ValueError, match="interval"):
        Reducer(schema, [0, 0], every_ns)


def test_batches_of_another_schema_and_the_batch_itself_are_refused(schema: Schema) -> None:
    reducer, samples = Reducer(schema, [1, 1]), SampleBatch(schema)
    other = SampleBatch(Schema([]))
    for rows, out in ((other, samples), (samples, other)):
        with pytest.raises(ValueError, match="schema"):
            reducer.reduce(rows, out)
    with pytest.raises(ValueError, match="itself"):
        reducer.reduce(samples, samples)
    with pytest.raises(ValueError, match="schema"):
        reducer.flush(other)
