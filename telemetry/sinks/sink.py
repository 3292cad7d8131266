"""The sink as the service runs it: the sender with its client, in a thread of its own.

Promises: stopping takes no longer than its grace, whatever the server does: the request that is then in
flight is ended by shutting its socket down, and the thread is not waited for. A fault of the program in the
thread is handed to `on_failure`, not swallowed. Two threads, both started by `start`, are all that it ever
needs: one sends, one ends requests that take too long.
"""

import random
import threading
from collections.abc import Callable
from pathlib import Path

from telemetry.clock import Clock
from telemetry.model.events import Event
from telemetry.sinks.boot_time import BootTime
from telemetry.sinks.sender import Backoff, Sender
from telemetry.sinks.settings import SinkSettings
from telemetry.sinks.state import SinkState
from telemetry.spool.spool import Spool
from telemetry.threads import start

_ABORT_S = 0.2  # for the thread to notice that its socket is shut down
_POLL_S = 0.02


class Sink:
    """The sender thread."""

    def __init__(
        self,
        queue: Spool,
        settings: SinkSettings,
        clock: Clock,
        *,
        on_event: Callable[[Event], None],
        on_failure: Callable[[Exception], None],
        directory: Path | None = None,
        wait_for_clock: bool = False,
    ) -> None:
        """Remember the boot's time in `directory`. The callbacks are called from the sink's thread."""
        self._queue = queue
        self._clock = clock
        self._client = settings.make_client(clock)
        self._boot_time = BootTime(clock, directory, wait_for_clock=wait_for_clock)
        backoff = Backoff(random.random)
        self._sender = Sender(queue, self._client, clock, backoff, self._boot_time, on_event)
        self._on_failure = on_failure
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sink", daemon=True)

    @property
    def state(self) -> SinkState:
        return self._sender.state

    def time_known(self) -> bool:
        """Return whether the wall time may be trusted."""
        return self._boot_time.known()

    def send_every(self, every_s: float) -> None:
        """Let so much time be between requests from now on. From any thread."""
        self._sender.every_s = every_s
        self._queue.wake()

    def send_backlog(self, *, newest_first: bool) -> None:
        """Take the backlog in that order from now on. From any thread."""
        self._sender.send_backlog(newest_first=newest_first)

    def hurry(self) -> None:
        """Send what waits, and what comes, without any time between. From any thread."""
        self._sender.in_haste = True
        self._queue.wake()

    def start(self) -> None:
        """Begin to send. Raises UnavailableError where the system grants no thread."""
        self._client.start()
        start(self._thread)

    def stop(self, grace_s: float) -> None:
        """Send what waits for up to `grace_s` while the server takes it, then end."""
        if self._thread.ident is None:
            return  # it was never started
        self.hurry()
        deadline_s = self._clock.monotonic_s() + grace_s
        looks_before = self.state.looks
        never = threading.Event()
        while self._clock.monotonic_s() < deadline_s and self._may_go_on(looks_before):
            self._queue.wake()
            self._clock.wait(never, _POLL_S)
        self._stop.set()
        self._queue.wake()
        self._thread.join(max(deadline_s - self._clock.monotonic_s(), 0.0))
        if self._thread.is_alive():
            self._client.abort()
            self._thread.join(_ABORT_S)

    def _may_go_on(self, looks_before: int) -> bool:
        """Return whether the server may take something that is left. (A look under way may miss it.)"""
        state = self.state
        nothing_left = state.idle and state.looks >= looks_before + 2
        return self._thread.is_alive() and state.failing_since_s is None and not nothing_left

    def _run(self) -> None:
        try:
            self._sender.run(self._stop)
        except Exception as error:  # noqa: BLE001  whatever it is, the service must know that nothing is sent
            self._on_failure(error)
