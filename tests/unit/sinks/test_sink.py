"""The sink in its thread: what waits is sent, and stopping takes no longer than its grace."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from telemetry.clock import Clock
from telemetry.model.events import Event
from telemetry.sinks.influx.server import Api
from telemetry.sinks.influx.settings import InfluxSettings
from telemetry.sinks.sink import Sink
from telemetry.spool import Spool
from tests.support.scripted_server import Connection, ScriptedServer, answer, say_nothing
from tests.support.spool import Feed


@contextmanager
def waiting(folder: Path) -> Iterator[Spool]:
    """Yield a spool with six points."""
    spool = Spool(folder / "spool", clock=Clock())
    feed = Feed(spool)
    feed.store(batches=2)
    try:
        yield spool
    finally:
        spool.close()


class Heard:
    """What a sink reports."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.failures: list[Exception] = []
        self.failed = threading.Event()

    def fail(self, error: Exception) -> None:
        self.failures.append(error)
        self.failed.set()

    def sink(self, spool: Spool, server: ScriptedServer, folder: Path) -> Sink:
        settings = InfluxSettings(url=server.url, api=Api.V1, database="d", request_timeout_s=600.0)
        return Sink(
            spool,
            settings,
            Clock(),
            on_event=self.events.append,
            on_failure=self.fail,
            directory=folder,
        )


def test_a_server_that_takes_nothing_is_not_waited_for(tmp_path: Path) -> None:
    with ScriptedServer() as server, waiting(tmp_path) as spool:
        server.script(*[answer(503)] * 100)
        sink = Heard().sink(spool, server, tmp_path)
        sink.start()
        sink.stop(3600.0)
        assert not sink._thread.is_alive()
        assert spool.gauges().waiting_points == 6


def test_one_that_was_never_started_has_nothing_to_stop(tmp_path: Path) -> None:
    with ScriptedServer() as server, waiting(tmp_path) as spool:
        Heard().sink(spool, server, tmp_path).stop(3600.0)
        assert server.requests == []


def test_a_fault_of_the_program_in_its_thread_is_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Heard()
    with ScriptedServer() as server, waiting(tmp_path) as spool:
        sink = heard.sink(spool, server, tmp_path)

        def broken(_: threading.Event) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(sink._sender, "run", broken)
        sink.start()
        assert heard.failed.wait(60.0)
        sink.stop(3600.0)
    assert [type(each) for each in heard.failures] == [ZeroDivisionError]


def test_it_ends_with_the_process_and_keeps_none_alive(tmp_path: Path) -> None:
    with ScriptedServer() as server, waiting(tmp_path) as spool:
        assert Heard().sink(spool, server, tmp_path)._thread.daemon


def test_a_server_that_says_nothing_does_not_keep_it_from_stopping(tmp_path: Path) -> None:
    heard, came = Heard(), threading.Event()

    def be_silent(connection: Connection) -> None:
        came.set()
        say_nothing(connection)

    with ScriptedServer() as server, waiting(tmp_path) as spool:
        server.script(*[be_silent] * 10)
        sink = heard.sink(spool, server, tmp_path)
        sink.start()
        assert came.wait(60.0)
        sink.stop(0.0)
        sink._thread.join(60.0)  # its request, whose own limit is ten minutes, was ended
        assert not sink._thread.is_alive()
        assert spool.gauges().waiting_points == 6
