"""`nev-telemetry decode --config`: which source a log is of, what is refused, and what text comes out."""

import csv
import json
from pathlib import Path

import pytest

from telemetry.__main__ import main
from tests.support.lineprotocol import parse_lines
from tests.support.scripted_server import ScriptedServer

DBC = """VERSION ""
BU_: BMS
BO_ 256 {message}: 4 BMS
 SG_ Volts : 0|16@1+ (0.1,0) [0|0] "V" BMS
 SG_ Fault : 16|8@1+ (1,0) [0|0] "" BMS
"""
TOP = 'vehicle = "van"\n[influx]\nurl = "http://127.0.0.1:1"\ndatabase = "d"\n[spool]\ndirectory = "spool"\n'
CAN = '[[can]]\nname = "{name}"\ninterface = "{interface}"\ndatabases = ["{file}.dbc"]\n'
MAP = """[[map]]
signal = "One.Volts"
to = "battery.voltage_v"
[[map]]
signal = "One.Fault"
to = "event.bms_fault"
"""
TRACTION = CAN.format(name="traction", interface="can0", file="one")
BODY = CAN.format(name="body", interface="can1", file="two")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Databases, a log of two channels, and the working directory of the command."""
    for name, message in (("one", "One"), ("two", "Two")):
        (tmp_path / f"{name}.dbc").write_text(DBC.format(message=message))
    monkeypatch.chdir(tmp_path)
    for variable in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    return tmp_path


def write_log(*channels: str, fault: int = 0) -> None:
    lines = (f"(1.{n}) {channel} 100#A00F{fault:02X}00\n" for n, channel in enumerate(channels))
    Path("bus.log").write_text("".join(lines))


def decode(sources: str, *arguments: str, output: str = "lp") -> tuple[int, str]:
    """Return the exit code and the output. The configuration has no usable key of a server."""
    Path("gateway.toml").write_text(TOP + sources)
    command = ["decode", "--config", "gateway.toml", "--format", output, "-o", "out", *arguments, "bus.log"]
    code = main(command)
    return code, Path("out").read_text() if Path("out").exists() else ""


def measurements(text: str) -> set[tuple[str, str]]:
    return {(point.measurement, point.tags["source"]) for point in parse_lines(text.encode())}


def test_a_channel_is_the_source_of_its_interface_or_name() -> None:
    write_log("can0", "can1", "traction")
    code, text = decode(TRACTION + BODY)
    assert (code, measurements(text)) == (0, {("One", "traction"), ("Two", "body")})


def test_the_only_bus_is_every_channel_and_serial_ports_are_none() -> None:
    write_log("vcan7")
    port = '[[serial]]\nname = "bms"\nport = "/dev/nowhere"\nprotocol = "jbd"\n'
    code, text = decode(port + TRACTION)
    assert (code, measurements(text)) == (0, {("One", "traction")})


@pytest.mark.parametrize("named", ["can0", "traction"])
@pytest.mark.parametrize("arguments", [[], ["--source", "traction"]])
def test_where_a_channel_has_the_name_of_the_only_bus_no_other_one_is_it(
    named: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    write_log(named, "can1", named, "can2")
    code, text = decode(TRACTION, *arguments)
    reported = capsys.readouterr().err
    assert (code, text.count("One,")) == (0, 4 if arguments else 2)
    for other in ("can1", "can2"):
        line = f"{other}: left out: it is no source of gateway.toml, whose only one is {named}"
        assert (line in reported) is not bool(arguments)
    write_log("can1", named)
    code, _ = decode(TRACTION, *arguments)
    words = (
        f"gateway.toml: the channel '{named}' is traction, and 'can1' came before it (give 'can1' a source"
    )
    assert (code, words in capsys.readouterr().err) == ((0, False) if arguments else (64, True))


def test_a_source_that_is_named_is_every_channel() -> None:
    write_log("can0", "can7")
    code, text = decode(TRACTION + BODY, "--source", "body")
    assert (code, measurements(text)) == (0, {("Two", "body")})


def test_a_log_of_the_configuration_has_its_databases_by_channel() -> None:
    write_log("can0", "can1")
    replay = '[[replay]]\nname = "log"\nfile = "bus.log"\ndatabases = ["one.dbc"]\n'
    code, text = decode(replay + '[replay.channel_databases]\ncan1 = ["two.dbc"]\n')
    assert (code, measurements(text)) == (0, {("One", "can0"), ("Two", "can1")})


@pytest.mark.parametrize(
    ("channel", "arguments", "words"),
    [
        (
            "can7",
            [],
            "gateway.toml: no source fits the channel 'can7' (choose by --source NAME: traction or body)",
        ),
        (
            "can0",
            ["--source", "none"],
            "gateway.toml: has no source 'none' (choose by --source NAME: traction or",
        ),
    ],
)
def test_a_choice_that_cannot_be_made_is_one_line_that_says_how(
    channel: str, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_log(channel)
    code, _ = decode(TRACTION + BODY, *arguments)
    reported = capsys.readouterr().err
    assert (code, reported.count("\n")) == (64, 1)
    assert words in reported


@pytest.mark.parametrize(
    "option",
    [
        ["--dbc", "one.dbc"],
        ["--protocol", "jbd"],
        ["--messages"],
        ["--vehicle", "car"],
        ["--first-wins"],
        ["--j1939"],
        ["--keep-not-available"],
        ["--value-texts"],
        ["--id-mask", "7F0"],
        ["--protect", "protect.toml"],
        ["--isotp", "7E8"],
        ["--isotp-length"],
        ["--isotp-extended-addressing"],
    ],
)
def test_what_the_configuration_decides_is_no_option_beside_it(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    write_log("can0")
    code, text = decode(TRACTION, *option)
    reported = capsys.readouterr().err
    assert (code, text, reported.count("\n")) == (64, "", 1)
    assert f"--config: stands beside {option[0]} " in reported


def test_a_source_without_a_database_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    write_log("can9")
    code, text = decode('[[can]]\nname = "bare"\n')
    assert (code, text) == (65, "")
    assert "bus.log: can9: source bare of" in capsys.readouterr().err


def test_csv_and_ndjson_have_the_data_model_and_its_events() -> None:
    write_log("can0", fault=1)
    _, text = decode(TRACTION + MAP, output="csv")
    assert text.splitlines()[1:] == [
        "1000000000,traction,100,One,Volts,400,,,traction",
        "1000000000,traction,100,One,Fault,1,,,traction",
        "1000000000,traction,,event,code,111,main,,traction",
        "1000000000,traction,,event,level,2,main,,traction",
        "1000000000,traction,,event,active,1,main,,traction",
        "1000000000,traction,,battery,voltage_v,400,main,,traction",
    ]
    _, text = decode(TRACTION + MAP, output="ndjson")
    assert [(row["message"], row["signals"]) for row in map(json.loads, text.splitlines())] == [
        ("One", {"Volts": 400, "Fault": 1}),
        ("event", {"code": 111, "level": 2, "active": True}),
        ("battery", {"voltage_v": 400}),
    ]


def test_an_archive_reaches_the_data_model_in_the_configured_database() -> None:
    write_log("can0", "can0", fault=1)
    _, text = decode(TRACTION + MAP)
    Path("out").unlink()
    with ScriptedServer() as server:
        top = TOP.replace("http://127.0.0.1:1", server.url)
        Path("gateway.toml").write_text(top + TRACTION + MAP)
        assert main(["decode", "--config", "gateway.toml", "--format", "influx", "bus.log"]) == 0
        assert server.stored == set(text.encode().splitlines())
    assert {"battery", "event", "One"} == {point.measurement for point in parse_lines(text.encode())}


def test_no_secret_and_no_folder_of_the_service_is_needed_for_text(folder: Path) -> None:
    write_log("can0")
    secret = '[influx]\nurl = "http://127.0.0.1:1"\ndatabase = "d"\ntoken_file = "/nowhere/token"\n'
    Path("gateway.toml").write_text(f'vehicle = "van"\n{secret}[spool]\ndirectory = "spool"\n{TRACTION}')
    assert main(["decode", "--config", "gateway.toml", "--format", "lp", "-o", "out", "bus.log"]) == 0
    assert Path("out").read_text().startswith("One,source=traction,vehicle=van ")
    assert not (folder / "spool").exists()


def test_events_of_wide_csv_have_columns_after_those_of_the_rows() -> None:
    write_log("can0", fault=1)
    code, text = decode(TRACTION + MAP, "--wide", output="csv")
    header, *rows = csv.reader(text.splitlines())
    assert (code, {len(row) for row in rows}) == (0, {len(header)})
    named = [{name: value for name, value in zip(header, row, strict=True) if value} for row in rows]
    assert {"One.Volts": "400", "One.Fault": "1"}.items() <= named[0].items()
    assert [one["event.code"] for one in named if "event.code" in one] == ["111"]  # bms_fault
    assert header.index("battery.voltage_v") < header.index("event.code")


@pytest.mark.parametrize("option", [["--from", "+5"], ["--to", "+5"], ["--unknown"]])
def test_what_a_capture_of_a_serial_port_cannot_have_is_refused(
    option: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    Path("bus.log").write_text("(1.0) bms TX DDA50300FFFD77\n")
    port = '[[serial]]\nname = "bms"\nport = "/dev/nowhere"\nprotocol = "jbd"\n'
    assert decode(port, *option, output="csv") == (64, "")
    assert f"{option[0]}: is for logs of CAN (leave it out for a serial port)" in capfd.readouterr().err
