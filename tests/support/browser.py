"""A real Chromium, without a window, and what a page in it does wrong."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

WAIT_MS = 60_000.0


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; where there is none, a skip."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium: apt-get install chromium")
    # As root, as in a container, Chromium runs without its sandbox or not at all; it opens our own page only.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watched:
    """A page, and what it said and asked for."""

    page: Page
    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def overflow_px(self) -> int:
        """Return how much wider than its window the page is."""
        root = "document.documentElement"
        return int(self.page.evaluate(f"{root}.scrollWidth - {root}.clientWidth"))


@contextmanager
def opened(
    browser: Browser, url: str, *, width: int = 1280, color_scheme: Literal["light", "dark"] = "light"
) -> Iterator[Watched]:
    """Yield the page at `url`, watched from its first byte."""
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=color_scheme, timezone_id="UTC"
    )
    context.set_default_timeout(WAIT_MS)
    try:
        watched = Watched(context.new_page())

        def note(route: Route) -> None:
            watched.hosts.add(urlsplit(route.request.url).netloc)
            route.continue_()

        watched.page.route("**/*", note)
        watched.page.on("pageerror", lambda error: watched.errors.append(str(error)))
        watched.page.on(
            "console",
            lambda said: watched.errors.append(said.text) if said.type in ("error", "warning") else None,
        )
        watched.page.goto(url)
        yield watched
    finally:
        context.close()
