"""Living without the device: when to try again, what to say about it, and a thread that outlives every fault.

Promises:
- A lost device is one event, and one when it is back, with the length of the gap.
- Attempts are 0.1 s apart at first and 5 s in the end, and stay apart while the device comes and goes.
- Nothing that a session raises ends the thread.
"""

import logging
import traceback
from collections.abc import Callable, Mapping

from telemetry.clock import Clock
from telemetry.errors import without_login
from telemetry.model.events import begins, ends
from telemetry.sources.inbox import Inbox, SourceEnded, SourceEvent
from telemetry.sources.stop import StopSignal

FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 5.0
_LOOK_EVERY_S = 1.0
OCCURRENCE_INTERVAL_S = 60.0

logger = logging.getLogger(__name__)


class Outages:
    """One device's comings and goings, as events. Touches neither device nor thread."""

    def __init__(self, source: str, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._lost_at_s: float | None = None
        self._back_at_s: float | None = None
        self._delay_s = FIRST_DELAY_S
        self.reason = ""

    @property
    def is_lost(self) -> bool:
        """Return whether the device is away."""
        return self._lost_at_s is not None

    def lost(self, reason: str) -> list[SourceEvent]:
        """Note that the device is away, or still is. Return an event the first time."""
        self.reason = reason
        if self._lost_at_s is not None:
            return []
        now_s = self._clock.monotonic_s()
        if self._back_at_s is None or now_s - self._back_at_s > LONGEST_DELAY_S:
            self._delay_s = FIRST_DELAY_S
        self._lost_at_s = now_s
        return [SourceEvent(begins("source_lost", reason, self._source), self._clock.unix_ns())]

    def back(self) -> list[SourceEvent]:
        """Note that the device works. Return the events that say so if it was away."""
        if self._lost_at_s is None:
            return []
        self._back_at_s = self._clock.monotonic_s()
        gap_s = self._back_at_s - self._lost_at_s
        self._lost_at_s = None
        text = f"back after {gap_s:.1f} s ({self.reason})"
        now_ns = self._clock.unix_ns()
        return [
            SourceEvent(ends("source_lost", text, self._source), now_ns),
            SourceEvent(begins("source_back", text, self._source), now_ns),
        ]

    def next_delay_s(self) -> float:
        """Return how long to wait before the next attempt."""
        delay_s = self._delay_s
        self._delay_s = min(2 * delay_s, LONGEST_DELAY_S)
        return delay_s


class Occurrences:
    """Makes events of a counter that grows, one a minute at most: the first at once, the rest summed up."""

    def __init__(self, source: str, code: str, what: str) -> None:
        self._source = source
        self._code = code
        self._what = what
        self._reported = 0
        self._next_s = float("-inf")

    def observe(self, count: int, now_s: float, now_ns: int) -> list[SourceEvent]:
        """Return the event that is due. count: so far. now_s: monotonic; now_ns: the event's stamp."""
        if count == self._reported or now_s < self._next_s:
            return []
        text = f"{self._what}: {count - self._reported}"
        self._reported = count
        self._next_s = now_s + OCCURRENCE_INTERVAL_S
        return [SourceEvent(begins(self._code, text, self._source), now_ns)]


def keep_connected(
    session: Callable[[], None],
    outages: Outages,
    output: Inbox,
    stop: StopSignal,
    clock: Clock,
    while_lost: Callable[[], None] = lambda: None,
) -> None:
    """Run `session`, which opens a device and uses it until stopped, again and again until stopped.

    What it raises is the reason why the device is lost; a fault of our own is treated alike, and logged.
    while_lost: is called each second between two attempts.
    """
    while not stop.is_set():
        try:
            session()
        except (OSError, EOFError) as error:
            reason = reason_of(error)
        except Exception as error:  # noqa: BLE001  whatever it is, the device is tried again
            logger.error("a source failed: %s", without_login(traceback.format_exc()))
            reason = without_login(f"internal error: {type(error).__name__}: {error}")
        else:
            continue
        put_all(outages.lost(reason), output)
        left_s = outages.next_delay_s()
        while left_s > 0.0 and not clock.wait(stop.event, min(left_s, _LOOK_EVERY_S)):
            left_s -= _LOOK_EVERY_S
            while_lost()


def reason_of(error: BaseException) -> str:
    """Return an exception's own words, in one line, without the login of a URL that it quotes."""
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return without_login(" ".join(words.split())) or type(error).__name__


def put_all(events: list[SourceEvent], output: Inbox) -> None:
    """Hand events over; what finds no room among a thousand others is only logged."""
    for event in events:
        if not output.put(event):
            logger.warning("%s: %s", event.source, event.event.text)


def put_end(source: str, counts: Mapping[str, int], output: Inbox, *, is_complete: bool = False) -> None:
    """Put the last item of a source."""
    output.put(SourceEnded(source, counts, is_complete))
