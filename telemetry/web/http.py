"""HTTP/1.1: bytes into requests, as h11 parses them, and answers into bytes.

Promises of requests:
- Any bytes, in any pieces, give the same requests, and then at most one RequestError and nothing else.
- All but GET and HEAD is refused.
- A head of more than MAX_HEAD_BYTES is refused, as soon as it is known to be one.
- A request with a body is refused, so that nobody mistakes what follows for the next request.

Promises of answers, which protect a browser that shows them:
- A browser loads nothing from another host, and guesses no other type.
- No other page frames an answer, and no script of another page reads it.
- No cache keeps data.
- An answer names no version of a program and no path of this machine.

Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import h11

MAX_HEAD_BYTES = 8 * 1024
MAX_FIELDS = 100
METHODS = ("GET", "HEAD")

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
EVENT_STREAM = "text/event-stream"

NO_STORE = ("Cache-Control", "no-store")
_ALWAYS = (
    (
        "Content-Security-Policy",
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
)

_ALWAYS_TEXT = "".join(f"{name}: {value}\r\n" for name, value in _ALWAYS)

Fields = tuple[tuple[str, str], ...]


class RequestError(Exception):
    """A request that is refused before anybody looks at what it asks for."""

    def __init__(self, status: HTTPStatus, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


@dataclass(frozen=True, slots=True)
class Request:
    """One request. path: as sent, without the query; fields: by name in lower case."""

    method: str
    path: str
    fields: Mapping[str, str]
    keep_alive: bool

    @property
    def host(self) -> str:
        """Return the name by which the client calls us; empty if it says none."""
        return self.fields.get("host", "")


class RequestParser:
    """Takes what a client sends; gives one request after the other."""

    def __init__(self) -> None:
        self._expect_request(b"")

    def _expect_request(self, begun: bytes) -> None:
        """Begin a new parser with what has come of the request: h11 does not see our answers."""
        self._http = h11.Connection(h11.SERVER, MAX_HEAD_BYTES)
        self.feed(begun)

    @property
    def waiting_bytes(self) -> int:
        """Return what has come of a request that is not whole."""
        return len(self._http.trailing_data[0])

    def feed(self, data: bytes) -> None:
        """Take more bytes."""
        if data:  # none would be the end of the connection
            self._http.receive_data(data)

    def next(self) -> Request | None:
        """Return the next request; None until it is whole. Raises RequestError; then none makes sense."""
        waiting = self.waiting_bytes
        try:
            event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            _check_size(waiting - self.waiting_bytes or waiting)
            raise RequestError(HTTPStatus.BAD_REQUEST, "the request makes no sense") from error
        if not isinstance(event, h11.Request):
            return None
        left, _ = self._http.trailing_data
        _check_size(waiting - len(left))
        self._expect_request(left)
        return _request(event)


def _check_size(head_bytes: int) -> None:
    if head_bytes > MAX_HEAD_BYTES:
        raise RequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the request is too large")


def _request(parsed: h11.Request) -> Request:
    """Return what is asked, if it is something that may be asked here. Raises RequestError."""
    method, target, version = (text.decode() for text in (parsed.method, parsed.target, parsed.http_version))
    if not version.startswith("1."):
        raise RequestError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "only HTTP/1.1 is spoken here")
    if method not in METHODS:
        raise RequestError(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD are answered here")
    if not target.startswith("/"):
        raise RequestError(HTTPStatus.BAD_REQUEST, "the target is no path")
    if len(parsed.headers) > MAX_FIELDS:
        raise RequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too many header fields")
    fields: dict[str, str] = {}
    for name, value in ((name.decode(), value.decode("latin-1")) for name, value in parsed.headers):
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    if "transfer-encoding" in fields or fields.get("content-length", "0") != "0":
        raise RequestError(HTTPStatus.BAD_REQUEST, "no body is taken here")
    closes = "close" in (part.strip().lower() for part in fields.get("connection", "").split(","))
    return Request(method, target.partition("?")[0], fields, keep_alive=version != "1.0" and not closes)


@dataclass(frozen=True, slots=True)
class Response:
    """One whole answer. fields: beside those that every answer has."""

    body: bytes
    content_type: str = TEXT
    status: HTTPStatus = HTTPStatus.OK
    fields: Fields = (NO_STORE,)

    def head(self, *, keep_alive: bool) -> bytes:
        """Return status line and header fields."""
        fields: Fields = (*self.fields, ("Connection", "keep-alive" if keep_alive else "close"))
        if self.status is not HTTPStatus.NOT_MODIFIED:
            fields = (("Content-Type", self.content_type), ("Content-Length", str(len(self.body))), *fields)
        return _head(self.status, fields)


def words(status: HTTPStatus, text: str, fields: Fields = ()) -> Response:
    """Return an answer that is a sentence."""
    return Response(f"{text}\n".encode(), status=status, fields=(NO_STORE, *fields))


def stream_head() -> bytes:
    """Return the head of a stream of server-sent events, which ends with the connection."""
    return _head(HTTPStatus.OK, (("Content-Type", EVENT_STREAM), NO_STORE, ("Connection", "close")))


def _head(status: HTTPStatus, fields: Fields) -> bytes:
    own = "".join([f"{name}: {value}\r\n" for name, value in fields])
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n{own}{_ALWAYS_TEXT}\r\n".encode("latin-1")
