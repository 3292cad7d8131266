"""No secret in any log, traceback, event or status, at debug level, through every kind of fault."""

import base64
import html
import logging
import traceback
from urllib.parse import quote, unquote

import pytest

from telemetry.errors import ConfigError
from telemetry.model.events import Event
from telemetry.sinks.boot_time import BootTime
from telemetry.sinks.credentials import Secret
from telemetry.sinks.influx.client import InfluxClient
from telemetry.sinks.influx.server import Api
from telemetry.sinks.influx.settings import InfluxSettings
from telemetry.sinks.sender import Backoff, Sender
from tests.support import scripted_server as acts
from tests.support.clock import FakeClock
from tests.support.list_queue import ListQueue
from tests.support.scripted_server import Act, Connection, ScriptedServer

TOKEN = "canary-token-4711"
PASSWORD = "canary-password-4711"
PAIR = base64.b64encode(f"operator:{PASSWORD}".encode()).decode()
SECRETS = (TOKEN, PASSWORD, PAIR)


def quote_everything(status: int) -> Act:
    """Answer with all that was sent: head, query and all."""

    def act(connection: Connection) -> None:
        request = connection.read_request()
        quoted = repr(request).encode()
        connection.answer(status, {"Location": f"http://other/?token={TOKEN}&{PAIR}"}, quoted)

    return act


FAULTS: tuple[Act, ...] = (
    *(quote_everything(status) for status in (301, 400, 401, 403, 404, 413, 418, 422, 429, 500, 503)),
    acts.reset_after(10),
    acts.store_and_reset,
    acts.say_nothing,
    acts.answer_partly_and_close(b"\xff\xff"),
    acts.answer_partly_and_close(b"HTTP/1.1 500 " + TOKEN.encode() + b"\r\nbad header\r\n\r\n"),
)


@pytest.mark.parametrize("api", [Api.V1, Api.V2, Api.AUTO])
def test_no_secret_is_ever_shown(server: ScriptedServer, caplog: pytest.LogCaptureFixture, api: Api) -> None:
    settings = InfluxSettings(
        url=server.url,
        api=api,
        org="o",
        bucket="b",
        token=Secret(TOKEN),
        username="operator",
        password=Secret(PASSWORD),
        create=True,
        request_timeout_s=0.2,
    )
    clock, queue, events = FakeClock(), ListQueue(), list[Event]()
    client = InfluxClient(settings, clock)
    boot_time = BootTime(clock, None, wait_for_clock=False)
    sender = Sender(queue, client, clock, Backoff(lambda: 0.5), boot_time, events.append)
    shown: list[str] = [repr(settings), repr(client), repr(sender)]
    for fault in FAULTS:
        for name in (None, "urllib3"):
            caplog.set_level(logging.DEBUG, name)
        server.script(fault, fault)
        queue.put_lines(b"m v=1 1", b"m v=2 2")
        for _ in range(6):
            clock.advance(sender.step())
            shown += [repr(sender.state), repr(sender)]
    client.close()
    shown += [repr(event) for event in events]
    shown += [repr(queue.dead)]
    shown += [record.getMessage() + repr(record.args) for record in caplog.records]
    assert len(caplog.records) > len(FAULTS)
    assert [secret for secret in SECRETS for text in shown if secret in text] == []
    sent = " ".join(request.headers["authorization"] for request in server.requests)
    assert TOKEN in sent or PAIR in sent
    assert not any(secret in request.target for secret in SECRETS for request in server.requests)


HARD_TO_BLOT = "canary/4711+token=="
ENCODED = {
    "JSON as Gson writes it": HARD_TO_BLOT.replace("=", "\\u003d"),
    "JSON, all escaped": "".join(f"\\u{ord(letter):04X}" for letter in HARD_TO_BLOT),
    "percent": quote(HARD_TO_BLOT, safe=""),
    "percent, lower case": quote(HARD_TO_BLOT, safe="").lower(),
    "percent, twice": quote(quote(HARD_TO_BLOT, safe=""), safe=""),
    "HTML": "".join(f"&#x{ord(letter):x};" for letter in HARD_TO_BLOT),
    "base64": base64.b64encode(HARD_TO_BLOT.encode()).decode(),
    "base64 of the header": base64.b64encode(f"Token {HARD_TO_BLOT}".encode()).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(f"to={HARD_TO_BLOT}".encode()).decode(),
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_a_secret_that_is_quoted_in_an_encoding_is_shown_in_none(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture, encoding: str
) -> None:
    quoted = ENCODED[encoding].encode()
    client = InfluxClient(
        InfluxSettings(url=server.url, api=Api.V2, bucket="b", token=Secret(HARD_TO_BLOT)), FakeClock()
    )
    clock, queue, events = FakeClock(), ListQueue(), list[Event]()
    boot_time = BootTime(clock, None, wait_for_clock=False)
    sender = Sender(queue, client, clock, Backoff(lambda: 0.5), boot_time, events.append)
    shown: list[str] = []
    bodies = (quoted, b'{"message":"token ' + quoted + b' is unknown"}', b'{"message":"token ' + quoted)
    for name in (None, "urllib3"):
        caplog.set_level(logging.DEBUG, name)
    for status in (200, 201, 400, 401, 418, 422, 503):
        for body in bodies:
            server.script(acts.answer(status, {}, body))
            queue.put_lines(b"m v=1 1")
            clock.advance(sender.step())
            shown.append(repr(sender.state))
    bad_head = b"HTTP/1.1 401 " + quoted + b"\r\nno header " + quoted + b"\r\n\r\n"
    server.script(acts.answer_partly_and_close(bad_head))
    queue.put_lines(b"m v=1 1")
    sender.step()
    client.close()
    shown += [repr(sender.state), *map(repr, events), repr(queue.dead)]
    shown += [record.getMessage() + repr(record.args) for record in caplog.records]
    assert any("***" in text for text in shown)
    assert [text for text in shown if any(part in text for part in _parts(quoted.decode()))] == []


def _parts(text: str) -> set[str]:
    """Return what would give it away: every ten-character piece, as it is and as JSON decodes it."""
    texts = {text, html.unescape(text), unquote(text), unquote(unquote(text)), HARD_TO_BLOT}
    return {one[at : at + 10] for one in texts for at in range(len(one) - 9)}


@pytest.mark.parametrize("token", [TOKEN + "\n", TOKEN + "ä", TOKEN + "\x00", "\r\nX: " + TOKEN])
def test_a_token_that_fits_no_header_is_one_line_that_does_not_show_it(token: str) -> None:
    client = InfluxClient(
        InfluxSettings(url="http://127.0.0.1:1", bucket="b", token=Secret(token)), FakeClock()
    )
    with pytest.raises(ConfigError) as caught:
        client.probe()
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
