"""A status as the service gives it, and a client that speaks to a web server byte by byte."""

import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from telemetry.clock import Clock
from telemetry.live.state import LiveSnapshot
from telemetry.sinks.state import Latencies
from telemetry.web.server import WebServer
from telemetry.web.settings import WebSettings, parse_listen
from telemetry.web.site import Views
from tests.support.live import example

TIMEOUT_S = 60.0


def status(**gauges: float) -> dict[str, Any]:
    """Return what the service says of itself when all is well; gauges: those that differ."""
    live = example()
    all_gauges = {
        **live["gauges"],
        "spool_oldest_s": 0.5,
        "spool_volatile": False,
        "frames_waiting": 0,
        "sink_held": False,
        "incomplete_cycles": 0,
        "uptime_s": 100.0,
        "cpu_s": 3.5,
        "log_lines_dropped": 0,
        "progress_age_s": 0.1,
        **gauges,
    }
    state = {**live["state"], "service": "running", "web": "http://127.0.0.1:8480/"}
    latency = Latencies().plus(0.02).plus(0.3).plus(100.0).view()
    base = {"vehicle": live["vehicle"], "accounts": live["accounts"], "gauges": all_gauges, "state": state}
    sink = {
        "failure": "",
        "waits_for_time": False,
        "bytes_sent": 12_345,
        "link_bytes": 23_456,
        "latency": latency,
    }
    base |= {"line_bytes": {"battery": 750, "cells": 240, "event": 10}, "captures": []}
    return {**base, "sink": sink, "live": {**live, **base}}


@dataclass(frozen=True)
class Reply:
    """A whole answer; names of fields in lower case."""

    status: int
    fields: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class WebClient:
    """One connection to `url`. Use as a context manager."""

    def __init__(self, url: str, *, receive_buffer_bytes: int | None = None) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self.host = parts.netloc
        self.peer = socket.socket(socket.AF_INET6 if ":" in parts.hostname else socket.AF_INET)
        if receive_buffer_bytes is not None:
            self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.peer.settimeout(TIMEOUT_S)
        self.peer.connect((parts.hostname, parts.port))
        self._reader = self.peer.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._reader.close()
        self.peer.close()

    def ask(self, path: str, method: str = "GET", **fields: str) -> None:
        """Send one request."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {fields.pop('host', self.host)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        self.send("\r\n".join([*lines, "", ""]).encode())

    def listen(self) -> None:
        """Ask for the stream of events, whose head comes."""
        self.ask("/events")
        assert self.read_head()[0] == 200

    def send(self, data: bytes) -> None:
        self.peer.sendall(data)

    def read_head(self) -> tuple[int, dict[str, str]]:
        version, code, _ = self._reader.readline().decode().split(" ", 2)
        assert version == "HTTP/1.1"
        lines = iter(lambda: self._reader.readline().decode().rstrip("\r\n"), "")
        return int(code), {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    def read_reply(self, *, has_body: bool = True) -> Reply:
        code, fields = self.read_head()
        body = self._reader.read(int(fields.get("content-length", "0"))) if has_body else b""
        return Reply(code, fields, body)

    def get(self, path: str, **fields: str) -> Reply:
        self.ask(path, **fields)
        return self.read_reply()

    def is_closed(self) -> bool:
        """Wait for the server to close; whether it sent nothing more."""
        try:
            return self._reader.read() == b""
        except ConnectionError:
            return True

    def events(self) -> Iterator[tuple[str, Any]]:
        """(event, data) as they come, of a stream that was asked for."""
        event = ""
        for raw in self._reader:
            name, _, value = raw.decode().rstrip("\n").partition(": ")
            if name == "event":
                event = value
            elif name == "data":
                yield event, json.loads(value)


def get(url: str, path: str, **fields: str) -> Reply:
    """Get one answer, on a connection of its own."""
    with WebClient(url) as client:
        return client.get(path, **fields)


class WebRig:
    """A web server on a free loopback port that shows `status`. Use as a context manager."""

    def __init__(self, clock: Clock | None = None, listen: str = "127.0.0.1:0") -> None:
        self.clock = clock or Clock()
        self.status = status()
        self.snapshot = LiveSnapshot(0.0, 0)
        self.messages_asked = 0
        self.snapshots_asked = 0
        settings = WebSettings(parse_listen(listen))
        views = Views(self._status, self._snapshot, self._ask_for_messages)
        self.server = WebServer(settings, views, self.clock)

    def _status(self) -> dict[str, Any]:
        return self.status

    def _snapshot(self) -> LiveSnapshot:
        self.snapshots_asked += 1
        return self.snapshot

    def _ask_for_messages(self) -> None:
        self.messages_asked += 1

    @property
    def url(self) -> str:
        return self.server.state

    def connect(self, **options: int) -> WebClient:
        return WebClient(self.url, **options)

    def get(self, path: str) -> Reply:
        return get(self.url, path)

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.close()
