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
        '20: map[3].signal: "Current" is not a Message.Signal (it is in Pack.Current, Charger.Current)',
        '21: map[3].to: no event is called "current" (the nearest is "charge_overcurrent")',
        '26: map[4].signal: "Current" is not a Message.Signal (it is in Pack.Current, Charger.Current)',
    ]


def test_every_key_that_makes_no_sense_is_a_line_by_its_place(tmp_path: Path) -> None:
    entries = """[[map]]
signal = 7
too = "battery.soc_pct"
[[limit]]
abov = 1
[[protect]]
profile = "x"
[web]
listen = "here"
[send]
every_s = 301
[[can]]
name = "bus"
interfaces = "can1"
[[serial]]
name = "bms"
port = "/dev/ttyUSB0"
protocol = "jbe"
address = true
"""
    lines = reported(tmp_path, "[spools]\n" + entries)
    expected = [
        "10: spools: unknown key (did you mean spool?)",
        "11: map[0].to: is missing (is too meant to be it?)",
        "12: map[0].signal: must be text, not an integer",
        "14: limit[0].field: is missing (there are abov)",
        "14: limit[0].code: is missing (there are abov)",
        "15: limit[0].abov: unknown key (did you mean above?)",
        "17: protect[0].profile: must be one of ",
        "19: web.listen: ",
        "21: send.every_s: must be ",
        "24: can[1].interfaces: unknown key (did you mean interface?)",
        "28: serial[0].protocol: must be one of ",
        "29: serial[0].address: must be ",
    ]
    assert [line[: len(words)] for line, words in zip(lines, expected, strict=True)] == expected


@pytest.mark.parametrize(
    ("entries", "lines"),
    [
        (
            "[web]\nclock = 'wait'\n",
            ["11: web.clock: stands below [web] (it belongs above the first table of the file)"],
        ),
        (
            "[[can]]\nname = 'b'\nvehicle = 'x'\n",
            ["12: can[1].vehicle: stands below [[can]] (it belongs above the first table of the file)"],
        ),
    ],
)
def test_a_key_of_the_top_below_a_table_is_told_where_it_belongs(
    tmp_path: Path, entries: str, lines: list[str]
) -> None:
    assert reported(tmp_path, entries) == lines


def test_one_mistake_is_one_line_also_where_two_keys_show_it(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    (tmp_path / "a.dbc").write_text(DATABASE)
    moved = BASE.replace('vehicle = "van"\n', "").replace("[spool]", 'vehicle = "van"\n[spool]')
    for text, line in (
        (
            moved,
            f"{file}:4: influx.vehicle: stands below [influx] (it belongs above the first table of the file)",
        ),
        (BASE.replace("vehicle", "vehicel"), f"{file}: vehicle: is missing (is vehicel meant to be it?)"),
        (
            BASE.replace("[spool]", "[spol]"),
            f"{file}: spool.directory: is missing (is [spol] meant to be [spool]?)",
        ),
    ):
        file.write_text(text)
        assert failed(78, "check", file) == f"nev-telemetry: {line}\n"


def test_names_that_nothing_has_are_reported_at_once_whatever_table_they_are_in(tmp_path: Path) -> None:
    entries = """[[limit]]
field = "battery.soc_pct"
below = 1
code = "soc_lo"
[[map]]
signal = "X.Y"
to = "battery.soc_pct"
[[protect]]
message = "Pak"
profile = "counter"
counter = "Pak.A"
"""
    places = [line.split(": ")[:2] for line in reported(tmp_path, entries)]
    assert places == [["13", "limit[0].code"], ["15", "map[0].signal"], ["18", "protect[0].message"]]


def test_of_very_many_mistakes_the_first_20_are_lines_and_then_their_number(tmp_path: Path) -> None:
    lines = reported(tmp_path, "".join(f"wrong_{n} = 1\n" for n in range(33)))
    assert len(lines) == 21
    assert lines[0].startswith("10: can[0].wrong_0: unknown key (")
    assert lines[20] == "nev-telemetry: and 13 more errors"


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
    with pytest.raises(ConfigError, match="and 1 more error"):
        faults.raise_any()
