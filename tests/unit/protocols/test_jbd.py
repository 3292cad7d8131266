"""What a JBD's replies mean in the data model."""

import pytest
from telemetry_core.decode.decoder import Decoder
from telemetry_core.decode.plan import Plan
from telemetry_core.decode.spec import PlanSpec
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema

from telemetry.model.event_codes import EVENT_CODES
from telemetry.protocols.serial.jbd import BASIC, CELLS, JBD, MODEL, request
from tests.support.framing import frames_of, jbd_message
from tests.support.reference_decoder import ReferenceDecoder
from tests.support.serial_rows import Value, alarms_of, rows_of

# The vendor's own example of a reply to 0x03.
EXAMPLE = bytes.fromhex("DD03001F19DFF8240DA50FA00002249100000000000012570311040B980BA90B960B97F89A77")


def basic(
    *,
    current: int = 0,
    balance: tuple[int, int] = (0, 0),
    protection: int = 0,
    switches: int = 3,
    temperatures: tuple[int, ...] = (),
    tail: bytes = b"",
) -> bytes:
    """Return a reply to 0x03: 26.56 V, 50 of 100 Ah."""
    words = (2656, current % 65536, 5000, 10000, 7, 0, *balance, protection)
    data = b"".join(word.to_bytes(2, "big") for word in words)
    data += bytes((0x21, 50, switches, 8, len(temperatures)))
    data += b"".join(raw.to_bytes(2, "big") for raw in temperatures)
    return jbd_message(BASIC, data + tail)


def battery(message: bytes) -> dict[str, Value]:
    return dict(rows_of(JBD, message))["battery"]


def cells(message: bytes) -> dict[str, Value]:
    return dict(rows_of(JBD, message)).get("cells", {})


def test_the_vendors_example_of_a_sum_is_read_and_no_other_sum_is() -> None:
    """From the status on its bytes add to 0x0401, and 0x10000 less that is 0xFBFF."""
    covered = "001B170000 0002D003E800002078000000000000 1048030F020B760B82"
    assert sum(bytes.fromhex(covered)) == 0x0401
    found = battery(bytes.fromhex(f"DD03{covered}FBFF77"))
    assert (found["voltage_v"], found["current_a"], found["soc_pct"]) == (58.88, 0.0, 72.0)
    assert (found["remaining_ah"], found["capacity_ah"]) == (7.2, 10.0)
    assert (found["temp_min_c"], found["temp_max_c"]) == (20.3, 21.5)
    assert rows_of(JBD, bytes.fromhex(f"DD03{covered}FBFE77")) == []


def test_the_vendors_example_is_read() -> None:
    assert rows_of(JBD, EXAMPLE) == [
        ("cells", {"t001": 23.7, "t002": 25.4, "t003": 23.5, "t004": 23.6}),
        (
            "battery",
            {
                "voltage_v": 66.23,
                "current_a": -20.12,
                "power_w": pytest.approx(66.23 * -20.12, abs=1e-4),
                "soc_pct": 87.0,
                "remaining_ah": 34.93,
                "capacity_ah": 40.0,
                "cycles": 2.0,
                "charging": False,
                "discharging": True,
                "charge_enabled": True,
                "discharge_enabled": True,
                "balancing": False,
                "protection_word": 0.0,
                "balance_word": 0.0,
                "temp_min_c": 23.5,
                "temp_max_c": 25.4,
            },
        ),
    ]


def test_the_vendors_check_of_a_reply_is_right() -> None:
    data = EXAMPLE[4:-3]
    assert jbd_message(BASIC, data) == EXAMPLE


@pytest.mark.parametrize(
    ("register", "wire"),
    [(BASIC, "DDA50300FFFD77"), (CELLS, "DDA50400FFFC77"), (MODEL, "DDA50500FFFB77")],
)
def test_requests_are_those_of_the_vendor(register: int, wire: str) -> None:
    assert request(register) == bytes.fromhex(wire)
    assert [one.reply_id for one in JBD.requests if one.data == request(register)] == [register]


def test_a_request_that_is_not_made_would_be_the_vendors_too() -> None:
    assert request(0xAA) == bytes.fromhex("DDA5AA00FF5677")  # the protection counters


def test_an_acknowledgement_of_a_write_is_a_good_message_of_no_meaning() -> None:
    acknowledgement = bytes.fromhex("DDE10000000077")  # as captured: the sum of nothing is 0
    assert [frame.id for frame in frames_of(JBD, acknowledgement + EXAMPLE)] == [0xE1, BASIC]
    assert rows_of(JBD, acknowledgement) == []


def test_nothing_is_ever_written() -> None:
    assert all(one.to(0)[1] == 0xA5 for one in JBD.requests)


@pytest.mark.parametrize(
    ("raw", "amperes", "charging", "discharging"),
    [
        (1234, 12.34, True, False),
        (-2012, -20.12, False, True),
        (0, 0.0, False, False),
        (-32768, -327.68, False, True),
    ],
)
def test_current_is_positive_into_the_battery(
    raw: int, amperes: float, charging: bool, discharging: bool
) -> None:
    row = battery(basic(current=raw))
    assert (row["current_a"], row["charging"], row["discharging"]) == (amperes, charging, discharging)


@pytest.mark.parametrize(
    ("raw", "celsius"), [(2731, 0.0), (2721, -1.0), (2331, -40.0), (2732, 0.1), (3531, 80.0)]
)
def test_temperatures_go_below_zero(raw: int, celsius: float) -> None:
    assert cells(basic(temperatures=(raw,))) == {"t001": celsius}


def test_no_sensor_gives_no_temperature() -> None:
    row = battery(basic())
    assert cells(basic()) == {}
    assert not {"temp_min_c", "temp_max_c"} & row.keys()


@pytest.mark.parametrize("raw", [0, 0xFFFF])
def test_a_lost_sensor_leaves_a_gap(raw: int) -> None:
    message = basic(temperatures=(2981, raw, 2781))
    assert cells(message) == {"t001": 25.0, "t003": 5.0}
    row = battery(message)
    assert (row["temp_min_c"], row["temp_max_c"]) == (5.0, 25.0)


def test_lost_sensors_alone_give_no_temperature() -> None:
    message = basic(temperatures=(0, 0xFFFF))
    assert cells(message) == {}
    assert not {"temp_min_c", "temp_max_c"} & battery(message).keys()


def test_a_lost_sensor_is_counted_as_not_available() -> None:
    spec = PlanSpec(JBD.records, (JBD.bus("port"),))
    schema = Schema(spec.records)
    decoder = Decoder(Plan(spec, schema))
    decoder.bind(0, 0, 0)
    frames, samples = FrameBatch(64), SampleBatch(schema)
    JBD.make_framer().feed(basic(temperatures=(0, 2981, 0xFFFF)), 10**18, frames)
    decoder.decode(frames, samples)
    assert decoder.omitted()["not_available"] == 2


def test_what_newer_firmware_appends_is_no_temperature() -> None:
    message = basic(temperatures=(2981, 2982), tail=bytes.fromhex("000027101388"))
    assert cells(message) == {"t001": 25.0, "t002": 25.1}


def test_the_switches_are_two_flags() -> None:
    flags = [
        (battery(basic(switches=bits))["charge_enabled"], battery(basic(switches=bits))["discharge_enabled"])
        for bits in (0, 1, 2, 3)
    ]
    assert flags == [(False, False), (True, False), (False, True), (True, True)]


@pytest.mark.parametrize(
    ("words", "number"), [((0, 0), 0), ((0x0005, 0), 5), ((0, 0x8000), 0x80000000), ((1, 1), 0x10001)]
)
def test_bit_n_of_the_balance_word_is_cell_n_plus_one(words: tuple[int, int], number: int) -> None:
    row = battery(basic(balance=words))
    assert row["balance_word"] == number
    assert row["balancing"] == (number != 0)


@pytest.mark.parametrize("count", [1, 4, 15, 16, 17, 32])
def test_cells_are_counted_by_the_length_of_the_reply(count: int) -> None:
    millivolts = [3300 + number for number in range(count)]
    message = jbd_message(CELLS, b"".join(value.to_bytes(2, "big") for value in millivolts))
    rows = dict(rows_of(JBD, message))
    assert rows["cells"] == {f"v{n + 1:03d}": value / 1000 for n, value in enumerate(millivolts)}
    assert rows["battery"] == {
        "cell_min_v": 3.3,
        "cell_max_v": (3299 + count) / 1000,
        "cell_delta_v": (count - 1) / 1000,
        "cell_min_index": 1,
        "cell_max_index": count,
    }


def test_zero_cells_past_the_last_are_absent() -> None:
    message = jbd_message(CELLS, bytes.fromhex("0CE40CE500000000"))
    assert cells(message) == {"v001": 3.3, "v002": 3.301}


def test_the_model_text_is_known_and_gives_no_row() -> None:
    message = jbd_message(MODEL, b"JBD-SP04S020")
    assert [frame.id for frame in frames_of(JBD, message)] == [MODEL]
    assert rows_of(JBD, message) == []


def test_the_model_text_names_the_device() -> None:
    framer, frames = JBD.make_framer(), FrameBatch(64)
    assert framer.identity() == {}
    framer.feed(jbd_message(MODEL, b"JBD-SP04S020\x00") + EXAMPLE, 0, frames)
    assert framer.identity() == {"model": "JBD-SP04S020"}
    framer.feed(jbd_message(MODEL, b"M" * 200), 0, frames)
    assert framer.identity() == {"model": "M" * 64}
    framer.feed(jbd_message(MODEL, b""), 0, frames)
    assert framer.identity() == {}


@pytest.mark.parametrize(
    ("bit", "code"),
    list(
        enumerate(
            (
                *("cell_overvoltage", "cell_undervoltage", "pack_overvoltage", "pack_undervoltage"),
                *("charge_overtemperature", "charge_undertemperature"),
                *("discharge_overtemperature", "discharge_undertemperature"),
                *("charge_overcurrent", "discharge_overcurrent", "short_circuit"),
                *("bms_fault", "switch_locked", "charge_timeout"),
            )
        )
    ),
)
def test_each_protection_bit_is_an_event(bit: int, code: str) -> None:
    assert alarms_of(JBD, basic(protection=1 << bit)) == [code]
    assert code in EVENT_CODES
    assert battery(basic(protection=1 << bit))["protection_word"] == 1 << bit


def test_several_protections_are_several_events() -> None:
    assert alarms_of(JBD, basic(protection=0b11)) == ["cell_overvoltage", "cell_undervoltage"]
    assert alarms_of(JBD, basic()) == []


def test_the_table_decodes_alike_in_the_readable_decoder() -> None:
    spec = PlanSpec(JBD.records, (JBD.bus("port"),))
    reference = ReferenceDecoder(spec)
    reference.bind(0, 0, 0)
    (row,) = reference.decode(frames_of(JBD, EXAMPLE))
    assert (row.raw["voltage"], row.raw["current"]) == (6623, -2012)
    assert (row.raw["software_major"], row.raw["software_minor"]) == (1, 2)
    date = [row.raw[f"production_{part}"] for part in ("year", "month", "day")]
    assert date == [2018 - 2000, 4, 17]
    assert (row.raw["cell_count"], row.raw["sensor_count"]) == (17, 4)
