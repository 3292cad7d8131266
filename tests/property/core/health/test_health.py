"""Health reports what its readable model does, however rows are batched, and wherever it is cut."""

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_core.health.health import Health
from telemetry_core.health.health_spec import HealthChange, HealthKind
from telemetry_core.rows.batch import SampleBatch

from tests.support.examples import examples
from tests.support.health_model import PACK, SECOND, HealthModel, Report
from tests.support.health_rows import START_NS, schema_of, spec_of

CELLS = 6  # two a page
RATED_AH = 10.0
MS = SECOND // 1000
SCHEMA = schema_of(CELLS)


@dataclass(frozen=True)
class Row:
    """A row of a pack, or a page of its cells, `t` ns after 1970."""

    t: int
    values: dict[str, float]
    cells: dict[int, float]
    pack: int = 0


Segment = tuple[float, int, int, int]  # current in A, rows, s between two, and how they come


SEGMENTS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 0.1, 0.21, -0.1, 8.0, 8.0, 8.3, 5.0, 9.9, 12.0, -0.5, -8.0, -20.0]),
        st.sampled_from([1, 2, 5, 11, 12, 40, 70, 130, 400]),
        st.sampled_from([1, 1, 1, 2, 3, 20, 61, 899, 901, 1900]),
        st.integers(0, 7),
    ),
    min_size=1,
    max_size=8,
)


def rows_of(segments: Sequence[Segment], seed: int, pack: int = 0) -> list[Row]:
    """Return rows of a pack that is charged and driven so; 10 % of them are lost."""
    draw = random.Random(seed)
    found: list[Row] = []
    t, soc = START_NS + draw.randrange(14 * 3600) * SECOND, 30.0
    for current, count, step_s, way in segments:
        for number in range(count if step_s < 60 else min(count, 3)):
            a = current * (1 + 0.002 * draw.random()) if way & 1 or number % 7 else current * 0.4
            soc = min(max(soc + a * step_s / 3600 / RATED_AH * 100, 0.0), 100.0)
            v = 350 + soc / 2 + 0.1 * a
            whole = {"current_a": a, "voltage_v": v, "power_w": a * v}
            told = {"soc_pct": math.floor(soc * 5) / 5} if number % 3 == 0 else {}
            told |= {"temp_min_c": 18.0 + way, "temp_max_c": 22.0 + number % 2} if number % 5 == 0 else {}
            battery = (
                [whole | told] if way & 2 else [{"current_a": a}, {"voltage_v": v}, {"power_w": a * v} | told]
            )
            for values in battery:
                if draw.random() < 0.02:
                    values = dict.fromkeys(values, draw.choice([math.nan, math.inf]))
                late = draw.choice([0] * 30 + [1500]) * MS  # a row of another source
                found.append(Row(t - late, values, {}, pack))
                t += draw.choice([0, 10, 60, 150]) * MS
            for page in range(3 if way & 4 else 0):
                cells = {
                    cell: 3.0 + 0.0125 * soc * (1 + 0.02 * cell) + 0.001 * (1 + cell) * a
                    for cell in (2 * page, 2 * page + 1)
                }
                found.append(Row(t, {}, cells, pack))
                t += 20 * MS
            t += step_s * SECOND
    return [row for row in found if draw.random() > 0.1]


def batches(rows: Sequence[Row], cuts: Sequence[int]) -> Iterator[tuple[SampleBatch, SampleBatch]]:
    for begin, end in itertools.pairwise(sorted({0, len(rows), *(cut % (len(rows) + 1) for cut in cuts)})):
        samples, pages = SampleBatch(SCHEMA), SampleBatch(SCHEMA)
        for row in rows[begin:end]:
            if row.cells:
                samples.append(0, row.t, {})
                named = {f"v{cell + 1:03}": v for cell, v in row.cells.items()}
                pages.append(2, row.t, named, tags=1 + row.pack, id=len(samples))
            else:
                samples.append(1, row.t, row.values, tags=1 + row.pack)
        yield samples, pages


def health_of(packs: int = 1) -> Health:
    health = Health(SCHEMA, [spec_of(CELLS, RATED_AH)] * packs)
    for pack in range(packs):
        health.route(1 + pack, pack)
    return health


def followed(rows: Sequence[Row], cuts: Sequence[int] = (), packs: int = 1) -> list[HealthChange]:
    health, found = health_of(packs), list[HealthChange]()
    done = 0
    for samples, pages in batches(rows, cuts):
        found += (one._replace(row=one.row + done) for one in health.follow(samples, pages))
        done += len(samples)
    end_ns = max((row.t for row in rows), default=0)
    return found + [one for pack in range(packs) for one in health.finish(pack, end_ns)]


def said(change: HealthChange) -> Report:
    """Return a change as the model has it."""
    says: dict[str, object] = dict(change.day or {})
    if change.charge is not None:
        says |= change.charge._asdict()
        del says["start_ns"]
        says["ratios"] = {
            cell: (one.levels, one.ratio, one.sd)
            for cell, one in enumerate(change.cell_charges)
            if one.levels
        }
    if change.steps is not None:
        each = {PACK: change.steps, **dict(enumerate(change.cell_steps))}
        says["steps"] = {
            cell: (one.count, one.sum_ii, one.sum_ui, one.sum_uu) for cell, one in each.items() if one.count
        }
        says["steps_temp"], says["steps_soc"] = change.steps.temp_c, change.steps.soc_pct
    if change.kind == HealthKind.REST:
        says["soc_pct"] = change.soc_pct
        says["drift_mv"] = {cell: mv for cell, mv in enumerate(change.drift_mv) if not math.isnan(mv)}
    return HealthKind(change.kind).name, change.time_ns, says


def modelled(rows: Sequence[Row]) -> list[Report]:
    model = HealthModel(RATED_AH)
    for row in rows:
        if row.cells:
            model.take_page(row.t, row.cells)
        else:
            model.take_row(row.t, row.values)
    model.finish(max((row.t for row in rows), default=0))
    return model.reports


def assert_alike(one: object, other: object, path: str = "") -> None:
    """Compare numbers within rounding: of charges in a memory of 32 bits to a hundredth of a cell's ratio."""
    if isinstance(one, dict) and isinstance(other, dict):
        assert one.keys() == other.keys(), path
        for key in one:
            assert_alike(one[key], other[key], f"{path} {key}")
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
        assert len(one) == len(other), (path, one, other)
        for number, pair in enumerate(zip(one, other, strict=True)):
            assert_alike(*pair, f"{path} {number}")
    elif isinstance(one, float):
        near = 2e-3 if "ratios" in path else 1e-6
        assert one == pytest.approx(other, rel=near, abs=near, nan_ok=True), path
    else:
        assert one == other, path


@settings(max_examples=examples(100), deadline=None)
@given(SEGMENTS, st.integers(0, 1000), st.lists(st.integers(0, 5000), max_size=5))
def test_any_rows_in_any_batches_say_what_the_model_says(
    segments: list[Segment], seed: int, cuts: list[int]
) -> None:
    rows = rows_of(segments, seed)
    assert_alike([*map(said, followed(rows, cuts))], modelled(rows))


def test_the_model_is_seen_at_work() -> None:
    """A day with charges, a drive, steps, levels and a rest."""
    rows = rows_of(
        [(0.0, 12, 1, 6), (8.0, 2000, 1, 7), (0.0, 3, 899, 6), (-8.0, 40, 1, 6), (0.0, 400, 20, 6)], 7
    )
    found = followed(rows, [1000])
    assert {one.kind for one in found} == set(HealthKind)
    ended = next(one for one in found if one.charge)
    assert min(one.levels for one in ended.cell_charges) > 15
    assert [one.ratio for one in ended.cell_charges] == sorted(
        (one.ratio for one in ended.cell_charges), reverse=True
    )
    assert_alike([*map(said, found)], modelled(rows))


CLOCKS = st.lists(
    st.tuples(st.integers(0, 2000), st.sampled_from([-3, -600, -899, -901, -7200, -90_000, 5, 600, 90_000])),
    max_size=3,
)


def with_clock_set(rows: Sequence[Row], clocks: Sequence[tuple[int, int]]) -> list[Row]:
    """Return the rows with a clock that is set by so many s before a row."""
    moves = [(at % (len(rows) + 1), by_s) for at, by_s in clocks]
    return [
        replace(row, t=row.t + SECOND * sum(by_s for at, by_s in moves if at <= number))
        for number, row in enumerate(rows)
    ]


@settings(max_examples=examples(100), deadline=None)
@given(SEGMENTS, st.integers(0, 1000), CLOCKS, st.lists(st.integers(0, 5000), max_size=8))
def test_neither_batches_nor_another_process_change_anything(
    segments: list[Segment], seed: int, clocks: list[tuple[int, int]], cuts: list[int]
) -> None:
    rows = with_clock_set(rows_of(segments, seed), clocks)
    whole, going = health_of(), health_of()
    ((samples, pages),) = batches(rows, []) if rows else [(SampleBatch(SCHEMA), SampleBatch(SCHEMA))]
    expected, found = whole.follow(samples, pages), list[HealthChange]()
    for samples, pages in batches(rows, cuts):
        going, before = health_of(), going
        going.remember(0, before.memory(0))
        found += going.follow(samples, pages)
    assert repr([one._replace(row=0) for one in found]) == repr([one._replace(row=0) for one in expected])
    assert whole.memory(0) == going.memory(0)
    assert repr(whole.finish(0, START_NS)) == repr(going.finish(0, START_NS))


@settings(max_examples=examples(50), deadline=None)
@given(SEGMENTS, SEGMENTS, st.integers(0, 1000), st.lists(st.integers(0, 5000), max_size=4))
def test_packs_do_not_know_of_each_other(
    one: list[Segment], other: list[Segment], seed: int, cuts: list[int]
) -> None:
    rows = [rows_of(one, seed), rows_of(other, seed + 1, 1)]
    draw = random.Random(seed)
    turns = [pack for pack, of_pack in enumerate(rows) for _ in of_pack]
    draw.shuffle(turns)
    together = [*map(iter, rows)]
    found = followed([next(together[pack]) for pack in turns], cuts, packs=2)
    for pack, of_pack in enumerate(rows):
        own = [said(one) for one in found if one.pack == pack and one.row >= 0]
        alone = [said(one) for one in followed([replace(row, pack=0) for row in of_pack]) if one.row >= 0]
        assert repr(own) == repr(alone)


@settings(max_examples=examples(50), deadline=None)
@given(SEGMENTS, st.integers(0, 1000))
def test_a_pack_may_have_two_sources(segments: list[Segment], seed: int) -> None:
    """Its rows come with the tags of one or of the other: they are of one pack."""
    rows = rows_of(segments, seed)
    health = health_of()
    health.route(2, 0)
    draw = random.Random(seed)
    ((samples, pages),) = (
        batches([replace(row, pack=draw.randrange(2)) for row in rows], []) if rows else [(None, None)]
    )
    if samples is not None:
        assert repr(health.follow(samples, pages)) == repr([one for one in followed(rows) if one.row >= 0])
