"""telemetry/scan/traffic.py: what was seen of a bus, in logs and as long as it is listened to."""

import contextlib
import shutil
from pathlib import Path
from typing import Any

import can
import pytest

from telemetry.errors import InputMissingError, UnavailableError
from telemetry.rules.find_message import EXTENDED
from telemetry.scan.traffic import listen, traffic_of_logs
from tests.support.bus_traffic import traffic_of
from tests.support.clock import FakeClock

MS = 1_000_000
LOG = """\
(1000.000000) can0 123#0102
(1000.050000) can1 18FF50E5#0102030405060708
(1000.100000) can0 123#010203
(1000.200000) can0 123#0102
(1000.200500) can0 123#R
(1000.200600) can0 20000004#0000000000000000
(1000.310000) can0 123#0102
"""


def test_a_period_is_the_usual_gap_whatever_a_few_frames_do() -> None:
    traffic = traffic_of((number * 100 * MS, 0x123, 8) for number in (0, 1, 2, 3, 50, 51, 52))  # a pause
    assert traffic.ids[0x123].period_s == pytest.approx(0.1)


def test_too_few_frames_and_stamps_that_stand_still_have_no_period() -> None:
    few, still = [(number * MS, 1, 8) for number in range(3)], [(0, 2, 8)] * 9
    traffic = traffic_of([*few, *still, *((-number * MS, 3, 8) for number in range(9))])
    assert [traffic.ids[id].period_s for id in (1, 2, 3)] == [None, None, None]


def test_a_log_is_what_was_seen_of_each_channel_without_frames_that_carry_no_data(tmp_path: Path) -> None:
    file = tmp_path / "drive.log"
    file.write_text(LOG)
    found = traffic_of_logs([file], pytest.fail)
    assert {name: (one.frames, list(one.ids)) for name, one in found.items()} == {
        "can0": (4, [0x123]),
        "can1": (1, [0x18FF50E5 | EXTENDED]),
    }
    id = found["can0"].ids[0x123]
    assert (id.shortest, id.longest, found["can1"].extended) == (2, 3, 1)
    assert [id.period_s, found["can0"].seconds] == pytest.approx([0.1, 0.31])


def test_a_log_that_is_not_there_is_one_error_and_a_damaged_one_a_warning(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError):
        traffic_of_logs([tmp_path / "missing.log"], pytest.fail)
    (tmp_path / "bad.log").write_text(LOG + "rubbish\n")
    warnings: list[str] = []
    assert traffic_of_logs([tmp_path / "bad.log"], warnings.append)["can0"].frames == 4
    assert "no frame, skipped" in warnings[0]


class Bus:
    """Gives these, None while nothing comes; each takes 0.1 s. Fails at the end."""

    channel_info = "can7"

    def __init__(self, clock: FakeClock, *received: can.Message | None) -> None:
        self._clock = clock
        self._received = [*received]
        self.waits: list[float] = []

    def recv(self, timeout_s: float) -> can.Message | None:
        self.waits.append(timeout_s)
        self._clock.advance(0.1)
        if not self._received:
            raise can.CanOperationError("adapter pulled")
        return self._received.pop(0)


def message(id: int, **kind: Any) -> can.Message:
    return can.Message(
        timestamp=1000.5, arbitration_id=id, **{"is_extended_id": False, "data": b"\x01", **kind}
    )


@pytest.fixture
def clock() -> FakeClock:
    clock = FakeClock()
    clock.advance(1000.0)  # after the start of the machine
    return clock


def on(monkeypatch: pytest.MonkeyPatch, bus: Bus) -> None:
    monkeypatch.setattr("telemetry.capture.bus.open_bus", lambda _: contextlib.nullcontext(bus))


def test_it_ends_after_so_many_seconds_and_waits_no_longer(
    monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    bus = Bus(clock, *[None, message(0x100)] * 20)
    on(monkeypatch, bus)
    heard = listen({}, clock, 0.95)
    assert heard.frames == 5
    assert len(bus.waits) == 10
    assert 0.0 < bus.waits[-1] < 0.06


def test_it_ends_when_enough_frames_and_errors_have_come(
    monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    bus = Bus(clock, message(0x100), message(4, is_error_frame=True), message(0x101), message(0x102))
    on(monkeypatch, bus)
    heard = listen({}, clock, 60.0, most=3)
    assert (heard.frames, heard.errors, len(bus.waits)) == (2, 1, 3)


def test_remote_frames_say_nothing_and_ids_of_29_bits_are_marked(
    monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    received = [message(0x100, is_remote_frame=True, data=None), message(0x18FF50E5, is_extended_id=True)]
    on(monkeypatch, Bus(clock, *received, message(0x101)))
    heard = listen({}, clock, 60.0, most=2)
    assert set(heard.ids) == {0x18FF50E5 | EXTENDED, 0x101}


def test_of_a_log_remote_frames_are_neither_data_nor_errors(tmp_path: Path) -> None:
    """0x20000080 is an error frame of SocketCAN. can1 has no frame of data, and can2 one of 12 bytes."""
    log = tmp_path / "bus.log"
    log.write_text(
        "(1.0) can0 100#0102\n(1.1) can0 101#R2\n(1.2) can0 20000080#0000000000000000\n"
        "(1.3) can1 101#R2\n(1.4) can2 18FF50E5##1000102030405060708090A0B\n"
    )
    warnings: list[str] = []
    found = traffic_of_logs([log, Path(shutil.copy(log, tmp_path / "again.log"))], warnings.append)
    assert warnings == []
    assert {name: (one.frames, one.errors, set(one.ids)) for name, one in found.items()} == {
        "can0": (2, 2, {0x100}),
        "can2": (2, 0, {0x18FF50E5 | EXTENDED}),
    }


def test_of_several_logs_only_so_many_ids_are_looked_at_together(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("telemetry.scan.traffic.MOST_IDS", 2)
    log, warnings = tmp_path / "bus.log", list[str]()
    log.write_text("(1.0) can0 100#01\n(1.1) can0 101#01\n(1.2) can0 102#01\n(1.3) can0 100#01\n")
    copies = [Path(shutil.copy(log, tmp_path / f"{number}.log")) for number in range(3)]
    found = traffic_of_logs(copies, warnings.append)["can0"]
    assert ({id: one.frames for id, one in found.ids.items()}, found.frames) == ({0x100: 6, 0x101: 3}, 9)
    assert warnings == ["3 frames of more than 2 ids were not looked at"]


def test_a_bus_that_is_lost_is_one_error(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> None:
    on(monkeypatch, Bus(clock, message(0x100)))
    with pytest.raises(UnavailableError, match=r"^can7: was lost: adapter pulled$"):
        listen({}, clock, 60.0)
