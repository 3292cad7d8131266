"""Whether the device at a port is still the one that it was, by what it says of itself.

Promises:
- After a port was opened again, messages of a device that has named itself before are held back until it has
  done so again. A device that says nothing for 10 s is believed.
- As long as another device answers its messages are dropped: they never appear under the name of the one
  before. That begins and ends with an event.
"""

from collections.abc import Mapping

from telemetry.clock import Clock
from telemetry.model.events import begins, ends
from telemetry.sources.items import SourceEvent

HOLD_S = 10.0
_MAY_CHANGE = ("firmware", "software")  # by an update


class SameDevice:
    """Watches one device over all openings of its port. source: as its events have it."""

    def __init__(self, source: str, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._known: dict[str, str] = {}
        self._asked_since_s: float | None = None
        self.is_other = False

    @property
    def is_asked(self) -> bool:
        """Whether messages are to be held back, since it is not known yet who sends them."""
        if self._asked_since_s is None:
            return False
        if self._clock.monotonic_s() - self._asked_since_s >= HOLD_S:
            self._asked_since_s = None
        return self._asked_since_s is not None

    def opened(self) -> None:
        """The port was opened again."""
        self._asked_since_s = self._clock.monotonic_s() if self._known else None

    def heard(self, identity: Mapping[str, str]) -> list[SourceEvent]:
        """It has said this of itself by now. Return the events that follow."""
        said = {name: words for name, words in identity.items() if not name.startswith(_MAY_CHANGE)}
        common = [name for name in said if name in self._known]
        if not common and (self._known or not said):
            return []
        was_other, self.is_other = self.is_other, any(said[name] != self._known[name] for name in common)
        self._asked_since_s = None
        if not self.is_other:
            self._known |= said
        if self.is_other == was_other:
            return []
        now_ns = self._clock.unix_ns()
        if not self.is_other:
            return [SourceEvent(ends("device_changed", "the device is back", self._source), now_ns)]
        changes = ", ".join(f"{name} {self._known[name]} -> {said[name]}" for name in common)
        return [SourceEvent(begins("device_changed", f"another device: {changes}", self._source), now_ns)]
