"""`signals`: what is listed of a database, and what of a log, against cantools and against `decode`."""

import csv
import io
import json
import re
from collections import defaultdict
from pathlib import Path

import cantools
import pytest
from cantools.database.can import Database

from firmware_sim.wire.broadcast import VEHICLE_DBC
from tests.support.command import command, failed, noted, printed

DATA = Path(__file__).parents[2] / "data"
LOG, DBC = str(DATA / "drive.log"), str(DATA / "drive.dbc")
CHARGE = str(Path(__file__).parents[3] / "examples" / "charge.log")


def run(*arguments: object, code: int = 0) -> str:
    return failed(code, *arguments) if code else printed(*arguments)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("dbc", [DBC, str(VEHICLE_DBC)])
def test_a_database_has_the_signals_units_and_ranges_that_cantools_reads(dbc: str) -> None:
    database = cantools.database.load_file(dbc)
    assert isinstance(database, Database)
    expected = {
        (message.name, signal.name): (signal.unit or "", signal.minimum, signal.maximum)
        for message in database.messages
        for signal in message.signals
    }
    listed = rows(run("signals", dbc, "--format", "csv"))
    assert {(row["message"], row["signal"]) for row in listed} == expected.keys()
    for row in listed:
        unit, minimum, maximum = expected[row["message"], row["signal"]]
        assert row["unit"] == unit
        if minimum == maximum:  # [0|0], or None as cantools has it
            assert (row["minimum"], row["maximum"]) == ("", "")
        else:
            assert (float(row["minimum"]), float(row["maximum"])) == (minimum, maximum)


@pytest.mark.parametrize(("log", "dbc"), [(LOG, DBC), (CHARGE, str(VEHICLE_DBC))])
def test_counts_and_extremes_are_those_of_the_rows_that_decode_writes(log: str, dbc: str) -> None:
    texts: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for row in rows(run("decode", log, "--dbc", dbc)):
        texts[row["channel"], row["message"], row["signal"]].append(row["value"])
    listed = rows(run("signals", log, "--dbc", dbc, "--format", "csv"))
    named = [((row["channel"], row["message"], row["signal"]), row) for row in listed]
    assert {name for name, row in named if row["values"] != "0"} == texts.keys()
    for name, row in named:
        values = texts[name]
        assert row["values"] == str(len(values))
        if values:
            ends = (min(values, key=float), max(values, key=float), values[-1])
            assert (row["lowest"], row["highest"], row["last"]) == ends


def test_the_table_has_messages_with_their_signals_beneath() -> None:
    lines = run("signals", LOG, DBC).splitlines()
    assert lines[0].split() == ["signal", "unit", "range", "values", "lowest", "highest", "last"]
    assert "PackState  100  8 bytes  can0  3 frames  every 50 ms" in lines
    voltages = [line.split() for line in lines if line.startswith("  Voltage")]
    assert voltages == [
        ["Voltage", "V", "0", "…", "1000", "3", "401.1", "401.2", "401.1"],
        ["Voltage", "V", "0", "…", "1000", "1", "12.6", "12.6", "12.6"],
    ]


def test_the_word_of_the_last_value_stands_beside_it() -> None:
    (line,) = (
        line for line in run("signals", CHARGE, str(VEHICLE_DBC)).splitlines() if "MainContactorPlus" in line
    )
    assert line.split()[-2:] == ["1", "closed"]


def test_json_has_numbers_and_the_value_table() -> None:
    message, other = json.loads(run("signals", LOG, DBC, "--format", "json", "--signal", "Voltage"))
    assert (message["name"], message["id"], message["rows"]) == ("PackState", "100", 3)
    assert (message["channel"], other["channel"]) == ("can0", "can1")
    (signal,) = message["signals"]
    assert signal["seen"] == {"values": 3, "lowest": 401.1, "highest": 401.2, "last": 401.1, "word": None}
    words = json.loads(run("signals", str(VEHICLE_DBC), "--format", "json", "--signal", "MainContactorPlus"))
    assert words[0]["signals"][0]["words"] == {"0": "open", "1": "closed"}


def test_messages_that_never_came_are_counted_and_listed_on_demand() -> None:
    some = command("signals", CHARGE, VEHICLE_DBC)
    assert "10 of 15 messages are not in the log (--all lists them)" in some.stderr
    everything = run("signals", CHARGE, VEHICLE_DBC, "--all")
    assert len(everything) > len(some.stdout)
    assert "none" in everything


THREE = [
    "signals --dbc",
    "plot Voltage --dbc",
    "decode --dbc",
    "decode --wide --dbc",
    "decode --format lp --dbc",
]


@pytest.mark.parametrize("command", THREE)
def test_a_log_of_which_no_frame_has_a_message_is_an_error_and_leaves_no_output(
    tmp_path: Path, command: str
) -> None:
    log, output = tmp_path / "other.log", tmp_path / "values.png"
    log.write_text("(2.0) can0 7AA#00\n" * 200)
    name, *options = command.split()
    to = ["-o", str(output)] if name != "signals" else []
    said = run(name, str(log), *options, DBC, *to, code=65)
    assert said.startswith(f"nev-telemetry: {log}: holds 200 frames, and no")
    assert said.endswith(
        "(are databases and protocol those of this bus? scan --log finds what fits, "
        "look shows what is there)\n"
    )
    assert not output.exists()


@pytest.mark.parametrize("command", THREE)
def test_a_log_of_which_hardly_a_frame_has_a_message_is_a_warning(tmp_path: Path, command: str) -> None:
    log = tmp_path / "other.log"
    log.write_text("(1.0) can0 100#0000000000000000\n" + "(2.0) can0 7AA#00\n" * 200)
    name, *options = command.split()
    to = ["-o", str(tmp_path / "values.png")] if name != "signals" else []
    assert "1 of 201 frames have a known message: are databases and protocol" in noted(
        name, log, *options, DBC, *to
    )


@pytest.mark.parametrize(("protocol", "least"), [("chademo", 100), ("gbt27930", 100), ("huawei_r48xx", 5)])
def test_of_a_plugs_bus_a_protocol_has_more_frames_than_of_a_shared_one(
    tmp_path: Path, protocol: str, least: int
) -> None:
    id = {"chademo": "109", "gbt27930": "1801F456", "huawei_r48xx": "1081407F"}[protocol]
    for known, warns in ((least - 1, True), (least, False)):
        log = tmp_path / f"{known}.log"
        log.write_text(f"(1.0) can0 {id}#0175000000000000\n" * known + "(2.0) can0 7AA#00\n" * (500 - known))
        said = noted("decode", str(log), "--protocol", protocol)
        assert (f"{known:,} of 500 frames have a known message" in said) is warns


GBT = "(1.0) can0 1801F456#AA01000000000000\n(2.0) can0 1801FF56#AA02000000000000\n(2.5) can0 182756F4#D007\n"


@pytest.fixture
def recordings(tmp_path: Path) -> dict[str, str]:
    """Return the path of a recording for each kind of protocol."""
    (tmp_path / "charge.log").write_text(GBT)
    return {"gbt27930": str(tmp_path / "charge.log"), "jbd": str(DATA / "jbd.txt")}


@pytest.mark.parametrize("protocol", ["gbt27930", "jbd"])
def test_a_recording_of_a_protocol_holds_the_values_that_decode_writes_of_its_messages(
    recordings: dict[str, str], protocol: str
) -> None:
    options = [recordings[protocol], "--protocol", protocol]
    values: dict[tuple[str, ...], list[str]] = defaultdict(list)
    messages = {row["name"] for row in json.loads(run("signals", "--protocol", protocol, "--format", "json"))}
    for row in rows(run("decode", *options, "--messages")):
        if row["message"] in messages:
            values[row["channel"], row["message"], row["signal"]].append(row["value"])
    listed = rows(run("signals", *options, "--format", "csv"))
    assert {(row["channel"], row["message"], row["signal"]) for row in listed} == values.keys()
    for row in listed:
        of_signal = values[row["channel"], row["message"], row["signal"]]
        ends = (min(of_signal, key=float), max(of_signal, key=float), of_signal[-1])
        assert (row["values"], row["lowest"], row["highest"], row["last"]) == (str(len(of_signal)), *ends)


def test_a_message_with_several_ids_is_listed_once_with_all_of_them(recordings: dict[str, str]) -> None:
    lines = run("signals", recordings["gbt27930"], "--protocol", "gbt27930").splitlines()
    assert "CRM  1801F456 1801FF56  8 bytes  2 frames  every 1 s" in lines
    assert "BHM  182756F4 1827FFF4  2 bytes  1 frame" in lines


def test_signals_of_a_protocol_that_a_device_does_not_have_are_listed_on_demand(
    recordings: dict[str, str],
) -> None:
    options = ["signals", recordings["jbd"], "--protocol", "jbd"]
    assert "none" not in run(*options)
    assert len(re.findall("temperature16 +none", run(*options, "--all"))) == 1


def test_registers_of_modbus_need_a_map_or_a_capture() -> None:
    assert "add --registers FILE, or a capture" in run("signals", "--protocol", "modbus", code=64)
    listed = rows(run("signals", "--protocol", "modbus", "--registers", "pzem_017", "--format", "csv"))
    assert ("voltage", "V") in {(row["signal"], row["unit"]) for row in listed}


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["signals", LOG, DBC, "--protocol", "jbd"], "--dbc: stands beside --protocol"),
        (["plot", LOG, "soc", "--j1939", "--protocol", "gbt27930"], "--j1939: stands beside --protocol"),
        (["signals", LOG, "--registers", "pzem_017"], "--registers: is for --protocol modbus"),
        (["plot", LOG, "soc", "--protocol", "jbd", "--from", "+1"], "--from: is for logs of CAN"),
        (
            ["plot", LOG, "soc"],
            "no database was given (add one: --dbc FILE, --protocol NAME or --vehicle-profile NAME; scan",
        ),
        (
            ["signals"],
            "no database was given (add one: --dbc FILE, --protocol NAME or --vehicle-profile NAME; scan",
        ),
    ],
)
def test_what_does_not_go_with_a_protocol_is_refused_as_decode_does(arguments: list[str], what: str) -> None:
    assert what in run(*arguments, code=64)


def test_a_log_of_can_is_no_capture_of_a_serial_port() -> None:
    assert "drive.log: is no capture" in run("signals", LOG, "--protocol", "jbd", code=65)


def test_a_database_is_known_by_its_ending_in_capitals_too(tmp_path: Path) -> None:
    capitals = tmp_path / "DRIVE.DBC"
    capitals.write_bytes(Path(DBC).read_bytes())
    assert run("signals", str(capitals)) == run("signals", DBC)


def test_a_log_without_a_database_says_what_is_missing() -> None:
    assert "no database was given (add one: --dbc FILE, " in run("signals", LOG, code=64)


def test_an_empty_log_is_said_to_be_empty(tmp_path: Path) -> None:
    log = tmp_path / "empty.log"
    log.touch()
    assert run("signals", str(log), DBC, code=65).splitlines()[-1] == f"nev-telemetry: {log}: is empty"


def test_frames_without_a_message_are_one_line_as_decode_lists_them() -> None:
    unknown = sum(int(row["frames"]) for row in rows(run("decode", LOG, "--dbc", DBC, "--unknown")))
    assert f"frames without a message: {unknown} of 15 ({unknown / 15:.1%})\n" in noted("signals", LOG, DBC)


def test_a_message_that_comes_on_several_channels_is_listed_for_each(tmp_path: Path) -> None:
    log = tmp_path / "two.log"
    log.write_text(
        "(1.0) can0 100#0000000000000000\n(1.5) can1 100#0FA0000000000000\n(1.6) can1 100#0F9F000000000000\n"
        "(1.7) can1 101#0000000000000000\n"
    )
    values: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for row in rows(run("decode", str(log), "--dbc", DBC)):
        values[row["channel"], row["message"], row["signal"]].append(row["value"])
    listed = rows(run("signals", str(log), DBC, "--format", "csv"))
    assert {row["channel"] for row in listed if row["message"] == "PackState"} == {"can0", "can1"}
    assert {(row["channel"], row["message"], row["signal"]) for row in listed} >= values.keys()
    for row in listed:
        came = values[row["channel"], row["message"], row["signal"]]
        assert row["values"] == str(len(came))
        if came:
            assert (row["lowest"], row["last"]) == (min(came, key=float), came[-1])
    titles = [line for line in run("signals", str(log), DBC).splitlines() if line.startswith("PackState")]
    assert titles == [
        "PackState  100  8 bytes  can0  1 frame",
        "PackState  100  8 bytes  can1  2 frames  every 100 ms",
    ]


def test_what_a_map_is_proposed_of_comes_on_one_channel_or_that_is_one_warning(tmp_path: Path) -> None:
    words = ["map", "suggest", "--dbc"]
    log = tmp_path / "two.log"
    recorded = Path(CHARGE).read_text()
    log.write_text(recorded + recorded.replace("can0", "can1"))
    seen = list(dict.fromkeys(row["message"] for row in rows(run("decode", CHARGE, "--dbc", VEHICLE_DBC))))
    assert len(seen) == 5
    for given, expected in ((log, 1), (Path(CHARGE), 0)):
        said = re.findall(
            "warning: (.*) and 2 more come on can0 and can1: --dbc can0=FILE keeps one\n",
            noted(*words, VEHICLE_DBC, given),
        )
        assert len(said) == expected
        for names in said:
            assert set(names.split(", ")) <= set(seen)
            assert names.count(", ") == 2
    assert "come on" not in noted(*words, f"can0={VEHICLE_DBC}", log)
