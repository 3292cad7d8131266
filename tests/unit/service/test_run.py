"""A run from its first frame to its last point in one process: a log, the spool, a server on a socket."""

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from telemetry.clock import Clock
from telemetry.config import load_config
from telemetry.errors import UnavailableError
from telemetry.model.read_point import measurement_of, read_point
from telemetry.service.drain import DrainProgress, drain
from telemetry.service.service import Service
from telemetry.service.supervisor import Notifier, Supervisor
from telemetry.spool import Spool
from tests.support.notify_socket import NotifySocket
from tests.support.scripted_server import ScriptedServer, answer
from tests.support.spool import Feed

DBC = """VERSION ""
NS_ :
BS_:
BU_: X
BO_ 256 Pack: 8 X
 SG_ Volts : 0|16@1+ (0.1,0) [0|0] "V" X
"""
CONFIG = """vehicle = "van"
[influx]
url = "{url}"
api = "v1"
database = "d"
[spool]
directory = "spool"
keep_free_mib = 0
[web]
listen = "off"
[[replay]]
name = "log"
file = "trip.log"
databases = ["pack.dbc"]
[[map]]
signal = "Pack.Volts"
to = "battery.voltage_v"
"""
FRAMES = 50


def config_of(folder: Path, url: str) -> Path:
    (folder / "pack.dbc").write_text(DBC)
    frames = (
        f"({1_700_000_000 + number / 10:.6f}) can0 100#{number:02X}00000000000000\n"
        for number in range(FRAMES)
    )
    (folder / "trip.log").write_text("".join(frames))
    file = folder / "gateway.toml"
    file.write_text(CONFIG.format(url=url))
    return file


def of(server: ScriptedServer, measurement: str) -> list[bytes]:
    return [line for line in server.stored if measurement_of(line) == measurement]


def test_a_log_is_delivered_whole_and_another_run_delivers_nothing_of_it_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="telemetry.service")
    with ScriptedServer() as server:
        file = config_of(tmp_path, server.url)
        Service(load_config(file)).run()
        assert len(of(server, "battery")) == FRAMES
        codes = [point.tags["code"] for line in of(server, "event") if (point := read_point(line))]
        assert sorted(codes) == ["service_start", "service_stop", "source_end"]
        assert "running: log" in caplog.text
        assert "all logs are read; delivering what is left" in caplog.text
        assert "all accounted for" in caplog.text
        figures = [point for line in of(server, "gateway") if (point := read_point(line))]
        assert len({each.time_ns for each in figures}) >= 2  # one at the start, one at the end
        server.stored.clear()
        Service(load_config(file)).run()
        assert of(server, "battery") == []
    spool = Spool(tmp_path / "spool", clock=Clock())
    assert (spool.recovery.waiting_points, spool.recovery.clean) == (0, True)
    assert spool.recovery.accounts["frames/log/decoded"] == FRAMES
    spool.close()


def test_what_ends_a_run_is_raised_after_all_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with ScriptedServer() as server:
        server.script(*[answer(503)] * 20)
        service = Service(load_config(config_of(tmp_path, server.url)))

        def fail() -> None:
            service._fail(OSError("and this too"))
            raise UnavailableError("no thread can be started", where="page")

        monkeypatch.setattr(service._reporting._web, "start", fail)
        with pytest.raises(OSError, match="and this too"):
            service.run()
    (record,) = [each for each in caplog.records if each.levelname == "ERROR"]
    assert record.message == "after what has ended it: page: no thread can be started"
    assert record.exc_info is not None
    spool = Spool(tmp_path / "spool", clock=Clock())
    assert spool.recovery.clean
    assert spool.recovery.waiting_points > 0  # its start, its stop, its figures
    spool.close()


def test_a_service_reports_that_it_is_ready_only_after_its_sources_have_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer() as server, NotifySocket(f"{tmp_path}/notify") as manager:
        for has_thread in (False, True):
            with closing(Supervisor(Clock(), Notifier(manager.address))) as supervisor:
                service = Service(load_config(config_of(tmp_path, server.url)), supervisor=supervisor)
                if has_thread:
                    service.run()
                else:
                    monkeypatch.setattr(service._sources, "start", raising(UnavailableError("no thread")))
                    with pytest.raises(UnavailableError, match="no thread"):
                        service.run()
            manager.poll()
            assert ["READY=1" in message for message in manager.received].count(True) == has_thread


def raising(error: Exception) -> Callable[[], None]:
    def start() -> None:
        raise error

    return start


def test_a_run_that_is_stopped_ends_though_a_log_goes_on(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        file = config_of(tmp_path, server.url)
        file.write_text(file.read_text().replace('file = "trip.log"', 'file = "trip.log"\nspeed = 0.001'))
        service = Service(load_config(file))
        thread = threading.Thread(target=service.run, daemon=True)
        thread.start()
        service.stop()
        thread.join(30.0)
        assert not thread.is_alive()
        assert len(of(server, "battery")) <= 1


def left_waiting(folder: Path, url: str) -> Path:
    """Return the configuration of a service that was killed while nine points waited."""
    file = config_of(folder, url)
    spool = Spool(folder / "spool", clock=Clock())
    feed = Feed(spool)
    feed.store(batches=3)
    spool.close()
    return file


class Counting(Clock):
    """The machine's clocks, which counts how often something waits by them."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = 0

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        self.waits += timeout_s == 0.2
        return super().wait(event, timeout_s)


def test_a_drain_looks_again_after_a_while_and_not_all_the_time(tmp_path: Path) -> None:
    clock, seen = Counting(), list[DrainProgress]()
    with ScriptedServer() as server:
        server.script(answer(503))
        file = left_waiting(tmp_path, server.url)
        drain(load_config(file), clock, threading.Event(), timeout_s=None, on_progress=seen.append)
    assert clock.waits == len(seen) - 2 > 0  # one before anything is sent, and one at each look


def test_a_drain_delivers_what_waits_and_counts_only_that(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        file = left_waiting(tmp_path, server.url)
        seen: list[DrainProgress] = []
        for expected in (9, 0):
            ended = drain(
                load_config(file), Clock(), threading.Event(), timeout_s=None, on_progress=seen.append
            )
            assert (ended.waiting_points, ended.acknowledged_points, ended.dead_points) == (0, expected, 0)
            assert {each.waiting_points + each.acknowledged_points for each in seen} == {expected}
            seen.clear()
        assert len(server.stored) == 9


@pytest.mark.parametrize("timeout_s", [0.0, None])
def test_a_drain_that_gets_no_time_or_is_stopped_leaves_the_points_waiting(
    tmp_path: Path, timeout_s: float | None
) -> None:
    stop = threading.Event()
    if timeout_s is None:
        stop.set()
    with ScriptedServer() as server:
        server.script(*[answer(503)] * 20)
        file = left_waiting(tmp_path, server.url)
        with pytest.raises(UnavailableError, match="9 points still wait") as caught:
            drain(load_config(file), Clock(), stop, timeout_s=timeout_s, on_progress=lambda _: None)
    assert caught.value.where == str(tmp_path / "spool")
    spool = Spool(tmp_path / "spool", clock=Clock())
    assert spool.recovery.waiting_points == 9
    spool.close()
