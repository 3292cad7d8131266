"""CAN frames as the kernel's structures, and sockets that carry them (linux/can.h)."""

import socket
import struct

import pytest
from telemetry_core.frames.socketcan import set_stamp_options

EXTENDED = 0x80000000
REMOTE = 0x40000000
ERROR = 0x20000000
FD, BRS, ESI = 1, 2, 4  # flags of telemetry_core.frames.batch

CANFD_BRS = 1  # flags of struct canfd_frame
CANFD_ESI = 2


def classic(id: int, data: bytes, length: int | None = None) -> bytes:
    """struct can_frame."""
    return struct.pack("=IB3x8s", id, len(data) if length is None else length, data)


def fd(id: int, data: bytes, flags: int = 0, length: int | None = None) -> bytes:
    """struct canfd_frame."""
    return struct.pack("=IBB2x64s", id, len(data) if length is None else length, flags, data)


def error(classes: int, controller: int = 0) -> bytes:
    """Make an error frame with these classes (linux/can/error.h) and data[1]."""
    return classic(ERROR | classes, bytes([0, controller, 0, 0, 0, 0, 0, 0]))


def seqpacket_pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends that keep message borders."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _kernel_has_stamp_options() -> bool:
    sender, receiver = seqpacket_pair()
    with sender, receiver:
        try:
            set_stamp_options(receiver.fileno())
        except OSError:
            return False
    return True


needs_stamp_options = pytest.mark.skipif(
    not _kernel_has_stamp_options(),
    reason="no SO_TIMESTAMPNS or SO_RXQ_OVFL here: a program that emulates Linux",
)
