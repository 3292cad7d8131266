"""The memory of last values against its model, whatever the rows and however they are batched."""

from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.latest import Latest
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

FIELDS = (1, 5, 130)  # of the records: one word of validity, one word, three words
KINDS = (SlotKind.INT, SlotKind.UINT, SlotKind.FLOAT, SlotKind.BOOL, SlotKind.ASCII)


def field_spec(index: int) -> FieldSpec:
    kind = KINDS[index % len(KINDS)]
    return FieldSpec(f"f{index}", kind, characters=(4, 17, 24)[index % 3] if kind is SlotKind.ASCII else 0)


SCHEMA = Schema(
    RecordSpec(f"r{fields}", tuple(field_spec(index) for index in range(fields))) for fields in FIELDS
)
VALUES: dict[SlotKind, st.SearchStrategy[int | float | bool | str]] = {
    SlotKind.INT: st.integers(-(2**63), 2**63 - 1),
    SlotKind.UINT: st.integers(0, 2**64 - 1),
    SlotKind.FLOAT: st.floats(allow_nan=False),
    SlotKind.BOOL: st.booleans(),
    SlotKind.ASCII: st.text("AZ09 ?~", max_size=4),
}
Row = tuple[
    int, int, int, int, dict[int, int | float | bool | str]
]  # record, tags, channel, stamp, values by field


@st.composite
def rows(draw: st.DrawFn) -> Row:
    record = draw(st.integers(0, 2))
    fields = draw(st.sets(st.integers(0, FIELDS[record] - 1), max_size=5))
    return (
        record,
        draw(st.sampled_from((0, 1, 65535))),
        draw(st.integers(0, 65535)),
        draw(st.integers(-(2**63), 2**63 - 1)),
        {field: draw(VALUES[KINDS[field % len(KINDS)]]) for field in fields},
    )


@given(st.lists(st.lists(rows(), max_size=6), max_size=6), st.sets(st.integers(0, 2)))
def test_what_is_remembered_is_the_last_of_each_field(batches: list[list[Row]], kept: set[int]) -> None:
    latest = Latest(SCHEMA, kept)
    last: dict[tuple[int, int], tuple[int, int, int, int]] = {}  # channel, stamp, observed, rows
    values: dict[tuple[int, int], dict[int, tuple[int | float | bool | str, int, int]]] = {}
    for observed_ns, batch in enumerate(batches):
        samples = SampleBatch(SCHEMA)
        for record, tags, channel, time_ns, fields in batch:
            named = {f"f{field}": value for field, value in fields.items()}
            samples.append(record, time_ns, named, tags=tags, channel=channel)
            if record in kept:
                count = last.get((record, tags), (0, 0, 0, 0))[3]
                last[record, tags] = (channel, time_ns, observed_ns, count + 1)
                reported = {field: (value, time_ns, observed_ns) for field, value in fields.items()}
                values.setdefault((record, tags), {}).update(reported)
        latest.observe(samples, observed_ns)
    found = [latest[index] for index in range(len(latest))]
    assert {(each.record, each.tags): each[2:6] for each in found} == last
    assert [(each.record, each.tags) for each in found] == list(last)
    assert latest.rows() == [each.rows for each in found]
    for each in found:
        reported = {
            field: (raw, time_ns, observed_ns)
            for field, raw, time_ns, observed_ns in zip(
                each.fields, each.raw, each.times_ns, each.observations_ns, strict=True
            )
        }
        assert reported == values[each.record, each.tags]
