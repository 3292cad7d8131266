"""Every query of docs/queries.md, as it stands there, gives the answer that is true.

What is true of a fleet drawn at random comes out of loops over its raw points (tests/support/raw_answers.py).
Of one vehicle the simulated plant itself is asked, too: it knows what no row says. Two more have its values
within bounds alone, by each shape: answers about them are those of all values, as far as bounds allow.
"""

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from telemetry.clock import Clock
from telemetry.model import point
from telemetry.retention.kept import MINUTES, RECORDS
from telemetry.retention.server import reached
from telemetry.sinks.credentials import Secret
from telemetry.sinks.influx.server import InfluxServer
from tests.support.answers_table import ASKED, SECTION, UNITS, table, written_table
from tests.support.fleet import NOW, SEED, ZONE, raw_points, true_answers
from tests.support.fleet_drive import SHAPES, UNREDUCED, VEHICLE, driven
from tests.support.fleet_drive_answers import TOLERANCES, drive_answers
from tests.support.lineprotocol import Number, parse_line
from tests.support.queries_page import (
    Question,
    answer_by_flux,
    answer_by_influxql,
    answer_by_listing,
    answer_by_pandas,
    by_vehicle,
    flux_rows,
    integral_queries,
    questions,
    setup_code,
)
from tests.support.raw_answers import (
    DAY_NS,
    LABELS,
    NS,
    Answer,
    Asked,
    RawPoints,
    answers,
    hours_as_full,
    hours_hotter,
)
from tests.support.servers import Database

pytestmark = pytest.mark.xdist_group("fleet")  # driven and loaded once
QUESTIONS = list(questions())
each_question = pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: f"{question.number}")
each_zone = pytest.mark.parametrize("zone", [None, ZONE], ids=["UTC", ZONE.key])
MEANS_OF_LISTED = 22  # of what InfluxQL lists the mean is asked for; of other lists the number of rows
LISTED_IN_INFLUXQL = (21, MEANS_OF_LISTED, 25, 29)  # there no field can be grouped by
KEYS_ONLY_IN_INFLUXQL = 2  # there it has no value to compare
CHARGING_MINUTES, SILENCES = 6, 19
MINUTE_NS = 60_000_000_000
# How far an answer may be off, by question; a counter's bound counts at both ends of what it grew.
WITHIN_BOUNDS = {1: 0.1, 3: 0.02, 4: 0.02, 6: 1.0, 9: 0.01, 10: 0.005, 14: 0.001, 16: 0.1, 17: 0.5}
_found: dict[tuple[str, int, ZoneInfo | None], Answer] = {}


def ask(language: str, question: Question, database: Database, zone: ZoneInfo | None) -> Answer:
    """Once for all tests."""
    key = f"{language} on {database.server.kind}", question.number, zone
    if key not in _found:
        labels = LABELS[question.number]
        if language == "InfluxQL" and question.number in LISTED_IN_INFLUXQL:
            is_mean = question.number == MEANS_OF_LISTED
            _found[key] = answer_by_listing(database, question, labels, zone, is_mean=is_mean)
        else:
            ask_in = {"Flux": answer_by_flux, "InfluxQL": answer_by_influxql, "pandas": answer_by_pandas}
            _found[key] = ask_in[language](database, question, labels, zone)
    return _found[key]


def check(found: Answer, question: Question, zone: ZoneInfo | None) -> None:
    """Compare with the raw points exactly, and with the plant within what signals and minutes show."""
    number, again = question.number, f"NEV_TELEMETRY_FLEET={SEED}"
    # elapsed() counts whole seconds
    true = pytest.approx(true_answers(zone)[number], rel=1e-6, abs=1 / 60_000 if number == SILENCES else 1e-6)
    assert found == true, again
    driven_by_plant = drive_answers().get(number, {})
    absolute, relative = TOLERANCES.get(number, (1e-6, 1e-6))
    dense = {key: found[key] for key in driven_by_plant}
    assert dense == pytest.approx(driven_by_plant, rel=relative, abs=absolute), again
    check_within_bounds(found, question, zone)
    if number == CHARGING_MINUTES:  # whole ones: never more than there are, however it brakes
        assert all(dense[key] <= true for key, true in driven_by_plant.items())


@cache
def all_values() -> RawPoints:
    """Return the vehicle's every value."""
    return RawPoints(driven().lines[UNREDUCED])


@cache
def of_all_values(zone: ZoneInfo | None = None) -> dict[int, Answer]:
    return answers(all_values(), NOW, zone or UTC)


def check_within_bounds(found: Answer, question: Question, zone: ZoneInfo | None) -> None:
    for vehicle in SHAPES:
        reported = {labels[1:]: value for labels, value in found.items() if labels[0] == vehicle}
        true = {labels[1:]: value for labels, value in of_all_values(zone)[question.number].items()}
        if LABELS[question.number][0] == "vehicle":
            most = WITHIN_BOUNDS.get(question.number, 1e-6)
            assert reported == pytest.approx(true, rel=1e-6, abs=most), vehicle


@pytest.fixture
def client_environment(fleet_in_influxdb2: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Set what the page says influxdb-client needs."""
    server = fleet_in_influxdb2.server
    monkeypatch.setenv("INFLUXDB_V2_URL", server.url)
    monkeypatch.setenv("INFLUXDB_V2_ORG", server.org)
    monkeypatch.setenv("INFLUXDB_V2_TOKEN", server.token)
    return fleet_in_influxdb2


def test_each_of_the_twenty_nine_questions_has_a_true_answer() -> None:
    """`questions` fails where one lacks a language."""
    assert [question.number for question in QUESTIONS] == list(range(1, 30))
    assert {number for number, answer in true_answers(None).items() if answer} == set(range(1, 30)), SEED


def test_the_dense_vehicle_brakes_while_it_drives_and_is_driven_and_charged() -> None:
    for morning in driven().truth.mornings:
        assert morning.charging_s > 120.0
        assert morning.discharged_wh > 50.0
    readings_a: dict[int, list[float]] = {}  # by minute
    for text in driven().lines[VEHICLE]:
        point = parse_line(text)
        if point.measurement == "battery" and isinstance(current := point.fields.get("current_a"), Number):
            readings_a.setdefault(point.time_ns // 60_000_000_000, []).append(float(current))
    mixed = [a for a in readings_a.values() if min(a) < -0.5 and max(a) > 0.5]
    assert len(mixed) >= 6
    assert any(a[-1] > 0.5 for a in mixed)  # who looks at the last reading alone takes it for charging


@pytest.mark.server("influxdb2")
@each_zone
@each_question
def test_flux_gives_the_true_answer(
    question: Question, zone: ZoneInfo | None, fleet_in_influxdb2: Database
) -> None:
    check(ask("Flux", question, fleet_in_influxdb2, zone), question, zone)


@each_zone
@each_question
def test_influxql_gives_the_true_answer(
    question: Question, zone: ZoneInfo | None, fleet_by_influxql: Database
) -> None:
    found = ask("InfluxQL", question, fleet_by_influxql, zone)
    if question.number == KEYS_ONLY_IN_INFLUXQL:
        assert found.keys() == true_answers(zone)[question.number].keys(), f"NEV_TELEMETRY_FLEET={SEED}"
    else:
        check(found, question, zone)


@pytest.mark.server("influxdb2")
@each_zone
@each_question
def test_pandas_gives_the_true_answer(
    question: Question, zone: ZoneInfo | None, client_environment: Database
) -> None:
    check(ask("pandas", question, client_environment, zone), question, zone)


@pytest.mark.server("influxdb2")
@pytest.mark.parametrize(
    ("number", "hours", "page", "limit", "bound"),
    [(8, hours_hotter, 45, 9, 0.5), (20, hours_as_full, 95, 30, 0.1)],
)
def test_the_hours_of_values_within_bounds_are_those_of_all_as_far_as_bounds_allow(
    number: int,
    hours: Callable[[Asked, float], Answer],
    page: int,
    limit: int,
    bound: float,
    client_environment: Database,
) -> None:
    (asked,) = (each for each in QUESTIONS if each.number == number)
    flux, influxql, pandas = (
        re.sub(rf"\b{page}\b", str(limit), text) for text in (asked.flux, asked.influxql, asked.pandas)
    )
    asked = replace(asked, flux=flux, influxql=influxql, pandas=pandas)
    now_ns = int(NOW.timestamp()) * NS
    ten_days = Asked(all_values(), now_ns - 10 * DAY_NS, now_ns)
    most, least = (hours(ten_days, limit + by)[UNREDUCED, "main"] for by in (-bound, bound))
    for answer in (answer_by_flux, answer_by_influxql, answer_by_pandas):
        found = answer(client_environment, asked, LABELS[number])
        for vehicle in SHAPES:
            assert least - 1 / 60 <= found[vehicle, "main"] <= most + 1 / 60
    assert least > 0.1


@pytest.mark.server("influxdb2")
def test_the_pages_table_says_what_the_three_languages_answer(client_environment: Database) -> None:
    found = {
        (language, question.number): ask(language, question, client_environment, None)
        for language in ASKED
        for question in QUESTIONS
        if question.number in UNITS
    }
    wanted = table(found)
    assert written_table() == wanted, f"under {SECTION} of docs/queries.md belongs:\n\n{wanted}"


def last_of_minutes() -> RawPoints:
    """Return what a database of minutes holds of batteries' counters, under the rows' own names."""
    found: dict[tuple[tuple[tuple[str, str], ...], int], dict[str, Any]] = {}
    for at in raw_points().between("battery", 0, 2**62):
        fields = found.setdefault((tuple(sorted(at.tags.items())), at.time_ns // MINUTE_NS), {})
        fields |= {name: value for name, value in at.fields.items() if name.endswith(("charged_wh", "_ah"))}
    return RawPoints(
        point.line("battery", dict(tags), fields, minute * MINUTE_NS)
        for (tags, minute), fields in found.items()
        if fields
    )


@pytest.mark.server("influxdb1")
@pytest.mark.parametrize("of", ["rows", "minutes"])
@pytest.mark.parametrize("number", [3, 4, 14])
def test_influxql_gives_the_answer_vehicle_by_vehicle(
    of: str, number: int, fleet_in_influxdb1: Database, tmp_path: Path
) -> None:
    database = fleet_in_influxdb1
    bring_in_minutes(database)
    (question,) = (each for each in questions() if each.number == number)
    (tmp_path / "QUESTION.sql").write_text(question.influxql.replace("now()", f"'{NOW:%FT%TZ}'"))
    server, login = database.server, f"{database.server.username}:{quote(database.server.password)}"
    url = server.url.replace("http://", f"http://{login}@")
    script = by_vehicle().replace("http://127.0.0.1:8086/query?db=fleet", f"{url}/query?db={database.name}")
    if of == "rows":
        script = re.sub("^OF_MINUTES=.*$", "OF_MINUTES=", script, flags=re.MULTILINE)
    said = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, check=True).stdout
    found = {}
    for series in (each for result in json.loads(said)["results"] for each in result.get("series", ())):
        for text, value in series["values"]:
            row = {**series["tags"], "day": text[:10]}
            if value is not None:
                found[tuple(row[label] for label in LABELS[number])] = value
    true = true_answers(None) if of == "rows" else answers(last_of_minutes(), NOW, UTC)
    assert found == pytest.approx(true[number], rel=1e-6, abs=1e-6), f"NEV_TELEMETRY_FLEET={SEED}"


def bring_in_minutes(database: Database) -> None:
    """Fill them of the ten days, where another test has not done so."""
    server = database.server
    url, password = server.url, Secret(server.password)
    settings = InfluxServer(url=url, database=database.name, username=server.username, password=password)
    with reached(settings, Clock()) as found:
        missing = [step.make for step in map(found.kept, (MINUTES, RECORDS)) if step.make]
        for make in missing:
            make()
        if missing:
            end = NOW.replace(minute=0, second=0) + timedelta(hours=1)
            for day in range(11, 0, -1):
                found.bring_in(end - timedelta(days=day), end - timedelta(days=day - 1))


def energy_in_wh() -> float:
    return sum(morning.charged_wh for morning in driven().truth.mornings)


@pytest.mark.server("influxdb2")
def test_rows_without_counters_can_be_integrated_in_flux(fleet_in_influxdb2: Database) -> None:
    query = integral_queries()["flux"].replace('"fleet"', f'"{fleet_in_influxdb2.name}"')
    rows = [row for row in flux_rows(fleet_in_influxdb2, query, NOW) if row["vehicle"] == VEHICLE]
    assert [float(row["_value"]) for row in rows] == pytest.approx([energy_in_wh()], rel=0.02)


def test_rows_without_counters_can_be_integrated_in_influxql(fleet_by_influxql: Database) -> None:
    query = integral_queries()["sql"].replace("now()", f"'{NOW:%FT%TZ}'")
    found = {
        series["tags"]["vehicle"]: series["values"][0][1]
        for series in fleet_by_influxql.query(query)["series"]
    }
    assert found[VEHICLE] == pytest.approx(energy_in_wh(), rel=0.02)


class _Canned:
    """Answers every query with these rows, in place of influxdb-client's client."""

    def __init__(self, answer: pd.DataFrame) -> None:
        self._answer = answer

    def query_api(self) -> "_Canned":
        return self

    def query_data_frame(self, query: str) -> pd.DataFrame:
        assert query
        return self._answer


def _by_pandas(number: int, stored: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the answer of the page's Python to one question when the database answers these rows."""
    for name in ("URL", "ORG", "TOKEN"):
        monkeypatch.setenv(f"INFLUXDB_V2_{name}", "http://127.0.0.1:1")
    (question,) = (each for each in questions() if each.number == number)
    names: dict[str, Any] = {}
    exec(setup_code(), names)  # noqa: S102 - it is the page that is tested
    names["client"] = _Canned(stored)
    exec(question.pandas, names)  # noqa: S102
    return names["answer"]


def test_pandas_sums_energies_of_a_fleet_that_has_no_meter(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = pd.DataFrame(
        {
            "result": ["", ""],
            "table": [0, 0],
            "_time": pd.to_datetime(["2026-11-27T11:02:23Z", "2026-11-27T11:02:46Z"]),
            "vehicle": ["truck-1", "truck-1"],
            "energy_vehicle_wh": [1000.0, 500.0],
            "energy_charger_wh": [1100.0, 550.0],
        }
    )
    answer = _by_pandas(24, stored, monkeypatch)
    assert answer.to_dict() == {
        ("truck-1", "energy_vehicle_wh"): 1.5,
        ("truck-1", "energy_charger_wh"): 1.65,
    }


def test_pandas_says_what_is_missing_where_nothing_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LookupError, match="no charging_session with station or outcome in 30 days"):
        _by_pandas(25, pd.DataFrame(), monkeypatch)
