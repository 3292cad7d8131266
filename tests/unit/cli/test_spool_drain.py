"""`nev-telemetry spool drain` against a server on a socket."""

import os
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest

from telemetry.__main__ import main
from telemetry.clock import Clock
from telemetry.config import load_config
from telemetry.service.drain import DrainProgress, drain
from telemetry.spool import Spool, SpoolLimits
from telemetry.spool.batch import lines_of
from telemetry.spool.write_through import WriteThrough
from tests.support.command import command, failed, printed, refused
from tests.support.scripted_server import Connection, ScriptedServer, answer
from tests.support.spool import Feed, oldest

LIMITS = SpoolLimits(keep_free_bytes=0)
LINES = {b"battery,vehicle=a soc_pct=%d %d" % (n, n) for n in range(30)}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Make a spool in which ten batches wait, left by a service that was killed."""
    directory = tmp_path / "spool"
    spool = Spool(directory, clock=Clock(), limits=LIMITS)
    feed = Feed(spool)
    feed.store(batches=10)
    spool.close()
    return directory


@pytest.fixture
def server() -> ScriptedServer:
    return ScriptedServer()


def config(tmp_path: Path, url: str) -> Path:
    file = tmp_path / "gateway.toml"
    file.write_text(
        f'vehicle = "van"\n[influx]\nurl = "{url}"\napi = "v1"\ndatabase = "d"\n'
        '[spool]\ndirectory = "spool"\nkeep_free_mib = 0\n'
        '[[can]]\nname = "can0"\ninterface = "can0"\n'
    )
    return file


def test_all_that_waits_is_delivered(
    tmp_path: Path, directory: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with server:
        assert main(["spool", "drain", str(config(tmp_path, server.url))]) == 0
        assert server.stored == LINES
    assert capsys.readouterr().out == "30 points delivered, 0 made dead letters\n"
    spool = Spool(directory, clock=Clock(), limits=LIMITS)
    assert spool.recovery.waiting_points == 0
    assert spool.counters()["points/acknowledged"] == 30
    spool.close()


def test_what_the_server_refuses_becomes_dead_letters_that_can_be_requeued(
    tmp_path: Path, directory: Path, server: ScriptedServer
) -> None:
    file = str(config(tmp_path, server.url))
    with server:
        server.script(refuse_first_line)
        assert printed("spool", "drain", file) == "29 points delivered, 1 made dead letters\n"
        assert len(server.stored) == 29
        assert main(["spool", "requeue", "--all", file]) == 0
        assert main(["spool", "drain", file]) == 0
        assert server.stored == LINES
    assert not list(directory.glob("*/*.letter*"))


def test_letters_that_wait_for_the_backlog_are_delivered_after_it(
    tmp_path: Path, directory: Path, server: ScriptedServer
) -> None:
    file = str(config(tmp_path, server.url))
    spool = Spool(directory, clock=Clock(), limits=LIMITS)
    entry = oldest(spool)
    spool.refuse(entry.sequence, b"battery,vehicle=a soc_pct=0 0\n", reason="malformed", words="")
    spool.acknowledge(entry.sequence)
    spool.close()
    assert main(["spool", "requeue", "--all", file]) == 0
    with server:
        assert main(["spool", "drain", file]) == 0
        sent = [line for request in server.requests for line in request.lines]
    assert b"battery,vehicle=a soc_pct=0 0" in sent
    assert not list(directory.glob("*/*.letter*"))


def test_letters_that_wait_for_ordered_batches_are_delivered_after_those(
    tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path / "spool", clock=Clock(), limits=LIMITS)
    feed = Feed(spool)
    feed.put()
    feed.store(ordered=True)
    entry = oldest(spool)
    spool.refuse(entry.sequence, b"battery,vehicle=a soc_pct=0 0\n", reason="malformed", words="")
    spool.acknowledge(entry.sequence)
    spool.close()
    file = str(config(tmp_path, server.url))
    assert main(["spool", "requeue", "--all", file]) == 0
    given, first = Spool.commit, [True]

    def commit(spool: Spool) -> None:
        """Wait until all that waits is sent, before anybody looks for the first time."""
        given(spool)
        while first and spool.gauges().waiting_disk_points:
            time.sleep(0.01)
        first.clear()

    monkeypatch.setattr(Spool, "commit", commit)
    with server:
        assert main(["spool", "drain", file]) == 0
        sent = [line for request in server.requests for line in request.lines]
    assert sent[-1] == b"battery,vehicle=a soc_pct=0 0"


def test_dead_letters_of_earlier_runs_are_not_reported_as_those_of_this_one(
    tmp_path: Path, directory: Path, server: ScriptedServer
) -> None:
    file = str(config(tmp_path, server.url))
    with server:
        server.script(refuse_first_line)
        assert printed("spool", "drain", file) == "29 points delivered, 1 made dead letters\n"
        said = command("spool", "drain", file)
    assert said.returncode == 0
    assert said.stdout == "0 points delivered, 0 made dead letters\n"


def refuse_first_line(connection: Connection) -> None:
    first, *others = connection.read_request().lines
    connection.server.stored.update(others)
    connection.answer(400, body=b'{"error":"unable to parse \'%s\': bad"}' % first)


def test_a_server_that_is_down_is_said_and_nothing_is_lost(tmp_path: Path, directory: Path) -> None:
    assert "30 points still wait" in refused(
        69, "spool", "drain", "--timeout", "0.3", config(tmp_path, "http://127.0.0.1:9")
    )
    spool = Spool(directory, clock=Clock(), limits=LIMITS)
    assert spool.recovery.waiting_points == 30
    spool.close()


def test_a_spool_in_use_is_left_to_its_service(tmp_path: Path, directory: Path) -> None:
    spool = Spool(directory, clock=Clock(), limits=LIMITS)
    assert "another process uses this spool" in failed(
        74, "spool", "drain", config(tmp_path, "http://127.0.0.1:9")
    )
    spool.close()


def test_a_signal_ends_it(tmp_path: Path, directory: Path, server: ScriptedServer) -> None:
    def end(connection: Connection) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        answer(503)(connection)

    before = signal.getsignal(signal.SIGTERM)
    server.script(end, *[answer(503)] * 100)
    with server:
        assert main(["spool", "drain", str(config(tmp_path, server.url))]) == 69
    assert signal.getsignal(signal.SIGTERM) is before


def test_progress_is_reported(tmp_path: Path, directory: Path, server: ScriptedServer) -> None:
    reported: list[DrainProgress] = []
    with server:
        loaded = load_config(config(tmp_path, server.url))
        end = drain(loaded, Clock(), threading.Event(), timeout_s=30.0, on_progress=reported.append)
    assert reported[0].waiting_points == 30
    assert reported[-1].waiting_points == 0
    assert (end.acknowledged_points, end.dead_points, end.trouble) == (30, 0, "")


def test_what_is_older_than_the_service_would_keep_is_sent_with_what_a_killed_one_left(
    tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, memory, copy = (tmp_path / name for name in ("spool", "memory", "copy"))
    memory.mkdir()

    def keep(spool: Path) -> WriteThrough:
        return WriteThrough([memory], spool, boot_id="0" * 32)

    monkeypatch.setattr("telemetry.service.drain.keeping_in_memory", lambda _boot_id: keep)
    limits = SpoolLimits(keep_free_bytes=0, segment_bytes=1)  # each batch in a segment of its own
    killed = Spool(directory, clock=Clock(), limits=limits, keep_in_memory=keep)
    feed = Feed(killed)
    for _ in range(3):
        feed.put()
        killed.commit()
    feed.deliver(3)
    shutil.copytree(directory, copy)  # as it lies there before it is closed
    killed.close()
    shutil.copytree(copy, directory, dirs_exist_ok=True)
    for segment in directory.glob("*.segment"):
        os.utime(segment, (0.0, 0.0))
    file = config(tmp_path, server.url)
    file.write_text(file.read_text().replace("[spool]\n", "[spool]\nmax_age_h = 1\n"))
    with server:
        assert main(["spool", "drain", str(file)]) == 0
        assert server.stored == {line for line in LINES if int(line.split()[-1]) < 12}


def test_any_number_of_letters_that_were_handed_over_is_delivered(
    tmp_path: Path, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    spool = Spool(tmp_path / "spool", clock=Clock(), limits=LIMITS)
    feed = Feed(spool)
    for _ in range(41):  # the newest is for the live lane
        feed.store()
    for _ in range(40):
        entry = oldest(spool)
        first = lines_of(entry.batch).splitlines()[0]
        spool.refuse(entry.sequence, first + b"\n", reason="malformed", words="")
        spool.acknowledge(entry.sequence)
    spool.close()
    file = str(config(tmp_path, server.url))
    assert command("spool", "requeue", "--all", file).returncode == 0
    with server:
        assert main(["spool", "drain", file]) == 0
        assert len(server.stored) == 43
    assert capsys.readouterr().out == "43 points delivered, 0 made dead letters\n"


def test_a_fault_of_the_program_while_it_sends_ends_the_drain(
    tmp_path: Path, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_spool: Spool) -> None:
        raise RuntimeError("a fault of the program")

    assert directory.is_dir()
    monkeypatch.setattr(Spool, "next_live", fail)
    monkeypatch.setattr(Spool, "next_backlog", fail)
    settings, stop = load_config(config(tmp_path, "http://127.0.0.1:1")), threading.Event()
    with pytest.raises(RuntimeError, match="a fault of the program"):
        drain(settings, Clock(), stop, timeout_s=3.0, on_progress=lambda _: None)
    assert stop.is_set()
