"""Events that still hold: alarms and other states that have begun and not ended, and what happened lately.

Promises:
- An alarm holds until the event of its end, however many other events come meanwhile.
- A happening without an end, such as refused points, holds for LATELY_S, or until an event says that it is
  overcome: a charging error, until the charge begins again.
- A state that is reported again while it lasts is held once, with its newest words.
- At most MAX_STANDING are kept: those that began last.

Pure: times are passed in.
"""

import re
from collections.abc import Callable, Container
from dataclasses import dataclass

from telemetry.model.event_codes import EVENT_CODES, Level
from telemetry.model.events import Event

LATELY_S = 600.0
MAX_STANDING = 100
_INTERRUPTED = frozenset(("charging_error", "charging_silence"))
_UNDONE_BY = {  # at the same source and plug
    "config_reloaded": frozenset(("config_refused",)),
    "charging_reconnect": _INTERRUPTED,
    "charging_started": _INTERRUPTED | {"charging_cut"},
}


@dataclass(frozen=True, slots=True)
class _Begun:
    event: Event
    at_s: float


class Standing:
    """Takes in each event once, in their order."""

    def __init__(self) -> None:
        self._begun: list[_Begun] = []

    def add(self, event: Event, now_s: float) -> None:
        """Add an event. now_s: monotonic, when it was made."""
        if not event.active:
            self._end(event)
            return
        undone = _UNDONE_BY.get(event.code, frozenset())
        self._begun = [
            each
            for each in self._begun
            if each.event.code not in undone or _about(each.event)[1:] != _about(event)[1:]
        ]
        if event.level > Level.INFORMATION:
            if not _may_hold_twice(event):  # of what is reported again and again the last one is enough
                self._begun = [each for each in self._begun if _about(each.event) != _about(event)]
            self._begun = [*self._begun, _Begun(event, now_s)][-MAX_STANDING:]

    def _end(self, event: Event) -> None:
        """End what began under the same code: the same cell or bit, and otherwise the oldest."""
        alike = [each for each in self._begun if _about(each.event) == _about(event)]
        if alike:
            same = (each for meaning in _MEANINGS for each in alike if meaning(each.event) == meaning(event))
            self._begun.remove(next(same, alike[0]))

    def forget(self, codes: Container[str], source: str = "") -> None:
        """Forget events of these codes, which nobody will end. source: those of this source alone."""
        self._begun = [
            each
            for each in self._begun
            if each.event.code not in codes or (source and each.event.source != source)
        ]

    def at(self, now_s: float) -> tuple[Event, ...]:
        """Return what holds at this time: the worst first, and of one level the newest."""
        self._begun = [each for each in self._begun if is_state(each.event) or now_s - each.at_s <= LATELY_S]
        return tuple(sorted((each.event for each in reversed(self._begun)), key=lambda event: -event.level))


def is_state(event: Event) -> bool:
    """Return whether it lasts until another event ends it."""
    return EVENT_CODES[event.code].ends or EVENT_CODES[event.code].is_alarm


def _may_hold_twice(event: Event) -> bool:
    """Return whether several cells, bits or pages of one owner may hold at once."""
    return event.code == "page_missing" or EVENT_CODES[event.code].is_alarm


def _about(event: Event) -> tuple[str, ...]:
    return (event.code, event.source, event.pack, event.charger)


def _condition(event: Event) -> tuple[str, str]:
    """Return `cell 3` and `above 4.2 V` of "cell 3 is 4.3 V, above 4.2 V"; of an alarm bit its own words."""
    crossing = _CROSSING.fullmatch(event.text)
    return (crossing[1], crossing[2]) if crossing else (event.text.removeprefix("no longer: "), "")


def _without_value(event: Event) -> tuple[str, str]:
    """Return the condition without the value in brackets that only the beginning has."""
    subject, limit = _condition(event)
    return _VALUE.sub("", subject), limit


def _subject(event: Event) -> str:
    """Return the condition without the limit, which a reload may have changed meanwhile."""
    return _condition(event)[0]


_CROSSING = re.compile(r"(.*) is \S+(?: \S+)?, (?:no longer )?((?:above|below) .*)")
_VALUE = re.compile(r" \(-?[0-9]+\)$")
# How the event of an end is compared with those that hold, the closest first.
_MEANINGS: tuple[Callable[[Event], object], ...] = (_condition, _without_value, _subject)
