"""telemetry/demo/gateway_config.py: the configuration is valid, and what it promises is what it maps."""

from pathlib import Path

import cantools
from cantools.database.can import Database

from firmware_sim.broadcast import VEHICLE_DBC
from firmware_sim.player import SimulatedClock
from telemetry.config import CanSettings, load_config
from telemetry.demo.gateway_config import _PAGES, MAP, SOURCE, expected_points, gateway_config, stored_points
from telemetry.mapping import resolve
from telemetry.protocols.databases import BusDatabases
from telemetry.protocols.plan_cache import load_plan
from tests.support.demo import FRAMES


def test_the_configuration_is_one_that_the_gateway_takes(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    text = gateway_config(
        vehicle="demo-1",
        database=VEHICLE_DBC,
        bus={"socket": str(tmp_path / "a bus")},
        time=SimulatedClock(
            scale=60.0, origin_ns=1_772_436_600_000_000_000, wall_ns=1_800_000_000_000_000_000
        ),
        influx={"url": "http://127.0.0.1:8086", "api": "v1", "database": "nev", "create": True},
    )
    file.write_text(text, "utf-8")
    config = load_config(file, {})
    source = config.sources[0]
    assert isinstance(source, CanSettings)
    assert source.name == SOURCE
    assert source.socket == tmp_path / "a bus"
    assert source.simulated_time is not None
    assert source.simulated_time.scale == 60.0
    assert source.simulated_time.origin_ns == 1_772_436_600_000_000_000
    assert config.influx.create
    assert config.influx.v1_database == "nev"
    assert len(config.map) == len(MAP)


def test_every_mapped_signal_exists_and_its_field_too(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    time = SimulatedClock(1.0, 0, 0)
    influx = {"url": "http://127.0.0.1:8086", "database": "nev"}
    text = gateway_config(
        vehicle="v", database=VEHICLE_DBC, bus={"interface": "vcan0"}, time=time, influx=influx
    )
    file.write_text(text, "utf-8")
    plan = load_plan([BusDatabases(name=SOURCE, databases=(VEHICLE_DBC,))], None)
    resolve(load_config(file, {}).map, plan.spec)


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
    assert points.keys() == {*FRAMES, "battery", "cells"}


def test_stored_points_are_counted_by_a_field_that_each_of_them_has() -> None:
    assert stored_points("BMS_CellVoltages", {"Page": 48, "Cell01Voltage": 2, "Cell96Voltage": 2}) == 48
    battery = {"voltage_v": 10, "current_a": 10, "power_w": 12, "soc_pct": 4, "soh_pct": 1}
    assert stored_points("battery", battery) == 15
    assert stored_points("cells", {"v001": 3, "v096": 3, "t001": 5, "t012": 5}) == 8
    assert stored_points("battery", {}) == 0
