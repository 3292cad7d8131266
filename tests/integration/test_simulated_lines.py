"""Lines of a scenario on real pseudo-terminals, read by a configuration as a user writes it."""

from dataclasses import replace
from pathlib import Path

import pytest

from firmware_sim.links.pty import PtyPort
from firmware_sim.scenario import load_scenario
from firmware_sim.simulation import Simulation
from telemetry.settings.table import TomlTable
from tests.support.command import refused
from tests.support.configuration import GATEWAY
from tests.support.running_source import Running
from tests.support.serial_pty import served

LINE = """[[serial]]
name = "rs485"
port = "tty"
baud_rate = 9600
stop_bits = 1
"""
DEVICES = {
    "left": {
        "pack": 'protocol = "daly"\naddress = 1',
        "new": 'protocol = "daly_modbus"',
        "meter": 'protocol = "modbus"\nregisters = "pzem_017"\naddress = 9',
        "seplos": 'protocol = "seplos_v2"\naddress = 3',
    },
    "right": {
        "pack": 'protocol = "daly"\naddress = 1',
        "new": 'protocol = "daly_modbus"',
        "meter": 'protocol = "modbus"\nregisters = "acrel_djsf1352"\naddress = 9',
    },
}


@pytest.mark.parametrize("name", DEVICES)
def test_each_device_of_a_line_is_read_under_its_own_name(name: str, tmp_path: Path) -> None:
    devices = "".join(
        f'[[serial.device]]\nname = "{device}"\n{words}\n' for device, words in DEVICES[name].items()
    )
    (tmp_path / "gateway.toml").write_text(GATEWAY + LINE + devices)
    scenario = replace(load_scenario("two-lines", TomlTable.load), faults=())
    line = Simulation(scenario, seed=1).serial_line(name).on(PtyPort(tmp_path / "tty"))
    with served(line), Running(tmp_path / "gateway.toml") as running:
        running.more_of_each()
        while "hardware DL-K" not in running.source.device or "code DL" not in running.source.device:
            running.take()
    sent = {device: of_one["sent"] for device, of_one in line.counts()["devices"].items()}
    assert all(count > 0 for device, count in sent.items() if not device.startswith("dlt645"))


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("center=x", "no device is called 'center'; there are jbd, "),
        ("daly:17=x", "daly has addresses 1 to 16, not 17 (the scenario has left or right)"),
        ("daly,turbo=x", "daly has no option 'turbo'"),
    ],
)
def test_a_line_that_is_not_there_is_one_line(link: str, words: str) -> None:
    said = refused(64, "sim", "two-lines", "--serial-link", link)
    assert said.startswith("nev-telemetry: --serial-link: ")
    assert words in said
