"""Events speak one closed vocabulary."""

import pytest

from telemetry.model.event_codes import Level
from telemetry.model.events import Event, begins, ends, line


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


def test_an_event_is_one_line_with_its_code_as_tag() -> None:
    event = begins("bus_off", 'tx errors: "too many"', "can0")
    assert line(event, "van 7", 1_700_000_000_000_000_000) == (
        rb"event,code=bus_off,source=can0,vehicle=van\ 7 "
        rb'level=2,active=true,text="tx errors: \"too many\"" 1700000000000000000'
    )


def test_an_event_of_the_service_itself_has_no_source() -> None:
    assert b"source" not in line(begins("service_start", ""), "van", 0)
