"""The keys of the monitor, and what each of them shows."""

import re
from typing import Any

import pytest

from telemetry.monitor.layout import Page, View, view
from telemetry.monitor.session import Viewing, look_once, nothing_came
from tests.support.live import example, message

WIDTH, HEIGHT = 80, 10
BODY = HEIGHT - 1
LIVE: dict[str, Any] = {
    **example(),
    "messages": [message(f"Message {number}", {"Value": number}) for number in range(20)],
}


class User:
    """A terminal at which these keys are pressed, each after a look at what is drawn."""

    size = (WIDTH, HEIGHT)

    def __init__(self, keys: list[str]) -> None:
        self._keys = [*keys, "q"]
        self.seen: list[View] = []

    def draw(self, shown: View) -> None:
        self.seen.append(shown)

    def key(self, timeout_s: float) -> str:
        assert timeout_s > 0
        return self._keys.pop(0)


class Values:
    """A feed of the same values again and again."""

    def __init__(self, live: dict[str, Any] = LIVE) -> None:
        self._live = live

    def read(self, *, with_messages: bool) -> dict[str, Any]:
        return {key: value for key, value in self._live.items() if with_messages or key != "messages"}

    def settle(self, *, with_messages: bool) -> None:
        pass

    def close(self) -> None:
        pass


LAST = view(LIVE, WIDTH, HEIGHT).last_first


@pytest.mark.parametrize(
    ("keys", "page", "first"),
    [
        ([], Page.OVERVIEW, 0),
        (["down", "down", "down", "up"], Page.OVERVIEW, 2),
        (["up"], Page.OVERVIEW, 0),
        (["page down", "page down", "page up"], Page.OVERVIEW, BODY - 1),
        (["page down"] * 50, Page.OVERVIEW, LAST),
        ([*["down"] * (LAST + 9), "up"], Page.OVERVIEW, LAST - 1),
        (["m"], Page.MESSAGES, 0),
        (["down", "down", "m"], Page.MESSAGES, 0),
        (["m", "page down", "m"], Page.OVERVIEW, 0),
        (["?", ""], Page.OVERVIEW, 0),
    ],
)
def test_keys_scroll_within_the_body_and_another_page_begins_at_its_top(
    keys: list[str], page: Page, first: int
) -> None:
    user = User(keys)
    Viewing(Values(), user, Page.OVERVIEW).run()
    assert user.seen[-1] == view(LIVE, WIDTH, HEIGHT, page=page, first=first)


class Growing(Values):
    """A feed that has something to show only once it has settled."""

    def __init__(self, live: dict[str, Any]) -> None:
        super().__init__(live)
        self._settled: set[bool] = set()

    def settle(self, *, with_messages: bool) -> None:
        self._settled.add(with_messages)

    def read(self, *, with_messages: bool) -> dict[str, Any]:
        assert with_messages in self._settled
        return super().read(with_messages=with_messages)


@pytest.mark.parametrize(
    ("page", "packs", "shows_messages"),
    [
        (Page.OVERVIEW, LIVE["packs"], False),
        (Page.MESSAGES, LIVE["packs"], True),
        (Page.OVERVIEW, [], True),
        (Page.MESSAGES, [], True),
    ],
)
def test_one_look_shows_messages_where_they_are_wanted_or_all_there_is(
    page: Page, packs: list[Any], shows_messages: bool
) -> None:
    live = {**LIVE, "packs": packs, "chargers": [], "meters": []}
    assert ("messages" in look_once(Growing(live), page)) is shows_messages


def silent(*states: str) -> dict[str, Any]:
    sources = [
        {"source": f"can{number}", "state": state, "read": 0, "lost": {}}
        for number, state in enumerate(states)
    ]
    return {**LIVE, "sources": sources}


@pytest.mark.parametrize(
    ("states", "words"),
    [
        (["waiting for can0: no such device"], "can0: waiting for can0: no such device"),
        (["receiving", "not started"], "can0: receiving; can1: not started"),
        (
            ["receiving"],
            "can0: receiving (is anything sending there, at this bit rate or by this protocol?)",
        ),
    ],
)
def test_a_look_at_which_nothing_came_is_an_error_that_says_what_each_source_does(
    states: list[str], words: str
) -> None:
    assert str(nothing_came(silent(*states))) == f"nothing has come yet: {words}"


def test_one_source_that_has_read_something_is_enough() -> None:
    assert nothing_came(LIVE) is None


@pytest.mark.parametrize(("read", "damaged", "is_something"), [(1, 1, False), (2, 1, True), (1, 0, True)])
def test_what_is_damaged_is_nothing_that_came(read: int, damaged: int, is_something: bool) -> None:
    live = silent("ended")
    live["sources"][0] |= {"read": read, "lost": {"damaged": damaged}}
    assert (nothing_came(live) is None) is is_something


def typed(words: str) -> list[str]:
    """Return keys: letters, and `enter`, `escape` or `backspace` in angle brackets."""
    return [name or letter for name, letter in re.findall(r"<(.+?)>|(.)", words)]


@pytest.mark.parametrize(
    ("keys", "values"),
    [
        ("/message 1", [1, 10, 11, 12]),
        ("/MESSAGE 19<enter>", [19]),
        ("/can0 e 7<enter>", [7, 17]),
        ("/message 12<backspace>9", [19]),
        ("/nothing", []),
        ("/nothing<escape>", [0, 1, 2, 3]),
        ("/nothing<enter><escape>", [0, 1, 2, 3]),
        ("/can0 q 7", []),
    ],
)
def test_a_filter_shows_the_signals_that_have_all_its_words(keys: str, values: list[int]) -> None:
    user = User(typed(keys) + ([] if keys.endswith(">") else ["end"]))
    Viewing(Values(), user, Page.OVERVIEW).run()
    text = "\n".join(str(each) for each in user.seen[-1].lines)
    assert [int(value) for value in re.findall(r"Value (\d+)", text)][:4] == values


def test_an_open_filter_shows_its_words_and_a_kept_one_is_in_the_heading() -> None:
    user = User(typed("/e 1<enter>"))
    Viewing(Values(), user, Page.MESSAGES).run()
    headings = [str(each.lines[0]) for each in user.seen]
    assert "/ filter" in headings[0]
    assert "/e 1_  enter keep" in headings[-2]
    assert "/e 1  m overview" in headings[-1]


def test_a_terminal_that_goes_while_the_filter_is_open_ends_the_session() -> None:
    user = User(["/", "q", "end"])
    Viewing(Values(), user, Page.MESSAGES).run()
    assert len(user.seen) == 3
