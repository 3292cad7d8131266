"""The monitor at work: read the feed, draw, wait for a key, until `q`. Terminal and feed are passed in."""

from typing import Protocol

from telemetry.errors import UnavailableError
from telemetry.model.source_states import WELL
from telemetry.monitor.feeds import Feed, Json
from telemetry.monitor.layout import Filter, Page, View, has_nothing_mapped, trouble, view

REDRAW_S = 0.5
MOST_LETTERS = 60  # of a filter
_LETTERS = {"k": "up", "j": "down", "b": "page up", " ": "page down"}


class Drawable(Protocol):
    """What a terminal can do."""

    @property
    def size(self) -> tuple[int, int]: ...

    def draw(self, shown: View) -> None: ...

    def key(self, timeout_s: float) -> str: ...


class Viewing:
    """One user in front of one screen."""

    def __init__(self, feed: Feed, terminal: Drawable, page: Page) -> None:
        self._feed = feed
        self._terminal = terminal
        self._page = page
        self._first = 0
        self._last_first = 0
        self._filter = Filter()
        self._has_nothing_mapped = True

    def run(self) -> None:
        """Run until `q`, or until there is no terminal any more."""
        while True:
            width, height = self._terminal.size
            self._draw(width, height)
            key = self._terminal.key(REDRAW_S)
            if self._filter.is_open and key != "end":
                self._type(key)
                continue
            match _LETTERS.get(key, key):
                case "q" | "Q" | "end":
                    return
                case "/":
                    self._page = Page.MESSAGES
                    self._filter = Filter(self._filter.words, is_open=True)
                case "escape":
                    self._filter = Filter()
                case "m":
                    self._page = Page.OVERVIEW if self._page is Page.MESSAGES else Page.MESSAGES
                    self._first = 0
                case "up":
                    self._scroll(-1)
                case "down":
                    self._scroll(1)
                case "page up":
                    self._scroll(-(height - 2))
                case "page down":
                    self._scroll(height - 2)

    def _type(self, key: str) -> None:
        """Take a key while the filter is open: letters are its words."""
        words = self._filter.words
        match key:
            case "enter":
                self._filter = Filter(words)
            case "escape":
                self._filter = Filter()
            case "backspace":
                self._filter = Filter(words[:-1], is_open=True)
            case _ if len(key) == 1 and key.isprintable():
                self._filter = Filter((words + key)[:MOST_LETTERS], is_open=True)
        self._first = 0

    def _scroll(self, lines: int) -> None:
        self._first = min(max(self._first + lines, 0), self._last_first)

    def _draw(self, width: int, height: int) -> None:
        wants_messages = self._page is Page.MESSAGES or self._has_nothing_mapped
        try:
            live = self._feed.read(with_messages=wants_messages)
        except UnavailableError as error:
            self._terminal.draw(trouble(str(error), width))
            return
        self._has_nothing_mapped = has_nothing_mapped(live)
        shown = view(live, width, height, page=self._page, first=self._first, wanted=self._filter)
        self._first, self._last_first = shown.first, shown.last_first
        self._terminal.draw(shown)


def look_once(feed: Feed, page: Page) -> Json:
    """Return one reading, after the feed has settled."""
    feed.settle(with_messages=page is Page.MESSAGES)
    live = feed.read(with_messages=page is Page.MESSAGES)
    if has_nothing_mapped(live) and "messages" not in live:
        feed.settle(with_messages=True)
        live = feed.read(with_messages=True)
    return live


def nothing_came(live: Json) -> UnavailableError | None:
    """Return the error that no source has read a frame, with what each of them does; None: one has."""
    sources = live["sources"]
    if any(each["read"] > each["lost"].get("damaged", 0) for each in sources):  # what is damaged is no frame
        return None
    states = "; ".join(f"{each['source']}: {each['state'] or 'not started'}" for each in sources)
    is_silent = all(each["state"] in WELL for each in sources)
    hint = "is anything sending there, at this bit rate or by this protocol?" if is_silent else ""
    return UnavailableError(f"nothing has come yet: {states}", hint=hint)
