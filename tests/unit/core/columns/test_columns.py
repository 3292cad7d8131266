"""Rows into columns: chunks, absent values, words, and what consumers of Arrow may do with them."""

import gc
import threading

import pytest
from telemetry_core.columns.batches import Batches, batches_of, bits_of
from telemetry_core.columns.columns import Columns
from telemetry_core.columns.spec import ColumnKind, ColumnSpec, TableSpec
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import DecimalScale, FieldSpec, RecordSpec, SlotKind

from tests.support.arrow import Stream, child, names, read_all, release, values

HEAD = (
    ColumnSpec("time", ColumnKind.TIME),
    ColumnSpec("channel", ColumnKind.WORDS, head="channel"),
    ColumnSpec("id", ColumnKind.ID),
)
PACK = RecordSpec(
    "Pack",
    (
        FieldSpec("volts", SlotKind.INT, 0.1, 0.0, DecimalScale(1, 0, 1), unit="V"),
        FieldSpec("count", SlotKind.UINT),
        FieldSpec("flag", SlotKind.BOOL),
        FieldSpec("phase", SlotKind.TEXT, texts=((0, "off"), (2, "bulk"))),
        FieldSpec("word", SlotKind.WORD, texts=((1, "on"),)),
        FieldSpec("real", SlotKind.FLOAT, 2.0),
    ),
)
TABLE = TableSpec(
    "Pack",
    (
        *HEAD,
        ColumnSpec("volts", ColumnKind.FLOAT64, "V"),
        ColumnSpec("count", ColumnKind.UINT64),
        ColumnSpec("flag", ColumnKind.BOOL),
        ColumnSpec("phase", ColumnKind.WORDS),
        ColumnSpec("word", ColumnKind.WORDS),
        ColumnSpec("real", ColumnKind.FLOAT64),
    ),
    ((0, (3, 4, 5, 6, 7, 8)),),
)


def columns(first_rows: int = 1024, most_rows: int = 65536) -> tuple[Columns, SampleBatch]:
    schema = Schema([PACK])
    made = Columns(schema, [TABLE], first_rows, most_rows)
    made.set_word("channel", 0, "can0")
    made.set_word("channel", 1, "can1")
    return made, SampleBatch(schema)


def filled(rows: int, first_rows: int = 1024, most_rows: int = 65536) -> Batches:
    """`volts` is row / 10, `count` there in each third row."""
    made, samples = columns(first_rows, most_rows)
    for row in range(rows):
        samples.append(
            0, row, {"volts": row} | ({"count": row} if row % 3 == 0 else {}), channel=row % 2, id=256
        )
    made.append(samples)
    return made.take(0)


def test_a_row_has_its_head_and_a_value_for_each_field() -> None:
    made, samples = columns()
    raw = {"volts": 4012, "count": 2**64 - 1, "flag": True, "phase": 2, "word": 1, "real": 1.25}
    samples.append(0, 5, raw, channel=1, id=0x98FF50E5)
    made.append(samples)
    assert read_all(made.take(0).stream()) == {
        "time": [5],
        "channel": ["can1"],
        "id": [0x18FF50E5],
        "volts": [401.2],
        "count": [2**64 - 1],
        "flag": [True],
        "phase": ["bulk"],
        "word": ["on"],
        "real": [2.5],
    }


def test_what_a_row_has_not_is_null_and_so_is_what_text_leaves_out() -> None:
    made, samples = columns()
    samples.append(0, 1, {"real": float("inf"), "volts": 1, "word": 7, "phase": 7})
    samples.append(0, 2, {"flag": False}, channel=9)
    samples.append(0, 3, {})  # of no field: no row
    made.append(samples)
    assert made.left_out == 1
    assert made.rows(0) == 2
    assert read_all(made.take(0).stream()) == {
        "time": [1, 2],
        "channel": ["can0", None],
        "id": [0, 0],
        "volts": [0.1, None],
        "count": [None, None],
        "flag": [None, False],
        "phase": ["7", None],
        "word": [None, None],
        "real": [None, None],
    }


@pytest.mark.parametrize("is_dense", [True, False])
def test_a_number_beyond_2_53_is_the_double_of_its_decimal_and_0_has_no_sign(is_dense: bool) -> None:
    """2^53 + 3 tenths: rounded first and divided then, it would be …099.6."""
    made, samples = columns()
    for row, (volts, real) in enumerate([(9007199254740995, -0.0), (-9007199254740995, 0.0), (0, -1.0)]):
        samples.append(0, row, {"volts": volts, "real": real})
        if not is_dense:
            samples.append(0, row, {"flag": True})
    made.append(samples)
    found = read_all(made.take(0).stream())
    assert [each for each in found["volts"] if each is not None] == [
        900719925474099.5,
        -900719925474099.5,
        0.0,
    ]
    assert [str(each) for each in found["real"] if each is not None] == ["0.0", "0.0", "-2.0"]


@pytest.mark.parametrize(("first_rows", "most_rows"), [(1, 1), (1, 16), (3, 7), (8, 64), (1024, 65536)])
def test_chunks_of_any_size_hold_the_same(first_rows: int, most_rows: int) -> None:
    found = read_all(filled(150, first_rows, most_rows).stream())
    assert found["time"] == list(range(150))
    assert found["volts"] == [row / 10 for row in range(150)]
    assert found["count"] == [row if row % 3 == 0 else None for row in range(150)]
    assert found["channel"] == ["can0", "can1"] * 75


def test_chunks_grow_and_none_is_larger_than_the_most() -> None:
    stream = Stream(filled(200, 4, 64).stream())
    lengths = []
    for array in stream.batches():
        lengths.append(array.length)
        release(array)
    stream.release()
    assert lengths == [4, 16, 64, 64, 52]


def test_rows_of_many_batches_are_one_table_in_their_order() -> None:
    made, samples = columns(2, 8)
    for row in range(50):
        samples.clear()
        samples.append(0, row, {"volts": row})
        made.append(samples)
    assert read_all(made.take(0).stream())["time"] == list(range(50))


def test_a_column_may_outlive_its_batch_the_stream_and_the_table_and_end_in_another_thread() -> None:
    batches = filled(10)
    stream = Stream(batches.stream())
    schema = stream.schema()
    (array,) = stream.batches()
    volts, channel = child(array, 3), child(array, 1)
    release(array)
    stream.release()
    del batches, stream
    gc.collect()
    assert values(schema.children[3].contents, volts) == [row / 10 for row in range(10)]
    assert values(schema.children[1].contents, channel) == ["can0", "can1"] * 5
    thread = threading.Thread(target=lambda: list(map(release, (volts, channel))))
    thread.start()
    thread.join()
    release(schema)


def test_a_capsule_that_nobody_reads_gives_everything_back() -> None:
    batches = filled(10)
    for _ in range(3):
        batches.stream()
        batches.schema()
    assert len(read_all(batches.stream())["time"]) == 10


def test_the_schema_has_names_and_units() -> None:
    stream = Stream(filled(1).stream())
    schema = stream.schema()
    assert names(schema) == ["time", "channel", "id", "volts", "count", "flag", "phase", "word", "real"]
    assert schema.children[3].contents.metadata
    assert not schema.children[4].contents.metadata
    release(schema)
    stream.release()


def test_rows_can_be_taken_while_others_come() -> None:
    made, samples = columns(4, 4)
    for first in (0, 10):
        samples.clear()
        for row in range(first, first + 10):
            samples.append(0, row, {"volts": row})
        made.append(samples)
        assert (made.tables_of(10), made.tables_of(11)) == ([0], [])
        assert read_all(made.take(0).stream())["time"] == list(range(first, first + 10))
    assert len(made.take(0)) == 0


def test_chunks_apart_are_a_record_batch_each_with_no_words_of_other_ones() -> None:
    schema = Schema([PACK])
    made, samples = Columns(schema, [TABLE], 2, 8, apart=True), SampleBatch(schema)
    made.set_word("channel", 0, "can0")
    for row in range(23):
        samples.append(0, row, {"phase": row})
    made.append(samples)
    assert made.held_bytes == 5 * (64 + 32 + 32 + 64 + 64 + 1 + 32 + 32 + 64 + 9) // 8
    full = [*made.take_full(), made.take(0)]
    assert made.take_full() == []
    assert [len(batches) for batches in full] == [2, 8, 8, 5]
    assert [len(batches.texts(6)) for batches in full] == [3, 9, 10, 7]
    found = [read_all(batches.stream()) for batches in full]
    assert [time for each in found for time in each["time"]] == list(range(23))
    words = [word for each in found for word in each["phase"]]
    assert words == ["off", "1", "bulk", *map(str, range(3, 23))]
    assert [each["channel"][0] for each in found] == ["can0"] * 4


def test_rows_of_several_chunks_are_no_record_batch() -> None:
    with pytest.raises(ValueError, match="2 chunks are no record batch"):
        filled(6, 4, 4).array()


def test_a_row_can_come_from_python() -> None:
    made, _ = columns()
    made.append_row(0, (7, "can7", 3, 1.5, 2, True, "odd", None, None))
    found = read_all(made.take(0).stream())
    assert [found[name][0] for name in found] == [7, "can7", 3, 1.5, 2, True, "odd", None, None]


def test_a_row_with_a_value_that_does_not_fit_adds_nothing() -> None:
    made, _ = columns()
    for id in (2**32, -1):
        with pytest.raises(OverflowError):
            made.append_row(0, (7, "can7", id, 1.5, 2, True, "odd", None, None))
    with pytest.raises(OverflowError):
        made.append_row(0, (7, "can7", 3, 1.5, 2**64, True, "odd", None, None))
    assert made.rows(0) == 0
    made.append_row(0, (8, None, 3, None, None, False, None, None, None))
    made.append_row(0, (9, None, 4, None, None, None, None, None, None))
    found = read_all(made.take(0).stream())
    assert [found[name] for name in list(found)[:7]] == [
        [8, 9],
        [None, None],
        [3, 4],
        [None, None],
        [None, None],
        [False, None],
        [None, None],
    ]


def test_columns_are_copied_side_by_side() -> None:
    batches = filled(10, 4, 4)
    counts, absent = bytearray(80), bytearray(10)
    batches.copy(4, counts, absent)
    assert memoryview(counts).cast("Q").tolist() == [0, 0, 0, 3, 0, 0, 6, 0, 0, 9]
    assert list(absent) == [0, 1, 1] * 3 + [0]
    assert batches.absent(4) == 6
    with pytest.raises(ValueError, match="another number of rows"):
        batches.copy(4, bytearray(79))
    with pytest.raises(IndexError):
        batches.copy(9, bytearray(80))


@pytest.mark.parametrize(
    "table",
    [
        TableSpec("Pack", HEAD, ((1, ()),)),  # no such record
        TableSpec("Pack", HEAD, ((0, (0, 1, 2)),)),  # fewer columns than fields
        TableSpec("Pack", TABLE.columns, ((0, (3, 4, 5, 3, 7, 8)),)),  # words into numbers
        TableSpec("Pack", TABLE.columns, ((0, (0, 4, 5, 6, 7, 8)),)),  # a number into the time
        TableSpec("Pack", TABLE.columns, ((0, (3, 4, 5, 6, 7, 9)),)),  # no such column
        TableSpec("Pack", (ColumnSpec("channel", ColumnKind.INT64, head="channel"),)),
    ],
)
def test_a_table_that_does_not_fit_the_schema_is_refused(table: TableSpec) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  each says something else
        Columns(Schema([PACK]), [table])


def test_rows_of_another_schema_are_refused() -> None:
    made, _ = columns()
    with pytest.raises(ValueError, match="another schema"):
        made.append(SampleBatch(Schema([PACK])))


@pytest.mark.parametrize("rows", [0, 1, 70_000])
def test_arrays_become_the_rows_that_they_were_copied_from(rows: int) -> None:
    """Of more rows than a chunk takes, too; a row is what the arrays have at its place."""
    one = filled(rows)
    copies = []
    for index, column in enumerate(TABLE.columns):
        data, absent = bytearray(rows * max(bits_of(column.kind) // 8, 1)), bytearray(rows)
        one.copy(index, data, absent)
        copies.append((one.texts(index) if column.kind is ColumnKind.WORDS else None, data, absent))
    again = batches_of(one.spec, rows, copies)
    assert len(again) == rows
    for index, (texts, data, absent) in enumerate(copies):
        found, gaps = bytearray(len(data)), bytearray(rows)
        again.copy(index, found, gaps)
        assert (found, gaps, again.texts(index) if texts else None) == (data, absent, texts or None)
    for row in {0, 65_535, 65_536, rows - 1} & set(range(rows)):
        count = row if row % 3 == 0 else None
        assert (
            again.row(row)
            == one.row(row)
            == (row, f"can{row % 2}", 256, row / 10, count, None, None, None, None)
        )
    assert again.extent(0) == one.extent(0) == ((0, rows - 1) if rows else None)
    with pytest.raises(IndexError):
        again.row(rows)
    with pytest.raises(ValueError, match="another number of rows"):
        batches_of(one.spec, rows + 1, copies)
