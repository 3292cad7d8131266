"""What a 2xx means, over real sockets: everything is held until a store answers, and then stored once."""

import json

import pytest

from telemetry.sinks.influx.server import Api
from tests.support import scripted_server as acts
from tests.support.client_rig import HASTY, LINES, ClientRig
from tests.support.scripted_server import ScriptedServer


@pytest.mark.parametrize("rig", [HASTY], indirect=True)
@pytest.mark.parametrize("head", [b"Content-Length: 1000000", b"Connection: close"])
def test_a_2xx_whose_body_never_ends_is_no_acknowledgement(rig: ClientRig, head: bytes) -> None:
    """It may be the page of something that is no database; our own shutting down looks like its end."""

    def begin_an_answer(connection: acts.Connection) -> None:
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n")
        connection.next_begins()

    rig.server.script(begin_an_answer)
    rig.store_all()
    assert rig.sender.state.requests == 2


@pytest.mark.parametrize(
    "head", [b"Content-Length: 60", b"Transfer-Encoding: chunked", b"Content-Length: 60\r\nConnection: close"]
)
def test_a_2xx_whose_body_is_cut_short_is_no_acknowledgement(rig: ClientRig, head: bytes) -> None:
    chunk = b"30\r\n{}" if b"chunked" in head else b"{}"

    def cut_short(connection: acts.Connection) -> None:
        connection.read_request()
        connection.send(b"HTTP/1.1 201 Created\r\n" + head + b"\r\n\r\n" + chunk)
        connection.close()

    rig.server.script(cut_short)
    rig.store_all()
    assert rig.sender.state.requests == 2


@pytest.mark.parametrize("rig", [HASTY], indirect=True)
def test_a_204_without_the_body_that_it_announces_is_an_acknowledgement(rig: ClientRig) -> None:
    def store_and_announce(connection: acts.Connection) -> None:
        connection.server.store(connection.read_request())
        connection.send(b"HTTP/1.1 204 No Content\r\nContent-Length: 100\r\n\r\n")
        connection.next_begins()

    rig.server.script(store_and_announce)
    rig.store_all()
    assert rig.sender.state.requests == 1


@pytest.mark.parametrize("api", [Api.AUTO, Api.V1, Api.V2])
def test_a_login_page_in_place_of_the_database_holds_everything_until_it_is_gone(
    server: ScriptedServer, api: Api
) -> None:
    page = b"<html><head><title>Accept the terms</title></head><body>of this network</body></html>"
    portal = acts.answer(200, {"Content-Type": "text/html"}, page)
    rig = ClientRig(server, api=api)
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


PAGE = b"<html>It works!</html>"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"200 OK\r\nContent-Length: 0", "HTTP 200: an empty body"),
        (b"200 OK\r\nContent-Type: text/html\r\nContent-Length: 0", "HTTP 200 text/html: an empty body"),
        (b"204 No Content\r\nContent-Length: 22\r\n\r\n" + PAGE, "HTTP 204: It works!"),
        (b"204 No Content\r\nContent-Type: text/html\r\n\r\n" + PAGE, "HTTP 204 text/html: an empty body"),
        (b"204 No Content\r\nContent-Length: -1", "HTTP 204: a length of -1"),
        (b"200 OK\r\nContent-Length: 2\r\n\r\n{}", "HTTP 200: {}"),
        (
            b'200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"message":"log in"}',
            'HTTP 200 application/json: {"message":"log in"}',
        ),
        (
            b"204 No Content\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
            "HTTP 204: chunks that cannot be read",
        ),
        (
            b"204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n16\r\n" + PAGE + b"\r\n0\r\n\r\n",
            "HTTP 204: It works!",
        ),
    ],
)
def test_a_2xx_that_no_store_gives_holds_until_a_store_answers(
    rig: ClientRig, answer: bytes, words: str
) -> None:
    def accept_and_store_nothing(connection: acts.Connection) -> None:
        connection.read_request()
        connection.send(b"HTTP/1.1 " + answer + (b"" if b"\r\n\r\n" in answer else b"\r\n\r\n"))

    rig.server.script(accept_and_store_nothing, accept_and_store_nothing)
    rig.queue.put_lines(*LINES)
    for _ in range(2):
        assert rig.sender.step() == pytest.approx(60.0)
        assert rig.sender.state.held == f"what answers is no database: {words}"
        rig.clock.advance(60.0)
    assert rig.queue.acknowledged == []
    rig.run_until_idle()
    rig.assert_all_stored_once()
    assert [(event.code, event.active) for event in rig.events] == [("sink_hold", True), ("sink_hold", False)]


@pytest.mark.parametrize("status", [200, 201, 204])
def test_lines_that_a_2xx_names_as_rejected_are_dead_letters_and_all_others_acknowledged(
    rig: ClientRig, status: int
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
    rig.deliver(*LINES)
    assert set(rig.queue.dead_lines()) == bad
    assert rig.server.stored == set(LINES) - bad
    assert rig.queue.acknowledged_points == len(LINES) - len(bad)
    assert rig.sender.state.requests == 1  # the others are stored: it said so
    assert "invalid column type" in repr(rig.queue.dead)
    rig.deliver(b"m v=1 1")
    assert rig.server.connections_made == 1  # a body that a 204 should not have is not taken for an answer


def test_of_more_rejected_lines_than_a_2xx_lists_every_one_is_found(rig: ClientRig) -> None:
    lines = [b"m,n=%d v=%d 1" % (index, index % 2) for index in range(500)]

    def store_in_part(connection: acts.Connection) -> None:
        request = connection.read_request()
        refused = [number for number, line in enumerate(request.lines, 1) if b"v=1" in line][:100]
        connection.server.stored.update(line for line in request.lines if b"v=0" in line)
        message = {"code": "invalid", "data": [{"line_number": number} for number in refused]}
        connection.answer(201 if refused else 204, {}, json.dumps(message).encode() if refused else b"")

    rig.server.script(*[store_in_part] * 10)
    rig.deliver(*lines)
    assert rig.queue.dead_lines() == sorted(lines[1::2])
    assert rig.server.stored == set(lines[::2])
    assert rig.sender.state.requests == 3
