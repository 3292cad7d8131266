"""Opens the sockets that carry CAN frames, with everything set before the first frame can come.

Promises: stamps and drop counts come with each frame; the receive buffer is as large as the system allows,
and if that is less than asked for, one line says what to change. Relies on Linux: CAN_RAW (can(7), the
kernel's networking/can.rst), or AF_UNIX SOCK_SEQPACKET, for simulators on machines without CAN.
"""

import errno
import fcntl
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from telemetry_core.frames.socketcan import set_stamp_options

from telemetry.model.bit_rate import BitRate
from telemetry.sources.can.netlink import interface_bit_rate

RECEIVE_BUFFER_BYTES = 16 * 1024 * 1024  # holds 37,000 frames: 1.8 s of the fastest 1 Mbit/s bus
SMALL_BUFFER_BYTES = 1024 * 1024
GATHER_MS = 125  # 2,500 frames of the fastest 1 Mbit/s bus; docs/architecture.md says why
GATHER_WITH_SMALL_BUFFER_MS = 2  # the kernel's default buffer holds 238 frames, 11 ms of a full bus

NO_CAN = "this kernel has no CAN"

_SO_RCVBUFFORCE = 33  # asm-generic/socket.h; the socket module lacks it
_CAN_RAW_ERR_FILTER = 2  # linux/can/raw.h; the socket module lacks it before 3.12
_CAN_ERR_MASK = 0x1FFFFFFF
_SIOCGIFFLAGS = 0x8913
_IFF_UP = 1


class CanLink(Protocol):
    """A way to CAN frames that can be opened again and again."""

    @property
    def description(self) -> str:
        """Return, for people, the interface or the path."""
        ...

    @property
    def receive_buffer_bytes(self) -> int:
        """Return what is asked of the kernel for the socket's receive buffer."""
        ...

    def open(self) -> socket.socket:
        """Return a socket with its options set and bound or connected.

        Raises OSError while that is impossible.
        """
        ...

    def is_up(self) -> bool:
        """Return whether frames can come at the moment."""
        ...

    def bit_rate(self) -> BitRate | None:
        """Return the bus's, as it is set now; None: it has no rate, or the rate is not known."""
        ...


@dataclass(frozen=True, slots=True)
class CanInterface:
    """A network interface of the kernel, such as can0. hardware_stamps: by the controller's own clock."""

    name: str
    hardware_stamps: bool = False
    receive_buffer_bytes: int = RECEIVE_BUFFER_BYTES
    key: ClassVar[str] = "interface"

    @property
    def description(self) -> str:
        return self.name

    def is_there(self) -> bool:
        """Return whether this machine has such an interface."""
        return self.name in {name for _, name in socket.if_nameindex()}

    def open(self) -> socket.socket:
        with _closed_on_error(_can_socket()) as opened:
            opened.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FD_FRAMES, 1)
            opened.setsockopt(socket.SOL_CAN_RAW, _CAN_RAW_ERR_FILTER, _CAN_ERR_MASK)
            _enlarge_receive_buffer(opened, self.receive_buffer_bytes)
            set_stamp_options(opened.fileno(), hardware=self.hardware_stamps)
            opened.bind((self.name,))
        return opened

    def is_up(self) -> bool:
        request = struct.pack("16sh14x", self.name.encode(), 0)
        with _can_socket() as asking:
            try:
                answer = fcntl.ioctl(asking, _SIOCGIFFLAGS, request)
            except OSError:
                return False
        return bool(struct.unpack_from("h", answer, 16)[0] & _IFF_UP)

    def bit_rate(self) -> BitRate | None:
        return interface_bit_rate(self.name)


@dataclass(frozen=True, slots=True)
class CanUnixSocket:
    """A SOCK_SEQPACKET socket that a simulator listens on; its messages are the kernel's CAN structures."""

    path: Path
    receive_buffer_bytes: int = RECEIVE_BUFFER_BYTES
    key: ClassVar[str] = "socket"

    @property
    def description(self) -> str:
        return str(self.path)

    def is_there(self) -> bool:
        """Return whether a simulator has made it. Raises OSError: a folder on the way may not be entered."""
        return self.path.is_socket()

    def open(self) -> socket.socket:
        with _closed_on_error(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)) as opened:
            _enlarge_receive_buffer(opened, self.receive_buffer_bytes)
            set_stamp_options(opened.fileno())
            opened.setblocking(False)  # a simulator with a full backlog is one that is not there yet
            opened.connect(str(self.path))
        return opened

    def is_up(self) -> bool:
        return True

    def bit_rate(self) -> BitRate | None:
        return None


def receive_buffer_bytes(opened: socket.socket) -> int:
    """Return the size as it was asked for.

    The kernel keeps twice that, for its own bookkeeping (socket(7)).
    """
    return opened.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2


def receive_buffer_warning(opened: socket.socket, wanted_bytes: int) -> str:
    """Return one line for people when the socket's buffer is smaller than wanted; empty otherwise."""
    got_bytes = receive_buffer_bytes(opened)
    if opened.family == socket.AF_UNIX or got_bytes >= wanted_bytes:  # there the sender's buffer counts
        return ""
    return (
        f"the receive buffer is {got_bytes // 1024} KiB instead of {wanted_bytes // 1024} KiB: bursts may "
        f"lose frames (sysctl -w net.core.rmem_max={wanted_bytes}, or run with CAP_NET_ADMIN)"
    )


def gather_ms(opened: socket.socket) -> int:
    """Return how long the socket's buffer allows frames to gather after a wake-up."""
    is_small = opened.family != socket.AF_UNIX and receive_buffer_bytes(opened) < SMALL_BUFFER_BYTES
    return GATHER_WITH_SMALL_BUFFER_MS if is_small else GATHER_MS


def _enlarge_receive_buffer(opened: socket.socket, wanted_bytes: int) -> None:
    try:
        opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, wanted_bytes)
    except PermissionError:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted_bytes)


@contextmanager
def _closed_on_error(opened: socket.socket) -> Iterator[socket.socket]:
    try:
        yield opened
    except BaseException:
        opened.close()
        raise


def _can_socket() -> socket.socket:
    """Return a raw socket of no interface yet. Raises OSError, which says so where the kernel has no CAN."""
    try:
        return socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
    except OSError as error:
        if error.errno in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT):
            raise OSError(error.errno, NO_CAN) from error
        raise


def kernel_has_can() -> bool:
    """Return whether there may be CAN interfaces, also where this user may open no socket."""
    try:
        socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW).close()
    except (OSError, AttributeError):
        return Path("/proc/net/can").exists()
    return True
