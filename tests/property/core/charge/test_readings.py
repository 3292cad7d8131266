"""What rows of the data model make of a session, whatever they lack, against a model of them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_core.charge.follow_spec import PERCENT, TOTALS, ChangeKind, PlugChange
from telemetry_core.charge.follower import Follower
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema

from telemetry.charging.follow.gbt27930 import GBT27930
from telemetry.model.measurements import BATTERY, CHARGER, cells_record_spec, record_spec
from telemetry.protocols.known import CAN_PROTOCOLS
from tests.support.examples import examples

MESSAGES = CAN_PROTOCOLS["gbt27930"].records
CELLS = 70  # more than one word of a row's mask
RECORDS = (*MESSAGES, record_spec(BATTERY), record_spec(CHARGER), cells_record_spec(CELLS, 2))
NUMBERS = {record.measurement: number for number, record in enumerate(RECORDS)}
SCHEMA = Schema(RECORDS)
TAGS = {"battery": 1, "charger": 2, "cells": 1}
START_NS = 1_772_445_600_000_000_000
MS = 1_000_000
GAP_MS = 2000
NAN = math.nan

_VOLTS, _AMPERES, _WATTS = (st.integers(low, 500).map(float) for low in (0, -50, -9000))
_CELL = st.integers(300, 420).map(lambda hundredths: hundredths / 100)
_ELECTRICAL = {"voltage_v": _VOLTS, "current_a": _AMPERES, "power_w": _WATTS}
_FIELDS: Mapping[str, dict[str, st.SearchStrategy[float]]] = {
    "battery": {
        **_ELECTRICAL,
        "soc_pct": st.sampled_from([49.5, 50.0, 50.5, 51.0, 52.0]),
        "temp_max_c": st.integers(20, 40).map(float),
        "cell_max_v": _CELL,
        "cell_min_v": _CELL,
    },
    "charger": {**_ELECTRICAL, "requested_current_a": _AMPERES, "requested_voltage_v": _VOLTS},
    "cells": dict.fromkeys(("v001", "v060", f"v{CELLS:03}"), _CELL) | {"t001": st.integers(0, 9).map(float)},
}
_STEPS_MS = st.sampled_from([0, 50, 50, 250, 1000, GAP_MS, GAP_MS + 1])


@dataclass(frozen=True)
class Row:
    at_ms: int
    measurement: str
    values: Mapping[str, float]


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """Half of them whole, as most rows are: those have a way of their own."""
    at_ms, found = 0, []
    for _ in range(draw(st.integers(2, 40))):
        at_ms += draw(_STEPS_MS)
        name = draw(st.sampled_from(["battery", "charger", "charger", "cells"]))
        electrical = {key: value for key, value in _FIELDS[name].items() if key in _ELECTRICAL}
        whole = st.fixed_dictionaries(electrical or {"v001": _CELL})
        some = st.fixed_dictionaries({}, optional=_FIELDS[name])
        found.append(Row(at_ms, name, draw(whole | some)))
    return found


def power_of(values: Mapping[str, float]) -> float:
    return values.get("power_w", values.get("voltage_v", NAN) * values.get("current_a", NAN))


def higher(known: float, value: float) -> float:
    return value if math.isnan(known) else max(known, value)


@dataclass
class Side:
    """Trapezoids between neighbours that no gap divides. Voltage and current may be NaN, power is there."""

    newest: tuple[int, float, float, float] | None = None
    seconds: float = 0.0
    watt_hours: float = 0.0
    ampere_hours: float = 0.0
    highest_w: float = NAN

    def take(self, at_ms: int, values: Mapping[str, float]) -> None:
        now = (at_ms, power_of(values), values.get("current_a", NAN), values.get("voltage_v", NAN))
        if math.isnan(now[1]):
            return
        if self.newest is not None and at_ms - self.newest[0] <= GAP_MS and at_ms > self.newest[0]:
            seconds = (at_ms - self.newest[0]) / 1000
            self.seconds += seconds
            self.watt_hours += (self.newest[1] + now[1]) / 2 * seconds / 3600
            self.ampere_hours += (self.newest[2] + now[2]) / 2 * seconds / 3600
        self.highest_w = higher(self.highest_w, now[1])
        self.newest = now


@dataclass
class Model:
    vehicle: Side = field(default_factory=Side)
    charger: Side = field(default_factory=Side)
    last: dict[str, float] = field(default_factory=dict)  # of what is known by its newest value
    highest_cell_v: float = NAN
    requested_max_a: float = NAN
    first_temp_c: float = NAN
    percent: int = -1
    seen: set[int] = field(default_factory=set)
    is_fresh: bool = False
    before: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    temps_c: list[float] = field(default_factory=list)
    cells_v: list[float] = field(default_factory=list)
    highest_v: list[float] = field(default_factory=list)
    curve: list[dict[str, float]] = field(default_factory=list)

    def take(self, row: Row) -> None:
        values = row.values
        if row.measurement == "charger":
            self.charger.take(row.at_ms, values)
            if (asked := values.get("requested_current_a")) is not None:
                self.requested_max_a = higher(self.requested_max_a, asked)
            return
        cells = [value for name, value in values.items() if name[0] == "v" and name != "voltage_v"]
        lowest, highest = list(cells), list(cells)
        if row.measurement == "battery":
            self.vehicle.take(row.at_ms, values)
            lowest += [values[name] for name in ("cell_min_v",) if name in values]
            highest += [values[name] for name in ("cell_max_v",) if name in values]
        self.cells_v += lowest
        self.highest_v += highest
        for value in highest:
            self.highest_cell_v = higher(self.highest_cell_v, value)
        if "temp_max_c" in values:
            self.last["temp"] = values["temp_max_c"]
            self.temps_c.append(values["temp_max_c"])
            self.first_temp_c = self.temps_c[0] if math.isnan(self.first_temp_c) else self.first_temp_c
        if "soc_pct" in values:
            self.last.setdefault("first_soc", values["soc_pct"])
            self.last["soc"] = values["soc_pct"]
            if math.floor(values["soc_pct"]) != self.percent:
                self.leave_percent()
                self.percent = math.floor(values["soc_pct"])
                self.is_fresh = self.percent not in self.seen
                self.seen.add(self.percent)
                self.before = self.sums()
                self.temps_c = [self.last["temp"]] if "temp" in self.last else []
                self.cells_v, self.highest_v = [], []

    def sums(self) -> tuple[float, float, float, float]:
        return self.vehicle.seconds, self.vehicle.watt_hours, self.charger.seconds, self.charger.watt_hours

    def leave_percent(self) -> None:
        if not self.is_fresh:
            return
        self.is_fresh = False
        names = ("vehicle_s", "vehicle_wh", "charger_s", "charger_wh")
        parts = dict(
            zip(names, (now - then for now, then in zip(self.sums(), self.before, strict=True)), strict=True)
        )
        extremes = {
            "temp_max_c": max(self.temps_c, default=NAN),
            "cell_min_v": min(self.cells_v, default=NAN),
            "cell_max_v": max(self.highest_v, default=NAN),
        }
        self.curve.append({"percent": self.percent} | parts | extremes)

    def totals(self) -> dict[str, float]:
        sides = {"vehicle": self.vehicle, "charger": self.charger}
        return {
            **{f"energy_{name}_wh": side.watt_hours for name, side in sides.items()},
            **{f"covered_{name}_s": side.seconds for name, side in sides.items()},
            **{f"charged_{name}_ah": side.ampere_hours for name, side in sides.items()},
            **{f"peak_{name}_w": side.highest_w for name, side in sides.items()},
            "start_soc_pct": self.last.get("first_soc", NAN),
            "end_soc_pct": self.last.get("soc", NAN),
            "start_temp_max_c": self.first_temp_c,
            "end_temp_max_c": self.last.get("temp", NAN),
            "cell_max_v": self.highest_cell_v,
            "requested_max_a": self.requested_max_a,
        }


def followed(found: Sequence[Row]) -> list[PlugChange]:
    follower = Follower(SCHEMA, [GBT27930.found_in(NUMBERS, 0)])
    follower.bind(0, 0)
    for tags in set(TAGS.values()):
        follower.route(tags, 0, is_own=True)
    batch = SampleBatch(SCHEMA)
    batch.append(NUMBERS["gbt27930_CCS"], START_NS, {"permitted": 1})
    for row in found:
        stamp_ns = START_NS + row.at_ms * MS
        batch.append(NUMBERS["gbt27930_CCS"], stamp_ns, {"permitted": 1})
        batch.append(NUMBERS[row.measurement], stamp_ns, row.values, tags=TAGS[row.measurement])
    return follower.follow(batch) + follower.finish(0, START_NS + found[-1].at_ms * MS)


def curve_of(changes: Sequence[PlugChange]) -> Iterator[dict[str, float]]:
    for one in changes:
        if one.kind == ChangeKind.PERCENT:
            yield {"percent": one.number} | dict(zip(PERCENT, one.values, strict=True))


@settings(max_examples=examples(200))
@given(rows())
def test_a_session_is_what_its_rows_say_and_what_they_lack_changes_nothing(found: list[Row]) -> None:
    model = Model()
    for row in found:
        model.take(row)
    model.leave_percent()
    changes = followed(found)
    (end,) = (one for one in changes if one.kind == ChangeKind.ENDED)
    totals = dict(zip(TOTALS, end.totals, strict=True))
    for name, expected in model.totals().items():
        assert totals[name] == pytest.approx(expected, rel=1e-9, abs=1e-6, nan_ok=True), name
    points = list(curve_of(changes))
    assert [point["percent"] for point in points] == [point["percent"] for point in model.curve]
    for point, expected_point in zip(points, model.curve, strict=True):
        for name, expected in expected_point.items():
            assert point[name] == pytest.approx(expected, rel=1e-9, abs=1e-6, nan_ok=True), name
