"""Signals of a database that hold a VIN, a serial number or a position, and what replaces them."""

import pytest
from telemetry_core.decode.spec import BusSpec, Condition, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

from telemetry.scrub.buses import NamedMessage, named_messages
from telemetry.scrub.replacements import Replacements


def a_database() -> dict[tuple[bool, int], NamedMessage]:
    names = ("GPS_Latitude", "Speed", "VIN_Part", "Page", "SerialNumber", "Crc8")
    signals = (
        SignalSpec(0, 24, True, True, False),
        SignalSpec(24, 8, True, False, False),
        SignalSpec(39, 24, False, False, False, condition=0),
        SignalSpec(32, 2, True, False, False),
        SignalSpec(61, 6, False, False, False, condition=1),
        SignalSpec(63, 2, False, False, False),
    )
    message = MessageSpec(
        "Telematics", 0x321, False, 8, signals, (Condition(3, ((1, 1),)), Condition(3, ((2, 2),))), 0
    )
    record = RecordSpec("Telematics", tuple(FieldSpec(name, SlotKind.UINT) for name in names))
    plan = PlanSpec((record,), (BusSpec("drive", (message,)),))
    return dict(named_messages(plan))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("112233440041425F", "000000440041425F"),
        ("112233440241425F", "0000004402414241"),  # the page with a serial number, of six bits
        ("11223344", "00000044"),  # which page it is is not there
        ("1122", "1122"),
    ],
)
def test_signals_of_a_page_are_replaced_on_that_page_alone(data: str, expected: str) -> None:
    message = a_database()[False, 0x321]
    assert message.changed(bytes.fromhex(data), Replacements()).hex().upper() == expected
