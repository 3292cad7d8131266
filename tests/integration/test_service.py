"""What the service makes of logs that change, of its clock, and of where its spool lies: as a process."""

import contextlib
import threading
import time
from pathlib import Path

import pytest

from telemetry.ledger import imbalances, total
from tests.support.gateway import Gateway, bus_at, influx_at
from tests.support.mounts import tmpfs
from tests.support.recording import VEHICLE_DBC, record_drive
from tests.support.scripted_server import Connection, ScriptedServer
from tests.support.seqpacket import FrameListener

FRAME = (0x300, bytes.fromhex("7700019600000000"))
MIB = 1 << 20


def replay(log: Path) -> str:
    return f'[[replay]]\nname = "drive"\nfile = "{log}"\ndatabases = ["{VEHICLE_DBC}"]\n'


def data_lines(server: ScriptedServer) -> list[bytes]:
    return [line for line in server.stored if not line.startswith((b"gateway,", b"event,"))]


def events(server: ScriptedServer) -> list[str]:
    """Codes in the order of their stamps, `-` before those that are over."""
    lines = [line.decode() for line in server.stored if line.startswith(b"event,")]
    lines.sort(key=lambda line: int(line.rsplit(" ", 1)[1]))
    codes = [line.split("code=")[1].split(",")[0].split(" ")[0] for line in lines]
    return [code if "active=t" in line else f"-{code}" for code, line in zip(codes, lines, strict=True)]


def test_a_log_that_replaces_another_is_sent_from_its_first_frame(tmp_path: Path) -> None:
    log = record_drive(tmp_path / "drive.log", 4.0)
    short = record_drive(tmp_path / "short.log", 1.0).read_text().replace("(177", "(178")
    with ScriptedServer() as server, Gateway(tmp_path, influx_at(server.url), replay(log)) as gateway:
        gateway.run()
        first = len(data_lines(server))
        log.write_text(short)
        accounts = gateway.run()
        assert len(data_lines(server)) - first == short.count("\n")
        log.write_text(short)  # the same again: nothing new
        gateway.run()
        assert len(data_lines(server)) - first == short.count("\n")
    assert list(imbalances(accounts.counters, accounts.waiting_points, {})) == []


def repeated(log: Path, seconds: int, times: int) -> Path:
    """Let a log of so many seconds follow itself."""
    lines = log.read_text().splitlines(keepends=True)
    with log.open("w") as out:
        for turn in range(times):
            for line in lines:
                out.write(f"({int(line[1:11]) + turn * seconds}{line[11:]}")
    return log


def test_a_log_at_full_speed_waits_for_the_server_and_evicts_nothing(tmp_path: Path) -> None:
    log = repeated(record_drive(tmp_path / "drive.log", 180.0), 180, 10)
    answers = threading.Event()

    def store_when_released(connection: Connection) -> None:
        request = connection.read_request()
        while not (answers.wait(0.1) or connection.server.closing.is_set()):
            pass
        connection.server.store(request)
        connection.answer(204)

    with (
        ScriptedServer() as server,
        Gateway(tmp_path, influx_at(server.url), replay(log), spool="cap_mib = 2") as gateway,
    ):
        server.script(*[store_when_released] * 100)
        gateway.start()
        before = -1
        while (
            read := gateway.account("bus/drive/read")
        ) != before or read < 50_000:  # a busy machine stalls it before
            before = read
            time.sleep(2.0)
        assert read < 300_000
        answers.set()
        assert gateway.wait() == 0, gateway.output()
        accounts = gateway.final_accounts()
    assert accounts.counters["bus/drive/read"] == log.read_bytes().count(b"\n")
    assert accounts.counters["points/evicted"] == 0
    assert accounts.waiting_points == 0
    assert list(imbalances(accounts.counters, 0, {})) == []


def test_the_path_of_the_spool_may_be_longer_than_a_socket_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    deep.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)  # the bus's socket has an address of its own
    with (
        FrameListener(tmp_path / "bus.sock") as listener,
        ScriptedServer() as server,
        Gateway(deep, influx_at(server.url), bus_at(tmp_path)) as gateway,
    ):
        gateway.start()
        listener.accept()
        listener.send([FRAME])
        gateway.wait_for_account("frames/bus/decoded")
        assert gateway.terminate() == 0, gateway.output()


def test_a_run_reports_its_start_and_its_stop(tmp_path: Path) -> None:
    log = record_drive(tmp_path / "drive.log", 1.0)
    with ScriptedServer() as server, Gateway(tmp_path, influx_at(server.url), replay(log)) as gateway:
        gateway.run()
        assert events(server) == ["service_start", "source_end", "service_stop"]


def test_a_second_service_on_the_same_spool_is_refused_and_does_not_disturb_the_first(tmp_path: Path) -> None:
    with (
        FrameListener(tmp_path / "bus.sock") as listener,
        ScriptedServer() as server,
        Gateway(tmp_path, influx_at(server.url), bus_at(tmp_path)) as gateway,
        Gateway(tmp_path, influx_at(server.url), bus_at(tmp_path)) as second,
    ):
        gateway.start()
        listener.accept()
        listener.send([FRAME])
        gateway.wait_for_account("frames/bus/decoded")
        second.start()
        assert second.wait() == 74
        gateway.wait_for_account("frames/bus/decoded")
        assert gateway.terminate() == 0


def test_a_disk_that_fills_up_and_is_cleared_is_two_events_and_costs_nothing(tmp_path: Path) -> None:
    with (
        tmpfs(tmp_path / "spool", 4 * MIB) as disk,
        FrameListener(tmp_path / "bus.sock") as listener,
        ScriptedServer() as server,
        Gateway(
            tmp_path, influx_at(server.url), bus_at(tmp_path), "gateway_every_s = 1.0", "keep_free_mib = 0"
        ) as gateway,
    ):
        disk.chmod(0o700)
        gateway.start()
        listener.accept()
        listener.send([FRAME])
        gateway.wait_for_account("points/acknowledged")
        ballast = disk / "plans" / "ballast"
        fill(ballast)
        listener.send([FRAME] * 3)
        gateway.wait_for(lambda: "spool_volatile" in events(server))
        ballast.unlink()
        gateway.wait_for(lambda: "-spool_volatile" in events(server))
        assert gateway.status()["gauges"]["points_never_on_disk"] > 0
        accounts = gateway.end()
    assert accounts.counters["points/acknowledged"] == total(accounts.counters, "points/made/")


def fill(file: Path) -> None:
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(4096))
