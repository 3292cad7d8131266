"""`--protocol` of every command: one vocabulary, and one line where a protocol does not fit."""

import json
from pathlib import Path

import pytest

from telemetry.__main__ import COMMANDS, build_parser
from telemetry.protocols.known import CAN_PROTOCOLS, PROTOCOLS
from tests.support.command import failed, printed, refused

DBC = Path(__file__).parents[2] / "data" / "drive.dbc"
ELCON_ID, ELCON_DATA = "18FF50E5", "0F64006400000000"  # status of the charger: 394.0 V, 10.0 A


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "charge.log"
    file.write_text("".join(f"(1700000000.{n}00000) can0 {ELCON_ID}#{ELCON_DATA}\n" for n in range(5)))
    return file


def test_every_command_with_a_protocol_knows_those_of_buses_and_of_serial_ports() -> None:
    parser = build_parser(COMMANDS)
    commands = next(one.choices for one in parser._actions if one.dest == "command")
    choices = {
        name: action.choices
        for name, command in commands.items()  # type: ignore[union-attr]  # a mapping of parsers
        for action in command._actions
        if "--protocol" in action.option_strings
    }
    assert choices.keys() > {"decode", "signals", "plot", "sessions", "session", "scan", "monitor", "capture"}
    assert all("gbt27930" in found and "jbd" in found for found in choices.values())
    assert all(set(found) == {*CAN_PROTOCOLS, *PROTOCOLS} for found in choices.values())


@pytest.mark.parametrize(
    ("words", "spoken"),
    [
        ("monitor --can vcan1 --protocol jbd", "jbd is spoken on serial ports"),
        ("monitor -i virtual -c x --protocol jbd", "jbd is spoken on serial ports"),
        ("monitor --serial /dev/ttyUSB0 --protocol elcon", "elcon is spoken on CAN buses"),
        ("capture /dev/ttyUSB0 --protocol gbt27930", "gbt27930 is spoken on CAN buses"),
        ("scan /dev/ttyUSB0 --protocol jbd --protocol chademo", "chademo is spoken on CAN buses"),
        ("scan --can can0 --protocol jbd", "jbd is spoken on serial ports"),
        ("sessions x.log --protocol modbus", "modbus is spoken on serial ports"),
        ("session 1 x.log --protocol jbd", "jbd is spoken on serial ports"),
    ],
)
def test_a_protocol_of_the_other_kind_of_line_is_refused_with_those_that_fit(words: str, spoken: str) -> None:
    line = refused(64, *words.split())
    assert line.startswith(f"nev-telemetry: --protocol: {spoken} (on ")
    assert ("gbt27930, chademo" in line) == ("is spoken on serial" in spoken)


def test_monitor_shows_the_charger_of_a_bus_by_its_protocol_alone_or_beside_a_configuration(
    log: Path, tmp_path: Path
) -> None:
    other = tmp_path / "map.toml"
    other.write_text(f'vehicle = "v"\n[[can]]\nname = "can0"\ninterface = "can0"\ndatabases = ["{DBC}"]\n')
    for words in ([], ["--map", other]):
        live = json.loads(printed("monitor", "--log", log, "--protocol", "elcon", "--json", *words))
        assert "394" in json.dumps(live)
        assert live["sources"][0]["read"] == 5


def test_scan_tries_the_protocols_alone_that_are_named(log: Path) -> None:
    assert 'protocol = "elcon"' in printed("scan", "--log", log, "--protocol", "elcon")
    assert "nothing that is known fits" in failed(1, "scan", "--log", log, "--protocol", "chademo")
