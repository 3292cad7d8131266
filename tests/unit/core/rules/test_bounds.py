"""Bounds: which values are kept, in which rows, and that each row and value is accounted for."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.rules.bounds import Bounds
from telemetry_core.rules.senders import NEW_SENDER
from telemetry_core.text.encoder import Encoder
from telemetry_core.text.lines import LineBuffer

SECOND = 1_000_000_000
FIELDS = (
    FieldSpec("volts", SlotKind.FLOAT),
    FieldSpec("raw", SlotKind.UINT, factor=0.1, offset=-40.0),
    FieldSpec("free", SlotKind.FLOAT),
    FieldSpec("closed", SlotKind.BOOL, passes=True),
    FieldSpec("text", SlotKind.ASCII, passes=True, characters=17),
)
SCHEMA = Schema(
    [
        RecordSpec("pack", FIELDS, modelled=True),
        RecordSpec("other", (FieldSpec("x", SlotKind.FLOAT),)),
        RecordSpec("never", (FieldSpec("x", SlotKind.FLOAT),)),
    ]
)
Came = list[tuple[float, dict[str, Any]]]


class Bench:
    """Bounds of 1 V and 0.5 (raw: 5 steps) for `pack`; `other` passes, `never` does not."""

    def __init__(self, shape: str = "line", every_s: float = 0, flags_every_s: float = 0) -> None:
        self.bounds = Bounds(
            SCHEMA,
            [1, 0, -1],
            [1.0, 0.5, -1, -1, -1, -1, -1],
            line=shape == "line",
            longest_ns=60 * SECOND,
            every_ns=round(every_s * SECOND),
            flags_every_ns=[round(flags_every_s * SECOND), 0, 0],
        )
        self.rows_in = self.rows_out = 0

    def put(
        self,
        time_s: float,
        raw_by_name: dict[str, Any] | None = None,
        *,
        tags: int = 0,
        record: int = 0,
        id: int = 0,
        **raw: Any,
    ) -> Came:
        samples, out = SampleBatch(SCHEMA), SampleBatch(SCHEMA)
        values = {**(raw_by_name or {}), **raw}
        samples.append(record, round(time_s * SECOND), values, tags=tags, id=id)
        self.bounds.reduce(samples, out)
        self.rows_in += 1
        return self.came(out)

    def puts(self, values: Sequence[tuple[float, float]], name: str = "volts") -> Came:
        return [row for time_s, value in values for row in self.put(time_s, raw_by_name={name: value})]

    def flush(self, before_s: float | None = None, tags: set[int] | None = None) -> Came:
        out = SampleBatch(SCHEMA)
        self.bounds.flush(out, None if before_s is None else round(before_s * SECOND), tags)
        return self.came(out)

    def came(self, out: SampleBatch) -> Came:
        self.rows_out += len(out)
        made = sum(self.bounds.made_by_measurement().values())
        assert self.rows_in + made == self.rows_out + self.bounds.reduced
        return [(row.time_ns / SECOND, row.raw) for row in out]


def test_a_value_beyond_the_bound_of_the_last_one_kept_is_held_no_longer() -> None:
    bench = Bench("hold")
    assert bench.put(0.0, volts=50.0) == [(0.0, {"volts": 50.0})]
    assert bench.puts([(0.1, 51.0), (0.2, 49.0)]) == []
    assert bench.put(0.3, volts=51.1) == [(0.3, {"volts": 51.1})]
    assert bench.bounds.left_out_by_measurement() == {"pack": 2}
    assert (bench.bounds.reduced, bench.bounds.pending, bench.bounds.holding) == (2, 0, 0)


def test_a_line_goes_on_as_long_as_one_value_can_be_its_end() -> None:
    bench = Bench()
    assert bench.puts([(0, 0.0)]) == [(0.0, {"volts": 0.0})]
    assert bench.puts([(1, 10.0), (2, 20.5), (3, 29.5)]) == []
    assert bench.put(4, volts=0.0) == [(3.0, {"volts": 29.5})]
    assert bench.flush() == [(4.0, {"volts": 0.0})]
    assert bench.bounds.left_out_by_measurement() == {"pack": 2}


def test_a_bound_is_of_the_value_and_not_of_its_raw_number() -> None:
    bench = Bench("hold")
    bench.put(0, raw=400)
    assert bench.put(1, raw=405) == []
    assert bench.put(2, raw=394) == [(2.0, {"raw": 394})]


def test_without_a_bound_each_change_passes_also_that_of_a_flag_and_of_a_long_text() -> None:
    bench, first = Bench(), {"free": 1.0, "closed": True, "text": "LB12345678901234A"}
    assert bench.put(0, first) == [(0.0, first)]
    assert bench.put(100, first) == [(100.0, {"free": 1.0, "closed": True, "text": first["text"]})]  # a gap
    assert bench.put(101, first) == []
    assert bench.put(102, free=2.0, closed=False, text="LB12345678901234B") == [
        (102.0, {"free": 2.0, "closed": False, "text": "LB12345678901234B"})
    ]
    assert bench.put(103, closed=False, text="LB12345678901234B") == []
    assert bench.flush() == [(103.0, {"closed": False})]


def test_a_row_leaves_in_parts_where_its_fields_are_decided_at_different_moments() -> None:
    bench = Bench()
    bench.put(0, volts=0.0, closed=False)
    assert bench.put(1, volts=0.0, raw=1, closed=True) == [(1.0, {"raw": 1, "closed": True})]
    assert bench.put(2, volts=9.0) == [(1.0, {"volts": 0.0})]
    assert bench.bounds.made_by_measurement() == {}  # one part more, and a row that waits
    assert bench.put(3, volts=0.0, raw=1) == [(2.0, {"volts": 9.0})]
    assert sorted(bench.flush(), key=str) == [(3.0, {"volts": 0.0, "raw": 1})]
    assert bench.bounds.made_by_measurement() == {"pack": 1}


def test_fields_that_one_later_row_decides_leave_as_one_row() -> None:
    bench = Bench()
    bench.put(0, volts=0.0, raw=0, free=1.0)
    bench.put(1, volts=0.0, raw=0, free=1.0)
    assert bench.put(2, volts=9.0, raw=90, free=1.0) == [(1.0, {"volts": 0.0, "raw": 0})]


@pytest.mark.parametrize("shape", ["line", "hold"])
def test_last_before_and_first_after_a_gap_are_kept_and_a_slow_field_has_none(shape: str) -> None:
    bench = Bench(shape)
    assert [row[0] for row in bench.puts([(0, 5.0), (0.5, 5.0), (1, 5.0), (3.1, 5.0)])] == [0.0, 1.0, 3.1]
    slow = Bench(shape)
    times = [time_s for time_s, _ in slow.puts([(10.0 * step, 5.0) for step in range(13)])]
    assert times == [0.0, 10.0, 60.0, 120.0]  # of the second one nobody knows that it is slow; each minute


@pytest.mark.parametrize("shape", ["line", "hold"])
def test_a_field_that_stops_for_ever_has_its_last_value_kept_once_the_gap_is_over(shape: str) -> None:
    bench = Bench(shape)
    bench.puts([(0, 5.0), (1, 5.0), (1.5, 5.0)])
    assert bench.flush(3.5) == []
    assert bench.flush(3.6) == [(1.5, {"volts": 5.0})]
    assert bench.flush(1e6) == []


def test_a_line_goes_out_after_the_longest_time_though_no_value_follows() -> None:
    bench = Bench()
    assert [time_s for time_s, _ in bench.puts([(1, 5.0), (60, 5.0), (119, 5.0)])] == [1.0, 60.0]
    assert bench.flush(179.0) == []
    assert bench.flush(179.1) == [(119.0, {"volts": 5.0})]


@pytest.mark.parametrize("shape", ["line", "hold"])
def test_fields_at_rest_have_their_value_of_each_minute_in_the_same_rows(shape: str) -> None:
    bench = Bench(shape)
    steps = range(1, 360)  # half a second each; `raw` is kept at 20 s, too
    came = [row for step in steps for row in bench.put(step / 2, volts=0.0, raw=0 if step < 40 else 90)]
    assert [time_s for time_s, values in came if "volts" in values] == [0.5, 60.0, 120.0]
    assert [time_s for time_s, values in came if "raw" in values][-2:] == [60.0, 120.0]


@pytest.mark.parametrize("shape", ["line", "hold"])
def test_stamps_that_repeat_or_step_back_and_what_is_no_number_are_kept_and_end_a_run(shape: str) -> None:
    bench = Bench(shape)
    values = [(0, 1.0), (1, 1.0), (1, 2.0), (2, 2.0), (1, 2.0), (2, math.inf), (3, 2.0), (4, 2.0)]
    kept = [(time_s, row["volts"]) for time_s, row in bench.puts(values)]
    assert kept == values[:-1]
    assert bench.flush() == [(4.0, {"volts": 2.0})]


def test_a_sender_that_takes_another_one_s_place_begins_with_a_kept_value() -> None:
    bench = Bench()
    bench.puts([(0, 1.0), (1, 1.0)])
    bench.put(1, tags=1, volts=1.0)
    assert bench.put(2, id=NEW_SENDER | 7, volts=1.0) == [(1.0, {"volts": 1.0}), (2.0, {"volts": 1.0})]
    assert bench.put(3, volts=1.0) == []


def test_keys_do_not_touch_each_other_and_one_alone_can_be_flushed() -> None:
    bench = Bench()
    for tags in (0, 1):
        bench.put(0, tags=tags, volts=1.0)
        bench.put(1, tags=tags, volts=float(tags))
    assert bench.put(2, tags=1, volts=9.0) == [(1.0, {"volts": 1.0})]
    assert bench.bounds.made_by_measurement() == {"pack": -2}
    assert bench.flush(tags={0}) == [(1.0, {"volts": 0.0})]
    assert bench.flush() == [(2.0, {"volts": 9.0})]


def test_rows_of_other_measurements_pass_or_are_left_out_and_counted() -> None:
    bench = Bench()
    assert bench.put(0, record=1, x=1.0) == bench.put(0, record=1, x=1.0) == [(0.0, {"x": 1.0})]
    assert bench.put(0, record=2, x=1.0) == []
    assert bench.put(0) == []  # a row of no value
    assert (bench.bounds.reduced, bench.bounds.pending) == (2, 0)


@pytest.mark.parametrize("shape", ["hold", "line"])
def test_kept_values_of_a_field_are_as_far_apart_as_is_asked_for(shape: str) -> None:
    bench = Bench(shape, every_s=1.0)
    came = bench.puts([(0.25 * step, 10.0 * (step % 2) + step) for step in range(10)])
    assert [time_s for time_s, _ in came] == [0.0, 1.0, 2.0]


def test_a_flag_that_changes_with_each_row_passes_once_in_its_interval_and_its_last_state_follows() -> None:
    bench = Bench(flags_every_s=10.0)
    came = [row for step in range(21) for row in bench.put(0.5 * step, closed=step % 2 == 1)]
    assert came == [(0.0, {"closed": False})]
    assert bench.put(10.5, closed=True) == [(10.5, {"closed": True})]
    assert bench.put(11.0, closed=False) == []
    assert bench.put(12.0, closed=False) == []
    assert bench.flush(20.4) == [(12.0, {"closed": False})]  # nothing came: a gap
    waiting = Bench("hold", flags_every_s=10.0)
    waiting.put(0, closed=False)
    assert waiting.puts([(1.0 + step, float(step % 2)) for step in range(9)], "closed") == []
    assert waiting.put(9.5, closed=True) == []
    assert waiting.flush(9.9) == []
    assert waiting.flush(10.0) == [(9.5, {"closed": True})]


def test_another_factor_counts_from_the_values_that_are_held_and_the_first_one_comes_back() -> None:
    bench, out = Bench("hold"), SampleBatch(SCHEMA)
    bench.puts([(0, 0.0), (1, 0.9)])
    bench.bounds.set_factor(4.0, 600 * SECOND, out)
    assert bench.came(out) == [(1.0, {"volts": 0.9})]
    assert bench.puts([(2, 4.8), (3, -3.0)]) == []
    assert bench.put(3, tags=1, volts=0.0) + bench.put(4, tags=1, volts=4.0) == [(3.0, {"volts": 0.0})]
    out.clear()
    bench.bounds.set_factor(1.0, 60 * SECOND, out)
    assert sorted(bench.came(out), key=str) == [(3.0, {"volts": -3.0}), (4.0, {"volts": 4.0})]
    assert bench.put(4, volts=-4.1) == [(4.0, {"volts": -4.1})]


def test_a_batch_of_parts_may_replace_points_only_where_stamps_repeat_or_step_back() -> None:
    encoder, lines = Encoder(SCHEMA), LineBuffer()
    encoder.set_tags(0, b"")
    encoder.expect_parts([0])
    bounds = Bench().bounds
    found = []
    values = [(0, 0.0, 0.0), (1, 0.0, 9.0), (2, 0.0, 0.0), (3, 9.0, 0.0), (4, 0.0, 0.0), (2, 5.0, 5.0)]
    for time_s, volts, free in [*values, (3, 9.0, 0.0), (9, 5.0, 5.0), (10, 5.0, 5.0), (11, 50.0, 5.0)]:
        samples, out = SampleBatch(SCHEMA), SampleBatch(SCHEMA)
        samples.append(0, time_s * SECOND, {"volts": volts, "free": free})
        bounds.reduce(samples, out)
        encoder.encode(out, lines)
        found.append(lines.overlaps)
        lines.clear()
    assert found == [False] * 5 + [True] * 3 + [False] * 2
    encoder.modelled_series.assume_up_to(0, 20 * SECOND)
    bounds.flush(out)
    encoder.encode(out, lines)
    assert lines.overlaps


def test_ten_thousand_fields_are_held_in_memory_that_stays_as_it_is() -> None:
    count = 10_000
    names = [f"f{index}" for index in range(count)]
    schema = Schema([RecordSpec("all", tuple(FieldSpec(name, SlotKind.FLOAT) for name in names))])
    bounds = Bounds(schema, [1], [0.5] * count, line=True, longest_ns=60 * SECOND)
    out = SampleBatch(schema)
    for step in range(4):
        samples = SampleBatch(schema)
        samples.append(0, step * SECOND, dict.fromkeys(names, step + 0.1 * (step % 2)))
        bounds.reduce(samples, out)
    for index in range(0, count, 1000):  # each from a row of its own
        samples = SampleBatch(schema)
        samples.append(0, 4 * SECOND + index, {names[index]: 4.0})
        bounds.reduce(samples, out)
    assert (len(out), bounds.reduced, bounds.pending) == (1, 2, 11)
    bounds.flush(out)
    assert [len(row.raw) for row in out] == [count, *[count - 10], *[1] * 10][:1] + [len(r.raw) for r in out][
        1:
    ]
    assert sum(len(row.raw) for row in out) == 2 * count


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"modes": [1]}, "another schema"),
        ({"bounds": [1.0]}, "another schema"),
        ({"flags_every_ns": [0]}, "another schema"),
        ({"every_ns": -1}, "negative"),
        ({"longest_ns": 0}, "negative"),
        ({"flags_every_ns": [0, -1, 0]}, "negative"),
        ({"bounds": [-2.0] * 7}, "bound"),
        ({"bounds": [math.nan] * 7}, "bound"),
        ({"bounds": [math.inf] * 7}, "bound"),
    ],
)
def test_settings_must_fit_the_schema(given: dict[str, Any], wrong: str) -> None:
    settings: dict[str, Any] = {"modes": [1, 0, -1], "bounds": [1.0] * 7, "line": True, "longest_ns": 1}
    settings |= given
    with pytest.raises(ValueError, match=wrong):
        Bounds(SCHEMA, settings.pop("modes"), settings.pop("bounds"), **settings)


def test_batches_of_another_schema_the_batch_itself_and_a_memory_of_others_are_refused() -> None:
    bounds, samples = Bench().bounds, SampleBatch(SCHEMA)
    other = SampleBatch(Schema([]))
    for rows, out in ((other, samples), (samples, other)):
        with pytest.raises(ValueError, match="schema"):
            bounds.reduce(rows, out)
    with pytest.raises(ValueError, match="itself"):
        bounds.reduce(samples, samples)
    with pytest.raises(ValueError, match="schema"):
        bounds.flush(other)
    bench = Bench()
    bench.put(0, volts=1.0)
    ((*head, doors, sources, texts),) = bench.bounds.memory()
    for memory in (
        (*head, doors[1:], sources, texts),
        (*head, doors, sources[1:], texts),
        (9, *head[1:], doors, sources, texts),
    ):
        with pytest.raises(ValueError, match="another schema"):
            Bench().bounds.remember([memory])
