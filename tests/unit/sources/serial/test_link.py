"""Serial ports through pyserial: a real pty, a real TCP connection, pyserial's own loop."""

import errno
import fcntl
import socket
import struct
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from telemetry.sources.device_class import device_class
from telemetry.sources.serial.link import (
    ControlLines,
    PyserialLink,
    Rs485,
    SerialPort,
    check_port,
)
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


@pytest.mark.parametrize(
    ("device_of_the_unit", "cgroup", "words"),
    [
        (
            "ttySC",
            "0::/system.slice/nev-telemetry.service\n",
            "add `DeviceAllow=char-ttySC rw` below [Service]",
        ),
        ("nothing", "0::/system.slice/nev-telemetry.service\n", "DeviceAllow={port} rw"),
        ("ttySC", "0::/docker/0123\n", "as a container does that was not given it"),
    ],
)
def test_a_port_that_a_list_of_devices_forbids_names_the_unit_and_what_to_add(
    stop: StopSignal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    device_of_the_unit: str,
    cgroup: str,
    words: str,
) -> None:
    """A cgroup answers EPERM where permissions answer EACCES."""

    def forbid(path: str, flags: int) -> int:
        raise PermissionError(errno.EPERM, "Operation not permitted", path)

    port = tmp_path / "ttySC1"
    (tmp_path / "devices").write_text(
        f"Character devices:\n  4 ttyS\n204 ttyAMA\n204 {device_of_the_unit}\n\nBlock devices:\n8 sd\n"
    )
    (tmp_path / "cgroup").write_text(cgroup)
    monkeypatch.setattr("telemetry.sources.device_class._DEVICES", tmp_path / "devices")
    monkeypatch.setattr("telemetry.sources.serial.link._OWN_CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr("serial.serialposix.os.open", forbid)
    with pytest.raises(OSError, match="forbids") as refused, PyserialLink(str(port), 9600).open(stop):
        pass
    assert words.format(port=port) in str(refused.value)
    assert "dialout" not in str(refused.value)


def test_a_port_names_its_driver_as_a_unit_allows_it() -> None:
    assert device_class(Path("/dev/null")) == "/dev/null"  # of the class mem
    assert device_class(Path("/dev/none")) == "/dev/none"


def modem_lines(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Return what is asked of the driver from now on: a name of an ioctl and its argument's first words."""
    names = {0x542F: "set rs485", 0x5416: "assert", 0x5417: "clear"}
    asked: list[tuple[str, int]] = []
    real = fcntl.ioctl

    def ioctl(descriptor: int, request: int, argument: Any = 0, mutate: bool = True) -> Any:
        if request == 0x542E:  # TIOCGRS485: nothing is set
            return 0
        if request in names:
            data = bytes(argument)
            asked.append((names[request], *struct.unpack_from("=3I" if len(data) >= 12 else "=I", data)))
            return 0
        return real(descriptor, request, argument, mutate)

    monkeypatch.setattr("serial.serialposix.fcntl.ioctl", ioctl)
    return asked


DTR, RTS = 0x002, 0x004  # linux/tty.h
ENABLED, ON_SEND, AFTER_SEND = 1, 2, 4  # flags of struct serial_rs485, linux/serial.h


@pytest.mark.parametrize(
    ("control", "asked"),
    [
        (ControlLines(), [("assert", DTR), ("assert", RTS)]),
        (ControlLines(dtr=False), [("clear", DTR), ("assert", RTS)]),
        (ControlLines(rts=False), [("assert", DTR), ("clear", RTS)]),
        (
            ControlLines(rs485=Rs485(rts_on_send=True, delay_before_ms=29, delay_after_ms=57)),
            [("assert", DTR), ("clear", RTS), ("set rs485", ENABLED | ON_SEND, 29, 57)],
        ),
        (
            ControlLines(rs485=Rs485(rts_on_send=False)),
            [("assert", DTR), ("assert", RTS), ("set rs485", ENABLED | AFTER_SEND, 0, 0)],
        ),
    ],
)
def test_a_port_drives_its_lines_as_set_and_no_transmitter_before_the_driver_switches_it(
    device: PtyDevice,
    stop: StopSignal,
    monkeypatch: pytest.MonkeyPatch,
    control: ControlLines,
    asked: list[tuple[str, int]],
) -> None:
    seen = modem_lines(monkeypatch)
    with PyserialLink(str(device.link), 9600, control=control).open(stop):
        assert list(dict.fromkeys(seen)) == asked  # what is set once more is set as before


def test_a_driver_that_switches_no_transmitter_is_one_clause_and_the_port_is_closed(
    device: PtyDevice, stop: StopSignal
) -> None:
    link = PyserialLink(str(device.link), 9600, control=ControlLines(rs485=Rs485(rts_on_send=True)))
    with (
        pytest.raises(OSError, match="its driver switches no RS485 transmitter: leave rs485 out"),
        link.open(stop),
    ):
        pass
    with link_to(device).open(stop):
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
