"""A serial line into a capture: what is heard, what is asked, and how it ends when the port is lost."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from telemetry.capture.line import HeardLine, PolledPort
from telemetry.clock import Clock
from telemetry.errors import UnavailableError
from telemetry.framing.masking import maskers_of
from telemetry.monitor.bench import bench, serial_table
from telemetry.protocols.known import PROTOCOLS
from telemetry.sources.serial.settings import SerialSettings
from telemetry.sources.stop import StopSignal
from tests.support.clock import FakeClock


class Store:
    """Lines as they would be in a file."""

    lost_lines = 0

    def __init__(self) -> None:
        self.text = b""

    def write(self, line: bytes) -> None:
        self.text += line

    def close(self) -> None:
        pass


class Scripted:
    """A link whose port gives these, an error in its turn, and then stops the reader."""

    description = "/dev/ttyUSB0"

    def __init__(self, stop: StopSignal, *given: bytes | OSError) -> None:
        self._stop = stop
        self._given = [*given]
        self.sent: list[bytes] = []

    @contextmanager
    def open(self, stop: StopSignal) -> Iterator["Scripted"]:
        assert stop is self._stop
        if self._given and isinstance(self._given[0], FileNotFoundError):
            raise self._given[0]
        yield self

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def receive(self, timeout_s: float) -> bytes:
        assert 0.0 < timeout_s <= 1.0  # a stop is seen within so long
        if not self._given:
            self._stop.set()
            return b""
        given = self._given.pop(0)
        if isinstance(given, OSError):
            raise given
        return given


class Impatient(StopSignal):
    """Fails one who looks at it again and again."""

    looks = 0

    def is_set(self) -> bool:
        self.looks += 1
        assert self.looks < 1000, "it does not end"
        return super().is_set()


def heard(*given: bytes | OSError) -> tuple[HeardLine, Store, Scripted, StopSignal]:
    stop, store = Impatient(), Store()
    link = Scripted(stop, *given)
    return HeardLine("ttyUSB0", link, store, [], FakeClock(1_000_000_000)), store, link, stop


def test_what_is_heard_is_in_the_capture_and_counted_and_nothing_is_sent() -> None:
    line, store, link, stop = heard(b"\xdd\x03", b"", b"\x00\x77")
    with stop:
        line.run(stop)
    assert b"".join(bytes.fromhex(each.split()[3].decode()) for each in store.text.splitlines()) == (
        b"\xdd\x03\x00\x77"
    )
    assert store.text.startswith(b"(1.000000) ttyUSB0 RX DD03")
    assert line.received_bytes == 4
    assert link.sent == []


def test_a_port_that_is_lost_is_unavailable_and_what_was_heard_is_whole() -> None:
    line, store, _, stop = heard(b"\xdd\x03", OSError(errno.ENODEV, "/dev/ttyUSB0: the device is gone"))
    with stop, pytest.raises(UnavailableError, match=r"^/dev/ttyUSB0: the device is gone$"):
        line.run(stop)
    assert store.text == b"(1.000000) ttyUSB0 RX DD03\n"


def test_what_a_masker_holds_back_is_in_the_capture_when_the_port_is_lost() -> None:
    stop, store = Impatient(), Store()
    half = b"NW\x00\x20\x00\x00\x00\x00\x06"
    link = Scripted(stop, half, OSError(errno.ENODEV, "the device is gone"))
    maskers = maskers_of([PROTOCOLS["jk_nw"].framing])
    with stop, pytest.raises(UnavailableError):
        HeardLine("ttyUSB0", link, store, maskers, FakeClock()).run(stop)
    heard = b"".join(bytes.fromhex(line.split()[3].decode()) for line in store.text.splitlines())
    assert heard == b"**" + half[2:]  # letters that nobody knows


def test_a_port_that_is_not_there_is_unavailable() -> None:
    line, store, _, stop = heard(FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
    with stop, pytest.raises(UnavailableError, match=r"^/dev/ttyUSB0: "):
        line.run(stop)
    assert store.text == b""


def settings_of(port: str) -> SerialSettings:
    (settings,) = bench(serial_table(port, "jbd", None, None), None).reads.sources
    assert isinstance(settings, SerialSettings)
    return settings


def test_a_polled_port_that_is_not_there_is_unavailable() -> None:
    port = PolledPort(settings_of("/dev/nowhere"), Store(), Clock())
    with (
        StopSignal() as stop,
        pytest.raises(UnavailableError, match=r"^/dev/nowhere: there is no such port$"),
    ):
        port.run(stop)
    assert port.received_bytes == 0


def test_a_port_is_asked_again_and_again_until_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    port = PolledPort(settings_of("/dev/nowhere"), Store(), Clock())
    sessions: list[StopSignal] = []

    def session(_inbox: object, stop: StopSignal) -> None:
        sessions.append(stop)
        if len(sessions) == 3:
            stop.set()

    monkeypatch.setattr(port._source, "session", session)
    with Impatient() as stop:
        port.run(stop)
    assert len(sessions) == 3
