"""Which message an id belongs to, case by case as the sentence of the function has them."""

from dataclasses import replace

import pytest
from telemetry_core.decode.spec import BusSpec, MessageSpec, SignalSpec

from telemetry.rules.find_message import EXTENDED, bit_positions, find_message, pgn_of


def message(name: str, id: int, *, extended: bool = True, by_pgn: bool = False, mask: int = 0) -> MessageSpec:
    return MessageSpec(name, id, extended, 8, (), (), record=0, by_pgn=by_pgn, id_mask=mask)


BUS = BusSpec(
    "can0",
    (
        message("masked", 0x18EA0000, mask=0x1FFF0000),
        message("short", 0x123, extended=False),
        message("last", 0x7FF, extended=False),
        message("same number", 0x123),
        message("any sender", 0x18F00400, by_pgn=True),
        message("sender 5", 0x18F00405, by_pgn=True),
        message("to 7 of 5", 0x18EF0705, by_pgn=True),
        message("to any of 5", 0x18EF0805, by_pgn=True),
        message("second", 0x18F00400, by_pgn=True),
    ),
)


@pytest.mark.parametrize(
    ("id", "name"),
    [
        (0x123, "short"),
        (0x123 | EXTENDED, "same number"),
        (0x124, None),
        (0x7FF, "last"),
        (0x923, None),  # more than 11 bits without the mark of 29
        (0x18F00400 | EXTENDED, "any sender"),
        (0x0CF00407 | EXTENDED, "any sender"),  # another priority and sender: the first of that PGN
        (0x0CF00405 | EXTENDED, "sender 5"),
        (0x0CEF0705 | EXTENDED, "to 7 of 5"),
        (0x0CEF0805 | EXTENDED, "to any of 5"),
        (0x0CEF0905 | EXTENDED, "to 7 of 5"),  # of the same sender, to another destination
        (0x0CEF0706 | EXTENDED, "to 7 of 5"),  # of the same PGN
        (0x18EA1234 | EXTENDED, "masked"),
        (0x18EB1234 | EXTENDED, None),
        (0x1AF00400 | EXTENDED, None),  # the extended data page is no J1939
    ],
)
def test_an_id_belongs_to_the_message_that_fits_it_best(id: int, name: str | None) -> None:
    found = find_message(BUS, id)
    assert (found and found.name) == name


def test_bits_that_do_not_count_on_a_bus_do_not_count() -> None:
    bus = replace(BUS, standard_mask=0x7F0, extended_mask=0x00FFFF00)
    for id, name in ((0x12F, "short"), (0x133, None), (0x0CF00407 | EXTENDED, "any sender")):
        found = find_message(bus, id)
        assert (found and found.name) == name


def test_a_mask_is_no_match_for_another_message_by_its_bits() -> None:
    bus = BusSpec("can0", (message("masked", 0x18EA0000, mask=0x1FFF0000),))
    assert find_message(bus, 0x18EA0000 | EXTENDED) is not None
    assert find_message(bus, 0x100) is None
    by_pgn = message("by PGN", 0x18EA0707, by_pgn=True)
    found = find_message(replace(bus, messages=(*bus.messages, by_pgn)), 0x18EA0000 | EXTENDED)
    assert found == by_pgn


def test_a_pgn_has_the_group_extension_of_a_broadcast_alone() -> None:
    assert pgn_of(0x18FEF100) == 0xFEF1
    assert pgn_of(0x19FEF100) == 0x1FEF1  # on data page 1
    assert pgn_of(0x18F00400) == 0xF004
    assert pgn_of(0x18EFFF00) == 0xEF00  # to all: a destination is no part of it
    assert pgn_of(0x1AFEF100) is None


def test_bits_go_up_from_the_start_or_down_through_the_bytes() -> None:
    intel = SignalSpec(4, 8, True, False, False)
    assert bit_positions(intel) == [11, 10, 9, 8, 7, 6, 5, 4]
    motorola = SignalSpec(3, 8, False, False, False)
    assert bit_positions(motorola) == [3, 2, 1, 0, 15, 14, 13, 12]
