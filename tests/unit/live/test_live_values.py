import math

import pytest
from telemetry_core.rows.spec import DecimalScale, FieldSpec, SlotKind

from telemetry.live.values import Value, reader


@pytest.mark.parametrize(
    ("spec", "raw", "value"),
    [
        (FieldSpec("x", SlotKind.BOOL), True, True),
        (FieldSpec("x", SlotKind.INT), -5, -5),
        (FieldSpec("x", SlotKind.UINT), 2**64 - 1, 2**64 - 1),
        (FieldSpec("x", SlotKind.FLOAT), 1.5, 1.5),
        (FieldSpec("x", SlotKind.FLOAT, factor=2.0, offset=1.0), 1.5, 4.0),
        (FieldSpec("x", SlotKind.INT, scale=DecimalScale(5, -400, 1)), 250, 85.0),
        (FieldSpec("x", SlotKind.INT, scale=DecimalScale(3, 1, 0)), 2, 7),
        (FieldSpec("x", SlotKind.TEXT, texts=((2, "bulk"),)), 2, "bulk"),
        (FieldSpec("x", SlotKind.TEXT, texts=((2, "bulk"),)), 9, "9"),
        (FieldSpec("x", SlotKind.WORD, texts=((2, "bulk"),)), 2, "bulk"),
        (FieldSpec("x", SlotKind.WORD, texts=((2, "bulk"),)), 9, None),
        (FieldSpec("x", SlotKind.FLOAT), math.inf, None),
        (FieldSpec("x", SlotKind.FLOAT, factor=1e300), 1e300, None),
    ],
)
def test_a_slot_is_read_as_the_encoder_writes_it(spec: FieldSpec, raw: object, value: Value | None) -> None:
    read = reader(spec)
    for found in (read(raw), read(raw)):
        assert found == value
        assert type(found) is type(value)
