"""`telemetry.read` and `open_log`: what they return, warn of and refuse. tests/integration has the values."""

import copy
import shutil
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import telemetry
from firmware_sim.wire.modbus_registers import reply, request

np = pytest.importorskip("numpy")  # there are no wheels for 32 bits
pd = pytest.importorskip("pandas")

DBC = """VERSION ""
BU_: BMS
BO_ 256 Pack: 5 BMS
 SG_ Page M : 0|8@1+ (1,0) [0|0] "" BMS
 SG_ Volts m0 : 8|16@1+ (0.1,0) [0|0] "V" BMS
 SG_ Amps m1 : 8|16@1- (0.1,0) [0|0] "A" BMS
 SG_ State : 24|8@1+ (1,0) [0|0] "" BMS
 SG_ Counter m0 : 32|8@1+ (1,0) [0|0] "" BMS
VAL_ 256 State 0 "off" 1 "on" ;
"""
LOG = (
    "(1.000000001) can0 100#00A00F0107\n"
    "(1.5) can1 100#01FFFF0000\n"
    "(2.0) can0 123#00\n"
    "(2.5) can0 18FF50E5##1A00B\n"
)
REMOTE = "(3.0) can1 101#R\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("ev.dbc").write_text(DBC)
    Path("bus.log").write_text(LOG)
    return tmp_path


def test_a_table_has_names_units_rows_and_columns() -> None:
    tables = telemetry.read("bus.log", databases="ev.dbc")
    assert list(tables) == ["Pack"]
    pack = tables["Pack"]
    assert pack.columns == ("time", "channel", "id", "Page", "Volts", "Amps", "State", "Counter")
    assert pack.units == {"Volts": "V", "Amps": "A"}
    assert (pack.name, len(pack)) == ("Pack", 2)
    assert pack.column("time").tolist() == [1_000_000_001, 1_500_000_000]
    assert pack.column("channel").tolist() == ["can0", "can1"]
    np.testing.assert_array_equal(pack.column("Volts"), [400.0, np.nan])
    np.testing.assert_array_equal(pack.column("Amps"), [np.nan, -0.1])
    np.testing.assert_array_equal(pack.column("Counter"), [7, np.nan])
    assert pack.column("State").dtype == "int64"


def test_a_piece_of_unknown_frames_counts_with_those_beside_it_and_is_refused_alone() -> None:
    Path("unknown.log").write_text("(3.0) can0 123#00\n")
    for pieces in [("bus.log", "unknown.log"), ("unknown.log", "bus.log")]:
        assert len(telemetry.read(*pieces, databases="ev.dbc")["Pack"]) == 2
    with pytest.raises(telemetry.TelemetryError, match=r"^unknown\.log: holds 1 frame, and no known message"):
        telemetry.read("unknown.log", databases="ev.dbc")


def test_a_dataframe_has_the_time_as_its_index_and_keeps_whole_numbers_whole() -> None:
    frame = telemetry.read("bus.log", databases="ev.dbc")["Pack"].to_pandas()
    assert frame.index.name == "time"
    assert frame.index[0] == pd.Timestamp("1970-01-01T00:00:01.000000001Z")
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "channel": "category",
        "id": "uint32",
        "Page": "int64",
        "Volts": "float64",
        "Amps": "float64",
        "State": "int64",
        "Counter": "Int64",
    }
    assert frame["Counter"].isna().tolist() == [False, True]
    assert frame.attrs["units"] == {"Volts": "V", "Amps": "A"}


def test_loaded_databases_serve_many_reads_and_say_what_is_in_them() -> None:
    databases = telemetry.load_databases("ev.dbc", value_texts=True)
    assert databases.messages == ("Pack",)
    assert databases.units("Pack") == {
        "Page": "",
        "Volts": "V",
        "Amps": "A",
        "State": "",
        "State_text": "",
        "Counter": "",
    }
    for _ in range(2):
        pack = telemetry.read("bus.log", databases=databases)["Pack"]
        assert pack.column("State_text").tolist() == ["on", "off"]
        assert list(pack.to_pandas()["State_text"]) == ["on", "off"]


def test_a_channel_may_have_databases_of_its_own_and_a_folder_is_all_that_are_in_it(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="can1: no database"):
        tables = telemetry.read("bus.log", databases={"can0": ["ev.dbc"]})
    assert tables["Pack"].column("channel").tolist() == ["can0"]
    assert len(telemetry.read("bus.log", databases=tmp_path)["Pack"]) == 2


@pytest.mark.parametrize(
    ("bounds", "seconds"),
    [
        ({"from_time": "+0.4"}, [1.5]),
        ({"to_time": "1.5"}, [1.000000001]),
        ({"from_time": "1970-01-01T00:00:01Z", "to_time": "+0.4"}, [1.000000001]),
        ({"from_time": datetime(1970, 1, 1, 0, 0, 1, 200_000, tzinfo=UTC)}, [1.5]),
        ({"from_time": pd.Timestamp("1970-01-01T00:00:01.000000001Z")}, [1.000000001, 1.5]),
        ({"from_time": pd.Timestamp("1970-01-01T00:00:01.000000002Z")}, [1.5]),
    ],
)
def test_bounds_of_time_choose_frames(bounds: dict[str, Any], seconds: list[float]) -> None:
    pack = telemetry.read("bus.log", databases="ev.dbc", **bounds)["Pack"]
    assert pack.column("time").tolist() == [round(each * 1e9) for each in seconds]


def test_globs_choose_signals() -> None:
    for given in ("Volts", ["Pack.V*"]):
        pack = telemetry.read("bus.log", databases="ev.dbc", signals=given)["Pack"]
        assert pack.columns == ("time", "channel", "id", "Volts")
        assert pack.column("Volts").tolist() == [400.0]


def test_masks_compare_some_bits_of_ids() -> None:
    Path("masked.log").write_text("(1.0) can0 105#00A00F0107\n(2.0) can0 205#00A00F0107\n")
    of_files = telemetry.read("masked.log", databases="ev.dbc", id_masks=["7F0"])
    loaded = telemetry.load_databases("ev.dbc", id_masks=["7F0"])
    for tables in (of_files, telemetry.read("masked.log", databases=loaded)):
        assert tables["Pack"].column("id").tolist() == [0x105]


def test_messages_of_several_frames_are_put_together() -> None:
    """ISO 15765-2: a first frame with 10 as the length, and the rest."""
    Path("long.dbc").write_text(
        'VERSION ""\nBU_: E\nBO_ 2024 Long: 10 E\n SG_ Last : 72|8@1+ (1,0) [0|0] "" E\n'
    )
    Path("long.log").write_text("(1.0) can0 7E8#100A000102030405\n(1.1) can0 7E8#2106070809555555\n")
    for given in ("long.dbc", telemetry.load_databases("long.dbc")):
        (last,) = telemetry.read("long.log", databases=given, isotp=["7E8"])["Long"].column("Last")
        assert last == 9


def test_frames_that_fail_their_check_are_left_out() -> None:
    Path("alive.dbc").write_text(
        'VERSION ""\nBU_: E\nBO_ 256 Pack: 2 E\n SG_ Alive : 0|8@1+ (1,0) [0|0] "" E\n'
        ' SG_ Volts : 8|8@1+ (1,0) [0|0] "" E\n'
    )
    Path("alive.log").write_text("".join(f"({at}.0) can0 100#{at:02X}{at:02X}\n" for at in (1, 2, 2, 3)))
    Path("alive.toml").write_text(
        '[[protect]]\nmessage = "Pack"\nprofile = "counter"\ncounter = "Alive"\non_error = "drop"\n'
    )
    with pytest.warns(UserWarning, match="counter") as caught:
        tables = telemetry.read("alive.log", databases="alive.dbc", protect="alive.toml")
    words = sorted(str(each.message) for each in caught)
    assert words == ["Pack: frames with a repeated counter: 1", "frames left out (bad counter): 1"]
    assert tables["Pack"].column("Volts").tolist() == [1, 2, 3]


def test_frames_that_all_fail_their_check_are_known_beside_an_unknown_one() -> None:
    Path("zero.dbc").write_text('VERSION ""\nBU_: E\nBO_ 256 Pack: 2 E\n SG_ V : 8|8@1+ (1,0) [0|0] "" E\n')
    Path("zero.toml").write_text(
        '[[protect]]\nmessage = "Pack"\nprofile = "crc8-j1850"\ncrc = "V"\non_error = "drop"\n'
    )
    Path("zero.log").write_text("(1.0) can0 100#0102\n(2.0) can0 100#0103\n(3.0) can0 7DF#00\n")
    with pytest.warns(UserWarning, match="wrong|bad") as caught:
        assert not telemetry.read("zero.log", databases="zero.dbc", protect="zero.toml")
    words = sorted(str(each.message) for each in caught)
    assert words == ["Pack: frames with a wrong checksum: 2", "frames left out (bad crc): 2"]


def test_frames_of_a_protocol_are_chosen_by_time_and_put_together_likewise() -> None:
    """Elcon's status: 402.1 V; by ISO 15765-2 its 8 bytes are a first frame of 6 and another of 2."""
    plain = "".join(f"({at}.0) can0 18FF50E5#0FB5006400000000\n" for at in (1, 2, 3))
    Path("elcon.log").write_text(plain)
    chosen = telemetry.read("elcon.log", protocol="elcon", from_time="+1", to_time="3")
    assert chosen["charger"].column("time").tolist() == [2_000_000_000]
    Path("parts.log").write_text(
        "(1.0) can0 18FF50E5#10080FB500640000\n(1.1) can0 18FF50E5#2100005555555555\n"
    )
    parts = telemetry.read("parts.log", protocol="elcon", isotp=["18FF50E5"])
    assert parts["charger"].column("voltage_v").tolist() == [402.1]


def _meter() -> Path:
    """Two replies of a meter, 230.5 V then 229 V, with the registers after the voltage as well."""
    file = Path("meter.capture")
    talk = [
        ("TX", request(7, 4, 0, 2)),
        ("RX", reply(7, 4, [2305, 0xFFF6])),
        ("TX", request(7, 4, 0, 2)),
        ("RX", reply(7, 4, [2290, 10])),
    ]
    file.write_text("".join(f"({n}.0) ttyUSB0 {way} {data.hex()}\n" for n, (way, data) in enumerate(talk)))
    return file


def test_registers_of_a_map_are_values_and_without_one_they_are_shown_as_they_are() -> None:
    Path("map.toml").write_text(
        'title = "meter"\n[[register]]\nname = "volts"\nfunction = 4\nregister = 0\ntype = "u16"\n'
        'scale = 0.1\nto = "meter.voltage_v"\n'
    )
    meter = telemetry.read(_meter(), protocol="modbus", registers="map.toml")["meter"]
    assert meter.column("voltage_v").tolist() == [230.5, 229.0]
    raw = telemetry.read(_meter(), protocol="modbus")["Registers"]
    assert raw.column("r00001").tolist() == [0xFFF6, 10]
    assert "meter" in telemetry.read(_pzem(), protocol="modbus", registers="pzem_017")


def _pzem() -> Path:
    file = Path("pzem.capture")
    talk = f"(1.0) p TX {request(1, 4, 0, 8).hex()}\n(1.1) p RX {reply(1, 4, [5290, 123] + [0] * 6).hex()}\n"
    file.write_text(talk)
    return file


def test_several_logs_are_one() -> None:
    again = Path(shutil.copy("bus.log", "again.log"))
    assert len(telemetry.read("bus.log", again, databases="ev.dbc", jobs=1)["Pack"]) == 4


def test_a_warning_of_the_command_is_a_warning_at_the_callers_line() -> None:
    Path("bus.log").write_text(LOG + "(4.0) can0 nonsense\n")
    with pytest.warns(UserWarning, match=r"bus.log:5 .*: no frame, skipped") as caught:
        telemetry.read("bus.log", databases="ev.dbc")
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "read: nothing says what the logs hold"),
        ({"databases": "ev.dbc", "on_error": "ignore"}, 'on_error: \'ignore\' is neither "skip" nor "raise"'),
        ({"databases": "ev.dbc", "log_column": "yes"}, "log_column: 'yes' is neither True nor False"),
        ({"databases": "ev.dbc", "protocol": "jbd"}, "read: databases and protocol say what the logs hold"),
        ({"databases": "missing.dbc"}, "missing.dbc: cannot be read: No such file"),
        ({"databases": "ev.dbc", "from_time": "noon"}, "from_time: 'noon' is not a time like +90"),
        ({"databases": "ev.dbc", "to_time": 5}, 'to_time: 5 is neither a datetime nor a text (as "5")'),
        (
            {"databases": "ev.dbc", "to_time": pd.Timestamp("2023-01-01")},
            "to_time: '2023-01-01T00:00:00' has no time zone (give tzinfo=datetime.UTC",
        ),
        ({"databases": "ev.dbc", "from_time": "+5", "to_time": "+3"}, "to_time: is before from_time"),
        (
            {"databases": "ev.dbc", "from_time": "2023-01-02", "to_time": "1672531200"},  # a day before
            "to_time: is before from_time",
        ),
        (
            {"databases": "ev.dbc", "signals": "Vlots"},
            'signals: no signal is called "Vlots" (nearest: Pack.Volts',
        ),
        ({"databases": "ev.dbc", "isotp": ["8FF"]}, "isotp: "),
        ({"databases": "ev.dbc", "id_masks": ["F0F"]}, "id_masks: "),
        ({"databases": "ev.dbc", "protect": "ev.toml"}, "ev.toml: "),
        (
            {"config": "gateway.toml", "signals": "Volts"},
            "signals: stands beside config (the configuration decides it)",
        ),
        (
            {"protocol": "jbd", "from_time": "+1"},
            "from_time: stands beside a serial protocol (it is for logs of CAN)",
        ),
        ({"protocol": "jbd", "protect": "x.toml"}, "protect: stands beside protocol (leave it out)"),
        ({"protocol": "telegraph"}, "protocol: no protocol is called 'telegraph' (known are "),
        ({"protocol": "modbus", "registers": "no.toml"}, "no.toml: "),
        (
            {"protocol": "jbd", "registers": "pzem_017"},
            'registers: stands without modbus (say protocol="modbus")',
        ),
        ({"config": "missing.toml"}, "missing.toml: "),
        ({"databases": "ev.dbc", "source": "can0"}, "source: stands without config"),
    ],
)
def test_what_cannot_be_read_is_one_line(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(telemetry.TelemetryError) as raised:
        telemetry.read("bus.log", **arguments)
    assert str(raised.value).startswith(words)


def test_masks_of_loaded_databases_were_given_before() -> None:
    loaded = telemetry.load_databases("ev.dbc")
    with pytest.raises(telemetry.TelemetryError, match=r"id_masks: stands beside Databases \(load_databases"):
        telemetry.read("bus.log", databases=loaded, id_masks=["7F0"])


def test_a_log_that_is_not_there_is_one_line() -> None:
    for call in (lambda: telemetry.read("x.log", databases="ev.dbc"), lambda: telemetry.open_log("x.log")):
        with pytest.raises(telemetry.TelemetryError, match=r"^x.log: No such file or directory$"):
            call()
    with pytest.raises(telemetry.TelemetryError, match="names no log"):
        telemetry.read(databases="ev.dbc")


def test_a_name_that_is_not_there_is_a_key_error_that_names_the_nearest() -> None:
    tables = telemetry.read("bus.log", databases="ev.dbc")
    with pytest.raises(telemetry.TelemetryError, match=r"no rows of 'pac' \(there are Pack\)"):
        tables["pac"]
    with pytest.raises(
        telemetry.TelemetryError, match=r"Pack: no column is called 'volt' \(there are Volts\)"
    ):
        tables["Pack"].column("volt")
    assert tables.get("pac") is None
    assert "pac" not in tables


def test_a_log_is_arrays_of_its_frames() -> None:
    Path("bus.log").write_text(LOG + REMOTE)
    log = telemetry.open_log("bus.log")
    assert (len(log), log.channels) == (5, ("can0", "can1"))
    assert log.time_ns.tolist() == [1_000_000_001, 1_500_000_000, 2_000_000_000, 2_500_000_000, 3_000_000_000]
    assert log.channel.tolist() == [0, 1, 0, 0, 1]
    assert log.id.tolist() == [0x100, 0x100, 0x123, 0x18FF50E5, 0x101]
    assert log.length.tolist() == [5, 5, 1, 2, 0]
    assert log.flags.tolist() == [0, 0, 0, log.FD | log.BRS | log.EXTENDED, log.REMOTE]
    assert log.data.shape == (5, 8)
    assert log.data[3].tolist() == [0xA0, 0x0B, 0, 0, 0, 0, 0, 0]


def test_payloads_of_can_fd_have_rows_as_long_as_the_longest(tmp_path: Path) -> None:
    Path("fd.log").write_text("(1.0) can0 100##0" + "AB" * 64 + "\n(2.0) can0 101#11\n")
    log = telemetry.open_log("fd.log")
    assert log.data.shape == (2, 64)
    assert log.data[0].tolist() == [0xAB] * 64
    assert log.data[1].tolist() == [0x11] + [0] * 63


def test_a_log_without_frames_has_arrays_without_rows() -> None:
    Path("empty.log").write_text("")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        log = telemetry.open_log("empty.log")
    assert (len(log), log.data.shape, log.time_ns.shape) == (0, (0, 8), (0,))


def test_without_pandas_or_numpy_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    pack = telemetry.read("bus.log", databases="ev.dbc")["Pack"]
    for package, call in (("pandas", pack.to_pandas), ("numpy", lambda: pack.column("Volts"))):
        monkeypatch.setitem(__import__("sys").modules, package, None)
        with pytest.raises(telemetry.TelemetryError, match=rf"needs the package {package} \(pip install"):
            call()


def test_a_name_in_place_of_an_item_is_an_attribute_error_that_says_how_it_is_written() -> None:
    tables = telemetry.read("bus.log", databases="ev.dbc")
    with pytest.raises(AttributeError, match=r'is called \'Pack\': say tables\["Pack"\]$'):
        getattr(tables, "Pack")  # noqa: B009 - a type checker knows that there is none
    with pytest.raises(AttributeError, match=r'is called \'Volts\': say table\["Volts"\]$'):
        getattr(tables["Pack"], "Volts")  # noqa: B009
    with pytest.raises(AttributeError, match=r"say tables\.wide\(\)"):
        getattr(tables["Pack"], "wide")  # noqa: B009
    assert not hasattr(tables, "Pakc")
    assert copy.deepcopy(tables)["Pack"].columns == tables["Pack"].columns
