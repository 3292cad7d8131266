"""Serial lines on ports: what comes goes to the devices, what they say goes out, as the faults leave it.

Promises:

- `attend` never waits.
- Messages leave in the order in which they are on the line.
- `sent` counts what went out whole and unspoiled to an open port, so that a reader can be compared with it.
"""

import math
import select
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from firmware_sim.faults.serial import LineFaults
from firmware_sim.links.shared_line import ArrivedBytes, Said, SharedLine
from firmware_sim.units import S_NS

_LEAST_WAIT_S = 0.001  # poll counts in milliseconds
_DRAIN_NAP_S, _DRAIN_NAPS = 0.01, 200
_DRAIN_QUIET_NAPS = 10  # what was written just now is not counted at once


class Port(Protocol):
    """A port as its devices see it; see `PtyPort`."""

    @property
    def plugged(self) -> bool: ...

    def plug_in(self) -> None: ...

    def unplug(self) -> None: ...

    def fileno(self) -> int | None: ...

    def read(self) -> bytes: ...

    def write(self, data: bytes) -> bool: ...

    def unread_bytes(self) -> int: ...


class SerialLine:
    """The devices of one line on one port. faults: of the line itself.

    ended: is called with each message that has arrived, or of which nothing is on its way any more.
    """

    def __init__(
        self,
        name: str,
        line: SharedLine,
        port: Port,
        faults: LineFaults,
        ended: Callable[[Said], None] = lambda _: None,
    ) -> None:
        self.name = name
        self.line = line
        self.port = port
        self.faults = faults
        self._ended = ended
        self._counts: dict[str, Counter[str]] = {device.name: Counter() for device in line.devices}

    def attend(self, now_ns: int, line_ns: int | None = None) -> None:
        """Do what is due at this simulated time; line_ns: the time of the line's bytes, by default the same.

        Raises NotUsableError when the link cannot be made.
        """
        line_ns = now_ns if line_ns is None else line_ns
        if self.faults.unplugged(now_ns):
            self.pull_out()
        elif not self.port.plugged:
            self.port.plug_in()
        if asked := self.port.read():
            self.line.hear(self.faults.lose(asked, now_ns), line_ns, now_ns)
        self.line.talk(line_ns, now_ns)
        for noise in self.faults.noise(now_ns):
            self.line.disturb(noise, line_ns)
        for piece in self.line.arrived(line_ns):
            self._bring(piece, now_ns)

    def counts(self) -> dict[str, Any]:
        """Return the counts for a report: of all devices, and of each where there are several."""
        counts: dict[str, Any] = _in_words(sum(self._counts.values(), Counter()))
        if len(self._counts) > 1:
            counts["devices"] = {name: _in_words(found) for name, found in self._counts.items()}
        return counts

    def wait_s(self, line_ns: int) -> float | None:
        """Return how long until a byte arrives; None: none is on its way."""
        next_ns = self.line.next_ns
        return None if next_ns is None else max(next_ns - line_ns, 0) / S_NS

    def close(self) -> None:
        """Take the port away."""
        self.port.unplug()

    def pull_out(self) -> None:
        """Pull the adapter out."""
        if self.port.plugged:
            self.port.unplug()
            self.line.cut()

    def _bring(self, piece: ArrivedBytes, now_ns: int) -> None:
        """Bring a piece to the port, without what is lost on the line."""
        said, data = piece.said, self.faults.lose(piece.data, now_ns)
        is_heard = self.port.write(data)
        if said is None:
            return
        said.is_heard &= is_heard
        said.is_whole &= data == piece.data
        if piece.is_last:
            found = "unheard" if not said.is_heard else "sent" if said.is_whole else "spoiled"
            self._counts[said.device][found] += 1
            self._ended(said)


def _in_words(found: Counter[str]) -> dict[str, int]:
    return {name: found[name] for name in ("sent", "spoiled", "unheard")}


class SerialLines:
    """All lines of a simulation, attended while its player waits."""

    def __init__(
        self,
        lines: Sequence[SerialLine],
        now_ns: Callable[[], int],
        line_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """now_ns: the simulated time. line_ns: the time that bytes and answers take, of this machine."""
        self._lines = lines
        self._now_ns = now_ns
        self._line_ns = line_ns
        self._ports = {line.name: line.port for line in lines}
        self._swaps: list[tuple[str, str]] = []

    def open(self) -> None:
        """Make the ports. Raises NotUsableError, and then removes those it has made."""
        try:
            for line in self._lines:
                line.port.plug_in()
        except BaseException:
            self.close()
            raise

    def attend(self) -> None:
        """Serve all lines once."""
        now_ns, line_ns = self._now_ns(), self._line_ns()
        self._swap(now_ns)
        for line in self._lines:
            line.attend(now_ns, line_ns)

    def _swap(self, now_ns: int) -> None:
        """Let each port lead to the devices that it leads to at this time."""
        swaps = [(line.name, other) for line in self._lines if (other := line.faults.swapped_with(now_ns))]
        if swaps == self._swaps:
            return
        self._swaps = swaps
        ports = dict(self._ports)
        for one, other in swaps:
            if other in ports:
                ports[one], ports[other] = ports[other], ports[one]
        moved = [line for line in self._lines if line.port is not ports[line.name]]
        for line in moved:
            line.pull_out()
        for line in moved:
            line.port = ports[line.name]

    def wait(self, seconds: float) -> None:
        """Sleep at most this long. Wake up, and serve, when a byte comes or is due."""
        if (due_s := self.due_s()) is not None:
            seconds = min(seconds, due_s)
        ports = [descriptor for line in self._lines if (descriptor := line.port.fileno()) is not None]
        if not ports or seconds < _LEAST_WAIT_S:
            time.sleep(seconds)
        else:
            poll = select.poll()
            for descriptor in ports:
                poll.register(descriptor, select.POLLIN)
            poll.poll(math.ceil(1000.0 * seconds))
        self.attend()

    def due_s(self) -> float | None:
        """Return how long until a byte arrives anywhere; None: none is on its way."""
        line_ns = self._line_ns()
        return min(
            (wait_s for line in self._lines if (wait_s := line.wait_s(line_ns)) is not None), default=None
        )

    def drain(self) -> None:
        """Let those who have ports open read what was said, for a while: before the ports are taken away."""
        quiet = 0
        for _ in range(_DRAIN_NAPS):
            time.sleep(_DRAIN_NAP_S)
            quiet = 0 if any(line.port.unread_bytes() for line in self._lines) else quiet + 1
            if quiet == _DRAIN_QUIET_NAPS:
                return

    def counts(self) -> dict[str, dict[str, Any]]:
        """Return the counts for a report, by line."""
        return {line.name: line.counts() for line in self._lines}

    def close(self) -> None:
        """Take all ports away."""
        for line in self._lines:
            line.close()
