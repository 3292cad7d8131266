"""Points against the rows that they were made of, and against what the encoder prints."""

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.points import Points
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import DecimalScale, FieldSpec, RecordSpec, SlotKind

SCHEMA = Schema(
    [
        RecordSpec("none", ()),
        RecordSpec(
            "all",
            (
                FieldSpec("decimal", SlotKind.INT, 0.1, -40.0, DecimalScale(1, -400, 1)),
                FieldSpec("unsigned", SlotKind.UINT, 2.0, 1.0),
                FieldSpec("real", SlotKind.FLOAT, 0.5),
                FieldSpec("signed", SlotKind.INT, -1.5),
            ),
        ),
    ]
)
MEANINGS: dict[str, Callable[[float], float]] = {
    "decimal": lambda raw: (raw - 400) / 10,
    "unsigned": lambda raw: float(raw) * 2 + 1,
    "real": lambda raw: raw * 0.5,
    "signed": lambda raw: raw * -1.5,
}
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "decimal": st.integers(-(2**40), 2**40),
        "unsigned": st.integers(0, 2**64 - 1),
        "real": st.floats(-1e100, 1e100),
        "signed": st.integers(-(2**63), 2**63 - 1),
    },
)
ROWS = st.lists(st.tuples(st.integers(-(2**62), 2**62), st.integers(0, 3), VALUES), max_size=200)


@given(ROWS, st.integers(1, 70))
def test_points_are_the_values_of_all_rows_in_their_order(
    rows: list[tuple[int, int, dict[str, int | float]]], batch_rows: int
) -> None:
    points = Points(SCHEMA)
    for start in range(0, len(rows), batch_rows):
        samples = SampleBatch(SCHEMA)
        for time_ns, channel, values in rows[start : start + batch_rows]:
            samples.append(1, time_ns, values, channel=channel, id=0x80000000 + channel)
        points.observe(samples)
    for index, (name, meaning) in enumerate(MEANINGS.items()):
        expected = [
            (time_ns, meaning(values[name]), channel << 32 | 0x80000000 + channel)
            for time_ns, channel, values in rows
            if name in values
        ]
        columns = points.of(1, index)
        count = len(expected)
        read = [struct.unpack(f"={count}{kind}", data) for kind, data in zip("qdQ", columns, strict=True)]
        assert list(zip(*read, strict=True)) == expected


def test_what_the_schema_does_not_have_is_refused() -> None:
    points = Points(SCHEMA)
    with pytest.raises(ValueError, match="another schema"):
        points.observe(SampleBatch(Schema([RecordSpec("m", ())])))
    for record, field in ((-1, 0), (2, 0), (0, 0), (1, -1), (1, 4)):
        with pytest.raises(IndexError):
            points.of(record, field)
