"""Maps of registers: what is wrong with one is said in one line, and the ready ones are right."""

from pathlib import Path

import pytest

from telemetry.errors import ConfigError
from telemetry.protocols.registers.register_map import READY, find_map, read_register_map

GOOD = """
title = "a meter"
slave = 7
parity = "E"
[[register]]
name = "voltage"
register = 4
type = "s32"
[[register]]
name = "current"
register = 6
"""


def read(folder: Path, text: str):  # type: ignore[no-untyped-def]
    file = folder / "map.toml"
    file.write_text(text)
    return read_register_map(file)


def test_registers_side_by_side_are_one_poll(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD)
    assert (found.slave, found.parity, found.stop_bits, found.baud_rate) == (7, "E", 1, 9600)
    (group,) = found.groups
    assert (group.function, group.first, group.count, group.every_s) == (3, 4, 3, 1.0)


def test_polls_may_be_given_and_read_more_than_is_used(tmp_path: Path) -> None:
    polls = "[[poll]]\nfirst = 0\ncount = 6\nevery_s = 0.5\n[[poll]]\nfirst = 6\ncount = 10\nevery_s = 60\n"
    found = read(tmp_path, GOOD + polls)
    assert [(group.first, group.every_s, len(group.registers)) for group in found.groups] == [
        (0, 0.5, 1),
        (6, 60.0, 1),
    ]


def test_the_function_of_a_map_is_that_of_its_registers_and_its_polls(tmp_path: Path) -> None:
    polls = "[[poll]]\nfirst = 4\ncount = 3\n"
    (group,) = read(tmp_path, "function = 4" + GOOD + polls).groups
    assert (group.function, len(group.registers)) == (4, 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace('"s32"', '"s31"'), r"map.toml:8: register\[0\].type: .*s31"),
        (
            GOOD.replace("register = 6", "register = 5"),
            "register 5 of current|5 of current is a part of voltage",
        ),
        (GOOD.replace('"current"', '"voltage"'), "voltage is there twice"),
        (GOOD.replace("register = 6", "register = 65536"), "register"),
        (GOOD.replace("register = 4", "register = 65535"), "ends after the last register"),
        (GOOD + "[[poll]]\nfirst = 4\ncount = 2\n", "current lies in no"),
        (GOOD + "scales = 2\n", "scales"),
        (GOOD + 'bits = { x = "short_circuit" }\n', "not the number of a bit"),
        (
            GOOD + 'bits = { 16 = "short_circuit" }\n',
            "'16' is not the number of a bit of a u16 .*15 the highest",
        ),
        (GOOD + 'type = "f32"\nbits = { 1 = "short_circuit" }\n', "a f32 has no bits"),
        (GOOD + 'bits = { 1 = "source_lost" }\n', r"bits\.1: source_lost is reported by the service itself"),
        (GOOD + 'to = "meter.volts"\n', r'map.toml:[0-9]+: register\[1\].to: meter has no field "volts"'),
        (GOOD + 'to = "charger.phase"\n', r"register\[1\].to: charger.phase is a text"),
        (GOOD + 'to = "cells.v{n}"\n', r"register\[1\].to: cells.v{n} is many fields"),
        (
            GOOD.replace("register = 4", 'register = 4\nto = "meter.current_a"') + 'to = "meter.current_a"\n',
            r"register\[1\].to: voltage fills meter.current_a already",
        ),
        (GOOD + "scale = 0\n", r"register\[1\].scale: must not be 0"),
        (GOOD + 'absent = ["x"]\n', r"register\[1\].absent: must be integers"),
        (GOOD + 'bits = { 1 = "shorted" }\n', "shorted"),
        ('title = "x"\n', r"has no \[\[register\]\]"),
        (GOOD.replace("slave = 7", "slave = 248"), "slave"),
    ],
)
def test_a_map_that_is_wrong_says_where(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read(tmp_path, text)


@pytest.mark.parametrize("name", ["acrel_djsf1352", "pzem_017"])
def test_the_maps_that_come_along_are_whole(name: str) -> None:
    found = read_register_map(find_map(name))
    assert {"meter.voltage_v", "meter.current_a"} <= {
        register.to for group in found.groups for register in group.registers
    }


def test_all_maps_that_come_along_are_tested_here() -> None:
    assert {file.stem for file in READY.glob("*.toml")} == {"acrel_djsf1352", "pzem_017"}


def test_a_map_is_found_by_its_path_where_no_ready_one_has_the_name(tmp_path: Path) -> None:
    assert find_map("pzem_017").parent == READY
    assert find_map("mine.toml", tmp_path) == tmp_path / "mine.toml"
    assert find_map(str(tmp_path / "pzem_017"), tmp_path) == tmp_path / "pzem_017"
