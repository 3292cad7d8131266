"""What the monitor reads without a service, as the configuration that a service would have for it."""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import can
import pytest
from telemetry_core.rules.protection_spec import Action

from telemetry.clock import Clock
from telemetry.config import Config
from telemetry.databases.bus import BusDatabases
from telemetry.errors import ConfigError, TelemetryError
from telemetry.model.bit_rate import BitRate
from telemetry.model.ids import IsoTpId
from telemetry.monitor.bench import bench, can_table, log_table, python_can_table, serial_table
from telemetry.monitor.feeds import DirectFeed
from telemetry.sources.can.settings import CanSettings
from telemetry.sources.python_can.settings import PythonCanSettings
from telemetry.sources.replay.settings import ReplaySettings
from telemetry.sources.serial.device import DeviceSettings
from telemetry.sources.serial.settings import SerialSettings
from telemetry.sources.stop import StopSignal

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


def means(tmp_path: Path, text: str, *, serial: bool = False, databases: Sequence[Path] = ()) -> Config:
    file = tmp_path / "gateway.toml"
    file.write_text(text)
    sources = (
        serial_table("/dev/ttyUSB0", "jbd", None, None) if serial else can_table("can0", databases, None)
    )
    return bench(sources, file).means


def bus_of(config: Config) -> BusDatabases:
    ((bus,),) = (source.buses for source in config.sources)
    return bus


def test_a_configuration_says_which_frames_are_protected_and_mapped_on_its_buses(tmp_path: Path) -> None:
    config = means(tmp_path, CONFIG)
    (protected,) = config.protect
    assert (protected.message, protected.bus, protected.on_error) == ("Pack", "can7", Action.FLAG)
    assert [entry.bus for entry in config.map] == ["can7"]


def test_a_configuration_says_all_of_a_bus_and_databases_that_are_given_replace_its_own(
    tmp_path: Path,
) -> None:
    (tmp_path / "own.dbc").touch()
    (tmp_path / "given.dbc").touch()
    keys = 'databases = ["own.dbc"]\nfirst_wins = true\nj1939 = true\nid_masks = ["7F0"]\n'
    text = CONFIG.replace("value_texts = true\n", keys + 'isotp = [{ id = "7E8", with_length = true }]\n')
    config = means(tmp_path, text)
    own = bus_of(config)
    assert own.databases == (tmp_path / "own.dbc",)
    assert (own.first_wins, own.j1939, own.standard_mask) == (True, True, 0x7F0)
    assert config.sources[0].isotp == (IsoTpId(0x7E8, with_length=True),)
    given = bus_of(means(tmp_path, text, databases=[tmp_path / "given.dbc"]))
    assert given == replace(own, databases=(tmp_path / "given.dbc",))


def device_of(protocol: str, address: str | None, registers: str | None = None) -> DeviceSettings:
    (source,) = bench(serial_table("/dev/ttyUSB0", protocol, address, registers), None).reads.sources
    assert isinstance(source, SerialSettings)
    (device,) = source.devices
    return device


@pytest.mark.parametrize(
    ("protocol", "text", "address"),
    [("daly", "2", 2), ("daly_modbus", "0xD2", 0xD2), ("dlt645", "012345678901", 0x012345678901)],
)
def test_a_serial_device_is_asked_by_its_address(protocol: str, text: str, address: int) -> None:
    device = device_of(protocol, text)
    assert device.address_on(device.table) == address


def test_a_modbus_device_is_read_by_a_map_of_its_registers(tmp_path: Path) -> None:
    assert device_of("modbus", "9", "pzem_017").table.title.startswith("Peacefair")
    mine = tmp_path / "mine.toml"
    mine.write_text('title = "mine"\n[[register]]\nname = "v"\nregister = 0\nto = "meter.voltage_v"\n')
    assert device_of("modbus", None, str(mine)).table.title == "mine"


@pytest.mark.parametrize(
    ("protocol", "text", "words"),
    [
        ("daly", "two", "'two' is not a number"),
        ("daly", "17", "must be an integer from 1 to 16"),
        ("jbd", "1", "is not for jbd"),
        ("dlt645", "0xD2", "must be a text of 12 digits"),
    ],
)
def test_an_address_that_a_device_cannot_have_is_refused(protocol: str, text: str, words: str) -> None:
    with pytest.raises(TelemetryError, match=words):
        device_of(protocol, text)


def test_a_configuration_without_a_bus_says_what_the_one_that_is_looked_at_means(tmp_path: Path) -> None:
    (tmp_path / "given.dbc").touch()
    config = means(tmp_path, 'vehicle = "van"\n', databases=[tmp_path / "given.dbc"])
    assert (config.vehicle, bus_of(config).databases) == ("van", (tmp_path / "given.dbc",))


@pytest.mark.parametrize("bus", ["can0", "/tmp/bus.sock", "slcan:/dev/ttyACM0"])
@pytest.mark.parametrize("bit_rate", [BitRate(250_000), BitRate(500_000, 2_000_000), None])
def test_the_bit_rate_that_is_given_is_that_of_the_bus(bus: str, bit_rate: BitRate | None) -> None:
    (source,) = bench(can_table(bus, [], bit_rate), None).reads.sources
    assert isinstance(source, CanSettings | PythonCanSettings)
    assert source.bit_rate == bit_rate


def test_a_log_is_read_and_means_what_the_configuration_says_of_a_bus(tmp_path: Path) -> None:
    (tmp_path / "drive.log").touch()
    (tmp_path / "gateway.toml").write_text(CONFIG)
    both = bench(log_table(tmp_path / "drive.log", [], None), tmp_path / "gateway.toml")
    (read,) = both.reads.sources
    assert isinstance(read, ReplaySettings)
    assert bus_of(both.means).value_texts
    assert len(both.means.protect) == 1


def test_what_was_read_and_lost_of_a_log_is_reported(tmp_path: Path) -> None:
    log = tmp_path / "drive.log"
    log.write_text("(1.0) can0 100#00\nno frame\n(2.0) can0 100#00\n")
    with closing(DirectFeed(bench(log_table(log, [], None), None), Clock())) as feed:
        feed.settle(with_messages=False)
        (source,) = feed.read(with_messages=False)["sources"]
    assert (source["read"], source["lost"]) == (3, {"damaged": 1})


def test_a_bus_that_python_can_s_options_name_is_read_by_them() -> None:
    options = {
        "interface": "virtual",
        "channel": "monitored",
        "can_filters": [{"can_id": 0x102, "can_mask": 0x7FF}],
    }
    ids: set[str] = set()
    with (
        can.Bus(interface="virtual", channel="monitored") as sender,
        closing(DirectFeed(bench(python_can_table(options, []), None), Clock())) as feed,
    ):
        for _ in range(600):
            for id in (0x101, 0x102):
                sender.send(can.Message(arbitration_id=id, is_extended_id=False))
            if ids := {each["id"] for each in feed.read(with_messages=True)["unmatched"]}:
                break
            time.sleep(0.05)
    assert ids == {"102"}


def test_a_feed_that_is_closed_leaves_no_descriptor_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[StopSignal] = []
    close = StopSignal.close

    def close_and_note(stop: StopSignal) -> None:
        close(stop)
        closed.append(stop)

    monkeypatch.setattr(StopSignal, "close", close_and_note)
    log = tmp_path / "drive.log"
    log.write_text("(1.0) can0 100#00\n")
    with closing(DirectFeed(bench(log_table(log, [], None), None), Clock())) as feed:
        feed.settle(with_messages=False)
    assert closed == [feed._stop]


def test_of_a_serial_port_nothing_is_taken_that_is_about_frames(tmp_path: Path) -> None:
    config = means(tmp_path, CONFIG, serial=True)
    assert config.protect == ()
    assert config.vehicle == "van"


@pytest.mark.parametrize("protect", ["protect = 1", "protect = [1]", '[[protect]]\nprofile = "e2e-9"'])
def test_an_entry_that_makes_no_sense_is_one_line_with_its_file(tmp_path: Path, protect: str) -> None:
    with pytest.raises(ConfigError, match=r"gateway\.toml:\d+: protect") as caught:
        means(tmp_path, f"{protect}\n")
    assert "\n" not in str(caught.value)
