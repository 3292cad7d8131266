"""Stopping the sink: at once, whatever the server does; and with everything sent where it can be."""

import threading

import pytest

from telemetry.clock import Clock
from telemetry.sinks.influx.server import Api
from telemetry.sinks.influx.settings import InfluxSettings
from telemetry.sinks.sink import Sink
from tests.support import scripted_server as acts
from tests.support.list_queue import ListQueue
from tests.support.scripted_server import Act, ScriptedServer
from tests.support.waiting import wait_until

GRACE_S = 0.3
STOP_S = 15.0  # with room for a busy machine: half of what a request may take


def sink_to(url: str, queue: ListQueue) -> Sink:
    settings = InfluxSettings(url=url, api=Api.V2, bucket="b", request_timeout_s=30.0)
    return Sink(queue, settings, Clock(), on_event=lambda _: None, on_failure=lambda _: None)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(acts.say_nothing, id="says nothing"),
        pytest.param(acts.read_nothing, id="reads nothing"),
        pytest.param(acts.drip(b"HTTP/1.1 204 No Content\r\nX-Filler: "), id="drips"),
        pytest.param(acts.answer(503, {"Retry-After": "600"}), id="asks for ten minutes"),
        pytest.param(acts.answer(401), id="refuses everything"),
    ],
)
def test_stopping_takes_no_longer_than_the_grace(server: ScriptedServer, fault: Act) -> None:
    queue = ListQueue()
    queue.put_lines(*[b"m v=%d %d" % (index, index) for index in range(1000)])
    server.script(fault)
    sink = sink_to(server.url, queue)
    sink.start()
    wait_until(lambda: server.connections_made > 0)
    started_s = Clock().monotonic_s()
    sink.stop(GRACE_S)
    assert Clock().monotonic_s() - started_s < GRACE_S + STOP_S
    wait_until(lambda: not queue.in_flight)
    queue.assert_balance()
    assert queue.acknowledged == []


def test_stopping_takes_no_longer_where_nobody_listens() -> None:
    with ScriptedServer() as closed:
        url = closed.url
    queue = ListQueue()
    queue.put_lines(b"m v=1 1")
    sink = sink_to(url, queue)
    sink.start()
    wait_until(lambda: sink.state.failing_since_s is not None)
    sink.stop(GRACE_S)
    assert queue.in_flight == set()


def test_what_waits_is_sent_before_the_sink_stops(server: ScriptedServer) -> None:
    queue = ListQueue()
    sink = sink_to(server.url, queue)
    sink.start()
    wait_until(lambda: sink.state.looks > 0)
    lines = [b"m v=%d %d" % (index, index) for index in range(40)]
    for line in lines:
        queue.put_lines(line)
    sink.stop(5.0)
    assert server.stored == set(lines)


def test_a_sink_that_was_stopped_leaves_no_thread_behind(server: ScriptedServer) -> None:
    def of_ours() -> set[str]:
        return {thread.name for thread in set(threading.enumerate()) - before if "sink" in thread.name}

    before = set(threading.enumerate())
    queue = ListQueue()
    queue.put_lines(b"m v=1 1")
    sink = sink_to(server.url, queue)
    sink.start()
    assert of_ours() == {"sink", "sink-deadline"}
    sink.stop(5.0)
    assert of_ours() == set()
    assert server.stored == {b"m v=1 1"}
