"""GB/T 27930: frames of captures and what they say, and each trap of the protocol."""

from typing import Any

import pytest

from telemetry.protocols.can.gbt27930 import GBT27930
from tests.support.can_protocols import rows, said, transfer


def message_of(*frames: str) -> tuple[str, dict[str, Any]]:
    """Return the first thing that the frames say."""
    return said(GBT27930, *frames)[0]


NORMAL = {  # states of a BSM
    **dict.fromkeys(("cell_voltage_state", "soc_state", "current_state", "temperature_state"), 0),
    "insulation_state": 0,
    "connector_state": 0,
    "permitted": 1,
}
EXAMPLES = [
    ("1826F456 # 01 01 00", "CHM", {"version_minor": 1, "version_major": 1}),
    ("182756F4 # A5 10", "BHM", {"max_voltage_v": 426.1}),
    (
        "1801F456 # 00 01 01 01 01 31 32 33",
        "CRM",
        {"recognition": 0, "charger_number": 0x01010101, "region": "123"},
    ),
    (
        "1801F456 # AA 01 01 01 01 31 32 33",
        "CRM",
        {"recognition": 0xAA, "charger_number": 0x01010101, "region": "123"},
    ),
    ("1801F456 # 00 FF FF FF FF FF FF FF", "CRM", {"recognition": 0}),
    (
        "1808F456 # 1C 25 7C 01 DC 05 A0 0F",
        "CML",
        {"max_voltage_v": 950, "min_voltage_v": 38, "max_current_a": -250, "min_current_a": 0},
    ),
    (
        "1808F456 # 88 13 D0 07 F0 0A",
        "CML",
        {"max_voltage_v": 500, "min_voltage_v": 200, "max_current_a": -120},
    ),
    ("100956F4 # 00", "BRO", {"ready": 0}),
    ("100956F4 # AA", "BRO", {"ready": 0xAA}),
    ("100AF456 # AA", "CRO", {"ready": 0xAA}),
    ("181056F4 # A5 10 D8 0E 02", "BCL", {"voltage_v": 426.1, "current_a": -20, "mode": 2}),
    ("181056F4 # D8 0F D0 07 02", "BCL", {"voltage_v": 405.6, "current_a": -200, "mode": 2}),
    ("181056F4 # 74 0E A2 0E 02", "BCL", {"voltage_v": 370, "current_a": -25.4, "mode": 2}),
    (
        "1812F456 # 05 0F 58 0E 00 00 FD",
        "CCS",
        {"voltage_v": 384.5, "current_a": -32.8, "charged_min": 0, "permitted": 1},
    ),
    (
        "1812F456 # 1E 15 83 0F 00 00 FD FF",
        "CCS",
        {"voltage_v": 540.6, "current_a": -2.9, "charged_min": 0, "permitted": 1},
    ),
    ("1812F456 # A2 0D 23 0F 01 00", "CCS", {"voltage_v": 349, "current_a": -12.5, "charged_min": 1}),
    (
        "1812F456 # 3A 11 A0 0F 00 00 FC",
        "CCS",
        {"voltage_v": 441, "current_a": 0, "charged_min": 0, "permitted": 0},
    ),
    (
        "181356F4 # 1E 36 06 35 0F 00 10",
        "BSM",
        {
            "max_cell_number": 31,
            "max_temperature_c": 4,
            "max_temperature_point": 7,
            "min_temperature_c": 3,
            "min_temperature_point": 16,
            **NORMAL,
        },
    ),
    (
        "181356F4 # 42 4B 01 4A 1B 00 D0",
        "BSM",
        {
            "max_cell_number": 67,
            "max_temperature_c": 25,
            "max_temperature_point": 2,
            "min_temperature_c": 24,
            "min_temperature_point": 28,
            **NORMAL,
        },
    ),
    (
        "1807F456 # 36 24 08 16 05 15 20",
        "CTS",
        {"second": 36, "minute": 24, "hour": 8, "day": 16, "month": 5, "year": 2015},
    ),
    (
        "181C56F4 # 4D 4D 01 4E 01 35 36",
        "BSD",
        {
            "soc_pct": 77,
            "min_cell_voltage_v": 3.33,
            "max_cell_voltage_v": 3.34,
            "min_temperature_c": 3,
            "max_temperature_c": 4,
        },
    ),
    (
        "181C56F4 # 06 F4 01 D0 07 32 64",
        "BSD",
        {
            "soc_pct": 6,
            "min_cell_voltage_v": 5,
            "max_cell_voltage_v": 20,
            "min_temperature_c": 0,
            "max_temperature_c": 50,
        },
    ),
    (
        "181DF456 # 00 00 01 00 01 01 01 01",
        "CSD",
        {"charged_min": 0, "energy_kwh": 0.1, "charger_number": 0x01010101},
    ),
    ("181DF456 # 00 00 00 00 FF FF FF FF", "CSD", {"charged_min": 0, "energy_kwh": 0}),
]


@pytest.mark.parametrize(("frame", "message", "values"), EXAMPLES, ids=[f"{e[1]} {e[0]}" for e in EXAMPLES])
def test_a_frame_of_a_capture_says_what_was_meant(frame: str, message: str, values: dict[str, Any]) -> None:
    assert message_of(frame) == (message, values)


def reasons(frame: str) -> set[str]:
    """Return the names of the two-bit signals that are 01."""
    return {name for name, value in message_of(frame)[1].items() if value == 1}


@pytest.mark.parametrize(
    ("frame", "names"),
    [
        ("101AF456 # 04 00 F0 F0", {"stopped_by_person"}),
        ("101956F4 # 40 00 00 00", {"charger_stopped"}),
        ("101956F4 # 01 00 00 00 FF FF FF FF", {"soc_reached"}),
        ("101AF456 # 01 00 00 00 FF FF FF FF", {"condition_reached"}),
        ("101956F4 # 00 00 00 00", set()),
        ("081E56F4 # F4 F0 F0 FC", {"crm_aa_timeout"}),
        ("081E56F4 # F0 F1 F0 FC", {"cts_cml_timeout"}),
        ("081E56F4 # F0 F0 F1 FC", {"ccs_timeout"}),
        ("081FF456 # FC F0 C4 FC", {"bcl_timeout"}),
        ("081FF456 # FC F0 C0 F4", {"bsm_timeout"}),
        ("101956F4 # 00 00 00 10", {"parameter_mismatch"}),
        ("101AF456 # 00 00 50 10", {"self_check_fault", "precharge_fault", "parameter_mismatch"}),
    ],
)
def test_reasons_and_errors_are_counted_from_the_lowest_bits(frame: str, names: set[str]) -> None:
    assert reasons(frame) == names


def test_each_field_of_two_bits_stands_where_the_standard_has_it() -> None:
    """Byte and bit of each, typed from the standard's tables, against the position of the only 01."""
    places = {
        "101956F4": [
            ("soc_reached", 1, 1), ("voltage_reached", 1, 3), ("cell_voltage_reached", 1, 5),
            ("charger_stopped", 1, 7), ("insulation_fault", 2, 1), ("connector_overtemperature", 2, 3),
            ("component_overtemperature", 2, 5), ("connector_fault", 2, 7), ("battery_overtemperature", 3, 1),
            ("relay_fault", 3, 3), ("cc2_fault", 3, 5), ("other_fault", 3, 7), ("current_too_high", 4, 1),
            ("voltage_abnormal", 4, 3), ("parameter_mismatch", 4, 5),
        ],
        "101AF456": [
            ("condition_reached", 1, 1), ("stopped_by_person", 1, 3), ("fault", 1, 5),
            ("vehicle_stopped", 1, 7),
            ("charger_overtemperature", 2, 1), ("connector_fault", 2, 3), ("internal_overtemperature", 2, 5),
            ("energy_not_deliverable", 2, 7), ("emergency_stop", 3, 1), ("other_fault", 3, 3),
            ("self_check_fault", 3, 5), ("precharge_fault", 3, 7), ("current_mismatch", 4, 1),
            ("voltage_abnormal", 4, 3), ("parameter_mismatch", 4, 5),
        ],
        "081E56F4": [
            ("crm_00_timeout", 1, 1), ("crm_aa_timeout", 1, 3), ("cts_cml_timeout", 2, 1),
            ("cro_timeout", 2, 3),
            ("ccs_timeout", 3, 1), ("cst_timeout", 3, 3), ("csd_timeout", 4, 1),
        ],
        "081FF456": [
            ("brm_timeout", 1, 1), ("bcp_timeout", 2, 1), ("bro_timeout", 2, 3), ("bcs_timeout", 3, 1),
            ("bcl_timeout", 3, 3), ("bst_timeout", 3, 5), ("bsd_timeout", 4, 1), ("bsm_timeout", 4, 3),
        ],
    }  # fmt: skip
    frames = [
        f"{id}#{(1 << (8 * byte - 9 + bit)).to_bytes(4, 'little').hex()}"
        for id, fields in places.items()
        for _, byte, bit in fields
    ]
    rows = [values for message, values in said(GBT27930, *frames) if message in ("BST", "CST", "BEM", "CEM")]
    names = [name for fields in places.values() for name, *_ in fields]
    assert [[name for name, value in row.items() if value == 1] for row in rows] == [[name] for name in names]
    assert len(names) == 45


def test_brm_of_2015_comes_by_transport_with_its_vin() -> None:
    frames = [
        "1CEC56F4 # 10 31 00 07 FF 00 02 00",
        "1CECF456 # 11 07 01 FF FF 00 02 00",
        "1CEB56F4 # 01 01 01 00 03 F0 05 40",
        "1CEB56F4 # 02 0E 01 00 00 00 01 00",
        "1CEB56F4 # 03 00 00 63 0B 08 95 00",
        "1CEB56F4 # 04 00 01 FF 4C 31 4E 53",
        "1CEB56F4 # 05 50 47 48 39 38 4E 41",
        "1CEB56F4 # 06 30 30 30 30 30 30 00",
        "1CEB56F4 # 07 01 04 E7 07 FF FF 00",
        "1CECF456 # 13 31 00 07 FF 00 02 00",
    ]
    message, modelled = rows(GBT27930, frames)
    assert message["message"] == "BRM"
    assert message["id"][2:] == "0256F4"
    assert list(message["signals"].items()) == [
        ("version_minor", 1),
        ("version_major", 1),
        ("battery_type", 3),
        ("rated_capacity_ah", 152),
        ("rated_voltage_v", 364.8),
        ("manufacturer", "?"),
        ("pack_serial", 1),
        ("production_year", 2084),
        ("production_month", 11),
        ("production_day", 8),
        ("charge_count", 149),
        ("ownership", 1),
        ("vin", "L1NSPGH98NA000000"),
        ("software_serial", 0),
        ("software_day", 1),
        ("software_month", 4),
        ("software_year", 2023),
    ]
    assert (modelled["message"], modelled["signals"]) == ("battery", {"capacity_ah": 152})


def test_bcp_comes_by_transport() -> None:
    assert said(GBT27930, *transfer(0x0600, "72 01 DA 05 2A 02 A5 10 73 08 03 C6 0E")) == [
        (
            "BCP",
            {
                "max_cell_voltage_v": 3.7,
                "max_current_a": -250.2,
                "nominal_energy_kwh": 55.4,
                "max_voltage_v": 426.1,
                "max_temperature_c": 65,
                "soc_pct": 77.6,
                "pack_voltage_v": 378.2,
            },
        )
    ]


@pytest.mark.parametrize(
    ("payload", "values"),
    [
        ("C5 0E A0 0F 4C 61 4D 00 00", (378.1, 0, 3.32, 6, 77, 0)),
        ("FE 0E 5A 0E 51 41 4D 2B 00", (383.8, -32.6, 3.37, 4, 77, 43)),
        ("92 0D A0 0F 6A 71 22 58 02", (347.4, 0, 3.62, 7, 34, 600)),
        ("AB 0D A7 0F 6C 41 23 54 00", (349.9, 0.7, 3.64, 4, 35, 84)),
    ],
)
def test_the_cell_voltage_of_bcs_has_12_bits_and_its_group_4(payload: str, values: tuple[float, ...]) -> None:
    names = (
        "voltage_v", "current_a", "max_cell_voltage_v", "max_cell_group", "soc_pct", "remaining_min"
    )  # fmt: skip
    message, modelled = said(GBT27930, *transfer(0x1100, payload))
    assert message == ("BCS", dict(zip(names, values, strict=True)))
    assert modelled[0] == "battery"
    assert modelled[1]["current_a"] == -values[1]
    assert (modelled[1]["voltage_v"], modelled[1]["cell_max_v"]) == (values[0], values[2])
