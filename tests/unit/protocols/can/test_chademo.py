"""CHAdeMO: frames of a public capture and what they say, and each trap of the protocol."""

from typing import Any

import pytest

from telemetry.protocols.can.chademo import CHADEMO
from tests.support.can_protocols import said

FAULTS = (
    *("fault_overvoltage", "fault_undervoltage", "fault_current_deviation"),
    *("fault_overtemperature", "fault_voltage_deviation"),
)
VEHICLE = (
    *("charging_enabled", "not_in_park", "system_fault"),
    *("contactor_open", "stop_before_charging", "discharge_capable"),
)
CHARGER = (
    *("charging", "charger_malfunction", "energized"),
    *("battery_incompatible", "system_malfunction", "stopped"),
)


def flags(names: tuple[str, ...], *on: str) -> dict[str, int]:
    return {name: int(name in on) for name in names}


@pytest.mark.parametrize(
    ("frame", "message", "values"),
    [
        (
            "100 # 00 00 00 00 B3 01 64 00",
            "CHA100",
            {
                "min_current_a": 0,
                "max_current_a": 0,
                "min_voltage_v": 0,
                "max_voltage_v": 435,
                "rate_reference": 100,
            },
        ),
        (
            "101 # 00 FF 3C 00 00 DE 00 00",
            "CHA101",
            {"max_time_min": 60, "estimated_time_min": 0, "capacity_raw": 222},
        ),
        (
            "102 # 02 9A 01 00 00 C8 03 00",
            "CHA102",
            {
                "protocol_number": 2,
                "target_voltage_v": 410,
                "requested_current_a": 0,
                **flags((*FAULTS, *VEHICLE), "contactor_open", "discharge_capable"),
                "charged_rate": 3,
            },
        ),
        (
            "102 # 02 9A 01 0E 00 C1 49 00",
            "CHA102",
            {
                "protocol_number": 2,
                "target_voltage_v": 410,
                "requested_current_a": 14,
                **flags((*FAULTS, *VEHICLE), "charging_enabled", "discharge_capable"),
                "charged_rate": 73,
            },
        ),
        (
            "108 # 01 F4 01 0F B3 01 00 00",
            "CHA108",
            {
                "welding_detection": 1,
                "available_voltage_v": 500,
                "available_current_a": 15,
                "threshold_voltage_v": 435,
            },
        ),
        (
            "109 # 02 F5 01 00 01 24 00 00",
            "CHA109",
            {
                "protocol_number": 2,
                "voltage_v": 501,
                "current_a": 0,
                "discharge_capable": 1,
                **flags(CHARGER, "energized", "stopped"),
                "remaining_10s": 0,
                "remaining_min": 0,
            },
        ),
        (
            "109 # 02 00 00 00 01 20 FF FF",
            "CHA109",
            {
                "protocol_number": 2,
                "voltage_v": 0,
                "current_a": 0,
                "discharge_capable": 1,
                **flags(CHARGER, "stopped"),
            },
        ),
    ],
    ids=["100", "101", "102 first", "102 charging", "108", "109 insulation test", "109 initial"],
)
def test_a_frame_of_a_capture_says_what_was_meant(frame: str, message: str, values: dict[str, Any]) -> None:
    assert said(CHADEMO, frame)[0] == (message, values)
    assert list(said(CHADEMO, frame)[0][1]) == list(values)


def soc_of(*frames: str) -> list[float]:
    modelled = said(CHADEMO, *frames, with_messages=False)
    return [values["soc_pct"] for name, values in modelled if name == "battery"]


@pytest.mark.parametrize(
    ("reference", "rate", "soc_pct"),
    [(100, 73, 73), (80, 40, 50), (200, 180, 90), (240, 12, 5), (255, 51, 20), (18, 9, 50)],
)
def test_the_state_of_charge_is_the_rate_over_its_reference(
    reference: int, rate: int, soc_pct: float
) -> None:
    frames = (f"100 # 00 00 00 00 B3 01 {reference:02X} 00", f"102 # 02 9A 01 0E 00 C1 {rate:02X} 00")
    assert soc_of(*frames) == [soc_pct]


def test_a_rate_without_a_reference_or_over_0_is_no_state_of_charge() -> None:
    rate = "102 # 02 9A 01 0E 00 C1 49 00"
    assert soc_of(rate) == []
    assert soc_of("100 # 00 00 00 00 B3 01 00 00", rate) == []


def test_the_reference_that_came_last_counts() -> None:
    rate = "102 # 02 9A 01 0E 00 C1 32 00"
    assert soc_of("100 # 00 00 00 00 B3 01 F0 00", "100 # 00 00 00 00 B3 01 64 00", rate, rate) == [50, 50]


def test_voltages_are_little_endian_in_whole_volts() -> None:
    """The public DBC of this bus reads 500 V as 624.65 V: Motorola, 0.01 V."""
    assert said(CHADEMO, "108 # 01 F4 01 0F B3 01 00 00")[0][1]["available_voltage_v"] == 500


def test_faults_are_counted_from_the_lowest_bit() -> None:
    faults = said(CHADEMO, "102 # 02 9A 01 00 09 00 49 00")[0][1]
    assert [name for name in FAULTS if faults[name]] == ["fault_overvoltage", "fault_overtemperature"]


def test_currents_of_v2x_are_sent_as_255_less_the_value() -> None:
    assert said(CHADEMO, "200 # F0 00 00 00 2C 01 14 50")[0] == (
        "CHA200",
        {"max_discharge_current_a": 15, "min_voltage_v": 300, "min_level_pct": 20, "max_level_pct": 80},
    )
    assert said(CHADEMO, "208 # FA F4 01 F0 00 00 2C 01")[0] == (
        "CHA208",
        {
            "discharge_current_a": 5,
            "available_voltage_v": 500,
            "available_current_a": 15,
            "threshold_voltage_v": 300,
        },
    )


def test_extensions_and_times_of_discharge_are_read() -> None:
    assert said(CHADEMO, "110 # 02 00 00 00 00 00 00 00", "118 # 05 00 00 00 00 00 00 00") == [
        ("CHA110", {"dynamic_control": 0, "high_current": 1, "high_voltage": 0}),
        ("CHA118", {"dynamic_control": 1, "high_current": 0, "high_voltage": 1}),
    ]
    assert said(CHADEMO, "201 # 02 3C 00 DE 00 00 00 00", "209 # 02 3C 00 00 00 00 00 00") == [
        ("CHA201", {"protocol_number": 2, "remaining_min": 60, "energy_kwh": 22.2}),
        ("CHA209", {"protocol_number": 2, "remaining_min": 60}),
    ]


def test_what_is_asked_and_given_is_of_the_charger() -> None:
    frames = ("102 # 02 9A 01 0E 00 C1 49 00", "109 # 02 F5 01 0E 01 05 00 00")
    assert said(CHADEMO, *frames, with_messages=False) == [
        ("charger", {"requested_voltage_v": 410, "requested_current_a": 14}),
        ("charger", {"voltage_v": 501, "current_a": 14, "power_w": 7014}),
    ]
