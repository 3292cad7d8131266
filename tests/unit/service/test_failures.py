"""What ends a service, and what comes after that."""

import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest

from telemetry.service.service import Service


def test_the_first_failure_is_what_has_ended_it_and_later_ones_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stops: list[bool] = []
    service = cast(Any, SimpleNamespace(_failure=None, stop=lambda: stops.append(True)))
    first = ValueError("first")
    with caplog.at_level(logging.ERROR):
        Service._fail(service, first)
        assert not caplog.records
        Service._fail(service, ValueError("second"))
    assert service._failure is first
    assert stops == [True, True]
    (record,) = caplog.records
    assert record.getMessage() == "after what has ended it: second"
    assert record.exc_info is not None
