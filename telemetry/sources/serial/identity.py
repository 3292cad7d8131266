"""Whether the device at a port is still the one that it was, by what it says of itself.

Promises:
- After a port was opened again, messages of a device that has named itself before are held back until it has
  done so again. A device that talks for 60 s without a name is believed.
- As long as another device answers its messages are dropped: they never appear under the name of the one
  before. That begins and ends with an event.
"""

from collections.abc import Mapping

from telemetry.clock import Clock
from telemetry.model.events import begins, ends
from telemetry.sources.items import SourceEvent

HOLD_S = 60.0
_MAY_CHANGE = ("firmware", "software")  # by an update


class SameDevice:
    """Watches one device over all openings of its port. source: as its events have it."""

    def __init__(self, source: str, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._known: dict[str, str] = {}
        self._talks_since_s: float | None = None  # without a name, after the port was opened
        self.is_doubted = False  # whether messages are to be held back, since it is not known who sends them
        self.is_other = False

    def opened(self) -> None:
        """Begin again: the port was opened again."""
        self.is_doubted = bool(self._known)
        self._talks_since_s = None

    def heard(self, identity: Mapping[str, str]) -> list[SourceEvent]:
        """Return the events that follow from messages: it has said this of itself by now."""
        now_s = self._clock.monotonic_s()
        if self._talks_since_s is None:
            self._talks_since_s = now_s
        if now_s - self._talks_since_s >= HOLD_S:
            self.is_doubted = False
        said = {name: words for name, words in identity.items() if not name.startswith(_MAY_CHANGE)}
        common = [name for name in said if name in self._known]
        if not common and (self._known or not said):
            return []
        was_other, self.is_other = self.is_other, any(said[name] != self._known[name] for name in common)
        self.is_doubted = False
        if not self.is_other:
            self._known |= said
        if self.is_other == was_other:
            return []
        now_ns = self._clock.unix_ns()
        if not self.is_other:
            return [SourceEvent(ends("device_changed", "the device is back", self._source), now_ns)]
        changes = ", ".join(f"{name} {self._known[name]} -> {said[name]}" for name in common)
        return [SourceEvent(begins("device_changed", f"another device: {changes}", self._source), now_ns)]
