"""The compiled mapper makes the rows of the readable one, whatever comes and however it is batched."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from telemetry_core.rows.batch import Row, SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import DecimalScale, FieldSpec, SlotKind
from telemetry_core.rules.map_spec import MapSpec, MessageMap
from telemetry_core.rules.mapper import Mapper
from telemetry_core.rules.senders import NEW_SENDER, OTHER_SENDER

from telemetry.rules.map import resolve
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.map_plan import Counting
from tests.support.cycles import Arrival, Pack, complete
from tests.support.examples import examples
from tests.support.mapper_model import MapperModel
from tests.support.plan_specs import Signal, j1939, plan, tenths

FLAG = Signal(kind=SlotKind.BOOL, bits=1)
FLOAT = Signal(kind=SlotKind.FLOAT)
PAGE = Signal(bits=4, signed=False, kind=SlotKind.UINT)
MILLIVOLTS = DecimalScale(1, 0, 3)
PLAN = j1939(
    plan(
        {
            "traction": {
                "Pack": {"Voltage": tenths(), "Current": tenths(), "SoC": Signal(factor=0.3, offset=1.0)},
                "Flags": {
                    "Ready": Signal(kind=SlotKind.BOOL, bits=1, signed=False),
                    "Word": Signal(kind=SlotKind.UINT, bits=64),
                },
                "Cells": {
                    "Page": PAGE,
                    "Ambient": Signal(),
                    **{f"Cell{n}": Signal(MILLIVOLTS, pages=[n // 2]) for n in range(6)},
                    "T3": tenths(pages=[1, 3]),
                    "Right": FLAG,
                },
                "Bricks": {**{f"Brick{n}": Signal(MILLIVOLTS) for n in range(4)}, "Right": FLAG},
                "Temps": {"T1": tenths(), "T2": FLOAT, "Right": FLAG},
            },
            "charging": {
                "Charger": {
                    "Volts": FLOAT,
                    "Amps": Signal(kind=SlotKind.UINT, factor=0.7),
                    "Volts2": tenths(),
                },
                "Cells": {"Cell1": tenths(), "Cell9": FLOAT},
            },
        }
    )
)
UNBOUND = 3
POOL = [
    MapEntry("Pack.Voltage", "battery.voltage_v"),
    MapEntry("Pack.Current", "battery.current_a", scale=-1.0),
    MapEntry("Pack.SoC", "battery.soc_pct", scale=0.1),
    MapEntry("Pack.SoC", "battery.power_w", scale=0.25, offset=-3.0),
    MapEntry("Pack.Current", "battery.current_a", pack="rear", absent=(0, -32768)),
    MapEntry("Temps.T2", "battery.power_w", pack="rear"),
    MapEntry("Flags.Word", "battery.discharged_wh"),
    MapEntry("Charger.Volts", "battery.power_w", pack="third"),
    MapEntry("Flags.Ready", "battery.charging"),
    MapEntry("Flags.Ready", "battery.balancing", scale=-1.0, offset=1.0, absent=(1,)),
    MapEntry("Flags.Word", "battery.protection_word"),
    MapEntry("Bricks.Brick{n}", "cells.v{n}", index_from=0),
    MapEntry("Cells.Cell{n}", "cells.v{n}", bus="charging"),
    MapEntry("Bricks.Brick1", "cells.v2", pack="rear"),
    MapEntry("Cells.Cell1", "battery.voltage_v", bus="traction", pack="rear"),
    MapEntry("Cells.Cell4", "battery.temp_switch_c"),
    MapEntry("Cells.T3", "battery.temp_balancer_c", absent=(0,)),
    MapEntry("Cells.Ambient", "battery.temp_ambient_c", scale=0.1),
    MapEntry("Temps.T{n}", "cells.t{n}"),
    MapEntry("Temps.T1", "battery.temp_max_c"),
    MapEntry("Flags.Ready", "battery.cell_delta_v", scale=2.5),
    MapEntry("Charger.Volts", "charger.voltage_v"),
    MapEntry("Charger.Amps", "charger.current_a"),
    MapEntry("Charger.Amps", "charger.phase", values={0: "off", 7: "bulk", -2: "off"}, absent=(7, 9)),
    MapEntry("Charger.Volts2", "meter.voltage_v", charger="left"),
    MapEntry("Charger.Amps", "meter.current_a", charger="left", scale=0.5),
    MapEntry("Pack.Voltage", "battery.voltage_v", pack="named", sender=1),
    MapEntry("Pack.Current", "battery.current_a", pack="named", sender=1),
    MapEntry("Bricks.Brick{n}", "cells.v{n}", index_from=0, pack="named", sender=2),
    MapEntry("Flags.Ready", "battery.discharging", pack="rear"),
    MapEntry("Temps.T2", "battery.voltage_v", pack="huge"),
    MapEntry("Charger.Volts", "battery.voltage_v", pack="fourth"),
    MapEntry("Charger.Volts2", "battery.current_a", pack="fourth"),
    MapEntry("Temps.T1", "battery.current_a", pack="huge"),
    *(
        MapEntry(signal, to, pack="ranked", rank=rank, absent=() if signal == "Temps.T2" else (0,))
        for signal, to, rank in (
            ("Temps.T1", "battery.current_a", 0),
            ("Pack.Current", "battery.current_a", 1),
            ("Pack.Voltage", "battery.current_a", 1),
            ("Flags.Word", "battery.current_a", 2),
            ("Pack.Voltage", "battery.voltage_v", 2),
            ("Temps.T2", "battery.voltage_v", 1),
            ("Flags.Ready", "battery.balancing", 0),
            ("Cells.Right", "battery.balancing", 1),
        )
    ),
]
CHANNELS = ([0, 7, UNBOUND], [1, UNBOUND])  # of each bus
BEGIN_NS = 1_700_000_000_000_000_000
STEPS = st.sampled_from(
    [0, 1, 10**8, 10**9, 2 * 10**9, 2 * 10**9 + 1, 10**10, 10**10 + 1, -1, -(10**9), -(10**11)]
)

Given = tuple[int, int, int, int, dict[str, int | float | bool]]  # record, channel, id, time, raw values
SENDERS = st.sampled_from([1, 1, 1, 2, 1 | NEW_SENDER, 2 | NEW_SENDER, 2 | OTHER_SENDER])


def raw_values(field: FieldSpec, signal_bits: int, is_signed: bool) -> st.SearchStrategy[int | float | bool]:
    if field.name == "Page":
        return st.integers(0, 3)
    if field.kind is SlotKind.FLOAT:
        return st.floats(-500, 500) | st.sampled_from([math.nan, math.inf, -math.inf, 1e308])
    if field.kind is SlotKind.BOOL:
        return st.booleans()
    low = -(1 << (signal_bits - 1)) if is_signed else 0
    return st.just(0) | st.integers(low, low + (1 << signal_bits) - 1)


def given_rows() -> st.SearchStrategy[list[Given]]:
    kinds = []
    for bus, channels in zip(PLAN.buses, CHANNELS, strict=True):
        for message in bus.messages:
            values = {
                field.name: raw_values(field, signal.bit_count, signal.signed)
                for field, signal in zip(PLAN.records[message.record].fields, message.signals, strict=True)
            }
            whole, some = st.fixed_dictionaries(values), st.fixed_dictionaries({}, optional=values)
            channel = st.sampled_from(channels)
            paged = [some] if "Page" in values else []  # also without the selector, or with it alone
            kinds.append(
                st.tuples(st.just(message.record), channel, SENDERS, STEPS, st.one_of(whole, some, *paged))
            )

    def stamped(drawn: list[Given]) -> list[Given]:
        times_ns = itertools.accumulate((step for _, _, _, step, _ in drawn), initial=BEGIN_NS)
        return [
            (record, channel, id, time_ns, values)
            for (record, channel, id, _, values), time_ns in zip(drawn, times_ns, strict=False)
        ]

    return st.lists(st.one_of(kinds), max_size=40).map(stamped)


def batch_of(schema: Schema, rows: Sequence[Given]) -> SampleBatch:
    batch = SampleBatch(schema)
    for record, channel, id, time_ns, values in rows:
        batch.append(record, time_ns, values, tags=5, channel=channel, id=id, nudge_ns=channel)
    return batch


def bits(rows: Sequence[Row]) -> list[str]:
    """Rows as texts, so that NaN equals NaN and 1.0 differs from 1."""
    return [repr(row) for row in rows]


def protected(spec: MapSpec, names: set[str]) -> MapSpec:
    """Let signal `Right` of the first bus's named messages say whether a frame is as it ought to be."""

    def with_protection(message: MessageMap) -> MessageMap:
        record = PLAN.records[message.record]
        fields = [field.name for field in record.fields]
        return replace(message, protection=fields.index("Right")) if record.measurement in names else message

    first = replace(spec.buses[0], messages=tuple(map(with_protection, spec.buses[0].messages)))
    return replace(spec, buses=(first, *spec.buses[1:]))


@settings(max_examples=examples(300), deadline=None)
@given(
    st.sets(st.sampled_from(["Cells", "Bricks", "Temps"])),
    st.sets(st.sampled_from(range(len(POOL))), min_size=len(POOL) // 2),
    st.sampled_from([None, Counting(), Counting({"traction": 10**9, "charging": 10**10})]),
    given_rows(),
    st.lists(st.integers(0, 40)),
    st.booleans(),
)
def test_any_rows_in_any_batches_are_mapped_as_by_the_readable_mapper(
    reporting: set[str],
    chosen: set[int],
    counting: Counting | None,
    rows: list[Given],
    cuts: list[int],
    has_pages: bool,
) -> None:
    spec = protected(resolve([POOL[number] for number in sorted(chosen)], PLAN, counting=counting), reporting)
    spec = replace(spec, has_pages=has_pages)
    schema = Schema(PLAN.records + spec.records)
    compiled, readable = Mapper(schema, spec), MapperModel(PLAN, spec)
    for bus, channels in enumerate(CHANNELS):
        for channel in set(channels) - {UNBOUND}:
            tags = [10 * channel + number for number in range(len(spec.tag_sets))]
            compiled.bind(channel, bus, tags)
            readable.bind(channel, bus, tags)
    out = SampleBatch(schema)
    mapped: list[Row] = []
    pages: list[tuple[int, Row]] = []
    bounds = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    for begin, end in itertools.pairwise(bounds):
        compiled.map(batch_of(schema, rows[begin:end]), out)
        pages += [(len(mapped) + one.id, one._replace(id=0)) for one in compiled.pages or ()]
        mapped.extend(out)
        out.clear()
    assert bits(mapped) == bits(list(readable.map(batch_of(schema, rows))))
    assert compiled.made() == readable.made
    assert (compiled.pages is not None) == has_pages
    assert pages == (readable.pages if has_pages else [])
    assert compiled.incomplete_cycles == readable.incomplete_cycles == 0
    assert all(row.raw for row in mapped if row.measurement in compiled.made())


CELLS = MapEntry("Cells.Cell{n}", "cells.v{n}", bus="traction", index_from=0)
SENSORS = MapEntry("Cells.T3", "cells.t3")
CELLS_RECORD = [record.measurement for record in PLAN.records].index("Cells")


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_the_batch_size_changes_nothing(size: int) -> None:
    spec = resolve([CELLS], PLAN)
    schema = Schema(PLAN.records + spec.records)
    mapper = Mapper(schema, spec)
    mapper.bind(0, 0, [1])
    cells = {f"Cell{number}": 3000 + number for number in range(6)}
    rows: list[Given] = [(CELLS_RECORD, 0, 1, step, {"Page": step % 4, **cells}) for step in range(100)]
    out = SampleBatch(schema)
    for begin in range(0, len(rows), size):
        mapper.map(batch_of(schema, rows[begin : begin + size]), out)
    assert len(out) == 150
    assert mapper.made() == {"cells": 25, "battery": 25}


@settings(max_examples=examples(200), deadline=None)
@given(st.sampled_from([[CELLS], [CELLS, SENSORS]]), given_rows(), st.lists(st.integers(0, 40)))
def test_pages_of_any_time_and_order_are_read_alike_however_they_are_batched(
    entries: list[MapEntry], rows: list[Given], cuts: list[int]
) -> None:
    spec = resolve(entries, PLAN)
    schema = Schema(PLAN.records + spec.records)
    found = []
    for bounds in ([0, len(rows)], sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})):
        mapper, out = Mapper(schema, spec), SampleBatch(schema)
        for channel in set(CHANNELS[0]) - {UNBOUND}:
            mapper.bind(channel, 0, [channel])
        mapped: list[Row] = []
        noticed = []
        for begin, end in itertools.pairwise(bounds):
            mapper.map(batch_of(schema, rows[begin:end]), out)
            noticed += [one._replace(row=one.row + len(mapped)) for one in mapper.notices()]
            mapped.extend(out)
            out.clear()
        found.append((bits(mapped), noticed, mapper.incomplete_cycles))
    assert found[0] == found[1]


BURST_NS = 20_000_000  # the data model: no pack is taken to send all its cells more often


@st.composite
def sent_rows(draw: st.DrawFn) -> tuple[list[Given], list[int]]:
    """Rows of a sender of four pages, and the cycle of each; some are lost after the first four cycles."""
    silence_ns = draw(st.integers(0, 5 * 10**9))
    pauses_ns = [draw(st.integers(10**6, 10**8))] * 3
    order = draw(st.permutations(range(4)))
    if silence_ns < max(10 * pauses_ns[0], BURST_NS):
        silence_ns, order = pauses_ns[0], [0, 1, 2, 3]
    begin = draw(st.integers(0, 4))
    lost = draw(st.sets(st.integers(16, 100), max_size=14))
    rows: list[Given] = []
    cycles: list[int] = []
    time_ns = BEGIN_NS
    for place in range(100):
        cycle, page = place // 4, order[place % 4]
        if place >= begin and place not in lost:
            values = {f"Cell{number}": 3000 + cycle for number in range(6)}
            rows.append((CELLS_RECORD, 0, 1, time_ns, {"Page": page, "T3": cycle, **values}))
            cycles.append(cycle)
        time_ns += silence_ns if place % 4 == 3 else pauses_ns[place % 4]
    return rows, cycles


@settings(max_examples=examples(300), deadline=None)
@given(st.sampled_from([[CELLS], [CELLS, SENSORS]]), sent_rows())
def test_what_a_sender_sent_is_read_as_if_its_cycles_were_known(
    entries: list[MapEntry], sent: tuple[list[Given], list[int]]
) -> None:
    rows, cycles = sent
    spec = resolve(entries, PLAN)
    schema = Schema(PLAN.records + spec.records)
    compiled, readable = Mapper(schema, spec), MapperModel(PLAN, spec)
    compiled.bind(0, 0, [1])
    readable.bind(0, 0, [1])
    batch, out = batch_of(schema, rows), SampleBatch(schema)
    compiled.map(batch, out)
    made = [repr(row) for row in out if row.measurement != "Cells"]
    expected = [repr(row) for row in readable.map(batch, cycles) if row.measurement != "Cells"]
    assert [row for row in expected if row in made] == made
    if entries == [
        CELLS
    ]:  # the sensor's page comes twice in each cycle: loss hides for long where that begins
        learnt = expected[2 * 3 :]  # of each cycle a row of cells, and one of their extremes
        assert [row for row in learnt if row not in made] == []


@settings(max_examples=examples(100), deadline=None)
@given(st.sampled_from([None, 10.0]), st.booleans(), sent_rows(), sent_rows())
def test_another_sender_is_read_as_if_no_other_had_been_there(
    within_s: float | None,
    by_order: bool,
    first: tuple[list[Given], list[int]],
    second: tuple[list[Given], list[int]],
) -> None:
    """Its first row is just after the last one of the sender before, in the middle of a cycle of either."""
    spec = resolve([replace(CELLS, within_s=within_s)], PLAN)
    schema = Schema(PLAN.records + spec.records)
    later_ns = 10**6 + (first[0][-1][3] - BEGIN_NS)
    alone = [
        (record, channel, id, time_ns + later_ns, raw) for record, channel, id, time_ns, raw in second[0]
    ]
    rows = [(*alone[0][:2], 2 | NEW_SENDER, *alone[0][3:]), *alone[1:]]
    made, incomplete = [], []
    for parts in ([first[0], rows], [first[0]], [alone]):
        mapper, out = Mapper(schema, spec), SampleBatch(schema)
        mapper.bind(0, 0, [1], by_order=by_order)
        for part in parts:
            out.clear()
            mapper.map(batch_of(schema, part), out)
            assume(not mapper.notices())
        mapper.finish(out)
        made.append(bits([row._replace(id=0) for row in out if row.measurement != "Cells"]))
        incomplete.append(mapper.incomplete_cycles)
    assert made[0] == made[2]
    assert incomplete[0] == incomplete[1] + incomplete[2]


@st.composite
def late_pages(draw: st.DrawFn) -> tuple[int, list[Arrival]]:
    """Pages whose stamps are up to 60 % of a pause late; some are lost after eight cycles."""
    pages = draw(st.integers(3, 8))
    order = draw(st.permutations(range(pages)))
    silence_ms = draw(st.integers(800, 5000))
    late_ms = draw(st.lists(st.integers(0, 60), min_size=pages, max_size=40))
    lost = draw(st.sets(st.integers(8 * pages, 24 * pages - 1), max_size=30))
    period_ms = 100.0 * (pages - 1) + silence_ms
    sent = [
        Arrival(
            place // pages * period_ms + 100.0 * (place % pages) + late_ms[place % len(late_ms)],
            order[place % pages],
            place // pages,
        )
        for place in range(24 * pages)
    ]
    return pages, [one for place, one in enumerate(sent) if place not in lost]


@settings(max_examples=200, deadline=None)
@given(late_pages())
def test_pages_that_come_late_are_read_with_their_cycle_and_no_other(sent: tuple[int, list[Arrival]]) -> None:
    pages, arrived = sent
    readings = Pack(pages).take(arrived, batch=1000)
    assert all(len(reading.cycles) == 1 for reading in readings)
    given_cycles = [cycle for reading in readings for cycle in reading.cycles]
    whole = [cycle for _, cycle in complete(arrived, pages)]
    assert set(given_cycles) <= set(whole)
    assert set(whole) - set(given_cycles) <= set(range(8))
