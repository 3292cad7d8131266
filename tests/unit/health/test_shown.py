"""Rows of battery health put together again, and shown as a table, as CSV and as JSON."""

import csv
import io
import json
from itertools import chain
from math import nan

import pytest
from telemetry_core.health.health_spec import HealthChange, HealthKind

from telemetry.charging.items import Point
from telemetry.health.found import packs
from telemetry.health.pack import PackHealth
from telemetry.health.settings import HealthSettings
from telemetry.health.shown import COLUMNS, ESTIMATE, as_csv, as_json, as_table
from telemetry.model.health import BATTERY_HEALTH
from tests.support.health import DAY_NS, START_NS, cell_charges, charge_ended, counted, steps

MONTH_NS = round(365.25 / 12 * DAY_NS)


def points(pack: str = "main", vehicle: str = "van-7") -> list[Point]:
    """Return what three charges make, the second one of a stuck SOC."""
    health = PackHealth(HealthSettings(pack=pack, rated_ah=100.0), vehicle)
    cells = {"cell_steps": (steps(0.5), steps(0.8), steps(0.5)), "cell_charges": cell_charges(1.0, nan, 0.9)}
    changes = [
        charge_ended(
            counted(start_ns=START_NS, to_soc_pct=100.0, charge_ah=80.0), steps=steps(80.0), **cells
        ),
        charge_ended(counted(start_ns=START_NS + DAY_NS, soc_still_ah=30.0)),
        charge_ended(counted(start_ns=START_NS + 2 * DAY_NS, to_soc_pct=100.0, charge_ah=72.0)),
    ]
    made = chain.from_iterable(health.take(change) for change in changes)
    return [one for one in made if isinstance(one, Point)]


def test_json_has_every_field_the_cells_in_order_and_the_estimate_apart() -> None:
    (pack,) = json.loads(as_json(packs(points())))["packs"]
    assert (pack["vehicle"], pack["pack"], pack["cell_drift"]) == ("van-7", "main", None)
    first, second, third = pack["charges"]
    fields = {field.name for field in BATTERY_HEALTH.fields} - set(ESTIMATE)
    more = {"start_ns", "cell_resistance_mohm", "cell_capacity_ratio", "estimate"}
    assert first.keys() == second.keys() == third.keys() == fields | more
    assert first["start_ns"] == START_NS
    assert first["cell_resistance_mohm"] == [0.5, 0.8, 0.5]
    assert first["cell_capacity_ratio"] == [1.0, None, 0.9]
    assert first["estimate"].keys() == set(ESTIMATE)
    assert (first["estimate"]["capacity_ah"], first["estimate"]["charges_used"]) == (100.0, 1.0)
    assert (second["used"], second["reason"], second["estimate"]) == (False, "soc", None)
    assert second["charge_capacity_ah"] is None
    assert second["cell_capacity_ratio"] == second["cell_resistance_mohm"] == [None] * 3
    assert third["estimate"]["soh_low_pct"] < 95.0 < third["estimate"]["soh_high_pct"]


def test_csv_has_a_row_a_charge_and_guards_names_that_are_formulas() -> None:
    found = packs(points(vehicle="=1+1"))
    first, second, _ = csv.DictReader(io.StringIO(as_csv(found)))
    assert tuple(first) == COLUMNS
    assert (first["vehicle"], first["used"], first["reason"]) == ("'=1+1", "true", "")
    assert (second["used"], second["reason"], second["capacity_ah"]) == ("false", "soc", "")
    assert float(first["capacity_ah"]) == 100.0
    raw, *_ = csv.DictReader(io.StringIO(as_csv(found, raw_text=True)))
    assert raw["vehicle"] == "=1+1"


def test_the_table_says_why_a_charge_does_not_count_and_what_to_look_at() -> None:
    head, first, second, third = as_table(packs(points())).splitlines()
    assert head.split()[:4] == ["start", "vehicle", "pack", "SOC"]
    assert first.startswith("2023-11-14T22:13:20Z  van-7    main  20 → 100 %  80.0 Ah  100.0 ± 8.1 Ah  ")
    assert first.endswith("cell 3: 0.900 of the median's charge; cell 2: 1.60 of the median's resistance")
    assert "80.0 ± 0.0 mΩ" in first
    assert second.endswith("not used: soc")
    assert "95.0 (" in third


def test_what_the_battery_says_of_its_health_itself_stands_beside_ours() -> None:
    said = [
        Point("battery", {"vehicle": "van-7", "pack": pack}, {"soh_pct": 100.0}, 1) for pack in ("main", "x")
    ]
    found = packs([*points(), *said])
    (pack,) = json.loads(as_json(found))["packs"]
    ours_pct = pack["charges"][2]["estimate"]["soh_pct"]
    assert pack["reported"] == {"soh_pct": 100.0, "difference_pct": pytest.approx(100.0 - ours_pct)}
    *_, before, last = as_table(found).splitlines()
    assert last.endswith(
        f"the battery itself reports 100.0 %, {100.0 - ours_pct:+.1f} points to what was measured"
    )
    assert "itself" not in before
    assert json.loads(as_json(packs(points())))["packs"][0]["reported"] is None


def test_packs_stand_apart_and_of_two_rows_with_one_stamp_the_later_fields_hold() -> None:
    tags = {"vehicle": "van-7", "pack": "main"}
    again = [Point("battery_health", tags, {"charge_ah": 7.0}, START_NS), Point("event", tags, {"x": 1.0}, 1)]
    found = packs([*points(), *points("rear"), *points(vehicle="bus"), *again])
    assert [(one.vehicle, one.pack) for one in found] == [
        ("bus", "main"),
        ("van-7", "main"),
        ("van-7", "rear"),
    ]
    fields = dict(found[1].charges)[START_NS]
    assert (fields["charge_ah"], fields["to_soc_pct"]) == (7.0, 100.0)
    assert json.loads(as_json([])) == {"packs": []}


@pytest.mark.parametrize("rests", [3, 4, 12])
def test_cells_drift_in_mv_a_month_from_four_rests_at_like_states_of_charge(rests: int) -> None:
    health, made = PackHealth(HealthSettings(), "van"), list[Point]()
    for number in range(2 * rests):
        is_like = number % 2 == 0
        off_mv = -1.5 * number / 2 if is_like else 40.0
        change = HealthChange(
            -1,
            START_NS + number * MONTH_NS // 2,
            0,
            HealthKind.REST,
            drift_mv=(nan, 0.2 * (number % 4 - 1), off_mv),
            soc_pct=43.0 + number % 5 if is_like else 90.0 - 10.0 * number % 40,
        )
        made += [one for one in health.take(change) if isinstance(one, Point)]
    ((pack,),) = [packs(made)]
    found = json.loads(as_json([pack]))["packs"][0]["cell_drift"]
    if rests < 4:
        assert found is None
        return
    assert (found["soc_pct"], found["rests"]) == (40.0, rests)
    unknown, still, leaking = found["mv_per_month"]
    assert leaking == pytest.approx(-1.5, rel=1e-3)
    assert abs(still) <= 2.0 * found["sd_mv_per_month"][1]
    assert unknown is None
