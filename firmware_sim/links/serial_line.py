"""Serial devices on ports: what comes goes to the device, what it says goes out, as the faults leave it.

Promises:

- `attend` never waits.
- Messages leave in the order in which the device made them.
- `sent` counts what went out whole and unspoiled to an open port, so that a reader can be compared with it.
"""

import select
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from firmware_sim.faults.serial import SerialFaults
from firmware_sim.links.pty import PtyPort

_LEAST_WAIT_S = 0.001  # poll counts in milliseconds
_DRAIN_NAP_S, _DRAIN_NAPS = 0.01, 200
_DRAIN_QUIET_NAPS = 10  # what was written just now is not counted at once


class DeviceEnd(Protocol):
    """A device's end of a line, without the line."""

    def feed(self, data: bytes) -> list[bytes]:
        """What it answers, message by message."""
        ...

    def due(self, until_ns: int) -> list[bytes]:
        """What it says by itself before this simulated time, and did not yet."""
        ...

    def forget(self) -> None:
        """Forget half a request: the line was broken."""
        ...


class SerialLine:
    """One device on one port."""

    def __init__(self, name: str, device: DeviceEnd, port: PtyPort, faults: SerialFaults) -> None:
        self.name = name
        self.port = port
        self.sent = 0
        self.spoiled = 0
        self.unheard = 0
        self._device = device
        self._faults = faults

    def attend(self, now_ns: int) -> None:
        """Do what is due at this simulated time. Raises UnavailableError when the link cannot be made."""
        if self._faults.unplugged(now_ns):
            self.port.unplug()
            self._device.forget()
        elif not self.port.plugged:
            self.port.plug_in()
        answers = self._device.feed(self.port.read())
        for message in (*answers, *self._device.due(now_ns)):
            self._say(message, now_ns)
        for noise in self._faults.noise(now_ns):
            self.port.write(noise)

    def counts(self) -> dict[str, int]:
        """For a report."""
        return {"sent": self.sent, "spoiled": self.spoiled, "unheard": self.unheard}

    def close(self) -> None:
        """Take the port away."""
        self.port.unplug()

    def _say(self, message: bytes, now_ns: int) -> None:
        said = self._faults.spoil(message, now_ns)
        heard = self.port.write(said)
        if not heard:
            self.unheard += 1
        elif said == message:
            self.sent += 1
        else:
            self.spoiled += 1


class SerialLines:
    """All lines of a simulation, attended while its player waits."""

    def __init__(self, lines: Sequence[SerialLine], now_ns: Callable[[], int]) -> None:
        """now_ns: the simulated time."""
        self._lines = lines
        self._now_ns = now_ns

    def open(self) -> None:
        """Make the ports. Raises UnavailableError, and then removes those it has made."""
        try:
            for line in self._lines:
                line.port.plug_in()
        except BaseException:
            self.close()
            raise

    def attend(self) -> None:
        """Serve all lines once."""
        now_ns = self._now_ns()
        for line in self._lines:
            line.attend(now_ns)

    def wait(self, seconds: float) -> None:
        """Sleep at most this long. Wake up, and serve, when a byte comes."""
        ports = [descriptor for line in self._lines if (descriptor := line.port.fileno()) is not None]
        if not ports or seconds < _LEAST_WAIT_S:
            time.sleep(seconds)
        else:
            poll = select.poll()
            for descriptor in ports:
                poll.register(descriptor, select.POLLIN)
            poll.poll(1000.0 * seconds)
        self.attend()

    def drain(self) -> None:
        """Before the ports are taken away: let those who have them open read what was said, for a while."""
        quiet = 0
        for _ in range(_DRAIN_NAPS):
            time.sleep(_DRAIN_NAP_S)
            quiet = 0 if any(line.port.unread_bytes() for line in self._lines) else quiet + 1
            if quiet == _DRAIN_QUIET_NAPS:
                return

    def counts(self) -> dict[str, dict[str, int]]:
        """For a report, by device."""
        return {line.name: line.counts() for line in self._lines}

    def close(self) -> None:
        """Take all ports away."""
        for line in self._lines:
            line.close()
