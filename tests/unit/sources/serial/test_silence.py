"""When a device that sends nothing stops being believed."""

from telemetry.sources.inbox import SourceEvent
from telemetry.sources.serial.member import SilenceWatch
from tests.support.clock import FakeClock


def reported(events: list[SourceEvent]) -> list[tuple[str, bool]]:
    return [(item.event.code, item.event.active) for item in events]


def test_values_are_unknown_after_ten_seconds_and_the_device_offline_after_sixty() -> None:
    clock = FakeClock()
    silence = SilenceWatch("bms", clock)
    clock.advance(9.9)
    assert silence.look() == []
    clock.advance(0.1)
    assert reported(silence.look()) == [("values_unknown", True)]
    assert silence.is_unknown
    clock.advance(49.9)
    assert silence.look() == []
    clock.advance(0.1)
    (offline,) = silence.look()
    assert offline.event.code == "device_offline"
    assert offline.event.text == "no good message for 60.0 s"
    assert (offline.source, offline.time_ns) == ("bms", clock.unix_ns())
    clock.advance(1000.0)
    assert silence.look() == []
    assert silence.count == 1


def test_a_good_message_ends_both() -> None:
    clock = FakeClock()
    silence = SilenceWatch("bms", clock)
    clock.advance(61.0)
    assert reported(silence.look()) == [("values_unknown", True), ("device_offline", True)]
    assert reported(silence.broken()) == [("values_unknown", False), ("device_offline", False)]
    assert not silence.is_unknown
    assert silence.broken() == []
    clock.advance(10.0)
    assert reported(silence.look()) == [("values_unknown", True)]
    assert silence.count == 2


def test_messages_that_keep_coming_are_no_event() -> None:
    clock = FakeClock()
    silence = SilenceWatch("bms", clock)
    for _ in range(100):
        clock.advance(9.0)
        assert silence.broken() == []
        assert silence.look() == []
    assert silence.count == 0
