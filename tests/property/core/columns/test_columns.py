"""A value in a column is what csv prints, read back by Python: for any kind, scale and raw value."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.columns.columns import Columns
from telemetry_core.columns.spec import ColumnKind, ColumnSpec, TableSpec, common_kind, kind_of
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.text.encoder import Encoder
from telemetry_core.text.lines import LineBuffer

from telemetry.model.scaling import decimal_scale
from tests.support.arrow import read_all

FACTORS = st.one_of(
    st.sampled_from([1.0, 0.1, 0.01, 0.5, 2.0, 1e-9, 1 / 3, -1.0, 1e15]),
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e200, max_value=1e200).filter(bool),
)
OFFSETS = st.one_of(st.sampled_from([0.0, -40.0, 1.0, 0.1]), st.floats(-1e200, 1e200))


@st.composite
def fields(draw: st.DrawFn) -> FieldSpec:
    kind = draw(st.sampled_from(list(SlotKind)))
    if kind in (SlotKind.TEXT, SlotKind.WORD):
        texts = draw(st.dictionaries(st.integers(-3, 3), st.text(max_size=4)))
        return FieldSpec("f", kind, texts=tuple(texts.items()))
    if kind is SlotKind.ASCII:
        return FieldSpec("f", kind, characters=draw(st.integers(1, 24)))
    factor, offset = draw(FACTORS), draw(OFFSETS)
    scale = None
    if kind in (SlotKind.INT, SlotKind.UINT):
        bits = draw(st.sampled_from([1, 8, 16, 32, 63, 64]))
        scale = decimal_scale(factor, offset, bits, signed=kind is SlotKind.INT)
    return FieldSpec("f", kind, factor, offset, scale)


def raw_values(field: FieldSpec) -> st.SearchStrategy[Any]:
    match field.kind:
        case SlotKind.ASCII:
            printable = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
            return st.text(printable, min_size=1, max_size=field.characters)
        case SlotKind.BOOL:
            return st.booleans()
        case SlotKind.FLOAT:
            return st.floats()
        case SlotKind.UINT:
            return st.one_of(st.integers(0, 1000), st.integers(0, 2**64 - 1))
    return st.one_of(st.integers(-4, 1000), st.integers(-(2**63), 2**63 - 1))


def printed(schema: Schema, samples: SampleBatch) -> dict[int, str]:
    """Return what csv has for each row, by its stamp."""
    encoder, lines = Encoder(schema), LineBuffer()
    encoder.set_channel(0, "can0")
    encoder.encode_csv(samples, lines)
    found = {}
    for line in lines.take().decode("utf-8").split("\n")[:-1]:
        stamp, _, _, _, _, value = line.split(",", 5)
        found[int(stamp)] = value[1:-1].replace('""', '"') if value.startswith('"') else value
    return found


@given(data=st.data())
def test_a_column_holds_what_csv_prints(data: st.DataObject) -> None:
    field = data.draw(fields())
    schema = Schema([RecordSpec("m", (field,))])
    samples = SampleBatch(schema)
    wanted = data.draw(st.lists(st.one_of(st.none(), raw_values(field)), min_size=1, max_size=20))
    fits = field.scale and (field.scale.multiplier, field.scale.bias)
    for row, raw in enumerate(wanted):
        if fits and raw is not None and not -(2**63) <= raw * fits[0] + fits[1] < 2**63:
            continue  # a DecimalScale never leaves 64 bits
        samples.append(0, row, {} if raw is None else {"f": raw})
    kind = kind_of(field)
    if kind is not ColumnKind.WORDS and data.draw(st.booleans()):
        kind = common_kind(kind, ColumnKind.FLOAT64)  # of a table that has it twice
    table = TableSpec("m", (ColumnSpec("time", ColumnKind.TIME), ColumnSpec("f", kind)), ((0, (1,)),))
    columns = Columns(schema, [table], data.draw(st.integers(1, 5)), data.draw(st.integers(1, 8)))
    columns.append(samples)
    found = read_all(columns.take(0).stream())
    values = {time: value for time, value in zip(found["time"], found["f"], strict=True) if value is not None}
    expected = printed(schema, samples)
    if kind is ColumnKind.FLOAT64:
        assert values == {time: float(text) for time, text in expected.items()}
    elif kind is ColumnKind.WORDS:
        assert values == {time: text.replace("\0", " ") for time, text in expected.items()}
    else:
        assert values == {time: int(text) for time, text in expected.items()}
