"""What a Daly's A5 frames and registers mean: the worked examples, each trap, and the simulated boards."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_core.frames.batch import FrameBatch

from firmware_sim.wire import daly as wire
from firmware_sim.wire import modbus_registers as registers
from firmware_sim.wire.readings import Readings
from telemetry.protocols.serial.daly import ALARMS, CELLS, DALY, PACK, STATUS, TEMPERATURES, request
from telemetry.protocols.serial.daly_modbus import DALY_MODBUS
from tests.support.examples import examples
from tests.support.framing import feed_pieces, frames_of
from tests.support.moments import readings
from tests.support.serial_rows import alarms_of, rows_of, values_of

PACK_EXAMPLE = bytes.fromhex("A5019008020C000074B50283FA")
SWITCHES_EXAMPLE = bytes.fromhex("A50193080101014D0002C01A6D")
CELLS_EXAMPLE = bytes.fromhex("A5019508010CE50CE60CE30016A5019508020CE4000000000035")


def part(id: int, number: int, *values: int, address: int = 1) -> bytes:
    size = 2 if id == CELLS else 1
    data = bytes((number,)) + b"".join(value.to_bytes(size, "big") for value in values)
    return wire.frame(address, id, data.ljust(8, b"\x00"))


def status(cells: int, sensors: int, address: int = 1) -> bytes:
    return wire.frame(address, STATUS, bytes((cells, sensors, 1, 1, 0, 0, 7, 0)))


def cells_of(data: bytes) -> list[list[float]]:
    return [
        [float(value) for name, value in row.items() if name.startswith("v")]
        for measurement, row in rows_of(DALY, data)
        if measurement == "cells"
    ]


def test_the_worked_examples_are_read() -> None:
    assert values_of(DALY, PACK_EXAMPLE) == {
        "voltage_v": 52.4,
        "current_a": 12.3,
        "power_w": pytest.approx(52.4 * 12.3),
        "soc_pct": 64.3,
        "charging": True,
        "discharging": False,
    }
    assert values_of(DALY, SWITCHES_EXAMPLE) == {
        "remaining_ah": 180.25,
        "charge_enabled": True,
        "discharge_enabled": True,
    }
    assert cells_of(CELLS_EXAMPLE) == [[3.301, 3.302, 3.299, 3.3]]


def test_the_highest_and_lowest_cell_are_those_of_the_cells_beside_them() -> None:
    older = wire.frame(1, 0x91, bytes.fromhex("10680104000200AA"))  # 4.2 V and 1.024 V
    found = values_of(DALY, older + CELLS_EXAMPLE)
    assert (found["cell_max_v"], found["cell_max_index"]) == (3.302, 2)
    assert (found["cell_min_v"], found["cell_min_index"]) == (3.299, 3)


def test_a_request_is_that_of_the_document_and_filled_so_that_it_has_edges() -> None:
    assert request(PACK, 1) == bytes.fromhex("A5409008" + "AA" * 8 + "CD")
    assert request(PACK, 3)[1] == 0x42
    assert request(PACK, 1) == wire.request(wire.PACK)


def test_nothing_but_reads_is_ever_sent() -> None:
    assert {one.to(1)[2] for one in DALY.requests} <= {*range(0x90, 0x99), 0x50, 0x53, 0x57}


def test_requests_on_the_line_are_echoes_whoever_sends_them() -> None:
    framer = DALY.make_framer()
    requests = [wire.frame(master, PACK, bytes(8)) for master in (0x40, 0x80, 0x20, 0x4F)]
    frames = feed_pieces(framer, [*requests, PACK_EXAMPLE])
    assert len(frames) == 1
    assert framer.counts()["echoes"] == 4


def test_start_bytes_within_data_cost_nothing() -> None:
    awkward = wire.frame(1, PACK, b"\xa5" * 8)
    assert [frame.data for frame in frames_of(DALY, awkward + PACK_EXAMPLE)] == [
        b"\xa5" * 8,
        PACK_EXAMPLE[4:12],
    ]


def test_parts_counted_from_0_as_the_vendors_text_has_them_are_whole() -> None:
    parts = part(CELLS, 0, 3301, 3302, 3303) + part(CELLS, 1, 3304)
    assert cells_of(status(4, 1) + parts) == [[3.301, 3.302, 3.303, 3.304]]
    assert cells_of(parts) == [[3.301, 3.302, 3.303, 3.304]]


def test_a_board_that_always_sends_16_frames_has_as_many_cells_as_it_counts() -> None:
    burst = b"".join(part(CELLS, number, *(3300 if number < 3 else 0,) * 3) for number in range(1, 17))
    assert cells_of(status(6, 1) + 2 * burst) == [[3.3] * 6] * 2
    assert cells_of(burst) == [[3.3] * 6]  # the padding is no cell of 0 V, even if the count is not known


def test_sensors_past_those_counted_are_not_at_40_degrees_below_zero() -> None:
    data = status(4, 2) + part(TEMPERATURES, 1, 65, 39, 0, 0, 0, 0, 0)
    assert [row for measurement, row in rows_of(DALY, data) if measurement == "cells"] == [
        {"t001": 25.0, "t002": -1.0}
    ]


def test_a_counted_sensor_may_be_at_40_degrees_below_zero() -> None:
    data = status(4, 3) + part(TEMPERATURES, 1, 65, 0, 0, 0, 0, 0, 0)
    assert [row for measurement, row in rows_of(DALY, data) if measurement == "cells"] == [
        {"t001": 25.0, "t002": -40.0, "t003": -40.0}
    ]


def test_a_burst_with_a_missing_part_is_dropped_alone_and_counted() -> None:
    bad = part(CELLS, 1, 3301, 3302, 3303) + part(CELLS, 3, 3307, 3308, 3309)
    good = b"".join(part(CELLS, n, 3300, 3300, 3300) for n in (1, 2, 3))
    framer = DALY.make_framer()
    frames = feed_pieces(framer, [status(9, 1) + bad + good])
    assert [frame.id for frame in frames] == [STATUS, CELLS]
    assert framer.counts()["lost/incomplete"] == 1


def test_boards_on_one_line_do_not_mix() -> None:
    numbers = {1: 4, 2: 5}
    framer = DALY.make_framer(numbers.get)
    mixed = [
        *(status(4, 1), status(4, 1, address=2)),
        *(part(CELLS, 1, 3301, 3302, 3303), part(CELLS, 2, 3304)),
        *(part(CELLS, 1, 3401, 3402, 3403, address=2), part(CELLS, 2, 3404, address=2)),
    ]
    cells = {frame.channel: frame.data[:2] for frame in feed_pieces(framer, mixed) if frame.id == CELLS}
    assert cells == {4: (3301).to_bytes(2, "big"), 5: (3401).to_bytes(2, "big")}


def test_parts_of_two_boards_in_turns_are_two_whole_replies() -> None:
    framer = DALY.make_framer({1: 4, 2: 5}.get)
    turns = [
        *(status(4, 1), status(4, 1, address=2)),
        *(part(CELLS, 1, 3301, 3302, 3303), part(CELLS, 1, 3401, 3402, 3403, address=2)),
        *(part(CELLS, 2, 3304), part(CELLS, 2, 3404, address=2)),
    ]
    cells = {frame.channel: frame.data for frame in feed_pieces(framer, turns) if frame.id == CELLS}
    expected = {
        channel: b"".join(cell.to_bytes(2, "big") for cell in range(first, first + 4))
        for channel, first in ((4, 3301), (5, 3401))
    }
    assert cells == expected
    assert framer.counts()["lost/incomplete"] == 0


def test_parts_have_the_stamp_of_their_own_last_byte_when_another_message_ends_them() -> None:
    frames = feed_pieces(DALY.make_framer(), [CELLS_EXAMPLE, PACK_EXAMPLE])
    assert [(frame.id, frame.time_ns) for frame in frames] == [(CELLS, 26), (PACK, 39)]


def test_the_next_request_ends_parts_whose_number_is_not_known() -> None:
    framer, frames = DALY.make_framer(), FrameBatch(64)
    framer.feed(CELLS_EXAMPLE, 5, frames)
    assert len(frames) == 0
    framer.sent(request(PACK, 1), frames)  # type: ignore[union-attr]  # no VE.Direct text
    assert [(frame.id, frame.time_ns) for frame in frames] == [(CELLS, 5)]


@pytest.mark.parametrize("id", [CELLS, TEMPERATURES])
def test_full_parts_wait_for_the_number_of_values_that_was_asked_for(id: int) -> None:
    """The last part may be the one that is missing."""
    values = (3301, 3302, 3303) if id == CELLS else (61, 62, 63, 64, 65, 66, 67)
    framer, frames = DALY.make_framer(), FrameBatch(64)
    for number in (1, 2):
        framer.sent(request(STATUS, 1), frames)  # type: ignore[union-attr]  # no VE.Direct text
        framer.feed(status(4, 8)[number:], 1, frames)  # at first it is spoiled
        framer.sent(request(id, 1), frames)  # type: ignore[union-attr]  # no VE.Direct text
        framer.feed(part(id, 1, *values) + part(id, 2, values[-1])[1:], 2, frames)
        framer.finish(frames)
        assert len(frames) == 0
        assert framer.counts()["lost/incomplete"] == number
    framer.sent(request(STATUS, 1), frames)  # type: ignore[union-attr]  # no VE.Direct text
    framer.feed(status(3, 7), 3, frames)
    framer.sent(request(id, 1), frames)  # type: ignore[union-attr]  # no VE.Direct text
    framer.feed(part(id, 1, *values), 4, frames)
    assert [frame.id for frame in frames] == [STATUS, id]


def test_padding_shows_that_no_part_is_missing_before_the_number_of_values_has_come() -> None:
    asked = wire.frame(0x40, STATUS, bytes(8))  # by another master, whose answer is not heard
    framer = DALY.make_framer()
    frames = feed_pieces(framer, [asked, CELLS_EXAMPLE, PACK_EXAMPLE])
    assert [frame.id for frame in frames] == [CELLS, PACK]
    frames = feed_pieces(framer, [part(CELLS, 1, 3301, 3302, 3303), PACK_EXAMPLE])
    assert [frame.id for frame in frames] == [PACK]


@pytest.mark.parametrize("sent", [b"", b"\xa5", b"\xd2\x03\x94"])
def test_what_is_no_request_for_the_number_of_values_lets_nothing_wait_for_it(sent: bytes) -> None:
    framer, frames = DALY.make_framer(), FrameBatch(64)
    framer.sent(sent, frames)  # type: ignore[union-attr]  # no VE.Direct text
    framer.feed(part(CELLS, 1, 3301, 3302, 3303), 1, frames)
    framer.finish(frames)
    assert [frame.id for frame in frames] == [CELLS]


def test_the_code_names_the_device() -> None:
    framer = DALY.make_framer()
    code = b"DL-R16L-T4S200TV1.0-0123456789abcde"
    parts = [wire.frame(1, 0x57, bytes((n + 1,)) + code[7 * n : 7 * n + 7]) for n in range(5)]
    feed_pieces(framer, parts)
    assert framer.identity() == {"code": code.decode()}


def test_half_a_code_names_nobody() -> None:
    parts = [wire.frame(1, 0x57, bytes((n + 1,)) + b"DL-R16L") for n in range(4)]
    framer = DALY.make_framer()
    feed_pieces(framer, [b"".join(parts), PACK_EXAMPLE])
    assert framer.identity() == {}
    assert framer.counts()["lost/incomplete"] == 1
    feed_pieces(framer, [parts[1], wire.frame(1, 0x57, b"\x05-DL-R16"), PACK_EXAMPLE])  # asked once more
    assert framer.identity() == {"code": 4 * "DL-R16L" + "-DL-R16"}


@pytest.mark.parametrize(
    ("byte", "bit", "codes"),
    [
        (0, 0, ["cell_overvoltage"]),
        (0, 7, ["pack_undervoltage"]),
        (1, 2, ["charge_undertemperature"]),
        (2, 5, ["soc_high"]),
        (3, 1, ["cell_imbalance"]),
        (3, 2, []),
        (4, 1, ["overtemperature"]),
        (5, 6, ["communication_lost"]),
        (6, 2, ["short_circuit"]),
        (7, 0, []),
    ],
)
def test_alarm_bits_are_events(byte: int, bit: int, codes: list[str]) -> None:
    data = bytearray(8)
    data[byte] = 1 << bit
    assert alarms_of(DALY, wire.frame(1, ALARMS, bytes(data))) == codes


def test_the_first_level_of_an_alarm_is_a_warning() -> None:
    levels = [
        (entry.bit, entry.level) for entry in DALY.map_entries("port") if entry.to == "event.cell_overvoltage"
    ]
    assert levels == [(0, "warning"), (1, None)]


FIRMWARES = st.builds(
    wire.DalyFirmware,
    number=st.integers(1, 16),
    sends_all_frames=st.booleans(),
    first_frame=st.sampled_from((0, 1)),
)


@settings(deadline=None, max_examples=examples(25))
@given(moment=readings(cells=45, sensors=16), firmware=FIRMWARES)
def test_all_that_a_simulated_board_says_arrives(moment: Readings, firmware: wire.DalyFirmware) -> None:
    line = wire.DalyLine(lambda: moment, firmware)
    replies = [reply for one in DALY.requests for reply in line.feed(one.to(firmware.number))]
    found = values_of(DALY, b"".join(replies))
    expected = {
        "voltage_v": moment.voltage_v,
        "current_a": moment.current_a,
        "soc_pct": moment.soc_pct,
        "cell_max_v": max(moment.cells_v),
        "cell_min_v": min(moment.cells_v),
        "cell_max_index": moment.highest[0] + 1,
        "cell_min_index": moment.lowest[0] + 1,
        "temp_max_c": max(c for c in moment.sensors_c if c is not None),
        "temp_min_c": min(c for c in moment.sensors_c if c is not None),
        "remaining_ah": moment.remaining_ah,
        "capacity_ah": moment.nominal_ah,
        "cycles": moment.cycles,
        "charge_enabled": moment.charge_switch,
        "discharge_enabled": moment.discharge_switch,
        "balance_word": sum(1 << cell for cell in moment.balanced_cells),
        **{f"v{n + 1:03d}": volts for n, volts in enumerate(moment.cells_v)},
        **{f"t{n + 1:03d}": degrees for n, degrees in enumerate(moment.sensors_c)},
    }
    assert {name: found.get(name) for name in expected} == pytest.approx(expected, abs=1e-9)
    assert set(alarms_of(DALY, b"".join(replies))) == moment.alarms


# --- registers


def talk(moment: Readings) -> bytes:
    """Return requests and answers, as they are on the line."""
    line = registers.ModbusLine(lambda: registers.daly(moment), registers.DALY_SLAVE)
    requests = [one.to(registers.DALY_SLAVE) for one in DALY_MODBUS.requests]
    return b"".join(request + b"".join(line.feed(request)) for request in requests)


def test_the_request_is_that_of_the_document() -> None:
    assert DALY_MODBUS.requests[0].to(0xD2) == bytes.fromhex("D2030000003ED7B9")
    assert DALY_MODBUS.addresses is not None
    assert DALY_MODBUS.addresses.default == 0xD2


def test_a_status_is_known_by_its_length_where_nobody_has_seen_the_request() -> None:
    moment = Readings(cells_v=(3.3, 3.31), sensors_c=(25.0,), voltage_v=6.6, current_a=-4.2)
    words = [registers.daly(moment)[registers.HOLDING, number] for number in range(62)]
    found = values_of(DALY_MODBUS, registers.reply(0xD2, 3, words))
    assert (found["voltage_v"], found["current_a"], found["v002"]) == (6.6, -4.2, 3.31)
    assert "v003" not in found
    assert values_of(DALY_MODBUS, registers.reply(0xD2, 3, words[:61])) == {}


def test_as_many_registers_of_a_board_with_another_map_are_no_status() -> None:
    moment = Readings(cells_v=(3.3, 3.31), sensors_c=(25.0,), voltage_v=6.6, current_a=-4.2)
    words = [registers.daly(moment)[registers.HOLDING, number] for number in range(62)]
    said = registers.request(0x81, 3, 0x41, 62) + registers.reply(0x51, 3, words)
    assert values_of(DALY_MODBUS, said) == {}
    assert values_of(DALY_MODBUS, registers.reply(0x81, 3, words))["voltage_v"] == 6.6


def test_versions_name_the_device() -> None:
    framer = DALY_MODBUS.make_framer()
    text = b"40_201012".ljust(32, b"\0") + b"BMS-R25T".ljust(32, b"\0")
    words = [int.from_bytes(text[at : at + 2], "big") for at in range(0, 64, 2)]
    feed_pieces(framer, [registers.request(0xD2, 3, 0xA9, 32), registers.reply(0xD2, 3, words)])
    assert framer.identity() == {"firmware": "40_201012", "hardware": "BMS-R25T"}


@settings(deadline=None, max_examples=examples(25))
@given(moment=readings())
def test_all_that_a_simulated_board_of_registers_says_arrives(moment: Readings) -> None:
    data = talk(moment)
    found = values_of(DALY_MODBUS, data)
    expected = {
        "voltage_v": moment.voltage_v,
        "current_a": moment.current_a,
        "soc_pct": moment.soc_pct,
        "remaining_ah": moment.remaining_ah,
        "capacity_ah": moment.nominal_ah,
        "cycles": moment.cycles,
        "balancing": bool(moment.balanced_cells),
        "charge_enabled": moment.charge_switch,
        "discharge_enabled": moment.discharge_switch,
        "temp_switch_c": moment.switch_c,
        **{f"v{n + 1:03d}": volts for n, volts in enumerate(moment.cells_v)},
        **{f"t{n + 1:03d}": degrees for n, degrees in enumerate(moment.sensors_c)},
    }
    assert {name: found.get(name) for name in expected} == pytest.approx(expected, abs=1e-9)
    numbered = {name for name in found if name[0] in "vt" and name[1:].isdecimal()}
    assert numbered == {name for name in expected if name[0] in "vt" and name[1:].isdecimal()}
    assert set(alarms_of(DALY_MODBUS, data)) == moment.alarms
