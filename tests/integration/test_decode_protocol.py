"""`nev-telemetry decode --protocol` of a charger's bus, as people run it."""

import csv
import io
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from tests.support.can_protocols import transfer
from tests.support.command import Done, command
from tests.support.lineprotocol import parse_lines

RECORDINGS = os.environ.get("NEV_TELEMETRY_RECORDINGS", "")  # a folder with gbt27930/session.log
OF_SESSIONS = ("event", "charging_session", "charging_phase", "charging_curve")
BRM = (
    "01 01 00 03 F0 05 40 0E 01 00 00 00 01 00 00 00 63 0B 08 95 00 00 01 FF 4C 31 4E 53"
    " 50 47 48 39 38 4E 41 30 30 30 30 30 30 00 01 04 E7 07 FF FF 00"
)
FRAMES = [
    "1826F456#010100",
    *transfer(0x0200, BRM),
    "181056F4#A510D80E02",
    "1812F456#050F580E0000FD",
    "081E56F4#F0F0F1FC",
]


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "plug.log"
    path.write_text(
        "".join(f"({1 + number / 100:.2f}) can0 {frame}\n" for number, frame in enumerate(FRAMES))
    )
    return str(path)


def decode(*arguments: str) -> Done:
    return command("decode", *arguments)


def rows_of(text: str) -> list[dict[str, str]]:
    """Rows of csv, without what the charging session is said to be."""
    rows = csv.DictReader(io.StringIO(text))
    return [row for row in rows if row["message"] not in OF_SESSIONS and row["signal"] != "phase"]


def test_messages_come_before_what_they_mean_in_csv(log: str) -> None:
    done = decode("--protocol", "gbt27930", "--messages", log)
    assert (done.returncode, done.stderr) == (0, "")
    rows = rows_of(done.stdout)
    assert list(dict.fromkeys(row["message"] for row in rows)) == [
        "CHM", "BRM", "battery", "BCL", "charger", "CCS", "BEM"
    ]  # fmt: skip
    assert [(row["id"], row["signal"], row["value"]) for row in rows if row["message"] == "BCL"] == [
        ("181056F4", "voltage_v", "426.1"),
        ("181056F4", "current_a", "-20"),
        ("181056F4", "mode", "2"),
    ]
    assert {row["id"] for row in rows if row["message"] == "BRM"} == {"180256F4"}


def test_without_messages_it_is_what_they_mean(log: str) -> None:
    rows = rows_of(decode("--protocol", "gbt27930", log).stdout)
    assert [(row["message"], row["signal"], row["value"]) for row in rows] == [
        ("battery", "capacity_ah", "152"),
        ("charger", "requested_voltage_v", "426.1"),
        ("charger", "requested_current_a", "20"),
        ("charger", "voltage_v", "384.5"),
        ("charger", "current_a", "32.8"),
        ("charger", "power_w", "12611.6"),
    ]


def test_line_protocol_names_messages_by_the_protocol(log: str) -> None:
    done = decode("--protocol", "gbt27930", "--messages", "--format", "lp", log)
    whole = parse_lines(done.stdout.encode())
    points = [one for one in whole if one.measurement not in OF_SESSIONS and set(one.fields) != {"phase"}]
    assert [point.measurement for point in points] == [
        "gbt27930_CHM", "gbt27930_BRM", "battery", "gbt27930_BCL", "charger", "gbt27930_CCS", "charger",
        "gbt27930_BEM",
    ]  # fmt: skip
    assert points[1].fields["vin"] == "L1NSPGH98NA000000"
    assert all(set(point.tags) <= {"vehicle", "source", "pack", "charger"} for point in points)


def test_ndjson_has_texts_and_words_if_wanted(log: str) -> None:
    done = decode("--protocol", "gbt27930", "--messages", "--value-texts", "--format", "ndjson", log)
    values = {row["message"]: row["signals"] for row in map(json.loads, done.stdout.splitlines())}
    assert values["BRM"]["vin"] == "L1NSPGH98NA000000"
    assert values["BRM"]["battery_type_text"] == "LFP"
    assert values["BCL"] == {
        "voltage_v": 426.1, "current_a": -20, "mode": 2, "mode_text": "constant current"
    }  # fmt: skip


def test_signals_may_be_chosen(log: str) -> None:
    done = decode("--protocol", "gbt27930", "--signal", "BRM.production_year", "--signal", "*.current_a", log)
    assert [line.split(",")[3:] for line in done.stdout.splitlines()[1:]] == [
        ["BRM", "production_year", "2084"],
        ["BCL", "current_a", "-20"],
        ["CCS", "current_a", "-32.8"],
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--protocol", "gbt"), "argument --protocol: invalid choice: 'gbt'"),
        (("--protocol", "gbt27930", "--j1939"), "--j1939: stands beside --protocol (leave one of them out)"),
    ],
    ids=["unknown", "j1939"],
)
def test_what_makes_no_sense_is_one_line(log: str, arguments: tuple[str, ...], words: str) -> None:
    done = decode(*arguments, log)
    assert done.returncode == 64
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.optional
@pytest.mark.skipif(not RECORDINGS, reason="NEV_TELEMETRY_RECORDINGS names no folder of recordings")
def test_a_recorded_session_is_decoded_to_its_last_error() -> None:
    recorded = Path(RECORDINGS) / "gbt27930" / "session.log"
    done = decode("--protocol", "gbt27930", "--messages", "--format", "ndjson", str(recorded))
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    messages = [row for row in rows if row["id"]]
    announced = Counter(
        line[-6:] for line in recorded.read_text("ascii").splitlines() if " 1CEC56F4#10" in line
    )
    found = Counter(row["message"] for row in messages)
    codes = {"000200": "BRM", "000600": "BCP", "001100": "BCS"}
    assert {codes[pgn]: count for pgn, count in announced.items()} == {
        name: found[name] + (name == "BCS") for name in codes.values()
    }  # one BCS is cut off by the end of the log
    last = messages[-1]
    assert last["message"] == "BEM"
    assert [name for name, value in last["signals"].items() if value == 1] == ["ccs_timeout"]
    brm = next(row["signals"] for row in messages if row["message"] == "BRM")
    assert (brm["manufacturer"], brm["rated_capacity_ah"], brm["rated_voltage_v"]) == ("KLIE", 18, 492.1)
    assert "vin" not in brm
