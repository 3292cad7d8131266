"""What the registers of a newer Daly mean, and that its frames are those of the document."""

import pytest
from hypothesis import given, settings

from firmware_sim.wire import modbus_registers as wire
from firmware_sim.wire.readings import Readings
from telemetry.protocols.serial.daly_modbus import DALY_MODBUS
from tests.support.examples import examples
from tests.support.framing import feed_pieces
from tests.support.moments import readings
from tests.support.serial_rows import alarms_of, values_of


def talk(moment: Readings) -> bytes:
    """Return requests and answers, as they are on the line."""
    line = wire.ModbusLine(lambda: wire.daly(moment), wire.DALY_SLAVE)
    requests = [one.to(wire.DALY_SLAVE) for one in DALY_MODBUS.requests]
    return b"".join(request + b"".join(line.feed(request)) for request in requests)


def test_the_request_is_that_of_the_document() -> None:
    assert DALY_MODBUS.requests[0].to(0xD2) == bytes.fromhex("D2030000003ED7B9")
    assert DALY_MODBUS.addresses is not None
    assert DALY_MODBUS.addresses.default == 0xD2


def test_a_status_is_known_by_its_length_where_nobody_has_seen_the_request() -> None:
    moment = Readings(cells_v=(3.3, 3.31), sensors_c=(25.0,), voltage_v=6.6, current_a=-4.2)
    registers = [wire.daly(moment)[wire.HOLDING, number] for number in range(62)]
    found = values_of(DALY_MODBUS, wire.reply(0xD2, 3, registers))
    assert (found["voltage_v"], found["current_a"], found["v002"]) == (6.6, -4.2, 3.31)
    assert "v003" not in found
    assert values_of(DALY_MODBUS, wire.reply(0xD2, 3, registers[:61])) == {}


def test_as_many_registers_of_a_board_with_another_map_are_no_status() -> None:
    moment = Readings(cells_v=(3.3, 3.31), sensors_c=(25.0,), voltage_v=6.6, current_a=-4.2)
    registers = [wire.daly(moment)[wire.HOLDING, number] for number in range(62)]
    assert values_of(DALY_MODBUS, wire.request(0x81, 3, 0x41, 62) + wire.reply(0x51, 3, registers)) == {}
    assert values_of(DALY_MODBUS, wire.reply(0x81, 3, registers))["voltage_v"] == 6.6


def test_versions_name_the_device() -> None:
    framer = DALY_MODBUS.make_framer()
    text = b"40_201012".ljust(32, b"\0") + b"BMS-R25T".ljust(32, b"\0")
    registers = [int.from_bytes(text[at : at + 2], "big") for at in range(0, 64, 2)]
    feed_pieces(framer, [wire.request(0xD2, 3, 0xA9, 32), wire.reply(0xD2, 3, registers)])
    assert framer.identity() == {"firmware": "40_201012", "hardware": "BMS-R25T"}


@settings(deadline=None, max_examples=examples(25))
@given(moment=readings())
def test_all_that_a_simulated_board_says_arrives(moment: Readings) -> None:
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
