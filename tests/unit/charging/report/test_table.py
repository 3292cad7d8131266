"""Sessions as table, CSV, JSON and text."""

import csv
import io
import json
from dataclasses import asdict, fields, replace

import pytest

from telemetry.charging.report.phrases import energy
from telemetry.charging.report.table import COLUMNS, as_csv, as_json, as_table, as_text
from telemetry.charging.session import Session
from telemetry.model.measurements import CHARGING_SESSION
from tests.support.charging_sessions import START_NS, cut, good, reconnected

SESSIONS = [good(), reconnected(), cut()]


def test_the_table_has_a_line_a_session_in_plain_words() -> None:
    head, *lines = as_table(SESSIONS).splitlines()
    assert head.split() == [
        "#",
        "start",
        "vehicle",
        "station",
        "SOC",
        "energy",
        "duration",
        "outcome",
        "why",
        "who",
    ]
    first = "1  2026-03-01T09:00:00Z  van-3    4711     10 → 80 %  29.80 kWh  42 min 18 s  complete"
    assert lines[0].startswith(first)
    assert "  the state of charge asked for is reached  " in lines[0]
    assert lines[0].endswith("vehicle")
    assert lines[2].endswith("cut       nothing more was heard")


def test_columns_stand_below_each_other_where_letters_are_two_columns_wide() -> None:
    lines = as_table([good(), replace(good(), vehicle="电动车")]).splitlines()
    before, after = (line.partition("4711")[0] for line in lines[1:])
    assert len(before) == len(after) + 3  # three letters of two columns each


def test_a_table_of_nothing_is_its_head() -> None:
    assert as_table([]).splitlines() == [
        "#  start  vehicle  station  SOC  energy  duration  outcome  why  who"
    ]
    assert as_json([]) == "[]\n"
    assert as_csv([]) == ",".join(COLUMNS) + "\n"


def test_json_holds_all_that_a_session_is() -> None:
    read = json.loads(as_json(SESSIONS))
    for session, found in zip(SESSIONS, read, strict=True):
        assert found == json.loads(json.dumps(asdict(session)))


def test_csv_holds_every_field_under_its_name() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(SESSIONS))))
    for session, row in zip(SESSIONS, rows, strict=True):
        for name in COLUMNS:
            value = getattr(session, name)
            if value is None:
                assert row[name] == ""
            elif isinstance(value, bool):
                assert row[name] == str(value).lower()
            else:
                assert type(value)(row[name]) == value


def test_the_columns_are_the_fields_of_the_data_model() -> None:
    assert set(COLUMNS) == {field.name for field in CHARGING_SESSION.fields} | {
        *("start_ns", "end_ns", "vehicle", "pack", "charger")
    }
    assert {field.name for field in fields(Session)} == {*COLUMNS, "phases", "errors", "curve"}


def test_the_text_of_one_session_says_how_it_ended_and_who_measured_what() -> None:
    text = as_text(reconnected())
    assert text.startswith(
        "Charge of van-3, 2026-03-01T09:00:00Z\nThe charger ended it: the charger's set condition is reached;"
    )
    assert "\n  vehicle    29.80 kWh  over 42 min\n" in text
    assert "\n  09:20:12.0  reported by the vehicle: CCS not heard in time\n" in text
    assert "\n  2  charging      09:20:54.0  22 min 12 s\n" in text


def test_a_terminal_gets_no_control_characters() -> None:
    nasty = replace(good(), vehicle="\x1b[2Jvan", station="1\n2\t3", vin="\u202edrow")
    assert as_table([nasty]).replace("\n", "").isprintable()
    assert as_text(nasty).replace("\n", "").isprintable()
    assert len(as_table([nasty]).splitlines()) == 2


def test_a_start_that_no_calendar_has_stays_a_number() -> None:
    far = Session(9_000_000_000 * START_NS, None, "van", "main", "main", open=True, duration_s=1.0)
    assert f"{far.start_ns}ns" in as_table([far])


@pytest.mark.parametrize(
    ("wh", "words"),
    [(None, ""), (0.0, "0 Wh"), (42.4, "42 Wh"), (100.0, "0.10 kWh"), (29_800.0, "29.80 kWh")],
)
def test_an_energy_below_a_tenth_of_a_kilowatt_hour_is_shown_in_watt_hours(
    wh: float | None, words: str
) -> None:
    assert energy(wh) == words
