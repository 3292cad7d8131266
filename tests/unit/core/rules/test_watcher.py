"""What the watcher reports of rows, one promise a test."""

import pytest
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.rules.watch_spec import BitTest, LimitTest, RuleSpec, ValueTest
from telemetry_core.rules.watcher import StandingAlarm, Transition, Waiting, Watcher

SECOND = 1_000_000_000
CELL_FIELDS = tuple(FieldSpec(f"v{number:03d}", SlotKind.FLOAT) for number in (1, 2, 3))
RECORDS = (
    RecordSpec("Faults", (FieldSpec("word", SlotKind.UINT), FieldSpec("flag", SlotKind.BOOL))),
    RecordSpec("cells", CELL_FIELDS, modelled=True),
)
FAULTS, CELLS = 0, 1
OWN, MAIN, REAR = 1, 2, 3  # tag sets


class Bench:
    """A watcher with channel 0, fed row by row."""

    def __init__(self, *rules: RuleSpec) -> None:
        self.schema = Schema(RECORDS)
        self.watcher = Watcher(self.schema, rules)
        self.watcher.bind(0, 0, OWN, [MAIN, REAR])

    def put(
        self, record: int, seconds: float = 0.0, tags: int | None = None, channel: int = 0, **values: float
    ) -> list[Transition]:
        batch = SampleBatch(self.schema)
        used = tags if tags is not None else {FAULTS: OWN, CELLS: MAIN}[record]
        batch.append(record, round(seconds * SECOND), values, tags=used, channel=channel)
        return self.watcher.watch(batch)

    def turns(self, *values: float) -> list[bool | None]:
        """Return for each value, in its own row and a second apart: begins, ends, or neither."""
        reported = [self.put(CELLS, seconds, v001=value) for seconds, value in enumerate(values)]
        return [found[0].active if found else None for found in reported]


def upper(limit: float, release: float, for_s: float = 0.0, fields: int = 1, tag_set: int = 0) -> RuleSpec:
    test = LimitTest(limit, release, is_upper=True, for_ns=round(for_s * SECOND))
    return RuleSpec(CELLS, 0, test, field_count=fields, tag_set=tag_set)


def test_a_bit_is_reported_when_it_is_set_and_when_it_is_cleared() -> None:
    bench = Bench(RuleSpec(FAULTS, 0, BitTest(0b100)))
    assert bench.put(FAULTS, 1, word=0b011) == []
    assert bench.put(FAULTS, 2, word=0b110) == [Transition(0, 2 * SECOND, 0, 0, True, 6.0, 0)]
    assert bench.put(FAULTS, 3, word=0b111) == []
    assert bench.put(FAULTS, 4, word=0b011) == [Transition(0, 4 * SECOND, 0, 0, False, 3.0, 0)]


def test_what_a_row_does_not_carry_neither_begins_nor_ends() -> None:
    bench = Bench(RuleSpec(FAULTS, 1, BitTest(1)))
    assert bench.put(FAULTS, word=1) == []
    assert [one.active for one in bench.put(FAULTS, flag=True)] == [True]
    assert bench.put(FAULTS, word=0) == []
    assert [one.active for one in bench.put(FAULTS, flag=False)] == [False]


def test_a_row_of_a_frame_that_is_not_right_neither_begins_nor_ends() -> None:
    bench = Bench(RuleSpec(FAULTS, 0, BitTest(1), protection=1))
    assert bench.put(FAULTS, word=1, flag=False) == []
    assert [one.active for one in bench.put(FAULTS, word=1, flag=True)] == [True]
    assert bench.put(FAULTS, word=0, flag=False) == []
    assert [one.active for one in bench.put(FAULTS, word=0)] == [False]


@pytest.mark.parametrize("test", [BitTest(0b1), ValueTest((1, 5))])
def test_an_absent_value_neither_begins_nor_ends(test: BitTest | ValueTest) -> None:
    bench = Bench(RuleSpec(FAULTS, 0, ValueTest((9,))), RuleSpec(FAULTS, 0, test, absent=(3, 4)))
    assert bench.put(FAULTS, word=3) == []
    assert [one.active for one in bench.put(FAULTS, word=5)] == [True]
    assert bench.put(FAULTS, word=4) == []
    assert [one.active for one in bench.put(FAULTS, word=2)] == [False]


def test_a_value_is_reported_by_its_number() -> None:
    bench = Bench(RuleSpec(FAULTS, 0, ValueTest((3, 7))), RuleSpec(FAULTS, 1, ValueTest((0,))))
    assert [(one.rule, one.active) for one in bench.put(FAULTS, word=3, flag=True)] == [(0, True)]
    assert bench.put(FAULTS, word=7) == []
    assert [(one.rule, one.active) for one in bench.put(FAULTS, word=4, flag=False)] == [
        (0, False),
        (1, True),
    ]


def test_two_rules_of_one_row_are_reported_in_their_order() -> None:
    bench = Bench(
        upper(4.0, 4.0), RuleSpec(FAULTS, 0, BitTest(2)), upper(4.2, 4.2), RuleSpec(FAULTS, 0, BitTest(1))
    )
    assert [one.rule for one in bench.put(CELLS, v001=4.5)] == [0, 2]
    assert [one.rule for one in bench.put(FAULTS, word=3)] == [1, 3]


def test_every_change_within_a_batch_is_reported() -> None:
    bench = Bench(RuleSpec(FAULTS, 0, BitTest(1)))
    batch = SampleBatch(bench.schema)
    for second in range(100):
        batch.append(FAULTS, second * SECOND, {"word": second % 2}, tags=OWN)
    found = [(one.row, one.active) for one in bench.watcher.watch(batch)]
    assert found == [(second, second % 2 == 1) for second in range(1, 100)]


def test_an_upper_limit_is_crossed_above_it_and_released_at_the_hysteresis() -> None:
    bench = Bench(upper(4.2, 4.15))
    assert bench.turns(4.2, 4.2001, 4.3, 4.16, 4.15, 4.2) == [None, True, None, None, False, None]


def test_a_lower_limit_is_the_mirror_image_also_below_zero() -> None:
    bench = Bench(RuleSpec(CELLS, 0, LimitTest(-10.0, -8.0, is_upper=False), tag_set=0))
    assert bench.turns(-10.0, -10.1, -8.1, -8.0, -9.9) == [None, True, None, False, None]


def test_without_hysteresis_the_limit_itself_is_the_good_side() -> None:
    assert Bench(upper(4.2, 4.2)).turns(4.3, 4.2, 4.3) == [True, False, True]


def test_a_limit_with_a_duration_begins_when_every_row_of_it_was_beyond() -> None:
    bench = Bench(upper(4.0, 4.0, for_s=2))
    assert bench.turns(5, 5, 3, 5, 5, 5, 5, 3, 5) == [*[None] * 5, True, None, False, None]


def test_a_duration_begins_again_when_time_steps_back() -> None:
    bench = Bench(upper(4.0, 4.0, for_s=2))
    assert bench.put(CELLS, 100, v001=5.0) == []
    assert bench.put(CELLS, 10, v001=5.0) == []
    assert bench.put(CELLS, 11, v001=5.0) == []
    assert [one.time_ns for one in bench.put(CELLS, 12, v001=5.0)] == [12 * SECOND]


def test_the_worst_of_several_fields_is_judged_and_named() -> None:
    bench = Bench(upper(4.2, 4.1, fields=3))
    (found,) = bench.put(CELLS, v001=4.0, v002=4.3, v003=4.25)
    assert (found.value, found.member) == (4.3, 1)
    assert bench.put(CELLS, v003=4.15) == []
    (found,) = bench.put(CELLS, v001=3.0, v003=4.1)
    assert (found.active, found.value, found.member) == (False, 4.1, 2)


def test_each_tag_set_and_each_channel_has_its_own_state() -> None:
    bench = Bench(upper(4.0, 4.0, tag_set=1))
    assert bench.put(CELLS, tags=MAIN, v001=5.0) == []
    assert len(bench.put(CELLS, tags=REAR, v001=5.0)) == 1
    bench.watcher.bind(4, 0, 8, [9, 10])
    assert bench.put(CELLS, tags=10, channel=3, v001=5.0) == []
    assert len(bench.put(CELLS, tags=10, channel=4, v001=5.0)) == 1


def test_a_rule_for_one_bus_leaves_the_channels_of_others_alone() -> None:
    bench = Bench(RuleSpec(FAULTS, 0, BitTest(1), bus=1))
    assert bench.put(FAULTS, word=1) == []
    bench.watcher.bind(0, 1, OWN, [MAIN, REAR])
    assert len(bench.put(FAULTS, word=1)) == 1


def test_bind_forgets_what_was_so() -> None:
    bench = Bench(RuleSpec(FAULTS, 0, BitTest(1)))
    assert len(bench.put(FAULTS, word=1)) == 1
    bench.watcher.bind(0, 0, OWN, [MAIN, REAR])
    assert len(bench.put(FAULTS, word=1)) == 1


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (RuleSpec(9, 0, BitTest(1)), "record 9 is not one of 2"),
        (RuleSpec(FAULTS, 2, BitTest(1)), r"fields 2\+1 are not among 2"),
        (RuleSpec(FAULTS, 0, BitTest(1), protection=2), "field 2 is not one of 2"),
        (RuleSpec(FAULTS, 0, BitTest(1), field_count=2), "one integer, flag or text"),
        (RuleSpec(CELLS, 0, ValueTest((1,))), "one integer, flag or text"),
        (RuleSpec(FAULTS, 0, LimitTest(1.0, 1.0, is_upper=True)), "a limit is for floats"),
        (RuleSpec(CELLS, 0, LimitTest(4.0, 3.9, is_upper=True), absent=(4,)), "absent values are raw ones"),
        (upper(4.0, 4.1), "not on the good side"),
        (RuleSpec(CELLS, 0, LimitTest(4.0, 3.9, is_upper=False)), "not on the good side"),
    ],
)
def test_a_rule_that_does_not_fit_the_schema_is_refused(rule: RuleSpec, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Watcher(Schema(RECORDS), [rule])


def test_rows_of_another_schema_are_refused() -> None:
    with pytest.raises(ValueError, match="another schema"):
        Bench().watcher.watch(SampleBatch(Schema(RECORDS)))


@pytest.mark.parametrize(("channel", "tags"), [(-1, 0), (65536, 0), (0, 65536)])
def test_channels_and_tag_sets_have_sixteen_bits(channel: int, tags: int) -> None:
    with pytest.raises(ValueError, match="is not one of 65536"):
        Bench().watcher.bind(channel, 0, tags, [])


@pytest.mark.parametrize("ends", [[2], [1, 0], [-1]])
def test_a_batch_has_no_parts_outside_of_it(ends: list[int]) -> None:
    batch = SampleBatch(Schema(RECORDS))
    batch.append(FAULTS, 0, {"word": 1})
    with pytest.raises(ValueError, match="a part from row"):
        batch.split(ends)


def test_what_is_active_is_known_with_the_newest_row_that_reported_it() -> None:
    bench = Bench(upper(4.2, 4.1), RuleSpec(FAULTS, 0, BitTest(1)))
    assert bench.watcher.watched(0) == [0, 1]
    assert bench.watcher.standing(0) == []
    bench.put(CELLS, 1, v001=4.3)
    bench.put(CELLS, 2, v001=4.15)
    bench.put(FAULTS, 3, word=0)
    assert bench.watcher.standing(0) == [StandingAlarm(0, 2 * SECOND)]
    bench.put(CELLS, 4, v001=4.0)
    assert bench.watcher.standing(0) == []


def test_rules_of_another_bus_and_a_channel_that_is_not_bound_are_not_watched() -> None:
    bench = Bench(RuleSpec(FAULTS, 0, BitTest(1), bus=1), RuleSpec(FAULTS, 1, BitTest(1), bus=0))
    assert bench.watcher.watched(0) == [1]
    assert (bench.watcher.watched(7), bench.watcher.standing(7), bench.watcher.waiting(7)) == ([], [], [])
    for channel, rule in ((0, 0), (0, 2), (7, 1)):
        with pytest.raises(ValueError, match=f"rule {rule} is not watched on channel {channel}"):
            bench.watcher.carry_on(channel, rule, 0)
        with pytest.raises(ValueError, match=f"rule {rule} is not watched on channel {channel}"):
            bench.watcher.wait_on(channel, rule, 0)


def test_what_is_carried_on_is_not_reported_again_and_ends_once() -> None:
    bench = Bench(RuleSpec(FAULTS, 0, BitTest(1)), upper(4.3, 4.25))
    bench.watcher.carry_on(0, 1, 5 * SECOND)
    assert bench.watcher.standing(0) == [StandingAlarm(1, 5 * SECOND)]
    assert bench.put(CELLS, 6, v001=4.4) == []
    assert bench.put(CELLS, 7, v001=4.25) == [Transition(0, 7 * SECOND, 0, 1, False, 4.25, 0)]
    assert bench.put(CELLS, 8, v001=4.2) == []


def test_a_limit_that_is_about_to_begin_is_known_with_the_first_row_beyond_it() -> None:
    bench = Bench(RuleSpec(FAULTS, 0, BitTest(1)), upper(4.3, 4.25, for_s=2), upper(4.2, 4.1, for_s=5))
    assert bench.watcher.waiting(0) == []
    bench.put(CELLS, 1, v001=4.25)
    bench.put(CELLS, 2, v001=4.35)
    bench.put(FAULTS, 3, word=1)
    assert bench.watcher.waiting(0) == [Waiting(1, 2 * SECOND), Waiting(2, 1 * SECOND)]
    assert [one.rule for one in bench.put(CELLS, 4, v001=4.35)] == [1]
    assert bench.watcher.waiting(0) == [Waiting(2, 1 * SECOND)]
    bench.put(CELLS, 5, v001=4.2)
    assert bench.watcher.waiting(0) == []


def test_a_wait_that_goes_on_ends_by_its_first_row_and_never_ends_what_has_begun() -> None:
    bench = Bench(upper(4.3, 4.25, for_s=2), upper(4.2, 4.1, for_s=2))
    bench.watcher.wait_on(0, 0, 5 * SECOND)
    assert bench.watcher.waiting(0) == [Waiting(0, 5 * SECOND)]
    assert [one.rule for one in bench.put(CELLS, 7, v001=4.35)] == [0]
    bench.watcher.wait_on(0, 1, 5 * SECOND)
    bench.watcher.carry_on(0, 1, 6 * SECOND)
    bench.watcher.wait_on(0, 0, 1 * SECOND)
    assert bench.watcher.waiting(0) == []
    assert [one.active for one in bench.put(CELLS, 8, v001=4.0)] == [False, False]
    assert bench.put(CELLS, 9, v001=4.35) == []


def test_what_is_forgotten_begins_again() -> None:
    bench = Bench(upper(4.2, 4.1))
    bench.put(CELLS, 1, v001=4.3)
    bench.watcher.forget(0)
    bench.watcher.forget(7)
    assert bench.watcher.standing(0) == []
    assert [one.active for one in bench.put(CELLS, 2, v001=4.3)] == [True]
    bench = Bench(upper(4.2, 4.1, for_s=1))
    bench.put(CELLS, 1, v001=4.3)
    bench.watcher.forget(0)
    assert bench.watcher.waiting(0) == []
    assert bench.put(CELLS, 2, v001=4.3) == []
