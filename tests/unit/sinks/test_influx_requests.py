"""What the client sends: where, with which names, credentials and compression."""

import base64
import gzip
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from telemetry.errors import ConfigError
from telemetry.sinks.credentials import Secret
from telemetry.sinks.influx.client import InfluxClient
from telemetry.sinks.influx.server import Api
from telemetry.sinks.influx.settings import InfluxSettings
from telemetry.sinks.influx.verdict import Answer, Failure, Unanswered
from telemetry.sinks.verdict import Acknowledged, Hold, HoldCause, Retry
from telemetry.spool.compress import compress
from tests.support.clock import FakeClock
from tests.support.scripted_server import Request, ScriptedServer, answer, reset_after

LINES = b"m v=1 1\n"
PAYLOAD = compress(LINES)


def sent(
    *acts: Callable[..., None], clock: FakeClock | None = None, writes: int = 1, **keys: object
) -> list[Request]:
    """Send so many writes, a minute apart, and return their requests."""
    clock = clock or FakeClock()
    with ScriptedServer() as server:
        server.script(*acts)
        settings = InfluxSettings(**{"url": server.url, "api": Api.V2, "bucket": "b", **keys})  # type: ignore[arg-type]  # mixed
        client = InfluxClient(settings, clock)
        try:
            for _ in range(writes):
                assert client.write(PAYLOAD).verdict == Acknowledged()
                clock.advance(60.0)
        finally:
            client.close()
        return server.requests


def asked(request: Request) -> tuple[str, dict[str, list[str]]]:
    target = urlsplit(request.target)
    return target.path, parse_qs(target.query)


def test_each_api_has_its_path_and_its_names() -> None:
    (v2,) = sent(org="o")
    assert asked(v2) == ("/api/v2/write", {"precision": ["ns"], "bucket": ["b"], "org": ["o"]})
    (bare,) = sent()
    assert asked(bare) == ("/api/v2/write", {"precision": ["ns"], "bucket": ["b"]})
    (v1,) = sent(api=Api.V1, database="d", retention_policy="r")
    assert asked(v1) == ("/write", {"precision": ["ns"], "db": ["d"], "rp": ["r"]})
    (of_bucket,) = sent(api=Api.V1, bucket="d/r")
    assert asked(of_bucket) == ("/write", {"precision": ["ns"], "db": ["d"], "rp": ["r"]})
    for request in (v2, bare, v1, of_bucket):
        assert (request.method, request.lines) == ("POST", [LINES.rstrip()])
        assert request.headers["content-encoding"] == "gzip"
        assert request.headers["user-agent"] == "nev-telemetry"
        assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("keys", "header"),
    [
        ({"token": Secret("t")}, "Token t"),
        ({"api": Api.V1, "token": Secret("t")}, "Token t"),
        ({"username": "u", "password": Secret("p")}, "Token u:p"),  # InfluxDB 1.8 by its API v2
        ({"username": "u", "token": Secret("t")}, "Token t"),
        ({"username": "u"}, "Token u:"),
        ({"username": "ü", "password": Secret("p")}, None),
        (
            {"api": Api.V1, "username": "u", "password": Secret("p")},
            "Basic " + base64.b64encode(b"u:p").decode(),
        ),
        ({"api": Api.V1, "username": "u"}, "Basic " + base64.b64encode(b"u:").decode()),
        (
            {"api": Api.V1, "username": "operator", "password": Secret("pässword")},
            "Basic b3BlcmF0b3I6cMOkc3N3b3Jk",
        ),
        ({"username": "u", "password": Secret("p"), "token": Secret("t")}, "Token t"),
    ],
)
def test_credentials_stand_in_the_header_as_the_api_takes_them(
    keys: dict[str, object], header: str | None
) -> None:
    (request,) = sent(**keys)  # type: ignore[arg-type]  # values of several types
    assert request.headers.get("authorization") == header


def test_a_token_that_no_header_can_hold_is_refused_without_showing_it() -> None:
    client = InfluxClient(
        InfluxSettings(url="http://127.0.0.1:1", bucket="b", token=Secret("tökén")), FakeClock()
    )
    with pytest.raises(ConfigError, match="the token is not printable ASCII") as caught:
        client.write(PAYLOAD)
    assert "tökén" not in str(caught.value)
    client.close()


def test_a_server_that_does_not_unpack_gets_plain_lines_and_after_a_while_packed_ones_again() -> None:
    clock = FakeClock()
    minutes = 60
    requests = sent(answer(415), clock=clock, writes=minutes + 1)
    packed = ["content-encoding" in request.headers for request in requests]
    assert packed == [True, False, *[False] * (minutes - 1), True]
    assert requests[1].body == LINES
    assert gzip.decompress(requests[-1].body) == LINES


def test_a_server_that_takes_neither_is_asked_in_both_ways_each_time() -> None:
    with ScriptedServer() as server:
        server.script(*[answer(415)] * 4)
        client = InfluxClient(InfluxSettings(url=server.url, api=Api.V2, bucket="b"), FakeClock())
        for _ in range(2):
            assert isinstance(client.write(PAYLOAD).verdict, Hold)
        client.close()
        assert ["content-encoding" in request.headers for request in server.requests] == [True, False] * 2


def test_a_question_goes_to_the_database_of_api_v1() -> None:
    with ScriptedServer() as server:
        server.script(answer(200, body=b"{}"))
        client = InfluxClient(InfluxSettings(url=server.url + "/", bucket="d/r"), FakeClock())
        reply = client.query("SHOW SERIES")
        client.close()
        assert isinstance(reply, Answer)
        assert (reply.status, reply.body, reply.received_s) == (200, b"{}", 1_700_000_000.0)
        (request,) = server.requests
    assert request.method == "GET"
    assert asked(request) == ("/query", {"db": ["d"], "rp": ["r"], "epoch": ["ns"], "q": ["SHOW SERIES"]})


def test_a_database_that_is_missing_is_made_only_if_that_is_wanted() -> None:
    missing = answer(404, body=b'{"error":"database not found: \\"d\\""}')
    with ScriptedServer() as server:
        server.script(missing, missing, answer(200, body=b'{"results":[{"statement_id":0}]}'))
        for create, count in ((False, 1), (True, 4)):
            settings = InfluxSettings(url=server.url, api=Api.V1, database='d"x\\', create=create)
            client = InfluxClient(settings, FakeClock())
            verdict = client.write(PAYLOAD).verdict
            client.close()
            assert len(server.requests) == count
            assert (verdict == Acknowledged()) == create
            assert create or (isinstance(verdict, Hold) and verdict.cause is HoldCause.NOT_FOUND)
        path, query = asked(server.requests[2])
        assert (path, query) == ("/query", {"q": ['CREATE DATABASE "d\\"x\\\\"']})


def test_what_is_no_answer_is_called_by_what_happened() -> None:
    with ScriptedServer() as server:
        server.script(reset_after(10), reset_after(10))
        client = InfluxClient(InfluxSettings(url=server.url, api=Api.V1, database="d"), FakeClock())
        broken = client.query("x")
        assert isinstance(client.write(PAYLOAD).verdict, Retry)
        client.close()
    assert isinstance(broken, Unanswered)
    assert broken.failure is Failure.BROKEN
    client = InfluxClient(InfluxSettings(url=server.url, api=Api.V1, database="d"), FakeClock())
    closed = client.query("x")
    client.abort()
    aborted = client.query("x")
    client.close()
    assert isinstance(closed, Unanswered)
    assert (closed.failure, closed.words) == (Failure.NO_CONNECTION, "Connection refused")
    assert isinstance(aborted, Unanswered)
    assert not client.describe()
