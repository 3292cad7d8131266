"""The sink against servers that misbehave: real sockets, real bytes, the sender in injected time.

Every test ends with the database holding exactly the points that were made, less what the accounts name.
"""

import json
import random
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from telemetry.model.events import Event
from telemetry.sinks.boot_time import BootTime
from telemetry.sinks.credentials import Secret
from telemetry.sinks.influx.client import InfluxClient
from telemetry.sinks.influx.settings import Api, InfluxSettings
from telemetry.sinks.influx.verdict import Answer
from telemetry.sinks.retry import Backoff
from telemetry.sinks.sender import Sender
from telemetry.spool.compress import compress
from tests.support import scripted_server as acts
from tests.support.certificates import Authority, make_authority
from tests.support.clock import FakeClock
from tests.support.list_queue import ListQueue
from tests.support.scripted_server import Act, ScriptedServer

CANARY = "canary-token-of-the-sink"
DEADLINE_S = 0.3
LINES = [b"pack,vehicle=a v=%d %d" % (index, index) for index in range(50)]


class Rig:
    """A sender with a real client and a scripted server."""

    def __init__(self, server: ScriptedServer, **settings: object) -> None:
        values = {"url": server.url, "api": Api.V2, "org": "o", "bucket": "b", "token": Secret(CANARY)}
        values |= {"request_timeout_s": DEADLINE_S, **settings}
        self.settings = InfluxSettings(**values)  # type: ignore[arg-type]  # a mapping of checked names
        self.server = server
        self.clock = FakeClock()
        self.queue = ListQueue()
        self.client = InfluxClient(self.settings, self.clock)
        self.events: list[Event] = []
        boot_time = BootTime(self.clock, None, wait_for_clock=False)
        backoff = Backoff(lambda: 0.5)
        self.sender = Sender(self.queue, self.client, self.clock, backoff, boot_time, self.events.append)

    def run_until_idle(self, most_steps: int = 300) -> None:
        """Until nothing is left; then the accounts must balance."""
        for _ in range(most_steps):
            self.clock.advance(self.sender.step())
            if self.sender.state.idle:
                break
        assert self.sender.state.idle
        self.queue.assert_balance()

    def assert_all_stored_once(self) -> None:
        """What the database holds is what was made."""
        assert self.server.stored == set(LINES)
        assert self.queue.dead == {}
        assert self.queue.acknowledged_points == self.queue.made_points


def wait_until_left(server: ScriptedServer) -> None:
    """Until the client has closed its connections."""
    never = threading.Event()
    while server.open_connections:
        never.wait(0.005)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def rig(server: ScriptedServer) -> Iterator[Rig]:
    rig = Rig(server)
    yield rig
    rig.client.close()


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(acts.say_nothing, id="says nothing"),
        pytest.param(acts.read_nothing, id="reads nothing"),
        pytest.param(acts.drip(b"HTTP/1.1 204 No Content\r\nX-Filler: "), id="drips its headers"),
        pytest.param(acts.drip(b"HTTP/1.1 100 Continue\r\n\r\n"), id="drips nonsense"),
        pytest.param(
            acts.drip(b".", at_once=b"HTTP/1.1 503 Busy\r\nContent-Length: 99999\r\n\r\n"),
            id="drips the body of an error",
        ),
        pytest.param(acts.drip(b".", at_once=b"HTTP/1.0 503 Busy\r\n\r\n"), id="drips a body of no length"),
        pytest.param(acts.store_and_reset, id="stores and loses the reply"),
        pytest.param(acts.answer_partly_and_close(b"HTT"), id="closes within the status line"),
        pytest.param(acts.answer_partly_and_close(b""), id="closes instead of an answer"),
        pytest.param(acts.answer_partly_and_close(b"\xff\xfe garbage\r\n\r\n"), id="speaks no HTTP"),
        pytest.param(acts.answer_partly_and_close(b"HTTP/1.1 999999 X\r\n\r\n"), id="has a silly status"),
        pytest.param(
            acts.answer_partly_and_close(b"HTTP/1.1 204 " + b"x" * 100_000), id="has an endless line"
        ),
        pytest.param(
            acts.answer_partly_and_close(b"HTTP/1.1 500 X\r\nContent-Length: 10\r\n\r\nshort"),
            id="cuts its answer short",
        ),
        pytest.param(acts.answer(500, body=b'{"message":"\xff\xfe\x00 not UTF-8"}'), id="answers no UTF-8"),
        pytest.param(acts.answer(503, {"Retry-After": "nonsense"}), id="has a senseless Retry-After"),
        pytest.param(acts.answer(500, body=b"x" * 10_000_000), id="answers ten megabytes"),
    ],
)
def test_whatever_a_server_does_every_point_is_stored_in_the_end(rig: Rig, fault: Act) -> None:
    rig.server.script(fault, fault)
    rig.queue.put_lines(*LINES[:25])
    rig.queue.put_lines(*LINES[25:])
    rig.run_until_idle()
    rig.assert_all_stored_once()
    assert rig.sender.state.requests == 4


def test_a_reset_after_any_byte_of_the_request_loses_nothing(rig: Rig) -> None:
    rig.queue.put_lines(*LINES)
    rig.run_until_idle()
    for count in range(rig.server.requests[0].size_bytes + 1):
        rig.server.stored.clear()
        rig.server.script(acts.reset_after(count))
        rig.queue.put_lines(*LINES)
        rig.run_until_idle()
        rig.assert_all_stored_once()


def test_a_closed_port_is_waited_for() -> None:
    with ScriptedServer() as closed:
        rig = Rig(closed)
    rig.queue.put_lines(*LINES)
    for _ in range(5):
        rig.clock.advance(rig.sender.step())
    assert rig.sender.state.failure == "no connection: Connection refused"
    assert rig.queue.acknowledged == []
    rig.queue.assert_balance()


@pytest.mark.parametrize("head", [b"Content-Length: 1000000", b"Connection: close"])
def test_a_2xx_whose_body_never_ends_is_no_acknowledgement(rig: Rig, head: bytes) -> None:
    """It may be the page of something that is no database; our own shutting down looks like its end."""

    def begin_an_answer(connection: acts.Connection) -> None:
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n")
        connection.next_begins()

    rig.server.script(begin_an_answer)
    rig.queue.put_lines(*LINES)
    rig.run_until_idle()
    rig.assert_all_stored_once()
    assert rig.sender.state.requests == 2


@pytest.mark.parametrize(
    "head", [b"Content-Length: 60", b"Transfer-Encoding: chunked", b"Content-Length: 60\r\nConnection: close"]
)
def test_a_2xx_whose_body_is_cut_short_is_no_acknowledgement(rig: Rig, head: bytes) -> None:
    chunk = b"30\r\n{}" if b"chunked" in head else b"{}"

    def cut_short(connection: acts.Connection) -> None:
        connection.read_request()
        connection.send(b"HTTP/1.1 201 Created\r\n" + head + b"\r\n\r\n" + chunk)
        connection.close()

    rig.server.script(cut_short)
    rig.queue.put_lines(*LINES)
    rig.run_until_idle()
    rig.assert_all_stored_once()
    assert rig.sender.state.requests == 2


def test_a_204_without_the_body_that_it_announces_is_an_acknowledgement(rig: Rig) -> None:
    def store_and_announce(connection: acts.Connection) -> None:
        connection.server.store(connection.read_request())
        connection.send(b"HTTP/1.1 204 No Content\r\nContent-Length: 100\r\n\r\n")
        connection.next_begins()

    rig.server.script(store_and_announce)
    rig.queue.put_lines(*LINES)
    rig.run_until_idle()
    rig.assert_all_stored_once()
    assert rig.sender.state.requests == 1


@pytest.mark.parametrize("api", [Api.AUTO, Api.V1, Api.V2])
def test_a_login_page_in_place_of_the_database_holds_everything_until_it_is_gone(
    server: ScriptedServer, api: Api
) -> None:
    page = b"<html><head><title>Accept the terms</title></head><body>of this network</body></html>"
    portal = acts.answer(200, {"Content-Type": "text/html"}, page)
    rig = Rig(server, api=api)
    server.script(*[portal] * (4 if api is Api.AUTO else 2))
    rig.queue.put_lines(*LINES[:25])
    rig.queue.put_lines(*LINES[25:])
    assert rig.sender.step() == pytest.approx(60.0)
    assert rig.sender.state.held == "what answers is no database: HTTP 200 text/html: Accept the terms"
    assert rig.queue.acknowledged == []
    rig.clock.advance(60.0)
    rig.run_until_idle()
    rig.assert_all_stored_once()
    assert [(event.code, event.active) for event in rig.events] == [("sink_hold", True), ("sink_hold", False)]
    rig.client.close()


@pytest.mark.parametrize("status", [200, 201, 204])
def test_lines_that_a_2xx_names_as_rejected_are_dead_letters_and_all_others_acknowledged(
    rig: Rig, status: int
) -> None:
    bad = {LINES[0], LINES[7], LINES[49]}

    def store_in_part(connection: acts.Connection) -> None:
        request = connection.read_request()
        details = [
            {"error_message": "invalid column type", "line_number": number, "original_line": line.decode()}
            for number, line in enumerate(request.lines, 1)
            if line in bad
        ]
        connection.server.stored.update(set(request.lines) - bad)
        message = {"code": "invalid", "message": "partial write has occurred", "data": details}
        connection.answer(status if details else 204, {}, json.dumps(message).encode() if details else b"")

    rig.server.script(*[store_in_part] * 10)
    rig.queue.put_lines(*LINES)
    rig.run_until_idle()
    assert set(rig.queue.dead_lines()) == bad
    assert rig.server.stored == set(LINES) - bad
    assert rig.queue.acknowledged_points == len(LINES) - len(bad)
    assert rig.sender.state.requests == 1  # the others are stored: it said so
    assert "invalid column type" in repr(rig.queue.dead)
    rig.queue.put_lines(b"m v=1 1")
    rig.run_until_idle()
    assert rig.server.connections_made == 1  # a body that a 204 should not have is not taken for an answer


def test_of_more_rejected_lines_than_a_2xx_lists_every_one_is_found(rig: Rig) -> None:
    lines = [b"m,n=%d v=%d 1" % (index, index % 2) for index in range(500)]

    def store_in_part(connection: acts.Connection) -> None:
        request = connection.read_request()
        refused = [number for number, line in enumerate(request.lines, 1) if b"v=1" in line][:100]
        connection.server.stored.update(line for line in request.lines if b"v=0" in line)
        message = {"code": "invalid", "data": [{"line_number": number} for number in refused]}
        connection.answer(201 if refused else 204, {}, json.dumps(message).encode() if refused else b"")

    rig.server.script(*[store_in_part] * 10)
    rig.queue.put_lines(*lines)
    rig.run_until_idle()
    assert rig.queue.dead_lines() == sorted(lines[1::2])
    assert rig.server.stored == set(lines[::2])
    assert rig.sender.state.requests == 3


# -- a server that takes no gzip


def refuse_gzip(connection: acts.Connection) -> None:
    request = connection.read_request()
    if "content-encoding" in request.headers:
        connection.answer(415)
    else:
        connection.server.store(request)
        connection.answer(204)


def encodings(server: ScriptedServer) -> list[str]:
    return [request.headers.get("content-encoding", "plain") for request in server.requests]


def test_a_415_makes_it_send_plain_and_an_hour_later_it_tries_gzip_again(rig: Rig) -> None:
    rig.server.script(*[refuse_gzip] * 4)
    for line in LINES[:3]:
        rig.queue.put_lines(line)
        rig.run_until_idle()
    assert encodings(rig.server) == ["gzip", "plain", "plain", "plain"]
    assert rig.events == []
    assert "takes no gzip" in rig.sender.state.summary()
    assert rig.sender.state.bytes_sent == sum(len(request.body) for request in rig.server.requests)
    rig.clock.advance(3600.0)
    rig.queue.put_lines(*LINES[3:])
    rig.run_until_idle()
    rig.assert_all_stored_once()
    assert encodings(rig.server)[4:] == ["gzip"]
    assert "gzip" not in rig.sender.state.summary()


def test_a_415_to_plain_lines_too_is_not_about_gzip(rig: Rig) -> None:
    rig.server.script(acts.answer(415), acts.answer(415))
    rig.queue.put_lines(*LINES)
    rig.clock.advance(rig.sender.step())
    assert rig.sender.state.held.startswith("request refused: HTTP 415")
    rig.run_until_idle()
    rig.assert_all_stored_once()
    assert encodings(rig.server) == ["gzip", "plain", "gzip"]


# -- threads


def test_after_its_start_a_sink_needs_no_further_thread(
    rig: Rig, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of processes, as pid_max, TasksMax or another program may bring it about."""
    rig.client.start()
    real = threading.Thread.start

    def refuse_ours(thread: threading.Thread) -> None:
        if threading.current_thread() is threading.main_thread():
            raise RuntimeError("can't start new thread")
        real(thread)  # the scripted server's

    monkeypatch.setattr(threading.Thread, "start", refuse_ours)
    rig.server.script(acts.say_nothing, acts.answer(401), acts.drip(b"HTTP/1.1 204 No Content\r\nX: "))
    rig.queue.put_lines(*LINES)
    rig.run_until_idle()
    rig.assert_all_stored_once()
    assert rig.sender.state.requests == 4


def test_of_an_answer_64_kib_are_read(rig: Rig) -> None:
    rig.server.script(acts.answer(400, body=b"y" * 5_000_000))
    _, answer = rig.client._write(compress(b""))
    assert isinstance(answer, Answer)
    assert (answer.status, len(answer.body)) == (400, 64 * 1024)
    wait_until_left(rig.server)


def test_an_early_413_is_understood_though_the_body_was_not_read(rig: Rig) -> None:
    """More than the sockets' buffers hold, so that sending it meets the reset."""
    noise = random.Random(5)
    lines = [b'text s="%s" %d' % (noise.randbytes(4000).hex().encode(), index) for index in range(3000)]
    rig.server.script(acts.refuse_unread(413))
    rig.queue.put_lines(*lines)
    rig.run_until_idle()
    assert rig.server.stored == set(lines)
    assert rig.queue.dead == {}
    assert rig.sender.state.requests == 3


def test_a_server_that_takes_ten_kilobytes_gets_everything_in_parts(rig: Rig) -> None:
    large = b'text s="' + b"x" * 11_000 + b'" 1'
    rig.server.script(*[acts.limit_size(10_000)] * 1000)
    rig.queue.put_lines(*[b"%s,n=%d v=1 1" % (b"a" * 300, index) for index in range(200)], large)
    rig.run_until_idle()
    assert rig.queue.dead_lines() == [large]
    assert len(rig.server.stored) == 200


def test_a_redirect_is_not_followed_and_no_other_host_sees_the_token(rig: Rig) -> None:
    with ScriptedServer() as other:
        for status in (301, 302, 303, 307, 308):
            rig.server.script(acts.answer(status, {"Location": f"{other.url}/api/v2/write"}))
        rig.queue.put_lines(*LINES)
        rig.run_until_idle()
        assert other.connections_made == 0
    rig.assert_all_stored_once()
    assert [event.code for event in rig.events] == ["sink_hold", "sink_hold"]


def test_a_new_token_in_the_file_ends_a_hold(server: ScriptedServer, tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("old-token\n")
    token_file.chmod(0o600)
    rig = Rig(server, token=None, token_file=token_file)
    server.script(acts.answer(401), acts.answer(401))
    rig.queue.put_lines(*LINES)
    rig.clock.advance(rig.sender.step())
    token_file.write_text("new-token\n")
    rig.run_until_idle()
    rig.assert_all_stored_once()
    sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Token old-token", "Token new-token", "Token new-token"]
    rig.client.close()


def test_a_connection_is_used_again(rig: Rig) -> None:
    for index in range(10):
        rig.queue.put_lines(LINES[index])
        rig.run_until_idle()
    assert rig.server.connections_made == 1


def test_closing_lets_go_of_the_connection(rig: Rig) -> None:
    rig.queue.put_lines(*LINES)
    rig.run_until_idle()
    assert rig.server.open_connections == 1
    rig.client.close()
    wait_until_left(rig.server)


def test_a_password_is_sent_in_a_header_and_never_in_the_url(server: ScriptedServer) -> None:
    rig = Rig(server, api=Api.V1, token=None, username="operator", password=Secret("pässword"), database="d")
    rig.queue.put_lines(*LINES)
    rig.run_until_idle()
    request = server.requests[0]
    assert request.target == "/write?precision=ns&db=d"
    assert request.headers["authorization"] == "Basic b3BlcmF0b3I6cMOkc3N3b3Jk"
    rig.client.close()


def test_a_proxy_is_used(server: ScriptedServer) -> None:
    rig = Rig(server, url="http://database.example:8086", proxy=server.url)
    rig.queue.put_lines(*LINES)
    rig.run_until_idle()
    rig.assert_all_stored_once()
    assert server.requests[0].target.startswith("http://database.example:8086/api/v2/write?")
    rig.client.close()


# -- TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def over_tls(request: pytest.FixtureRequest) -> Iterator[Callable[..., Rig]]:
    servers: list[ScriptedServer] = []

    def start(context: ssl.SSLContext, **settings: object) -> Rig:
        server = ScriptedServer(context)
        servers.append(server.__enter__())
        return Rig(server, **settings)

    yield start
    for server in servers:
        server.__exit__()


def test_a_certificate_of_the_configured_authority_is_trusted(
    authority: Authority, over_tls: Callable[..., Rig]
) -> None:
    rig = over_tls(authority.server_context("IP:127.0.0.1"), ca_file=authority.certificate)
    rig.queue.put_lines(*LINES)
    rig.run_until_idle()
    rig.assert_all_stored_once()
    rig.client.close()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("expired", "expired"),
        ("wrong host", "not valid for"),
        ("self-signed", "self-signed"),
        ("unknown authority", "unable to get local issuer"),
    ],
)
def test_a_certificate_that_is_not_right_gets_no_byte_of_the_token(
    authority: Authority, over_tls: Callable[..., Rig], kind: str, words: str
) -> None:
    context = authority.server_context(
        "DNS:elsewhere.example" if kind == "wrong host" else "IP:127.0.0.1",
        ends="20210101000000Z" if kind == "expired" else "20991231235959Z",
        signed=kind != "self-signed",
    )
    ca_file = None if kind == "unknown authority" else authority.certificate
    rig = over_tls(context, ca_file=ca_file)
    rig.queue.put_lines(*LINES)
    rig.clock.advance(rig.sender.step())
    assert words in rig.sender.state.held
    assert rig.server.requests == []
    rig.queue.assert_balance()
    rig.client.close()


def test_verification_is_off_only_by_the_key_that_says_unsafe(
    authority: Authority, over_tls: Callable[..., Rig]
) -> None:
    rig = over_tls(authority.server_context("IP:127.0.0.1", signed=False), unsafe_skip_tls_verification=True)
    rig.queue.put_lines(*LINES)
    rig.run_until_idle()
    rig.assert_all_stored_once()
    rig.client.close()


def test_a_handshake_that_drips_ends_at_the_deadline(server: ScriptedServer) -> None:
    def drip_no_handshake(connection: acts.Connection) -> None:
        for _ in range(10_000):
            connection.send(b"\x16")
            if connection.server.closing.wait(acts.DRIP_S):
                return

    server.script(drip_no_handshake)
    rig = Rig(server, url=server.url.replace("http:", "https:"))
    rig.queue.put_lines(*LINES)
    rig.clock.advance(rig.sender.step())
    assert rig.sender.state.failure
    assert rig.queue.acknowledged == []
    rig.client.close()
