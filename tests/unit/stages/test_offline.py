"""A service's configuration for recordings: without its server, and which source a channel is."""

from pathlib import Path

import pytest

from telemetry.config import Config
from telemetry.errors import UsageError
from telemetry.settings.document import read_document
from telemetry.stages.binding import NO_BUS
from telemetry.stages.offline import Recorded, read_offline
from telemetry.stages.prepare import compose
from tests.support.recording import VEHICLE_DBC

SERVICE = """vehicle = "van"
[influx]
url = "http://db:8086"
database = "d"
token_file = "/nowhere/token"
[spool]
directory = "/nowhere/spool"
[web]
listen = "0.0.0.0:80"
password_file = "/nowhere/password"
"""
PYTHON_CAN = '[[python_can]]\nname = "rig"\noptions = { interface = "virtual", channel = "ch3" }\n'
CAN = f'[[can]]\nname = "drive"\ninterface = "can0"\ndatabases = ["{VEHICLE_DBC}"]\n'
BARE = '[[can]]\nname = "body"\ninterface = "can1"\n'
SERIAL = '[[serial]]\nname = "bms"\nport = "/dev/ttyUSB0"\nprotocol = "jbd"\n'


def config_of(folder: Path, *sources: str) -> Config:
    file = folder / "gateway.toml"
    file.write_text(SERVICE + "".join(sources))
    return read_offline(read_document(file))


def recorded(folder: Path, *sources: str, source: str = "", account: str = "") -> Recorded:
    return Recorded(compose(config_of(folder, *sources)), source, account=account)


def name_of(recording: Recorded, channel: str) -> str:
    source = recording.source_of(channel)
    assert source is not None
    return source.name


def test_neither_the_server_nor_the_spool_nor_a_secret_need_be_there(tmp_path: Path) -> None:
    config = config_of(tmp_path, CAN)
    assert config.web.listen is not None
    assert config.web.listen.host == "127.0.0.1"  # nothing of the service's page
    assert config.vehicle == "van"
    assert config.charging.vin == "plain"
    assert [each.name for each in config.sources] == ["drive"]


def test_a_channel_is_the_source_of_its_name_its_interface_or_its_port(tmp_path: Path) -> None:
    buses = recorded(tmp_path, CAN, BARE, SERIAL, PYTHON_CAN)
    assert not buses.is_serial
    for channel, name in (("can0", "drive"), ("drive", "drive"), ("can1", "body"), ("ch3", "rig")):
        assert name_of(buses, channel) == name
    ports = recorded(tmp_path, CAN, SERIAL, source="bms")
    assert ports.is_serial
    assert name_of(ports, "ttyUSB0") == "bms"


def test_one_source_is_that_of_any_channel_and_of_several_one_is_chosen(tmp_path: Path) -> None:
    assert name_of(recorded(tmp_path, CAN), "vcan7") == "drive"
    assert recorded(tmp_path, SERIAL).is_serial
    assert name_of(recorded(tmp_path, CAN, BARE, source="body"), "can0") == "body"
    with pytest.raises(UsageError, match="no source fits the channel 'vcan7'") as caught:
        recorded(tmp_path, CAN, BARE).source_of("vcan7")
    assert caught.value.hint == "choose by --source NAME: drive or body"
    twice = CAN.replace('"drive"', '"can1"')
    with pytest.raises(UsageError, match="several sources fit the channel 'can1'") as caught:
        recorded(tmp_path, twice, BARE, SERIAL).source_of("can1")
    assert caught.value.hint == "choose by --source NAME: can1 or body"
    with pytest.raises(UsageError, match="has no source 'boddy'") as caught:
        recorded(tmp_path, CAN, SERIAL, source="boddy")
    assert caught.value.hint == "choose by --source NAME: drive or bms"


def test_a_channel_without_a_database_has_a_warning_and_one_with_a_database_has_none(tmp_path: Path) -> None:
    buses = recorded(tmp_path, CAN, BARE)
    found = {channel: buses.binding(channel) for channel in ("can0", "can1")}
    assert (found["can0"].bus, found["can1"].bus) == (0, NO_BUS)
    assert list(buses.warnings(found)) == [
        f"can1: source body of {tmp_path / 'gateway.toml'} has no database"
    ]


def test_frames_count_for_their_source_or_for_the_account_of_the_command(tmp_path: Path) -> None:
    assert recorded(tmp_path, CAN).binding("can0").source == "drive"
    assert recorded(tmp_path, CAN, account="decode").binding("can0").source == "decode"
    for account, source in (("", "bms"), ("decode", "decode")):
        (spoken,) = recorded(tmp_path, SERIAL, account=account).spoken("ttyUSB0")
        assert spoken.binding.source == source


def test_a_channel_with_databases_of_its_own_is_of_the_source_that_has_them(tmp_path: Path) -> None:
    (tmp_path / "trip.log").write_text("")
    own = f'[[replay]]\nname = "trip"\nfile = "trip.log"\nchannel_databases.can5 = ["{VEHICLE_DBC}"]\n'
    assert name_of(recorded(tmp_path, own, BARE), "can5") == "trip"
