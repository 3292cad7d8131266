"""Raw values that an ARXML declares to be none, from the file to what is left out."""

import math
import struct
from pathlib import Path

import pytest
from cantools.database.can import Message, Signal
from cantools.database.conversion import BaseConversion
from telemetry_core.frames.batch import FrameTuple

from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases
from telemetry.databases.formats.parse import ParsedMessage
from telemetry.databases.layout import lay_out
from tests.support.decoders import both

ARXML = Path(__file__).parents[2] / "data" / "invalid-values.arxml"
PAYLOAD = "<Hhfff"


def test_what_an_arxml_declares_invalid_is_left_out_and_counted() -> None:
    plan = build_plan([BusDatabases("main", (ARXML,))])
    assert plan.warnings == ()
    frames = [
        FrameTuple(number, 256, struct.pack(PAYLOAD, *values).ljust(16, b"\0"), 0, 0, 0)
        for number, values in enumerate(
            ((0xFFFF, -32768, 3.4028234663852886e38, -0.1, math.nan), (0xFFFE, -32767, 0.0, 0.1, 1.0))
        )
    ]
    for decoder in both(plan.spec):
        (row,) = decoder.decode(frames)
        assert row.time_ns == 1
        assert list(row.raw) == ["Voltage", "Current", "Power", "Energy", "Heat"]
        assert decoder.omitted()["not_available"] == 4
        assert decoder.omitted()["not_a_number"] == 1


@pytest.mark.parametrize(("bits", "raw"), [(16, 0xC100), (32, 0xC0200000), (64, 0xC004000000000000)])
def test_a_float_of_any_width_may_be_declared_invalid(bits: int, raw: int) -> None:
    assert invalid(-2.5, bits, is_float=True) == (raw,)


@pytest.mark.parametrize(
    ("value", "bits", "is_float", "raw"),
    [
        (-1, 8, False, -1),
        (255, 8, False, 255),
        (256, 8, False, None),  # no frame can have it
        (-129, 8, False, None),
        (3.5, 8, False, None),
        (math.nan, 8, False, None),
        (1e300, 32, True, None),
        (10**400, 64, True, None),
    ],
)
def test_what_no_frame_can_have_is_not_noted(
    value: float, bits: int, is_float: bool, raw: int | None
) -> None:
    assert invalid(value, bits, is_float=is_float) == (() if raw is None else (raw,))


def invalid(value: float, bits: int, *, is_float: bool) -> tuple[int, ...]:
    """Return what is noted as invalid for a signal of so many bits."""
    signal = Signal("A", 0, bits, conversion=BaseConversion.factory(is_float=is_float))
    signal.raw_invalid = value
    parsed = ParsedMessage(Message(256, "Pack", 8, [signal]), Path("a.arxml"), None, {}, False)
    (spec,) = lay_out(parsed, lambda *_: None).signals
    return spec.invalid
