"""The data model's table is consistent, and its documentation is printed from it."""

import pytest
from telemetry_core.rows.spec import SlotKind

from telemetry.model.event_codes import EVENT_CODES
from telemetry.model.fields import Kind, Measurement
from telemetry.model.measurements import (
    BATTERY,
    CHARGER,
    CHARGING_CURVE,
    CHARGING_PHASE,
    CHARGING_SESSION,
    EVENT,
    GATEWAY,
    MEASUREMENTS,
    METER,
    TAGS,
    cells_record_spec,
    numbered_field,
    record_spec,
)
from telemetry.rules.map_plan import MAPPED_MEASUREMENTS
from tools.pages.data_model import documentation

# Numbers that have no unit: counts, numbers of things, raw words.
UNITLESS = {
    "battery": {
        *("cell_min_index", "cell_max_index", "cycles", "protection_word", "balance_word"),
        *("packs_present", "packs_total", "alarm_level"),
    },
    "charging_session": {"attempts"},
    "charging_phase": {"attempt"},
    "battery_health": {
        *("charges_used", "resistance_steps", "resistive_cell_index", "resistive_cell_ratio"),
        *("weak_cell_index", "weak_cell_ratio", "weak_cell_sd"),
    },
    "cell_charge": {"qNNN"},
    "battery_use": {"full_cycles"},
    "event": {"level"},
    "gateway": {
        *("offered", "read", "kernel_dropped", "decoded", "absorbed", "unknown", "lost_REASON", "in_flight"),
        "without_signals",
        *("points_made", "points_acknowledged", "points_reduced", "points_evicted", "points_damaged"),
        *("points_dead", "points_waiting_memory", "points_waiting_disk", "points_never_on_disk"),
        *("frames_waiting", "bound_factor", "incomplete_cycles", "log_lines_dropped"),
    },
}


@pytest.mark.parametrize("measurement", MEASUREMENTS.values(), ids=lambda measurement: measurement.name)
def test_every_number_carries_its_unit_in_its_name(measurement: Measurement) -> None:
    numbers = [field for field in measurement.fields if field.kind is Kind.FLOAT]
    unitless = {field.name for field in numbers if not field.unit}
    assert unitless == UNITLESS.get(measurement.name, set())


@pytest.mark.parametrize("measurement", MEASUREMENTS.values(), ids=lambda measurement: measurement.name)
def test_fields_are_named_once_and_tags_are_known(measurement: Measurement) -> None:
    names = [field.name for field in measurement.fields]
    assert len(names) == len(set(names))
    assert set(measurement.tags) <= set(TAGS)
    assert "vehicle" in measurement.tags
    assert not set(names) & {"time", *TAGS}


@pytest.mark.parametrize(
    ("name", "unit"),
    [("voltage_v", "V"), ("remaining_ah", "Ah"), ("energy_wh", "Wh"), ("vNNN", "V"), ("rNNN", "mΩ")],
)
def test_the_unit_is_that_of_the_longest_ending(name: str, unit: str) -> None:
    fields = {field.name: field for measurement in MEASUREMENTS.values() for field in measurement.fields}
    assert fields[name].unit == unit


def test_the_page_marks_what_nothing_writes_yet() -> None:
    """Written is what a `[[map]]` or a device fills, what follows from it, and the service's own."""
    charging = {CHARGING_SESSION.name, CHARGING_PHASE.name, CHARGING_CURVE.name}
    health = {"battery_health", "cell_resistance", "cell_charge", "cell_drift", "battery_use"}
    written = {*MAPPED_MEASUREMENTS, *charging, *health, EVENT.name, GATEWAY.name}
    assert {name for name, measurement in MEASUREMENTS.items() if measurement.is_written} == written
    sections = documentation().split("\n## ")[1:]
    marked = {section.partition("\n")[0] for section in sections if "Not written yet" in section}
    assert marked == MEASUREMENTS.keys() - written


def test_event_codes_keep_their_numbers() -> None:
    numbers = [code.number for code in EVENT_CODES.values()]
    assert len(numbers) == len(set(numbers))
    assert numbers == sorted(numbers)
    assert EVENT_CODES["unclean_stop"].number == 3
    assert EVENT_CODES["bus_off"].number == 20
    assert EVENT_CODES["spool_volatile"].number == 40
    assert EVENT_CODES["cell_overvoltage"].number == 100
    assert EVENT_CODES["bms_fault"].number == 111
    assert EVENT_CODES["balancing_fault"].number == 122
    assert EVENT_CODES["charging_started"].number == 200
    assert EVENT_CODES["pack_swapped"].number == 212
    assert EVENT_CODES["capacity_low"].number == 223


@pytest.mark.parametrize("measurement", [BATTERY, CHARGER, METER], ids=lambda measurement: measurement.name)
def test_a_record_has_a_slot_for_every_number_and_flag(measurement: Measurement) -> None:
    record = record_spec(measurement)
    assert record.measurement == measurement.name
    assert record.modelled
    kinds = {Kind.FLOAT: SlotKind.FLOAT, Kind.BOOL: SlotKind.BOOL}
    expected = [(one.name, kinds[one.kind]) for one in measurement.fields if one.kind is not Kind.TEXT]
    assert [(field.name, field.kind) for field in record.fields] == expected
    assert all(field.passes == (field.kind is SlotKind.BOOL) for field in record.fields)


def test_a_record_of_cells_has_voltages_before_temperatures() -> None:
    record = cells_record_spec(3, 2)
    assert [field.name for field in record.fields] == ["v001", "v002", "v003", "t001", "t002"]
    assert record.modelled


def test_numbers_are_padded_to_three_digits() -> None:
    assert numbered_field("v", 7) == "v007"
    assert numbered_field("t", 123) == "t123"
