"""One client: requests in, answers out, one at a time; deadlines; who gives way."""

import pytest

from telemetry.web.connection import Answer, Connection, StatusFeed, Stream
from telemetry.web.http import Request, Response

NEVER = float("inf")


class Rig:
    """A connection whose answers are the paths asked for; `/events` is a stream."""

    def __init__(self) -> None:
        self.feed = StatusFeed()
        self.feed.publish(b"live", b"1")
        self.connection = Connection(self._answer, 0.0)

    def _answer(self, request: Request) -> Answer:
        if request.path == "/events":
            return Stream(self.feed, b"hello\n")
        return Response(request.path.encode())

    def ask(self, path: str, method: str = "GET", more: str = "", now_s: float = 0.0) -> None:
        self.connection.received(f"{method} {path} HTTP/1.1\r\nHost: h\r\n{more}\r\n".encode(), now_s)

    def take(self, most: int | None = None, now_s: float = 0.0) -> bytes:
        """Return what the connection sends, as far as a client takes it: `most` bytes of all there is."""
        taken = bytearray()
        while (output := self.connection.output) and (most is None or len(taken) < most):
            piece = bytes(output[: None if most is None else most - len(taken)])
            self.connection.sent(len(piece), now_s)
            taken += piece
            assert len(taken) < 1 << 20, "it does not end"
        return bytes(taken)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_a_request_is_answered_and_the_next_one_too(rig: Rig) -> None:
    rig.ask("/a")
    assert rig.take().endswith(b"\r\n\r\n/a")
    rig.ask("/b")
    assert rig.take().endswith(b"\r\n\r\n/b")


def test_requests_behind_each_other_are_answered_one_at_a_time(rig: Rig) -> None:
    rig.ask("/a HTTP/1.1\r\nHost: h\r\n\r\nGET /b")
    assert not rig.connection.wants_input
    first = rig.take(most=10)
    assert b"/b" not in first + bytes(rig.connection.output)
    assert rig.take().count(b"HTTP/1.1 200") == 1
    assert rig.connection.wants_input


def test_head_has_the_length_and_not_the_body(rig: Rig) -> None:
    rig.ask("/abc", "HEAD")
    answer = rig.take()
    assert b"Content-Length: 4\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_after_the_last_answer_nothing_more_is_taken(rig: Rig) -> None:
    rig.ask("/a", more="Connection: close\r\n")
    assert b"Connection: close" in rig.take()
    assert rig.connection.is_draining
    rig.ask("/b")
    assert not rig.connection.output


def test_nonsense_is_refused_and_ends_the_connection(rig: Rig) -> None:
    rig.connection.received(b"nonsense\r\n\r\n", 0.0)
    answer = rig.take()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert rig.connection.is_draining


def test_the_answer_to_another_method_names_the_allowed_ones(rig: Rig) -> None:
    rig.ask("/", "POST")
    assert b"Allow: GET, HEAD\r\n" in rig.take()


def test_a_stream_greets_sends_the_newest_and_then_what_is_new(rig: Rig) -> None:
    rig.ask("/events")
    assert rig.take().endswith(b"\r\n\r\nhello\nevent: live\ndata: 1\n\n")
    rig.connection.proceed(0.0)
    assert not rig.connection.output
    rig.feed.publish(b"live", b"2")
    rig.connection.proceed(0.0)
    assert rig.take() == b"event: live\ndata: 2\n\n"


def test_a_slow_client_misses_messages_and_keeps_none_waiting(rig: Rig) -> None:
    rig.ask("/events")
    rig.take()
    for number in range(2, 100):
        rig.feed.publish(b"live", str(number).encode())
        rig.connection.proceed(0.0)
    assert rig.take() == b"event: live\ndata: 2\n\n"
    rig.connection.proceed(0.0)
    assert rig.take() == b"event: live\ndata: 99\n\n"


def test_the_head_of_a_stream_is_sent_without_following_it(rig: Rig) -> None:
    rig.ask("/events", "HEAD")
    assert rig.take().endswith(b"\r\n\r\n")
    assert not rig.connection.is_stream
    assert rig.connection.is_draining


def test_the_first_request_must_be_whole_soon_after_connecting(rig: Rig) -> None:
    rig.connection.received(b"GET", 4.0)
    assert rig.connection.deadline_s == 5.0


def test_between_requests_a_client_may_idle_for_longer(rig: Rig) -> None:
    rig.ask("/")
    rig.take(now_s=7.0)
    assert rig.connection.deadline_s == 37.0
    rig.connection.received(b"G", 20.0)
    rig.connection.received(b"E", 24.0)
    assert rig.connection.deadline_s == 25.0


def test_a_client_is_given_up_20_s_after_the_last_byte_that_it_took_whatever_it_asks(rig: Rig) -> None:
    rig.ask("/a", now_s=1.0)
    assert rig.connection.deadline_s == 21.0
    assert rig.take(most=3, now_s=5.0) == b"HTT"
    rig.ask("/b", now_s=20.0)
    assert rig.connection.deadline_s == 25.0


def test_a_stream_that_is_up_to_date_has_no_deadline(rig: Rig) -> None:
    rig.ask("/events")
    rig.take()
    assert rig.connection.deadline_s == NEVER
    rig.feed.publish(b"live", b"2")
    rig.connection.proceed(3.0)
    assert rig.connection.deadline_s == 23.0


def test_after_the_last_answer_a_client_has_a_moment_to_leave(rig: Rig) -> None:
    rig.ask("/", more="Connection: close\r\n")
    rig.take(now_s=1.0)
    assert rig.connection.deadline_s == 2.0


def test_who_asks_nothing_or_takes_nothing_gives_way(rig: Rig) -> None:
    assert rig.connection.may_give_way(9.0) == 0.0
    rig.ask("/events", now_s=9.0)
    assert rig.connection.may_give_way(10.9) is None
    assert rig.connection.may_give_way(11.0) == 9.0
    rig.take(now_s=20.0)
    assert rig.connection.may_give_way(1000.0) is None


def test_before_it_asks_a_client_gets_nothing_and_follows_nothing(rig: Rig) -> None:
    assert bytes(rig.connection.output) == b""
    assert rig.connection.wants_input
    assert not rig.connection.proceed(0.0)
    rig.connection.received(b"GET /a", 0.0)
    assert bytes(rig.connection.output) == b""


def test_a_listener_follows_only_what_is_new_and_after_the_last_is_out(rig: Rig) -> None:
    rig.ask("/events")
    rig.feed.publish(b"live", b"2")
    assert not rig.connection.proceed(0.0)  # the greeting is on its way
    rig.take()
    assert not rig.connection.proceed(0.0)
    rig.feed.publish(b"live", b"3")
    assert rig.connection.proceed(0.0)
