"""J1939 senders are kept apart as by the readable stages, whatever comes and however it is batched."""

import itertools
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_core.decode.spec import PlanSpec
from telemetry_core.rows.batch import Row, SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import DecimalScale, SlotKind
from telemetry_core.rules.map_spec import MapSpec
from telemetry_core.rules.mapper import Mapper
from telemetry_core.rules.reducer import Reducer
from telemetry_core.rules.senders import SenderFinding, Senders
from telemetry_core.rules.watch_spec import RuleSpec
from telemetry_core.rules.watcher import Transition, Watcher

from telemetry.rules.limits import Limit
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.map_plan import Counting
from telemetry.rules.resolve import model
from telemetry.rules.senders import judged_records
from tests.support.examples import examples
from tests.support.mapper_model import MapperModel
from tests.support.plan_specs import Signal, j1939, plan, tenths
from tests.support.reducer import ModelReducer
from tests.support.senders_model import SendersModel
from tests.support.watcher_model import WatcherModel

SECOND = 1_000_000_000
BEGIN_NS = 1_700_000_000 * SECOND
RIGHT = Signal(kind=SlotKind.BOOL, bits=1)
CELLS = {f"Cell{n}": Signal(DecimalScale(1, 0, 3)) for n in range(4)}
PAGED_CELLS = {f"Cell{n}": Signal(DecimalScale(1, 0, 3), pages=[n // 2]) for n in range(4)}
PAGE = Signal(bits=4, signed=False, kind=SlotKind.UINT)
PLAN: PlanSpec = j1939(
    plan(
        {
            "can0": {
                "Pack": {"Voltage": tenths(), "Current": tenths(), "Right": RIGHT},
                "Cells": CELLS,
                "Alarms": {"High": RIGHT},
            }
        }
    )
)
EVERY_NS = 20 * SECOND
FIRST_TAGS = 20  # of senders; the mapped tag sets are 1 and 2
ALWAYS = [
    MapEntry("Pack.Voltage", "battery.voltage_v"),
    MapEntry("Cells.Cell{n}", "cells.v{n}", index_from=0),
]
SOMETIMES = [
    MapEntry("Pack.Current", "battery.current_a"),
    MapEntry("Alarms.High", "event.cell_overvoltage"),
    MapEntry("Pack.Voltage", "battery.voltage_v", pack="rear", sender=2),
    MapEntry("Pack.Current", "battery.current_a", pack="rear", sender=2),
    MapEntry("Cells.Cell{n}", "cells.v{n}", index_from=0, pack="rear", sender=3),
    MapEntry("Alarms.High", "event.cell_overvoltage", pack="rear", sender=2),
]
LIMITS = [
    Limit("battery.voltage_v", "pack_overvoltage", above=40.0, for_s=5.0),
    Limit("cells.v*", "cell_overvoltage", above=4.0, for_s=1.0),
]
STEPS_NS = st.sampled_from(
    [0, 1, SECOND // 10, SECOND, 9 * SECOND, 10 * SECOND, 31 * SECOND, 60 * SECOND, 61 * SECOND, -12 * SECOND]
)
TENTHS = st.sampled_from([0, 300, 500, -400])
VALUES: tuple[st.SearchStrategy[dict[str, int | bool]], ...] = (
    st.fixed_dictionaries(
        {"Voltage": TENTHS, "Current": TENTHS, "Right": st.sampled_from([True, True, False])}
    ),
    st.fixed_dictionaries(dict.fromkeys(CELLS, st.sampled_from([0, 3900, 4100]))),
    st.fixed_dictionaries({"High": st.booleans()}),
)
Judged = Sequence[Sequence[tuple[int, int]]]
Given = tuple[int, int, int, int, dict[str, int | bool]]  # record, channel, sender, step, raw values
TWO = st.tuples(
    st.just(0), st.just(0), st.sampled_from([1, 2]), st.sampled_from([SECOND, 61 * SECOND]), VALUES[0]
)
ROWS = st.lists(
    st.one_of(
        [
            st.tuples(
                st.just(record),
                st.sampled_from([0, 0, 1]),
                st.sampled_from([-1, 1, 2, 2, 3, 255]),
                STEPS_NS,
                values,
            )
            for record, values in enumerate(VALUES)
        ]
    ),
    max_size=60,
) | st.lists(TWO, max_size=20)


def batch_of(schema: Schema, rows: Sequence[Given]) -> SampleBatch:
    """Rows of sender -1 are of no sender: their tags are those of the channel."""
    batch = SampleBatch(schema)
    for record, channel, sender, time_ns, raw in rows:
        tags = 1000 * channel + FIRST_TAGS + sender
        batch.append(record, time_ns, raw, tags=tags, channel=channel, id=0x98FF1000 | sender & 0xFF)
    return batch


class Compiled:
    """The compiled stages in their order, of one schema."""

    def __init__(self, schema: Schema, mapping: MapSpec, judged: Judged, rules: Sequence[RuleSpec]) -> None:
        self._schema = schema
        self.senders, self.mapper = Senders(schema, judged), Mapper(schema, mapping)
        self.watcher = Watcher(schema, rules)
        self._reducer = Reducer(schema, [EVERY_NS] * len(schema.specs))
        self.findings: list[SenderFinding] = []
        self.mapped: list[Row] = []
        self.transitions: list[Transition] = []
        self.reduced: list[Row] = []
        self._judged_rows = 0

    def take(self, samples: SampleBatch) -> None:
        mapped, reduced = SampleBatch(self._schema), SampleBatch(self._schema)
        found = self.senders.judge(samples)
        self.findings += [one._replace(row=one.row + self._judged_rows) for one in found]
        self.mapper.map(samples, mapped)
        self.transitions += [
            one._replace(row=one.row + len(self.mapped)) for one in self.watcher.watch(mapped)
        ]
        self._reducer.reduce(mapped, reduced)
        self._judged_rows += len(samples)
        self.mapped += mapped
        self.reduced += reduced


@settings(max_examples=examples(400), deadline=None)
@given(
    st.sets(st.sampled_from(range(len(SOMETIMES)))),
    st.sampled_from([LIMITS, []]),
    ROWS,
    st.lists(st.integers(0, 60)),
    st.sampled_from([-1, 2]),
)
def test_any_senders_in_any_batches_are_kept_apart_as_by_the_readable_stages(
    chosen: set[int], limits: list[Limit], drawn: list[Given], cuts: list[int], protection: int
) -> None:
    entries = [*ALWAYS, *(SOMETIMES[number] for number in sorted(chosen))]
    modelling = model(entries, limits, PLAN, Counting())
    mapping, rules = modelling.map, [alarm.rule for alarm in modelling.alarms]
    assert mapping is not None
    records = PLAN.records + mapping.records
    judged = [
        [(record, protection if record == 0 else -1) for record, _ in of_bus]
        for of_bus in judged_records(PLAN, mapping, modelling.alarms)
    ]
    schema = Schema(records)
    compiled = Compiled(schema, mapping, judged, rules)
    senders, mapper, watcher = (
        SendersModel(records, judged),
        MapperModel(PLAN, mapping),
        WatcherModel(records, rules),
    )
    flags = {
        record.measurement: {field.name for field in record.fields if field.passes} for record in records
    }
    reducer = ModelReducer(dict.fromkeys(flags, EVERY_NS), flags)
    for channel in (0, 1):
        own_tags = 1000 * channel + FIRST_TAGS - 1
        map_tags = [1000 * channel + 1 + index for index in range(len(mapping.tag_sets))]
        for senders_stage in (compiled.senders, senders):
            senders_stage.bind(channel, 0, own_tags + 1)
        for mapper_stage in (compiled.mapper, mapper):
            mapper_stage.bind(channel, 0, map_tags)
        for watcher_stage in (compiled.watcher, watcher):
            watcher_stage.bind(channel, 0, own_tags, map_tags, 257)

    rows = stamped(drawn)
    for begin, end in itertools.pairwise(sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})):
        compiled.take(batch_of(schema, rows[begin:end]))
    expected = list(mapper.map(list(senders.judge(batch_of(schema, rows)))))
    assert compiled.findings == senders.findings
    assert [compiled.senders.kept_out(channel) for channel in (0, 1)] == [
        senders.kept_out(channel) for channel in (0, 1)
    ]
    assert compiled.mapped == expected
    assert compiled.mapper.incomplete_cycles == mapper.incomplete_cycles
    assert compiled.transitions == list(watcher.watch(expected))
    assert compiled.reduced == reducer.reduce(expected)


def stamped(drawn: Sequence[Given]) -> list[Given]:
    """Return the rows with stamps in place of the steps from one to the next."""
    times_ns = itertools.accumulate((row[3] for row in drawn), initial=BEGIN_NS)
    return [
        (record, channel, sender, time_ns, raw)
        for (record, channel, sender, _, raw), time_ns in zip(
            drawn, itertools.islice(times_ns, 1, None), strict=True
        )
    ]


@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), st.integers(0, 1), STEPS_NS), max_size=80),
    st.sampled_from([None, 2]),
)
def test_no_reading_has_pages_of_two_senders(drawn: list[tuple[int, int, int]], named: int | None) -> None:
    """Each sender's cells have a voltage of their own, so a mixed reading shows."""
    plan_of_pages = j1939(plan({"can0": {"Cells": {"Page": PAGE, **PAGED_CELLS}}}))
    entry = MapEntry("Cells.Cell{n}", "cells.v{n}", index_from=0, sender=named)
    mapping = model([entry], [], plan_of_pages, Counting()).map
    assert mapping is not None
    schema = Schema(plan_of_pages.records + mapping.records)
    senders, mapper = Senders(schema, judged_records(plan_of_pages, mapping, [])), Mapper(schema, mapping)
    senders.bind(0, 0, FIRST_TAGS)
    mapper.bind(0, 0, list(range(1, 1 + len(mapping.tag_sets))))
    rows: list[Given] = [
        (0, 0, sender, step_ns, {"Page": page, **dict.fromkeys(CELLS, 3000 + sender)})
        for sender, page, step_ns in drawn
    ]
    samples, mapped = batch_of(schema, stamped(rows)), SampleBatch(schema)
    senders.judge(samples)
    mapper.map(samples, mapped)
    for row in mapped:
        if row.measurement == "cells":
            assert len(set(row.raw.values())) == 1
            assert named is None or set(row.raw.values()) == {3.002}
