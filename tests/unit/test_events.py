"""Events speak one closed vocabulary."""

import pytest

from telemetry.events import Event, begins, ends
from telemetry.model import Level


def test_a_code_outside_the_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match="no event is called 'buss_off'"):
        Event("buss_off", Level.CRITICAL, active=True, text="")


def test_what_begins_has_the_level_of_the_vocabulary() -> None:
    expected = Event("bus_off", Level.CRITICAL, active=True, text="tx errors", source="can0")
    assert begins("bus_off", "tx errors", "can0") == expected


def test_what_ends_is_information() -> None:
    assert ends("spool_volatile", "the disk is back") == Event(
        "spool_volatile", Level.INFORMATION, active=False, text="the disk is back"
    )
