"""Modbus/TCP as one more way to a Modbus device: `tcp://HOST[:PORT]`.

What is sent and received here are the frames of Modbus RTU, so that maps of registers, turns, identity and
captures know nothing of TCP: a header takes the place of address and CRC on the way out, and gives them back
on the way in.

Promises:

- An answer is that of the last request, by its transaction number, or it is dropped and counted. So a late
  answer is never taken for the next one.
- A stream that is not Modbus/TCP, and a connection that is closed, are one OSError each.
- Connecting takes CONNECT_TIMEOUT_S at most, and reading ends at once when the source is stopped.
- A peer that sends what nobody asked for is read at a pace of 200 kB a second, and TCP makes it wait.

Source of the facts: "MODBUS Messaging on TCP/IP Implementation Guide" V1.0b.
"""

import errno
import math
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from telemetry_core.serial.crc import crc_16_modbus

from telemetry.sources.serial.link import READ_BYTES, WRITE_TIMEOUT_S, SerialPort
from telemetry.sources.stop import StopSignal

SCHEME = "tcp://"
DEFAULT_PORT = 502
CONNECT_TIMEOUT_S = 5.0
MOST_UNASKED_BYTES = 4096  # since the last answer, before reading is paced; an answer has 260 at most
PACE_S = 0.02  # between two reads of READ_BYTES
_RECEIVE_BUFFER_BYTES = 8192  # of the kernel: what waits there comes before the next answer

_HEADER = struct.Struct(">HHHB")  # transaction, protocol (0: Modbus), bytes that follow with the unit, unit
_UNIT_BYTES = 1
_CRC_BYTES = 2
_LONGEST_PDU = 253


def is_modbus_tcp(port: str) -> bool:
    """Return whether the name of a port is one of Modbus/TCP."""
    return port.lower().startswith(SCHEME)


def adu(data: bytes, transaction: int) -> bytes:
    """Return a frame of a serial line as it goes over TCP: a header in place of its address and CRC."""
    pdu = data[_UNIT_BYTES:-_CRC_BYTES]
    return _HEADER.pack(transaction, 0, _UNIT_BYTES + len(pdu), data[0]) + pdu


def check_tcp_port(port: str) -> str:
    """Return what is wrong with `tcp://HOST[:PORT]`, as far as it shows without connecting.

    Empty: nothing.
    """
    if "@" in port:
        return "must not hold a user or password: Modbus/TCP has none"
    try:
        url = urlsplit(port)
        number = DEFAULT_PORT if url.port is None else url.port
    except ValueError as error:
        return str(error)
    if not url.hostname or url.path.strip("/") or url.query or url.fragment or number == 0:
        return f"{port!r} is not tcp://HOST or tcp://HOST:PORT"
    return ""


@dataclass(slots=True)
class ModbusTcpLink:
    """port: `tcp://HOST[:PORT]`. late_bytes: of answers that came too late."""

    port: str
    late_bytes: int = field(default=0, init=False)

    @property
    def description(self) -> str:
        return self.port

    @contextmanager
    def open(self, stop: StopSignal) -> Iterator[SerialPort]:
        url = urlsplit(self.port)
        address = (url.hostname or "", DEFAULT_PORT if url.port is None else url.port)
        try:
            connection = socket.create_connection(address, CONNECT_TIMEOUT_S)
        except UnicodeError as error:  # of a name that no resolver takes, such as one with an empty part
            raise OSError(errno.EINVAL, f"{self.port}: is not the name of a host") from error
        except OSError as error:
            number = errno.EIO if error.errno is None else abs(error.errno)  # those of a resolver are below 0
            raise OSError(number, f"{self.port}: {error.strerror or error}") from error
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
            connection.settimeout(WRITE_TIMEOUT_S)
            yield _TcpPort(connection, stop, self)


class _TcpPort:
    """An open connection."""

    def __init__(self, connection: socket.socket, stop: StopSignal, link: ModbusTcpLink) -> None:
        self._connection = connection
        self._link = link
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self._poll.register(stop.fileno(), select.POLLIN)
        self._stopped = select.poll()
        self._stopped.register(stop.fileno(), select.POLLIN)
        self._transaction = 0
        self._unasked_bytes = 0  # since the last answer
        self._unit: int | None = None  # of the request that is not answered yet
        self._received = b""

    def send(self, data: bytes) -> None:
        """Send a request, with its address and CRC as on a serial line."""
        self._transaction = self._transaction % 0xFFFF + 1
        self._unit = data[0]
        try:
            self._connection.sendall(adu(data, self._transaction))
        except OSError as error:
            raise _gone() from error

    def receive(self, timeout_s: float) -> bytes:
        """Return the answer as on a serial line, if it is whole by then."""
        if self._unasked_bytes > MOST_UNASKED_BYTES:
            if timeout_s <= 0.0:
                return b""
            pause_s = min(timeout_s, PACE_S)
            self._stopped.poll(math.ceil(pause_s * 1000))
            timeout_s -= pause_s
        ready = self._poll.poll(math.ceil(timeout_s * 1000))
        if any(descriptor == self._connection.fileno() for descriptor, _ in ready):
            try:
                fresh = self._connection.recv(READ_BYTES)
            except OSError as error:
                raise _gone() from error
            if not fresh:
                raise _gone()
            self._received += fresh
        return b"".join(self._answers())

    def _answers(self) -> Iterator[bytes]:
        """Yield frames of the answers that are whole by now and in time."""
        while len(self._received) >= _HEADER.size:
            transaction, protocol, size, _ = _HEADER.unpack_from(self._received)
            if protocol != 0 or not _UNIT_BYTES < size <= _UNIT_BYTES + _LONGEST_PDU:
                raise OSError(errno.EPROTO, "what answers there does not speak Modbus/TCP")
            end = _HEADER.size - _UNIT_BYTES + size
            if len(self._received) < end:
                return
            pdu, self._received = self._received[_HEADER.size : end], self._received[end:]
            if transaction != self._transaction or self._unit is None:
                self._link.late_bytes += end
                self._unasked_bytes += end
                continue
            # Some devices answer as another unit than they were asked as; the transaction says whose it is.
            body = bytes((self._unit,)) + pdu
            self._unit = None
            self._unasked_bytes = 0
            yield body + crc_16_modbus(body).to_bytes(_CRC_BYTES, "little")


def _gone() -> OSError:
    return OSError(errno.ENODEV, "the connection is gone")
