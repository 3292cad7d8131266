"""Nothing that reports stops what works: log, status, page, gauges. Each step of stopping is on its own."""

import contextlib
import errno
import fcntl
import gzip
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

from telemetry.clock import Clock
from telemetry.config import load_config
from telemetry.errors import UnavailableError
from telemetry.ledger import imbalances
from telemetry.live.status_socket import StatusServer
from telemetry.model.events import begins
from telemetry.service.reporting import Reporting
from telemetry.service.service import Service
from telemetry.sinks.sink import Sink
from telemetry.sources.inbox import SourceEvent
from telemetry.sources.stop import StopSignal
from telemetry.spool import Spool
from telemetry.spool.filesystem import FileSystem
from telemetry.spool.view import SpoolView
from telemetry.web.server import WebServer
from tests.support.clock import FakeClock
from tests.support.gateway import NO_SERVER, Gateway, bus_at, influx_at
from tests.support.scripted_server import ScriptedServer
from tests.support.seqpacket import FrameListener
from tests.support.spool import Feed
from tests.support.unhurried import UNHURRIED
from tests.support.waiting import wait_until
from tests.support.web_gateway import pack_power, web_gateway

F_SETPIPE_SZ = 1031
MOST_DESCRIPTORS = 56
FRAME = pack_power(98.0)


@dataclass
class Running:
    """A service in this process, with one bus and a server that is not there."""

    gateway: Gateway
    listener: FrameListener
    stop: StopSignal = field(default_factory=StopSignal)
    reload: threading.Event = field(default_factory=threading.Event)
    failure: Exception | None = None

    def start(self) -> None:
        self.gateway.write_config()
        self.service = Service(load_config(self.gateway.config), Clock(), self.stop, reload=self.reload)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.service.run()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.failure = error

    def send_and_wait(self, count: int) -> None:
        """Until the status says that they were decoded."""
        before = self.gateway.account("frames/bus/decoded")
        self.listener.send([FRAME] * count)
        self.gateway.wait_for_account("frames/bus/decoded", before + count)

    def end(self) -> None:
        self.stop.set()
        self._thread.join(60.0)
        assert not self._thread.is_alive()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with FrameListener(tmp_path / "bus.sock") as listener:
        made = Running(Gateway(tmp_path, NO_SERVER, bus_at(tmp_path), "gateway_every_s = 1.0"), listener)
        yield made
        made.end()


def accounts_of(running: Running) -> dict[str, int]:
    """Return what the next start finds: marked as stopped in order, with accounts that balance."""
    final = running.gateway.final_accounts()
    assert final.clean
    assert list(imbalances(final.counters, final.waiting_points, {})) == []
    return final.counters


def fail(*_: object, **__: object) -> NoReturn:
    raise OSError(errno.EMFILE, "Too many open files")


def test_figures_that_cannot_be_made_are_logged_once_and_the_line_goes_on(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    running.start()
    running.listener.accept()
    running.send_and_wait(5)
    with monkeypatch.context() as system:
        system.setattr("telemetry.service.reporting.process_gauges", fail)
        wait_until(lambda: running.gateway.status()["gauges"]["status_age_s"] > 2.0)
        running.listener.send([FRAME] * 7)
        assert caplog.text.count("a report cannot be made") == 2  # the status, the points of `gateway`
    running.gateway.wait_for_account("frames/bus/decoded", 12)
    assert running.failure is None
    running.end()
    assert accounts_of(running)["frames/bus/decoded"] == 12


@pytest.mark.parametrize(
    ("owner", "step"),
    [
        (Service, "_report_stop"),
        (Sink, "stop"),
        (Reporting, "publish"),
        (StatusServer, "close"),
        (WebServer, "close"),
    ],
    ids=lambda each: each if isinstance(each, str) else each.__name__,
)
def test_a_step_of_stopping_that_fails_keeps_nothing_from_being_stored(
    running: Running, owner: type, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.start()
    running.listener.accept()
    running.send_and_wait(5)
    running.listener.send([FRAME] * 3)
    given = getattr(owner, step)

    def fails_when_stopping(self: object, *words: object) -> object:
        if running.stop.is_set():
            given(self, *words)
            raise ZeroDivisionError
        return given(self, *words)

    monkeypatch.setattr(owner, step, fails_when_stopping)
    running.end()
    assert isinstance(running.failure, ZeroDivisionError)
    assert accounts_of(running)["frames/bus/decoded"] == 8


def test_a_fault_in_the_line_is_raised_when_what_there_is_has_been_stored(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.start()
    running.listener.accept()
    running.send_and_wait(5)
    monkeypatch.setattr(Service, "_tick", fail)
    running.end()
    assert isinstance(running.failure, OSError)
    assert accounts_of(running)["frames/bus/decoded"] == 5


def test_a_start_for_which_there_is_no_thread_says_so_and_leaves_the_spool_in_order(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "bus":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    running.start()
    running.end()
    assert isinstance(running.failure, UnavailableError)
    accounts_of(running)


@pytest.mark.parametrize("thread", ["status", "web"])
def test_without_a_thread_for_it_the_service_runs_without_status_or_page(
    running: Running, thread: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start = threading.Thread.start

    def refuse(asked: threading.Thread) -> None:
        if asked.name == thread:
            raise RuntimeError("can't start new thread")
        start(asked)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    caplog.set_level(logging.INFO)
    running.gateway.web = "127.0.0.1:0"
    running.start()
    running.listener.accept()
    running.listener.send([FRAME])
    wait_until(lambda: "running: bus" in caplog.text)
    running.end()
    assert running.failure is None
    assert "no thread can be started" in caplog.text
    assert accounts_of(running)["frames/bus/decoded"] == 1


def test_a_reload_for_which_there_is_no_thread_is_refused_and_the_old_sources_go_on(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.INFO)
    running.start()
    running.listener.accept()
    running.send_and_wait(5)
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "other":
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as system:
        system.setattr(threading.Thread, "start", refuse)
        running.gateway.sources += bus_at(tmp_path, "other", [])
        running.gateway.write_config()
        running.reload.set()
        wait_until(lambda: "config_refused: other: no thread can be started" in caplog.text)
    running.send_and_wait(2)
    running.reload.set()
    wait_until(lambda: "config_reloaded" in caplog.text)
    running.send_and_wait(2)
    running.end()
    assert running.failure is None
    assert accounts_of(running)["frames/bus/decoded"] == 9


@pytest.mark.parametrize("clock", ["system", "wait"])
@pytest.mark.parametrize("ago_s", [120, -120])
def test_an_event_that_a_source_reports_late_keeps_its_stamp_where_the_clock_is_trusted(
    tmp_path: Path, clock: str, ago_s: int
) -> None:
    """With `clock = "wait"` a stamp two minutes away is one of before the clock was set, ahead or back."""
    gateway = Gateway(tmp_path, NO_SERVER, bus_at(tmp_path, databases=[]), f'clock = "{clock}"')
    gateway.write_config()
    time = FakeClock()
    time.advance(1000.0)
    service = Service(load_config(gateway.config), time)
    then_ns = time.unix_ns() - ago_s * 10**9
    service._output.put(SourceEvent(begins("source_lost", "no such device", "bus"), then_ns))
    service._step()
    service._shut_down()
    (line,) = [line for line in stored_lines(tmp_path / "spool", time) if b"code=source_lost" in line]
    assert int(line.rsplit(b" ", 1)[1]) == (then_ns if clock == "system" else time.unix_ns())


def test_damage_that_is_found_at_the_start_is_an_event(tmp_path: Path) -> None:
    clock, directory = FakeClock(), tmp_path / "spool"
    spool = Spool(directory, clock=clock)
    feed = Feed(spool)
    for _ in range(3):
        feed.put(padding=2000)
    spool.close()
    (segment,) = directory.glob("*.segment")
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 0x10  # of the second batch
    segment.write_bytes(content)
    gateway = Gateway(tmp_path, NO_SERVER, bus_at(tmp_path, databases=[]))
    gateway.write_config()
    service = Service(load_config(gateway.config), clock)
    service._step()
    service._shut_down()
    (line,) = [line for line in stored_lines(directory, clock) if b"code=spool_damaged" in line]
    assert b'text="3 points"' in line


def stored_lines(directory: Path, clock: FakeClock) -> list[bytes]:
    waiting = SpoolView(FileSystem(), directory, clock).waiting()
    return [line for batch in waiting for line in gzip.decompress(batch.payload).splitlines()]


def test_a_stderr_that_nobody_reads_stops_neither_the_line_nor_the_end(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, F_SETPIPE_SZ, 4096)
    with (
        FrameListener(tmp_path / "bus.sock") as listener,
        ScriptedServer() as server,
        Gateway(tmp_path, influx_at(server.url), bus_at(tmp_path)) as gateway,
    ):
        gateway.write_config()
        gateway.process = subprocess.Popen([*UNHURRIED, "run", str(gateway.config)], stderr=writer)
        listener.accept()
        gateway.wait_for(gateway.status)
        good = gateway.config.read_text()
        os.set_blocking(reader, False)
        gateway.config.write_text(good + "x = 1\n" * 200)
        while not is_full(writer):
            gateway.process.send_signal(signal.SIGHUP)
            time.sleep(0.02)
        gateway.config.write_text(good)
        listener.send([FRAME] * 9)
        gateway.wait_for_account("frames/bus/decoded", 9)
        final = gateway.end()
    os.close(reader)
    os.close(writer)
    assert final.counters["frames/bus/decoded"] == 9


def is_full(writer: int) -> bool:
    """Return whether a pipe of 4 KiB has no room for another line."""
    pending = bytearray(4)
    fcntl.ioctl(writer, 0x541B, pending)  # FIONREAD
    return int.from_bytes(pending, sys.byteorder) > 4096 - 200


def test_readers_of_the_page_leave_the_line_the_descriptors_that_it_needs(tmp_path: Path) -> None:
    with web_gateway(tmp_path) as service, ExitStack() as stack:
        assert service.gateway.terminate() == 0
        service.listener.hang_up()
        service.gateway.started_by = ("prlimit", f"--nofile={MOST_DESCRIPTORS}:")
        service.start()
        service.listener.send([FRAME])
        service.gateway.wait_for_account("points/acknowledged")
        for _ in range(60):
            peer = stack.enter_context(socket.create_connection(address(service.url), 5.0))
            with contextlib.suppress(ConnectionError):  # there is no room
                peer.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        service.listener.send([FRAME] * 9)
        service.gateway.wait_for_account("points/acknowledged", 10)
        assert service.gateway.process is not None
        descriptors = Path(f"/proc/{service.gateway.process.pid}/fd")

        def are_left() -> bool:
            return MOST_DESCRIPTORS - 40 < len(list(descriptors.iterdir())) < MOST_DESCRIPTORS - 24

        service.gateway.wait_for(are_left)  # the line itself opens some for a moment
        assert service.gateway.terminate() == 0, service.gateway.output()


def address(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").rstrip("/").rpartition(":")
    return host, int(port)
