"""Tables of an InfluxDB by InfluxQL, from a server that answers by script."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from telemetry.clock import Clock
from telemetry.errors import UnavailableError
from telemetry.sinks.influx import tables as influx_tables
from telemetry.sinks.influx.server import Api
from telemetry.sinks.influx.settings import InfluxSettings
from telemetry.sinks.influx.tables import InfluxTables
from telemetry.sinks.influxql import quoted, text_literal
from tests.support.scripted_server import Act, ScriptedServer, answer


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


def asked(server: ScriptedServer, *acts: Act) -> InfluxTables:
    server.script(*acts)
    return InfluxTables(InfluxSettings(url=server.url, database="fleet", api=Api.V1), Clock())


def rows(*values: list[Any], columns: tuple[str, ...] = ("time", "soc_pct", "charger")) -> Act:
    series = [{"name": "m", "columns": columns, "values": values}] if values else []
    return answer(200, body=json.dumps({"results": [{"series": series} if series else {}]}).encode())


def queries(server: ScriptedServer) -> list[str]:
    """Return what was asked, in the address or in the body."""
    texts = [urlsplit(each.target).query or each.body.decode() for each in server.requests]
    return [parse_qs(text)["q"][0] for text in texts if "q=" in text]


def test_points_are_named_values_without_those_that_are_absent(server: ScriptedServer) -> None:
    tables = asked(server, rows([1, 50.5, "bay"], [2, None, "bay"]))
    assert list(tables.points('a "b"', "time >= 1")) == [
        {"time": 1, "soc_pct": 50.5, "charger": "bay"},
        {"time": 2, "charger": "bay"},
    ]
    tables.close()
    (query,) = queries(server)
    assert query == 'SELECT * FROM "a \\"b\\"" WHERE time >= 1 ORDER BY time LIMIT 20000 OFFSET 0'


def test_more_points_than_fit_one_answer_are_asked_for_page_by_page(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(influx_tables, "ROWS", 2)
    tables = asked(server, rows([1, 1, "a"], [2, 2, "a"]), rows([3, 3, "a"], [4, 4, "a"]), rows([5, 5, "a"]))
    assert [point["time"] for point in tables.points("m", "")] == [1, 2, 3, 4, 5]
    tables.close()
    assert [query.partition(" ORDER ")[2] for query in queries(server)] == [
        f"BY time LIMIT 2 OFFSET {offset}" for offset in (0, 2, 4)
    ]


def test_nothing_is_nothing(server: ScriptedServer) -> None:
    tables = asked(server, rows())
    assert tables.table("SELECT") == ([], [])
    tables.close()


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (answer(401, body=b"{}"), "refuses these credentials .mend token or password"),
        (answer(403, body=b"{}"), "refuses these credentials .mend token or password"),
        (answer(500, body=b"{}"), "answers 500 to a query"),
        (answer(200, body=b'{"results":[{"error":"bad"}]}'), "refuses a query: bad"),
        (answer(200, body=b"<html>"), "answers something else than InfluxQL's JSON"),
        (answer(200, body=b'{"results":[]}'), "answers something else than InfluxQL's JSON"),
        (answer(200, body=b"[1]"), "answers something else than InfluxQL's JSON"),
    ],
)
def test_what_is_no_table_is_one_error(server: ScriptedServer, act: Act, words: str) -> None:
    tables = asked(server, act)
    with pytest.raises(UnavailableError, match=words):
        tables.table("SELECT")
    tables.close()


def test_an_answer_of_a_megabyte_is_read(server: ScriptedServer) -> None:
    tables = asked(server, rows([1, 1.0, "x" * 1_000_000]))
    assert len(tables.table("SELECT")[1][0][2]) == 1_000_000
    tables.close()


def test_names_and_texts_are_as_influxql_writes_them() -> None:
    assert quoted('a\\"') == '"a\\\\\\""'
    assert text_literal("it's\\\n") == "'it\\'s\\\\\\n'"


def test_a_table_may_take_half_a_minute_and_sixteen_mebibytes(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[float, int]] = []

    def client(settings: InfluxSettings, _clock: Clock, *, answer_bytes: int) -> None:
        made.append((settings.request_timeout_s, answer_bytes))

    monkeypatch.setattr(influx_tables, "InfluxClient", client)
    InfluxTables(InfluxSettings(url="http://127.0.0.1:1", database="fleet", api=Api.V1), Clock())
    assert made == [(30.0, 1 << 24)]
