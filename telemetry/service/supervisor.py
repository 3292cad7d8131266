"""What the service reports to systemd: ready, reloading, stopping, alive, and one line of status
(sd_notify(3)).

Promises:
- Nothing here fails, or delays the service for longer than SEND_TIMEOUT_S. A supervisor that does not listen
  costs one line in the log.
- The pipeline's own loop feeds the watchdog, and only after progress. No timer could go on ticking beside a
  pipeline that hangs.
- Children do not inherit the socket.

Relies on the protocol alone (a datagram of NAME=value lines), not on a library.
"""

import logging
import socket
from collections.abc import MutableMapping

from telemetry.clock import Clock
from telemetry.errors import one_line

LOG = logging.getLogger(__name__)

SEND_TIMEOUT_S = 0.5
STATUS_EVERY_S = 5.0


class Notifier:
    """The socket that NOTIFY_SOCKET names. Without one, nothing is sent."""

    def __init__(self, address: str = "") -> None:
        """Send to `address`: a path, or an abstract socket's name after an `@`; empty: nothing listens."""
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket: socket.socket | None = None
        if address.startswith(("/", "@")):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.settimeout(SEND_TIMEOUT_S)
        elif address:
            LOG.warning("NOTIFY_SOCKET=%s: neither a path nor an abstract socket; nothing is sent", address)

    def send(self, *assignments: str) -> None:
        """Send `NAME=value` lines, as one datagram."""
        if self._socket is None:
            return
        try:
            self._socket.sendto("\n".join(assignments).encode(), self._address)
        except OSError as error:  # TimeoutError is one
            LOG.warning("%s: not sent to the service manager: %s", assignments[0], error.strerror or error)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Supervisor:
    """The service manager, as the pipeline's thread sees it."""

    def __init__(self, clock: Clock, notifier: Notifier | None = None, period_s: float | None = None) -> None:
        """Begin. period_s: the silence after which the service is killed; None: nothing watches."""
        self._clock = clock
        self._notifier = notifier or Notifier()
        self._feed_every_s = float("inf") if period_s is None else period_s / 2.0
        self._feed_at_s = float("inf") if period_s is None else float("-inf")
        self._got_on = False  # since the watchdog was fed
        self._got_on_s = clock.monotonic_s()
        self._status = ""
        self._next_status_s = float("-inf")

    @classmethod
    def from_environment(
        cls, clock: Clock, environment: MutableMapping[str, str], process_id: int
    ) -> "Supervisor":
        """Make it of NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, removed so that no child uses them."""
        address = environment.pop("NOTIFY_SOCKET", "")
        period_us = environment.pop("WATCHDOG_USEC", "")
        watched = environment.pop("WATCHDOG_PID", str(process_id))
        is_watched = watched == str(process_id) and period_us.isdecimal() and int(period_us) > 0
        return cls(clock, Notifier(address), int(period_us) / 1e6 if is_watched else None)

    def ready(self, status: str = "") -> None:
        """Report that all sources run and the spool accepts; after `reloading`, that the reload is over."""
        self._notifier.send("READY=1", *([self._status_line(status)] if status else []))

    def reloading(self) -> None:
        """Report that the configuration is read again. `ready` must follow."""
        self._notifier.send("RELOADING=1", f"MONOTONIC_USEC={int(self._clock.monotonic_s() * 1e6)}")

    def stopping(self) -> None:
        """Report that an orderly stop has begun."""
        self._notifier.send("STOPPING=1", self._status_line("stopping"))

    def went_round(self, *, took: bool, waiting: bool) -> None:
        """Note that the pipeline's loop went round; feed the watchdog each half period, after progress alone.

        took: something was processed. waiting: something is left to process. A loop that takes nothing of
        what waits makes no progress.
        """
        now_s = self._clock.monotonic_s()
        if took or not waiting:
            self._got_on, self._got_on_s = True, now_s
        if self._got_on and now_s >= self._feed_at_s:
            self._got_on, self._feed_at_s = False, now_s + self._feed_every_s
            self._notifier.send("WATCHDOG=1")

    @property
    def got_on_s(self) -> float:
        """Return when the pipeline last made progress for the watchdog; monotonic. For any thread."""
        return self._got_on_s

    def status(self, text: str) -> None:
        """Send one line for `systemctl status` when it has changed, once in STATUS_EVERY_S at most."""
        now_s = self._clock.monotonic_s()
        if text != self._status and now_s >= self._next_status_s:
            self._next_status_s = now_s + STATUS_EVERY_S
            self._notifier.send(self._status_line(text))

    def _status_line(self, text: str) -> str:
        self._status = text
        return f"STATUS={one_line(text)}"

    def close(self) -> None:
        """Send nothing more."""
        self._notifier.close()
