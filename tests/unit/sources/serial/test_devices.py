"""[[serial.device]]: several devices on one port, and what is refused."""

from pathlib import Path

import pytest
from telemetry_core.decode.spec import PlanSpec

from telemetry.sources.serial.settings import SerialSettings
from tests.support import configuration
from tests.support.configuration import GATEWAY

TOP = f'{GATEWAY}[[serial]]\nname = "rs485"\nport = "/dev/rs485"\n'


def device(name: str, protocol: str, more: str = "") -> str:
    return f'[[serial.device]]\nname = "{name}"\nprotocol = "{protocol}"\n{more}\n'


FRONT = device("front", "daly", 'address = 1\npack = "front"\n')
REAR = device("rear", "daly", 'address = 2\npack = "rear"\ninvert_current = true\n')
METER = device("meter", "modbus", 'registers = "pzem_017"\naddress = 9\ncharger = "shore"\n')
PORT = "baud_rate = 9600\nstop_bits = 1\n"


def load(tmp_path: Path, text: str) -> SerialSettings:
    settings = configuration.load(tmp_path, TOP + text).sources[0]
    assert isinstance(settings, SerialSettings)
    return settings


def refused(tmp_path: Path, text: str) -> str:
    return configuration.refused(tmp_path, TOP + text)


def test_each_device_is_a_bus_with_tags_of_its_own(tmp_path: Path) -> None:
    settings = load(tmp_path, PORT + FRONT + REAR + METER)
    plan = settings.extended(PlanSpec((), ()))
    assert [bus.name for bus in plan.buses] == ["rs485/front", "rs485/rear", "rs485/meter"]
    assert settings.bus_names == ("rs485/front", "rs485/rear", "rs485/meter")
    assert settings.bus_of("rear") == "rs485/rear"
    assert settings.tag_of("rear") == "rear"
    entries = list(settings.map_entries())
    assert {(entry.bus, entry.pack) for entry in entries if entry.to == "battery.voltage_v"} == {
        ("rs485/front", "front"),
        ("rs485/rear", "rear"),
    }
    currents = {entry.bus: entry.scale for entry in entries if entry.to == "battery.current_a"}
    assert currents == {"rs485/front": 1.0, "rs485/rear": -1.0}
    assert {entry.charger for entry in entries if entry.to == "meter.voltage_v"} == {"shore"}
    assert plan.buses[0].messages == plan.buses[1].messages  # of the same records


def test_a_port_with_its_own_line_settings_may_have_devices_of_others(tmp_path: Path) -> None:
    settings = load(tmp_path, PORT + FRONT + METER)
    assert (settings.baud_rate, str(settings.line)) == (9600, "8N1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            FRONT + METER,
            "serial[0].device[1].protocol: meter is at 9600 baud 8N2, front at 9600 baud 8N1",
        ),
        (
            FRONT + device("grid", "dlt645"),
            "serial[0].device[1].protocol: grid is at 2400 baud 8E1, front at 9600 baud 8N1",
        ),
        (FRONT + FRONT, "serial[0].device[1].name: another device is already called 'front'"),
        (
            FRONT + REAR.replace("2", "1"),
            "serial[0].device[1].address: front speaks daly at that address already",
        ),
        (
            PORT + device("a", "seplos_v2", "address = 2") + device("b", "pylontech"),
            "serial[0].device[1].address: a speaks seplos_v2 at that address, with",
        ),
        (
            PORT
            + device("a", "daly_modbus", "address = 9")
            + device("b", "modbus", 'registers = "pzem_017"\naddress = 9'),
            "serial[0].device[1].address: a speaks daly_modbus at that address, with",
        ),
        (
            REAR.replace("2", "17"),
            "serial[0].device[0].address: must be an integer from 1 to 16, not 17",
        ),
        (
            device("a", "jbd") + device("b", "jbd"),
            "serial[0].device[1].protocol: a speaks jbd already, whose devices have no address (",
        ),
        (device("a", "jbd", "address = 1"), "serial[0].device[0].address: is not for jbd"),
        (device("a", "modbus"), "serial[0].device[0].registers: is missing"),
        (device("a", "modbus", 'registers = "none.toml"'), "serial[0].device[0].registers: no such file"),
        (
            device("a", "modbus", 'registers = "pzem"'),
            "serial[0].device[0].registers: is neither a file nor a ready map: 'pzem' (",
        ),
        ('device = "daly"\n', "serial[0].device: must be tables [[serial.device]], not text"),
        ('capture = "/"\n' + FRONT, "serial[0].capture: is a folder: / (name a file in it)"),
        (device("a", "jbd", 'registers = "pzem_017"'), "serial[0].device[0].registers: is not for jbd"),
        (device("a", "dlt645", 'address = "12345678901x"'), "serial[0].device[0].address: "),
        ('protocol = "jbd"\n' + FRONT, "serial[0].protocol: stands beside [[serial.device]]"),
        (
            FRONT.replace('"front"', '"rs485"', 1) + REAR,
            "serial[0].device: another source or device",
        ),
        (FRONT.replace('"daly"', '"dally"'), "serial[0].device[0].protocol: must be one of"),
        (FRONT + "colour = 1\n", "serial[0].device[0].colour: unknown key"),
    ],
)
def test_what_cannot_be_is_one_line_with_its_key(tmp_path: Path, text: str, words: str) -> None:
    assert refused(tmp_path, text).startswith(words)


def test_a_meter_may_have_the_number_on_its_plate(tmp_path: Path) -> None:
    settings = load(tmp_path, device("grid", "dlt645", 'address = "112233445566"'))
    (grid,) = settings.devices
    assert grid.address_on(grid.table) == 0x112233445566
    assert (settings.baud_rate, str(settings.line)) == (2400, "8E1")


def test_a_change_of_an_owner_restarts_no_port_and_a_change_of_an_address_does(tmp_path: Path) -> None:
    before = load(tmp_path, FRONT + REAR)
    assert before.is_same_device(load(tmp_path, FRONT + REAR.replace('"rear"\ninvert', '"back"\ninvert')))
    assert not before.is_same_device(load(tmp_path, FRONT + REAR.replace("2", "3")))
    assert not before.is_same_device(load(tmp_path, FRONT))
