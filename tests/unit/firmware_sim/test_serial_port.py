"""firmware_sim/links/pty.py and serial_line.py: a port behind a link, as a reader finds it."""

import os
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from firmware_sim.errors import NotUsableError
from firmware_sim.faults.kinds import Fault, Unplug, Window
from firmware_sim.faults.serial import LineFaults, SerialFaults
from firmware_sim.links.pty import PtyPort
from firmware_sim.links.serial_line import SerialLine, SerialLines
from firmware_sim.links.shared_line import Attached, DeviceEnd, SharedLine
from firmware_sim.wire.jbd import JbdLine, request
from firmware_sim.wire.vedirect import VeDirectLine
from tests.unit.firmware_sim.test_jbd_replies import make_bms, unpack
from tests.unit.firmware_sim.test_vedirect_blocks import fields
from tests.unit.firmware_sim.test_vedirect_blocks import run as run_service

_S = 1_000_000_000


@pytest.fixture
def port(tmp_path: Path) -> Iterator[PtyPort]:
    port = PtyPort(tmp_path / "ttyBMS")
    port.plug_in()
    yield port
    port.unplug()


def alone(name: str, device: DeviceEnd, port: PtyPort, *faults: Fault) -> SerialLine:
    """Make a line with one device."""
    attached = Attached(name, device, SerialFaults(name, faults, 1))
    return SerialLine(name, SharedLine([attached]), port, LineFaults("", [name], faults, 1))


def open_port(port: PtyPort) -> serial.Serial:
    return serial.Serial(str(port.link), 9600, timeout=2.0)


def test_what_nobody_reads_is_gone(port: PtyPort) -> None:
    assert not port.write(b"stale")
    with open_port(port) as reader:
        assert port.write(b"fresh")
        assert reader.read(5) == b"fresh"


def test_every_byte_goes_through_as_it_is_both_ways(port: PtyPort) -> None:
    every = bytes(range(256))
    with open_port(port) as reader:
        assert port.write(every)
        assert reader.read(256) == every
        reader.write(every)
        assert port.read() == every


@pytest.fixture
def bare_reader(port: PtyPort) -> Iterator[int]:
    """Has it open, and has done nothing else with it."""
    descriptor = os.open(port.link, os.O_RDWR | os.O_NOCTTY)
    yield descriptor
    os.close(descriptor)


def test_nothing_is_sent_that_opening_throws_away(port: PtyPort, bare_reader: int) -> None:
    assert not port.write(b"too soon")
    termios.tcflush(bare_reader, termios.TCIFLUSH)
    assert port.write(b"heard")
    assert os.read(bare_reader, 20) == b"heard"


def test_who_throws_nothing_away_and_asks_is_answered(port: PtyPort, bare_reader: int) -> None:
    assert not port.write(b"too soon")
    os.write(bare_reader, b"question")
    assert port.write(b"answer")
    assert port.read() == b"question"
    assert os.read(bare_reader, 20) == b"answer"


def test_who_does_nothing_but_listen_gets_every_byte_after_a_while(port: PtyPort, bare_reader: int) -> None:
    while not port.write(b"a\rb\x03\xff"):
        pass
    assert os.read(bare_reader, 10) == b"a\rb\x03\xff"


def test_what_one_reader_threw_away_does_not_count_for_the_next(port: PtyPort) -> None:
    with open_port(port):
        pass
    assert port.read() == b""
    descriptor = os.open(port.link, os.O_RDWR | os.O_NOCTTY)
    assert not port.write(b"too soon")
    os.close(descriptor)


def test_a_port_that_nobody_reads_loses_bytes_and_does_not_wait(port: PtyPort) -> None:
    with open_port(port):
        while port.write(bytes(1000)):
            pass
        assert not port.write(bytes(1000))


def test_what_nobody_has_read_yet_is_known(port: PtyPort) -> None:
    assert port.unread_bytes() == 0
    with open_port(port) as reader:
        assert port.write(b"a message")
        while port.unread_bytes() < 9:
            pass
        assert reader.read(9) == b"a message"
        assert port.unread_bytes() == 0


def test_a_port_is_drained_before_it_is_taken_away(port: PtyPort) -> None:
    line = alone("vedirect", VeDirectLine(run_service(1.0).solar.readings), port)
    lines = SerialLines([line], lambda: 0)
    with open_port(port) as reader:
        assert port.write(b"the last words")
        read: list[bytes] = []
        thread = threading.Thread(target=lambda: read.append(reader.read(14)))
        thread.start()
        lines.drain()
        lines.close()
        thread.join()
    assert read == [b"the last words"]


def test_unplugged_the_link_is_gone_and_the_reader_gets_an_error(port: PtyPort) -> None:
    with open_port(port) as reader:
        port.unplug()
        assert not port.link.is_symlink()
        with pytest.raises(serial.SerialException):
            reader.read(1)
    assert not port.write(b"x")
    assert port.read() == b""
    assert port.fileno() is None


def test_plugged_in_again_the_same_link_leads_to_another_port(port: PtyPort) -> None:
    with open_port(port):
        before = port.link.readlink()
        port.unplug()
        port.plug_in()
        assert port.link.readlink() != before
        with open_port(port) as reader:
            assert port.write(b"again")
            assert reader.read(5) == b"again"


def test_a_stale_link_is_replaced_and_a_file_is_not(tmp_path: Path) -> None:
    stale, file = tmp_path / "stale", tmp_path / "file"
    stale.symlink_to("/dev/pts/99999")
    port = PtyPort(stale)
    port.plug_in()
    assert stale.readlink() != Path("/dev/pts/99999")
    port.unplug()
    file.write_text("mine")
    with pytest.raises(NotUsableError, match="file: cannot be linked to a port"):
        PtyPort(file).plug_in()
    assert file.read_text() == "mine"


def jbd_line(port: PtyPort, *faults: Fault) -> SerialLine:
    return alone("jbd", JbdLine(make_bms().readings), port, *faults)


def test_a_board_answers_through_the_port(port: PtyPort) -> None:
    line = jbd_line(port)
    with open_port(port) as master:
        master.write(request(3) + request(4))
        line.attend(1)
        info = master.read(34)
        cells = master.read(35)
    assert unpack(info, 3)[21] == 14
    assert len(unpack(cells, 4)) == 28
    assert line.counts() == {"sent": 2, "spoiled": 0, "unheard": 0}


def test_a_charger_talks_to_any_reader_that_has_the_port_open(port: PtyPort) -> None:
    line = alone("vedirect", VeDirectLine(run_service(5.0).solar.readings), port)
    line.attend(1)
    with open_port(port) as reader:
        line.attend(1 * _S + 1)
        block = reader.read_until(b"Checksum\t") + reader.read(1)
    assert fields(block)["ERR"] == "0"
    assert line.counts() == {"sent": 1, "spoiled": 0, "unheard": 1}


def test_a_scripted_unplug_takes_the_port_away_and_brings_it_back(port: PtyPort) -> None:
    line = jbd_line(port, Unplug(Window(10.0, 5.0), "jbd"))
    seen = []
    for second in (0, 9, 10, 14, 15, 20):
        line.attend(second * _S)
        seen.append(port.link.exists())
    assert seen == [True, True, False, False, True, True]
    with open_port(port) as master:
        master.write(request(5))
        line.attend(21 * _S)
        assert master.read(4) == b"\xdd\x05\x00\x15"


def test_lines_are_served_while_the_player_waits(port: PtyPort) -> None:
    line = jbd_line(port)
    lines = SerialLines([line], lambda: 1)
    with open_port(port) as master:
        master.write(request(5))
        lines.wait(5.0)  # ends with the first byte
        assert master.read(4) == b"\xdd\x05\x00\x15"
        lines.wait(0.0)
    lines.wait(0.0)
    assert lines.counts() == {"jbd": {"sent": 1, "spoiled": 0, "unheard": 0}}
    lines.close()
    assert not port.link.is_symlink()


def test_when_one_port_cannot_be_made_none_is_left(tmp_path: Path) -> None:
    good, bad = PtyPort(tmp_path / "good"), PtyPort(tmp_path / "missing" / "bad")
    lines = SerialLines([jbd_line(good), jbd_line(bad)], lambda: 0)
    with pytest.raises(NotUsableError, match="bad: cannot be linked"):
        lines.open()
    assert list(tmp_path.iterdir()) == []
