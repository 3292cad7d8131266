"""Requests of HTTP/1.1 (RFC 9112): bytes in, GET and HEAD out; everything else is refused.

Promises: any bytes in any pieces give requests or one RequestError, never anything else; no more than
MAX_HEAD_BYTES of a request are kept before it is whole. A request with a body is refused, so that what
follows is never mistaken for the next one. Pure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

MAX_HEAD_BYTES = 8 * 1024
MAX_FIELDS = 100
METHODS = ("GET", "HEAD")

_END = b"\r\n\r\n"
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  RFC 9110, 5.6.2: no secret
_REQUEST_LINE = re.compile(rf"({_TOKEN}) ([!-~]+) HTTP/([0-9])\.([0-9])")
_FIELD = re.compile(rf"({_TOKEN}):[ \t]*([\t -~\x80-\xff]*?)[ \t]*")


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
        """The name by which the client calls us; empty if it says none."""
        return self.fields.get("host", "")


class RequestParser:
    """Takes what a client sends; gives one request after the other."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0

    @property
    def waiting_bytes(self) -> int:
        """What has come of a request that is not whole."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """More bytes."""
        self._buffer += data

    def next(self) -> Request | None:
        """The next request; None until it is whole. Raises RequestError, after which nothing makes sense."""
        end = self._buffer.find(_END, max(self._searched - len(_END), 0), MAX_HEAD_BYTES)
        if end < 0:
            if len(self._buffer) >= MAX_HEAD_BYTES:
                raise RequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the request is too large")
            self._searched = len(self._buffer)
            return None
        head = self._buffer[:end].decode("latin-1")
        del self._buffer[: end + len(_END)]
        self._searched = 0
        return parse_head(head)


def parse_head(head: str) -> Request:
    """Request line and fields, without the empty line at their end. Raises RequestError."""
    first, *lines = head.split("\r\n")
    match = _REQUEST_LINE.fullmatch(first)
    if match is None:
        raise RequestError(HTTPStatus.BAD_REQUEST, "the request line makes no sense")
    method, target, major, minor = match.groups()
    if major != "1":
        raise RequestError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "only HTTP/1.1 is spoken here")
    if method not in METHODS:
        raise RequestError(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD are answered here")
    if not target.startswith("/"):
        raise RequestError(HTTPStatus.BAD_REQUEST, "the target is no path")
    fields = _parse_fields(lines)
    if minor != "0" and "host" not in fields:
        raise RequestError(HTTPStatus.BAD_REQUEST, "Host is missing")
    if "transfer-encoding" in fields or fields.get("content-length", "0") != "0":
        raise RequestError(HTTPStatus.BAD_REQUEST, "no body is taken here")
    closes = "close" in (part.strip().lower() for part in fields.get("connection", "").split(","))
    return Request(method, target.partition("?")[0], fields, keep_alive=minor != "0" and not closes)


def _parse_fields(lines: list[str]) -> dict[str, str]:
    if len(lines) > MAX_FIELDS:
        raise RequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too many header fields")
    fields: dict[str, str] = {}
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise RequestError(HTTPStatus.BAD_REQUEST, "a header field makes no sense")
        name, value = match[1].lower(), match[2]
        if name in ("host", "content-length") and name in fields:
            raise RequestError(HTTPStatus.BAD_REQUEST, f"{name} stands twice")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields
