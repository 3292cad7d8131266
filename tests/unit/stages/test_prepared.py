"""What follows from a configuration, before anything is opened."""

from pathlib import Path

import pytest

from telemetry.config import load_config
from telemetry.errors import ConfigError
from telemetry.sources.assemble import ChannelTable, assemble_sources
from telemetry.stages.binding import NO_BUS, Binding
from telemetry.stages.prepare import counting, prepare
from tests.support.clock import FakeClock
from tests.support.recording import VEHICLE_DBC

TOP = """
vehicle = "van"
cache_directory = "plans"
[influx]
url = "http://localhost:8086"
database = "d"
[spool]
directory = "spool"
"""
CONFIG = f"""{TOP}[[can]]
name = "bare"
[[can]]
name = "bus"
databases = ["{{databases}}"]
"""


def test_buses_are_numbered_as_in_the_plan_and_nothing_but_the_cache_is_made(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(CONFIG.format(databases=VEHICLE_DBC))
    prepared = prepare(load_config(tmp_path / "gateway.toml", {}))
    bare, bus = assemble_sources(prepared.composition.config.sources, ChannelTable(), FakeClock(), {})
    assert prepared.composition.binding(bare, "bare") == Binding(NO_BUS, "bare", "bare")
    assert prepared.composition.binding(bus, "bus") == Binding(0, "bus", "bus")
    prepared.stages.bind(0, prepared.composition.binding(bus, "bus"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gateway.toml", "plans"]


def test_what_is_protected_is_resolved_or_refused_with_its_key(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    entry = '[[protect]]\nmessage = "BMS_PackPower"\nprofile = "counter"\ncounter = "Counter"\n'
    file.write_text(CONFIG.format(databases=VEHICLE_DBC) + entry)
    stages = prepare(load_config(file, {})).stages
    stages.bind(0, Binding(0, "bus", "bus"))
    assert stages.counted()["frames/bus/lost/bad_counter"] == 0
    file.write_text(CONFIG.format(databases=VEHICLE_DBC) + entry.replace('"Counter"', '"Countr"'))
    with pytest.raises(ConfigError, match=r'protect\[0\]\.counter: .*no signal "Countr".*"Counter"'):
        prepare(load_config(file, {}))


def test_a_bank_is_made_of_packs_of_the_configuration_or_refused_with_its_key(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    packs = "".join(
        f'[[serial]]\nname = "{pack}"\nport = "/dev/{pack}"\nprotocol = "jbd"\npack = "{pack}"\n'
        for pack in ("front", "rear")
    )
    bank = '[[aggregate]]\npack = "house"\nparallel = ["front", "rear"]\n'
    file.write_text(CONFIG.format(databases=VEHICLE_DBC) + packs + bank)
    prepared = prepare(load_config(file, {}))
    assert [each.packs for each in prepared.composition.modelling.banks] == [("front", "rear")]
    file.write_text(CONFIG.format(databases=VEHICLE_DBC) + packs + bank.replace('"rear"', '"raer"'))
    with pytest.raises(
        ConfigError, match=r'toml:26: aggregate\[0\]\.parallel: no source .*"raer".*"rear"'
    ) as caught:
        prepare(load_config(file, {}))
    assert caught.value.exit_code == 78


def test_a_database_that_cannot_be_read_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "broken.dbc").write_text("BO_ nonsense")
    (tmp_path / "gateway.toml").write_text(CONFIG.format(databases="broken.dbc"))
    with pytest.raises(ConfigError, match=r"broken\.dbc"):
        prepare(load_config(tmp_path / "gateway.toml", {}))


def test_a_bus_in_simulated_time_has_its_cycles_by_the_order_of_its_pages(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    sim = '[[can]]\nname = "sim"\nsocket = "bus.sock"\n'
    sim += "time_scale = 60\ntime_origin_ns = 0\ntime_wall_ns = 0\n"
    file.write_text(CONFIG.format(databases=VEHICLE_DBC) + sim)
    prepared = prepare(load_config(file, {}))
    *_, bus, sim_bus = assemble_sources(prepared.composition.config.sources, ChannelTable(), FakeClock(), {})
    assert not prepared.composition.binding(bus, "bus").by_order
    assert prepared.composition.binding(sim_bus, "sim").by_order
    assert prepared.composition.binding(bus, "bus").least_wait_ns == 0
    assert prepared.composition.binding(sim_bus, "sim").least_wait_ns == 30_000_000_000  # 0.5 s at 60x


def test_devices_that_share_a_line_are_counted_over_three_polls_like_one_that_is_alone(
    tmp_path: Path,
) -> None:
    file = tmp_path / "gateway.toml"
    alone = '[[serial]]\nname = "alone"\nport = "a"\nprotocol = "daly"\npack = "alone"\n'
    line = '[[serial]]\nname = "line"\nport = "b"\n'
    devices = (
        f'[[serial.device]]\nname = "{name}"\nprotocol = "daly"\naddress = {number}\npack = "{name}"\n'
        for number, name in enumerate(("front", "rear"), 1)
    )
    file.write_text("".join((TOP, alone, line, *devices)))
    polled = ("alone", "line/front", "line/rear")
    assert counting(load_config(file)).gaps_ns == dict.fromkeys(polled, 3_000_000_000)
