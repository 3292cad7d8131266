"""Events that still hold: alarms and other states that have begun and not ended, and what happened lately.

Promises:
- An alarm holds until the event of its end, however many other events come meanwhile.
- A happening without an end, such as refused points, holds for LATELY_S.
- At most MAX_STANDING are kept: those that began last.

Pure: times are passed in.
"""

from dataclasses import dataclass

from telemetry.model.event_codes import EVENT_CODES, FIRST_ALARM, Level
from telemetry.model.events import Event

LATELY_S = 600.0
MAX_STANDING = 100
# Below FIRST_ALARM: the states that end by an event of the same code. All other codes happen in a moment.
_STATES = frozenset(
    (
        "source_lost",
        "values_unknown",
        "device_offline",
        "page_missing",
        "bus_off",
        "error_warning",
        "error_passive",
        "clock_unknown",
        "spool_volatile",
        "spool_evicting",
        "spool_damaged",
        "sink_hold",
        "sink_unreachable",
    )
)
_UNDONE_BY = {"config_reloaded": "config_refused", "service_start": "service_stop"}


@dataclass(frozen=True, slots=True)
class _Begun:
    event: Event
    at_s: float


class Standing:
    """Takes in each event once, in their order."""

    def __init__(self) -> None:
        self._begun: list[_Begun] = []

    def add(self, event: Event, now_s: float) -> None:
        """now_s: monotonic, when the event was made."""
        if not event.active:
            self._end(event)
            return
        undone = _UNDONE_BY.get(event.code)
        self._begun = [each for each in self._begun if each.event.code != undone]
        if event.level > Level.INFORMATION:
            if not is_state(event):  # of what happens again and again the last one is enough
                self._begun = [each for each in self._begun if _about(each.event) != _about(event)]
            self._begun = [*self._begun, _Begun(event, now_s)][-MAX_STANDING:]

    def _end(self, event: Event) -> None:
        """One of what began under the same code: the same cell or bit, and otherwise the oldest."""
        alike = [each for each in self._begun if _about(each.event) == _about(event)]
        if alike:
            same = (each for each in alike if _subject(each.event) == _subject(event))
            self._begun.remove(next(same, alike[0]))

    def at(self, now_s: float) -> tuple[Event, ...]:
        """What holds at this time: the worst first, and of one level the newest."""
        self._begun = [each for each in self._begun if is_state(each.event) or now_s - each.at_s <= LATELY_S]
        return tuple(sorted((each.event for each in reversed(self._begun)), key=lambda event: -event.level))


def is_state(event: Event) -> bool:
    """Whether it lasts until another event ends it."""
    return event.code in _STATES or EVENT_CODES[event.code].number >= FIRST_ALARM


def _about(event: Event) -> tuple[str, ...]:
    return (event.code, event.source, event.pack, event.charger)


def _subject(event: Event) -> str:
    """`cell 3` of "cell 3 is 4.3 V, above 4.2 V"; the bit's words of an alarm bit."""
    text = event.text.removeprefix("no longer: ").partition(" is ")[0]
    return text.partition(" (")[0]
