"""What tests of pages in a browser share."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser import chromium
from tests.support.web import WebRig


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def rig() -> Iterator[WebRig]:
    """Start a server that shows a vehicle with a silent charger and a lost port."""
    with WebRig() as made:
        yield made
