"""What of HTTP is taken, and what is refused with which status."""

import pytest

from telemetry.web.http import Request, RequestError, RequestParser


def parse_head(head: str, after: str = "\r\n\r\n") -> Request:
    """Return the request of a head without the empty line at its end."""
    parser = RequestParser()
    parser.feed(f"{head}{after}".encode("latin-1"))
    request = parser.next()
    assert request is not None
    return request


def refused(head: str, after: str = "\r\n\r\n") -> int:
    with pytest.raises(RequestError) as caught:
        parse_head(head, after)
    return int(caught.value.status)


def test_a_browsers_request_is_read() -> None:
    request = parse_head("GET /events?t=1 HTTP/1.1\r\nHost: 127.0.0.1:8480\r\nAccept:  text/event-stream ")
    assert (request.method, request.path, request.host) == ("GET", "/events", "127.0.0.1:8480")
    assert request.fields["accept"] == "text/event-stream"
    assert request.keep_alive


@pytest.mark.parametrize("head", ["GET / HTTP/1.1\r\nHost: a\r\nConnection: Close, te", "GET / HTTP/1.0"])
def test_a_client_that_wants_one_answer_only_gets_one(head: str) -> None:
    assert not parse_head(head).keep_alive


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "get", "TRACE"])
def test_only_get_and_head_are_answered(method: str) -> None:
    assert refused(f"{method} / HTTP/1.1\r\nHost: a") == 405


@pytest.mark.parametrize(
    "head",
    [
        "",
        "GET",
        "GET /",
        "GET  / HTTP/1.1\r\nHost: a",
        "GET / HTTP/1.1 \r\nHost: a",
        "GET /\t HTTP/1.1\r\nHost: a",
        "GET http://a/ HTTP/1.1\r\nHost: a",
        "GET * HTTP/1.1\r\nHost: a",
        "GET / HTTP/1.1",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a",
        "GET / HTTP/1.1\r\nHost : a",
        "GET / HTTP/1.1\r\n folded",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\nb",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\x00",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked",
    ],
)
def test_what_makes_no_sense_is_refused(head: str) -> None:
    assert refused(head) == 400


def test_a_field_that_goes_on_in_the_next_line_is_read_as_one() -> None:
    assert parse_head("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c").fields["x"] == "b c"


def test_another_version_is_refused() -> None:
    assert refused("GET / HTTP/2.0") == 505


def test_a_body_of_no_bytes_is_none() -> None:
    assert parse_head("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0").path == "/"


def test_a_hundred_fields_are_taken_and_more_are_refused() -> None:
    lines = [f"x-{number}: 1" for number in range(101)]
    assert parse_head("\r\n".join(["GET / HTTP/1.0", *lines[:100]])).path == "/"
    assert refused("\r\n".join(["GET / HTTP/1.0", *lines])) == 431


def test_a_request_is_measured_without_what_follows_it() -> None:
    parser = RequestParser()
    parser.feed(b"GET /a HTTP/1.0\r\n\r\n" + b"GET /b HTTP/1.0\r\nX: " + b"a" * (8 * 1024 - 40))
    request = parser.next()
    assert request is not None
    assert request.path == "/a"
    assert parser.next() is None


def test_what_makes_no_sense_is_measured_without_what_follows_it() -> None:
    assert refused("GET / HTTP/1.1\r\nHost : a", "\r\n\r\n" + "a" * (8 * 1024 - 40)) == 400


def test_a_request_that_never_ends_is_refused_at_the_limit() -> None:
    assert refused("GET / HTTP/1.1\r\nX: " + "a" * 8192, after="") == 431


def test_a_head_that_is_whole_and_too_large_is_refused_as_one_that_comes_in_pieces() -> None:
    assert refused("GET / HTTP/1.0\r\nX: " + "a" * 8192) == 431
    assert refused("GET /\r\nX: " + "a" * 8192) == 431


def test_requests_behind_each_other_are_read_one_by_one() -> None:
    parser = RequestParser()
    parser.feed(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\nHEAD /b HTTP/1.1\r\nHost: h\r\n\r\nGET")
    paths = []
    while (request := parser.next()) is not None:
        paths.append((request.method, request.path))
    assert paths == [("GET", "/a"), ("HEAD", "/b")]
    assert parser.waiting_bytes == 3


def test_a_request_of_exactly_8_kib_is_taken() -> None:
    head = "GET / HTTP/1.0\r\nX: "
    assert parse_head(head + "a" * (8192 - len(head) - 4)).path == "/"
