"""The encoder: line protocol, csv and ndjson of rows."""

import csv
import io
import json
import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import DecimalScale, FieldSpec, RecordSpec, SlotKind
from telemetry_core.text.encoder import CSV_HEADER, Encoder
from telemetry_core.text.lines import LineBuffer
from telemetry_core.text.wide import WideRows

INT, UINT, FLOAT, BOOL = SlotKind.INT, SlotKind.UINT, SlotKind.FLOAT, SlotKind.BOOL


def one_field(field: FieldSpec, raw: float) -> tuple[SampleBatch, Encoder, LineBuffer]:
    schema = Schema([RecordSpec("m", (field,))])
    samples = SampleBatch(schema)
    samples.append(0, 1, {field.name: raw})
    return samples, Encoder(schema), LineBuffer()


def printed(field: FieldSpec, raw: float) -> str:
    samples, encoder, lines = one_field(field, raw)
    encoder.encode(samples, lines)
    return lines.take().decode().removeprefix(f"m {field.name}=").removesuffix(" 1\n")


@pytest.mark.parametrize(
    ("raw", "scale", "text"),
    [
        (0, DecimalScale(1, 0, 0), "0"),
        (-7, DecimalScale(1, 0, 0), "-7"),
        (99_999_999, DecimalScale(1, 0, 0), "99999999"),
        (100_000_000, DecimalScale(1, 0, 0), "100000000"),
        (-(2**63), DecimalScale(1, 0, 0), "-9223372036854775808"),
        (2**63 - 1, DecimalScale(1, 0, 0), "9223372036854775807"),
        (1, DecimalScale(1, 0, 7), "0.0000001"),
        (1, DecimalScale(1, 0, 8), "0.00000001"),
        (1, DecimalScale(1, 0, 18), "0.000000000000000001"),
        (-1, DecimalScale(5, 0, 1), "-0.5"),
        (100, DecimalScale(1, -100, 1), "0"),
        (300, DecimalScale(1, 0, 2), "3"),
        (310, DecimalScale(1, 0, 2), "3.1"),
        (99_999_999, DecimalScale(1, 0, 7), "9.9999999"),
        (-(2**63), DecimalScale(1, 0, 18), "-9.223372036854775808"),
        (1_000_000_000_000_000_000, DecimalScale(1, 0, 18), "1"),
    ],
)
def test_a_decimal_is_printed_by_integer_arithmetic(raw: int, scale: DecimalScale, text: str) -> None:
    assert printed(FieldSpec("v", INT, scale=scale), raw) == text


@pytest.mark.parametrize("decimals", [1, 2, 3])
def test_a_short_decimal_is_its_two_parts(decimals: int) -> None:
    field = FieldSpec("v", INT, scale=DecimalScale(1, 0, decimals))
    schema = Schema([RecordSpec("m", (field,))])
    samples, lines = SampleBatch(schema), LineBuffer()
    steps = 10**decimals
    raws = [
        sign * (whole * steps + rest)
        for whole in range(1002)
        for rest in (0, 1, steps - 1)
        for sign in (1, -1)
    ]
    for raw in raws:
        samples.append(0, 1, {"v": raw})
    Encoder(schema).encode(samples, lines)
    found = re.findall(r"m v=(\S+) 1\n", lines.take().decode())
    assert [Decimal(text) for text in found] == [Decimal(raw).scaleb(-decimals) for raw in raws]
    assert not [text for text in found if ("." in text and text[-1] in "0.") or text == "-0"]


def test_all_digits_of_a_stamp_are_printed() -> None:
    schema = Schema([RecordSpec("m", (FieldSpec("v", UINT),))])
    samples, lines = SampleBatch(schema), LineBuffer()
    stamps_ns = [
        1_760_000_000_000_000_000 + offset * 10**power + 7 for power in range(9) for offset in range(100)
    ]
    for stamp_ns in stamps_ns:
        samples.append(0, stamp_ns, {"v": 1})
    Encoder(schema).encode(samples, lines)
    assert lines.take().decode().splitlines() == [f"m v=1 {stamp_ns}" for stamp_ns in stamps_ns]


@pytest.mark.parametrize(
    ("raw", "field", "text"),
    [
        (2**64 - 1, FieldSpec("v", UINT), "18446744073709551615"),
        (2**53 + 1, FieldSpec("v", UINT), "9007199254740993"),
        (2**63, FieldSpec("v", UINT, 2.0, -1.0), "18446744073709551616"),
        (2**63 - 1, FieldSpec("v", UINT, 2.0, 1.0), "18446744073709551615"),
        (2**63, FieldSpec("v", UINT, 1.0, -(2.0**53)), "9214364837600034816"),
        (0, FieldSpec("v", UINT, -1.0), "0"),
        (3, FieldSpec("v", UINT, -1.0, 1.0), "-2"),
        (-(2**63), FieldSpec("v", INT, -2.0), "18446744073709551616"),
        (-(2**63), FieldSpec("v", INT, -1.0), "9223372036854775808"),
        (-5, FieldSpec("v", INT, 3.0, 20.0), "5"),
        (-5, FieldSpec("v", INT, 1e300), "-5e+300"),
        (3, FieldSpec("v", UINT, 1 / 3, 0.1), "1.1"),
        (0.1, FieldSpec("v", FLOAT), "0.1"),
        (-0.0, FieldSpec("v", FLOAT), "0"),
        (5e-324, FieldSpec("v", FLOAT), "5e-324"),
        (-1.7976931348623157e308, FieldSpec("v", FLOAT), "-1.7976931348623157e+308"),
        (2.5, FieldSpec("v", FLOAT, 2.0, 1.0, DecimalScale(1, 0, 0)), "6"),
        (True, FieldSpec("v", BOOL), "true"),
        (False, FieldSpec("v", BOOL), "false"),
    ],
)
def test_a_number_is_exact_or_the_shortest_of_its_double(raw: float, field: FieldSpec, text: str) -> None:
    assert printed(field, raw) == text


@pytest.mark.parametrize(
    ("raw", "factor"), [(float("nan"), 1.0), (float("inf"), 1.0), (float("-inf"), 1.0), (1e300, 1e300)]
)
def test_what_is_not_finite_is_left_out_and_a_row_of_nothing_gives_no_line(raw: float, factor: float) -> None:
    samples, encoder, lines = one_field(FieldSpec("v", FLOAT, factor), raw)
    forms = [encoder.encode, encoder.encode_csv, encoder.encode_ndjson, WideRows(encoder).encode]
    for number, encode in enumerate(forms, start=1):
        encode(samples, lines)
        assert lines.take() == b""
        assert encoder.left_out == number
        assert encoder.empty_by_measurement() == {"m": number}


@pytest.fixture
def schema() -> Schema:
    return Schema(
        [
            RecordSpec(
                "Pack_State",
                (
                    FieldSpec("Voltage", UINT, 0.1, scale=DecimalScale(1, 0, 1)),
                    FieldSpec("Current", FLOAT),
                    FieldSpec("Closed", BOOL),
                ),
            ),
            RecordSpec(
                'Say "hi", all', (FieldSpec("a,b=c d", UINT), FieldSpec("time_signal", INT, signal="time"))
            ),
            RecordSpec("can_battery", (FieldSpec("x", UINT),), message="battery"),
        ]
    )


@pytest.fixture
def samples(schema: Schema) -> SampleBatch:
    samples = SampleBatch(schema)
    samples.append(0, 1_000, {"Voltage": 3505, "Current": float("nan"), "Closed": True}, id=0x12, nudge_ns=3)
    samples.append(1, 2_000, {"a,b=c d": 1, "time_signal": -2}, tags=1, channel=1, id=0x98FF0102)
    samples.append(0, 500, {"Closed": False}, id=0x7FF)
    samples.append(2, 3_000, {})
    return samples


@pytest.fixture
def encoder(schema: Schema) -> Encoder:
    encoder = Encoder(schema)
    encoder.set_tags(0, b",vehicle=v1")
    encoder.set_channel(0, "can0")
    encoder.set_channel(1, 'b,"1"')
    return encoder


def test_line_protocol_has_tags_sparse_fields_and_shifted_stamps(
    samples: SampleBatch, encoder: Encoder
) -> None:
    lines = LineBuffer()
    encoder.shift_ns = 100
    encoder.encode(samples, lines)
    assert (lines.lines, lines.first_ns, lines.last_ns) == (3, 600, 2_100)
    assert lines.take() == (
        b"Pack_State,vehicle=v1 Voltage=350.5,Closed=true 1103\n"
        b'Say\\ "hi"\\,\\ all a\\,b\\=c\\ d=1,time_signal=-2 2100\n'
        b"Pack_State,vehicle=v1 Closed=false 600\n"
    )
    assert (encoder.left_out, encoder.empty_by_measurement()) == (1, {"can_battery": 1})


def test_csv_is_as_the_contract_says(samples: SampleBatch, encoder: Encoder) -> None:
    lines = LineBuffer()
    encoder.shift_ns = 100
    encoder.encode_csv(samples, lines)
    assert (lines.lines, lines.first_ns, lines.last_ns) == (5, 500, 2_000)
    text = lines.take().decode()
    assert text == (
        "1000,can0,012,Pack_State,Voltage,350.5\n"
        "1000,can0,012,Pack_State,Closed,1\n"
        '2000,"b,""1""",18FF0102,"Say ""hi"", all","a,b=c d",1\n'
        '2000,"b,""1""",18FF0102,"Say ""hi"", all",time,-2\n'
        "500,can0,7FF,Pack_State,Closed,0\n"
    )
    assert CSV_HEADER == "time_ns,channel,id,message,signal,value"
    assert all(len(row) == 6 for row in csv.reader(io.StringIO(text), strict=True))


def test_ndjson_is_one_object_a_row(samples: SampleBatch, encoder: Encoder) -> None:
    lines = LineBuffer()
    encoder.encode_ndjson(samples, lines)
    assert [json.loads(line) for line in lines.take().splitlines()] == [
        {
            "time_ns": 1000,
            "channel": "can0",
            "id": "012",
            "message": "Pack_State",
            "signals": {"Voltage": 350.5, "Closed": True},
        },
        {
            "time_ns": 2000,
            "channel": 'b,"1"',
            "id": "18FF0102",
            "message": 'Say "hi", all',
            "signals": {"a,b=c d": 1, "time": -2},
        },
        {
            "time_ns": 500,
            "channel": "can0",
            "id": "7FF",
            "message": "Pack_State",
            "signals": {"Closed": False},
        },
    ]


def test_channels_and_tags_never_set_are_empty(schema: Schema) -> None:
    samples, encoder, lines = SampleBatch(schema), Encoder(schema), LineBuffer()
    samples.append(0, 5, {"Voltage": 1}, tags=65535, channel=65535)
    encoder.encode(samples, lines)
    encoder.encode_csv(samples, lines)
    encoder.encode_ndjson(samples, lines)
    assert lines.take().decode().splitlines() == [
        "Pack_State Voltage=0.1 5",
        "5,,000,Pack_State,Voltage,0.1",
        '{"time_ns":5,"channel":"","id":"000","message":"Pack_State","signals":{"Voltage":0.1}}',
    ]


def test_a_tag_set_may_change_and_high_numbers_are_as_good_as_low_ones(schema: Schema) -> None:
    samples, encoder, lines = SampleBatch(schema), Encoder(schema), LineBuffer()
    samples.append(0, 5, {"Voltage": 1}, tags=65535)
    for text in (b",vehicle=a", b",vehicle=" + b"b" * 1000, b""):
        encoder.set_tags(65535, text)
        encoder.encode(samples, lines)
        assert lines.take() == b"Pack_State" + text + b" Voltage=0.1 5\n"


def test_only_the_tag_sets_that_are_of_no_channel_have_none(schema: Schema) -> None:
    samples, encoder, lines = SampleBatch(schema), Encoder(schema), LineBuffer()
    encoder.set_channel(0, "can0")
    for tags, is_of_channel in ((2, False), (7, False), (8, False), (16, False), (2, True)):
        encoder.set_owner(
            tags, {"pack": "main", "charger": "", "source": "can0"}, is_of_channel=is_of_channel
        )
    for tags in (*range(18), 65535):
        samples.append(0, 5, {"Voltage": 1}, tags=tags)
    expected = ["" if tags in (7, 8, 16) else "can0" for tags in (*range(18), 65535)]
    encoder.encode_csv(samples, lines)
    assert [row[1] for row in csv.reader(io.StringIO(lines.take().decode()))] == expected
    encoder.encode_ndjson(samples, lines)
    assert [json.loads(line)["channel"] for line in lines.take().splitlines()] == expected
    wide = WideRows(encoder)
    wide.encode(samples, lines)
    assert [row[1] for row in csv.reader(io.StringIO(lines.take().decode()))] == expected


@pytest.mark.parametrize("text", [b"vehicle=a", b",a=b\n"])
def test_tags_that_would_break_a_line_are_refused(schema: Schema, text: bytes) -> None:
    with pytest.raises(ValueError, match="comma"):
        Encoder(schema).set_tags(0, text)


def test_rows_of_another_schema_are_refused(schema: Schema) -> None:
    encoder = Encoder(schema)
    other = SampleBatch(Schema([RecordSpec("m", ())]))
    methods: list[Callable[[SampleBatch, LineBuffer], None]] = [
        encoder.encode,
        encoder.encode_csv,
        encoder.encode_ndjson,
    ]
    for method in methods:
        with pytest.raises(ValueError, match="schema"):
            method(other, LineBuffer())


TEXTS = ((-1, "n/a"), (0, "off"), (3, 'bulk, "fast"\n'), (2**40, "back\\slash"))


@pytest.mark.parametrize(
    ("raw", "line", "csv", "json_value"),
    [
        (0, b'"off"', b"off", "off"),
        (-1, b'"n/a"', b"n/a", "n/a"),
        (3, b'"bulk, \\"fast\\" "', b'"bulk, ""fast"" "', 'bulk, "fast" '),
        (2**40, b'"back\\\\slash"', b"back\\slash", "back\\slash"),
        (17, b'"17"', b"17", "17"),
        (-(2**63), b'"-9223372036854775808"', b"-9223372036854775808", "-9223372036854775808"),
    ],
)
def test_a_text_is_what_its_table_has_for_the_raw_value_and_its_digits_without_one(
    raw: int, line: bytes, csv: bytes, json_value: str
) -> None:
    field = FieldSpec("phase", SlotKind.TEXT, passes=True, texts=TEXTS)
    samples, encoder, lines = one_field(field, raw)
    encoder.encode(samples, lines)
    assert lines.take() == b"m phase=" + line + b" 1\n"
    encoder.encode_csv(samples, lines)
    assert lines.take().split(b"phase,")[1] == csv + b"\n"
    encoder.encode_ndjson(samples, lines)
    assert json.loads(lines.take())["signals"] == {"phase": json_value}


def test_a_long_text_finds_room() -> None:
    field = FieldSpec("phase", SlotKind.TEXT, texts=((1, "x" * 10_000),))
    samples, encoder, lines = one_field(field, 1)
    for encode in (encoder.encode, encoder.encode_csv, encoder.encode_ndjson):
        encode(samples, lines)
        assert b"x" * 10_000 in lines.take()


def test_a_line_with_long_tags_never_passes_the_end_of_the_buffer(
    schema: Schema, samples: SampleBatch
) -> None:
    """Every room around a line's length, so that the sanitizers see a check that forgets the tags."""
    encoder = Encoder(schema)
    tags = b",vehicle=" + b"v" * 1024
    for number in (0, 1):
        encoder.set_tags(number, tags)
    roomy = LineBuffer(65536)
    encoder.encode(samples, roomy)
    expected = roomy.take()
    for room in range(256, 4096, 16):
        lines = LineBuffer(room)
        encoder.encode(samples, lines)
        assert lines.take() == expected
