"""One HTTP request: what urllib3 is asked for, how an answer is read, and who may end it."""

import io
import socket
import ssl
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    InsecureRequestWarning,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)
from urllib3.util import SKIP_HEADER

from telemetry.sinks.deadline import RequestDeadline
from telemetry.sinks.influx.http import HttpTransport, _Guard, _no_answer, _pool, _Response
from telemetry.sinks.influx.settings import InfluxSettings
from telemetry.sinks.influx.verdict import Answer, Failure, Unanswered
from tests.support.clock import FakeClock

SETTINGS = InfluxSettings(url="http://127.0.0.1:9/base/", connect_timeout_s=3.0)
MOST_BYTES = 8


class Reply:
    """An answer of a pool, whose body comes from `body`, or fails at its second read."""

    def __init__(self, status: int, body: bytes, *, is_cut_short: bool = False) -> None:
        self.status = status
        self.reason = "OK"
        self.headers: Mapping[str, str] = {"X-Words": "Some"}
        self.reads: list[int] = []
        self.closed = 0
        self._body = io.BytesIO(body)
        self._is_cut_short = is_cut_short

    def read(self, count: int, *, decode_content: bool) -> bytes:
        assert not decode_content
        self.reads.append(count)
        if len(self.reads) > 1 and self._is_cut_short:
            raise ProtocolError("cut short")
        return self._body.read(count)

    def close(self) -> None:
        self.closed += 1


class Pool:
    """Gives one answer and remembers what it was asked."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self.asked: list[tuple[str, str]] = []
        self.options: dict[str, Any] = {}

    def request(self, method: str, url: str, **options: object) -> Reply:
        self.asked.append((method, url))
        self.options = options
        return self._reply

    def clear(self) -> None:
        self.asked.clear()


@pytest.fixture
def transport() -> HttpTransport:
    deadline = RequestDeadline()  # its thread is not started: nothing here takes time
    return HttpTransport(
        SETTINGS, None, basic=False, clock=FakeClock(), deadline=deadline, answer_bytes=MOST_BYTES
    )


def ask(transport: HttpTransport, reply: Reply) -> tuple[Answer | Unanswered, Pool]:
    pool = Pool(reply)
    transport._pool = pool  # type: ignore[assignment]  # as much of one as is used
    answer = transport.request("POST", "/write", {"db": "a b"}, {"X-More": "1"}, b"body", deadline_s=7.0)
    return answer, pool


def test_a_request_follows_nothing_repeats_nothing_and_has_its_times(transport: HttpTransport) -> None:
    answer, pool = ask(transport, Reply(204, b""))
    assert answer == Answer(204, {"x-words": "Some"}, b"", received_s=1_700_000_000.0)
    assert pool.asked == [("POST", "http://127.0.0.1:9/base/write?db=a+b")]
    timeout = pool.options.pop("timeout")
    assert (timeout.connect_timeout, timeout.read_timeout) == (3.0, 7.0)
    assert pool.options == {
        "body": b"body",
        "headers": {"User-Agent": "nev-telemetry", "Accept-Encoding": SKIP_HEADER, "X-More": "1"},
        "retries": False,
        "redirect": False,
        "preload_content": False,
    }


@pytest.mark.parametrize(
    ("status", "count", "reads", "closed"),
    [
        (200, MOST_BYTES - 1, [MOST_BYTES, 1], 0),
        (200, MOST_BYTES, [MOST_BYTES], 1),
        (299, 1, [MOST_BYTES, 1], 0),
        (300, 1, [MOST_BYTES], 0),
        (400, MOST_BYTES + 1, [MOST_BYTES], 1),
        (199, 1, [MOST_BYTES], 0),
        (204, 1, [MOST_BYTES], 0),
    ],
)
def test_no_more_of_an_answer_is_read_than_is_allowed(
    transport: HttpTransport, status: int, count: int, reads: list[int], closed: int
) -> None:
    reply = Reply(status, b"x" * count)
    answer, _ = ask(transport, reply)
    assert isinstance(answer, Answer)
    assert answer.body == b"x" * min(count, MOST_BYTES)
    assert (reply.reads, reply.closed) == (reads, closed)


@pytest.mark.parametrize(("status", "is_answer"), [(200, False), (204, True), (400, True)])
def test_only_a_2xx_that_is_cut_short_is_no_answer(
    transport: HttpTransport, status: int, is_answer: bool
) -> None:
    answer, _ = ask(transport, Reply(status, b"x", is_cut_short=True))
    assert isinstance(answer, Answer) is is_answer
    assert is_answer or answer == Unanswered(Failure.BROKEN, "ProtocolError")


def test_a_transport_that_was_aborted_sends_nothing_that_counts(transport: HttpTransport) -> None:
    transport.abort()
    answer, _ = ask(transport, Reply(200, b""))
    assert answer == Unanswered(Failure.ABORTED)


def test_a_pool_has_one_connection_and_checks_certificates_unless_it_is_said() -> None:
    plain = _pool(SETTINGS)
    assert not isinstance(plain, urllib3.ProxyManager)
    assert plain.connection_pool_kw == {"maxsize": 1, "cert_reqs": ssl.CERT_REQUIRED, "ca_certs": None}
    careless = _pool(InfluxSettings(url="https://a", unsafe_skip_tls_verification=True, ca_file=Path("/ca")))
    assert careless.connection_pool_kw == {"maxsize": 1, "cert_reqs": ssl.CERT_NONE, "ca_certs": "/ca"}
    assert isinstance(_pool(InfluxSettings(url="http://a", proxy="http://p:1")), urllib3.ProxyManager)


# -- who may end it


class Line:
    """A connection: our end and the peer's."""

    def __init__(self) -> None:
        self.ours, self.peer = socket.socketpair()
        self.peer.settimeout(0.0)

    def is_shut_down(self) -> bool:
        try:
            return self.peer.recv(1) == b""
        except BlockingIOError:
            return False

    def close(self) -> None:
        self.ours.close()
        self.peer.close()


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.close()


@pytest.fixture
def guard() -> Iterator[_Guard]:
    guard = _Guard()
    yield guard
    guard.drop()


def test_a_request_that_takes_too_long_is_shut_down_and_the_next_one_is_not(
    guard: _Guard, line: Line
) -> None:
    guard.begin()
    guard.watch(line.ours)
    assert (guard.failure(), line.is_shut_down()) == (None, False)
    guard.time_out()
    assert (guard.failure(), line.is_shut_down()) == (Failure.TIMEOUT, True)
    guard.finish()
    guard.begin()
    assert guard.failure() is None


def test_a_time_that_is_up_after_the_request_ends_nothing(guard: _Guard, line: Line) -> None:
    guard.time_out()
    guard.begin()
    guard.watch(line.ours)
    guard.finish()
    guard.time_out()
    assert (guard.failure(), line.is_shut_down()) == (None, False)


def test_what_ends_a_request_first_is_why_it_ended(guard: _Guard, line: Line) -> None:
    guard.begin()
    guard.time_out()
    guard.end_for_good()
    assert guard.failure() is Failure.TIMEOUT
    guard.begin()
    guard.time_out()
    assert guard.failure() is not None, "no request begins any more"
    guard.watch(line.ours)
    assert line.is_shut_down(), "a connection that is made too late"


def test_an_end_for_good_is_no_time_out(guard: _Guard, line: Line) -> None:
    guard.begin()
    guard.watch(line.ours)
    guard.end_for_good()
    guard.time_out()
    assert (guard.failure(), line.is_shut_down()) == (Failure.ABORTED, True)


def test_one_connection_is_watched_and_its_descriptor_is_given_back(guard: _Guard, line: Line) -> None:
    guard.begin()
    guard.watch(line.ours)
    line.ours.close()
    assert not line.is_shut_down(), "the guard holds a descriptor of its own"
    other = Line()
    guard.watch(other.ours)
    assert line.is_shut_down()
    assert not other.is_shut_down()
    guard.drop()
    assert other.is_shut_down()
    other.close()


# -- what is read


class Wire:
    """A socket that brings these bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BytesIO:
        assert mode == "rb"
        return io.BytesIO(self._data)


def begun(head: bytes) -> _Response:
    response = _Response(Wire(b"HTTP/1.1 " + head + b"\r\n\r\n1234567890ab"))  # type: ignore[arg-type]  # reads alone
    response.begin()
    return response


def test_only_a_204_may_say_how_long_its_body_is() -> None:
    with begun(b"204 No Content\r\nContent-Length: 10") as response:
        assert response.read() == b"1234567890"
    for head in (
        b"204 No Content",
        b"204 No Content\r\nContent-Length: -1",
        b"204 No Content\r\nContent-Length: 4\r\nTransfer-Encoding: chunked",
        b"304 Not Modified\r\nContent-Length: 4",
    ):
        with begun(head) as response:
            assert response.length in (0, None)


def test_what_is_not_a_header_is_forgotten() -> None:
    with begun(b"200 OK\r\nX: 1\r\nnot a header\r\nY: 2") as response:
        assert response.headers.defects == []
        assert response.headers.get_payload() == ""


# -- why there is no answer


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


CERTIFICATE = ssl.SSLCertVerificationError(1, "certificate verify failed")
CERTIFICATE.verify_message = "self-signed certificate"
POOL = urllib3.HTTPConnectionPool("a")


@pytest.mark.parametrize(
    ("error", "unanswered"),
    [
        (OSError(104, "Connection reset"), Unanswered(Failure.BROKEN, "Connection reset")),
        (ProtocolError("x"), Unanswered(Failure.BROKEN, "ProtocolError")),
        (OSError(), Unanswered(Failure.BROKEN, "OSError")),
        (caused(ProtocolError("x"), OSError(32, "Broken pipe")), Unanswered(Failure.BROKEN, "Broken pipe")),
        (ReadTimeoutError(POOL, "/", "slow"), Unanswered(Failure.TIMEOUT, "")),
        (ConnectTimeoutError("slow"), Unanswered(Failure.NO_CONNECTION, "ConnectTimeoutError")),
        (
            caused(NewConnectionError(POOL, "x"), OSError(111, "Connection refused")),  # type: ignore[arg-type]  # stub
            Unanswered(Failure.NO_CONNECTION, "Connection refused"),
        ),
        (caused(ProtocolError("x"), CERTIFICATE), Unanswered(Failure.UNTRUSTED, "self-signed certificate")),
    ],
)
def test_the_innermost_error_says_why_there_is_no_answer(error: Exception, unanswered: Unanswered) -> None:
    assert _no_answer(error) == unanswered


def test_who_wants_no_certificate_checked_is_not_warned_at_each_request() -> None:
    settings = InfluxSettings(url="https://a", unsafe_skip_tls_verification=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        HttpTransport(
            settings, None, basic=False, clock=FakeClock(), deadline=RequestDeadline(), answer_bytes=1
        )
        warnings.warn("unverified", InsecureRequestWarning, stacklevel=1)
        HttpTransport(
            SETTINGS, None, basic=False, clock=FakeClock(), deadline=RequestDeadline(), answer_bytes=1
        )
    assert caught == []
