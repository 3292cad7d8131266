"""A sender with a real client and a scripted server: real sockets and bytes, and injected time."""

from telemetry.model.events import Event
from telemetry.sinks.boot_time import BootTime
from telemetry.sinks.credentials import Secret
from telemetry.sinks.influx.client import InfluxClient
from telemetry.sinks.influx.server import Api
from telemetry.sinks.influx.settings import InfluxSettings
from telemetry.sinks.sender import Backoff, Sender
from tests.support.clock import FakeClock
from tests.support.list_queue import ListQueue
from tests.support.scripted_server import ScriptedServer

CANARY = "canary-token-of-the-sink"
HASTY = {"request_timeout_s": 1.0}  # for a server that keeps silent; any other has a minute to answer
LINES = [b"pack,vehicle=a v=%d %d" % (index, index) for index in range(50)]


class ClientRig:
    """A sender with a real client and a scripted server."""

    def __init__(self, server: ScriptedServer, **settings: object) -> None:
        values = {"url": server.url, "api": Api.V2, "org": "o", "bucket": "b", "token": Secret(CANARY)}
        values |= {"request_timeout_s": 60.0, **settings}
        self.settings = InfluxSettings(**values)  # type: ignore[arg-type]  # a mapping of checked names
        self.server = server
        self.clock = FakeClock()
        self.queue = ListQueue()
        self.client = InfluxClient(self.settings, self.clock)
        self.events: list[Event] = []
        boot_time = BootTime(self.clock, None, wait_for_clock=False)
        backoff = Backoff(lambda: 0.5)
        self.sender = Sender(self.queue, self.client, self.clock, backoff, boot_time, self.events.append)

    def run_until_idle(self, most_steps: int = 300) -> None:
        """Until nothing is left; then the accounts must balance."""
        for _ in range(most_steps):
            self.clock.advance(self.sender.step())
            if self.sender.state.idle:
                break
        assert self.sender.state.idle
        self.queue.assert_balance()

    def deliver(self, *lines: bytes) -> None:
        """Put one batch into the queue, and go on until nothing is left."""
        self.queue.put_lines(*lines)
        self.run_until_idle()

    def assert_all_stored_once(self) -> None:
        """Check that what the database holds is what was made."""
        assert self.server.stored == set(LINES)
        assert self.queue.dead == {}
        assert self.queue.acknowledged_points == self.queue.made_points

    def store_all(self) -> None:
        """Put all LINES into the queue as one batch; in the end each is stored once."""
        self.deliver(*LINES)
        self.assert_all_stored_once()
