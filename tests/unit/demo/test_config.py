"""telemetry/demo/gateway_config.py: the configuration is valid, and what it promises is what it maps."""

import io
from pathlib import Path

import cantools
import pytest
from cantools.database.can import Database

from firmware_sim.links.player import SimulatedClock
from firmware_sim.wire.broadcast import VEHICLE_DBC
from telemetry.clock import Clock
from telemetry.config import Config, load_config
from telemetry.databases.bus import BusDatabases
from telemetry.databases.plan_cache import load_plan
from telemetry.demo.display import Display
from telemetry.demo.gateway_config import (
    _PAGES,
    ENTRIES,
    JBD,
    SERIAL_DEVICES,
    SOURCE,
    VEDIRECT,
    expected_points,
    gateway_config,
    stored_points,
)
from telemetry.demo.stage import Options, perform
from telemetry.errors import ConfigError
from telemetry.rules.resolve import model
from telemetry.sinks.influx.settings import InfluxSettings
from telemetry.sources.can.settings import CanSettings
from telemetry.sources.can.sockets import CanUnixSocket
from telemetry.sources.serial.settings import SerialSettings
from telemetry.stages.prepare import map_entries
from tests.support.demo import FRAMES


def configured(folder: Path) -> Config:
    file = folder / "gateway.toml"
    text = gateway_config(
        vehicle="demo-1",
        database=VEHICLE_DBC,
        bus={"socket": str(folder / "a bus")},
        ports={device.name: folder / device.name for device in SERIAL_DEVICES},
        time=SimulatedClock(
            scale=60.0, origin_ns=1_772_436_600_000_000_000, wall_ns=1_800_000_000_000_000_000
        ),
        influx={"url": "http://127.0.0.1:8086", "api": "v1", "database": "nev", "create": True},
        web="127.0.0.1:0",
    )
    file.write_text(text, "utf-8")
    return load_config(file, {})


def test_the_configuration_is_one_that_the_gateway_takes(tmp_path: Path) -> None:
    config = configured(tmp_path)
    source = config.sources[0]
    assert isinstance(source, CanSettings)
    assert source.name == SOURCE
    assert source.link == CanUnixSocket(tmp_path / "a bus")
    assert source.simulated_time is not None
    assert source.simulated_time.scale == 60.0
    assert source.simulated_time.origin_ns == 1_772_436_600_000_000_000
    assert isinstance(config.sink, InfluxSettings)
    assert config.sink.create
    assert config.sink.v1_database == "nev"
    assert len(config.map) == len(ENTRIES) == 41
    assert str(config.web.listen) == "127.0.0.1:0"


def test_serial_devices_share_the_simulated_time_and_have_names_of_their_own(tmp_path: Path) -> None:
    config = configured(tmp_path)
    bus = config.sources[0]
    assert isinstance(bus, CanSettings)
    serials = [source for source in config.sources if isinstance(source, SerialSettings)]
    assert [(one.name, one.port, one.devices[0].protocol) for one in serials] == [
        ("jbd", str(tmp_path / "jbd"), "jbd"),
        ("vedirect", str(tmp_path / "vedirect"), "vedirect"),
    ]
    assert {one.simulated_time for one in serials} == {bus.simulated_time}
    assert "main" not in {name for one in serials for name in (one.devices[0].pack, one.devices[0].charger)}
    assert [one.devices[0].poll_every_s for one in serials] == [JBD.poll_every_s, VEDIRECT.poll_every_s]


def test_every_mapped_signal_exists_and_its_field_too(tmp_path: Path) -> None:
    plan = load_plan([BusDatabases(name=SOURCE, databases=(VEHICLE_DBC,))], None)
    modelling = model(configured(tmp_path).map, (), plan.spec)
    assert modelling.map is not None
    assert len(modelling.alarms) == 12


def test_what_the_database_calls_not_available_fills_no_field(tmp_path: Path) -> None:
    plan = load_plan([BusDatabases(name=SOURCE, databases=(VEHICLE_DBC,))], None).spec
    mapping = model(configured(tmp_path).map, (), plan).map
    assert mapping is not None
    absent = {
        (message.record, slot.source): slot.absent
        for message in mapping.buses[0].messages
        for output in message.outputs
        for part in output.parts
        for slot in part.slots
    }
    declared = {
        (message.record, index): (raw,)
        for message in plan.buses[0].messages
        for index, signal in enumerate(message.signals)
        for raw, word in signal.choices
        if word == "not available"
    }
    assert len(declared) == 12
    assert {place: absent[place] for place in declared} == declared


def test_the_packs_power_is_derived_though_serial_devices_could_report_one(tmp_path: Path) -> None:
    config = configured(tmp_path)
    plan = load_plan([BusDatabases(name=SOURCE, databases=(VEHICLE_DBC,))], None)
    spec = plan.spec
    for source in config.sources:
        spec = source.extended(spec)
    modelling = model(map_entries(config), (), spec)
    assert modelling.map is not None
    tags = [
        modelling.map.tag_sets[target.tag_set] for target in modelling.map.targets if target.power is not None
    ]
    assert {"pack": "traction"} in tags


def test_the_pages_are_those_of_the_database() -> None:
    database = cantools.database.load_file(VEHICLE_DBC)
    assert isinstance(database, Database)
    pages = {
        message.name: len({number for signal in message.signals for number in signal.multiplexer_ids or ()})
        for message in database.messages
    }
    assert {name: count for name, count in pages.items() if count} == _PAGES


def test_a_frame_is_a_point_and_mapped_messages_are_points_of_the_data_model_too() -> None:
    points = expected_points(FRAMES)
    assert points["BMS_PackPower"] == 1000
    assert points["battery"] == 1000 + 100 + 100 + 100 + 20 + 10
    assert points["cells"] == 500 // 24 + 41 // 2
    assert points["charger"] == 100 + 100 + 20 + 20
    assert points.keys() == {*FRAMES, "battery", "cells", "charger"}


def test_a_row_may_hold_more_than_is_mapped() -> None:
    reported = {"voltage_v": 10, "current_a": 10, "soc_pct": 4}
    assert stored_points("battery", reported | {"power_w": 10, "charged_wh": 10}) == stored_points(
        "battery", reported
    )


def test_stored_points_are_counted_by_a_field_that_each_of_them_has() -> None:
    assert stored_points("BMS_CellVoltages", {"Page": 48, "Cell01Voltage": 2, "Cell96Voltage": 2}) == 48
    battery = {"voltage_v": 10, "current_a": 10, "power_w": 12, "soc_pct": 4, "soh_pct": 1}
    assert stored_points("battery", battery) == 15
    assert stored_points("cells", {"v001": 3, "v096": 3, "t001": 5, "t012": 5}) == 8
    assert stored_points("battery", {}) == 0


def test_a_server_that_is_named_with_a_login_is_refused_and_not_shown() -> None:
    stream = io.StringIO()
    options = Options("drive-and-charge", 60.0, 1, None, False)
    environment = {"INFLUXDB_V2_URL": "http://operator:pa55word@127.0.0.1:8086"}
    with pytest.raises(ConfigError, match=r"^INFLUXDB_V2_URL: must not hold a user or password") as caught:
        perform(options, environment, Display(stream), Clock())
    assert "pa55word" not in stream.getvalue() + str(caught.value)
