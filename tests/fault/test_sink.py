"""The sink against servers that misbehave: real sockets, real bytes, the sender in injected time.

Every test ends with the database holding exactly the points that were made, less what the accounts name.
"""

import random
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from telemetry.sinks.influx.verdict import Answer
from telemetry.spool.compress import compress
from tests.support import scripted_server as acts
from tests.support.certificates import Authority, make_authority
from tests.support.client_rig import HASTY, LINES, ClientRig
from tests.support.scripted_server import Act, ScriptedServer


def wait_until_left(server: ScriptedServer) -> None:
    """Until the client has closed its connections."""
    never = threading.Event()
    while server.open_connections:
        never.wait(0.005)


@pytest.mark.parametrize(
    ("fault", "rig"),
    [
        pytest.param(acts.say_nothing, HASTY, id="says nothing"),
        pytest.param(acts.read_nothing, HASTY, id="reads nothing"),
        pytest.param(acts.drip(b"HTTP/1.1 204 No Content\r\nX-Filler: "), HASTY, id="drips its headers"),
        pytest.param(acts.drip(b"HTTP/1.1 100 Continue\r\n\r\n"), HASTY, id="drips nonsense"),
        pytest.param(
            acts.drip(b".", at_once=b"HTTP/1.1 503 Busy\r\nContent-Length: 99999\r\n\r\n"),
            HASTY,
            id="drips the body of an error",
        ),
        pytest.param(
            acts.drip(b".", at_once=b"HTTP/1.0 503 Busy\r\n\r\n"), HASTY, id="drips a body of no length"
        ),
        pytest.param(acts.store_and_reset, {}, id="stores and loses the reply"),
        pytest.param(acts.answer_partly_and_close(b"HTT"), {}, id="closes within the status line"),
        pytest.param(acts.answer_partly_and_close(b""), {}, id="closes instead of an answer"),
        pytest.param(acts.answer_partly_and_close(b"\xff\xfe garbage\r\n\r\n"), {}, id="speaks no HTTP"),
        pytest.param(acts.answer_partly_and_close(b"HTTP/1.1 999999 X\r\n\r\n"), {}, id="has a silly status"),
        pytest.param(
            acts.answer_partly_and_close(b"HTTP/1.1 204 " + b"x" * 100_000), {}, id="has an endless line"
        ),
        pytest.param(
            acts.answer_partly_and_close(b"HTTP/1.1 500 X\r\nContent-Length: 10\r\n\r\nshort"),
            {},
            id="cuts its answer short",
        ),
        pytest.param(
            acts.answer(500, body=b'{"message":"\xff\xfe\x00 not UTF-8"}'), {}, id="answers no UTF-8"
        ),
        pytest.param(acts.answer(503, {"Retry-After": "nonsense"}), {}, id="has a senseless Retry-After"),
        pytest.param(acts.answer(500, body=b"x" * 10_000_000), {}, id="answers ten megabytes"),
    ],
    indirect=["rig"],
)
def test_whatever_a_server_does_every_point_is_stored_in_the_end(rig: ClientRig, fault: Act) -> None:
    rig.server.script(fault, fault)
    rig.queue.put_lines(*LINES[:25])
    rig.deliver(*LINES[25:])
    rig.assert_all_stored_once()
    assert rig.sender.state.requests == 4


def test_a_reset_after_any_byte_of_the_request_loses_nothing(rig: ClientRig) -> None:
    rig.deliver(*LINES)
    for count in range(rig.server.requests[0].size_bytes + 1):
        rig.server.stored.clear()
        rig.server.script(acts.reset_after(count))
        rig.store_all()


def test_a_closed_port_is_waited_for() -> None:
    with ScriptedServer() as closed:
        rig = ClientRig(closed)
    rig.queue.put_lines(*LINES)
    for _ in range(5):
        rig.clock.advance(rig.sender.step())
    assert rig.sender.state.failure == "no connection: Connection refused"
    assert rig.queue.acknowledged == []
    assert rig.sender.state.bytes_sent == 0
    rig.queue.assert_balance()


def test_bytes_count_as_sent_once_they_were_sent_whatever_the_server_then_does(rig: ClientRig) -> None:
    rig.server.script(acts.store_and_reset)
    rig.deliver(*LINES)
    assert len(rig.server.requests) == 2
    assert rig.sender.state.bytes_sent == sum(len(request.body) for request in rig.server.requests)


ANSWERED = len(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")


def link_bytes_of_each(rig: ClientRig) -> list[int]:
    """Deliver twice over one connection; return what each cost the link beside its request and answer."""
    costs, before = [], 0
    for line in LINES[:2]:
        rig.deliver(line)
        carried = rig.sender.state.link_bytes
        costs.append(carried - before - rig.server.requests[-1].size_bytes - ANSWERED)
        before = carried
    return costs


def test_link_bytes_are_heads_and_bodies_both_ways_with_packets_and_the_connection(rig: ClientRig) -> None:
    # Head and body are one packet, the answer is another.
    assert link_bytes_of_each(rig) == [3 * 40 + 2 * 40, 2 * 40]


def test_https_at_a_port_that_speaks_http_is_named_and_no_byte_of_lines_was_sent() -> None:
    def answer_as_go_does(connection: acts.Connection) -> None:
        connection.read_bytes(1)  # of the hello of TLS
        connection.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n400 Bad Request")

    with ScriptedServer() as server:
        server.script(answer_as_go_does)
        rig = ClientRig(server, url=server.url.replace("http:", "https:"))
        rig.queue.put_lines(*LINES)
        rig.clock.advance(rig.sender.step())
        rig.client.close()
        assert (
            rig.sender.state.failure == "connection broken: no TLS is spoken at that port (is it http:// ?)"
        )
        assert (rig.sender.state.bytes_sent, server.requests) == (0, [])


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


def test_a_415_makes_it_send_plain_and_an_hour_later_it_tries_gzip_again(rig: ClientRig) -> None:
    rig.server.script(*[refuse_gzip] * 4)
    for line in LINES[:3]:
        rig.deliver(line)
    assert encodings(rig.server) == ["gzip", "plain", "plain", "plain"]
    assert rig.events == []
    assert "takes no gzip" in rig.sender.state.summary()
    assert rig.sender.state.bytes_sent == sum(len(request.body) for request in rig.server.requests)
    rig.clock.advance(3600.0)
    rig.deliver(*LINES[3:])
    rig.assert_all_stored_once()
    assert encodings(rig.server)[4:] == ["gzip"]
    assert "gzip" not in rig.sender.state.summary()


# -- threads


@pytest.mark.parametrize("rig", [HASTY], indirect=True)
def test_after_its_start_a_sink_needs_no_further_thread(
    rig: ClientRig, authority: Authority, monkeypatch: pytest.MonkeyPatch
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
    rig.store_all()
    assert rig.sender.state.requests == 4


def test_of_an_answer_64_kib_are_read(rig: ClientRig) -> None:
    rig.server.script(acts.answer(400, body=b"y" * 5_000_000))
    _, answer = rig.client._write(compress(b""))
    assert isinstance(answer, Answer)
    assert (answer.status, len(answer.body)) == (400, 64 * 1024)
    wait_until_left(rig.server)


def test_an_early_413_is_understood_though_the_body_was_not_read(rig: ClientRig) -> None:
    """More than the sockets' buffers hold, so that sending it meets the reset."""
    noise = random.Random(5)
    lines = [b'text s="%s" %d' % (noise.randbytes(4000).hex().encode(), index) for index in range(3000)]
    rig.server.script(acts.refuse_unread(413))
    rig.deliver(*lines)
    assert rig.server.stored == set(lines)
    assert rig.queue.dead == {}
    assert rig.sender.state.requests == 3


def test_a_server_that_takes_ten_kilobytes_gets_everything_in_parts(rig: ClientRig) -> None:
    large = b'text s="' + b"x" * 11_000 + b'" 1'
    rig.server.script(*[acts.limit_size(10_000)] * 1000)
    rig.deliver(*[b"%s,n=%d v=1 1" % (b"a" * 300, index) for index in range(200)], large)
    assert rig.queue.dead_lines() == [large]
    assert len(rig.server.stored) == 200


def test_a_redirect_is_not_followed_and_no_other_host_sees_the_token(rig: ClientRig) -> None:
    with ScriptedServer() as other:
        for status in (301, 302, 303, 307, 308):
            rig.server.script(acts.answer(status, {"Location": f"{other.url}/api/v2/write"}))
        rig.deliver(*LINES)
        assert other.connections_made == 0
    rig.assert_all_stored_once()
    assert [event.code for event in rig.events] == ["sink_hold", "sink_hold"]


def test_a_new_token_in_the_file_ends_a_hold(server: ScriptedServer, tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("old-token\n")
    token_file.chmod(0o600)
    rig = ClientRig(server, token=None, token_file=token_file)
    server.script(acts.answer(401), acts.answer(401))
    rig.queue.put_lines(*LINES)
    rig.clock.advance(rig.sender.step())
    token_file.write_text("new-token\n")
    rig.run_until_idle()
    rig.assert_all_stored_once()
    sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Token old-token", "Token new-token", "Token new-token"]
    rig.client.close()


def test_a_connection_is_used_again(rig: ClientRig) -> None:
    for index in range(10):
        rig.deliver(LINES[index])
    assert rig.server.connections_made == 1


def test_closing_lets_go_of_the_connection(rig: ClientRig) -> None:
    rig.deliver(*LINES)
    assert rig.server.open_connections == 1
    rig.client.close()
    wait_until_left(rig.server)


def test_a_proxy_is_used(server: ScriptedServer) -> None:
    rig = ClientRig(server, url="http://database.example:8086", proxy=server.url)
    rig.store_all()
    assert server.requests[0].target.startswith("http://database.example:8086/api/v2/write?")
    rig.client.close()


# -- TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def over_tls(request: pytest.FixtureRequest) -> Iterator[Callable[..., ClientRig]]:
    servers: list[ScriptedServer] = []

    def start(context: ssl.SSLContext, **settings: object) -> ClientRig:
        server = ScriptedServer(context)
        servers.append(server.__enter__())
        return ClientRig(server, **settings)

    yield start
    for server in servers:
        server.__exit__()


def test_a_certificate_of_the_configured_authority_is_trusted(
    authority: Authority, over_tls: Callable[..., ClientRig]
) -> None:
    rig = over_tls(authority.server_context("IP:127.0.0.1"), ca_file=authority.certificate)
    rig.store_all()
    rig.client.close()


def test_with_tls_link_bytes_have_records_and_a_handshake(
    authority: Authority, over_tls: Callable[..., ClientRig]
) -> None:
    rig = over_tls(authority.server_context("IP:127.0.0.1"), ca_file=authority.certificate)
    assert link_bytes_of_each(rig) == [3 * 40 + 2500 + 2 * (40 + 29), 2 * (40 + 29)]
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
    authority: Authority, over_tls: Callable[..., ClientRig], kind: str, words: str
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
    authority: Authority, over_tls: Callable[..., ClientRig]
) -> None:
    rig = over_tls(authority.server_context("IP:127.0.0.1", signed=False), unsafe_skip_tls_verification=True)
    rig.store_all()
    rig.client.close()


def test_a_handshake_that_drips_ends_at_the_deadline(server: ScriptedServer) -> None:
    def drip_no_handshake(connection: acts.Connection) -> None:
        for _ in range(10_000):
            connection.send(b"\x16")
            if connection.server.closing.wait(acts.DRIP_S):
                return

    server.script(drip_no_handshake)
    rig = ClientRig(server, url=server.url.replace("http:", "https:"), **HASTY)
    rig.queue.put_lines(*LINES)
    rig.clock.advance(rig.sender.step())
    assert rig.sender.state.failure
    assert rig.queue.acknowledged == []
    rig.client.close()
