"""Every query of docs/queries.md, as it stands there, gives the answer that the fleet's plan gives."""

import pytest

from tests.support.fleet_answers import KEYS_ONLY_IN_INFLUXQL, LABELS, answers
from tests.support.queries_page import (
    Question,
    answer_by_flux,
    answer_by_influxql,
    answer_by_pandas,
    questions,
)
from tests.support.servers import Database

QUESTIONS = list(questions())
each_question = pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: f"{question.number}")


@pytest.fixture
def client_environment(fleet_in_influxdb2: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """What the page says influxdb-client needs."""
    server = fleet_in_influxdb2.server
    monkeypatch.setenv("INFLUXDB_V2_URL", server.url)
    monkeypatch.setenv("INFLUXDB_V2_ORG", server.org)
    monkeypatch.setenv("INFLUXDB_V2_TOKEN", server.token)
    return fleet_in_influxdb2


def test_the_page_asks_twenty_questions_each_in_three_languages() -> None:
    assert [question.number for question in QUESTIONS] == list(range(1, 21))


@pytest.mark.server("influxdb2")
@each_question
def test_flux_gives_the_known_answer(question: Question, fleet_in_influxdb2: Database) -> None:
    found = answer_by_flux(fleet_in_influxdb2, question, LABELS[question.number])
    assert found == pytest.approx(answers()[question.number], rel=1e-6, abs=1e-6)


@each_question
def test_influxql_gives_the_known_answer(question: Question, fleet_by_influxql: Database) -> None:
    found = answer_by_influxql(fleet_by_influxql, question, LABELS[question.number])
    expected = answers()[question.number]
    if question.number == KEYS_ONLY_IN_INFLUXQL:
        assert found.keys() == expected.keys()
    else:
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.server("influxdb2")
@each_question
def test_pandas_gives_the_known_answer(question: Question, client_environment: Database) -> None:
    found = answer_by_pandas(client_environment, question, LABELS[question.number])
    assert found == pytest.approx(answers()[question.number], rel=1e-6, abs=1e-6)
