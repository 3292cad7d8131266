"""Applies what a link may carry to a running service: when and in which order it sends, and its budget.

Promises: the data says by which factor bounds are multiplied, each minute and at each change. A larger one is
stamped before the first value that it may concern. A start goes on with the factor, and with what was spent
up to 15 s before a kill. Without `[uplink]` all is as configured. Relies on the pipeline's thread calling it.
"""

import contextlib
import json
from typing import TYPE_CHECKING

from telemetry.clock import Clock
from telemetry.config import Config
from telemetry.model.events import begins
from telemetry.service.own_points import OwnPoints
from telemetry.service.pipeline import Pipeline
from telemetry.sinks.sink import Sink

if TYPE_CHECKING:  # a service without a budget imports none of it
    from telemetry.sinks.budget import Budget

SAY_EVERY_S = 60.0
LEAVE_EVERY_S = 15.0  # what the next start must know
LATE_S = 1.0  # frames come no later to the pipeline


class Uplink:
    """The budget, if there is one, and what follows from its factor."""

    def __init__(self, pipeline: Pipeline, sink: Sink, own: OwnPoints, clock: Clock) -> None:
        """Have no budget: see `adopt`."""
        self._pipeline, self._sink, self._own, self._clock = pipeline, sink, own, clock
        self._budget: Budget | None = None
        self._bytes_per_hour: int | None = None
        self._say_at_s, self._said = 0.0, 1
        self._leave_at_s = 0.0

    def adopt(self, config: Config) -> None:
        """Be as `config` says, whose stages the pipeline has. An unchanged budget goes on with its factor."""
        self._config, self.gateway_every_s = config, config.gateway_every_s
        self._sink.send_every(config.send.every_s)
        self._sink.send_backlog(newest_first=config.send.newest_first)
        earlier = self._budget
        if config.uplink.bytes_per_hour != self._bytes_per_hour:
            self._bytes_per_hour, self._budget = config.uplink.bytes_per_hour, None
            if self._bytes_per_hour is not None:
                self._budget = self._begin(self._bytes_per_hour, earlier)
        factor = self._budget.factor if self._budget else 1
        if self._budget is not None:
            self._apply(factor)
            self._say_at_s = 0.0
        elif earlier:
            self._pipeline.uplink_memory = b""
            self._own.write_factor(1)
            self._said = 1
        if earlier and earlier.factor != factor:
            self._report(factor, earlier.factor)

    def _begin(self, bytes_per_hour: int, earlier: "Budget | None") -> "Budget":
        """Return a budget that knows what the hour has spent: by another one, or before this start."""
        from telemetry.sinks.budget import Budget

        now_s, unix_s = self._clock.monotonic_s(), self._clock.unix_ns() / 1e9
        budget = Budget(bytes_per_hour, now_s, self._sink.state.link_bytes, self._line_bytes)
        if earlier is not None:
            budget.remember(earlier.memory())
        elif self._pipeline.uplink_memory:
            with contextlib.suppress(ValueError, TypeError):  # another version's: it begins again
                left_s, factor, memory = json.loads(self._pipeline.uplink_memory)
                away_s = max(unix_s - left_s, 0.0) if left_s and self._own.time_known else 0.0
                budget.remember(memory, factor=factor, away_s=away_s)
        return budget

    def _leave(self, budget: "Budget") -> None:
        """Leave what a start needs: without a time if that is not known, so that none counts as passed."""
        left_s = self._clock.unix_ns() // 10**9 if self._own.time_known else 0
        content = json.dumps((left_s, budget.factor, budget.memory()), separators=(",", ":"))
        self._pipeline.uplink_memory = content.encode()

    @property
    def _line_bytes(self) -> int:
        return sum(self._pipeline.bytes_by_measurement().values())

    @property
    def gauges(self) -> dict[str, float]:
        """Return the factor in force, where there is a budget."""
        return {"bound_factor": self._budget.factor} if self._budget is not None else {}

    def tick(self) -> bool:
        """Look at what the link has carried; return whether the factor has changed. About once a second."""
        budget = self._budget
        if budget is None:
            return False
        before, now_s = budget.factor, self._clock.monotonic_s()
        factor = budget.step(now_s, self._sink.state.link_bytes, self._line_bytes)
        if factor != before:
            self._apply(factor)
            self._report(factor, before)
            self._say_at_s = now_s
        if now_s >= self._say_at_s:
            self._say_at_s = now_s + SAY_EVERY_S
            # One that is not smaller has been in force: all of these have stamps in the order of saying.
            self._own.write_factor(factor, ago_s=0.0 if factor < self._said else LATE_S)
            self._said = factor
        if now_s >= self._leave_at_s or factor != before:
            self._leave_at_s = now_s + LEAVE_EVERY_S
            self._leave(budget)
        return factor != before

    def _report(self, factor: int, before: int) -> None:
        words = f"bounds are multiplied by {factor}, no longer by {before}"
        carried = f"the link has carried {self._sink.state.link_bytes:,} bytes"
        self._own.report(begins("resolution_changed", f"{words}; {carried}"))

    def _apply(self, factor: int) -> None:
        from telemetry.sinks import budget

        config = self._config
        longest_s = config.reduce.longest_ns / 1e9
        self._pipeline.set_factor(factor, budget.stretched(longest_s, factor, budget.LONGEST_VALUE_S))
        self._sink.send_every(budget.stretched(config.send.every_s, factor, budget.LONGEST_SEND_S))
        every_s = config.gateway_every_s
        self.gateway_every_s = budget.stretched(every_s, factor, budget.LONGEST_GATEWAY_S)
