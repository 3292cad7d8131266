"""What stands at which path, how old it may be, and what every answer says to a browser."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from telemetry.live.state import LiveSnapshot
from telemetry.web.connection import Stream
from telemetry.web.http import Request, Response
from telemetry.web.site import Site, Views
from tests.support.clock import FakeClock
from tests.support.web import status


@dataclass
class Rig:
    """A site of a service whose status a test may change."""

    clock: FakeClock = field(default_factory=FakeClock)
    status: dict[str, Any] = field(default_factory=status)
    looks: int = 0
    messages_asked: int = 0

    def __post_init__(self) -> None:
        self.site = Site(Views(self._look, lambda: LiveSnapshot(0.0, 0), self._ask_for_messages), self.clock)

    def _look(self) -> dict[str, Any]:
        self.looks += 1
        return self.status

    def _ask_for_messages(self) -> None:
        self.messages_asked += 1

    def get(self, path: str, **fields: str) -> Response:
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        answer = self.site.answer(Request("GET", path, {"host": "127.0.0.1", **named}, keep_alive=True))
        assert isinstance(answer, Response)
        return answer

    def stream(self) -> Stream:
        answer = self.site.answer(Request("GET", "/events", {"host": "127.0.0.1"}, keep_alive=True))
        assert isinstance(answer, Stream)
        return answer


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
        ("/api/live", "application/json"),
        ("/api/history", "application/json"),
        ("/api/messages", "application/json"),
        ("/healthz", "application/json"),
        ("/readyz", "application/json"),
    ],
)
def test_every_path_has_its_kind(rig: Rig, path: str, content_type: str) -> None:
    answer = rig.get(path)
    assert (answer.status, answer.content_type) == (200, content_type)


@pytest.mark.parametrize("path", ["/index.html", "/../config.py", "/%2e%2e/", "//", "/page/app.js", "/api"])
def test_there_is_nothing_else(rig: Rig, path: str) -> None:
    assert rig.get(path).status == 404


def test_every_answer_protects_the_browser_and_data_is_never_stored(rig: Rig) -> None:
    for path in ("/", "/api/live", "/nothing"):
        head = rig.get(path).head(keep_alive=True)
        assert b"Content-Security-Policy: default-src 'self';" in head
        assert b"X-Content-Type-Options: nosniff" in head
    assert b"Cache-Control: no-store" in rig.get("/api/live").head(keep_alive=True)
    assert b"Access-Control" not in rig.get("/api/live").head(keep_alive=True)


def test_a_name_that_others_can_point_here_is_served_nothing(rig: Rig) -> None:
    for path in ("/", "/api/live", "/events", "/metrics"):
        request = Request("GET", path, {"host": "evil.example"}, keep_alive=True)
        answer = rig.site.answer(request)
        assert isinstance(answer, Response)
        assert answer.status == 421
        assert b"van" not in answer.body


def test_a_file_that_the_browser_has_is_not_sent_again(rig: Rig) -> None:
    tag = dict(rig.get("/app.js").fields)["ETag"]
    assert rig.get("/app.js", if_none_match=tag).status == 304
    assert rig.get("/app.js", if_none_match='"other"').status == 200


def test_messages_are_made_only_for_those_who_ask_and_once_for_all_of_them(rig: Rig) -> None:
    rig.get("/api/live")
    rig.site.published(is_listened_to=True)
    assert rig.messages_asked == 0
    assert rig.get("/api/messages").body == rig.get("/api/messages").body
    assert rig.messages_asked == 1
    rig.clock.advance(0.5)
    assert rig.get("/api/messages").body == rig.get("/api/messages").body
    assert rig.messages_asked == 2


def test_health_follows_the_status(rig: Rig) -> None:
    assert rig.get("/healthz").status == 200
    rig.status = status(progress_age_s=100.0)
    rig.clock.advance(1.0)
    answer = rig.get("/healthz")
    assert answer.status == 503
    assert b"has not got on for 100 s" in answer.body


def test_a_new_listener_gets_the_present_state(rig: Rig) -> None:
    feed = rig.stream().feed
    before = feed.message
    rig.status["live"]["vehicle"] = "another"
    rig.clock.advance(60.0)
    rig.stream()
    assert feed.message != before
    assert b'"another"' in feed.message


def test_a_publication_is_one_message_and_without_listeners_none(rig: Rig) -> None:
    feed = rig.stream().feed
    number = feed.number
    rig.site.published(is_listened_to=False)
    assert feed.number == number
    rig.site.published(is_listened_to=True)
    assert feed.number == number + 1


def test_a_publication_is_sent_as_it_is_now_however_fresh_the_last_look_is(rig: Rig) -> None:
    feed = rig.stream().feed
    rig.status["live"]["vehicle"] = "another"
    rig.site.published(is_listened_to=True)
    assert b'"another"' in feed.message


def test_while_nothing_is_published_the_stream_reports_how_old_things_are(rig: Rig) -> None:
    feed = rig.stream().feed
    number = feed.number
    rig.clock.advance(1.9)
    rig.site.tick()
    assert feed.number == number
    rig.clock.advance(0.1)
    rig.site.tick()
    assert feed.number == number + 1


@pytest.mark.parametrize(("uptime_s", "advance_s"), [(0.0, 0.4), (100.0, 0.39)])
def test_looks_within_0_4_s_are_one(rig: Rig, uptime_s: float, advance_s: float) -> None:
    rig.clock.advance(uptime_s)
    first = rig.get("/api/live").body
    feed = rig.stream().feed
    number = feed.number
    rig.get("/api/messages")
    assert (rig.get("/readyz").status, rig.get("/api/live").body) == (200, first)
    rig.clock.advance(advance_s)
    rig.get("/api/live")
    rig.stream()
    rig.get("/api/messages")
    assert (rig.looks, feed.number, rig.messages_asked) == (1, number, 1)
    rig.clock.advance(0.05)
    rig.get("/api/live")
    rig.stream()
    rig.get("/api/messages")
    assert (rig.looks, feed.number, rig.messages_asked) == (2, number + 1, 2)


def test_a_quiet_stream_speaks_every_two_seconds_and_a_browser_connects_again_after_two(rig: Rig) -> None:
    stream = rig.stream()
    assert stream.greeting.startswith(b"retry: 2000\nevent: hello\ndata: {")
    assert rig.site.due_s == 2.0


def test_the_page_is_the_same_to_a_browser_until_a_file_of_it_is_another(rig: Rig) -> None:
    """Its build is sixteen hexadecimal digits."""
    (line,) = [line for line in rig.stream().greeting.splitlines() if line.startswith(b"data: ")]
    build = json.loads(line.removeprefix(b"data: "))["build"]
    assert re.fullmatch("[0-9a-f]{16}", build)
    assert Rig().stream().greeting == rig.stream().greeting
