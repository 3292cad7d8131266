"""A server that accepts every write and stores nothing: what is measured against it is the client alone."""

import gzip
import http.server
import socket
import sys
import threading
import time

from benchmarks.workload import Workload


class NullServer:
    """Answers 204 to each POST on a free loopback port, from threads of this process."""

    def __init__(self, workload: Workload | None = None) -> None:
        """workload: whose points are counted."""
        messages = workload.database.messages if workload else ()
        self._measurements = {message.name.encode() for message in messages}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._points = 0
        self.received_bytes = 0
        _Handler.bodies = []
        _Handler.last_write_s = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "NullServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def last_write_s(self) -> float:
        """When the last write came, by the monotonic clock."""
        return _Handler.last_write_s

    def points(self) -> int:
        """Points of the workload's messages received so far; the gateway's reports of itself do not count."""
        bodies, _Handler.bodies = _Handler.bodies, []
        for body in bodies:
            self.received_bytes += len(body)
            text = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
            self._points += sum(line.partition(b",")[0] in self._measurements for line in text.splitlines())
        return self._points


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionResetError):  # a client that is measured ends by a kill
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # only printed


class _Handler(http.server.BaseHTTPRequestHandler):
    """Keeps the bodies, to be counted later when nothing is measured."""

    protocol_version = "HTTP/1.1"
    bodies: list[bytes] = []  # noqa: RUF012  one server at a time; http.server makes a handler a connection
    last_write_s = 0.0

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        _Handler.bodies.append(body)  # to the list of now: `points` may have taken the one of before the read
        _Handler.last_write_s = time.monotonic()
        self.send_response_only(204)
        self.end_headers()
