"""`decode --config` into text: each row says its pack, charger and source; other calls add nothing."""

import csv
import io
import json
from pathlib import Path

import pytest

import telemetry
from tests.support.charges import played_charge
from tests.support.command import printed

CONFIG = """vehicle = "v"
[influx]
url = "http://h:1"
database = "d"
[spool]
directory = "none"
[[can]]
name = "bus"
interface = "can0"
databases = ["d.dbc"]
[[map]]
signal = "Ma.V"
to = "battery.voltage_v"
pack = "a"
[[map]]
signal = "Mb.V"
to = "battery.voltage_v"
pack = "b"
[[map]]
signal = "Mc.V"
to = "charger.voltage_v"
charger = "c"
[[aggregate]]
pack = "all"
parallel = ["a", "b"]
[[limit]]
field = "battery.voltage_v"
pack = "b"
above = 401
code = "pack_overvoltage"
"""
DATABASE = 'VERSION ""\nBU_: A\n' + "".join(
    f'BO_ {256 + number} M{name}: 8 A\n SG_ V : 0|16@1+ (0.1,0) [0|0] "V" A\n'
    for number, name in enumerate("abc")
)
LOG = "(1.0) can0 100#A00F000000000000\n(1.1) can0 101#B00F000000000000\n(1.2) can0 102#C00F000000000000\n"
SAID = [  # message, channel, pack, charger, source; and the value of one signal
    ("Ma", "bus", "", "", "bus", "V", 400),
    ("battery", "bus", "a", "", "bus", "voltage_v", 400),
    ("battery", "", "all", "", "all", "voltage_v", 400),
    ("Mb", "bus", "", "", "bus", "V", 401.6),
    ("battery", "bus", "b", "", "bus", "voltage_v", 401.6),
    ("event", "bus", "b", "", "bus", "active", 1),
    ("Mc", "bus", "", "", "bus", "V", 403.2),
    ("charger", "bus", "", "c", "bus", "voltage_v", 403.2),
]


@pytest.fixture
def drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    for name, text in (("d.dbc", DATABASE), ("g.toml", CONFIG), ("l.log", LOG)):
        Path(name).write_text(text)
    return "l.log"


def test_every_row_of_a_configuration_says_whose_it_is(drive: str) -> None:
    rows = [*csv.DictReader(io.StringIO(printed("decode", drive, "--config", "g.toml")))]
    assert [*rows[0]] == [
        "time_ns",
        "channel",
        "id",
        "message",
        "signal",
        "value",
        "pack",
        "charger",
        "source",
    ]
    shown = {(message, signal) for message, *_, signal, _ in SAID}
    found = [row for row in rows if (row["message"], row["signal"]) in shown]
    columns = ("message", "channel", "pack", "charger", "source", "signal", "value")
    assert [tuple(row[name] for name in columns) for row in found] == [
        (*owner, f"{value:g}") for *owner, value in SAID
    ]

    rows = [*csv.DictReader(io.StringIO(printed("decode", drive, "--config", "g.toml", "--wide")))]
    assert [*rows[0]][:3] == ["time_ns", "channel", "id"]
    assert [*rows[0]][-3:] == ["pack", "charger", "source"]
    assert [
        (row["channel"], row["pack"], row["charger"], row["source"], row[f"{message}.{signal}"])
        for row, (message, *_, signal, _) in zip(rows, SAID, strict=True)
    ] == [(*owner, f"{value:g}") for _, *owner, _, value in SAID]

    objects = [
        json.loads(line)
        for line in printed("decode", drive, "--config", "g.toml", "--format", "ndjson").splitlines()
    ]
    assert [[*each] for each in objects] == [
        ["time_ns", "channel", "id", "message", "pack", "charger", "source", "signals"]
    ] * len(SAID)
    assert [
        (
            each["message"],
            each["channel"],
            each["pack"],
            each["charger"],
            each["source"],
            each["signals"][signal],
        )
        for each, (*_, signal, _) in zip(objects, SAID, strict=True)
    ] == [(*owner, value) for *owner, _, value in SAID]


def test_tables_show_no_channel_for_rows_of_an_aggregate_as_csv_does(drive: str) -> None:
    battery = telemetry.read(drive, config="g.toml")["battery"]
    columns = [battery.column(name).tolist() for name in ("channel", "pack", "voltage_v")]
    assert [*zip(*columns, strict=True)] == [("bus", "a", 400.0), (None, "all", 400.0), ("bus", "b", 401.6)]


@pytest.mark.parametrize("what", [["--dbc", "d.dbc"], ["--protocol", "elcon"]])
def test_without_a_configuration_nothing_is_added(what: list[str], drive: str) -> None:
    Path(drive).write_text(LOG + "(1.3) can0 18FF50E5#0FA00064000000AA\n")
    assert printed("decode", drive, *what).splitlines()[0] == "time_ns,channel,id,message,signal,value"
    assert not printed("decode", drive, *what, "--wide").splitlines()[0].endswith("source")
    assert {*json.loads(printed("decode", drive, *what, "--format", "ndjson").splitlines()[0])} == {
        "time_ns",
        "channel",
        "id",
        "message",
        "signals",
    }


def test_sessions_of_a_configuration_say_whose_they_are(drive: str) -> None:
    played_charge("38").write_log(Path("charge.log"))
    head, _, _ = CONFIG.partition("databases")
    Path("g.toml").write_text(head + 'protocol = "gbt27930"\n')
    owners = {}
    for output in ("csv", "ndjson"):
        text = printed("decode", "charge.log", "--config", "g.toml", "--format", output)
        rows = map(json.loads, text.splitlines()) if output == "ndjson" else csv.DictReader(io.StringIO(text))
        owners[output] = {
            (row["message"], row["pack"], row["charger"], row["source"])
            for row in rows
            if row["message"].startswith("charging_")
        }
    pack = "SIMU-00006D1A"  # its battery says so
    expected = {(f"charging_{what}", pack, "main", "bus") for what in ("session", "phase", "curve")}
    assert owners == {"csv": expected, "ndjson": expected}
    assert drive
