"""Opens serial ports through pyserial: a path, a link such as /dev/serial/by-id/…, or one of its URLs.

Promises: whatever way a device has of being gone (nothing to read though readable, EIO, ENODEV, a hang-up, a
closed connection) is one OSError; a port is opened for us alone and, where Linux grants it, without the 16 ms
for which USB adapters hold bytes back; reading ends at once when the source is stopped. An RS485 transmitter
is off until the driver switches it, but for the moment in which the kernel opens the port. Relies on
pyserial, which is imported when a port is opened.
"""

import contextlib
import errno
import io
import logging
import math
import select
import termios
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from telemetry.protocols.table import EIGHT_N_ONE, LineSettings
from telemetry.sources.device_class import device_class
from telemetry.sources.stop import StopSignal

if TYPE_CHECKING:
    from serial import Serial  # all that serial_for_url gives have its methods

BY_ID = Path("/dev/serial/by-id")
_OWN_CGROUP = Path("/proc/self/cgroup")
READ_BYTES = 4096
WRITE_TIMEOUT_S = 2.0
SLICE_S = 0.05  # how long a read may last on a port that has no descriptor to wait for: rfc2217, loop

logger = logging.getLogger(__name__)


class SerialPort(Protocol):
    """An open port."""

    def receive(self, timeout_s: float) -> bytes:
        """Return what has come, or comes within `timeout_s`; empty: nothing.

        Raises OSError: the device is gone.
        """
        ...

    def send(self, data: bytes) -> None:
        """Send them. Raises OSError when the device is gone or does not take them."""
        ...


class SerialLink(Protocol):
    """A way to a device that can be opened again and again."""

    @property
    def description(self) -> str:
        """Return, for people, the path or the URL."""
        ...

    def open(self, stop: StopSignal) -> AbstractContextManager[SerialPort]:
        """Return the port, open; `stop` ends its waits. Raises OSError while that is impossible."""
        ...


@dataclass(frozen=True, slots=True)
class Rs485:
    """A transmitter that the driver switches by RTS (Linux: Documentation/driver-api/serial/serial-rs485).

    rts_on_send: the level while it sends; the other one holds while it receives.
    """

    rts_on_send: bool
    delay_before_ms: int = 0
    delay_after_ms: int = 0


@dataclass(frozen=True, slots=True)
class ControlLines:
    """What an open port drives besides its data. Isolated cables draw their power from DTR and RTS."""

    dtr: bool = True
    rts: bool = True
    rs485: Rs485 | None = None


BOTH_ASSERTED = ControlLines()


@dataclass(frozen=True, slots=True)
class PyserialLink:
    """port: as pyserial's serial_for_url takes it; a link is resolved each time the port is opened."""

    port: str
    baud_rate: int
    line: LineSettings = EIGHT_N_ONE
    control: ControlLines = BOTH_ASSERTED

    @property
    def description(self) -> str:
        return self.port

    @contextmanager
    def open(self, stop: StopSignal) -> Iterator[SerialPort]:
        try:
            opened = self._open()
        except (OSError, ValueError, termios.error) as error:
            raise _cannot_open(self, error) from error
        try:
            try:
                port = _waiting_port(opened, stop)
            except termios.error as error:  # it sets the line once more
                raise _cannot_open(self, error) from error
            yield port
        finally:
            _close(opened)

    def _open(self) -> "Serial":
        import serial

        opened: Serial = serial.serial_for_url(
            self.port,
            do_not_open=True,
            baudrate=self.baud_rate,
            parity=self.line.parity,
            stopbits=self.line.stop_bits,
            timeout=SLICE_S,
            exclusive=True,
        )
        if not self.port.lower().startswith(
            "rfc2217:"
        ):  # which has a time-out of its own, and refuses others
            opened.write_timeout = WRITE_TIMEOUT_S
        rs485 = self.control.rs485
        opened.dtr, opened.rts = self.control.dtr, self.control.rts
        if rs485 is not None:
            opened.rts = not rs485.rts_on_send
        opened.open()
        if isinstance(opened, serial.Serial):
            try:
                opened.set_low_latency_mode(True)
            except ValueError as error:  # no such chip, or not allowed: it works without
                logger.debug("%s: %s", self.port, error)
        if rs485 is not None:
            try:
                _switch_by_driver(opened, rs485)
            except (OSError, termios.error):
                _close(opened)
                raise
        return opened


def _switch_by_driver(opened: "Serial", rs485: Rs485) -> None:
    """Have the driver switch the transmitter. Raises OSError where it does not know how."""
    import serial.rs485

    try:
        opened.rs485_mode = serial.rs485.RS485Settings(
            rts_level_for_tx=rs485.rts_on_send,
            rts_level_for_rx=not rs485.rts_on_send,
            delay_before_tx=rs485.delay_before_ms / 1000,
            delay_before_rx=rs485.delay_after_ms / 1000,
        )
    except ValueError as error:
        raise OSError(errno.ENOTSUP, str(error)) from error


def check_port(port: str) -> str:
    """Return what is wrong with the name of a port, as far as it shows without opening it; empty: nothing."""
    import serial

    if port.lower().startswith(("socket://", "rfc2217://")) and "@" in port:
        return "must not hold a user or password: pyserial has no use for them"
    try:
        serial.serial_for_url(port, do_not_open=True)
        url = urlsplit(port)
        has_no_place = url.scheme in ("socket", "rfc2217") and not (url.hostname and url.port)
    except ValueError as error:
        return str(error)
    return f"{port!r} is without HOST:PORT" if has_no_place else ""


def lasting_link(port: Path, links: Path = BY_ID) -> Path | None:
    """Return the link of udev that leads to a port, whatever its number; None: it has none."""
    with contextlib.suppress(OSError):
        device = port.resolve()
        return next((link for link in sorted(links.glob("*")) if link.resolve() == device), None)
    return None


def _close(opened: "Serial") -> None:
    connection = getattr(opened, "_socket", None)  # pyserial forgets it unclosed if the other end is gone
    try:
        opened.close()
    except (OSError, termios.error) as error:
        logger.debug("%s", error)
    if connection is not None:
        connection.close()


def _waiting_port(opened: "Serial", stop: StopSignal) -> SerialPort:
    try:
        descriptor = opened.fileno()
    except io.UnsupportedOperation:
        return _SlicedPort(opened)
    opened.timeout = 0
    return _PolledPort(opened, descriptor, stop)


class _PolledPort:
    """A device, or a socket: waits for its descriptor or for the stop, whichever comes first."""

    def __init__(self, opened: "Serial", descriptor: int, stop: StopSignal) -> None:
        self._port = opened
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._poll.register(stop.fileno(), select.POLLIN)

    def receive(self, timeout_s: float) -> bytes:
        ready = self._poll.poll(math.ceil(timeout_s * 1000))
        if all(descriptor != self._descriptor for descriptor, _ in ready):
            return b""
        with _one_error():
            data = self._port.read(READ_BYTES)
        if not data:
            raise _gone()
        return data

    def send(self, data: bytes) -> None:
        with _one_error():
            self._port.write(data)


class _SlicedPort:
    """A port without a descriptor: a read lasts no longer than SLICE_S, so that a stop is seen."""

    def __init__(self, opened: "Serial") -> None:
        self._port = opened

    def receive(self, timeout_s: float) -> bytes:
        """Wait SLICE_S at most."""
        with _one_error():
            waiting = self._port.in_waiting
            return self._port.read(waiting or 1) if waiting or timeout_s > 0 else b""

    def send(self, data: bytes) -> None:
        with _one_error():
            self._port.write(data)


@contextmanager
def _one_error() -> Iterator[None]:
    """Make one of all errors: that of termios is not an OSError, and pyserial's have no errno."""
    try:
        yield
    except (OSError, termios.error) as error:
        logger.debug("%s", error)
        raise _gone() from error


def _gone() -> OSError:
    return OSError(errno.ENODEV, "the device is gone")


_WHY_NOT_OPEN = {
    errno.EACCES: "permission denied: add this user to the group dialout",
    errno.ENOENT: "there is no such port",
    errno.ENODEV: "there is no such port",
    errno.ENXIO: "there is no such port",
    errno.EAGAIN: "another program has the port open",
    errno.EBUSY: "another program has the port open",
    errno.ENOTTY: "it is no serial port",
    errno.ENOTSUP: "its driver switches no RS485 transmitter: leave rs485 out if the adapter does so itself",
}


def _cannot_open(link: PyserialLink, error: Exception) -> OSError:
    """Return one clause for people; pyserial's own words repeat the port and hold numbers of errors."""
    number = error.errno if isinstance(error, OSError) else None
    cause = error if isinstance(error, termios.error) else error.__context__
    if number is None and isinstance(cause, OSError):
        number = cause.errno
    if number is None and isinstance(cause, termios.error):
        number = cause.args[0]
    words = _WHY_NOT_OPEN.get(number or 0) or (cause.strerror if isinstance(cause, OSError) else None)
    if number == errno.EINVAL:
        words = f"it cannot be set to {link.baud_rate} baud {link.line}"
    if number == errno.EPERM:
        words = _forbidden(Path(link.port))
    return OSError(number or errno.EIO, f"{link.port}: {words or error}")


def _forbidden(port: Path) -> str:
    """Return what a device list says that has no place for a port which this user may use otherwise."""
    with contextlib.suppress(OSError):
        unit = _OWN_CGROUP.read_text().strip().rpartition("/")[2]
        if unit.endswith(".service"):
            allow = f"DeviceAllow={device_class(port)} rw"
            return f"the unit {unit} forbids it: add `{allow}` below [Service] by `systemctl edit {unit}`"
    return "the system forbids this device, as a container does that was not given it (--device)"
