"""An HTTP server that misbehaves on cue: silent, dripping, resetting, forgetful, or answering anything.

A test gives it *acts*, one for each request that comes in; when they are used up it stores the lines of each
write, as a database would (a line once, however often it comes), and answers 204. What it was sent can be
looked at afterwards. Plain HTTP or TLS, on a free loopback port.
"""

import gzip
import http.client
import io
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self
from urllib.parse import urlsplit

DRIP_S = 0.02
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, zero seconds


@dataclass(frozen=True)
class Request:
    """One request as it came in; names of headers in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def size_bytes(self) -> int:
        """As it came in."""
        head = [f"{self.method} {self.target} HTTP/1.1"]
        head += [f"{name}: {text}" for name, text in self.headers.items()]
        return len("\r\n".join([*head, "", ""])) + len(self.body)

    @property
    def lines(self) -> list[bytes]:
        """The lines of a write."""
        body = gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body
        return body.splitlines()


class Connection:
    """One connection, as an act sees it."""

    def __init__(self, server: "ScriptedServer", peer: socket.socket) -> None:
        self.server = server
        self._peer = peer
        self._reader = io.BufferedReader(socket.SocketIO(peer, "r"))

    def next_begins(self) -> bool:
        """Wait for the first byte of a request; False if the client closes instead."""
        return bool(self._reader.peek(1))

    def read_head(self) -> tuple[str, str, dict[str, str]]:
        """Read the method, the target and the headers."""
        method, target, _ = self._reader.readline().decode().split()
        headers = http.client.parse_headers(self._reader)
        return method, target, {name.lower(): text for name, text in headers.items()}

    def read_request(self) -> Request:
        """Read a whole request, and remember it."""
        method, target, headers = self.read_head()
        body = self._reader.read(int(headers.get("content-length", "0")))
        request = Request(method, target, headers, body)
        self.server.requests.append(request)
        return request

    def read_bytes(self, count: int) -> None:
        """So many bytes of a request, at most."""
        self._reader.read(count)

    def send(self, data: bytes) -> None:
        """Send as it is."""
        self._peer.sendall(data)

    def answer(self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        """Send a well-formed answer."""
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {text}" for name, text in (headers or {}).items()]
        self.send("\r\n".join([*lines, "", ""]).encode() + body)

    def reset(self) -> None:
        """Close with a reset instead of a farewell."""
        self._peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.close()

    def close(self) -> None:
        """Close."""
        self._reader.close()
        self._peer.close()

    def end(self) -> None:
        """End, from another thread, whatever the connection waits for."""
        try:
            self._peer.shutdown(socket.SHUT_RDWR)
        except OSError:
            self._peer.close()


Act = Callable[[Connection], None]


class ScriptedServer:
    """Use as a context manager."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.stored: set[bytes] = set()
        self.closing = threading.Event()
        self._acts: deque[Act] = deque()
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: set[Connection] = set()
        self._threads: list[threading.Thread] = []
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.connections_made = 0

    @property
    def open_connections(self) -> int:
        """How many clients have not left."""
        return len(self._connections)

    def script(self, *acts: Act) -> None:
        """Queue what to do with the next requests, one act each."""
        self._acts.extend(acts)

    def store(self, request: Request) -> None:
        """Store the lines of a write."""
        self.stored.update(request.lines)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._connections):
            connection.end()
        for thread in self._threads:
            thread.join(10.0)
            assert not thread.is_alive(), "a connection of the scripted server does not end"

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections_made += 1
            self._start(lambda peer=peer: self._serve(peer))  # type: ignore[misc]  # the default binds it now

    def _serve(self, peer: socket.socket) -> None:
        try:
            if self._tls is not None:
                peer = self._tls.wrap_socket(peer, server_side=True)
            connection = Connection(self, peer)
        except OSError:
            peer.close()  # the handshake failed
            return
        self._connections.add(connection)
        try:
            while connection.next_begins() and not self.closing.is_set():
                act = self._acts.popleft() if self._acts else store
                act(connection)
        except (OSError, ValueError):
            pass  # the client left, or the act has closed the connection
        finally:
            self._connections.discard(connection)
            connection.close()


# -- acts


def store(connection: Connection) -> None:
    """Behave."""
    connection.server.store(connection.read_request())
    connection.answer(204)


def answer(status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Act:
    """Read the request, store nothing, answer this."""

    def act(connection: Connection) -> None:
        connection.read_request()
        connection.answer(status, headers, body)

    return act


def say_nothing(connection: Connection) -> None:
    """Read the request and keep silent until the client leaves."""
    connection.read_request()
    connection.next_begins()


def read_nothing(connection: Connection) -> None:
    """Do not even read."""
    connection.server.closing.wait()


def drip(data: bytes, *, at_once: bytes = b"") -> Act:
    """Read the request, send `at_once`, then `data` byte by byte, and its last byte for ever."""

    def act(connection: Connection) -> None:
        connection.read_request()
        connection.send(at_once)
        for index in range(len(data) + 1_000_000):
            connection.send(data[min(index, len(data) - 1) :][:1])
            if connection.server.closing.wait(DRIP_S):
                return

    return act


def reset_after(count: int) -> Act:
    """Read `count` bytes of the request, then reset the connection."""

    def act(connection: Connection) -> None:
        connection.read_bytes(count)
        connection.reset()

    return act


def store_and_reset(connection: Connection) -> None:
    """Store the lines, but lose the reply."""
    connection.server.store(connection.read_request())
    connection.reset()


def answer_partly_and_close(data: bytes) -> Act:
    """Store the lines, send only `data` of an answer."""

    def act(connection: Connection) -> None:
        connection.server.store(connection.read_request())
        connection.send(data)
        connection.close()

    return act


def refuse_unread(status: int) -> Act:
    """Answer as soon as the head is there, and reset without reading the body."""

    def act(connection: Connection) -> None:
        connection.read_head()
        connection.answer(status, {"Connection": "close"})
        connection.reset()

    return act


def limit_size(most_bytes: int) -> Act:
    """Store lines of that many bytes at most, uncompressed; answer 413 to more."""

    def act(connection: Connection) -> None:
        request = connection.read_request()
        if sum(map(len, request.lines)) > most_bytes:
            connection.answer(413)
        else:
            connection.server.store(request)
            connection.answer(204)

    return act


def forward_and_reset(url: str) -> Act:
    """Hand the request on to a real server, but lose its reply."""

    def act(connection: Connection) -> None:
        _forward(url, connection.read_request())
        connection.reset()

    return act


def forward(url: str) -> Act:
    """Hand the request on to a real server, and its reply back."""

    def act(connection: Connection) -> None:
        status, body = _forward(url, connection.read_request())
        connection.answer(status, {"Content-Type": "application/json"}, body)

    return act


def _forward(url: str, request: Request) -> tuple[int, bytes]:
    parts = urlsplit(url)
    behind = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30.0)
    try:
        behind.request(request.method, request.target, request.body, dict(request.headers))
        reply = behind.getresponse()
        return reply.status, reply.read()
    finally:
        behind.close()
