"""A pack over many charges: its rows, its events, and what it remembers."""

import json
import random
from collections.abc import Iterable, Iterator
from itertools import islice
from math import nan
from typing import Any

import pytest
from telemetry_core.health.health_spec import CountedCharge, HealthChange, HealthKind

from telemetry.charging.items import Point
from telemetry.health.history import PackHistory
from telemetry.health.pack import PackHealth
from telemetry.health.settings import HealthSettings
from telemetry.model.events import Event
from telemetry.model.measurements import MEASUREMENTS
from telemetry.model.point import line
from tests.support.health import (
    DAY_NS,
    HOUR_NS,
    START_NS,
    cell_charges,
    charge_ended,
    charges,
    counted,
    steps,
)

SETTINGS = HealthSettings(pack="main", rated_ah=100.0)


def pack(**changed: Any) -> PackHealth:
    return PackHealth(HealthSettings(**{"pack": "main", "rated_ah": 100.0, **changed}), "van-7")


def taken(health: PackHealth, changes: Iterable[HealthChange]) -> list[Point | tuple[Event, int]]:
    return [made for change in changes for made in health.take(change)]


def rows(made: Iterable[Any], measurement: str = "battery_health") -> list[Point]:
    return [one for one in made if isinstance(one, Point) and one.measurement == measurement]


def events(made: Iterable[Any]) -> list[str]:
    return [one[0].code for one in made if not isinstance(one, Point)]


def days(*changed: dict[str, Any]) -> Iterator[CountedCharge]:
    """Yield a charge a day, each with what it has of its own."""
    for number, each in enumerate(changed):
        start_ns = START_NS + number * DAY_NS
        yield counted(**{"start_ns": start_ns, "end_ns": start_ns + 2 * HOUR_NS, **each})


def test_a_charge_is_a_row_and_the_third_one_has_the_estimate() -> None:
    found = rows(taken(pack(), map(charge_ended, days({}, {}, {}))))
    assert [row.time_ns for row in found] == [START_NS + number * DAY_NS for number in range(3)]
    assert found[0].tags == {"vehicle": "van-7", "pack": "main"}
    assert (found[0].fields["used"], found[0].fields["charge_capacity_ah"]) == (True, 100.0)
    assert ["capacity_ah" in row.fields for row in found] == [False, False, True]
    last = found[2].fields
    assert (last["capacity_ah"], last["soh_pct"], last["charges_used"]) == (100.0, 100.0, 3.0)
    half = 1.96 * (5.5**2 / 3 + (0.9 * (1.0 + 1.0)) ** 2) ** 0.5  # sd of three, gain, and 0.3 A at 30 A
    assert last["capacity_high_ah"] == pytest.approx(100.0 + half, abs=0.01)
    assert last["soh_low_pct"] == pytest.approx(100.0 - half, abs=0.01)


def test_rows_have_fields_of_the_data_model_alone_each_of_its_type() -> None:
    cells = {"cell_steps": (steps(0.5), steps(0.8), steps(0.5)), "cell_charges": cell_charges(0.9, 1.0, 1.0)}
    full = {"to_soc_pct": 100.0, "charge_ah": 80.0, "end_current_a": 2.0, "net_ah": 3.0}
    changes = [charge_ended(each, steps=steps(80.0), **cells) for each in days(full, full, full)]
    rest = HealthChange(-1, START_NS, 0, HealthKind.REST, drift_mv=(1.0, nan, -2.0), soc_pct=40.0)
    use = {"charge_out_ah": 50.0, "temp_m10_soc_70_s": 60.0}
    day = HealthChange(-1, START_NS, 0, HealthKind.DAY, day=use)
    made = taken(pack(), [*changes, rest, day])
    assert {one.measurement for one in made if isinstance(one, Point)} == {
        *("battery_health", "cell_resistance", "cell_charge", "cell_drift", "battery_use")
    }
    for point in (one for one in made if isinstance(one, Point)):
        kinds = {field.name: field.kind.value for field in MEASUREMENTS[point.measurement].fields}
        for name, value in point.fields.items():
            plain = name if name in kinds else next(one for one in kinds if not one.islower())
            assert kinds[plain] == {float: "float", bool: "boolean", str: "string"}[type(value)]
        assert line(*point)
    whole = rows(made)[-1].fields
    expected = {field.name for field in MEASUREMENTS["battery_health"].fields} - {"reason"}
    assert whole.keys() == expected
    assert (whole["resistance_mohm"], whole["resistance_steps"]) == (80.0, 50.0)
    assert (whole["weak_cell_index"], whole["resistive_cell_index"]) == (1.0, 2.0)
    assert whole["resistive_cell_ratio"] == 1.6
    assert rows(made, "cell_drift")[0].fields == {"d001": 1.0, "d003": -2.0, "soc_pct": 40.0}
    assert rows(made, "battery_use")[0].fields["full_cycles"] == 0.5


def test_a_charge_with_a_reason_has_neither_a_capacity_nor_an_estimate() -> None:
    health = pack()
    made = taken(health, map(charge_ended, days({}, {}, {}, {"to_soc_pct": nan}, {"gap_s": 900.0})))
    for row, reason in zip(rows(made)[3:], ("soc", "gaps"), strict=True):
        assert (row.fields["used"], row.fields["reason"]) == (False, reason)
        assert not {name for name in row.fields if "capacity" in name or "soh" in name}
    (swapped,) = rows(health.take(charge_ended(counted(start_ns=1)), swapped=True))
    assert swapped.fields["reason"] == "swap"


def test_without_a_rating_there_is_no_soh_until_the_battery_reports_one() -> None:
    health = pack(rated_ah=None)
    first = rows(taken(health, map(charge_ended, days({}, {}, {}))))[-1]
    assert "capacity_ah" in first.fields
    assert "soh_pct" not in first.fields
    health.set_rated(125.0)
    assert (
        rows(health.take(charge_ended(counted(start_ns=START_NS + 5 * DAY_NS))))[0].fields["soh_pct"] == 80.0
    )


def test_a_charge_that_is_read_twice_counts_once() -> None:
    health = pack()
    taken(health, map(charge_ended, [*days({}, {}), *days({}, {})]))
    assert len(health.history.used) == 2


def test_short_charges_alone_give_no_estimate_at_any_length() -> None:
    def short(rng: random.Random) -> tuple[float, float]:
        low_pct = rng.uniform(5.0, 75.0)
        return low_pct, low_pct + rng.uniform(3.0, 25.0)

    for settings in (SETTINGS, HealthSettings(), HealthSettings(chemistry="nmc", rated_ah=140.0)):
        health = PackHealth(settings, "van")
        history = islice(charges(random.Random(5), lambda _: 100.0, widths=short), 2000)
        made = rows(taken(health, map(charge_ended, history)))
        assert len(made) == 2000
        assert not any("capacity_ah" in row.fields for row in made)


def test_a_window_that_only_errors_made_wide_does_not_count() -> None:
    seen = ({"from_soc_pct": 40.0, "to_soc_pct": 62.0, "charge_ah": 22.0} for _ in range(9))
    made = rows(taken(pack(), map(charge_ended, days(*seen, {"to_soc_pct": 52.0, "charge_ah": 23.0}, {}))))
    assert [row.fields.get("reason") for row in made[-2:]] == ["window", None]


def test_real_windows_are_used_although_the_first_charges_were_short_and_wrong() -> None:
    health = pack(rated_ah=None)
    wrong = (
        {"from_soc_pct": 50.0, "to_soc_pct": 53.0, "charge_ah": 9.0, "soc_still_ah": 0.1} for _ in range(40)
    )
    made = rows(taken(health, map(charge_ended, days(*wrong, {}, {}, {}))))
    assert [row.fields["used"] for row in made[-3:]] == [True] * 3


def test_the_offset_is_what_was_counted_from_full_to_full_over_its_hours() -> None:
    full = {"to_soc_pct": 100.0, "charge_ah": 80.0, "end_current_a": 2.0}
    parts = (
        full,  # from here on
        {"net_ah": -20.0, "net_s": 8 * 3600.0},
        full | {"net_ah": 26.0, "net_s": 4 * 3600.0},  # 6 Ah in 12 h
        full | {"net_ah": 7.2, "net_s": 12 * 3600.0},  # 0.6 A
        full | {"net_ah": 0.6, "net_s": 12 * 3600.0},
        full | {"net_ah": -7.2, "net_s": 12 * 3600.0},
    )
    made = taken(pack(), map(charge_ended, days(*parts)))
    offsets = [row.fields.get("current_offset_a") for row in rows(made)]
    assert offsets == [None, None, 0.5, 0.6, 0.05, -0.6]
    assert events(made) == ["current_offset", "current_offset"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"net_gap_pct": 1.5},  # driven where nobody counted
        {"net_gap_pct": nan},
        {"net_s": 3600.0},  # 1.4 Ah are 1.4 A
        {"to_soc_pct": 97.0},
        {"end_current_a": 30.0},
        {"soc_step_pct": 40.0, "soc_step_ah": 0.5},  # a BMS that was reset
    ],
)
def test_no_offset_is_told_where_it_cannot_be_known(wrong: dict[str, float]) -> None:
    full = {"to_soc_pct": 100.0, "charge_ah": 80.0, "end_current_a": 2.0, "net_ah": 9.0, "net_s": 12 * 3600.0}
    made = taken(pack(), map(charge_ended, days(full, full | wrong)))
    assert [row.fields.get("current_offset_a") for row in rows(made)] == [None, None]
    assert events(made) == []
    again = taken(pack(), map(charge_ended, days(full, full)))
    assert rows(again)[-1].fields["current_offset_a"] == 0.75


def test_a_cell_is_spoken_of_in_the_third_charge_running_and_once() -> None:
    health, made = pack(), list[list[str]]()
    good, bad = cell_charges(1.0, 1.0, 1.0), cell_charges(1.0, 0.9, 1.0)
    for number, (cells, middle_mohm) in enumerate(
        ((bad, 0.5), (bad, 0.8), (good, 0.8), (bad, 0.8), (bad, 0.8), (bad, 0.5), (bad, 0.5))
    ):
        charge = counted(start_ns=START_NS + number * DAY_NS)
        of_steps = (steps(0.5), steps(middle_mohm), steps(0.5))
        made.append(events(health.take(charge_ended(charge, cell_charges=cells, cell_steps=of_steps))))
    assert made == [[], [], [], ["resistance_high"], [], [], ["weak_cell"]]  # not told beside 1.6


@pytest.mark.parametrize(
    ("ratio", "sd", "is_weak"),
    [(0.93, 0.009, True), (0.93, 0.011, False), (0.949, 0.0, True), (0.96, 0.0, False)],
)
def test_a_cell_is_weak_under_95_percent_by_more_than_two_sd(ratio: float, sd: float, is_weak: bool) -> None:
    cells = cell_charges(1.0, ratio, 1.01, sd=sd)
    like = (steps(0.5),) * 3
    lifts_none = {"highest_current_a": 0.0}
    changes = (charge_ended(one, cell_charges=cells, cell_steps=like) for one in days(*[lifts_none] * 3))
    made = taken(pack(), changes)
    assert events(made) == ["weak_cell"] * is_weak
    fields = rows(made)[-1].fields
    assert [fields[f"weak_cell_{name}"] for name in ("index", "ratio", "sd")] == [2.0, ratio, sd]


def test_an_event_names_the_pack_the_cell_and_the_end_of_the_charge() -> None:
    health, made = pack(), list[Point | tuple[Event, int]]()
    for charge in days(*[{"highest_current_a": 0.0}] * 3):
        cells = {"cell_charges": cell_charges(1.0, 0.9, 1.0), "cell_steps": (steps(0.5),) * 3}
        made += health.take(charge_ended(charge, **cells))
    ((event, time_ns),) = [one for one in made if not isinstance(one, Point)]
    assert (event.pack, event.active, time_ns) == ("main", True, START_NS + 2 * DAY_NS + 2 * HOUR_NS)
    assert event.text == "cell 2 has 0.900 of the median cell's charge (sd 0.005)"


@pytest.mark.parametrize(
    ("changed", "settings"),
    [
        ({"charge_ah": 29.0, "to_soc_pct": 49.0}, {}),
        ({"charge_ah": 29.0}, {}),  # its SOC says 60 %
        ({"to_soc_pct": 40.0}, {"rated_ah": None}),
        ({}, {"chemistry": "lfp"}),
    ],
)
def test_short_charges_and_lfp_say_nothing_of_the_charge_of_cells(
    changed: dict[str, float], settings: dict[str, Any]
) -> None:
    cells = cell_charges(1.0, 0.8, 1.0)
    made = pack(**settings).take(charge_ended(counted(**changed), cell_charges=cells))
    assert not rows(made, "cell_charge")
    assert not {name for name in rows(made)[0].fields if name.startswith("weak")}


def test_cells_count_where_the_state_of_charge_does_not() -> None:
    made = pack().take(charge_ended(counted(to_soc_pct=nan), cell_charges=cell_charges(1.0, 0.8, 1.0)))
    assert rows(made)[0].fields["weak_cell_ratio"] == 0.8
    assert rows(made, "cell_charge")[0].fields == {"q001": 1.0, "q002": 0.8, "q003": 1.0}


def test_a_capacity_is_low_once_the_upper_end_is_under_80_percent() -> None:
    health = pack()
    low = {"charge_ah": 0.7 * 60.0}
    made = [events(health.take(charge_ended(charge))) for charge in days(*(low for _ in range(40)))]
    assert [number for number, codes in enumerate(made) if codes] == [made.index(["capacity_low"])]
    assert made.index(["capacity_low"]) >= 2


def test_a_drive_has_resistances_of_cells_alone() -> None:
    drive = HealthChange(-1, 7, 0, HealthKind.DRIVE_ENDED, steps=steps(80.0), cell_steps=(steps(0.5),) * 2)
    (row,) = pack().take(drive)
    assert row == Point(
        "cell_resistance", {"vehicle": "van-7", "pack": "main"}, {"r001": 0.5, "r002": 0.5}, 7
    )
    assert pack().take(HealthChange(-1, 7, 0, HealthKind.CHARGE_BEGUN)) == ()
    assert pack().take(HealthChange(-1, 7, 0, HealthKind.REST, drift_mv=(nan, nan), soc_pct=4.0)) == []
    assert pack().take(HealthChange(-1, 7, 0, HealthKind.DRIVE_ENDED, steps=steps(80.0))) == []


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_history_goes_on_from_its_json(cut: int) -> None:
    """In 260 charges it is restored after each `cut`: 200 of them are kept."""
    bad = {"cell_charges": cell_charges(1.0, 0.9, 1.0), "cell_steps": (steps(0.5), steps(0.5), steps(0.9))}
    full: dict[str, Any] = {"to_soc_pct": 100.0, "end_current_a": 2.0, "net_ah": 40.0, "net_s": 12 * 3600.0}
    drawn = islice(charges(random.Random(2), lambda years: 90.0 - 9.0 * years), 260)
    changes = [
        charge_ended(one._replace(**full) if n % 3 == 0 else one, **bad) for n, one in enumerate(drawn)
    ]
    whole, health, made = pack(), pack(), list[Point | tuple[Event, int]]()
    for number, change in enumerate(changes):
        if number % cut == 0:
            text = json.dumps(health.history.to_json(), allow_nan=False)
            assert len(text) < 25_000
            health = PackHealth(SETTINGS, "van-7", PackHistory.from_json(json.loads(text)))
        made += health.take(change)
    assert made == taken(whole, changes)
    assert set(events(made)) >= {"weak_cell", "resistance_high", "current_offset"}
