"""Serial ports through pyserial: a real pty, a real TCP connection, pyserial's own loop."""

import errno
import socket
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemetry.sources.serial.link import PyserialLink, SerialPort, check_port
from telemetry.sources.stop import StopSignal
from tests.support.serial_pty import PtyDevice

PATIENCE_S = 60.0


@pytest.fixture
def stop() -> Iterator[StopSignal]:
    with StopSignal() as signal:
        yield signal


@pytest.fixture
def device(tmp_path: Path) -> Iterator[PtyDevice]:
    with PtyDevice(tmp_path / "bms") as plugged_in:
        yield plugged_in


def link_to(device: PtyDevice) -> PyserialLink:
    return PyserialLink(str(device.link), 9600)


def receive(port: SerialPort, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = port.receive(PATIENCE_S)
        assert piece, f"only {data!r} came"
        data += piece
    return data


def test_bytes_go_both_ways_as_they_are(device: PtyDevice, stop: StopSignal) -> None:
    every_byte = bytes(range(256))
    with link_to(device).open(stop) as port:
        device.write(every_byte)
        assert receive(port, 256) == every_byte
        port.send(every_byte)
        assert device.read(256) == every_byte
        assert port.receive(0.0) == b""


def test_what_came_before_the_port_was_opened_is_not_read(device: PtyDevice, stop: StopSignal) -> None:
    device.write(b"old")
    with link_to(device).open(stop) as port:
        assert port.receive(0.0) == b""


def test_a_device_that_hangs_up_is_one_error_for_reading_and_for_writing(
    device: PtyDevice, stop: StopSignal
) -> None:
    with link_to(device).open(stop) as port:
        device.unplug()
        for _ in range(2):
            with pytest.raises(OSError, match="the device is gone"):
                port.receive(PATIENCE_S)
        with pytest.raises(OSError, match="the device is gone"):
            port.send(b"?")


def test_the_link_is_resolved_each_time_the_port_is_opened(device: PtyDevice, stop: StopSignal) -> None:
    link = link_to(device)
    before = device.link.readlink()
    device.unplug()
    with pytest.raises(OSError, match="there is no such port"), link.open(stop):
        pass
    device.plug_in(other_than=before)
    with link.open(stop) as port:
        device.write(b"new")
        assert receive(port, 3) == b"new"


def test_a_port_that_another_program_has_open_is_refused(device: PtyDevice, stop: StopSignal) -> None:
    link = link_to(device)
    with link.open(stop), pytest.raises(OSError, match="another program has the port open"), link.open(stop):
        pass
    with link.open(stop):
        pass


def test_why_a_port_does_not_open_is_one_clause(
    device: PtyDevice, stop: StopSignal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str, flags: int) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file: it is no serial port"):
        PyserialLink(str(tmp_path / "file"), 9600).open(stop).__enter__()
    monkeypatch.setattr("serial.serialposix.os.open", refuse)
    with pytest.raises(OSError, match="bms: permission denied: add this user to the group dialout"):
        link_to(device).open(stop).__enter__()


def test_a_line_that_cannot_be_set_as_wanted_is_one_clause(
    device: PtyDevice, stop: StopSignal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a pseudo-terminal cannot have a parity; some adapters refuse a rate likewise."""

    def refuse(*_: object) -> None:
        raise termios.error(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr("telemetry.sources.serial.link._waiting_port", refuse)
    with (
        pytest.raises(OSError, match="it cannot be set to 9600 baud 8N1") as refused,
        link_to(device).open(stop),
    ):
        pass
    assert refused.value.errno == errno.EINVAL
    monkeypatch.undo()
    with link_to(device).open(stop):  # it was closed
        pass


def test_a_stop_ends_a_wait_at_once(device: PtyDevice, stop: StopSignal) -> None:
    with link_to(device).open(stop) as port:
        threading.Thread(target=stop.set).start()
        assert port.receive(3600.0) == b""


def test_a_terminal_server_is_a_port_like_any_other(stop: StopSignal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = PyserialLink(f"socket://127.0.0.1:{server.getsockname()[1]}", 9600)
        with link.open(stop) as port:
            accepted, _ = server.accept()
            with accepted:
                accepted.sendall(bytes(range(256)))
                assert receive(port, 256) == bytes(range(256))
                port.send(b"?")
                assert accepted.recv(1) == b"?"
            with pytest.raises(OSError, match="the device is gone"):
                port.receive(PATIENCE_S)
    with pytest.raises(OSError, match="Connection refused"), link.open(stop):
        pass


def test_a_port_without_a_descriptor_is_read_in_slices(stop: StopSignal) -> None:
    with PyserialLink("loop://", 9600).open(stop) as port:
        assert port.receive(0.0) == b""
        assert port.receive(0.01) == b""
        port.send(b"echo")
        assert port.receive(0.0) == b"echo"


def test_what_is_wrong_with_a_ports_name_is_reported_without_opening_it() -> None:
    assert check_port("/dev/serial/by-id/usb-BMS-if00-port0") == ""
    assert check_port("rfc2217://terminal:2217") == ""
    assert "'tcp' not known" in check_port("tcp://127.0.0.1:1")


@pytest.mark.parametrize("url", ["rfc2217://u:pa55@box:1", "socket://u:pa/55@box:1", "RFC2217://u:pa55@box"])
def test_a_port_with_a_login_is_refused_without_showing_it(url: str) -> None:
    assert "user or password" in check_port(url)
    assert "pa" not in check_port(url).replace("password", "")
