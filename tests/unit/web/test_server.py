"""The web server on real sockets: many clients, slow and hostile ones, addresses that cannot be used."""

import contextlib
import logging
import os
import resource
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from telemetry.errors import UnavailableError
from telemetry.live.state import LiveSnapshot
from telemetry.web.connection import Connection
from telemetry.web.server import (
    BURST_STEPS,
    StepBudget,
)
from tests.support.clock import FakeClock
from tests.support.waiting import wait_until
from tests.support.web import WebClient, WebRig, get
from tests.support.web_gateway import free_port

SMALL_BUFFER_BYTES = 4096
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@pytest.fixture
def rig() -> Iterator[WebRig]:
    with WebRig() as made:
        yield made


def test_one_connection_is_answered_again_and_again(rig: WebRig) -> None:
    with rig.connect() as client:
        for _ in range(3):
            assert client.get("/readyz").json()["ok"] is True
        client.ask("/", "HEAD")
        assert int(client.read_reply(has_body=False).fields["content-length"]) > 1000
        assert client.get("/healthz").status == 200


def test_a_request_that_comes_byte_by_byte_is_answered(rig: WebRig) -> None:
    with rig.connect() as client:
        for byte in f"GET /healthz HTTP/1.1\r\nHost: {client.host}\r\n\r\n".encode():
            client.send(bytes([byte]))
        assert client.read_reply().status == 200


def test_requests_sent_at_once_are_answered_in_order(rig: WebRig) -> None:
    with rig.connect() as client:
        paths = ["/healthz", "/nothing", "/style.css"] * 10
        for path in paths:
            client.ask(path)
        assert [client.read_reply().status for _ in paths] == [200, 404, 200] * 10


def test_what_is_no_request_is_refused_and_the_connection_closed(rig: WebRig) -> None:
    with rig.connect() as client:
        client.send(b"\x16\x03\x01\x02\x00" * 10 + b"\r\n\r\n")
        assert client.read_reply().status == 400
        assert client.is_closed()


def test_a_head_without_end_is_refused_at_its_limit(rig: WebRig) -> None:
    with rig.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nX: " + b"a" * 2 * 8192)
        assert client.read_reply().status == 431
        assert client.is_closed()


def test_each_listener_gets_each_publication_at_once() -> None:
    with WebRig(FakeClock()) as rig, rig.connect() as one, rig.connect() as other:
        streams = []
        for client in (one, other):
            client.ask("/events")
            code, fields = client.read_head()
            assert (code, fields["content-type"]) == (200, "text/event-stream")
            events = client.events()
            assert next(events)[0] == "hello"
            assert next(events)[1]["vehicle"] == "van 7"
            streams.append(events)
        rig.status["live"]["vehicle"] = "van 8"
        rig.server.published()
        for events in streams:
            name, live = next(events)
            assert (name, live["vehicle"]) == ("live", "van 8")


def test_with_nobody_to_show_it_to_a_publication_is_kept_for_the_curves_alone() -> None:
    clock = FakeClock()
    with WebRig(clock) as rig:
        for after_s, asked in ((0.0, 1), (0.0, 1), (0.7, 1), (0.1, 2)):
            clock.advance(after_s)
            rig.snapshot = LiveSnapshot(clock.monotonic_s(), 0)
            rig.server.published()
            wait_until(partial(lambda asked: rig.snapshots_asked >= asked, asked))
        assert rig.get("/api/history").json()["ages_s"] == [0.8, 0.0]
        assert rig.snapshots_asked == 2


def test_the_last_answer_ends_the_connection_at_once() -> None:
    with WebRig(FakeClock()) as rig, rig.connect() as client:
        client.ask("/healthz", connection="close")
        assert client.read_reply().status == 200
        assert client.is_closed()  # by the server: the clock stands, so no deadline passes


def test_a_quiet_stream_is_sent_the_present_state_every_two_seconds() -> None:
    clock = FakeClock()
    with WebRig(clock) as rig, rig.connect() as client:
        client.listen()
        events = client.events()
        assert [next(events)[0], next(events)[0]] == ["hello", "live"]
        rig.status["live"]["vehicle"] = "van 8"
        clock.advance(2.0)
        assert rig.get("/healthz").status == 200  # the server looks at the clock again
        assert next(events)[1]["vehicle"] == "van 8"


def test_a_thread_that_does_not_start_is_one_warning_and_the_port_is_free(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_thread: threading.Thread) -> None:
        raise UnavailableError("no thread is left")

    address = f"127.0.0.1:{free_port()}"
    with monkeypatch.context() as failing:
        failing.setattr("telemetry.web.server.start", fail)
        rig = WebRig(listen=address)
        rig.server.start()
    assert rig.url == "not served: no thread is left"
    (record,) = caplog.records
    assert record.getMessage() == f"{address}: the page is not served: no thread is left"
    with WebRig(listen=address) as other:
        assert other.get("/healthz").status == 200
    rig.server.published()
    rig.server.close()


def test_a_client_that_goes_away_in_the_middle_troubles_nobody(rig: WebRig) -> None:
    for _ in range(20):
        with rig.connect() as client:
            client.ask("/events")
            client.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    rig.server.published()
    assert rig.get("/healthz").status == 200


def test_the_oldest_that_asks_nothing_gives_way_to_a_new_client(rig: WebRig) -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(rig.connect()) for _ in range(64)]
        assert silent[-1].get("/healthz").status == 200  # so all have been taken
        assert rig.get("/healthz").status == 200
        assert silent[0].is_closed()
        assert silent[-1].get("/healthz").status == 200


def test_clients_leave_descriptors_to_the_pipeline_whichever_are_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with ExitStack() as stack:
        files = [stack.enter_context(Path(os.devnull).open("rb")) for _ in range(64)]
        most_open = len(list(Path("/proc/self/fd").iterdir())) + 32
        monkeypatch.setattr(resource, "getrlimit", lambda _: (most_open, most_open))
        rig = stack.enter_context(WebRig())  # opens four, so that one client is one too many
        for file in files[:2]:  # for both ends of a client: all that the pipeline has open is above
            file.close()
        refused = stack.enter_context(rig.connect())
        reply = refused.read_reply()
        assert (reply.status, reply.fields["connection"]) == (503, "close")
        assert refused.is_closed()
        for file in files[2:32]:
            file.close()
        assert rig.get("/healthz").status == 200


def test_streams_leave_room_for_everything_else(rig: WebRig) -> None:
    with ExitStack() as stack:
        for _ in range(48):
            client = stack.enter_context(rig.connect())
            client.listen()
        refused = rig.get("/events")
        assert (refused.status, refused.fields["retry-after"]) == (503, "5")
        assert rig.get("/api/live").status == 200


def test_a_listener_that_takes_nothing_gives_way_to_another_one() -> None:
    clock = FakeClock()
    with WebRig(clock) as rig, ExitStack() as stack:
        rig.status["live"]["text"] = "x" * 200_000  # more than kernel buffers hold
        for _ in range(48):
            client = stack.enter_context(rig.connect(receive_buffer_bytes=SMALL_BUFFER_BYTES))
            client.listen()
        clock.advance(5.0)
        with rig.connect() as client:
            client.listen()


@pytest.mark.parametrize(("begun", "after_s"), [(b"", 5.0), (b"GET / HTTP/1.1\r\nHost:", 5.0)])
def test_a_client_that_does_not_ask_in_time_is_closed(begun: bytes, after_s: float) -> None:
    clock = FakeClock()
    with WebRig(clock) as rig, rig.connect() as client:
        client.send(begun)
        assert rig.get("/healthz").status == 200  # so the other one has been taken
        clock.advance(after_s)
        rig.server.published()
        assert client.is_closed()


def test_a_client_that_does_not_take_its_answer_in_time_is_closed() -> None:
    clock = FakeClock()
    with WebRig(clock) as rig:
        rig.status["live"]["text"] = "x" * 4_000_000
        with rig.connect(receive_buffer_bytes=SMALL_BUFFER_BYTES) as client:
            client.ask("/api/live")
            assert client.read_head()[0] == 200
            for _ in range(3):  # what is on its way when the clock moves counts as taken after it
                clock.advance(20.0)
                rig.server.published()
                assert rig.get("/healthz").status == 200
            assert received_until_closed(client) < 4_000_000


def received_until_closed(client: WebClient) -> int:
    count = 0
    with contextlib.suppress(ConnectionError):
        while chunk := client.peer.recv(1 << 20):
            count += len(chunk)
    return count


def test_a_status_that_cannot_be_made_costs_its_client_and_nobody_else(
    rig: WebRig, caplog: pytest.LogCaptureFixture
) -> None:
    good, rig.status = rig.status, {}
    with rig.connect() as client:
        client.ask("/api/live")
        assert client.is_closed()
    assert "a request cannot be answered" in caplog.text
    rig.status = good
    assert rig.get("/style.css").status == 200


def test_a_fault_while_an_answer_is_sent_costs_its_client_and_nobody_else(
    rig: WebRig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_connection: Connection, _count: int, _now_s: float) -> None:
        raise RuntimeError("a fault of the program")

    with monkeypatch.context() as failing, rig.connect() as client:
        failing.setattr(Connection, "sent", fail)
        client.ask("/healthz")
        with contextlib.suppress(ConnectionError):
            while client.peer.recv(1 << 16):
                pass  # it is closed
    assert "a request cannot be answered" in caplog.text
    assert rig.get("/healthz").status == 200


def test_an_address_in_use_is_one_warning(rig: WebRig, caplog: pytest.LogCaptureFixture) -> None:
    address = rig.url.removeprefix("http://").rstrip("/")
    with WebRig(listen=address) as second:
        assert second.url == "not served: Address already in use"
        second.server.published()
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage() == f"{address}: the page is not served: Address already in use"
    assert rig.get("/healthz").status == 200


def test_off_is_off() -> None:
    before = threading.active_count()
    with WebRig(listen="off") as rig:
        assert rig.url == "off"
        assert threading.active_count() == before


def test_the_page_is_served_by_ipv6_too() -> None:
    with WebRig(listen="[::1]:0") as rig:
        if not rig.url.startswith("http"):
            pytest.skip(f"no IPv6 here: {rig.url}")
        assert rig.url.startswith("http://[::1]:")
        assert get(rig.url, "/healthz").status == 200


def waited_at() -> set[tuple[str, str]]:
    """Return the descriptors of this process that are eventfds or epolls."""
    found = set()
    for file in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add((file.name, str(file.readlink())))
    return {each for each in found if each[1].startswith("anon_inode:")}


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "off"])
def test_closing_leaves_no_thread_and_no_descriptor(listen: str) -> None:
    threads, descriptors = set(threading.enumerate()), waited_at()
    with WebRig(FakeClock(), listen):
        assert waited_at() > descriptors
    assert set(threading.enumerate()) <= threads
    assert waited_at() <= descriptors


def test_closing_ends_all_connections_and_frees_the_port() -> None:
    with WebRig() as rig:
        address = rig.url.removeprefix("http://").rstrip("/")
        client = rig.connect()
        client.listen()
    for _ in client.events():
        pass  # it ends
    client.close()
    with WebRig(listen=address) as again:
        assert again.get("/healthz").status == 200


def test_all_clients_together_get_two_hundred_steps_at_once_and_five_hundred_a_second() -> None:
    pace = StepBudget(500.0, BURST_STEPS, now_s=0.0)
    pace.take(200.0)
    assert pace.wait_s(0.0) == 0.0
    pace.take(500.0)
    assert pace.wait_s(0.0) == 1.0
    assert pace.wait_s(0.9) == pytest.approx(0.1)
    assert pace.wait_s(1.1) == 0.0
