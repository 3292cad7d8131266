"""When a silent device is not believed any more: values unknown after 10 s, offline after 60 s.

Promises: each is one event when it begins and one when it ends, and is counted; the last values are never
repeated, since rows come of good messages alone. Relies on being asked now and then; knows no port.
"""

from telemetry.clock import Clock
from telemetry.model.events import begins, ends
from telemetry.sources.items import SourceEvent

UNKNOWN_S = 10.0
OFFLINE_S = 60.0


class SilenceWatch:
    """How long one device has been silent."""

    def __init__(
        self, source: str, clock: Clock, *, unknown_s: float = UNKNOWN_S, offline_s: float = OFFLINE_S
    ) -> None:
        self._source = source
        self._clock = clock
        self._limits_s = {"values_unknown": unknown_s, "device_offline": offline_s}
        self._begun: list[str] = []
        self._since_s = clock.monotonic_s()
        self.count = 0  # how often the values became unknown

    @property
    def is_unknown(self) -> bool:
        """Return whether the device's values are unknown by now."""
        return bool(self._begun)

    @property
    def silent_s(self) -> float:
        """For how long it has been silent."""
        return self._clock.monotonic_s() - self._since_s

    def look(self) -> list[SourceEvent]:
        """Return the events that are due by now."""
        silent_s = self.silent_s
        due = [
            code
            for code, limit_s in self._limits_s.items()
            if silent_s >= limit_s and code not in self._begun
        ]
        self.count += "values_unknown" in due
        self._begun += due
        text = f"no good message for {silent_s:.1f} s"
        return [SourceEvent(begins(code, text, self._source), self._clock.unix_ns()) for code in due]

    def broken(self) -> list[SourceEvent]:
        """Return a good message has come: the events that end by it."""
        text = f"sent nothing for {self.silent_s:.1f} s"
        ended, self._begun = self._begun, []
        self._since_s = self._clock.monotonic_s()
        return [SourceEvent(ends(code, text, self._source), self._clock.unix_ns()) for code in ended]
