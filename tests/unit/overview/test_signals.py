"""What is listed of messages: how often they came, on which channels, and by which ids."""

import json
from pathlib import Path
from typing import Any

import pytest

from telemetry.__main__ import main

DBC = """VERSION ""
BU_: X
BO_ 1 Pack: 1 X
 SG_ Volt : 0|8@1+ (0.5,10) [0|100] "V" X
BO_ 2 Silent: 1 X
 SG_ Amp : 0|8@1- (1,0) [0|0] "A" X
BO_ 3 Empty: 1 X
"""
LOG = """(1700000000.000000) can0 001#02
(1700000000.250000) can0 001#06
(1700000000.500000) can0 001#04
(1700000000.600000) can1 001#04
"""


def listed(tmp_path: Path, capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    (tmp_path / "pack.dbc").write_text(DBC)
    (tmp_path / "pack.log").write_text(LOG)
    names = [str(tmp_path / word) if word.startswith("pack") else word for word in words]
    assert main(["signals", *names, "--format", "json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_without_a_log_each_message_with_a_signal_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack, silent = listed(tmp_path, capsys, "pack.dbc")
    assert (pack["name"], pack["id"], pack["byte_count"]) == (
        "Pack",
        "001",
        1,
    )
    assert (pack["rows"], pack["period_s"], pack["channel"]) == (None, None, "")
    assert (pack["signals"][0]["minimum"], pack["signals"][0]["maximum"]) == (0.0, 100.0)
    assert silent["signals"][0]["unit"] == "A"


def test_a_message_is_listed_for_each_channel_with_its_frames_and_their_distance(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = listed(tmp_path, capsys, "pack.dbc", "pack.log")
    assert (first["channel"], first["rows"], first["period_s"]) == ("can0", 3, 0.25)
    assert (second["channel"], second["rows"], second["period_s"]) == ("can1", 1, None)
    seen = first["signals"][0]["seen"]
    assert (seen["values"], seen["lowest"], seen["highest"], seen["last"]) == (3, 11, 13, 12)


def test_with_all_a_message_that_never_came_is_there_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    *_, silent = listed(tmp_path, capsys, "pack.dbc", "pack.log", "--all")
    assert (silent["rows"], silent["channel"], silent["signals"][0]["seen"]["last"]) == (0, "", None)
