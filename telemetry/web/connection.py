"""One client, as a state machine without a socket: requests come in, answers or a stream go out.

Promises:
- One answer is on its way at a time, and the connection takes no further request before that answer is out.
- One request and one answer, which clients share, bound what a client costs.
- A client that is slow to ask, slow to read or idle has a deadline.

Time is passed in. The server reads, writes and closes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus

from telemetry.web.http import METHODS, Request, RequestError, RequestParser, Response, stream_head, words

HEAD_WITHIN_S = 5.0  # of its first byte, or of connecting, a request must be whole
IDLE_S = 30.0  # between requests
STALLED_S = 20.0  # without taking a byte of what is sent
DRAIN_S = 1.0  # for what the client still sends, so that a reset does not eat our last words
SLOW_S = 2.0  # without taking a byte: gives way to others


class StatusFeed:
    """The newest message for all that listen to the event stream, made once; a slow client misses others.

    number grows with each message; message: bytes of the event stream.
    """

    def __init__(self) -> None:
        self.number = 0
        self.message = b""

    def publish(self, event: bytes, data: bytes) -> None:
        """Replace the message. data: of one line, as JSON is."""
        self.message = b"event: %b\ndata: %b\n\n" % (event, data)
        self.number += 1


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that does not end. greeting: what each client gets first."""

    feed: StatusFeed
    greeting: bytes


Answer = Response | Stream
Answerer = Callable[[Request], Answer]


class _Phase(Enum):
    ASKING = auto()
    ANSWERING = auto()
    STREAMING = auto()
    DRAINING = auto()  # the last answer is out, and our side is closed


class Connection:
    """One client."""

    def __init__(self, answer: Answerer, now_s: float) -> None:
        self._answer = answer
        self._parser = RequestParser()
        self._phase = _Phase.ASKING
        self._has_asked = False
        self._since_s = now_s  # of the last step that counts for the deadline
        self._output = memoryview(b"")
        self._body = b""  # follows the head that is in `_output`
        self._stream: Stream | None = None
        self._followed = 0  # the number of the message that was sent last
        self._last = False  # no request is taken after this answer

    # -- what comes in

    @property
    def wants_input(self) -> bool:
        """Return whether anything is read: not while an answer is on its way.

        (A stream's client may leave.)
        """
        return self._phase is not _Phase.ANSWERING

    def received(self, data: bytes, now_s: float) -> None:
        """Take what the client has sent."""
        if self._phase is not _Phase.ASKING:
            return  # it has nothing more to say
        if self._has_asked and not self._parser.waiting_bytes:
            self._since_s = now_s  # of another request: the first one has its time from when it connected
        self._parser.feed(data)
        self._take_request(now_s)

    def _take_request(self, now_s: float) -> None:
        try:
            request = self._parser.next()
        except RequestError as error:
            allow = (("Allow", ", ".join(METHODS)),) if error.status is HTTPStatus.METHOD_NOT_ALLOWED else ()
            self.refuse(words(error.status, error.words, allow), now_s)
            return
        if request is None:
            return
        self._has_asked = True
        answer = self._answer(request)
        if isinstance(answer, Stream):
            self._stream = answer if request.method != "HEAD" else None
            self._begin(stream_head(), answer.greeting if self._stream else b"", now_s, last=True)
        else:
            body = answer.body if request.method != "HEAD" else b""
            head = answer.head(keep_alive=request.keep_alive)
            self._begin(head, body, now_s, last=not request.keep_alive)

    def refuse(self, response: Response, now_s: float) -> None:
        """Say this and close."""
        self._begin(response.head(keep_alive=False), response.body, now_s, last=True)

    def _begin(self, head: bytes, body: bytes, now_s: float, *, last: bool) -> None:
        self._phase = _Phase.ANSWERING
        self._output, self._body, self._last = memoryview(head), body, last
        self._since_s = now_s

    # -- what goes out

    @property
    def output(self) -> memoryview:
        """Return what the server sends next; empty if there is nothing now."""
        return self._output

    def sent(self, count: int, now_s: float) -> None:
        """Remove what the client has taken of `output`."""
        self._output = self._output[count:]
        self._since_s = now_s
        if self._output:
            return
        if self._body:
            self._output, self._body = memoryview(self._body), b""
        elif self._phase is _Phase.ANSWERING:
            self._answered(now_s)

    def _answered(self, now_s: float) -> None:
        if self._stream is not None:
            self._phase = _Phase.STREAMING
            self.proceed(now_s)
        elif self._last:
            self._phase = _Phase.DRAINING
        else:
            self._phase = _Phase.ASKING
            self._take_request(now_s)  # it may have come already

    def proceed(self, now_s: float) -> bool:
        """Take the newest message of the stream if it is new and the last one is out; whether it did."""
        if self._stream is None or self._output:
            return False
        feed = self._stream.feed
        if feed.number == self._followed:
            return False
        self._followed = feed.number
        self._output = memoryview(feed.message)
        self._since_s = now_s
        return True

    # -- when it is over

    @property
    def is_draining(self) -> bool:
        """Return whether the last answer is out: the server closes its side, then the client."""
        return self._phase is _Phase.DRAINING

    @property
    def is_stream(self) -> bool:
        """Return whether it listens to the event stream."""
        return self._stream is not None

    @property
    def deadline_s(self) -> float:
        """Return when the connection is closed if nothing moves."""
        match self._phase:
            case _Phase.ASKING:
                is_idle = self._has_asked and not self._parser.waiting_bytes
                return self._since_s + (IDLE_S if is_idle else HEAD_WITHIN_S)
            case _Phase.DRAINING:
                return self._since_s + DRAIN_S
            case _ if self._output:
                return self._since_s + STALLED_S
        return float("inf")

    def may_give_way(self, now_s: float) -> float | None:
        """Return since when it may lose its place to others that need it; None: it stays."""
        if self._phase in (_Phase.ASKING, _Phase.DRAINING):
            return self._since_s
        is_slow = bool(self._output) and now_s - self._since_s >= SLOW_S
        return self._since_s if is_slow else None
