"""Plays frames into a link at a pace, so that the kernel's stamps give simulated time.

The rule, which the service knows too: stamp = T + scale x (kernel stamp - W), where T (`origin_ns`) is the
simulated time at the wall time W (`wall_ns`). Promises: each frame is sent at its own deadline on the wall
clock, never later than the machine and the reader force it to; lateness is reported, and caught up.

`play_node` plays a node that listens as well: frames out when they are due, frames in as they come.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from firmware_sim.links.can import CandumpLog, DuplexLink, Link
from firmware_sim.units import S_NS
from firmware_sim.wire.broadcast import Frame

_EARLY_NS = 300_000  # a frame due within this time is sent at once: sleeping is no finer
_NAP_NS = 20_000_000  # the longest sleep: a stop signal and a new client are seen this soon
_ATTEND_EVERY = 256  # frames: clients and ports are served even while there is no time to sleep
_BEHIND_NS = 500_000_000
_SAY_EVERY_NS = 5_000_000_000


@dataclass(frozen=True, slots=True)
class SimulatedClock:
    """Simulated time, from the wall clock."""

    scale: float
    origin_ns: int
    wall_ns: int

    def wall_at(self, simulated_ns: int) -> int:
        """Return the wall time of `simulated_ns`."""
        return self.wall_ns + round((simulated_ns - self.origin_ns) / self.scale)

    def simulated_at(self, wall_ns: int) -> int:
        """Return the simulated time at `wall_ns`."""
        return self.origin_ns + round((wall_ns - self.wall_ns) * self.scale)


def record(frames: Iterable[Frame], log: CandumpLog, origin_ns: int, stopped: Callable[[], bool]) -> None:
    """Write all frames, or until stopped, as fast as possible; their time 0 is `origin_ns`."""
    for at_ns, id, data in frames:
        if stopped():
            return
        log.write(origin_ns + at_ns, id, data)


class Player:
    """Sends frames when they are due."""

    def __init__(
        self,
        link: Link,
        clock: SimulatedClock,
        *,
        unix_ns: Callable[[], int],
        sleep: Callable[[float], None],
        stopped: Callable[[], bool],
        on_behind: Callable[[float], None],
        attend: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare to play.

        `on_behind` receives the delay in seconds of wall time, now and then, while it is half a second or
        more. `attend` serves clients and ports. It is called often, even while there is no time to sleep.
        """
        self.sent = 0
        self._link = link
        self._clock = clock
        self._unix_ns = unix_ns
        self._sleep = sleep
        self._stopped = stopped
        self._on_behind = on_behind
        self._attend = attend
        self._say_after_ns = 0
        self._late_max_ns = 0
        self._start_ns = 0

    @property
    def late_max_s(self) -> float:
        """Return the longest delay of a frame, in wall time."""
        return self._late_max_ns / S_NS

    def passed_ns(self) -> int:
        """Return the simulated time since the frames' own time 0."""
        return self._clock.simulated_at(self._unix_ns()) - self._start_ns

    def play(self, frames: Iterable[Frame]) -> int:
        """Play all frames, or until stopped: as soon as somebody listens, but not before the origin.

        Returns the simulated time of the frames' own time 0.
        """
        self._link.attend()
        while not self._link.heard and not self._stopped():
            self._sleep(_NAP_NS / S_NS)
            self._link.attend()
        start_ns = max(self._clock.origin_ns, self._clock.simulated_at(self._unix_ns()))
        self._start_ns = start_ns
        for at_ns, id, data in frames:
            self._wait_until(self._clock.wall_at(start_ns + at_ns))
            if self._stopped():
                break
            if self.sent % _ATTEND_EVERY == 0:
                self._link.attend()
                self._attend()
            self._link.send(id, data)
            self.sent += 1
        return start_ns

    def _wait_until(self, due_ns: int) -> None:
        early_ns = due_ns - self._unix_ns()
        if -early_ns > self._late_max_ns:
            self._late_max_ns = -early_ns
        if early_ns < -_BEHIND_NS:
            self._say_behind(-early_ns)
        while early_ns > _EARLY_NS and not self._stopped():
            self._link.attend()
            self._sleep(min(early_ns, _NAP_NS) / S_NS)
            early_ns = due_ns - self._unix_ns()

    def _say_behind(self, late_ns: int) -> None:
        now_ns = self._unix_ns()
        if now_ns >= self._say_after_ns:
            self._say_after_ns = now_ns + _SAY_EVERY_NS
            self._on_behind(late_ns / S_NS)


_NAP_S = 0.02  # the longest wait: a stop signal is seen this soon
FLOOR_WALL_S = 0.5  # no deadline of a scaled clock is shorter than this


class ListeningNode(Protocol):
    """A node that a player plays."""

    @property
    def finished(self) -> bool: ...

    @property
    def wake_ns(self) -> int: ...

    def hear(self, now_ns: int, id: int, data: bytes) -> None: ...

    def run(self, now_ns: int) -> Iterable[tuple[int, bytes]]: ...


def floor_ns(scale: float) -> int:
    """Return the shortest deadline of a node, in simulated time: FLOOR_WALL_S where the clock is scaled."""
    return 0 if scale <= 1.0 else round(FLOOR_WALL_S * scale * S_NS)


def play_node(
    node: ListeningNode,
    link: DuplexLink,
    clock: SimulatedClock,
    *,
    unix_ns: Callable[[], int],
    stopped: Callable[[], bool],
    until_ns: int | None = None,
) -> int:
    """Play until the node is silent for good, until stopped, or until its own time. Returns frames sent."""
    sent = 0
    start_ns = clock.simulated_at(unix_ns())
    while not node.finished and not stopped():
        now_ns = clock.simulated_at(unix_ns()) - start_ns
        if until_ns is not None and now_ns >= until_ns:
            break
        for id, data in node.run(now_ns):
            link.send(id, data)
            sent += 1
        early_s = (clock.wall_at(start_ns + node.wake_ns) - unix_ns()) / S_NS
        for id, data in link.receive(min(max(early_s, 0.0), _NAP_S)):
            node.hear(clock.simulated_at(unix_ns()) - start_ns, id, data)
    return sent - link.not_sent
