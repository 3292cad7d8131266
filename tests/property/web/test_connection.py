"""A client says anything in any pieces and takes any amount at any time: whole answers, in order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.web.connection import Answer, Connection, StatusFeed, Stream
from telemetry.web.http import METHODS, Request, Response

GOOD = [f"{method} /{name} HTTP/1.1\r\nHost: h\r\n\r\n".encode() for method in METHODS for name in "ab"]
LAST = [b"GET /events HTTP/1.1\r\nHost: h\r\n\r\n", b"GET /a HTTP/1.0\r\n\r\n", b"\x00\xff\r\n\r\n", b"POST"]
SAID = st.lists(st.one_of(st.sampled_from([*GOOD, *LAST]), st.binary(max_size=30)), max_size=12).map(b"".join)
STEPS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 400), st.booleans()), max_size=80)


def answers(said: bytes, steps: list[tuple[int, int, bool]]) -> bytes:
    """Return what the connection sends if each step says and takes so much; then all the rest."""
    feed = StatusFeed()

    def answer(request: Request) -> Answer:
        return (
            Stream(feed, b"greeting") if request.path == "/events" else Response(request.path.encode() * 50)
        )

    connection, sent, position = Connection(answer, 0.0), bytearray(), 0
    for says, takes, publishes in [*steps, *[(len(said), 100_000, False)] * (len(said) + 5)]:
        if publishes:
            feed.publish(b"live", b"x" * 100)
        if connection.wants_input and position < len(said):
            connection.received(said[position : position + says], 0.0)
            position += says
        if connection.output and takes:
            count = min(takes, len(connection.output))
            sent += connection.output[:count]
            connection.sent(count, 0.0)
        connection.proceed(0.0)
        assert len(connection.output) <= 8192
    return bytes(sent)


@settings(deadline=None)  # on a busy machine
@given(said=SAID, steps=STEPS)
def test_what_is_answered_does_not_depend_on_how_it_is_said_and_taken(
    said: bytes, steps: list[tuple[int, int, bool]]
) -> None:
    quiet = [(says, takes, False) for says, takes, _ in steps]
    assert answers(said, quiet) == answers(said, [])


@settings(deadline=None)  # on a busy machine
@given(said=SAID, steps=STEPS)
def test_messages_of_the_stream_are_whole_however_slowly_they_are_taken(
    said: bytes, steps: list[tuple[int, int, bool]]
) -> None:
    _, greeting, messages = answers(said, steps).partition(b"greeting")
    message = b"event: live\ndata: " + b"x" * 100 + b"\n\n"
    assert messages == message * (len(messages) // len(message))
    assert greeting or not messages
