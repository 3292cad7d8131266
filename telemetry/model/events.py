"""Events: what happened to the service, its sources, its sink and the batteries, as points of `event`.

Promises:
- A code is a word of the closed vocabulary (`telemetry.model.event_codes`), so no query depends on wording.
- Two events of one stamp do not overwrite each other, since the code is a tag.
"""

from dataclasses import dataclass

from telemetry.model import point as lineprotocol
from telemetry.model.event_codes import EVENT_CODES, Level
from telemetry.model.measurements import EVENT


@dataclass(frozen=True, slots=True)
class Event:
    """Something that began (`active`) or ended. `source` is a bus or port; empty: the service itself.

    `pack` or `charger` names the owner of an alarm; empty: the event is not about one. `capture` is the id of
    what is sent and kept round it; empty: nothing is. `trigger` is the number of the `[[trigger]]` that
    it is of, or -1.

    Raises ValueError when the code is not in the vocabulary.
    """

    code: str
    level: Level
    active: bool
    text: str
    source: str = ""
    pack: str = ""
    charger: str = ""
    capture: str = ""
    trigger: int = -1

    def __post_init__(self) -> None:
        if self.code not in EVENT_CODES:
            raise ValueError(f"no event is called {self.code!r}")


def begins(code: str, text: str, source: str = "") -> Event:
    """Make the event that `code` has begun or happened, at the level of the vocabulary."""
    return Event(code, EVENT_CODES[code].level, active=True, text=text, source=source)


def ends(code: str, text: str, source: str = "") -> Event:
    """Make the event that `code` has ended."""
    return Event(code, Level.INFORMATION, active=False, text=text, source=source)


def line(event: Event, vehicle: str, time_ns: int) -> bytes:
    """Return the event as one point of line protocol, without a newline; `time_ns` since 1970."""
    return lineprotocol.line(
        EVENT.name,
        {
            "vehicle": vehicle,
            "pack": event.pack,
            "charger": event.charger,
            "source": event.source,
            "code": event.code,
        },
        {
            "level": float(event.level),
            "active": event.active,
            "text": event.text,
            "capture": event.capture or None,
        },
        time_ns,
    )
