"""The keys of the monitor, and what each of them shows."""

from typing import Any

import pytest

from telemetry.monitor.layout import Page, View, view
from telemetry.monitor.session import Session
from tests.support.live import example

WIDTH, HEIGHT = 80, 10
BODY = HEIGHT - 1
LIVE: dict[str, Any] = {
    **example(),
    "messages": [
        {
            "message": f"Message {number}",
            "source": "can0",
            "sender": "",
            "age_s": 0.1,
            "rate_per_s": 1.0,
            "signals": {"Value": number},
            "stale": [],
        }
        for number in range(20)
    ],
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

    def read(self, *, with_messages: bool) -> dict[str, Any]:
        return LIVE if with_messages else {key: LIVE[key] for key in LIVE if key != "messages"}

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
    Session(Values(), user, Page.OVERVIEW).run()
    assert user.seen[-1] == view(LIVE, WIDTH, HEIGHT, page=page, first=first)
