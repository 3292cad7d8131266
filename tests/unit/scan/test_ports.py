"""telemetry/scan/ports.py: names of ports, and who has one open."""

import os
import subprocess
import sys
from pathlib import Path

from telemetry.scan.ports import lasting_name, user_of


def test_a_port_has_its_lasting_name_where_there_is_one(tmp_path: Path) -> None:
    port, links = tmp_path / "ttyUSB0", tmp_path / "by-id"
    port.touch()
    assert lasting_name(str(port), links) == str(port)
    links.mkdir()
    (links / "usb-FTDI-0").symlink_to(tmp_path / "ttyUSB1")
    assert lasting_name(str(port), links) == str(port)
    (links / "usb-FTDI-1").symlink_to(port)
    assert lasting_name(str(port), links) == str(links / "usb-FTDI-1")
    assert lasting_name("socket://meter:4001", links) == "socket://meter:4001"


def test_another_process_that_has_a_port_open_is_named_and_this_one_is_not() -> None:
    master, terminal = os.openpty()
    try:
        port = os.ttyname(terminal)
        assert user_of(port) is None
        reads = "import sys; file = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
        with subprocess.Popen(
            [sys.executable, "-c", reads, port], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other:
            assert other.stdin is not None
            assert other.stdout is not None
            try:
                other.stdout.readline()
                user = user_of(port)
            finally:
                other.stdin.close()
        assert user is not None
        assert user.pid == other.pid
        assert user_of(port) is None
    finally:
        os.close(master)
        os.close(terminal)


def test_what_is_not_a_device_has_no_user(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert user_of(str(tmp_path / "file")) is None
    assert user_of(str(tmp_path / "missing")) is None
    assert user_of("socket://meter:4001") is None
