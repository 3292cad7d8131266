"""Extremes against min, max and the last of lists."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.extremes import Extremes, FieldExtent
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

KINDS = {
    SlotKind.INT: st.integers(-(2**63), 2**63 - 1),
    SlotKind.UINT: st.integers(0, 2**64 - 1),
    SlotKind.FLOAT: st.floats(allow_nan=False, allow_infinity=False),
    SlotKind.BOOL: st.booleans(),
}
SCHEMA = Schema(
    [
        RecordSpec("none", ()),
        RecordSpec("all", tuple(FieldSpec(kind.name, kind) for kind in KINDS)),
        RecordSpec("wide", tuple(FieldSpec(f"f{index}", SlotKind.INT) for index in range(70))),
    ]
)
ROWS = st.lists(
    st.tuples(
        st.integers(-(10**12), 10**12),
        st.fixed_dictionaries({}, optional={kind.name: values for kind, values in KINDS.items()}),
    ),
    max_size=12,
)


def extent(values: Sequence[int | float | bool]) -> FieldExtent:
    if not values:
        return FieldExtent(0, None, None, None)
    return FieldExtent(len(values), min(values), max(values), values[-1])


def same(one: FieldExtent, other: FieldExtent) -> bool:
    """Minus zero is zero."""
    return one == other and all(type(a) is type(b) for a, b in zip(one, other, strict=True))


@given(ROWS, st.integers(1, 5))
def test_extremes_are_those_of_all_rows_in_any_batches(
    rows: list[tuple[int, dict[str, int | float | bool]]], batch_rows: int
) -> None:
    extremes = Extremes(SCHEMA)
    for start in range(0, len(rows), batch_rows):
        samples = SampleBatch(SCHEMA)
        for time_ns, values in rows[start : start + batch_rows]:
            samples.append(1, time_ns, values)
            samples.append(2, time_ns, {"f69": time_ns})
        extremes.observe(samples)
    times = [time_ns for time_ns, _ in rows]
    found = extremes.of(1)
    assert (found.rows, found.first_ns, found.last_ns) == (
        len(rows),
        min(times, default=0),
        max(times, default=0),
    )
    for kind, got in zip(KINDS, found.fields, strict=True):
        assert same(got, extent([values[kind.name] for _, values in rows if kind.name in values]))
    assert extremes.of(2).fields[69] == extent(times)
    assert extremes.of(2).fields[68] == extent([])
    assert extremes.of(0).rows == 0


def test_a_record_or_rows_of_another_schema_are_refused() -> None:
    extremes = Extremes(SCHEMA)
    with pytest.raises(ValueError, match="another schema"):
        extremes.observe(SampleBatch(Schema([RecordSpec("m", ())])))
    for record in (-1, 3):
        with pytest.raises(IndexError):
            extremes.of(record)
