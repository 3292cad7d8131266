"""Alarms: what is watched for in the rows, and the events of their beginning and end.

Promises:

- The events depend on the rows alone.
- Two events of one alarm, or of two alarms with one code, never overwrite one another in the database. Equal
  stamps, and stamps that step back, are set apart as those of frames are (`telemetry_core.frames.stamps`).
  This includes the events of the stages before a reload.

Relies on `telemetry_core.rules.watcher` for transitions only, never repetitions.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from telemetry_core.frames.stamps import Nudger
from telemetry_core.rules.watch_spec import CrossingTest, LimitTest, RuleSpec, ValueTest
from telemetry_core.rules.watcher import StandingAlarm, Transition

from telemetry.model.event_codes import EVENT_CODES, Level
from telemetry.model.events import Event


@dataclass(frozen=True, slots=True)
class Alarm:
    """One rule and what it means. pack, charger: the event's tags; empty: without that tag.

    trigger: the number of the `[[trigger]]` that it sets off; -1: of none.
    """

    rule: RuleSpec
    code: str
    level: Level
    text: str  # of a limit: the field's name; {n} is the number of the cell or sensor
    pack: str = ""
    charger: str = ""
    limit: str = ""  # such as "above 4.2 V"; empty: no limit
    unit: str = ""  # of the value that crosses a limit
    trigger: int = -1

    @property
    def subject(self) -> tuple[object, ...]:
        """Return what it is about, without its limit, duration and bits."""
        is_upper = self.rule.test.is_upper if isinstance(self.rule.test, LimitTest) else None
        return (self.code, self.level, self.text, self.pack, self.charger, self.rule.sender, is_upper)

    @property
    def crossing(self) -> tuple[object, ...]:
        """Return what it is about and its limit, without its duration and hysteresis."""
        return (*self.subject, self.rule.test.limit if isinstance(self.rule.test, LimitTest) else None)

    def last_words(self) -> str:
        """Return the text of the event that ends it because nothing watches for it any more."""
        text = self.text.replace(" {n}", "s")
        return f"no longer watched: {text}{self.limit and ' '}{self.limit}"

    def words(self, transition: Transition) -> str:
        """Return the text of the event."""
        if isinstance(self.rule.test, CrossingTest) and self.rule.test.within_ns:
            within_s = self.rule.test.within_ns / 1e9
            return (
                f"{self.text} changes by {transition.value:.6g}{self.unit and ' '}{self.unit}"
                f" within {within_s:g} s"
            )
        if self.limit:
            subject = self.text.replace("{n}", str(transition.member + 1))
            is_now = self.limit if transition.active else f"no longer {self.limit}"
            return f"{subject} is {transition.value:.6g}{self.unit and ' '}{self.unit}, {is_now}"
        if not transition.active:
            return f"no longer: {self.text}"
        if isinstance(self.rule.test, ValueTest) and len(self.rule.test.values) > 1:
            return f"{self.text} ({transition.value:.0f})"
        return self.text


class AlarmEvents:
    """Makes events of transitions."""

    def __init__(self, alarms: Sequence[Alarm]) -> None:
        self.alarms = alarms
        self._nudger = Nudger()
        self._series: dict[tuple[str, ...], int] = {}  # numbers, by the tags of the event

    def carry_on(self, earlier: "AlarmEvents") -> None:
        """Set events apart from those of `earlier`, too. Call this before the first event."""
        self._nudger, self._series = earlier._nudger, earlier._series

    def of(self, transition: Transition, source: str) -> tuple[Event, int]:
        """Return the event of one transition on a channel whose tag is `source`, and its stamp."""
        alarm = self.alarms[transition.rule]
        level = alarm.level if transition.active else Level.INFORMATION
        words = alarm.words(transition)
        return self._stamped(alarm, level, transition.time_ns, source, words, active=transition.active)

    def last(self, standing: StandingAlarm, source: str) -> tuple[Event, int]:
        """Return the event that ends an active alarm on a channel whose tag is `source`, and its stamp."""
        alarm = self.alarms[standing.rule]
        return self._stamped(
            alarm, Level.INFORMATION, standing.seen_ns, source, alarm.last_words(), active=False
        )

    def _stamped(
        self, alarm: Alarm, level: Level, time_ns: int, source: str, text: str, *, active: bool
    ) -> tuple[Event, int]:
        event = Event(
            alarm.code,
            level,
            active=active,
            text=text,
            source=source,
            pack=alarm.pack,
            charger=alarm.charger,
            trigger=alarm.trigger,
        )
        return event, self.stamped(event, time_ns)

    def stamped(self, event: Event, time_ns: int) -> int:
        """Return a stamp for `event`, whose row has `time_ns`, that no event of its code and tags has had."""
        tags = (event.code, event.source, event.pack, event.charger)
        number = self._series.setdefault(tags, len(self._series))
        return time_ns + self._nudger.nudge_of(number, time_ns)


def successors(
    old: Iterable[tuple[int, Alarm]], new: Iterable[tuple[int, Alarm]], *, same_limit: bool = False
) -> dict[int, int]:
    """Return, by the number of each old alarm, the number of the new one that continues it.

    That is the one of the same subject; of several the one in the same place. With `same_limit` its limit
    must be the same, too.
    """
    places = {place: number for number, place in _places(new, same_limit=same_limit)}
    return {number: places[place] for number, place in _places(old, same_limit=same_limit) if place in places}


def _places(
    alarms: Iterable[tuple[int, Alarm]], *, same_limit: bool
) -> Iterator[tuple[int, tuple[object, ...]]]:
    seen = Counter[tuple[object, ...]]()
    for number, alarm in alarms:
        key = alarm.crossing if same_limit else alarm.subject
        seen[key] += 1
        yield number, (*key, seen[key])


def level_of(code: str, name: str | None) -> Level:
    """Return the level called `name`; without one, the level that the vocabulary gives the code."""
    return EVENT_CODES[code].level if name is None else Level[name.upper()]
