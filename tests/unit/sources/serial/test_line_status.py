"""What a line of several devices says of itself: receiving is no trouble, and a silent one is named."""

from telemetry.live.troubles import WELL
from telemetry.sources.serial.source import in_one_clause


def test_what_all_devices_do_is_said_once() -> None:
    assert in_one_clause({"one": "receiving"}) == "receiving"
    assert in_one_clause({"one": "receiving", "two": "receiving"}) in WELL


def test_a_device_that_does_something_else_is_named() -> None:
    said = in_one_clause({"one": "receiving", "two": "no good message for 12 s"})
    assert said == "one: receiving; two: no good message for 12 s"
