"""The whole screen as lines of rich's text: which sections, in which order, and what is left out. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from rich.console import Console, ConsoleOptions
from rich.text import Text

from telemetry.live.words import moment
from telemetry.monitor.sections import (
    Json,
    account_lines,
    charger_lines,
    event_lines,
    message_lines,
    pack_lines,
    source_lines,
    trouble_lines,
)
from telemetry.monitor.text import Style, fit, flow, in_ascii, line, rule

LEAST_EVENT_LINES = 3  # a heading and two events
HUNG_S = 5.0  # a service publishes twice a second


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
        """Yield what rich prints: in ASCII where there is no more."""
        yield from map(in_ascii, self.lines) if options.ascii_only else self.lines


def has_nothing_mapped(live: Json) -> bool:
    """Return whether messages are all there is to show."""
    return not (live["packs"] or live["chargers"] or live.get("meters"))


@dataclass(frozen=True, slots=True)
class Filter:
    """Which signals are shown. is_open: keys go into the words now."""

    words: str = ""
    is_open: bool = False


ALL = Filter()


def view(
    live: Json,
    width: int,
    height: int,
    *,
    page: Page = Page.OVERVIEW,
    first: int = 0,
    wanted: Filter = ALL,
) -> View:
    """Return what fits into `width` x `height`: a heading, and the body from its line `first` on."""
    room = max(height - 1, 1)
    body = list(_body(live, width, page, room, wanted))
    last_first = max(len(body) - room, 0)
    first = min(max(first, 0), last_first)
    shown = body[first : first + room]
    if first < last_first:
        more = len(body) - first - room + 1
        shown[-1] = line((f" {more} more lines (arrow down)", Style.FAINT))
    lines = [_heading(live, width, page, wanted), *shown]
    return View([fit(each, width) for each in lines], first, last_first)


def whole(live: Json, width: int, *, page: Page = Page.OVERVIEW) -> View:
    """Return everything, for a pipe, a file or a terminal that cannot be drawn on."""
    lines = [_heading(live, width, None, ALL), *_body(live, width, page, None, ALL)]
    return View([fit(each, width) for each in lines])


def trouble(words: str, width: int) -> View:
    """Return a screen without values that says why."""
    title = rule(line(("nev-telemetry monitor", Style.HEADING)), line(("q quit", Style.FAINT)), width)
    reason = flow([line((word, Style.BAD)) for word in words.split()], width, " ")
    return View([fit(each, width) for each in (title, *reason)])


def _heading(live: Json, width: int, page: Page | None, wanted: Filter) -> Text:
    when = moment(live["time_ns"]) if live["time_ns"] else "nothing received yet"
    vehicle = line(("nev-telemetry ", Style.FAINT), (live["vehicle"], Style.HEADING), f"  {when}")
    hung_s = live["gauges"].get("status_age_s", 0.0)
    if hung_s > HUNG_S:
        return line(vehicle, (f"  the service hangs since {hung_s:.0f} s", Style.BAD))
    if page is None:
        return vehicle
    if wanted.is_open:
        keys = f"/{wanted.words}_  enter keep  esc all"
    else:
        found = "" if page is not Page.MESSAGES else f"/{wanted.words}  " if wanted.words else "/ filter  "
        keys = f"{found}m {'overview' if page is Page.MESSAGES else 'messages'}  q quit"
    fill = max(width - vehicle.cell_len - len(keys), 1)
    return line(vehicle, (f"{'':{fill}}{keys}", Style.FAINT))


def _body(live: Json, width: int, page: Page, room: int | None, wanted: Filter) -> Iterator[Text]:
    if page is Page.MESSAGES:
        lines = list(message_lines(live, width, wanted.words))
        if not live.get("messages"):
            lines.append(line((" no message that is known has come yet", Style.FAINT)))
        elif not lines:
            lines.append(line((" no signal fits the filter", Style.FAINT)))
        yield from lines
        return
    yield from trouble_lines(live)
    values = [
        *(each for pack in live["packs"] for each in pack_lines(pack, width)),
        *(each for charger in live["chargers"] for each in charger_lines("charger", charger, width)),
        *(each for meter in live.get("meters", ()) for each in charger_lines("meter", meter, width)),
        *source_lines(live, width),
    ]
    accounts = list(account_lines(live, width))
    events = list(event_lines(live, width))
    if room is not None:  # so many that the accounts stay in sight, but always the newest
        others = len(values) + len(accounts) + len(live.get("troubles", ()))
        events = events[: max(room - others, LEAST_EVENT_LINES)]
    yield from (*values, *events, *accounts)
    if has_nothing_mapped(live):
        yield from message_lines(live, width)
