"""The signal that stops the threads of the sources."""

import select

from telemetry.sources.stop import StopSignal


def is_readable(stop: StopSignal) -> bool:
    return bool(select.select([stop], [], [], 0)[0])


def test_it_is_seen_by_poll_and_by_who_waits_for_the_event() -> None:
    with StopSignal() as stop:
        assert not stop.is_set()
        assert not is_readable(stop)
        stop.set()
        assert stop.is_set()
        assert stop.event.is_set()
        assert is_readable(stop)


def test_setting_it_twice_calls_the_listeners_once() -> None:
    calls: list[str] = []
    with StopSignal() as stop:
        stop.on_set(lambda: calls.append("reported"))
        stop.set()
        stop.set()
    assert calls == ["reported"]


def test_a_removed_listener_is_not_called() -> None:
    calls: list[str] = []

    def listener() -> None:
        calls.append("reported")

    with StopSignal() as stop:
        stop.on_set(listener)
        stop.remove_listener(listener)
        stop.set()
    assert calls == []
