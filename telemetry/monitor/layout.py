"""The whole screen as lines: which sections, in which order, and what is left out where height ends. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from telemetry.monitor.gateway import account_lines, event_lines, source_lines
from telemetry.monitor.messages import message_lines
from telemetry.monitor.packs import charger_lines, pack_lines
from telemetry.monitor.text import Glyphs, Line, Piece, Style, cut, flow, rule, text, width_of

LEAST_EVENT_LINES = 3  # a heading and two events
HUNG_S = 5.0  # a service publishes twice a second

Json = Mapping[str, Any]


class Page(Enum):
    """What the screen shows."""

    OVERVIEW = "overview"
    MESSAGES = "messages"


@dataclass(frozen=True, slots=True)
class Screen:
    """Lines of one screen, and how far it can be scrolled: first is the first body line that is shown."""

    lines: tuple[Line, ...]
    first: int
    last_first: int


def has_nothing_mapped(live: Json) -> bool:
    """Whether messages are all there is to show."""
    return not (live["packs"] or live["chargers"] or live.get("meters"))


def screen(
    live: Json, width: int, height: int, glyphs: Glyphs, *, page: Page = Page.OVERVIEW, first: int = 0
) -> Screen:
    """Exactly what fits into `width` x `height`: a heading, and the body from its line `first` on."""
    room = max(height - 1, 1)
    body = [cut(line, width) for line in _body(live, width, glyphs, page, room)]
    last_first = max(len(body) - room, 0)
    first = min(max(first, 0), last_first)
    shown = body[first : first + room]
    if first < last_first:
        more = len(body) - first - room + 1
        shown[-1] = cut((Piece(f" {glyphs.dots} {more} more lines (arrow down)", Style.FAINT),), width)
    return Screen((_heading(live, width, page), *shown), first, last_first)


def plain_lines(live: Json, width: int, glyphs: Glyphs, *, page: Page = Page.OVERVIEW) -> Iterator[str]:
    """Everything as text, for a pipe, a file or a terminal that cannot be drawn on."""
    yield text(_heading(live, width, page=None))
    for line in _body(live, width, glyphs, page, room=None):
        yield text(cut(line, width))


def trouble(words: str, width: int, glyphs: Glyphs) -> Screen:
    """No values at all, and why."""
    title = rule(
        (Piece("nev-telemetry monitor", Style.HEADING),), (Piece("q quit", Style.FAINT),), width, glyphs
    )
    reason = flow([(Piece(word, Style.BAD),) for word in words.split()], width, " ")
    return Screen((title, *(cut(line, width) for line in reason)), 0, 0)


def _heading(live: Json, width: int, page: Page | None) -> Line:
    vehicle: Line = (
        Piece("nev-telemetry ", Style.FAINT),
        Piece(live["vehicle"], Style.HEADING),
        Piece(f"  {_moment(live['time_ns'])}" if live["time_ns"] else "  nothing received yet"),
    )
    hung_s = live["gauges"].get("status_age_s", 0.0)
    if hung_s > HUNG_S:
        return cut((*vehicle, Piece(f"  the service hangs since {hung_s:.0f} s", Style.BAD)), width)
    if page is None:
        return cut(vehicle, width)
    other = "overview" if page is Page.MESSAGES else "messages"
    keys: Line = (Piece(f"m {other}  q quit", Style.FAINT),)
    fill = width - width_of(vehicle) - width_of(keys)
    return cut((*vehicle, Piece(" " * max(fill, 1)), *keys), width)


def _moment(time_ns: int) -> str:
    try:
        return datetime.fromtimestamp(time_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{time_ns} ns"


def _body(live: Json, width: int, glyphs: Glyphs, page: Page, room: int | None) -> Iterator[Line]:
    if page is Page.MESSAGES:
        yield from message_lines(live, width, glyphs)
        if not live.get("messages"):
            yield (Piece(" no message that is known has come yet", Style.FAINT),)
        return
    values = [
        *(line for pack in live["packs"] for line in pack_lines(pack, width, glyphs)),
        *(line for charger in live["chargers"] for line in charger_lines("charger", charger, width, glyphs)),
        *(line for meter in live.get("meters", ()) for line in charger_lines("meter", meter, width, glyphs)),
        *source_lines(live, width, glyphs),
    ]
    accounts = list(account_lines(live, width, glyphs))
    events = list(event_lines(live, width, glyphs))
    if room is not None:  # so many that the accounts stay in sight, but always the newest
        events = events[: max(room - len(values) - len(accounts), LEAST_EVENT_LINES)]
    yield from (*values, *events, *accounts)
    if has_nothing_mapped(live):
        yield from message_lines(live, width, glyphs)
