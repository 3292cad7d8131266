"""The service as systemd sees it: what it sends on NOTIFY_SOCKET, as a process."""

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemetry.clock import Clock
from telemetry.config import load_config
from telemetry.service.service import Service
from telemetry.service.supervisor import Notifier, Supervisor
from telemetry.sources.stop import StopSignal
from telemetry.spool.spool import Spool
from tests.support.gateway import NO_SERVER, Gateway, bus_at
from tests.support.notify_socket import NotifySocket
from tests.support.seqpacket import FrameListener

WATCHDOG_S = 1.0


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NotifySocket]:
    address = f"{tmp_path}/notify"
    with NotifySocket(address) as opened:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        monkeypatch.setenv("WATCHDOG_USEC", str(round(WATCHDOG_S * 1e6)))
        yield opened


def test_it_is_ready_without_a_server_and_reports_what_becomes_of_it(
    tmp_path: Path, manager: NotifySocket
) -> None:
    with (
        FrameListener(tmp_path / "bus.sock") as listener,
        Gateway(tmp_path, NO_SERVER, bus_at(tmp_path)) as gateway,
    ):
        process = gateway.start()
        ready = manager.wait_for_line("READY=1")
        assert ready[1].startswith("STATUS=bus ")
        listener.accept()
        if not ready[1].startswith("STATUS=bus receiving"):  # sent once, when it becomes so
            manager.wait_for(lambda lines: lines[0].startswith("STATUS=bus receiving"), "a status")
        for _ in range(3):
            manager.wait_for_line("WATCHDOG=1")

        before_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        process.send_signal(signal.SIGHUP)
        reloading = manager.wait_for_line("RELOADING=1")
        assert int(reloading[1].removeprefix("MONOTONIC_USEC=")) >= before_us
        manager.wait_for_line("READY=1")

        gateway.config.write_text("nonsense")
        process.send_signal(signal.SIGHUP)
        manager.wait_for_line("RELOADING=1")
        manager.wait_for_line("READY=1")
        manager.wait_for_line("WATCHDOG=1")

        process.send_signal(signal.SIGTERM)
        manager.wait_for_line("STOPPING=1")
        assert gateway.wait() == 0, gateway.output()


def test_a_pipeline_that_hangs_does_not_feed_the_watchdog_whatever_its_other_threads_do(
    tmp_path: Path, manager: NotifySocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, goes_on = threading.Event(), threading.Event()
    commit = Spool.commit

    def commit_to_a_disk_that_hangs(spool: Spool) -> None:
        if hangs.is_set():
            goes_on.wait()
        commit(spool)

    monkeypatch.setattr(Spool, "commit", commit_to_a_disk_that_hangs)
    gateway = Gateway(tmp_path, NO_SERVER, bus_at(tmp_path, databases=[]))
    gateway.write_config()
    clock, stop = Clock(), StopSignal()
    supervisor = Supervisor(clock, Notifier(manager.address), WATCHDOG_S)
    service = Service(load_config(gateway.config), clock, stop, supervisor=supervisor)
    thread = threading.Thread(target=service.run)
    thread.start()
    try:
        manager.wait_for_line("READY=1")
        manager.wait_for_line("WATCHDOG=1")
        hangs.set()  # the next commit comes within a second: the start of the service is an event to write
        manager.poll_until_silent(2 * WATCHDOG_S)
        goes_on.set()
        manager.wait_for_line("WATCHDOG=1")
    finally:
        goes_on.set()
        stop.set()
        thread.join()
    supervisor.close()


def test_a_configuration_that_is_wrong_at_the_start_is_never_ready(
    tmp_path: Path, manager: NotifySocket
) -> None:
    with Gateway(tmp_path, NO_SERVER, "[[can]]\nname = 7\n") as gateway:
        gateway.start()
        assert gateway.wait() == 78
        manager.poll()
        assert manager.received == []
