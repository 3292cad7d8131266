"""The whole screen as lines of rich's text: which sections, in which order, and what is left out. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from rich.console import Console, ConsoleOptions
from rich.text import Text

from telemetry.monitor.gateway import account_lines, event_lines, source_lines
from telemetry.monitor.messages import message_lines
from telemetry.monitor.packs import charger_lines, pack_lines
from telemetry.monitor.text import Style, fit, flow, in_ascii, line, rule

LEAST_EVENT_LINES = 3  # a heading and two events
HUNG_S = 5.0  # a service publishes twice a second

Json = Mapping[str, Any]


class Page(Enum):
    """What the screen shows."""

    OVERVIEW = "overview"
    MESSAGES = "messages"


@dataclass(frozen=True, slots=True)
class View:
    """Lines of one screen, and how far it can be scrolled: first is the first body line that is shown."""

    lines: Sequence[Text]
    first: int = 0
    last_first: int = 0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """What rich prints: in ASCII where there is no more."""
        yield from map(in_ascii, self.lines) if options.ascii_only else self.lines


def has_nothing_mapped(live: Json) -> bool:
    """Whether messages are all there is to show."""
    return not (live["packs"] or live["chargers"] or live.get("meters"))


def view(live: Json, width: int, height: int, *, page: Page = Page.OVERVIEW, first: int = 0) -> View:
    """Exactly what fits into `width` x `height`: a heading, and the body from its line `first` on."""
    room = max(height - 1, 1)
    body = list(_body(live, width, page, room))
    last_first = max(len(body) - room, 0)
    first = min(max(first, 0), last_first)
    shown = body[first : first + room]
    if first < last_first:
        more = len(body) - first - room + 1
        shown[-1] = line((f" {more} more lines (arrow down)", Style.FAINT))
    lines = [_heading(live, width, page), *shown]
    return View([fit(each, width) for each in lines], first, last_first)


def whole(live: Json, width: int, *, page: Page = Page.OVERVIEW) -> View:
    """Everything, for a pipe, a file or a terminal that cannot be drawn on."""
    lines = [_heading(live, width, page=None), *_body(live, width, page, room=None)]
    return View([fit(each, width) for each in lines])


def trouble(words: str, width: int) -> View:
    """No values at all, and why."""
    title = rule(line(("nev-telemetry monitor", Style.HEADING)), line(("q quit", Style.FAINT)), width)
    reason = flow([line((word, Style.BAD)) for word in words.split()], width, " ")
    return View([fit(each, width) for each in (title, *reason)])


def _heading(live: Json, width: int, page: Page | None) -> Text:
    moment = _moment(live["time_ns"]) if live["time_ns"] else "nothing received yet"
    vehicle = line(("nev-telemetry ", Style.FAINT), (live["vehicle"], Style.HEADING), f"  {moment}")
    hung_s = live["gauges"].get("status_age_s", 0.0)
    if hung_s > HUNG_S:
        return line(vehicle, (f"  the service hangs since {hung_s:.0f} s", Style.BAD))
    if page is None:
        return vehicle
    keys = f"m {'overview' if page is Page.MESSAGES else 'messages'}  q quit"
    fill = max(width - vehicle.cell_len - len(keys), 1)
    return line(vehicle, (f"{'':{fill}}{keys}", Style.FAINT))


def _moment(time_ns: int) -> str:
    try:
        return datetime.fromtimestamp(time_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{time_ns} ns"


def _body(live: Json, width: int, page: Page, room: int | None) -> Iterator[Text]:
    if page is Page.MESSAGES:
        yield from message_lines(live, width)
        if not live.get("messages"):
            yield line((" no message that is known has come yet", Style.FAINT))
        return
    values = [
        *(each for pack in live["packs"] for each in pack_lines(pack, width)),
        *(each for charger in live["chargers"] for each in charger_lines("charger", charger, width)),
        *(each for meter in live.get("meters", ()) for each in charger_lines("meter", meter, width)),
        *source_lines(live, width),
    ]
    accounts = list(account_lines(live, width))
    events = list(event_lines(live, width))
    if room is not None:  # so many that the accounts stay in sight, but always the newest
        events = events[: max(room - len(values) - len(accounts), LEAST_EVENT_LINES)]
    yield from (*values, *events, *accounts)
    if has_nothing_mapped(live):
        yield from message_lines(live, width)
