"""What the demonstration makes of answers to its queries that are not numbers."""

import pytest

from telemetry.demo.readback import InfluxReadback
from telemetry.errors import UnavailableError
from telemetry.sinks.influx.settings import InfluxSettings
from tests.support.clock import FakeClock
from tests.support.scripted_server import ScriptedServer, answer


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            b'{"results":[{"statement_id":0,"error":"database not found: d"}]}',
            "refuses a query: database not found: d",
        ),
        (b"<html><title>Accept the terms</title></html>", "answers something else than InfluxQL's JSON"),
    ],
)
def test_an_answer_without_numbers_is_not_taken_for_an_empty_table(body: bytes, words: str) -> None:
    with ScriptedServer() as server:
        server.script(answer(200, {}, body))
        readback = InfluxReadback(
            InfluxSettings(url=server.url, database="d").make_tables(FakeClock()), "van"
        )
        with pytest.raises(UnavailableError, match=words):
            readback.field_counts("battery", "can")
        readback.close()
