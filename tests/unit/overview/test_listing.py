"""A list of signals as csv, JSON and a table."""

import csv
import io
import json
from dataclasses import replace

import pytest

from telemetry.overview.listing import as_csv, as_json, as_table
from telemetry.overview.signals import ListedMessage, ListedSignal, Seen

VOLTAGE = ListedSignal("Voltage", "V", 0.0, 500.0, (), None)
GEAR = ListedSignal("Gear", "", None, None, ((0, "P"), (1, "R"), (2, "N"), (3, "D"), (4, "L")), None)
PACK = ListedMessage("Pack", "100", 8, None, None, (VOLTAGE, GEAR))
SEEN = replace(
    PACK,
    signals=(
        replace(VOLTAGE, seen=Seen(12_345, "3.5", "400.25", "399", "")),
        replace(GEAR, seen=Seen(0, "", "", "", "")),
    ),
    rows=12_345,
    period_s=0.0125,
    channel="can0",
)


def test_csv_has_a_row_a_signal_and_what_a_log_holds_only_where_one_was_read() -> None:
    assert as_csv([PACK]).splitlines() == [
        "message,id,signal,unit,minimum,maximum",
        "Pack,100,Voltage,V,0,500",
        "Pack,100,Gear,,,",
    ]
    rows = list(csv.DictReader(io.StringIO(as_csv([SEEN]))))
    assert [(row["values"], row["lowest"], row["highest"], row["last"], row["channel"]) for row in rows] == [
        ("12345", "3.5", "400.25", "399", "can0"),
        ("0", "", "", "", "can0"),
    ]


def test_json_has_numbers_as_numbers_and_no_value_as_null() -> None:
    plain, seen = json.loads(as_json([PACK, SEEN]))
    assert "seen" not in plain["signals"][0]
    assert plain["signals"][1]["words"] == {"0": "P", "1": "R", "2": "N", "3": "D", "4": "L"}
    values = seen["signals"][0]["seen"]
    assert (values["values"], values["lowest"], values["last"]) == (12_345, 3.5, 399)
    assert seen["signals"][1]["seen"]["highest"] is None
    assert as_json([]) == "[]\n"


def test_a_table_without_a_log_has_ranges_and_the_first_words_of_values() -> None:
    assert as_table([PACK], with_log=False).splitlines() == [
        "signal     unit    range",
        "",
        "Pack  100  8 bytes",
        "  Voltage  V     0 … 500",
        "  Gear                    0 P, 1 R, 2 N, 3 D …",
    ]
    four = replace(PACK, signals=(replace(GEAR, words=GEAR.words[:4]),))
    assert as_table([four], with_log=False).splitlines()[-1].endswith("0 P, 1 R, 2 N, 3 D")


def test_a_table_of_a_log_has_how_many_values_came_and_their_range() -> None:
    named = replace(SEEN, signals=(SEEN.signals[0], replace(GEAR, seen=Seen(3, "0", "2", "2", "N"))))
    assert as_table([named], with_log=True).splitlines() == [
        "signal     unit    range  values  lowest  highest  last",
        "",
        "Pack  100  8 bytes  12,345 frames  every 12.5 ms",
        "  Voltage  V     0 … 500  12,345     3.5   400.25   399",
        "  Gear                         3       0        2     2  N",
    ]
    assert "none" in as_table([SEEN], with_log=True).splitlines()[-1]


@pytest.mark.parametrize(
    ("rows", "period_s", "words"),
    [(1, None, "1 frame"), (2, 0.9996, "2 frames  every 1e+03 ms"), (2, 1.0, "2 frames  every 1 s")],
)
def test_a_message_has_its_frames_and_its_period(rows: int, period_s: float | None, words: str) -> None:
    one = replace(SEEN, rows=rows, period_s=period_s)
    assert as_table([one], with_log=True).splitlines()[2] == f"Pack  100  8 bytes  {words}"


def test_channels_are_named_where_there_are_several() -> None:
    both = as_table([SEEN, replace(SEEN, channel="can1")], with_log=True)
    assert [line.split("  ")[3] for line in both.splitlines() if line.startswith("Pack")] == ["can0", "can1"]
    assert "can0" not in as_table([SEEN, SEEN], with_log=True)
