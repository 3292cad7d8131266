"""What the monitor reads without a service, as the configuration that a service would have for it."""

from contextlib import closing
from pathlib import Path

import pytest
from telemetry_core.rules.protection_spec import Action

from telemetry.clock import SystemClock
from telemetry.config import Config
from telemetry.errors import ConfigError
from telemetry.model.bit_rate import BitRate
from telemetry.monitor.bench import bench_config, can_table, log_table, serial_table
from telemetry.monitor.direct import DirectFeed
from telemetry.sources.can.settings import CanSettings
from telemetry.sources.python_can.settings import PythonCanSettings
from telemetry.sources.replay.settings import ReplaySettings

CONFIG = """vehicle = "van"
[spool]
directory = "spool"
[[can]]
name = "can7"
value_texts = true
[[map]]
signal = "Pack.Voltage"
to = "battery.voltage_v"
bus = "can7"
[[protect]]
message = "Pack"
profile = "e2e-5"
data_id = 1
bus = "can7"
on_error = "flag"
"""


def bench(tmp_path: Path, text: str, *, serial: bool = False) -> Config:
    file = tmp_path / "gateway.toml"
    file.write_text(text)
    sources = serial_table("/dev/ttyUSB0", "jbd") if serial else can_table("can0", [], None)
    return bench_config(sources, file)


def test_a_configuration_says_which_frames_are_protected_on_the_bus_that_is_looked_at(tmp_path: Path) -> None:
    config = bench(tmp_path, CONFIG)
    (protected,) = config.protect
    assert (protected.message, protected.bus, protected.on_error) == ("Pack", None, Action.FLAG)
    assert [entry.bus for entry in config.map] == [None]


def test_a_configuration_says_whether_words_of_value_tables_are_told(tmp_path: Path) -> None:
    (source,) = bench(tmp_path, CONFIG).sources
    assert isinstance(source, CanSettings)
    assert source.buses[0].value_texts
    (source,) = bench(tmp_path, CONFIG.replace("true", "false")).sources
    assert isinstance(source, CanSettings)
    assert not source.buses[0].value_texts


@pytest.mark.parametrize("bus", ["can0", "/tmp/bus.sock", "slcan:/dev/ttyACM0"])
@pytest.mark.parametrize("bit_rate", [BitRate(250_000), BitRate(500_000, 2_000_000), None])
def test_the_bit_rate_that_is_given_is_that_of_the_bus(bus: str, bit_rate: BitRate | None) -> None:
    (source,) = bench_config(can_table(bus, [], bit_rate), None).sources
    assert isinstance(source, CanSettings | PythonCanSettings)
    assert source.bit_rate == bit_rate


def test_a_log_is_read_by_the_same_configuration_as_a_bus(tmp_path: Path) -> None:
    (tmp_path / "drive.log").touch()
    (tmp_path / "gateway.toml").write_text(CONFIG)
    config = bench_config(log_table(tmp_path / "drive.log", [], None), tmp_path / "gateway.toml")
    (source,) = config.sources
    assert isinstance(source, ReplaySettings)
    assert source.buses[0].value_texts
    assert len(config.protect) == 1


def test_what_was_read_and_lost_is_told_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "drive.log"
    log.write_text("(1.0) can0 100#00\nno frame\n(2.0) can0 100#00\n")
    with closing(DirectFeed(bench_config(log_table(log, [], None), None), SystemClock())) as feed:
        feed.settle(with_messages=False)
        (source,) = feed.read(with_messages=False)["sources"]
    assert (source["read"], source["lost"]) == (3, {"damaged": 1})


def test_of_a_serial_port_nothing_is_taken_that_is_about_frames(tmp_path: Path) -> None:
    config = bench(tmp_path, CONFIG, serial=True)
    assert config.protect == ()
    assert config.vehicle == "van"


@pytest.mark.parametrize("protect", ["protect = 1", "protect = [1]", '[[protect]]\nprofile = "e2e-9"'])
def test_an_entry_that_makes_no_sense_is_one_line_with_its_file(tmp_path: Path, protect: str) -> None:
    with pytest.raises(ConfigError, match=r"gateway\.toml: protect") as caught:
        bench(tmp_path, f'can = 1\npython_can = ["x"]\n{protect}\n')
    assert "\n" not in str(caught.value)
