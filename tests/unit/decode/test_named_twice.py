"""A recording that is named twice is read once, with a warning: in each command, and in Python."""

import zipfile
from pathlib import Path

import pytest

import telemetry
from tests.support.command import command

DBC = """VERSION ""
BU_: BMS
BO_ 256 Pack: 2 BMS
 SG_ PackVoltage : 0|16@1+ (0.1,0) [0|0] "V" BMS
"""
TWICE = "is named twice, and read once"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ev.dbc").write_text(DBC)
    Path("logs").mkdir()
    for number in (1, 2):
        lines = (f"({number}.{n}) can0 100#0{number}00\n" for n in range(5))
        Path(f"logs/{number}.log").write_text("".join(lines))
    Path("link.log").symlink_to("logs/1.log")
    with zipfile.ZipFile("drive.zip", "w") as archive:
        for number in (1, 2):
            archive.write(f"logs/{number}.log", f"{number}.log")
    Path("link.zip").symlink_to("drive.zip")


@pytest.mark.parametrize(
    ("logs", "again", "rows"),
    [
        (["logs/1.log", "logs/1.log"], ["logs/1.log"], 5),
        (
            ["logs/1.log", "logs/2.log", "link.log", "logs/../logs/2.log"],
            ["link.log", "logs/../logs/2.log"],
            10,
        ),
        (["logs/*.log", "logs", "logs/[1].log"], ["logs/1.log", "logs/2.log", "logs/1.log"], 10),
        (["drive.zip:2.log", "drive.zip"], ["drive.zip:2.log"], 10),
        (["drive.zip", "drive.zip"], ["drive.zip:1.log", "drive.zip:2.log"], 10),
        (["drive.zip", "link.zip"], ["link.zip:1.log", "link.zip:2.log"], 10),
        (["logs/1.log", "drive.zip:1.log"], [], 10),  # what is in both is no name
    ],
)
def test_rows_are_those_of_one(logs: list[str], again: list[str], rows: int) -> None:
    said = command("decode", "--dbc", "ev.dbc", *logs)
    assert (said.returncode, said.stdout.count("\n")) == (0, 1 + rows)
    warnings = [line for line in said.stderr.splitlines() if "begins" not in line]  # the clock of the second
    assert warnings == [f"warning: {log}: {TWICE}" for log in again]


@pytest.mark.parametrize(
    "words",
    [
        ["decode", "--dbc", "ev.dbc", "--format", "lp"],
        ["decode", "--dbc", "ev.dbc", "--unknown"],
        ["signals", "ev.dbc"],
        ["look"],
    ],
    ids=" ".join,
)
def test_each_command_shows_what_it_shows_of_one(words: list[str]) -> None:
    once, twice = command(*words, "logs/1.log"), command(*words, "logs/1.log", "link.log")
    assert (twice.returncode, twice.stdout) == (0, once.stdout)
    assert twice.stderr == f"warning: link.log: {TWICE}\n" + once.stderr


def test_a_scan_counts_the_frames_of_one() -> None:
    said = command("scan", "--log", "logs/1.log", "--log", "link.log", "--dbc", "ev.dbc")
    assert "channel can0: 5 frames of 1 ids" in said.stdout
    assert said.stderr.count(TWICE) == 1


def test_python_warns_too() -> None:
    with pytest.warns(UserWarning, match=f"^link.log: {TWICE}$"):
        assert len(telemetry.read(["logs/1.log", "link.log"], databases="ev.dbc")["Pack"]) == 5
