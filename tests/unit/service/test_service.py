"""What a service writes and reports about itself, with a clock that the test moves and no source started."""

import gzip
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from telemetry_core.frames.batch import FrameBatch

from telemetry.blackbox.store import Box
from telemetry.config import load_config
from telemetry.model.events import begins
from telemetry.service.attempts import Reports, take_all
from telemetry.service.service import Service
from telemetry.sources.inbox import Arrival, SourceEnded, SourceEvent
from telemetry.sources.stop import StopSignal
from telemetry.spool import Spool
from telemetry.spool.compress import compress
from telemetry.spool.filesystem import FileSystem
from telemetry.spool.view import SpoolView
from tests.support.clock import FakeClock
from tests.support.configuration import NOWHERE
from tests.support.spool import batch

CONFIG = f"""
gateway_every_s = {{every_s}}
{NOWHERE}[web]
listen = "off"
[[can]]
name = "bus"
socket = "bus.sock"
"""


def write_config(folder: Path, every_s: float = 3600.0) -> Path:
    file = folder / "gateway.toml"
    file.write_text(CONFIG.format(every_s=every_s))
    return file


@contextmanager
def started(file: Path, clock: FakeClock, reload: threading.Event | None = None) -> Iterator[Service]:
    """Yield a service that is stopped in order afterwards."""
    with StopSignal() as stop:
        service = Service(load_config(file, {}), clock, stop, reload=reload)
        try:
            yield service
        finally:
            service._shut_down()


def stored_lines(folder: Path, clock: FakeClock) -> list[bytes]:
    waiting = SpoolView(FileSystem(), folder / "spool", clock).waiting()
    return [line for each in waiting for line in gzip.decompress(each.payload).splitlines()]


def follow(service: Service, reload: threading.Event) -> None:
    """Let a service go through with a reload for which no source has to end."""
    reload.set()
    service._follow_reload()
    for thread in threading.enumerate():
        if thread.name == "reload":
            thread.join()
    service._follow_reload()
    service._follow_reload()


def test_a_reload_that_shortens_the_interval_of_the_gateways_points_takes_effect_at_once(
    tmp_path: Path,
) -> None:
    clock, reload = FakeClock(), threading.Event()
    begun_ns = clock.unix_ns()
    with started(write_config(tmp_path), clock, reload) as service:
        service._step()
        write_config(tmp_path, every_s=10.0)
        follow(service, reload)
        clock.advance(10.0)
        service._step()
        clock.advance(1.0)
    lines = [line for line in stored_lines(tmp_path, clock) if line.startswith(b"gateway,vehicle=van ")]
    seconds = [round((int(line.rsplit(b" ", 1)[1]) - begun_ns) / 1e9) for line in lines]
    assert seconds == [0, 10, 11]  # when it was adopted, at its time, and at the end


def test_a_reload_changes_the_time_between_requests(tmp_path: Path) -> None:
    clock, reload = FakeClock(), threading.Event()
    file = write_config(tmp_path)
    with started(file, clock, reload) as service:
        every_s = [service._sink._sender.every_s]
        for send in ("every_s = 60.0", "every_s = 300.0\nbacklog = 'newest'", ""):
            file.write_text(CONFIG.format(every_s=3600.0) + f"[send]\n{send}\n")
            follow(service, reload)
            every_s.append(service._sink._sender.every_s)
    assert every_s == [1.0, 60.0, 300.0, 1.0]


def test_a_start_after_a_kill_reports_how_far_each_log_was_stored_and_nothing_else(tmp_path: Path) -> None:
    clock = FakeClock()
    positions = {"log@0123456789ab": 7, "log@0123456789ab/end": 7, "other@ba9876543210": 3}
    with closing(Spool(tmp_path / "killed", clock=clock)) as killed:
        killed.append(batch(0), accounts={"points/made/battery": 3}, positions=positions)
        killed.commit()
        shutil.copytree(tmp_path / "killed", tmp_path / "spool")  # as it lies there before it is closed
    with started(write_config(tmp_path), clock) as service:
        service._report_start()
    (line,) = [line for line in stored_lines(tmp_path, clock) if b"code=unclean_stop" in line]
    reported = b"what was in memory then is gone; stored up to batch 1;"
    assert reported + b' log@0123456789ab frame 7, other@ba9876543210 frame 3"' in line


def test_a_service_that_was_asked_to_stop_reports_that_it_stops(tmp_path: Path) -> None:
    with started(write_config(tmp_path), FakeClock()) as service:
        assert service._reporting.describe()["state"]["service"] == "running"
        service.stop()
        assert service._reporting.describe()["state"]["service"] == "stopping"


def test_the_first_answer_of_the_status_socket_has_the_address_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_config(tmp_path)
    file.write_text(file.read_text().replace('"off"', '"127.0.0.1:0"'))
    with started(file, FakeClock()) as service:
        answers: list[str] = []
        monkeypatch.setattr(
            service._reporting._status,
            "start",
            lambda: answers.append(service._reporting.describe()["state"]["web"]),
        )
        service._start()
        service.stop()
    assert [answer.startswith("http://127.0.0.1:") for answer in answers] == [True]


def test_the_state_of_a_bus_ends_with_its_source(tmp_path: Path) -> None:
    """Whatever a reload puts in its place begins in the state `error_active`."""
    with started(write_config(tmp_path), FakeClock()) as service:
        service._output.put(SourceEvent(begins("bus_off", "it has left the bus", "bus"), 0))
        service._step()
        assert [event.code for event in service._live_state.snapshot().standing] == ["bus_off"]
        service._output.put(SourceEnded("bus", {}))
        service._step()
        assert service._live_state.snapshot().standing == ()


def test_the_last_lines_balance_where_the_server_takes_points_after_the_last_figures(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO", logger="telemetry.service")
    with started(write_config(tmp_path), FakeClock()) as service:
        service._report_start()
        publish = service._reporting.publish

        def publish_then_take() -> None:
            publish()
            entry = service._spool.next_live() or service._spool.next_backlog()
            assert entry is not None
            service._spool.acknowledge(entry.sequence)

        monkeypatch.setattr(service._reporting, "publish", publish_then_take)
    assert "all accounted for" in caplog.text


def test_a_service_without_a_page_leaves_no_descriptor_open(tmp_path: Path) -> None:
    with started(write_config(tmp_path), FakeClock()) as service:
        assert service._reporting._web._selector.get_map() is not None
    assert service._reporting._web._selector.get_map() is None


def test_each_step_stores_what_is_old_enough_and_publishes_how_things_are(tmp_path: Path) -> None:
    clock = FakeClock()
    with started(write_config(tmp_path), clock) as service:
        service._report_start()
        service._step()
        published = service._reporting.published
        assert not any(b"code=service_start" in line for line in stored_lines(tmp_path, clock))
        clock.advance(2.0)
        service._step()
        assert any(b"code=service_start" in line for line in stored_lines(tmp_path, clock))
        assert service._reporting.published is not published


def test_figures_are_taken_twice_a_second_while_somebody_asks_for_them_and_once_otherwise(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    with started(write_config(tmp_path), clock) as service:

        def taken(seconds: int) -> int:
            moments = set()
            for _ in range(8 * seconds):
                clock.advance(0.125)
                service._tick()
                moments.add(service._reporting.published.taken_s)
            return len(moments)

        taken(1)
        assert taken(8) == 8
        service._reporting.describe()
        taken(1)
        assert taken(8) == 16
        taken(2)  # ten seconds after the request and more
        assert taken(8) == 8


def test_a_report_is_logged_each_time_that_it_begins_to_fail(caplog: pytest.LogCaptureFixture) -> None:
    fails = iter([True, True, False, True, True])

    def report() -> None:
        if next(fails):
            raise OSError("no descriptor")

    reports = Reports()
    logged = []
    for _ in range(5):
        reports.make(report)
        logged.append(len(caplog.records))
    assert logged == [1, 1, 1, 2, 2]


def test_all_steps_are_taken_whatever_became_of_those_before(caplog: pytest.LogCaptureFixture) -> None:
    taken: list[str] = []
    failures: list[Exception] = []

    def fail() -> None:
        taken.append("fail")
        raise OSError("no room")

    take_all([lambda: taken.append("first"), fail, lambda: taken.append("last")], failures.append)
    assert taken == ["first", "fail", "last"]
    assert [str(failure) for failure in failures] == ["no room"]
    assert "a step of stopping has failed" in caplog.text


BOX = """
[black_box]
directory = "box"
[[trigger]]
on = ["source_lost"]
black_box = true
"""


def test_the_black_box_freezes_at_an_event_after_which_no_frame_comes(tmp_path: Path) -> None:
    file = write_config(tmp_path)
    file.write_text(file.read_text() + BOX)
    with started(file, FakeClock()) as service:
        service._pipeline.process("bus", FrameBatch(1), {})
        service._own.report(begins("source_lost", "gone", "bus"))
        service._step()
        assert service._boxing.box is not None
        service._boxing.box.step()
        assert len(service._boxing.box.box.captures()) == 1


@pytest.mark.parametrize("box", [BOX, '[[trigger]]\non = ["source_lost"]\n'])
def test_captures_of_boots_that_begin_at_the_same_time_have_ids_of_their_own(
    tmp_path: Path, box: str
) -> None:
    file = write_config(tmp_path)
    file.write_text(file.read_text() + box)
    for number in range(3):
        clock = FakeClock(100 * 10**9)
        for _ in range(number):
            clock.reboot()
        with started(file, clock) as service:
            service._pipeline.process("bus", FrameBatch(1), {})
            service._own.report(begins("source_lost", "gone", "bus"))
            service._step()
    ids = re.findall('capture="([^"]+)"', b"".join(stored_lines(tmp_path, clock)).decode())
    assert len(ids) == len(set(ids)) == 3
    assert all(re.fullmatch("19700101T000140Z-1-[0-9a-f]{6}", id) for id in ids)
    if "black_box" in box:
        assert sorted(capture.id for capture in Box(tmp_path / "box").captures()) == sorted(ids)


def test_serial_lines_that_come_before_the_time_is_known_are_marked_where_no_bus_says_so(
    tmp_path: Path,
) -> None:
    file, clock = write_config(tmp_path), FakeClock()
    file.write_text('clock = "wait"\n' + file.read_text() + BOX)
    clock.is_synchronised = False
    with started(file, clock) as service:
        service._step()
        assert service._boxing.box is not None
        assert service._tap.take is not None
        service._tap.take("tty", b"line\n")
        service._boxing.box.freeze("one", 0.0)
        service._boxing.box.step()
        (part,) = service._boxing.box.box.parts(service._boxing.box.box.captures()[0])
        assert part.offset_ns == clock.unix_ns() - clock.boot_ns()
        clock.is_synchronised = True
        service._step()
        service._tap.take("tty", b"line\n")
        service._boxing.box.step()
        *_, later = service._boxing.box.box.parts(service._boxing.box.box.captures()[0])
        assert later.offset_ns is None


def test_a_reload_that_changes_minutes_goes_on_with_captures_and_another_folder_ends_them(
    tmp_path: Path,
) -> None:
    file, reload = write_config(tmp_path), threading.Event()
    text = file.read_text() + BOX
    file.write_text(text)
    with started(file, FakeClock(), reload) as service:
        box = service._boxing.box
        assert box is not None
        box.freeze("one", 60.0)
        box.step()
        file.write_text(text.replace('"box"', '"box"\nminutes = 2.0\nmost_mb = 3.0'))
        follow(service, reload)
        box.step()
        assert service._boxing.box is box
        assert (box.settings.minutes, box.settings.most_bytes) == (2.0, 3_000_000)
        assert box.box.capture("one").last is None
        file.write_text(text.replace('"box"', '"other"'))
        follow(service, reload)
        assert box.box.capture("one").last is not None


def test_stamps_of_a_simulator_are_its_own_while_the_time_of_this_machine_is_unknown(tmp_path: Path) -> None:
    file, clock = write_config(tmp_path), FakeClock()
    own = (
        '[[can]]\nname = "sim"\nsocket = "sim.sock"\ntime_scale = 60\ntime_origin_ns = 5\ntime_wall_ns = 7\n'
    )
    file.write_text('clock = "wait"\n' + file.read_text() + own + BOX)
    clock.is_synchronised = False
    with started(file, clock) as service:
        assert service._boxing.box is not None
        for name in ("bus", "sim"):
            frames = FrameBatch(1)
            frames.append(5, 0x1, b"\1")
            service._take(Arrival(name, frames, {}))
        service._boxing.box.freeze("one", 0.0)
        service._boxing.box.step()
        box = service._boxing.box.box
        offsets = {part.source: part.offset_ns for part in box.parts(box.captures()[0])}
    assert offsets == {"bus": clock.unix_ns() - clock.boot_ns(), "sim": None}


def test_frames_that_wait_while_the_clock_is_set_keep_the_time_that_they_were_stamped_with(
    tmp_path: Path,
) -> None:
    file, clock = write_config(tmp_path), FakeClock(10**9)
    file.write_text('clock = "wait"\n' + file.read_text() + BOX)
    clock.is_synchronised = False
    with started(file, clock) as service:
        clock.advance(100.0)
        service._step()
        frames = FrameBatch(2)
        before_ns = clock.unix_ns() - clock.boot_ns()
        frames.append(clock.unix_ns(), 0x1, b"\1")
        clock.step(1e9)
        clock.is_synchronised = True
        service._tick()
        frames.append(clock.unix_ns(), 0x1, b"\2")
        service._take(Arrival("bus", frames, {}))
        assert service._boxing.box is not None
        service._boxing.box.freeze("one", 0.0)
        service._boxing.box.step()
        parts = service._boxing.box.box.parts(service._boxing.box.box.captures()[0])
        assert [(part.count, part.offset_ns) for part in parts] == [(1, before_ns), (1, None)]


def test_what_reduce_held_is_stored_although_the_stop_that_left_it_counts_as_orderly(tmp_path: Path) -> None:
    file, clock = write_config(tmp_path), FakeClock()
    held = b"battery,source=bus,vehicle=van voltage_v=1 1700000000000000000"
    with closing(Spool(tmp_path / "spool", clock=clock)) as spool:
        spool.append(
            batch(1), accounts={"points/made/m": 1}, positions={}, state={"[reduce] ": compress(held + b"\n")}
        )
    with started(file, clock) as service:
        assert service._spool.recovery.clean
        service._report_start()
    assert stored_lines(tmp_path, clock).count(held) == 1
    assert not SpoolView(FileSystem(), tmp_path / "spool", clock).state
