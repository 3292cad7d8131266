"""Plays a node that listens: frames out when they are due, frames in as they come, at the pace of a clock."""

from collections.abc import Callable, Iterable
from typing import Protocol

from firmware_sim.links.can import DuplexLink
from firmware_sim.links.player import SimulatedClock
from firmware_sim.units import S_NS

_NAP_S = 0.02  # the longest wait: a stop signal is seen this soon
FLOOR_WALL_S = 0.5  # no deadline of a scaled clock is shorter than this


class ListeningNode(Protocol):
    """What is played."""

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
