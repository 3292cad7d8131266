"""Errors of a configuration's entries are reported together, each in a line with its place."""

from pathlib import Path

import pytest

from telemetry.errors import ConfigError, Faults
from tests.support.command import failed

DATABASE = """VERSION ""
BU_: X
BO_ 256 Pack: 8 X
 SG_ Voltage : 0|16@1+ (0.1,0) [0|0] "V" X
 SG_ Current : 16|16@1- (0.1,0) [0|0] "A" X
BO_ 257 Charger: 8 X
 SG_ Current : 0|16@1+ (0.1,0) [0|0] "A" X
"""
BASE = """vehicle = "van"
[influx]
url = "http://localhost:1"
database = "d"
[spool]
directory = "spool"
[[can]]
name = "bus"
databases = ["a.dbc"]
"""


def reported(tmp_path: Path, entries: str) -> list[str]:
    (tmp_path / "a.dbc").write_text(DATABASE)
    file = tmp_path / "gateway.toml"
    file.write_text(BASE + entries)
    return failed(78, "check", file).replace(f"nev-telemetry: {file}:", "").splitlines()


def test_every_entry_that_makes_no_sense_is_a_line(tmp_path: Path) -> None:
    entries = """[[map]]
signal = "Pack.Voltage"
to = "pack.voltage_v"
[[map]]
signal = "Voltage"
to = "battery.voltage_v"
[[map]]
signal = "Pack.Current"
to = "battery.current_a"
[[map]]
signal = "Current"
to = "event.current"
[[map]]
to = "event.charge_overcurrent"
bit = 1

signal = "Current"
"""
    assert reported(tmp_path, entries) == [
        '12: map[0].to: no measurement "pack" (there are battery, cells, charger, meter)',
        '14: map[1].signal: "Voltage" is not a Message.Signal (did you mean "Pack.Voltage"?)',
        '21: map[3].to: no event is called "current" (the nearest is "charge_overcurrent")',
        '26: map[4].signal: "Current" is not a Message.Signal (it is in Pack.Current, Charger.Current)',
    ]


def test_keys_of_several_entries_are_reported_with_the_first_fault_of_the_rest(tmp_path: Path) -> None:
    entries = '[[map]]\nsignal = 7\n[[limit]]\nabov = 1\n[[protect]]\nprofile = "x"\n[web]\nlisten = "here"\n'
    lines = reported(tmp_path, entries)
    assert [line.partition(": ")[0] for line in lines] == ["11", "15", "12", "17"]
    assert lines[0] == "11: map[0].signal: must be text, not an integer"


def raising(error: ConfigError) -> None:
    raise error


def test_one_error_stays_itself_and_several_are_one_line_where_there_is_room_for_one() -> None:
    faults = Faults()
    faults.raise_any()
    assert faults.each(raising, [ConfigError("first", where="a", hint="do")]) == ()
    with pytest.raises(ConfigError, match=r"^a: first \(do\)$"):
        faults.raise_any()
    assert faults.each(raising, [ConfigError("second", where="b")]) == ()
    with pytest.raises(ConfigError, match=r"^a: first \(do; and 1 more error\)$") as several:
        faults.raise_any()
    assert several.value.lines() == ["a: first (do)", "b: second"]
    assert faults.each(raising, [several.value]) == ()
    with pytest.raises(ConfigError, match="and 3 more errors"):
        faults.raise_any()
