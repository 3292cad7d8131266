"""What the encoder writes is read back: any names, any numbers, by parsers of our own and of others."""

import csv
import io
import json
import math
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st
from line_protocol_parser import parse_line as parse_elsewhere
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema, escape_key, escape_measurement
from telemetry_core.rows.spec import DecimalScale, FieldSpec, RecordSpec, SlotKind
from telemetry_core.text.encoder import CSV_HEADER, Encoder
from telemetry_core.text.lines import LineBuffer, restamp
from telemetry_core.text.wide import WideRows

from telemetry.model.point import line, tag_set
from tests.support.lineprotocol import Number, parse_line, parse_lines

INT64 = st.integers(-(2**63), 2**63 - 1)
UINT64 = st.integers(0, 2**64 - 1)
TEXTS = st.text(max_size=40)  # surrogates are not among them: no file can hold one
EVERY_TEXT = st.text(st.characters(), max_size=40)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
STAMPS = st.one_of(st.integers(-(2**61), 2**61), st.integers(-(10**9), 10**9))  # the sum of two is a stamp


def as_written(name: str) -> str:
    """Return what can be written of a name; see docs/encoder.md."""
    text = " ".join(name.splitlines()).replace("\\", "_") or "_"
    return "".join(character if character.isprintable() else "_" for character in text)


def as_measurement(name: str) -> str:
    return "_" + as_written(name) if as_written(name).startswith("#") else as_written(name)


@dataclass(frozen=True)
class Value:
    """A field, what is in its slot, and what it means: exactly, or as a double."""

    field: FieldSpec
    raw: int | float | bool
    meaning: Fraction | float | bool


@st.composite
def decimals(draw: st.DrawFn) -> Value:
    places = draw(st.integers(0, 18))
    scaled = draw(st.one_of(INT64, st.integers(-1000, 1000), st.integers(-(10**9), 10**9)))
    multiplier = draw(st.sampled_from([1, 1, -1, 5, 25, 1220703125]))
    bias = draw(st.sampled_from([0, 0, -40, 10**9]))
    raw = max(-(2**63), min((scaled - bias) // multiplier, 2**63 - 1))
    if not -(2**63) <= raw * multiplier + bias < 2**63:
        raw = 0
    scale = DecimalScale(multiplier, bias, places)
    return Value(
        FieldSpec("v", SlotKind.INT, scale=scale), raw, Fraction(raw * multiplier + bias, 10**places)
    )


@st.composite
def wholes(draw: st.DrawFn) -> Value:
    factor = draw(st.integers(-(2**53), 2**53) | st.integers(-3, 3))
    offset = draw(st.integers(-(2**53), 2**53) | st.integers(-3, 3))
    kind = draw(st.sampled_from([SlotKind.INT, SlotKind.UINT]))
    raw = draw(INT64 if kind is SlotKind.INT else UINT64)
    field = FieldSpec("v", kind, float(factor), float(offset))
    product, exact = raw * factor, raw * factor + offset
    if max(abs(product), abs(exact)) < 2**64:
        return Value(field, raw, Fraction(exact))
    return Value(field, raw, float(raw) * factor + offset)


@st.composite
def doubles(draw: st.DrawFn) -> Value:
    factor, offset = draw(st.sampled_from([(1.0, 0.0), (0.1, -0.7), (1e300, 0.0), (1 / 3, 1e-300)]))
    kind = draw(st.sampled_from([SlotKind.FLOAT, SlotKind.INT, SlotKind.UINT]))
    if kind is SlotKind.FLOAT:
        raw: int | float = draw(st.floats())
    else:
        raw = draw(INT64 if kind is SlotKind.INT else UINT64)
        factor, offset = (1 / 3, offset) if factor == 1.0 else (factor, offset)
    return Value(FieldSpec("v", kind, factor, offset), raw, float(raw) * factor + offset)


FLAGS = st.booleans().map(lambda flag: Value(FieldSpec("v", SlotKind.BOOL), flag, flag))
VALUES = st.one_of(decimals(), wholes(), doubles(), FLAGS)


@st.composite
def records(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> tuple[str, list[Value]]:
    names = draw(st.lists(texts, min_size=1, max_size=5, unique_by=as_written))
    values = (draw(VALUES) for _ in names)
    return draw(texts), [
        replace(value, field=replace(value.field, name=name))
        for name, value in zip(names, values, strict=True)
    ]


def rows_of(*records: tuple[str, list[Value]], time_ns: int = 0, **where: int) -> tuple[SampleBatch, Encoder]:
    """Return a row of each record, 1 ns apart, and an encoder of them. where: as `append` takes it."""
    schema = Schema(RecordSpec(name, tuple(value.field for value in values)) for name, values in records)
    samples = SampleBatch(schema)
    for number, (_, values) in enumerate(records):
        raw = {value.field.name: value.raw for value in values}
        samples.append(number, time_ns + number, raw, **{"id": number, **where})
    return samples, Encoder(schema)


def check_number(text: str, meaning: Fraction | float) -> None:
    assert text.lstrip("-") not in ("", "inf", "nan")
    assert text != "-0"
    if isinstance(meaning, Fraction):
        assert Fraction(text) == meaning
        assert "e" not in text
        assert "." not in text or not text.endswith(("0", "."))
    else:
        assert float(text) == meaning
        assert len(text) <= len(repr(meaning))


def is_written(value: Value) -> bool:
    return not isinstance(value.meaning, float) or math.isfinite(value.meaning)


@given(VALUES)
@example(Value(FieldSpec("v", SlotKind.UINT), 2**64 - 1, Fraction(2**64 - 1)))
def test_a_number_reads_back_as_what_it_means(value: Value) -> None:
    samples, encoder = rows_of(("m", [value]))
    lines = LineBuffer()
    encoder.encode(samples, lines)
    if not is_written(value):
        assert (lines.take(), encoder.left_out, encoder.empty_by_measurement()) == (b"", 1, {"m": 1})
        return
    [read] = parse_lines(lines.take())
    written = read.fields["v"]
    if isinstance(value.meaning, bool):
        assert written is value.meaning
    else:
        assert isinstance(written, Number)
        check_number(written.text, value.meaning)


def test_every_length_of_a_decimal_is_printed_exactly() -> None:
    scaled = sorted(
        {sign * (10**power + step) for power in range(19) for step in (-1, 0, 1) for sign in (1, -1)}
    )
    for places in range(19):
        field = FieldSpec("v", SlotKind.INT, scale=DecimalScale(1, 0, places))
        schema = Schema([RecordSpec("m", (field,))])
        samples, lines = SampleBatch(schema), LineBuffer()
        for number in scaled:
            samples.append(0, 1, {"v": number})
        Encoder(schema).encode(samples, lines)
        for number, read in zip(scaled, parse_lines(lines.take()), strict=True):
            written = read.fields["v"]
            assert isinstance(written, Number)
            check_number(written.text, Fraction(number, 10**places))


@given(
    records(EVERY_TEXT),
    st.dictionaries(EVERY_TEXT, EVERY_TEXT, max_size=4),
    STAMPS,
    st.integers(0, 10**6),
    STAMPS,
)
def test_two_parsers_read_a_line_back(
    record: tuple[str, list[Value]], tags: dict[str, str], time_ns: int, nudge_ns: int, shift_ns: int
) -> None:
    measurement, values = record
    tags = {as_written(key): value for key, value in tags.items() if value}
    samples, encoder = rows_of(record, time_ns=time_ns, tags=3, nudge_ns=nudge_ns)
    lines = LineBuffer()
    encoder.set_tags(3, tag_set(tags))
    encoder.shift_ns = shift_ns
    encoder.encode(samples, lines)
    written = {as_written(value.field.name): value for value in values if is_written(value)}
    assert lines.lines == (1 if written else 0)
    assert encoder.left_out == len(values) - len(written)
    for read in parse_lines(text := lines.take()):
        assert read.measurement == as_measurement(measurement)
        assert read.tags == {key: as_written(value) for key, value in tags.items()}
        assert list(read.fields) == list(written)
        assert read.time_ns == time_ns + nudge_ns + shift_ns
        numbers = [abs(float(value)) for value in read.fields.values() if isinstance(value, Number)]
        if any(0 < number < sys.float_info.min for number in numbers):
            continue  # the other parser refuses subnormal numbers
        elsewhere = parse_elsewhere(text.decode())
        assert elsewhere["measurement"] == read.measurement
        assert elsewhere["tags"] == read.tags
        assert elsewhere["time"] == read.time_ns
        assert elsewhere["fields"] == {
            key: value if isinstance(value, bool | str) else float(value)
            for key, value in read.fields.items()
        }


@given(records(TEXTS), TEXTS, INT64, st.integers(0, 2**32 - 1))
def test_csv_and_json_read_a_row_back(
    record: tuple[str, list[Value]], channel: str, time_ns: int, id: int
) -> None:
    message, values = record
    samples, encoder = rows_of(record, time_ns=time_ns, channel=2, id=id, nudge_ns=1)
    encoder.set_channel(2, channel)
    digits = f"{id & 0x1FFFFFFF:08X}" if id >> 31 else f"{id & 0x7FF:03X}"
    rows, objects = LineBuffer(), LineBuffer()
    encoder.encode_csv(samples, rows)
    encoder.encode_ndjson(samples, objects)
    written = {value.field.name: value for value in values if is_written(value)}
    assert (rows.lines, objects.lines) == (len(written), 1 if written else 0)

    header = CSV_HEADER.split(",")
    text = rows.take().decode()
    for row, (signal, value) in zip(
        csv.reader(io.StringIO(text, newline=""), strict=True), written.items(), strict=True
    ):
        assert dict(zip(header, row, strict=True)) == {
            "time_ns": str(time_ns),
            "channel": channel,
            "id": digits,
            "message": message,
            "signal": signal,
            "value": row[-1],
        }
        if isinstance(value.meaning, bool):
            assert row[-1] == str(int(value.meaning))
        else:
            check_number(row[-1], value.meaning)

    for one in objects.take().decode().split("\n")[:-1]:
        read = json.loads(one, parse_float=str, parse_int=str)
        signals = read.pop("signals")
        assert read == {"time_ns": str(time_ns), "channel": channel, "id": digits, "message": message}
        assert list(signals) == list(written)
        for signal, value in written.items():
            if isinstance(value.meaning, bool):
                assert signals[signal] is value.meaning
            else:
                check_number(signals[signal], value.meaning)


@given(st.lists(st.tuples(STAMPS, FINITE), max_size=50), st.integers(1, 50))
def test_the_sizes_of_batches_make_no_difference(rows: list[tuple[int, float]], size: int) -> None:
    schema = Schema([RecordSpec("m" * 40, (FieldSpec("v" * 50, SlotKind.FLOAT),))])
    encoder, whole, parts = Encoder(schema), LineBuffer(room=1), LineBuffer()
    samples = SampleBatch(schema)
    for time_ns, value in rows:
        samples.append(0, time_ns, {"v" * 50: value})
    encoder.encode(samples, whole)
    for at in range(0, len(rows), size):
        samples.clear()
        for time_ns, value in rows[at : at + size]:
            samples.append(0, time_ns, {"v" * 50: value})
        encoder.encode(samples, parts)
    assert (parts.lines, parts.first_ns, parts.last_ns) == (whole.lines, whole.first_ns, whole.last_ns)
    stamps = [time_ns for time_ns, _ in rows]
    assert (whole.lines, whole.first_ns, whole.last_ns) == (
        len(rows),
        min(stamps, default=0),
        max(stamps, default=0),
    )
    text = whole.take()
    assert parts.take() == text
    assert [read.time_ns for read in parse_lines(text)] == stamps
    assert [read.time_ns for read in parse_lines(restamp(text, 7))] == [time_ns + 7 for time_ns in stamps]


@given(st.sets(st.integers(0, 199), max_size=200))
def test_any_set_of_fields_of_a_wide_record_is_written_in_order(present: set[int]) -> None:
    names = [f"v{index:03}" for index in range(200)]
    whole = DecimalScale(1, 0, 0)
    schema = Schema(
        [RecordSpec("cells", tuple(FieldSpec(name, SlotKind.INT, scale=whole) for name in names))]
    )
    samples, lines = SampleBatch(schema), LineBuffer()
    samples.append(0, 1, {names[index]: index for index in present})
    Encoder(schema).encode(samples, lines)
    for read in parse_lines(lines.take()):
        assert {
            name: float(str(value.text)) for name, value in read.fields.items() if isinstance(value, Number)
        } == {names[index]: float(index) for index in sorted(present)}
        assert list(read.fields) == [names[index] for index in sorted(present)]


@given(
    EVERY_TEXT,
    st.dictionaries(EVERY_TEXT, EVERY_TEXT, max_size=4),
    st.dictionaries(EVERY_TEXT, st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), EVERY_TEXT)),
    INT64,
)
def test_a_single_point_reads_back(
    measurement: str, tags: dict[str, str], fields: dict[str, float | bool | str | None], time_ns: int
) -> None:
    tags = {as_written(key): value for key, value in tags.items()}
    fields = {as_written(key): value for key, value in fields.items()}
    known = {
        key: value
        for key, value in fields.items()
        if value is not None and not (isinstance(value, float) and not math.isfinite(value))
    }
    if not known:
        return
    text = line(measurement, tags, fields, time_ns)
    read = parse_line(text)
    assert (read.measurement, read.time_ns) == (as_measurement(measurement), time_ns)
    assert read.tags == {key: as_written(value) for key, value in tags.items() if value}
    assert list(read.fields) == list(known)
    for key, value in known.items():
        written = read.fields[key]
        if isinstance(value, bool):
            assert written is value
        elif isinstance(value, str):
            assert isinstance(written, str)
            assert written == "".join(" " if ord(c) < 32 or ord(c) == 127 else c for c in written)
        else:
            assert isinstance(written, Number)
            assert float(written) == float(value)


@given(EVERY_TEXT)
@example("#comment")
@example("a\\")
@example("a\\,b")
def test_an_escaped_name_holds_no_break_and_no_backslash_but_before_a_special(name: str) -> None:
    assert not escape_measurement(name).startswith(b"#")
    for escaped in (escape_key(name), escape_measurement(name)):
        assert escaped.decode().isprintable()
        assert all(rest[:1] in b",= " for rest in escaped.split(b"\\")[1:])


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**62), 2**62))
def test_a_time_is_exact_in_every_form(time_ns: int, origin_ns: int) -> None:
    flag = Value(FieldSpec("v", SlotKind.BOOL), raw=True, meaning=True)
    samples, encoder = rows_of(("m", [flag]), time_ns=time_ns)
    lines = LineBuffer()
    encoder.origin_ns = origin_ns if abs(time_ns - origin_ns) < 2**63 else time_ns
    for form, column in (("ns", "time_ns"), ("iso", "time"), ("relative", "time_s")):
        encoder.write_times(form)
        encoder.encode_csv(samples, lines)
        text = lines.take().decode().split(",")[0]
        encoder.encode_ndjson(samples, lines)
        read = json.loads(lines.take(), parse_float=str, parse_int=str)
        assert read[column] == text
        assert encoder.csv_header().decode().split(",")[0] == column
        match form:
            case "ns":
                assert int(text) == time_ns
            case "iso":
                seconds, rest_ns = divmod(time_ns, 10**9)
                instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
                assert text == f"{instant:%Y-%m-%dT%H:%M:%S}.{rest_ns:09d}Z"
            case _:
                assert Fraction(text) == Fraction(time_ns - encoder.origin_ns, 10**9)


@given(st.lists(records(TEXTS), min_size=1, max_size=4), TEXTS)
def test_a_wide_row_has_each_value_of_the_long_rows_in_its_column(
    given_records: list[tuple[str, list[Value]]], channel: str
) -> None:
    samples, encoder = rows_of(*given_records)
    long, wide = LineBuffer(), LineBuffer()
    encoder.set_channel(0, channel)
    encoder.encode_csv(samples, long)
    wide_rows = WideRows(encoder)
    wide_rows.encode(samples, wide)

    def read(text: bytes) -> list[list[str]]:
        return list(csv.reader(io.StringIO(text.decode(), newline=""), strict=True))

    (header,) = read(wide_rows.header())
    assert len(set(header)) == len(header)
    expected: dict[str, dict[str, str]] = {}
    for time_ns, _, _, message, signal, value in read(long.take()):
        expected.setdefault(time_ns, {})[f"{message}.{signal}"] = value
    rows = read(wide.take())
    assert [len(row) for row in rows] == [len(header)] * len(expected)
    assert [
        (row[0], {name: value for name, value in zip(header[3:], row[3:], strict=True) if value})
        for row in rows
    ] == list(expected.items())
