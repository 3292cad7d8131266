"""Rows of one record, picked from a batch, are those that iterating over all of it gives."""

import hypothesis.strategies as st
from hypothesis import given
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

# Records of unlike sizes, one of them with two words of mask.
SIZES = (1, 3, 70)
SCHEMA = Schema(
    RecordSpec(f"R{size}", tuple(FieldSpec(f"f{number}", SlotKind.FLOAT) for number in range(size)))
    for size in SIZES
)


@given(records=st.lists(st.integers(0, 2), max_size=30), wanted=st.integers(0, 3))
def test_rows_of_a_record_come_in_order_with_their_numbers(records: list[int], wanted: int) -> None:
    batch = SampleBatch(SCHEMA, 64)
    for number, record in enumerate(records):
        batch.append(record, number, {f"f{SIZES[record] - 1}": number / 2}, tags=number)
    all_rows = enumerate(zip(records, batch, strict=True))
    assert list(batch.rows_of(wanted)) == [
        (number, row) for number, (record, row) in all_rows if record == wanted
    ]
