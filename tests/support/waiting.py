"""Waiting for what other threads and processes do."""

import time
from collections.abc import Callable

DEADLINE_S = 120.0


def wait_until(condition: Callable[[], object], more: Callable[[], object] = str) -> None:
    """Wait until `condition` holds. more: what a failure after two minutes says."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s, more()
        time.sleep(0.02)
