"""docs/protocols/: field tables of the code, traps with a test each, configurations that work."""

import re
from pathlib import Path

import pytest

from telemetry.config import load_config
from telemetry.protocols.known import CAN_PROTOCOLS, PROTOCOLS
from telemetry.stages.prepare import compose
from tests.support.configuration import GATEWAY
from tools.pages.protocols import PAGES, ROOT
from tools.pages.serial_protocols import fields_of

TOP = f'cache_directory = "plans"\n{GATEWAY}'
_TESTS = re.compile(r"`(test_\w+)`")
_TOML = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
_TRAPS = re.compile(r"^## Traps\n(.*?)(?=^## )", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", sorted(PROTOCOLS.keys() - {"vedirect"}))  # whose signals are its labels
def test_every_signal_of_a_serial_protocol_says_where_it_is(name: str) -> None:
    rows = [line.split(" | ") for line in fields_of(PROTOCOLS[name]).splitlines() if line.startswith("| `")]
    assert [row[0] for row in rows if len(row) == 5 and not row[1].strip()] == []


def test_every_protocol_has_its_fields_on_a_page() -> None:
    text = "".join(page.read_text("utf-8") for page in PAGES)
    described = re.findall(r"<!-- fields of (\w+) -->", text)
    assert len(described) == len(set(described))
    assert set(described) == (CAN_PROTOCOLS.keys() | PROTOCOLS.keys()) - {"modbus"}  # its map says its fields
    for protocol in CAN_PROTOCOLS.values():
        assert all(f"**{message.code}**" in text for message in protocol.messages)


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem != "ccs"], ids=lambda page: page.stem)
def test_every_trap_of_a_page_has_a_test_that_there_is(page: Path) -> None:
    folders = (ROOT / "tests" / "unit" / room for room in ("protocols", "charging", "sources", "core"))
    sources = "".join(file.read_text("utf-8") for folder in folders for file in folder.rglob("*.py"))
    there = set(re.findall(r"^def (test_\w+)", sources, re.MULTILINE))
    (traps,) = _TRAPS.findall(page.read_text("utf-8"))
    rows = [line for line in traps.splitlines() if line.startswith("| ")][2:]
    assert rows
    assert [row for row in rows if not _TESTS.findall(row)] == []
    assert set(_TESTS.findall(traps)) - there == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_configurations_of_a_page_are_ones(page: Path, tmp_path: Path) -> None:
    (tmp_path / "vehicle.dbc").write_text(
        'BO_ 1 BatteryState: 8 X\n SG_ PackVoltage : 0|16@1+ (0.1,0) [0|0] "V" X\n'
        ' SG_ PackCurrent : 16|16@1- (0.1,0) [0|0] "A" X\n SG_ StateOfCharge : 32|8@1+ (1,0) [0|0] "%" X\n'
    )
    (tmp_path / "station.dbc").write_text(
        'BO_ 2 Secc: 8 X\n SG_ EvTargetVoltage : 0|16@1+ (0.1,0) [0|0] "V" X\n'
        ' SG_ EvTargetCurrent : 16|16@1+ (0.1,0) [0|0] "A" X\n SG_ State : 32|8@1+ (1,0) [0|0] "" X\n'
        'BO_ 3 Meter: 8 X\n SG_ Power : 0|32@1+ (1,0) [0|0] "W" X\n'
        'BO_ 4 Imd: 8 X\n SG_ Resistance : 0|16@1+ (1,0) [0|0] "kOhm" X\n'
    )
    blocks = _TOML.findall(page.read_text("utf-8"))
    assert blocks
    for block in blocks:
        whole = block if "[influx]" in block else TOP + block
        (tmp_path / "gateway.toml").write_text(
            whole.replace("/var/spool/nev-telemetry", str(tmp_path / "spool"))
        )
        composition = compose(load_config(tmp_path / "gateway.toml", {}))
        assert composition.modelling.map is not None
