"""Counters are those of the readable mapper, and of exact arithmetic, whatever is read and when."""

import itertools
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import SlotKind
from telemetry_core.rules.mapper import Mapper

from telemetry.rules.map import resolve
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.map_plan import Counting
from tests.support.examples import examples
from tests.support.mapper_model import MapperModel
from tests.support.plan_specs import Signal, plan, tenths

SECOND = 1_000_000_000
GAP_NS = 2 * SECOND
BEGIN_NS = 1_700_000_000 * SECOND
PLAN = plan(
    {
        "can0": {
            "Pack": {"Volts": tenths(), "Amps": tenths()},
            "Power": {"Watts": Signal(kind=SlotKind.FLOAT)},
        }
    }
)
VOLTS = MapEntry("Pack.Volts", "battery.voltage_v")
AMPS = MapEntry("Pack.Amps", "battery.current_a")
WATTS = MapEntry("Power.Watts", "battery.power_w")
MAPS = st.sampled_from([(VOLTS, AMPS), (AMPS,), (WATTS,), (AMPS, WATTS), (VOLTS, AMPS, WATTS)])
STEPS_NS = st.sampled_from(
    [0, 1, SECOND // 100, SECOND - 1, SECOND, GAP_NS, GAP_NS + 1, 10 * SECOND, -SECOND]
)
READINGS = st.lists(
    st.tuples(
        STEPS_NS,
        st.fixed_dictionaries({"Volts": st.integers(0, 5000), "Amps": st.integers(-4000, 4000)})
        | st.fixed_dictionaries(
            {}, optional={"Volts": st.integers(0, 5000), "Amps": st.integers(-4000, 4000)}
        )
        | st.fixed_dictionaries(
            {"Watts": st.floats(-2e5, 2e5) | st.sampled_from([0.0, -0.0, 1e308, -1e308])}
        ),
    ),
    max_size=60,
)

Reading = tuple[int, dict[str, int | float]]  # ns, raw values


def batch_of(schema: Schema, readings: list[Reading]) -> SampleBatch:
    """Make a batch of what comes with each stamp: of the one message or the other."""
    batch = SampleBatch(schema)
    for time_ns, raw in readings:
        batch.append(1 if "Watts" in raw else 0, time_ns, raw, channel=0)
    return batch


def stamped(readings: list[Reading]) -> list[Reading]:
    """Return the readings with stamps in place of the steps from one to the next."""
    times_ns = itertools.accumulate((step_ns for step_ns, _ in readings), initial=BEGIN_NS)
    return [
        (time_ns, raw)
        for time_ns, (_, raw) in zip(itertools.islice(times_ns, 1, None), readings, strict=True)
    ]


@settings(max_examples=examples(300), deadline=None)
@given(MAPS, READINGS, st.lists(st.integers(0, 60)))
def test_any_readings_in_any_batches_are_counted_as_by_the_readable_mapper(
    entries: tuple[MapEntry, ...], readings: list[Reading], cuts: list[int]
) -> None:
    spec = resolve(entries, PLAN, counting=Counting())
    schema = Schema(PLAN.records + spec.records)
    compiled, readable = Mapper(schema, spec), MapperModel(PLAN, spec)
    compiled.bind(0, 0, [1])
    readable.bind(0, 0, [1])
    rows = stamped(readings)
    out = SampleBatch(schema)
    for begin, end in itertools.pairwise(sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})):
        compiled.map(batch_of(schema, rows[begin:end]), out)
    assert [repr(row) for row in out] == [repr(row) for row in readable.map(batch_of(schema, rows))]


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.tuples(STEPS_NS, st.integers(-4000, 4000)), min_size=1, max_size=60))
def test_counters_only_grow_and_agree_with_exact_arithmetic(readings: list[tuple[int, int]]) -> None:
    spec = resolve([AMPS], PLAN, counting=Counting())
    schema = Schema(PLAN.records + spec.records)
    mapper = Mapper(schema, spec)
    mapper.bind(0, 0, [1])
    times_ns = itertools.accumulate((step_ns for step_ns, _ in readings), initial=BEGIN_NS)
    rows = list(zip(itertools.islice(times_ns, 1, None), (tenths for _, tenths in readings), strict=True))
    rows.append((rows[-1][0] + 10 * SECOND, 0))  # in a second of its own, and counts nothing
    out = SampleBatch(schema)
    mapper.map(batch_of(schema, [(time_ns, {"Amps": tenths}) for time_ns, tenths in rows]), out)
    reported = [row.raw for row in out if "charged_ah" in row.raw]
    counters = {name: [float(row[name]) for row in reported] for name in ("charged_ah", "discharged_ah")}
    assert all(values == sorted(values) for values in counters.values())

    into = out_of = Fraction(0)
    for (before_ns, before), (now_ns, now) in itertools.pairwise(rows):
        if not 0 < now_ns - before_ns <= GAP_NS:
            continue
        hours = Fraction(now_ns - before_ns, 3600 * SECOND)
        begin, end = Fraction(before, 10), Fraction(now, 10)
        # The positive part of a straight line, cut where it crosses zero.
        crossing = begin / (begin - end) if begin * end < 0 else Fraction(1)
        pieces = [(begin, begin + (end - begin) * crossing, crossing)]
        pieces.append((pieces[0][1], end, 1 - crossing))
        areas = [(left + right) / 2 * share * hours for left, right, share in pieces]
        into += sum(area for area in areas if area > 0)
        out_of -= sum(area for area in areas if area < 0)
    assert abs(counters["charged_ah"][-1] - into) <= 1e-6
    assert abs(counters["discharged_ah"][-1] - out_of) <= 1e-6
