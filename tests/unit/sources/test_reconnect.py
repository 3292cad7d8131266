"""Outages and occurrences, in injected time."""

from itertools import pairwise

import pytest

from telemetry.sources.inbox import Inbox, SourceEvent
from telemetry.sources.reconnect import Occurrences, Outages, keep_connected, reason_of
from telemetry.sources.stop import StopSignal
from tests.support.clock import FakeClock


def test_delays_double_up_to_five_seconds() -> None:
    outages = Outages("bus", FakeClock())
    outages.lost("gone")
    assert [outages.next_delay_s() for _ in range(8)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_one_outage_is_one_event_whatever_the_attempts() -> None:
    outages = Outages("bus", FakeClock())
    assert [item.event.code for item in outages.lost("gone")] == ["source_lost"]
    assert outages.lost("still gone") == []
    assert outages.is_lost


def test_the_first_connection_is_no_event() -> None:
    assert Outages("bus", FakeClock()).back() == []


def test_the_return_reports_how_long_it_took() -> None:
    clock = FakeClock()
    outages = Outages("bus", clock)
    outages.lost("gone")
    clock.advance(12.34)
    assert [(item.event.code, item.event.active, item.event.text) for item in outages.back()] == [
        ("source_lost", False, "back after 12.3 s (gone)"),
        ("source_back", True, "back after 12.3 s (gone)"),
    ]


def test_a_device_that_comes_and_goes_is_not_tried_ever_faster() -> None:
    clock = FakeClock()
    outages = Outages("bus", clock)
    for _ in range(10):
        outages.lost("gone")
        delay_s = outages.next_delay_s()
        clock.advance(delay_s)
        outages.back()
    assert delay_s == 5.0


def test_delays_start_over_after_a_good_time() -> None:
    clock = FakeClock()
    outages = Outages("bus", clock)
    outages.lost("gone")
    for _ in range(8):
        outages.next_delay_s()
    outages.back()
    clock.advance(6)
    outages.lost("gone")
    assert outages.next_delay_s() == 0.1


def test_a_flood_of_occurrences_is_one_event_a_minute_with_their_number() -> None:
    occurrences = Occurrences("bus", "bus_error", "errors")
    texts = []
    for second in range(130):
        texts += [item.event.text for item in occurrences.observe(1 + second * 10, float(second), 0)]
    assert texts == ["errors: 1", "errors: 600", "errors: 600"]


def test_nothing_new_is_no_event() -> None:
    occurrences = Occurrences("bus", "bus_error", "errors")
    assert occurrences.observe(0, 0.0, 0) == []
    occurrences.observe(1, 1.0, 0)
    assert occurrences.observe(1, 100.0, 0) == []


def test_a_reason_is_one_line() -> None:
    assert reason_of(OSError(19, "No such device", "can0")) == "No such device"
    assert reason_of(OSError("two\nlines")) == "two lines"
    assert reason_of(EOFError()) == "EOFError"


def test_a_reason_shows_no_login_of_a_url_that_a_library_quotes() -> None:
    words = "no answer from ws://operator:pa55word@bridge:9000/can0"
    assert reason_of(OSError(words)) == "no answer from ws://***@bridge:9000/can0"


def test_a_fault_of_a_library_is_logged_and_reported_without_the_login_of_its_url(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, stop, output = FakeClock(), StopSignal(), Inbox()

    def session() -> None:
        stop.set()
        raise RuntimeError("ws://operator:pa55word@bridge:9000")

    keep_connected(session, Outages("bus", clock), output, stop, clock)
    item = output.get(0)
    assert isinstance(item, SourceEvent)
    assert "ws://***@bridge:9000" in item.event.text
    assert "ws://***@bridge:9000" in caplog.text
    assert "Traceback" in caplog.text
    assert "pa55word" not in caplog.text + item.event.text


def test_between_two_attempts_a_source_may_look_each_second() -> None:
    clock, output, stop = FakeClock(), Inbox(), StopSignal()
    looks_s: list[float] = []

    def session() -> None:
        if clock.monotonic_s() > 11.0:
            stop.set()
        raise OSError("gone")

    with stop:
        outages = Outages("bus", clock)
        keep_connected(
            session, outages, output, stop, clock, while_lost=lambda: looks_s.append(clock.monotonic_s())
        )
    assert max(after_s - before_s for before_s, after_s in pairwise([0.0, *looks_s])) <= 1.0 + 1e-9
    assert looks_s[-1] >= 11.0
