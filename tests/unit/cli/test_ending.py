"""How a command that records ends, and that signals are afterwards as they were before."""

import signal
from collections.abc import Iterator

import pytest

from telemetry.cli.ending import ended_by_signals

NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    before = [signal.getsignal(number) for number in NUMBERS]
    yield
    for number, handler in zip(NUMBERS, before, strict=True):
        signal.signal(number, handler)


def test_each_signal_stops_it_however_often_it_comes_and_handlers_are_as_before() -> None:
    handlers = [lambda *_: None for _ in NUMBERS]
    for number, handler in zip(NUMBERS, handlers, strict=True):
        signal.signal(number, handler)
    stops: list[int] = []
    with ended_by_signals(lambda: stops.append(1)):
        for number in NUMBERS * 2:
            signal.raise_signal(number)
    assert len(stops) == 6
    assert [signal.getsignal(number) for number in NUMBERS] == handlers


def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with ended_by_signals(lambda: None):
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_handlers_are_as_before_after_an_error_too() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(OSError, match="lost"), ended_by_signals(lambda: None):
        raise OSError("lost")
    assert signal.getsignal(signal.SIGTERM) is before
