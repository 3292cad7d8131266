"""Attempts that must not stop one another, or the pipeline.

Promises: what one of them raises is logged and ends nothing. Pure but for the log.
"""

import logging
from collections.abc import Callable, Iterable

LOG = logging.getLogger("telemetry.service")

Attempt = Callable[[], None]


class Reports:
    """Reports that are made again and again. A failure is logged when it begins, and not each time."""

    def __init__(self) -> None:
        self._failing: set[Attempt] = set()

    def make(self, report: Attempt) -> None:
        """Make it, if that is possible now."""
        try:
            report()
        except Exception:
            if report not in self._failing:
                self._failing.add(report)
                LOG.exception("a report cannot be made")
        else:
            self._failing.discard(report)


def take_all(steps: Iterable[Attempt], on_failure: Callable[[Exception], None]) -> None:
    """Take all steps in their order, whatever became of those before."""
    for step in steps:
        try:
            step()
        except Exception as error:
            LOG.exception("a step of stopping has failed")
            on_failure(error)
