"""What VE.Direct text means in the data model."""

import pytest
from telemetry_core.serial.framing import TextFraming, ValueForm

from telemetry.model.event_codes import EVENT_CODES, Level
from telemetry.protocols.serial.vedirect import VEDIRECT
from tests.support.framing import frames_of, vedirect_block
from tests.support.serial_rows import alarms_of, rows_of

# As the protocol lists them.
LABELS = (
    *("V", "V2", "V3", "VS", "VM", "DM", "I", "I2", "I3", "IL", "VPV", "PPV", "T", "P", "CE", "SOC", "TTG"),
    *("Alarm", "Relay", "LOAD", "AR", "WARN", "OR", "CS", "MPPT", "ERR", "HSDS", "MODE", "MON"),
    *("AC_OUT_V", "AC_OUT_I", "AC_OUT_S", "PID", "FW", "FWE", "SER#", "BMV"),
    *(f"H{number}" for number in range(1, 24)),
)
MONITOR = {
    "PID": "0x203",
    "V": "26201",
    "I": "-1520",
    "P": "-40",
    "CE": "-13100",
    "SOC": "876",
    "TTG": "-1",
    "Alarm": "OFF",
    "Relay": "OFF",
    "AR": "0",
    "BMV": "700",
    "FW": "0307",
    "T": "-7",
}
HISTORY = {"H1": "-102738", "H4": "3", "H7": "10420", "H17": "2", "H18": "5"}
SOLAR = {
    "PID": "0xA053",
    "FW": "150",
    "SER#": "HQ1",
    "V": "13180",
    "I": "7400",
    "VPV": "36000",
    "PPV": "99",
    "CS": "3",
    "MPPT": "2",
    "ERR": "0",
    "LOAD": "ON",
    "H19": "456",
    "H20": "45",
    "HSDS": "7",
}
INVERTER = {"PID": "0xA231", "FW": "0119", "MODE": "2", "CS": "9", "V": "12850", "AR": "0", "WARN": "0"}
METER = {"PID": "0xA389", "V": "13000", "I": "5000", "P": "65", "SOC": "---", "AR": "0", "MON": "-9"}


def test_every_label_of_the_protocol_is_known() -> None:
    assert isinstance(VEDIRECT.framing, TextFraming)
    assert {label.name for label in VEDIRECT.framing.labels} == set(LABELS)
    framer = VEDIRECT.make_framer()
    assert framer.counts()["unknown_labels"] == 0
    without_number = [label.name for label in VEDIRECT.framing.labels if label.form is ValueForm.NONE]
    assert without_number == ["FW", "FWE", "SER#", "BMV"]


def test_a_battery_monitor_fills_battery_and_cells() -> None:
    assert rows_of(VEDIRECT, vedirect_block(MONITOR)) == [
        ("cells", {"t001": -7.0}),
        (
            "battery",
            {
                "voltage_v": 26.201,
                "current_a": -1.52,
                "power_w": -40.0,
                "soc_pct": 87.6,
                "charging": False,
                "discharging": True,
                "temp_min_c": -7.0,
                "temp_max_c": -7.0,
            },
        ),
    ]


def test_a_monitor_that_measures_one_source_or_load_is_a_meter_and_no_battery() -> None:
    row = ("meter", {"voltage_v": 13.0, "current_a": 5.0, "power_w": 65.0})
    assert rows_of(VEDIRECT, vedirect_block(METER)) == [row]
    assert rows_of(VEDIRECT, vedirect_block({**METER, "MON": "8"})) == [row]


def test_a_monitor_that_says_it_measures_the_battery_is_none() -> None:
    ((measurement, row),) = rows_of(VEDIRECT, vedirect_block({**METER, "MON": "0"}))
    assert (measurement, row["current_a"], row["charging"]) == ("battery", 5.0, True)


def test_the_history_of_a_meter_is_its_energy() -> None:
    rows = rows_of(VEDIRECT, vedirect_block(METER) + vedirect_block({"H7": "12000", "H17": "3", "H18": "1"}))
    assert rows[1:] == [("meter", {"energy_wh": 30.0, "energy_reverse_wh": 10.0})]


@pytest.mark.parametrize("after", [{**METER, "MON": "0"}, {**MONITOR, "T": "---"}])
def test_a_meter_is_one_until_it_says_otherwise_or_another_device_comes(after: dict[str, str]) -> None:
    blocks = vedirect_block(METER) + vedirect_block(after) + vedirect_block(HISTORY)
    assert [measurement for measurement, _ in rows_of(VEDIRECT, blocks)] == ["meter", "battery", "battery"]


def test_alarms_of_a_meter_are_events() -> None:
    assert alarms_of(VEDIRECT, vedirect_block({**METER, "AR": "2"})) == ["pack_overvoltage"]


def test_each_block_of_a_device_that_splits_its_values_is_a_row_of_what_it_has() -> None:
    rows = rows_of(VEDIRECT, vedirect_block(MONITOR) + vedirect_block(HISTORY))
    assert rows[2:] == [("battery", {"cycles": 3.0})]


def test_a_solar_charger_fills_charger() -> None:
    ((measurement, row),) = rows_of(VEDIRECT, vedirect_block(SOLAR))
    assert measurement == "charger"
    assert {name: row[name] for name in ("voltage_v", "current_a", "energy_wh")} == {
        "voltage_v": 13.18,
        "current_a": 7.4,
        "energy_wh": 4560.0,
    }
    assert row["power_w"] == pytest.approx(13.18 * 7.4, abs=1e-6)
    assert row["phase"] == "bulk"


def test_a_state_of_operation_that_nobody_knows_is_no_phase() -> None:
    ((_, row),) = rows_of(VEDIRECT, vedirect_block(SOLAR | {"CS": "99"}))
    assert "phase" not in row


def test_what_a_block_does_not_have_is_absent_and_not_zero() -> None:
    assert rows_of(VEDIRECT, vedirect_block({"SOC": "1000"})) == [("battery", {"soc_pct": 100.0})]
    assert rows_of(VEDIRECT, vedirect_block({"CE": "-5"})) == []


def test_a_block_of_every_label_is_one_frame_of_what_they_say() -> None:
    assert isinstance(VEDIRECT.framing, TextFraming)
    numbers = VEDIRECT.framing.numbers
    texts = {ValueForm.INTEGER: "-{}", ValueForm.HEX: "0x{:X}", ValueForm.SWITCH: "ON"}
    block = vedirect_block([(label.name, texts[label.form].format(n)) for n, label in enumerate(numbers)])
    (frame,) = frames_of(VEDIRECT, block)
    mask_bytes = (len(numbers) + 7) // 8
    assert int.from_bytes(frame.data[:mask_bytes], "little") == (1 << len(numbers)) - 1
    assert len(frame.data) == mask_bytes + 4 * len(numbers)


@pytest.mark.parametrize(
    ("bit", "codes"),
    [
        (0, ["pack_undervoltage"]),
        (1, ["pack_overvoltage"]),
        (2, ["soc_low"]),
        (3, []),
        (5, ["undertemperature"]),
        (6, ["overtemperature"]),
        (7, ["cell_imbalance"]),
        (8, ["overload"]),
        (12, ["short_circuit"]),
        (13, ["switch_locked"]),
    ],
)
def test_alarm_reasons_are_events(bit: int, codes: list[str]) -> None:
    assert alarms_of(VEDIRECT, vedirect_block({**MONITOR, "AR": str(1 << bit)})) == codes
    assert alarms_of(VEDIRECT, vedirect_block({**INVERTER, "AR": str(1 << bit)})) == codes
    assert alarms_of(VEDIRECT, vedirect_block({**INVERTER, "WARN": str(1 << bit)})) == codes


def test_what_an_inverter_warns_of_is_a_warning_and_its_alarms_are_what_the_vocabulary_says() -> None:
    entries = [entry for entry in VEDIRECT.map_entries("port") if entry.to == "event.overtemperature"]
    levels = {entry.signal: entry.level for entry in entries if entry.bit is not None}
    assert levels == {
        "VedirectMonitor.AR": None,
        "VedirectCharger.AR": None,
        "VedirectMeter.AR": None,
        "VedirectCharger.WARN": "warning",
    }
    assert EVENT_CODES["overtemperature"].level is Level.CRITICAL


@pytest.mark.parametrize(
    ("number", "codes"),
    [
        (0, []),
        (2, ["pack_overvoltage"]),
        (17, ["overtemperature"]),
        (18, ["charge_overcurrent"]),
        (19, ["charger_fault"]),
        (20, ["charge_timeout"]),
        (21, ["sensor_fault"]),
        (26, ["overtemperature"]),
        (28, ["charger_fault"]),
        (33, ["input_fault"]),
        (34, ["input_fault"]),
        (38, ["input_fault"]),
        (39, ["input_fault"]),
        (65, ["communication_lost"]),
        (68, ["communication_lost"]),
        (119, ["charger_fault"]),
        (999, []),
    ],
)
def test_errors_of_a_charger_are_events(number: int, codes: list[str]) -> None:
    assert alarms_of(VEDIRECT, vedirect_block({**SOLAR, "ERR": str(number)})) == codes


def test_a_device_that_talks_by_itself_is_not_asked() -> None:
    assert VEDIRECT.requests == ()
    assert VEDIRECT.baud_rate == 19200
