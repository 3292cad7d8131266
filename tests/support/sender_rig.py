"""A sender with everything around it made up, and driven step by step in injected time."""

from telemetry.model.events import Event
from telemetry.sinks.boot_time import BootTime
from telemetry.sinks.sender import Backoff, Sender
from tests.support.clock import FakeClock
from tests.support.list_queue import ListQueue
from tests.support.model_server import ModelServer


class SenderRig:
    """A sender with everything around it made up."""

    def __init__(self, *, wait_for_clock: bool = False) -> None:
        self.clock = FakeClock()
        self.queue = ListQueue()
        self.server = ModelServer()
        self.events: list[Event] = []
        self.sender = Sender(
            self.queue,
            self.server,
            self.clock,
            Backoff(lambda: 0.5),
            BootTime(self.clock, None, wait_for_clock=wait_for_clock),
            self.events.append,
        )

    def step(self) -> float:
        """Take one step, let the wait that it asks for pass, and return that wait."""
        wait_s = self.sender.step()
        self.clock.advance(wait_s)
        return wait_s

    def run_until_idle(self, most_steps: int = 10_000) -> int:
        """Take steps until nothing is left, and return how many it took."""
        for count in range(most_steps):
            self.step()
            if self.sender.state.idle:
                self.queue.assert_balance()
                return count
        raise AssertionError(f"not idle after {most_steps} steps")

    def deliver(self, *lines: bytes, ordered: bool = False) -> None:
        """Put one batch into the queue, and go on until nothing is left."""
        self.queue.put_lines(*lines, ordered=ordered)
        self.run_until_idle()

    @property
    def codes(self) -> list[tuple[str, bool]]:
        return [(event.code, event.active) for event in self.events]


def lines(count: int, name: str = "m") -> list[bytes]:
    """So many lines of a measurement."""
    return [b"%s v=%d %d" % (name.encode(), index, index) for index in range(count)]
