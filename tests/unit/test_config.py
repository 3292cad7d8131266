from pathlib import Path

import pytest

from telemetry.databases.bus import BusDatabases
from telemetry.errors import ConfigError, SeveralConfigError
from telemetry.model.bit_rate import BitRate
from telemetry.sinks.influx.server import Api
from telemetry.sinks.influx.settings import InfluxSettings
from telemetry.sources.can.settings import CanSettings
from telemetry.sources.can.sockets import CanInterface, CanUnixSocket
from telemetry.sources.python_can.settings import PythonCanSettings
from telemetry.sources.replay.settings import ReplaySettings
from telemetry.spool.limits import spool_directory
from tests.support.configuration import GATEWAY_OF_CAN0 as MINIMAL
from tests.support.configuration import load, refused


def test_ten_lines_are_a_configuration(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL)
    assert (config.vehicle, config.wait_for_clock, config.reduce.every_s) == ("van-7", False, 0.0)
    assert config.gateway_every_s == 10.0
    assert config.spool_directory == tmp_path / "spool"
    assert config.cache_directory == tmp_path / "spool" / "plans"
    (source,) = config.sources
    assert isinstance(source, CanSettings)
    assert (source.name, source.link) == ("can0", CanInterface("can0"))


def test_the_age_of_points_is_given_in_hours(tmp_path: Path) -> None:
    assert load(tmp_path, MINIMAL).spool.max_age_s is None
    text = MINIMAL.replace("[spool]", "[spool]\nmax_age_h = 2")
    assert text != MINIMAL
    assert load(tmp_path, text).spool.max_age_s == 7200.0


def test_every_kind_of_source_is_read_with_its_own_keys(tmp_path: Path) -> None:
    for name in ("a.dbc", "b.dbc", "drive.log"):
        (tmp_path / name).write_text("")
    config = load(
        tmp_path,
        MINIMAL
        + """
databases = ["a.dbc"]
[[can]]
name = "sim"
socket = "bus.sock"
bitrate = 500000
data_bitrate = 2000000
time_scale = 60
time_origin_ns = 1
time_wall_ns = 2
[[python_can]]
name = "stick"
options = { interface = "slcan", channel = "/dev/ttyACM0", bitrate = 500000 }
[[replay]]
name = "log"
file = "drive.log"
speed = 2
channel_databases = { can1 = ["b.dbc"] }
""",
    )
    can, sim, stick, log = config.sources
    assert isinstance(can, CanSettings)
    assert can.buses[0].databases == (tmp_path / "a.dbc",)
    assert isinstance(sim, CanSettings)
    assert sim.link == CanUnixSocket(tmp_path / "bus.sock")
    assert sim.simulated_time is not None
    assert (sim.simulated_time.scale, sim.simulated_time.origin_ns, sim.simulated_time.wall_ns) == (
        60.0,
        1,
        2,
    )
    assert (can.bit_rate, sim.bit_rate) == (None, BitRate(500_000, 2_000_000))
    assert isinstance(stick, PythonCanSettings)
    assert stick.bit_rate == BitRate(500_000)
    assert stick.options == {"interface": "slcan", "channel": "/dev/ttyACM0", "bitrate": 500000}
    assert isinstance(log, ReplaySettings)
    assert (log.speed, log.bus_of("can1"), log.bus_of("can2")) == (2.0, "log/can1", "log")
    assert log.buses[1].databases == (tmp_path / "b.dbc",)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("vehicle = 'x'\ncolour = 'red'\n[spool]\ndirectory = 's'", "colour: unknown key (known are: "),
        (
            "vehicle = 'x'\n[spool]\ndirectory = 's'\ncap_mb = 5",
            "spool.cap_mb: unknown key (did you mean cap_mib?)",
        ),
        ("vehicle = 'x'\n[spool]\ndirectory = 's'\ncap_mib = -5", "spool.cap_mib: must be above 0"),
        ("vehicle = 'x'\n[spool]\n", "spool.directory: is missing"),
        (
            "vehicle = 'x'\ninclued = []\n[spool]\ndirectory = 's'",
            "inclued: unknown key (did you mean include?)",
        ),
        ("vehicle = 7\n[spool]\ndirectory = 's'", "vehicle: must be text, not an integer"),
    ],
)
def test_a_wrong_key_or_value_is_named_by_its_path(tmp_path: Path, line: str, message: str) -> None:
    rest = "\n[influx]\nurl = 'http://h:1'\ndatabase = 'd'\n[[can]]\nname = 'can0'\n"
    assert refused(tmp_path, line + rest).startswith(message)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("[[can]]\nname = 'a/b'", "can[1].name: 'a/b' must be letters"),
        ("[[can]]\nname = 'can0'", "can[1].name: another source is already called 'can0'"),
        ("[[can]]\nname = 'b'\ndatabases = ['absent.dbc']", "can[1].databases: no such file: "),
        ("[[can]]\nname = 'b'\ninterface = 'c'\nsocket = 's'", "can[1].socket: stands beside interface"),
        (
            "[[can]]\nname = 'b'\ninterface = 'sixteen_letters_'",
            "can[1].interface: 'sixteen_letters_' is longer",
        ),
        ("[[can]]\nname = 'b'\nbitrate = 500", "can[1].bitrate: must be from 1000 to 1000000, not 500"),
        ("[[can]]\nname = 'b'\ndata_bitrate = 2000000", "can[1].data_bitrate: stands without bitrate"),
        ("[[python_can]]\nname = 'b'", "python_can[0].options.interface: is missing"),
        ("[[replay]]\nname = 'b'\nfile = 'absent.log'", "replay[0].file: no such file: "),
        ("[[replay]]\nname = 'b'\nfile = 'gateway.toml'\nspeed = 0", "replay[0].speed: must be above 0"),
    ],
)
def test_a_source_that_cannot_be_is_refused(tmp_path: Path, source: str, message: str) -> None:
    assert refused(tmp_path, MINIMAL + source).startswith(message)


@pytest.mark.parametrize("options", ["", ", bitrate = 'fast'", ", bitrate = 0", ", bitrate = true"])
def test_options_of_python_can_without_a_bit_rate_are_passed_on_all_the_same(
    tmp_path: Path, options: str
) -> None:
    stick = "[[python_can]]\nname = 'stick'\noptions = { interface = 'slcan'" + options + " }\n"
    source = load(tmp_path, MINIMAL + stick).sources[1]
    assert isinstance(source, PythonCanSettings)
    assert source.bit_rate is None


def test_a_service_without_a_source_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, MINIMAL.replace('[[can]]\nname = "can0"\n', "")).startswith("names no source")


def test_the_standard_variables_fill_in_what_the_file_leaves_out(tmp_path: Path) -> None:
    text = MINIMAL.replace('url = "http://127.0.0.1:8086"\ndatabase = "fleet"\n', 'api = "v2"\n')
    variables = {
        "INFLUXDB_V2_URL": "https://influx.example:8086",
        "INFLUXDB_V2_ORG": "fleet",
        "INFLUXDB_V2_BUCKET": "vans",
        "INFLUXDB_V2_TOKEN": "canary-token",
    }
    influx = load(tmp_path, text, variables).sink
    assert isinstance(influx, InfluxSettings)
    assert (influx.url, influx.api, influx.org, influx.bucket) == (
        "https://influx.example:8086",
        Api.V2,
        "fleet",
        "vans",
    )
    assert influx.token is not None
    assert influx.token.reveal() == "canary-token"
    assert "canary-token" not in repr(influx)


def test_a_token_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("canary-token\n")
    token.chmod(0o644)
    with pytest.raises(ConfigError, match=r"influx\.token_file: .*token: others may read it") as caught:
        load(tmp_path, MINIMAL.replace('database = "fleet"', 'database = "fleet"\ntoken_file = "token"'))
    assert "canary-token" not in str(caught.value)


def test_loading_touches_nothing(tmp_path: Path) -> None:
    load(tmp_path, MINIMAL)
    assert [path.name for path in tmp_path.iterdir()] == ["gateway.toml"]


def test_a_database_is_read_with_the_options_of_its_source(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL + 'value_texts = true\nid_masks = ["7F0", "1FFFFF00"]\n')
    (source,) = config.sources
    assert isinstance(source, CanSettings)
    masked = BusDatabases("can0", (), value_texts=True, standard_mask=0x7F0, extended_mask=0x1FFFFF00)
    assert source.buses == (masked,)
    reported = refused(tmp_path, MINIMAL + 'id_masks = ["FFF0000000"]\n')
    assert reported.startswith("can[0].id_masks: 'FFF0000000' is no id in hexadecimal")
    reported = refused(tmp_path, MINIMAL + "id_masks = [0x7F0]\n")
    assert reported.startswith("can[0].id_masks: must be a list of texts, not an integer")


def test_what_is_protected_is_read_with_the_rest(tmp_path: Path) -> None:
    entry = '[[protect]]\nmessage = "Pack"\nprofile = "e2e-5"\ndata_id = 0x1234\n'
    (protected,) = load(tmp_path, MINIMAL + entry).protect
    assert (protected.message, protected.data_id) == ("Pack", 0x1234)
    assert refused(tmp_path, MINIMAL + entry + 'crc_ = "X"\n').startswith("protect[0].crc_: unknown key")


def test_the_spools_folder_is_reported_of_a_configuration_that_is_wrong_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text("nonsense = 1\nvehicle = '${UNSET_ELSEWHERE}'\n[spool]\ndirectory = 'spool'\n")
    assert spool_directory(file) == tmp_path / "spool"
    assert spool_directory(tmp_path) == tmp_path / "spool"  # a folder of configuration
    (tmp_path / "spool").mkdir()
    assert spool_directory(tmp_path / "spool") == tmp_path / "spool"


def test_a_spools_folder_behind_one_that_may_not_be_entered_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: File name too long"):  # fails like a closed folder
        spool_directory(tmp_path / ("x" * 300))


@pytest.mark.parametrize("source", ['databases = ["{}"]', '[[replay]]\nname = "log"\nfile = "{}"'])
def test_files_behind_a_folder_that_may_not_be_entered_are_named_by_their_key(
    tmp_path: Path, source: str
) -> None:
    assert ": cannot be read: " in refused(tmp_path, MINIMAL + source.format("x" * 300))


@pytest.mark.parametrize("id", ["07E8", "7E80", "18DAF110F", "0x7E8F"])
def test_an_id_of_other_digits_than_3_or_8_is_refused_since_it_may_be_either(tmp_path: Path, id: str) -> None:
    reported = refused(tmp_path, f'{MINIMAL}isotp = [{{ id = "{id}" }}]\n')
    assert reported.startswith(f"can[0].isotp[0].id: '{id}' is no id in hexadecimal")


def test_mistakes_of_keys_in_one_table_are_reported_together_and_the_nearest_protocol_with_them(
    tmp_path: Path,
) -> None:
    text = """
vehicle = "van-7"
spool.directory = "spool"
[influx]
url = "127.0.0.1:8086"
databse = "x"
proxy = "http://user@proxy:3128"
[[can]]
name = "can0"
databases = ["nope.dbc"]
protocol = "gbt2793"
[[can]]
name = "can1"
protocol = "GBT27930"
"""
    with pytest.raises(SeveralConfigError) as caught:
        load(tmp_path, text)
    lines = [line.removeprefix(f"{tmp_path}/") for line in caught.value.lines()]
    assert [line.split(": ")[:2] for line in lines] == [
        ["gateway.toml:5", "influx.url"],
        ["gateway.toml:6", "influx.databse"],
        ["gateway.toml:7", "influx.proxy"],
        ["gateway.toml:10", "can[0].databases"],
        ["gateway.toml:11", "can[0].protocol"],
        ["gateway.toml:14", "can[1].protocol"],
    ]
    assert lines[0].endswith("must be http://HOST:PORT or https://HOST:PORT")
    assert lines[2].endswith("a login at a proxy is not supported)")
    assert all(line.endswith("(did you mean gbt27930?)") for line in lines[4:])


def test_an_address_of_a_variable_is_checked_as_one_of_the_file_is(tmp_path: Path) -> None:
    text = 'vehicle = "v"\nspool.directory = "s"\n[influx]\ndatabase = "x"\n[[can]]\nname = "can0"\n'
    with pytest.raises(ConfigError, match=r"influx\.url: must be http://HOST:PORT"):
        load(tmp_path, text, {"INFLUXDB_V2_URL": "127.0.0.1:8086"})
