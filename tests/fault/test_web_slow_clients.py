"""200 slow clients while a bus is busy: no frame is lost, memory is bounded, others are served."""

import contextlib
import itertools
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.support.seqpacket import Load
from tests.support.web import WebClient, get
from tests.support.web_gateway import WebGateway, pack_power, web_gateway

CLIENTS = 200
FRAMES_AT_ONCE = 20
MIB = 1024 * 1024
BEGINNINGS = (
    b"",
    b"GET / HTTP/1.1\r\nX: ",
    b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /style.css HTTP/1.1\r\nHost: localhost\r\n\r\n" * 300,  # more than the kernel's buffers hold
)


def go_on(service: WebGateway, load: Load, frames: int) -> None:
    """Wait until so many more have been sent."""
    until = load.sent + frames
    service.gateway.wait_for(lambda: load.sent >= until)


def slow_client(service: WebGateway, beginning: bytes) -> socket.socket:
    """Return a client that says this, and then neither says nor reads anything."""
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    host, _, port = service.url.removeprefix("http://").rstrip("/").partition(":")
    peer.settimeout(20.0)
    peer.connect((host, int(port)))
    with contextlib.suppress(ConnectionError):  # it had to give way already
        peer.sendall(beginning)
    return peer


def voltages(client: WebClient) -> Iterator[float]:
    for name, live in client.events():
        if name == "live" and live["packs"]:
            yield live["packs"][0]["battery"]["voltage_v"]


def memory_bytes(service: WebGateway) -> float:
    return float(service.gateway.status()["gauges"]["memory_bytes"])


def test_200_slow_clients_disturb_neither_the_line_nor_other_clients(tmp_path: Path) -> None:
    with web_gateway(tmp_path) as service, ExitStack() as stack:
        with (
            Load(service.listener, [pack_power(98.0)] * FRAMES_AT_ONCE, every_s=0.0025) as load,
            WebClient(service.url) as listening,
        ):
            listening.ask("/events")
            assert listening.read_head()[0] == 200
            reported = voltages(listening)
            get(service.url, "/metrics")
            service.gateway.wait_for_account("points/acknowledged")
            go_on(service, load, 20_000)
            before_bytes = memory_bytes(service)
            beginnings = itertools.cycle(BEGINNINGS)
            for _ in range(CLIENTS):
                peer = stack.enter_context(slow_client(service, next(beginnings)))
                assert peer.fileno() >= 0
            # They give way once they have been slow for 2 s.
            service.gateway.wait_for(lambda: get(service.url, "/healthz").status == 200)
            for _ in range(4):
                go_on(service, load, 8_000)
                assert next(reported) == 98.0
                for path in ("/", "/api/live", "/metrics", "/healthz", "/readyz"):
                    assert get(service.url, path).status == 200
            grown_bytes = memory_bytes(service) - before_bytes
            assert get(service.url, "/events").status in (200, 503)
        service.gateway.wait_for_account("frames/bus/decoded", load.sent)
        assert grown_bytes < 8 * MIB
        final = service.gateway.end()
        assert final.counters["bus/bus/read"] == final.counters["frames/bus/decoded"] == load.sent
        losses = ("frames/bus/lost", "bus/bus/kernel_dropped")
        assert not [name for name, count in final.counters.items() if name.startswith(losses) and count]
