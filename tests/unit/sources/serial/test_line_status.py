"""What a line of several devices says of itself: receiving is no trouble, and a silent one counts."""

from telemetry.model.source_states import WELL
from telemetry.sources.serial.source import in_one_clause


def test_what_all_devices_do_is_said_once() -> None:
    assert in_one_clause({"one": "receiving"}) == "receiving"
    assert in_one_clause({"one": "receiving", "two": "receiving"}) in WELL


def test_of_devices_that_do_something_else_those_that_receive_are_counted() -> None:
    said = in_one_clause({"one": "receiving", "two": "no good message for 12 s", "three": "receiving"})
    assert said == "2 of 3 receiving"
    said = in_one_clause({"one": "waiting for the first message", "two": "another device answers"})
    assert said == "0 of 2 receiving"
    assert said not in WELL
