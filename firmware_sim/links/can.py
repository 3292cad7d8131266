"""Where frames go: a CAN interface, a SEQPACKET socket in its place, or a candump log.

Promises:

- `send` never raises for a bus that is busy, down or without listeners.
- `not_sent` counts the frames that nobody could get.
- A SEQPACKET client that reads too slowly holds the sender back. It is cut off only when it has taken nothing
  for STALL_S.

Relies on regular calls of `attend`, to let clients in.
"""

import contextlib
import errno
import select
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Self, TextIO

from firmware_sim.errors import NotUsableError
from firmware_sim.wire.layout import CAN_EFF_FLAG, CAN_ERR_FLAG

SEND_BUFFER_BYTES = 8 * 1024 * 1024
STALL_S = 10.0
_WAIT_S = 0.05

_SO_SNDBUFFORCE = 32  # linux/socket.h; beyond net.core.wmem_max with CAP_NET_ADMIN
_CLASSIC_BYTES = 8
_CLASSIC = struct.Struct("=IB3x8s")  # struct can_frame
_FD = struct.Struct("=IBB2x64s")  # struct canfd_frame
_ID_AND_LENGTH = struct.Struct("=IB")
_DATA_AT = 8
_RECEIVED_AT_ONCE = 256
_FDF = 0x04  # canfd_frame.flags: CANFD_FDF
_EFF_MASK = 0x1FFFFFFF

_BUSY = {errno.ENOBUFS, errno.EAGAIN}
_DOWN = {errno.ENETDOWN, errno.ENODEV, errno.ENXIO}


def pack_frame(id: int, data: bytes) -> bytes:
    """Return `struct can_frame`, or of more than 8 bytes `struct canfd_frame`; `id` with its flag bits."""
    if len(data) <= _CLASSIC_BYTES:
        return _CLASSIC.pack(id, len(data), data)
    return _FD.pack(id, len(data), _FDF, data)


class Link:
    """What the player needs of a bus; by itself none, for a simulator whose serial ports alone are wanted."""

    def __init__(self) -> None:
        self.not_sent = 0

    @property
    def heard(self) -> bool:
        """Return whether anybody is there to hear; a bus does not know, so it always is."""
        return True

    def send(self, id: int, data: bytes) -> None:  # noqa: ARG002  # there is no bus
        """Send a frame, or count it in `not_sent`."""
        self.not_sent += 1

    def attend(self) -> None:
        """Let clients in; a bus has none."""

    def close(self) -> None:
        """Give the bus back."""


class DuplexLink(Link):
    """A bus to send to and to hear."""

    def receive(self, wait_s: float) -> list[tuple[int, bytes]]:  # noqa: ARG002  # nobody sends
        """Return what others have sent, with flags in the identifier; waits so long if there is nothing."""
        return []


class RawSocketLink(DuplexLink):
    """A CAN interface, by a raw socket."""

    def __init__(
        self, raw: socket.socket, sleep: Callable[[float], None], *, takes_error_frames: bool = False
    ) -> None:
        """Take `raw`, which is bound; `sleep` is called while its queue is full."""
        super().__init__()
        self._socket = raw
        self._sleep = sleep
        self._takes_error_frames = takes_error_frames

    @classmethod
    def open(cls, interface: str, sleep: Callable[[float], None]) -> Self:
        """Open it. Raises NotUsableError when there is no such interface."""
        try:
            raw = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
        except (AttributeError, OSError) as error:
            raise NotUsableError("this kernel has no CAN", hint="use --socket PATH instead") from error
        try:
            raw.bind((interface,))
            raw.setblocking(False)
            with contextlib.suppress(OSError):  # a classic interface, which takes all of our frames
                raw.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FD_FRAMES, 1)
        except OSError as error:
            raw.close()
            hint = f"ip link add {interface} type vcan; ip link set {interface} up"
            raise NotUsableError(f"cannot be used: {error.strerror}", where=interface, hint=hint) from error
        # Error frames are made by a controller; a virtual bus has none, and passes on what it is given.
        return cls(raw, sleep, takes_error_frames=interface.startswith("vcan"))

    def send(self, id: int, data: bytes) -> None:
        if id & CAN_ERR_FLAG and not self._takes_error_frames:
            self.not_sent += 1
            return
        frame = pack_frame(id, data)
        waited_s = 0.0
        while True:
            try:
                self._socket.send(frame)
            except OSError as error:
                if error.errno in _BUSY and waited_s < _WAIT_S:
                    self._sleep(0.001)
                    waited_s += 0.001
                    continue
                if error.errno not in _BUSY | _DOWN:
                    raise
                self.not_sent += 1
            return

    def receive(self, wait_s: float) -> list[tuple[int, bytes]]:
        frames: list[tuple[int, bytes]] = []
        ready, _, _ = select.select([self._socket], [], [], wait_s)
        while ready and len(frames) < _RECEIVED_AT_ONCE:
            try:
                raw = self._socket.recv(_FD.size)
            except OSError as error:
                if error.errno not in _BUSY | _DOWN:
                    raise
                break
            id, length = _ID_AND_LENGTH.unpack_from(raw)
            frames.append((id, raw[_DATA_AT : _DATA_AT + length]))
        return frames

    def close(self) -> None:
        self._socket.close()


class SeqpacketLink(Link):
    """Listens on a path. Each client gets every frame from its connection on, as `struct can_frame`."""

    def __init__(self, path: Path, stopped: Callable[[], bool]) -> None:
        """Listen; `stopped` ends the wait for a slow client. Raises NotUsableError."""
        super().__init__()
        self.clients: list[socket.socket] = []
        self._path = path
        self._stopped = stopped
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            _remove_stale(path)
            self._listener.bind(str(path))
            self._listener.listen(8)
        except OSError as error:
            self._listener.close()
            raise NotUsableError(
                f"cannot listen: {error.strerror or error}", where=str(path), hint="give another path"
            ) from error
        self._listener.setblocking(False)

    @property
    def heard(self) -> bool:
        return bool(self.clients)

    def attend(self) -> None:
        """Let waiting clients in."""
        while True:
            try:
                client, _ = self._listener.accept()
            except BlockingIOError:
                return
            _raise_send_buffer(client)
            client.setblocking(False)
            self.clients.append(client)

    def send(self, id: int, data: bytes) -> None:
        if not self.clients:
            self.not_sent += 1
            return
        frame = pack_frame(id, data)
        for client in tuple(self.clients):
            if not self._deliver(client, frame):
                self.clients.remove(client)
                client.close()

    def _deliver(self, client: socket.socket, frame: bytes) -> bool:
        """Return whether the client is still there to take frames."""
        waited_s = 0.0
        while waited_s < STALL_S and not self._stopped():
            try:
                client.send(frame)
            except BlockingIOError:
                select.select([], [client], [], _WAIT_S)
                waited_s += _WAIT_S
            except OSError:  # gone: broken pipe, reset
                return False
            else:
                return True
        self.not_sent += 1
        return False

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self._listener.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()


def _raise_send_buffer(client: socket.socket) -> None:
    try:
        client.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, SEND_BUFFER_BYTES)
    except PermissionError:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)


def _remove_stale(path: Path) -> None:
    """Unlink a socket that nobody listens on any more; leave everything else."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()


class CandumpLog:
    """A log as `candump -L` writes it: `(seconds.microseconds) channel id#data`."""

    def __init__(self, stream: TextIO, channel: str = "can0") -> None:
        self._stream = stream
        self._channel = channel

    def write(self, time_ns: int, id: int, data: bytes) -> None:
        """Write one line; the stamp is cut to microseconds. Raises OSError when it cannot be written."""
        microseconds = time_ns // 1000
        name = f"{id & (_EFF_MASK | CAN_ERR_FLAG):08X}" if id & (CAN_EFF_FLAG | CAN_ERR_FLAG) else f"{id:03X}"
        mark = "#" if len(data) <= _CLASSIC_BYTES else "##1"
        seconds = f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06d}"
        self._stream.write(f"({seconds}) {self._channel} {name}{mark}{data.hex().upper()}\n")
