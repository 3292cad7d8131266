"""What VE.Direct's text and HEX messages mean: published examples, each trap, and a simulated charger."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.serial.framing import TextFraming, ValueForm

from firmware_sim.ecus.solar import SolarCharger
from firmware_sim.wire.vedirect import hex_message, register_value, text_block
from telemetry.framing.framer import MessageFramer
from telemetry.model.event_codes import EVENT_CODES, Level
from telemetry.protocols.serial.vedirect import VEDIRECT
from telemetry.protocols.serial.vedirect_hex import VEDIRECT_HEX, get, request
from tests.support.framing import feed_pieces, frames_of, pieces_of, vedirect_block
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


def answer(register: int, value: bytes, *, command: int = 7, flags: int = 0) -> bytes:
    return hex_message(command, register.to_bytes(2, "little") + bytes((flags,)) + value)


def framed(data: bytes, *sent: bytes) -> MessageFramer:
    framer, frames = VEDIRECT_HEX.make_framer(), FrameBatch(4096)
    assert isinstance(framer, MessageFramer)
    for asked in sent:
        framer.sent(asked, frames)
    framer.feed(data, 1, frames)
    return framer


@pytest.mark.parametrize(
    ("asked", "text"),
    [(get(0x1000), b":70010003E\n"), (get(0xEDD5), b":7D5ED008C\n"), (request(1), b":154\n")],
)
def test_requests_are_the_published_ones_and_their_echoes_no_values(asked: bytes, text: bytes) -> None:
    assert asked == text
    assert framed(text).counts()["echoes"] == 1
    assert rows_of(VEDIRECT_HEX, text) == []


@pytest.mark.parametrize("in_case", [bytes.upper, bytes.lower])
def test_published_answers_are_read_in_capitals_and_in_small_letters(
    in_case: Callable[[bytes], bytes],
) -> None:
    assert rows_of(VEDIRECT_HEX, in_case(b":7001000C80076\n")) == [("battery", {"capacity_ah": 200.0})]
    assert rows_of(VEDIRECT_HEX, in_case(b":7D5ED00C40ABE\n")) == [("charger", {"voltage_v": 27.56})]


@pytest.mark.parametrize(
    ("register", "value", "measurement", "field", "expected"),
    [
        (0xEDD5, b"\xff\xff", "charger", "voltage_v", 655.35),
        (0xEDD7, b"\xc8\x00", "charger", "current_a", 20.0),
        (0xEDDB, b"\x18\xfc", "charger", "temp_c", -10.0),
        (0x0201, b"\x03", "charger", "phase", "bulk"),
        (0x0201, b"\xf5", "charger", "phase", "starting"),
        (0xED8D, b"\xe2\x04", "battery", "voltage_v", 12.5),
        (0xED8D, b"\xff\xff", "battery", "voltage_v", -0.01),
    ],
)
@pytest.mark.parametrize("command", [7, 0xA])
def test_registers_fill_their_fields(
    register: int, value: bytes, measurement: str, field: str, expected: float | str, command: int
) -> None:
    rows = dict(rows_of(VEDIRECT_HEX, answer(register, value, command=command)))
    assert rows[measurement][field] == expected


def test_a_sense_that_is_not_linked_is_absent() -> None:
    assert rows_of(VEDIRECT_HEX, answer(0xEDEC, b"\xff\xff")) == []
    cells = dict(rows_of(VEDIRECT_HEX, answer(0xEDEC, (26315).to_bytes(2, "little"))))["cells"]
    assert cells == {"t001": -10.0}


@pytest.mark.parametrize(
    ("said", "count"),
    [
        (answer(0xEDD5, b"", flags=1), "lost/error_reply"),
        (answer(0xEDD5, b"", flags=2), "lost/error_reply"),
        (b":4AAAAFD\n", "lost/error_reply"),
        (b":3064C\n", "lost/error_reply"),
        (b":7D5ED00C40ABF\n", "lost/bad_checksum"),
        (answer(0xEDD5, b"\0\0\0\0"), "lost/bad_length"),
        (hex_message(8, b"\x00\x02\x00\x04"), "other_messages"),
    ],
)
def test_what_says_no_value_is_counted_by_its_reason(said: bytes, count: str) -> None:
    assert rows_of(VEDIRECT_HEX, said) == []
    assert framed(said).counts()[count] == 1


def test_an_unknown_register_is_a_message_that_nobody_knows() -> None:
    frames = feed_pieces(VEDIRECT_HEX.make_framer(), [answer(0x1234, b"\x01")])
    known = {message.id for message in VEDIRECT_HEX.messages}
    assert [frame.id in known for frame in frames] == [False]


@pytest.mark.parametrize("last", [b"\n", b"\xfe", b"\r\n", b""])
def test_a_message_ends_at_anything_that_is_no_digit(last: bytes) -> None:
    said = b":7D5ED00C40ABE" + last + b":7001000C80076\n"
    assert len(rows_of(VEDIRECT_HEX, said)) == 2


def test_a_device_says_its_product_and_firmware() -> None:
    assert framed(b":5644 1AB\n".replace(b" ", b"")).identity() == {"firmware": "1.64"}
    assert framed(hex_message(1, b"\x58\xa0"), request(4)).identity() == {"product": "0xA058"}
    assert framed(hex_message(1, b"\x64\x41"), request(3)).identity() == {"firmware": "1.64"}
    assert framed(hex_message(1, b"\x64\x41")).identity() == {}


def test_registers_of_a_simulated_charger_come_back() -> None:
    solar = SolarCharger(900.0, 1, 15.0)
    solar.battery_v, solar.charger.current_a, solar.charger.temperature_c = 55.4, 34.9, -3.25
    said = b""
    for register in (0xEDD5, 0xEDD7, 0xEDDB):
        value = register_value(solar.readings(), register)
        assert value is not None
        said += answer(register, value)
    merged: dict[str, object] = {}
    for measurement, values in rows_of(VEDIRECT_HEX, said):
        assert measurement == "charger"
        merged.update(values)
    assert merged == {"voltage_v": 55.4, "current_a": 34.9, "temp_c": -3.25, "power_w": 1933.46}


@given(data=st.data(), cuts=st.lists(st.integers(0, 600), max_size=8))
def test_messages_anywhere_in_text_are_found_and_the_text_stays_whole(
    data: st.DataObject, cuts: list[int]
) -> None:
    block = text_block(SolarCharger(900.0, 1, 15.0).readings())
    message = answer(0xEDD5, b"\xc4\x0a")
    at = data.draw(st.sampled_from([*range(1, len(block) - 1), len(block)]))  # not before the checksum
    stream = block[:at] + message + block[at:] + block
    frames = feed_pieces(VEDIRECT_HEX.make_framer(), pieces_of(stream, cuts))
    assert len(frames) == 1
    assert len(feed_pieces(VEDIRECT.make_framer(), pieces_of(stream, cuts))) == 2
    framer = VEDIRECT_HEX.make_framer()
    feed_pieces(framer, pieces_of(stream, cuts))
    counts = framer.counts()
    assert counts["padding_bytes"] == len(stream) - len(message)
    assert counts["garbage_bytes"] == 0


def test_a_checksum_that_is_a_colon_begins_no_message() -> None:
    # 0x3A as the last byte of a block, then the next block.
    stream = b"\r\nChecksum\t:\r\nV\t13180\r\n:7001000C80076\n"
    assert rows_of(VEDIRECT_HEX, stream) == [("battery", {"capacity_ah": 200.0})]
