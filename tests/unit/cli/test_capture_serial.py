"""`capture PORT` on pseudo-terminals: what the device was asked and said, and how it ends."""

import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from telemetry.__main__ import main
from telemetry.cli.capture import serial_settings
from telemetry.logs.captures import Capture
from telemetry.settings.document import read_document
from telemetry.stages.offline import read_offline
from tests.support.command import command, failed, printed
from tests.support.serial_line import REGISTERS, reply
from tests.support.serial_pty import REQUEST_BYTES, PtyDevice, answering, talking

CELLS = bytes.fromhex("0CE40CE5")
PIN = b"12345678"


def stop() -> None:
    """Once, and while the command runs: at any other time the signal would end the tests."""
    os.kill(os.getpid(), signal.SIGTERM)


def saying(data: bytes, file: Path) -> Callable[[], bytes]:
    """Return what says `data`, and ends the command as soon as three lines are in `file`."""
    ended: list[bool] = []

    def say() -> bytes:
        if not ended and file.is_file() and file.read_bytes().count(b"\n") >= 3:
            ended.append(True)
            stop()
        return data

    return say


@contextmanager
def board(link: Path, answers: int) -> Iterator[PtyDevice]:
    """Start a JBD board that answers so many requests, and then lets a signal come."""
    given: list[bytes] = []

    def answer(request: bytes) -> bytes:
        given.append(request)
        if len(given) == answers + 1:
            stop()
        if len(given) > answers:
            return b""
        register = REGISTERS.get(request, 0xAA)
        return reply(register, bytes(31) if register == 3 else CELLS)

    with PtyDevice(link) as device, answering(device.fileno(), answer):
        yield device


def pieces(file: Path) -> list[tuple[str, bool, bytes]]:
    with Capture(file) as capture:
        found = [(piece.port, piece.is_received, piece.data) for piece in capture]
        assert not capture.damaged
    return found


def test_requests_and_answers_are_lines_in_their_order(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bms.txt"
    with board(tmp_path / "bms", 4):
        assert main(["capture", str(tmp_path / "bms"), "--protocol", "jbd", "-o", str(file)]) == 0
    found = pieces(file)
    sent = [data for _, is_received, data in found if not is_received]
    assert [data[:3] for data in sent[:4]] == [
        b"\xdd\xa5\x03",
        b"\xdd\xa5\x04",
        b"\xdd\xa5\x05",
        b"\xdd\xa5\xaa",
    ]
    assert {port for port, _, _ in found} == {"bms"}
    received = b"".join(data for _, is_received, data in found if is_received)
    assert received.count(reply(4, CELLS)) == 1
    assert re.search(rf"{file}: \d+ lines, {len(received)} bytes received\n", capfd.readouterr().err)
    assert ",bms,,cells,v001,3.3\n" in printed("decode", file, "--protocol", "jbd")


def test_without_an_output_lines_go_to_stdout(tmp_path: Path) -> None:
    with board(tmp_path / "bms", 2):
        said = command("capture", tmp_path / "bms", "--protocol", "jbd")
    assert said.returncode == 0
    lines = said.stdout.splitlines()
    assert re.fullmatch(r"\(\d+\.\d{6}\) bms TX DDA50300FFFD77", lines[0])
    assert re.fullmatch(r"\(\d+\.\d{6}\) bms RX DD.*77", lines[1])


def test_listening_sends_nothing_and_keeps_what_it_does_not_know(tmp_path: Path) -> None:
    file = tmp_path / "line.txt"
    say = saying(b"any words 1234\r\n", file)
    with PtyDevice(tmp_path / "line") as device, talking(device.fileno(), say):
        assert main(["capture", str(tmp_path / "line"), "--baud", "19200", "-o", str(file)]) == 0
    found = pieces(file)
    assert all(is_received for _, is_received, _ in found)
    assert b"any words 1234\r\n" in b"".join(data for _, _, data in found)


def test_a_password_within_a_good_message_is_masked_whether_or_not_its_protocol_is_named(
    tmp_path: Path,
) -> None:
    message = _reply_with_a_password()
    for number, words in enumerate(([], ["--protocol", "jk_nw", "--listen"])):
        file = tmp_path / f"{number}.txt"
        with PtyDevice(tmp_path / "jk") as device, talking(device.fileno(), saying(message, file)):
            assert main(["capture", str(tmp_path / "jk"), *words, "-o", str(file)]) == 0
        received = b"".join(data for _, _, data in pieces(file))
        assert PIN not in received
        assert b"\xb2**********" in received
        assert received.startswith(b"NW")


def _reply_with_a_password() -> bytes:
    body = b"\x83\x14\xb4\xb2" + PIN.ljust(10, b"\0") + b"\xc0\x01"
    head = b"NW" + (len(body) + 18).to_bytes(2, "big") + bytes(4) + b"\x06\x00\x01"
    message = head + body + bytes(4) + b"\x68" + bytes(2)
    return message + (sum(message) & 0xFFFF).to_bytes(2, "big")


def test_a_port_of_a_configuration_is_recorded_with_all_its_devices(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(
        'vehicle = "van"\n[influx]\nurl = "http://localhost:1"\ndatabase = "x"\n'
        '[spool]\ndirectory = "spool"\n[[serial]]\nname = "front"\nprotocol = "jbd"\n'
        f'port = "{tmp_path}/bms"\n'
    )
    file = tmp_path / "bms.txt"
    with board(tmp_path / "bms", 3):
        assert main(["capture", str(config), "--source", "front", "-o", str(file)]) == 0
    assert {port for port, _, _ in pieces(file)} == {"front"}


def test_a_device_that_is_lost_ends_with_69_and_a_whole_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    link, file = tmp_path / "bms", tmp_path / "bms.txt"
    with PtyDevice(link) as device:

        def serve() -> None:
            device.read(REQUEST_BYTES)
            device.write(reply(3, bytes(31)))
            device.read(REQUEST_BYTES)
            device.unplug()

        thread = threading.Thread(target=serve)
        thread.start()
        assert main(["capture", str(link), "--protocol", "jbd", "-o", str(file)]) == 69
        thread.join()
    assert (pieces(file)[0][1], b"".join(data for _, is_in, data in pieces(file) if is_in)) == (
        False,
        reply(3, bytes(31)),
    )
    assert f"{link}: the device is gone" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["/dev/nowhere", "--protocol", "jbd"], 69, "/dev/nowhere: there is no such port"),
        (["--protocol", "jbd"], 64, "PORT: is missing"),
        (["/dev/nowhere", "--frames", "3"], 64, "--frames: is of a CAN bus"),
        (["/dev/nowhere", "--address", ""], 64, "--address: is of a device that is asked"),
        (
            ["/dev/nowhere", "--protocol", "daly", "--address", "99"],
            78,
            "address: must be an integer from 1 to 16",
        ),
        (["socket://nowhere"], 64, "socket://nowhere: 'socket://nowhere' is without HOST:PORT"),
    ],
)
def test_what_cannot_be_is_one_line(words: list[str], code: int, line: str, tmp_path: Path) -> None:
    assert line in failed(code, "capture", *words, "-o", tmp_path / "x.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_line_on_which_nothing_comes_is_warned_of_and_ends_in_time(tmp_path: Path) -> None:
    file = tmp_path / "line.txt"
    with PtyDevice(tmp_path / "line"):
        said = command("capture", tmp_path / "line", "--seconds", "0.01", "-o", file)
    assert said.returncode == 0
    assert said.stderr.splitlines() == [
        f"{tmp_path}/line: listening at 9600 baud 8N1, nothing is sent",
        "warning: nothing was received",
    ]
    assert not file.exists()


def test_a_capture_of_a_line_is_rotated_at_so_many_megabytes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = tmp_path / "bms-000001.txt"
    words = ["--protocol", "jbd", "--rotate-size", "0.0001", "-o", str(tmp_path / "bms.txt")]
    with board(tmp_path / "bms", 4):
        assert main(["capture", str(tmp_path / "bms"), *words]) == 0
    last = sorted(tmp_path.glob("bms-*.txt"))
    assert last[0] == first
    assert len(last) > 2
    said = capfd.readouterr().err
    assert f"{first} to {last[-1].name}: " in said
    assert "nothing was received" not in said


@pytest.mark.parametrize(("ports", "chooses"), [(1, "p0"), (2, None)])
def test_the_only_port_of_a_configuration_need_not_be_named(
    tmp_path: Path, ports: int, chooses: str | None
) -> None:
    file = tmp_path / "gateway.toml"
    tables = [
        f'[[serial]]\nname = "p{number}"\nport = "/dev/ttyUSB{number}"\nprotocol = "jbd"\n'
        for number in range(ports)
    ]
    file.write_text('vehicle = "van"\n' + "".join(tables))
    config = read_offline(read_document(file))
    found = serial_settings(config, None)
    assert (found.name if found else None) == chooses
    named = serial_settings(config, "p0")
    assert named is not None
    assert named.name == "p0"
    assert serial_settings(config, "p7") is None
