"""Where the bits of a signal lie, up to which bound they are decoded, what selects them; and its name."""

import math
from pathlib import Path

import pytest
from cantools.database.can import Message, Signal
from cantools.database.conversion import BaseConversion
from telemetry_core.decode.spec import Condition
from telemetry_core.rows.spec import SlotKind

from telemetry.databases.formats.parse import ParsedMessage
from telemetry.databases.layout import (
    MessageLayout,
    exclude,
    field_name,
    lay_out,
    measurement_name,
    merge_ranges,
)

PAST_ANY_PAYLOAD = "a signal past the end of any payload, left out"
PAST_ITS_MESSAGE = "a signal past the end of its message, decoded where a frame has it"
OVERLAPS = "a signal that overlaps another one, both decoded"
WIDTH = "a signal of more than 64 bits, or of none, left out"
WITHOUT_BOUNDS = "a factor or offset without bounds, left out"


def laid_out(*signals: Signal, byte_count: int = 8) -> tuple[MessageLayout, list[tuple[str, str]]]:
    """Return the layout of a message, and what was reported of which signal."""
    message = Message(256, "Pack", byte_count, list(signals), strict=False)
    reported: list[tuple[str, str]] = []
    layout = lay_out(
        ParsedMessage(message, Path("a.dbc"), None, {}, False),
        lambda kind, name: reported.append((kind, name)),
    )
    return layout, reported


def signal(
    name: str = "A", start: int = 0, bits: int = 8, scale: float = 1, offset: float = 0, **more: object
) -> Signal:
    conversion = BaseConversion.factory(scale=scale, offset=offset, is_float=False)
    return Signal(name, start, bits, conversion=conversion, **more)  # type: ignore[arg-type]  # values of several types


@pytest.mark.parametrize(
    ("ranges", "merged"),
    [
        ([], ()),
        ([(0, 1), (2, 3)], ((0, 3),)),
        ([(0, 1), (3, 4)], ((0, 1), (3, 4))),
        ([(0, 1), (1, 4)], ((0, 4),)),
        ([(0, 9), (2, 3)], ((0, 9),)),
        ([(5, 6), (0, 1)], ((0, 1), (5, 6))),
        ([(7, 7), (7, 7)], ((7, 7),)),
        ([(0, 1), (5, 6), (7, 9)], ((0, 1), (5, 9))),
    ],
)
def test_ranges_that_touch_are_one_and_those_with_a_gap_are_two(
    ranges: list[tuple[int, int]], merged: tuple[tuple[int, int], ...]
) -> None:
    assert merge_ranges(ranges) == merged


@pytest.mark.parametrize(
    ("one", "other", "excluded"),
    [
        (((0, 1),), ((2, 3),), True),
        (((0, 2),), ((2, 3),), False),
        (((0, 0), (4, 5)), ((2, 3),), True),
        (((0, 0), (3, 5)), ((2, 3),), False),
    ],
)
def test_conditions_exclude_one_another_if_no_value_is_in_both(
    one: tuple[tuple[int, int], ...], other: tuple[tuple[int, int], ...], excluded: bool
) -> None:
    conditions = (Condition(1, other), Condition(0, one), Condition(0, other))
    assert exclude(1, 2, conditions) is excluded
    assert exclude(2, 1, conditions) is excluded
    assert not exclude(0, 1, conditions), "of two selectors"
    assert not exclude(1, -1, conditions)
    assert not exclude(-1, 1, conditions)
    assert not exclude(-1, -1, conditions)


@pytest.mark.parametrize(
    ("one", "kinds"),
    [
        (signal(bits=1), []),
        (signal(bits=64), []),
        (signal(bits=65), [WIDTH]),
        (signal(start=8 * 1785 - 8), []),
        (signal(start=8 * 1785 - 7), [PAST_ANY_PAYLOAD]),
        (signal(start=8 * 1784 + 7, byte_order="big_endian"), []),
        (signal(start=8 * 1784 + 6, byte_order="big_endian"), [PAST_ANY_PAYLOAD]),
        (signal(start=-1), [PAST_ANY_PAYLOAD]),
        (signal(scale=0), ["a factor of 0, left out"]),
        (signal(scale=-9.9e299, offset=9.9e299), []),
        (signal(scale=1e300), [WITHOUT_BOUNDS]),
        (signal(offset=-1e300), [WITHOUT_BOUNDS]),
        (signal(scale=math.nan), [WITHOUT_BOUNDS]),
    ],
)
def test_what_cannot_be_decoded_is_left_out_alone_and_reported(one: Signal, kinds: list[str]) -> None:
    layout, reported = laid_out(one, signal("B"), byte_count=1785)
    overlaps = OVERLAPS if not kinds and one.start == 0 else None
    assert [kind for kind, name in reported if name == "A" and kind != overlaps] == kinds
    assert [field.name for field in layout.fields if field.name == "A"] == ([] if kinds else ["A"])
    assert "B" in [field.name for field in layout.fields]


@pytest.mark.parametrize(("bits", "kept"), [(8, False), (16, True), (24, False), (32, True), (64, True)])
def test_a_float_has_16_32_or_64_bits(bits: int, kept: bool) -> None:
    layout, reported = laid_out(Signal("A", 0, bits, conversion=BaseConversion.factory(is_float=True)))
    assert [field.kind for field in layout.fields] == [SlotKind.FLOAT] * kept
    assert [kind for kind, _ in reported] == ["a float not of 16, 32 or 64 bits, left out"] * (not kept)


@pytest.mark.parametrize(
    ("one", "kinds"),
    [
        (signal("B", 8, 8), []),
        (signal("B", 8, 9), [PAST_ITS_MESSAGE]),
        (signal("B", 7, 8), [OVERLAPS]),
        (signal("B", 15, 8, byte_order="big_endian"), []),
        (signal("B", 15, 9, byte_order="big_endian"), [PAST_ITS_MESSAGE]),
        (signal("B", 0, 8, byte_order="big_endian"), [OVERLAPS]),
    ],
)
def test_bits_past_the_message_or_over_another_signal_are_reported(one: Signal, kinds: list[str]) -> None:
    layout, reported = laid_out(signal("A", 0, 8), one, byte_count=2)
    assert [kind for kind, _ in reported] == kinds
    assert len(layout.signals) == 2


@pytest.mark.parametrize(
    ("place", "page", "kinds"),
    [
        ((16, 8), 1, [OVERLAPS]),  # over a signal of its own page
        ((16, 8), 2, []),  # over one of another page
        ((10, 8), 2, [OVERLAPS]),  # over a signal of all pages
        ((3, 2), 2, [OVERLAPS]),  # over the selector itself
        ((24, 8), 1, []),
    ],
)
def test_signals_of_pages_overlap_those_of_their_page_and_of_all(
    place: tuple[int, int], page: int, kinds: list[str]
) -> None:
    _, reported = laid_out(
        signal("Page", 0, 4, is_multiplexer=True),
        signal("All", 8, 8),
        signal("One", 16, 8, multiplexer_ids=[1], multiplexer_signal="Page"),
        signal("Added", *place, multiplexer_ids=[page], multiplexer_signal="Page"),
    )
    assert reported == [(kind, "Added") for kind in kinds]


def test_bits_of_big_endian_signals_are_counted_from_the_highest_of_a_byte() -> None:
    high = signal("High", 7, 4, byte_order="big_endian")  # bits 7 to 4
    _, reported = laid_out(high, signal("Low", 0, 4))
    assert reported == []
    _, reported = laid_out(high, signal("Low", 0, 5))
    assert [kind for kind, _ in reported] == [OVERLAPS]


@pytest.mark.parametrize(
    ("bits", "signed", "written", "kept"),
    [
        (4, False, (-9, -8, -1, 0, 15, 16), (0, 8, 15)),
        (4, True, (-9, -8, -1, 0, 7, 8, 15, 16), (-8, -1, 0, 7)),
        (4, True, (8,), (-8,)),
        (4, True, (9,), (-7,)),
        (4, False, (-8,), (8,)),
        (4, False, (-9,), ()),
    ],
)
def test_a_value_table_has_the_values_that_the_signal_can_have(
    bits: int, signed: bool, written: tuple[int, ...], kept: tuple[int, ...]
) -> None:
    choices = {value: str(value) for value in written}
    conversion = BaseConversion.factory(choices=choices)  # type: ignore[arg-type]  # plain texts do, too
    layout, _ = laid_out(Signal("A", 0, bits, is_signed=signed, conversion=conversion))
    assert tuple(raw for raw, _ in layout.signals[0].choices) == kept


@pytest.mark.parametrize(
    ("low", "high", "declared"),
    [
        (0, 0, (None, None)),
        (0, 5, (0.0, 5.0)),
        (None, 5, (None, 5.0)),
        (-5, None, (-5.0, None)),
        (math.nan, 5, (None, 5.0)),
        (-math.inf, math.inf, (None, None)),
    ],
)
def test_a_range_is_as_declared_and_none_where_both_ends_are_the_same(
    low: float | None, high: float | None, declared: tuple[float | None, float | None]
) -> None:
    layout, _ = laid_out(signal(minimum=low, maximum=high))
    (spec,) = layout.signals
    assert (spec.minimum, spec.maximum) == declared


@pytest.mark.parametrize(
    ("bits", "signed", "kind"),
    [
        (63, False, SlotKind.INT),
        (64, True, SlotKind.INT),
        (64, False, SlotKind.UINT),
    ],
)
def test_only_an_unsigned_number_of_64_bits_needs_an_unsigned_field(
    bits: int, signed: bool, kind: SlotKind
) -> None:
    layout, _ = laid_out(signal(bits=bits, is_signed=signed))
    assert layout.fields[0].kind is kind


def multiplexed(*selecting: int, signed: bool) -> tuple[tuple[int, int], ...]:
    """Return the ranges of raw values of a 4-bit selector that select a signal."""
    selector = signal("sel", 0, 4, is_signed=signed, is_multiplexer=True)
    one = signal("B", 8, 8, multiplexer_ids=list(selecting), multiplexer_signal="sel")
    layout, _ = laid_out(selector, one)
    return layout.conditions[0].ranges


def test_values_of_a_signed_selector_are_its_bits_as_an_unsigned_number() -> None:
    assert multiplexed(0, 7, 8, 15, 16, signed=True) == ((-8, -8), (-1, 0), (7, 7))
    assert multiplexed(8, signed=True) == ((-8, -8),)
    assert multiplexed(16, signed=True) == ()
    assert multiplexed(0, 7, 8, 15, 16, signed=False) == ((0, 0), (7, 8), (15, 16))


@pytest.mark.parametrize("name", ["time", "vehicle", "pack", "charger", "source", "code", "sa", "_x", "_"])
def test_a_reserved_signal_name_gets_a_suffix(name: str) -> None:
    assert field_name(name) == f"{name}_signal"


@pytest.mark.parametrize("name", ["Time", "packs", "x_", "1st", "Speed"])
def test_any_other_signal_name_is_kept(name: str) -> None:
    assert field_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["battery", "battery_health", "cells", "charger", "meter", "charging_session", "event", "gateway"],
)
def test_a_message_called_like_a_measurement_of_ours_gets_a_prefix(name: str) -> None:
    assert measurement_name(name) == f"can_{name}"


def test_any_other_message_name_is_kept() -> None:
    assert measurement_name("Battery") == "Battery"


def test_no_name_at_all_is_given_one() -> None:
    assert field_name("") == measurement_name("") == "unnamed"
