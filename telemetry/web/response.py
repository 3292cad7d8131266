"""Answers of HTTP/1.1: values to bytes, with what protects a browser that shows them.

Promises:
- A browser loads nothing from another host, and guesses no other type.
- No other page frames an answer, and no script of another page reads it.
- No cache keeps data.
- An answer names no version of a program and no path of this machine.

Pure.
"""

from dataclasses import dataclass
from http import HTTPStatus

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
