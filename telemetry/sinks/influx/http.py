"""One HTTP request at a time through a connection pool of urllib3, bounded in time and in size.

Promises:
- A request ends at its deadline, however slowly the server takes or gives bytes; at once when it is aborted.
- No redirect is followed, so that no other host sees the token.
- It reads no more of an answer than the caller allows.
- A 2xx whose body is cut short is not an answer: what is left of it may look like an acknowledgement.
- A request that fails returns an `Unanswered` and raises nothing.

Relies on the sink's `Deadline` and a second descriptor of the socket: urllib3's own time-outs begin again
with each read, so that a server that drips would hold a request for ever.
"""

import base64
import contextlib
import http.client
import os
import socket
import ssl
import threading
import warnings
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InsecureRequestWarning,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
)

from telemetry.clock import Clock
from telemetry.errors import ConfigError
from telemetry.sinks.credentials import Secret
from telemetry.sinks.deadline import RequestDeadline
from telemetry.sinks.influx.server import InfluxServer
from telemetry.sinks.influx.verdict import Answer, Failure, Unanswered
from telemetry.sinks.link import Traffic

_EMPTY_HEAD_BYTES = 17  # of an answer: the status line without its words, and the empty line
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")  # of OpenSSL, to words of HTTP


class _Guard:
    """Knows the socket that is in use and can shut it down, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended = Failure.ABORTED
        self._in_flight = False
        self._over = False  # the request in flight was ended
        self._closed_for_good = False
        self._watched: socket.socket | None = None
        self.sent_bytes = 0  # of the body of the request in flight, once the connection has taken it
        self.traffic = Traffic()  # of the request in flight

    def begin(self) -> None:
        with self._lock:
            self.sent_bytes = 0
            self.traffic = Traffic()
            self._in_flight = True
            self._over = self._closed_for_good

    def time_out(self) -> None:
        """End the request in flight: its time is up."""
        with self._lock:
            if self._in_flight and not self._over:
                self._over = True
                self._ended = Failure.TIMEOUT
                self._shut_down()

    def end_for_good(self) -> None:
        """End the request in flight and every later one."""
        with self._lock:
            self._closed_for_good = True
            if not self._over:
                self._over = True
                self._ended = Failure.ABORTED
            self._shut_down()

    def failure(self) -> Failure | None:
        """Return why the request in flight was ended; None if it was not."""
        with self._lock:
            return self._ended if self._over else None

    def watch(self, connected: socket.socket) -> None:
        """Note the socket that is in use from now on."""
        with self._lock:
            self._forget()
            # A second descriptor: TLS takes the first one away from its Python object.
            self._watched = socket.socket(fileno=os.dup(connected.fileno()))
            if self._over:
                self._shut_down()

    def finish(self) -> None:
        """End the request in flight."""
        with self._lock:
            self._in_flight = False

    def drop(self) -> None:
        """Close the socket, for both sides."""
        with self._lock:
            self._shut_down()
            self._forget()

    def _forget(self) -> None:
        if self._watched is not None:
            self._watched.close()
            self._watched = None

    def _shut_down(self) -> None:
        if self._watched is not None:
            with contextlib.suppress(OSError):  # the peer may be faster
                self._watched.shutdown(socket.SHUT_RDWR)


class _Response(http.client.HTTPResponse):
    """One whose 204 may have a body, as InfluxDB Cloud Serverless sends it: it names rejected lines."""

    def begin(self) -> None:
        super().begin()
        # urllib3 would log what is not a header, whatever it quotes.
        self.headers.defects.clear()
        self.headers.set_payload("")
        length = self.headers.get("content-length", "")
        if self.status == http.HTTPStatus.NO_CONTENT and length.isdecimal() and not self.chunked:
            self.length = int(length[:9])


def _guarded_pools(guard: _Guard) -> dict[str, type]:
    """Return the pools of each scheme whose connections show their sockets to `guard`."""

    class GuardedConnection(HTTPConnection):
        response_class = _Response
        is_tls = False
        _held: bytearray | None = None  # of the request that is being made: head and body leave together

        def _new_conn(self) -> socket.socket:
            connected = super()._new_conn()
            guard.watch(connected)
            guard.traffic.connected(tls=self.is_tls)
            return connected

        def send(self, data: Any) -> None:
            if self._held is not None:
                self._held += data
                return
            super().send(data)
            guard.traffic.carried(len(data), tls=self.is_tls)

        def request(self, method: str, url: str, body: Any = None, headers: Any = None, **more: Any) -> None:
            self._held = bytearray()
            try:
                super().request(method, url, body, headers, **more)
            finally:
                held, self._held = self._held, None
            self.send(held)
            guard.sent_bytes = len(body or b"")

    class TlsConnection(GuardedConnection, HTTPSConnection):
        is_tls = True

    class Pool(HTTPConnectionPool):
        ConnectionCls = GuardedConnection

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = TlsConnection

    return {"http": Pool, "https": TlsPool}


class HttpTransport:
    """Requests to one server with one set of credentials."""

    def __init__(
        self,
        settings: InfluxServer,
        token: Secret | None,
        *,
        basic: bool,
        clock: Clock,
        deadline: RequestDeadline,
        answer_bytes: int,
    ) -> None:
        """Take the token for `Authorization: Token`; or, if `basic`, user:password for basic authentication.

        deadline: started by its owner. answer_bytes: how much of an answer is read at most.
        """
        if settings.unsafe_skip_tls_verification:
            warnings.simplefilter("ignore", InsecureRequestWarning)  # the user has said so, by that name
        try:
            self._pool = _pool(settings)
        except (ValueError, HTTPError) as error:
            raise ConfigError(f"cannot be used: {type(error).__name__}", where=settings.url) from None
        # Without `Accept-Encoding` as urllib3 would have it: a server that is not asked to compress does not.
        own = {"User-Agent": "nev-telemetry", "Accept-Encoding": urllib3.util.SKIP_HEADER}
        self._headers = own | _authorization(token, basic=basic)
        self._clock = clock
        self._deadline = deadline
        self._answer_bytes = answer_bytes
        self._connect_timeout_s = settings.connect_timeout_s
        self._base = settings.url.rstrip("/")
        self._guard = _Guard()
        self._pool.pool_classes_by_scheme = _guarded_pools(self._guard)

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
        *,
        deadline_s: float,
    ) -> Answer | Unanswered:
        """Send a request; return its answer, or why it has none, within `deadline_s`."""
        self._guard.begin()
        try:
            with self._deadline.limit(deadline_s, self._guard.time_out):
                answer = self._exchange(method, f"{path}?{urlencode(query)}", headers, body, deadline_s)
            failure = self._guard.failure()
            # Shutting the socket down may look like the end of an answer. A 204 has all that it needs.
            return Unanswered(failure) if failure and answer.status != http.HTTPStatus.NO_CONTENT else answer
        except (HTTPError, http.client.HTTPException, OSError) as error:
            failure = self._guard.failure()
            return Unanswered(failure) if failure else _no_answer(error)
        finally:
            self._guard.finish()

    def _exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, deadline_s: float
    ) -> Answer:
        response = self._pool.request(
            method,
            self._base + target,
            body=body,
            headers={**self._headers, **headers},
            timeout=urllib3.Timeout(connect=self._connect_timeout_s, read=deadline_s),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        if self._guard.failure():
            raise http.client.IncompleteRead(b"")  # what looks like the end of the head is our shutting down
        is_bodiless = response.status == http.HTTPStatus.NO_CONTENT  # or should be
        is_broken = False
        try:
            content = response.read(self._answer_bytes, decode_content=False)
            if 200 <= response.status < 300 and not is_bodiless and len(content) < self._answer_bytes:
                response.read(1, decode_content=False)  # raises if it was cut short
        except (HTTPError, OSError):
            if not is_bodiless:
                raise
            content = b""  # it is a 204 all the same, but for chunks, which no 204 has
            is_broken = "transfer-encoding" in response.headers
        head_bytes = _EMPTY_HEAD_BYTES + len(response.reason or "")
        head_bytes += sum(len(name) + len(text) + 4 for name, text in response.headers.items())
        self._guard.traffic.carried(head_bytes + len(content), tls=self._base.startswith("https:"))
        if self._guard.failure() or len(content) == self._answer_bytes:
            response.close()  # what is left is not worth reading: the next request makes a new connection
            self._guard.drop()
        return Answer(
            status=response.status,
            headers={name.lower(): text for name, text in response.headers.items()},
            body=content,
            received_s=self._clock.unix_ns() / 1e9,
            broken=is_broken,
        )

    @property
    def sent_bytes(self) -> int:
        """Return the size of the last request's body, once all of it was sent; 0 before that."""
        return self._guard.sent_bytes

    @property
    def link_bytes(self) -> int:
        """Return about what the last request has cost on the link, both ways."""
        return self._guard.traffic.link_bytes

    def abort(self) -> None:
        """End the request in flight, and every later one. From any thread."""
        self._guard.end_for_good()

    def close(self) -> None:
        self._pool.clear()
        self._guard.drop()


def _pool(settings: InfluxServer) -> urllib3.PoolManager:
    """Return one connection, straight or through the proxy, with the certificates to check against."""
    checks: dict[str, Any] = {
        "maxsize": 1,
        "cert_reqs": ssl.CERT_NONE if settings.unsafe_skip_tls_verification else ssl.CERT_REQUIRED,
        "ca_certs": str(settings.ca_file) if settings.ca_file else None,
    }
    return urllib3.ProxyManager(settings.proxy, **checks) if settings.proxy else urllib3.PoolManager(**checks)


def _authorization(token: Secret | None, *, basic: bool) -> dict[str, str]:
    if token is None:
        return {}
    value = token.reveal()
    words = f"Basic {base64.b64encode(value.encode()).decode()}" if basic else f"Token {value}"
    return {"Authorization": words}


def _no_answer(error: Exception) -> Unanswered:
    """Return what the innermost of urllib3's errors says, which wrap one another."""
    chain: list[BaseException] = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None and len(chain) < 10:
        chain.append(inner)
    for link in chain:
        if isinstance(link, ssl.SSLCertVerificationError):
            return Unanswered(Failure.UNTRUSTED, link.verify_message)
        if isinstance(link, ssl.SSLError) and link.reason in _NO_TLS:
            return Unanswered(Failure.BROKEN, "no TLS is spoken at that port (is it http:// ?)")
    words = next((link.strerror for link in chain if isinstance(link, OSError) and link.strerror), "")
    if isinstance(error, NewConnectionError | ConnectTimeoutError | NameResolutionError | ProxyError):
        return Unanswered(Failure.NO_CONNECTION, words or type(error).__name__)
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return Unanswered(Failure.TIMEOUT, words)
    return Unanswered(Failure.BROKEN, words or type(error).__name__)
