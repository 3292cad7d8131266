"""The monitor's feed of a running service, against the service's own status socket."""

from pathlib import Path
from typing import Any

import pytest

from telemetry.errors import DataError, UnavailableError
from telemetry.monitor.feeds import ServiceFeed
from tests.support.clock import FakeClock
from tests.support.status_server import answering


@pytest.mark.parametrize(("with_messages", "asked"), [(True, "messages"), (False, "status")])
def test_what_is_wanted_is_asked_of_the_service(tmp_path: Path, with_messages: bool, asked: str) -> None:
    with answering(tmp_path, lambda request: {"live": {"asked": request}}):
        assert ServiceFeed(tmp_path, FakeClock()).read(with_messages=with_messages) == {"asked": asked}


@pytest.mark.parametrize("answer", [{}, {"live": [1]}])
def test_a_service_without_live_values_may_be_an_older_one(tmp_path: Path, answer: dict[str, Any]) -> None:
    with (
        answering(tmp_path, lambda _: answer),
        pytest.raises(DataError, match=r"answers without live values \(is it an older version\?\)"),
    ):
        ServiceFeed(tmp_path, FakeClock()).read(with_messages=False)


def test_without_a_service_nothing_is_known(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no service answers"):
        ServiceFeed(tmp_path, FakeClock()).settle(with_messages=True)


@pytest.mark.parametrize(
    ("with_messages", "messages", "waits_s"),
    [(True, [], 2.0), (True, [{"message": "Pack"}], 0.0), (False, [], 0.0)],
)
def test_messages_are_waited_for_where_the_service_has_none_yet(
    tmp_path: Path, with_messages: bool, messages: list[Any], waits_s: float
) -> None:
    clock = FakeClock()
    with answering(tmp_path, lambda _: {"live": {"messages": messages}}):
        ServiceFeed(tmp_path, clock).settle(with_messages=with_messages)
    assert clock.monotonic_s() == waits_s
