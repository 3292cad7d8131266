"""Where the monitor's values come from: every feed returns the JSON of `telemetry.live.view`."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from telemetry.clock import Clock
from telemetry.errors import DataError
from telemetry.live.status_socket import query_status

SETTLE_S = 2.0

Json = Mapping[str, Any]


class Feed(Protocol):
    """Values to show."""

    def read(self, *, with_messages: bool) -> Json:
        """Return the present state. Raises UnavailableError while it is not known."""
        ...

    def settle(self, *, with_messages: bool) -> None:
        """Wait until one look is worth it."""
        ...

    def close(self) -> None:
        """Release everything."""
        ...


class ServiceFeed:
    """The running service whose spool is in `directory`."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock

    def read(self, *, with_messages: bool) -> Json:
        """Ask its status socket."""
        status = query_status(self._directory, "messages" if with_messages else "status")
        live = status.get("live")
        if not isinstance(live, dict):
            raise DataError(
                "answers without live values", where=str(self._directory), hint="is it an older version?"
            )
        return live

    def settle(self, *, with_messages: bool) -> None:
        """Wait: a service collects messages from the first time it is asked for them."""
        live = self.read(with_messages=with_messages)
        if with_messages and not live.get("messages"):
            self._clock.wait(threading.Event(), SETTLE_S)

    def close(self) -> None:
        """Release nothing."""
