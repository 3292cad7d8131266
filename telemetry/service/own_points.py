"""Points that the service writes about itself: its events, and its figures as `gateway`.

Promises:
- Any thread may report an event; only the pipeline's thread writes it.
- A point has the time base that batches have now.
"""

import logging
from collections import deque

from telemetry.clock import Clock
from telemetry.config import Config
from telemetry.live.gateway import MEASUREMENT as GATEWAY
from telemetry.live.gateway import factor_line, gateway_lines
from telemetry.live.state import LiveState
from telemetry.logs.identity import is_of_log
from telemetry.model.event_codes import Level
from telemetry.model.events import Event, begins
from telemetry.model.events import line as event_line
from telemetry.service.figures import Figures
from telemetry.service.pipeline import Pipeline
from telemetry.spool.figures import Recovery

LOG = logging.getLogger("telemetry.service")

OLD_EVENT_NS = 60_000_000_000  # nothing that is reported now happened earlier than this


class OwnPoints:
    """Writes into `pipeline` and `live_state`. Its owner keeps `config` and `time_known` up to date."""

    def __init__(self, pipeline: Pipeline, live_state: LiveState, clock: Clock, config: Config) -> None:
        self._pipeline = pipeline
        self._live_state = live_state
        self._clock = clock
        self.config = config
        self.time_known = False
        self._events: deque[tuple[Event, int]] = deque(maxlen=1000)

    def report(self, event: Event) -> None:
        """Log the event, and have it written soon. From any thread."""
        self._log(event)
        self._events.append((event, self._clock.boot_ns()))

    def write_reported(self) -> None:
        """Write what was reported, with the time at which it was."""
        while self._events:
            event, boot_ns = self._events.popleft()
            self._write(event, boot_ns - self._clock.boot_ns() + self._clock.unix_ns())

    def write(self, event: Event, unix_ns: int) -> None:
        """Log an event of that time, and write it."""
        self._log(event)
        self._write(event, unix_ns)

    def write_figures(self, figures: Figures) -> None:
        """Write one point for the service and one for each source."""
        time_ns = self._on_time_base(self._clock.unix_ns())
        for line in gateway_lines(self.config.vehicle, time_ns, figures.counters, figures.gauges):
            self._add(GATEWAY, line, time_ns)

    def write_factor(self, factor: int, *, ago_s: float = 0.0) -> None:
        """Write by which factor bounds are multiplied. ago_s: for how long already."""
        time_ns = self._on_time_base(self._clock.unix_ns()) - round(ago_s * 1e9)
        self._add(GATEWAY, factor_line(self.config.vehicle, time_ns, factor), time_ns)

    def _log(self, event: Event) -> None:
        level = logging.WARNING if event.level > Level.INFORMATION else logging.INFO
        LOG.log(level, "%s%s: %s", f"{event.source}: " if event.source else "", event.code, event.text)

    def _write(self, event: Event, unix_ns: int) -> None:
        time_ns = self._on_time_base(unix_ns)
        event = self._pipeline.set_off(event, unix_ns)
        self._live_state.add_event(event, unix_ns)
        self._add("event", event_line(event, self.config.vehicle, time_ns), time_ns)

    def _on_time_base(self, unix_ns: int) -> int:
        """Return `unix_ns`, a time of now, on the time base that batches have now."""
        age_ns = self._clock.unix_ns() - unix_ns
        if self.config.wait_for_clock and abs(age_ns) > OLD_EVENT_NS:
            age_ns = 0  # the clock was set meanwhile
        return (self._clock.unix_ns() if self.time_known else self._clock.boot_ns()) - age_ns

    def _add(self, measurement: str, line: bytes, time_ns: int) -> None:
        self._pipeline.add_point(measurement, line, time_ns, time_known=self.time_known)


def unclean_stop(recovery: Recovery, held: int) -> Event:
    """Make the event that the run before did not stop in order: what of it was stored.

    held: how many points are of what it had not decided yet.
    """
    gone = "what was in memory then is gone"
    if recovery.adopted_points:
        gone = f"{recovery.adopted_points} points were adopted from memory; what had not been kept is gone"
    text = f"{gone}; stored up to batch {recovery.last_sequence}"
    if held:
        text += f", and also {held} points that [reduce] had held back"
    positions = ", ".join(
        f"{name} frame {count}" for name, count in recovery.positions.items() if is_of_log(name)
    )
    return begins("unclean_stop", f"{text}; {positions}" if positions else text)
