"""Whether the device at a port is still the one that it was."""

from telemetry.sources.serial.member import SameDevice
from tests.support.clock import FakeClock

HOLD_S = 60.0


def codes(events: list) -> list[tuple[str, bool]]:  # type: ignore[type-arg]
    return [(item.event.code, item.event.active) for item in events]


def test_the_first_device_is_believed_and_held_for_nothing() -> None:
    same = SameDevice("bms", FakeClock())
    same.opened()
    assert not same.is_doubted
    assert same.heard({"model": "A"}) == []
    assert not same.is_other


def test_after_a_port_was_opened_again_it_is_asked_who_is_there() -> None:
    clock = FakeClock()
    same = SameDevice("bms", clock)
    same.heard({"model": "A", "serial number": "1"})
    same.opened()
    assert same.is_doubted
    assert same.heard({}) == []
    assert same.is_doubted
    assert same.heard({"serial number": "1"}) == []
    assert not same.is_doubted


def test_one_that_talks_without_a_name_is_believed_after_a_while() -> None:
    clock = FakeClock()
    same = SameDevice("bms", clock)
    same.heard({"model": "A"})
    same.opened()
    clock.advance(100.0)  # in which it says nothing at all
    assert same.heard({}) == []
    clock.advance(59.0)
    same.heard({})
    assert same.is_doubted
    clock.advance(1.0)
    same.heard({})
    assert not same.is_doubted


def test_another_device_is_an_event_until_the_first_is_back() -> None:
    same = SameDevice("bms", FakeClock())
    same.heard({"model": "A", "serial number": "1"})
    same.opened()
    (event,) = same.heard({"model": "A", "serial number": "2"})
    assert codes([event]) == [("device_changed", True)]
    assert event.event.text == "another device: model A -> A, serial number 1 -> 2"
    assert same.is_other
    assert same.heard({"model": "A", "serial number": "2"}) == []
    assert codes(same.heard({"serial number": "1"})) == [("device_changed", False)]
    assert not same.is_other


def test_new_firmware_is_the_same_device() -> None:
    same = SameDevice("bms", FakeClock())
    same.heard({"model": "A", "firmware": "1.0", "firmware (FWE)": "1"})
    assert same.heard({"model": "A", "firmware": "1.1", "firmware (FWE)": "2"}) == []
    assert not same.is_other
