"""What two sides cover in common, against intervals that are intersected one by one."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_core.charge.follow_spec import TOTALS, ChangeKind
from telemetry_core.charge.follower import Follower
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema

from telemetry.charging.follow.gbt27930 import GBT27930
from telemetry.model.measurements import BATTERY, CHARGER, record_spec
from telemetry.protocols.known import CAN_PROTOCOLS
from tests.support.examples import examples

MESSAGES = CAN_PROTOCOLS["gbt27930"].records
RECORDS = (*MESSAGES, record_spec(BATTERY), record_spec(CHARGER))
PLACES = {record.measurement: number for number, record in enumerate(RECORDS)}
SCHEMA = Schema(RECORDS)
CCS = [record.measurement for record in MESSAGES].index("gbt27930_CCS")
START_NS = 1_772_445_600_000_000_000
MS = 1_000_000
GAP_MS = 2000


@dataclass(frozen=True)
class Sample:
    """Of one side: 0 the vehicle, 1 the charger. What is NaN is not there; power always is."""

    side: int
    at_ms: int
    voltage_v: float
    current_a: float
    power_w: float

    def values(self) -> dict[str, float]:
        named = {"voltage_v": self.voltage_v, "current_a": self.current_a, "power_w": self.power_w}
        return {name: value for name, value in named.items() if not math.isnan(value)}


_VALUE = st.integers(-100, 500).map(float)
_LACKING = st.one_of(_VALUE, _VALUE, _VALUE, st.just(math.nan))
_STEPS_MS = st.sampled_from([0, 0, 1, 50, 50, 250, 900, 1000, GAP_MS, GAP_MS + 1, 2500])


@st.composite
def samples(draw: st.DrawFn) -> list[Sample]:
    at_ms, found = 0, []
    for _ in range(draw(st.integers(2, 40))):
        at_ms += draw(_STEPS_MS)
        found.append(
            Sample(draw(st.integers(0, 1)), at_ms, draw(_LACKING), draw(_LACKING), draw(st.integers(0, 9000)))
        )
    return found


def joined(found: Sequence[Sample], side: int) -> Iterator[tuple[Sample, Sample]]:
    """Neighbours of one side that no gap divides."""
    own = [sample for sample in found if sample.side == side]
    return ((one, other) for one, other in pairwise(own) if other.at_ms - one.at_ms <= GAP_MS)


def at(line: tuple[Sample, Sample], ms: float, name: str) -> float:
    """Return a value on the straight line between two samples."""
    one, other = line
    share = (ms - one.at_ms) / (other.at_ms - one.at_ms)
    first, last = getattr(one, name), getattr(other, name)
    return float(first + (last - first) * share)


def common(found: Sequence[Sample]) -> dict[str, float]:
    """Sum over all pairs of lines of both sides; a pair's mean is the value in the middle."""
    sums = dict.fromkeys(
        ("common_s", "common_vehicle_wh", "common_charger_wh", "common_current_as", "common_voltage_vs"), 0.0
    )
    for vehicle, charger in product(joined(found, 0), joined(found, 1)):
        begin, end = max(vehicle[0].at_ms, charger[0].at_ms), min(vehicle[1].at_ms, charger[1].at_ms)
        if begin >= end:
            continue
        middle, seconds = (begin + end) / 2, (end - begin) / 1000
        sums["common_s"] += seconds
        sums["common_vehicle_wh"] += at(vehicle, middle, "power_w") * seconds / 3600
        sums["common_charger_wh"] += at(charger, middle, "power_w") * seconds / 3600
        for total, name in (("common_current_as", "current_a"), ("common_voltage_vs", "voltage_v")):
            sums[total] += (at(charger, middle, name) - at(vehicle, middle, name)) * seconds
    return sums


def followed(found: Sequence[Sample]) -> dict[str, float]:
    follower = Follower(SCHEMA, [GBT27930.found_in(PLACES, 0)])
    follower.bind(0, 0)
    for side in (0, 1):
        follower.route(1 + side, 0, is_own=True)
    batch = SampleBatch(SCHEMA)
    batch.append(CCS, START_NS, {"permitted": 1})
    for sample in found:
        stamp_ns = START_NS + sample.at_ms * MS
        batch.append(CCS, stamp_ns, {"permitted": 1})
        batch.append(len(MESSAGES) + sample.side, stamp_ns, sample.values(), tags=1 + sample.side)
    changes = follower.follow(batch) + follower.finish(0, START_NS + found[-1].at_ms * MS)
    (end,) = (one for one in changes if one.kind == ChangeKind.ENDED)
    return dict(zip(TOTALS, end.totals, strict=True))


@settings(max_examples=examples(200))
@given(samples())
def test_differences_are_those_of_the_time_that_both_sides_cover(found: list[Sample]) -> None:
    totals = followed(found)
    for name, expected in common(found).items():
        assert totals[name] == pytest.approx(expected, rel=1e-9, abs=1e-6, nan_ok=True), name
