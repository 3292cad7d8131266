"""The compiled watcher reports what the readable one reports, whatever comes and however it is batched."""

import itertools
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_core.rows.batch import Row, SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.rules.watch_spec import BitTest, CrossingTest, LimitTest, RuleSpec, ValueTest
from telemetry_core.rules.watcher import Watcher

from tests.support.examples import examples
from tests.support.watcher_model import WatcherModel

FAULTS, CELLS, QUIET = 0, 1, 2
CELL_NAMES = [f"v{number:03d}" for number in range(1, 71)]  # more than one word of the mask
RECORDS = (
    RecordSpec(
        "Faults",
        (
            FieldSpec("word", SlotKind.UINT),
            FieldSpec("state", SlotKind.INT),
            FieldSpec("flag", SlotKind.BOOL),
        ),
    ),
    RecordSpec("cells", tuple(FieldSpec(name, SlotKind.FLOAT) for name in CELL_NAMES), modelled=True),
    RecordSpec("Quiet", (FieldSpec("x", SlotKind.INT),)),
)
OWN_TAGS, MAP_TAGS = 10, (11, 12)
LIMITS = st.sampled_from([-1.0, 0.0, 3.0, 3.5])
STEPS = st.sampled_from([0, 1, 10**8, 10**9, -1, -(10**9)])

Given = tuple[int, int, int, int, dict[str, int | float | bool]]  # record, channel, tags, time, values


@st.composite
def limit_tests(draw: st.DrawFn) -> LimitTest:
    limit, is_upper = draw(LIMITS), draw(st.booleans())
    hysteresis = draw(st.sampled_from([0.0, 0.5]))
    release = limit - hysteresis if is_upper else limit + hysteresis
    return LimitTest(limit, release, is_upper, draw(st.sampled_from([0, 1, 10**9])))


RULES = st.one_of(
    st.builds(
        RuleSpec,
        st.just(FAULTS),
        st.just(0),
        st.builds(BitTest, st.sampled_from([1, 6, 1 << 63])),
        absent=st.sampled_from([(), (1,), (1 << 63, 0)]),
    ),
    st.builds(
        RuleSpec,
        st.just(FAULTS),
        st.just(1),
        st.builds(ValueTest, st.lists(st.integers(-2, 2), min_size=1).map(tuple)),
        bus=st.sampled_from([-1, 0, 1]),
        protection=st.sampled_from([-1, 2]),
        absent=st.sampled_from([(), (-2,), (1, 3)]),
    ),
    st.builds(RuleSpec, st.just(FAULTS), st.just(2), st.just(BitTest(1))),
    st.builds(
        RuleSpec,
        st.just(CELLS),
        st.sampled_from([0, 60]),
        limit_tests(),
        field_count=st.sampled_from([1, 10]),
        tag_set=st.sampled_from([0, 1]),
    ),
    st.builds(
        RuleSpec,
        st.just(CELLS),
        st.sampled_from([0, 60]),
        st.one_of(
            st.builds(CrossingTest, LIMITS, st.booleans()),
            st.builds(CrossingTest, st.sampled_from([0.5, 3.0]), within_ns=st.sampled_from([1, 10**9])),
        ),
        tag_set=st.sampled_from([0, 1]),
    ),
)
FAULT_VALUES = st.fixed_dictionaries(
    {},
    optional={
        "word": st.sampled_from([0, 1, 2, 5, 1 << 63]),
        "state": st.integers(-2, 3),
        "flag": st.booleans(),
    },
)
CELL_VALUES = st.dictionaries(
    st.sampled_from([*CELL_NAMES[:3], *CELL_NAMES[58:66]]), st.sampled_from([-1.5, 0.0, 3.0, 3.2, 3.5, 4.0])
)
ROWS = st.lists(
    st.one_of(
        st.tuples(st.just(FAULTS), st.sampled_from([0, 2, 9]), st.just(OWN_TAGS), STEPS, FAULT_VALUES),
        st.tuples(st.just(CELLS), st.sampled_from([0, 2, 9]), st.sampled_from(MAP_TAGS), STEPS, CELL_VALUES),
        st.tuples(st.just(QUIET), st.just(0), st.just(OWN_TAGS), STEPS, st.just({"x": 1})),
    ),
    max_size=40,
)


def batch_of(schema: Schema, rows: Sequence[Given]) -> SampleBatch:
    batch = SampleBatch(schema)
    for record, channel, tags, time_ns, values in rows:
        batch.append(record, time_ns, values, tags=tags + 100 * channel, channel=channel)
    return batch


def stamped(rows: Sequence[Given]) -> list[Given]:
    times_ns = itertools.accumulate(row[3] for row in rows)
    return [
        (record, channel, tags, time_ns, values)
        for (record, channel, tags, _, values), time_ns in zip(rows, times_ns, strict=True)
    ]


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(RULES, max_size=8), ROWS, st.lists(st.integers(0, 40)))
def test_any_rows_in_any_batches_are_watched_as_by_the_readable_watcher(
    rules: list[RuleSpec], drawn: list[Given], cuts: list[int]
) -> None:
    rows, schema = stamped(drawn), Schema(RECORDS)
    compiled, readable = Watcher(schema, rules), WatcherModel(RECORDS, rules)
    for channel, bus in ((0, 0), (2, 1)):
        tags = [100 * channel + each for each in MAP_TAGS]
        compiled.bind(channel, bus, 100 * channel + OWN_TAGS, tags)
        readable.bind(channel, bus, 100 * channel + OWN_TAGS, tags)
    found = []
    bounds = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    for begin, end in itertools.pairwise(bounds):
        for transition in compiled.watch(batch_of(schema, rows[begin:end])):
            found.append(transition._replace(row=transition.row + begin))
    expected = list(readable.watch(batch_of(schema, rows)))
    assert [one._replace(value=0.0) for one in found] == [one._replace(value=0.0) for one in expected]
    with_value = (LimitTest, CrossingTest)
    limits = {number for number, rule in enumerate(rules) if isinstance(rule.test, with_value)}
    assert [one.value for one in found if one.rule in limits] == [
        one.value for one in expected if one.rule in limits
    ]


@given(ROWS, st.lists(st.integers(0, 40)))
def test_the_parts_of_a_batch_are_its_rows(drawn: list[Given], cuts: list[int]) -> None:
    batch = batch_of(Schema(RECORDS), stamped(drawn))
    ends = sorted(min(cut, len(drawn)) for cut in cuts)
    parts = batch.split(ends)
    rows: list[Row] = [row for part in parts for row in part]
    assert rows == list(batch)
    assert list(itertools.accumulate(len(part) for part in parts)) == [*ends, len(batch)]


@given(st.lists(RULES.filter(lambda rule: not isinstance(rule.test, LimitTest)), max_size=8), ROWS)
def test_every_report_of_a_batch_is_what_begins_in_each_of_its_messages_alone(
    rules: list[RuleSpec], drawn: list[Given]
) -> None:
    rows, schema = stamped(drawn), Schema(RECORDS)
    reporting, alone = Watcher(schema, rules, every_report=True), Watcher(schema, rules)
    for watcher, channel in itertools.product((reporting, alone), (0, 2)):
        tags = [100 * channel + each for each in MAP_TAGS]
        watcher.bind(channel, 0, 100 * channel + OWN_TAGS, tags)
    begins = [number for number, row in enumerate(rows) if row[0] != CELLS]
    expected = []
    for begin, end in itertools.pairwise(sorted({0, *begins, len(rows)})):
        begun = alone.watch(batch_of(schema, rows[begin:end]))
        expected += [one._replace(row=end - 1) for one in begun]
        alone.forget(0)
        alone.forget(2)
    assert reporting.watch(batch_of(schema, rows)) == expected
