"""Texts that a row carries itself, such as a VIN: whole, wherever rows go."""

import csv
import io
import json
from collections.abc import Mapping

import pytest
from telemetry_core.columns.columns import Columns
from telemetry_core.columns.spec import ColumnKind, ColumnSpec, TableSpec, kind_of
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.extremes import Extremes
from telemetry_core.rows.latest import Latest
from telemetry_core.rows.points import Points
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.rules.reducer import Reducer
from telemetry_core.text.encoder import Encoder
from telemetry_core.text.lines import LineBuffer
from telemetry_core.text.wide import WideRows

from telemetry.live.values import reader
from tests.support.arrow import read_all
from tests.support.lineprotocol import parse_lines

FIELDS = (
    FieldSpec("region", SlotKind.ASCII, characters=3),
    FieldSpec("voltage", SlotKind.UINT),
    FieldSpec("vin", SlotKind.ASCII, characters=17),
    FieldSpec("maker", SlotKind.ASCII, characters=9),
    FieldSpec("long", SlotKind.ASCII, characters=24),
)
SCHEMA = Schema([RecordSpec("BRM", FIELDS), RecordSpec("other", (FieldSpec("x", SlotKind.INT),))])
VALUES: dict[str, int | str] = {
    "region": "123",
    "voltage": 5,
    "vin": "L1NSPGH98NA000000",
    "maker": 'A "B",\\c',
    "long": "abcdefghijklmnopqrstuvwx",
}

TEXTS = [field.name for field in FIELDS if field.kind is SlotKind.ASCII]


def batch(*rows: Mapping[str, int | str]) -> SampleBatch:
    samples = SampleBatch(SCHEMA)
    for number, values in enumerate(rows):
        samples.append(0, number, values)
        samples.append(1, number, {"x": -number})
    return samples


def test_a_row_gives_back_its_texts() -> None:
    assert [row.raw for row in batch(VALUES)] == [VALUES, {"x": 0}]


def test_a_split_batch_keeps_them() -> None:
    first, second = batch(VALUES, {"vin": "short"}).split([2])
    assert [row.raw for row in (*first, *second)] == [VALUES, {"x": 0}, {"vin": "short"}, {"x": -1}]


@pytest.mark.parametrize("text", ["12345678901234567x", "a\0b"])
def test_a_text_that_does_not_fit_is_refused_and_adds_no_row(text: str) -> None:
    samples = SampleBatch(SCHEMA)
    with pytest.raises(ValueError, match="vin"):
        samples.append(0, 1, {"vin": text})
    assert len(samples) == 0


@pytest.mark.parametrize("characters", [0, 25])
def test_a_schema_has_no_texts_of_another_length(characters: int) -> None:
    with pytest.raises(ValueError, match="characters"):
        Schema([RecordSpec("m", (FieldSpec("t", SlotKind.ASCII, characters=characters),))])


def test_csv_quotes_them_as_a_reader_expects() -> None:
    lines, encoder = LineBuffer(), Encoder(SCHEMA)
    encoder.encode_csv(batch(VALUES), lines)
    found = {row[4]: row[5] for row in csv.reader(io.StringIO(lines.take().decode(), newline=""))}
    assert found == {name: str(value) for name, value in VALUES.items()} | {"x": "0"}


def test_wide_csv_has_a_column_for_each() -> None:
    lines, wide = LineBuffer(), WideRows(Encoder(SCHEMA))
    header = wide.header().decode()
    wide.encode(batch(VALUES), lines)
    first = next(csv.DictReader(io.StringIO(f"{header}\n{lines.take().decode()}", newline="")))
    assert {name: first[f"BRM.{name}"] for name in VALUES} == {
        name: str(value) for name, value in VALUES.items()
    }


def test_ndjson_has_them_as_strings() -> None:
    lines, encoder = LineBuffer(), Encoder(SCHEMA)
    encoder.encode_ndjson(batch(VALUES), lines)
    assert json.loads(lines.take().split(b"\n")[0])["signals"] == VALUES


def test_line_protocol_has_them_as_string_fields() -> None:
    lines, encoder = LineBuffer(), Encoder(SCHEMA)
    encoder.encode(batch(VALUES), lines)
    point = parse_lines(lines.take())[0]
    assert {name: point.fields[name] for name in TEXTS} == {name: VALUES[name] for name in TEXTS}


def test_columns_have_them_as_words() -> None:
    columns = Columns(
        SCHEMA,
        [
            TableSpec(
                "BRM",
                tuple(ColumnSpec(field.name, kind_of(field)) for field in FIELDS),
                ((0, tuple(range(len(FIELDS)))),),
            )
        ],
    )
    assert kind_of(FIELDS[2]) is ColumnKind.WORDS
    columns.append(batch(VALUES, {"vin": "short"}, VALUES))
    found = read_all(columns.take(0).stream())
    assert found["vin"] == [VALUES["vin"], "short", VALUES["vin"]]
    assert found["long"] == [VALUES["long"], None, VALUES["long"]]


def test_the_last_text_of_each_field_is_remembered_whole() -> None:
    latest = Latest(SCHEMA, [0])
    latest.observe(batch(VALUES, {"vin": "LSVAA4182E2184847", "maker": "B"}), 1)
    known = latest[0]
    shown = {
        FIELDS[field].name: reader(FIELDS[field])(raw)
        for field, raw in zip(known.fields, known.raw, strict=True)
    }
    assert shown == VALUES | {"vin": "LSVAA4182E2184847", "maker": "B"}


def test_a_pending_row_keeps_the_last_text_whole() -> None:
    reducer, out = Reducer(SCHEMA, [10, 0]), SampleBatch(SCHEMA)
    later: dict[str, int | str] = {"vin": "LSVAA4182E2184847"}
    reducer.reduce(batch({"voltage": 1}, VALUES, later), out)
    out.clear()
    reducer.flush(out)
    assert [row.raw for row in out] == [VALUES | later]


def test_extremes_and_points_count_no_text_as_a_number() -> None:
    extremes, points = Extremes(SCHEMA), Points(SCHEMA)
    extremes.observe(batch(VALUES))
    points.observe(batch(VALUES))
    assert extremes.of(0).fields[2] == (1, None, None, None)
    assert points.of(0, 2) == (b"", b"", b"")
    assert len(points.of(0, 1)[0]) == 8


def test_texts_are_changed_in_rows_of_one_record_cut_to_their_room_and_taken_out() -> None:
    batch = SampleBatch(SCHEMA)
    for time_ns in (1, 2, 3):
        batch.append(0, time_ns, VALUES if time_ns < 3 else {"maker": "B"})
        batch.append(1, time_ns, {"x": time_ns})
    seen = []

    def change(text: str) -> str | None:
        seen.append(text)
        return {1: "07ba562ade24", 2: None}[len(seen)]

    batch.change_texts(0, 2, change)
    batch.change_texts(0, 3, str.lower)
    batch.change_texts(0, 0, lambda text: text + "45")
    assert seen == ["L1NSPGH98NA000000"] * 2
    changed = {**VALUES, "maker": 'a "b",\\c'}
    others = {name: value for name, value in changed.items() if name != "vin"}
    assert [dict(row.raw) for row in batch if row.measurement == "BRM"] == [
        {**changed, "vin": "07ba562ade24"},
        others,
        {"maker": "b"},
    ]
    assert [row.raw["x"] for row in batch if row.measurement == "other"] == [1, 2, 3]


@pytest.mark.parametrize(("record", "field"), [(2, 0), (0, 5), (0, 1), (1, 0)])
def test_what_is_no_text_is_not_changed(record: int, field: int) -> None:
    with pytest.raises(IndexError, match=f"{record}, {field}"):
        SampleBatch(SCHEMA).change_texts(record, field, str)
