"""The follower depends on rows and their stamps alone: not on batches, and not on a process that goes on."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_core.charge.follow_spec import TOTALS, ChangeKind, PlugChange
from telemetry_core.charge.follower import Follower
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema

from telemetry.charging.follow.gbt27930 import GBT27930
from telemetry.charging.saved import unheard
from telemetry.model.measurements import BATTERY, CHARGER, record_spec
from telemetry.protocols.known import CAN_PROTOCOLS
from tests.support.examples import examples

RECORDS = (*CAN_PROTOCOLS["gbt27930"].records, record_spec(BATTERY), record_spec(CHARGER))
NUMBERS = {record.measurement.removeprefix("gbt27930_"): n for n, record in enumerate(RECORDS)}
SCHEMA = Schema(RECORDS)
START_NS = 1_772_445_600_000_000_000
TAGS = {"battery": 1, "charger": 2}

_BITS = st.sampled_from([0, 1, 2])
_SHAPES: dict[str, dict[str, st.SearchStrategy[float]]] = {
    "CHM": {"version_major": st.just(1)},
    "CRM": {"recognition": st.sampled_from([0, 0xAA])},
    "BRM": {"version_minor": _BITS, "version_major": st.just(1)},
    "BCP": {"soc_pct": st.integers(0, 1000)},
    "CML": {"max_current_a": st.integers(0, 4000)},
    "BRO": {"ready": st.sampled_from([0, 0xAA])},
    "CRO": {"ready": st.sampled_from([0, 0xAA])},
    "BCL": {},
    "CCS": {"permitted": _BITS, "charged_min": st.integers(0, 3)},
    "BST": {"soc_reached": _BITS, "charger_stopped": _BITS},
    "CST": {"fault": _BITS, "vehicle_stopped": _BITS},
    "BSD": {"soc_pct": st.integers(0, 100)},
    "CSD": {"energy_kwh": st.integers(0, 100)},
    "BEM": {"ccs_timeout": _BITS},
    "CEM": {"bcl_timeout": _BITS},
    "CFC": {"current_limit_a": st.integers(0, 10)},
    "VNC": {"version_major": st.just(2)},
    "battery": {
        "voltage_v": st.integers(0, 500).map(float),
        "current_a": st.integers(-20, 200).map(float),
        "soc_pct": st.integers(40, 60).map(float),
    },
    "charger": {"voltage_v": st.integers(0, 500).map(float), "current_a": st.integers(0, 200).map(float)},
}
Row = tuple[str, int, dict[str, float]]
_STEPS_MS = st.sampled_from([0, 1, 50, 250, 900, 1000, 1001, 2000, 2001, 5001, 9999, 10_001, 130_000, -5_000])


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    found: list[Row] = []
    at_ns = START_NS
    for _ in range(draw(st.integers(1, 40))):
        at_ns += draw(_STEPS_MS) * 1_000_000
        name = draw(st.sampled_from(sorted(_SHAPES)))
        found.append((name, at_ns, draw(st.fixed_dictionaries(_SHAPES[name]))))
    return found


def make_follower() -> Follower:
    follower = Follower(
        SCHEMA, [GBT27930.found_in({f"gbt27930_{name}": n for name, n in NUMBERS.items()}, 0)]
    )
    follower.bind(0, 0)
    for tags in TAGS.values():
        follower.route(tags, 0, is_own=True)
    return follower


def batch_of(some: Sequence[Row]) -> SampleBatch:
    batch = SampleBatch(SCHEMA)
    for name, time_ns, values in some:
        batch.append(NUMBERS[name], time_ns, values, tags=TAGS.get(name, 0))
    return batch


def comparable(changes: Sequence[PlugChange], offset: int = 0) -> list[str]:
    """Texts, in which values that are not known are the same."""
    return [repr(one._replace(row=one.row + offset if one.row >= 0 else -1)) for one in changes]


def followed(all_rows: Sequence[Row], sizes: Sequence[int]) -> list[str]:
    follower, found, done, number = make_follower(), [], 0, 0
    while done < len(all_rows):
        part = all_rows[done : done + sizes[number % len(sizes)]]
        found += comparable(follower.follow(batch_of(part)), done)
        done, number = done + len(part), number + 1
    return found + comparable(follower.finish(0, max(time_ns for _, time_ns, _ in all_rows)))


@settings(max_examples=examples(50))
@given(rows(), st.lists(st.integers(1, 7), min_size=1, max_size=5))
def test_changes_do_not_depend_on_batches(all_rows: list[Row], sizes: list[int]) -> None:
    assert followed(all_rows, sizes) == followed(all_rows, [len(all_rows)])


@settings(max_examples=examples(50))
@given(rows())
def test_sessions_do_not_overlap_and_each_change_belongs_to_one(all_rows: list[Row]) -> None:
    follower = make_follower()
    changes = follower.follow(batch_of(all_rows))
    changes += follower.finish(0, all_rows[-1][1])
    is_open = False
    phase = attempt = 0
    for one in changes:
        if one.kind == ChangeKind.UNKNOWN:
            continue
        if one.kind == ChangeKind.BEGUN:
            assert not is_open
            is_open, phase, attempt = True, 0, 1
            continue
        assert is_open
        match one.kind:
            case ChangeKind.ATTEMPT:
                assert one.number == attempt + 1
                phase, attempt = 0, one.number
            case ChangeKind.PHASE:
                assert one.number > phase
                phase = one.number
            case ChangeKind.ENDED:
                is_open = False
    assert not is_open


@settings(max_examples=examples(50))
@given(rows(), st.data())
def test_a_state_goes_on_in_another_process_with_the_same_energies(
    all_rows: list[Row], data: st.DataObject
) -> None:
    """The second one also reports that somebody listens again, and what nobody saw."""
    cut = data.draw(st.integers(0, len(all_rows)))
    first = make_follower()
    first.follow(batch_of(all_rows[:cut]))
    known = unheard(first.state(0)[0])
    second = make_follower()
    second.go_on(0, known, known)
    before = [*first.follow(batch_of(all_rows[cut:])), *first.finish(0, all_rows[-1][1])]
    after = [*second.follow(batch_of(all_rows[cut:])), *second.finish(0, all_rows[-1][1])]
    ends = [[one for one in changes if one.kind == ChangeKind.ENDED] for changes in (before, after)]
    if len(ends[0]) != 1 or len(ends[1]) != 1 or ends[0][0].since_ns != ends[1][0].since_ns:
        return  # a gap over which a listener goes on and a newcomer does not, or the reverse
    for place, name in enumerate(TOTALS):
        if name.startswith(("energy_", "covered_")) and ends[0][0].time_ns == ends[1][0].time_ns:
            one, other = ends[0][0].totals[place], ends[1][0].totals[place]
            assert math.isclose(one, other, abs_tol=1e-6) or math.isnan(one)


@given(rows(), st.data())
def test_numbers_of_another_kind_are_refused_and_change_nothing(
    all_rows: list[Row], data: st.DataObject
) -> None:
    follower = make_follower()
    follower.follow(batch_of(all_rows))
    before = follower.state(0)
    name = data.draw(st.sampled_from(sorted(before[0])))
    wrong: list[Any] = ["7", None, [], {}]
    others = [{**before[0], name: other} for other in wrong]
    for other in (*others, {**before[0], "phase": 7}, {**before[0], "attempt": 1 << 16}):
        for pair in ((other, before[1]), (before[0], other)):
            with pytest.raises(ValueError, match="not those of a plug"):
                follower.go_on(0, *pair)
    assert repr(follower.state(0)) == repr(before)
