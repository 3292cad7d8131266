"""`scan` of a real CAN interface."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from firmware_sim.links.can import pack_frame
from tests.support.background import repeated
from tests.support.command import command

FRAMES = ((0x9806E5F4, bytes.fromhex("03D400A000000000")), (0x98FF50E5, bytes.fromhex("0C0B005200000000")))


@contextmanager
def sending(interface: str) -> Iterator[None]:
    """Send the same frames again and again, until the end."""
    with socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as sender:
        sender.bind((interface,))
        with repeated(lambda: [sender.send(pack_frame(id, data)) for id, data in FRAMES], 0.01):
            yield


@pytest.mark.vcan
def test_an_interface_that_is_up_is_listened_to_as_it_is() -> None:
    with sending("vcan0"):
        said = command("scan", "--can", "vcan0", "--seconds", "2")
    assert said.returncode == 0
    assert 'interface = "vcan0"\nprotocol = "elcon"\n' in said.stdout
    assert "vcan0: is up: listens for 2 s at its own rate, and sends nothing" in said.stderr
