"""Words of value tables in fields of their own, beside the numbers."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.decode.spec import BusSpec, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.frames.batch import FrameTuple
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.text.encoder import Encoder
from telemetry_core.text.lines import LineBuffer

from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases, LoadedPlan
from telemetry.databases.plan_cache import load_plan
from telemetry.databases.plan_codec import decoded, encoded
from tests.support.decoders import CompiledDecoder, both
from tests.support.lineprotocol import Number, parse_lines
from tests.support.rows import rows_of

HEAD = 'VERSION ""\nBS_:\nBU_: ECU\n'
GEARS = 'VAL_ 256 Gear 0 "Park" 1 "Reverse, slow" 255 "say \\"hi\\"" ;\n'
GEAR = (
    'BO_ 256 Drive: 8 ECU\n SG_ Gear : 0|8@1+ (1,0) [0|0] "" ECU\n SG_ Speed : 8|8@1+ (0.5,0) [0|0] "" ECU\n'
)


def load(folder: Path, text: str, *, texts: bool = True) -> LoadedPlan:
    file = folder / "drive.dbc"
    file.write_text(HEAD + text, "utf-8")
    return build_plan([BusDatabases("can0", (file,), value_texts=texts)])


def names(plan: LoadedPlan) -> list[str]:
    return [field.name for record in plan.spec.records for field in record.fields]


def text_of(spec: PlanSpec, payload: bytes, output: str) -> bytes:
    """Return one frame of the first message, as it is written."""
    message = spec.buses[0].messages[0]
    samples = rows_of(spec, [FrameTuple(5, message.arbitration_id, payload, 0, 0, 0)])
    encoder, lines = Encoder(samples.schema), LineBuffer()
    encoder.set_tags(0, b"")
    encoder.set_channel(0, "can0")
    {"lp": encoder.encode, "csv": encoder.encode_csv, "ndjson": encoder.encode_ndjson}[output](samples, lines)
    assert encoder.left_out == 0
    return lines.take()


def test_the_word_stands_right_after_the_number_and_the_number_stays_what_it_was(tmp_path: Path) -> None:
    plan = load(tmp_path, GEAR + GEARS)
    assert names(plan) == ["Gear", "Gear_text", "Speed"]
    assert plan.warnings == ()
    number, word, speed = plan.spec.records[0].fields
    assert (number, speed) == load(tmp_path, GEAR + GEARS, texts=False).spec.records[0].fields
    assert (word.kind, word.passes) == (SlotKind.WORD, True)
    assert word.texts == ((0, "Park"), (1, "Reverse, slow"), (255, 'say "hi"'))


def test_words_are_escaped_as_each_format_wants_it(tmp_path: Path) -> None:
    words = 'VAL_ 256 Gear 0 "a,b" 1 "back\\slash" 2 "Grün °C" 3 "two\nlines" 4 " " ;\n'
    spec = load(tmp_path, GEAR + words).spec
    for raw, word in enumerate(("a,b", "back\\slash", "Grün °C", "two lines", " ")):
        payload = bytes((raw, 0))
        (point,) = parse_lines(text_of(spec, payload, "lp"))
        assert point.fields == {"Gear": Number(str(raw)), "Gear_text": word, "Speed": Number("0")}
        signals = json.loads(text_of(spec, payload, "ndjson"))["signals"]
        assert signals == {"Gear": raw, "Gear_text": word, "Speed": 0}
        rows = list(csv.reader(io.StringIO(text_of(spec, payload, "csv").decode()), strict=True))
        assert [row[4:] for row in rows] == [["Gear", str(raw)], ["Gear_text", word], ["Speed", "0"]]


@given(st.lists(st.text(st.characters()), min_size=1, max_size=5))
def test_any_word_reads_back_from_each_format(words: list[str]) -> None:
    fields = (FieldSpec("word", SlotKind.WORD, texts=tuple(enumerate(words))),)
    signals = (SignalSpec(0, 8, True, False, False),)
    message = MessageSpec("M", 256, False, 8, signals, (), record=0)
    spec = PlanSpec((RecordSpec("M", fields),), (BusSpec("can0", (message,)),))
    for raw, word in enumerate(words):
        written = "".join(character if character.isprintable() else " " for character in word)
        (point,) = parse_lines(text_of(spec, bytes((raw,)), "lp"))
        assert point.fields == {"word": written}
        assert json.loads(text_of(spec, bytes((raw,)), "ndjson"))["signals"] == {"word": written}
        (row,) = csv.reader(io.StringIO(text_of(spec, bytes((raw,)), "csv").decode()), strict=True)
        assert row[5:] == [written]


@pytest.mark.parametrize("output", ["lp", "csv", "ndjson"])
def test_a_value_without_a_word_has_no_text_and_is_not_counted_as_left_out(
    tmp_path: Path, output: str
) -> None:
    with_texts = load(tmp_path, GEAR + GEARS).spec
    without = load(tmp_path, GEAR + GEARS, texts=False).spec
    payload = bytes((7, 20))
    assert text_of(with_texts, payload, output) == text_of(without, payload, output)


def test_negative_and_the_largest_raw_values_have_their_words(tmp_path: Path) -> None:
    text = (
        'BO_ 256 M: 16 ECU\n SG_ Small : 0|4@1- (1,0) [0|0] "" ECU\n SG_ Big : 64|64@1+ (1,0) [0|0] "" ECU\n'
        ' SG_ Wide : 8|48@1+ (1,0) [0|0] "" ECU\nVAL_ 256 Wide -2 "no data" -1 "faulty" ;\n'
        'VAL_ 256 Small -1 "minus" 14 "two less" ;\nVAL_ 256 Big 18446744073709551615 "all" 0 "none" ;\n'
    )
    spec = load(tmp_path, text).spec
    (point,) = parse_lines(text_of(spec, b"\x0f" + bytes(7) + b"\xff" * 8, "lp"))
    assert (point.fields["Small_text"], point.fields["Big_text"]) == ("minus", "all")
    (point,) = parse_lines(text_of(spec, bytes(1) + b"\xfe" + b"\xff" * 5 + bytes(9), "lp"))
    assert point.fields["Wide_text"] == "no data"
    (point,) = parse_lines(text_of(spec, b"\x0e" + bytes(15), "lp"))
    assert (point.fields["Small_text"], point.fields["Big_text"]) == ("two less", "none")


def test_a_word_for_a_value_that_the_signal_cannot_have_is_none_of_another(tmp_path: Path) -> None:
    beyond = f'{1 << 64} "far" {1 << 80} "farther" 256 "near" -129 "below"'
    spec = load(tmp_path, GEAR + f'VAL_ 256 Gear 1 "one" {beyond} ;\n').spec
    assert spec.records[0].fields[1].texts == ((1, "one"),)
    (point,) = parse_lines(text_of(spec, b"\x00\x00", "lp"))
    assert "Gear_text" not in point.fields


def test_a_signal_that_has_the_texts_name_keeps_it(tmp_path: Path) -> None:
    taken = ' SG_ Gear_text : 16|8@1+ (1,0) [0|0] "" ECU\n'
    plan = load(tmp_path, GEAR + taken + GEARS)
    assert sorted(names(plan)) == ["Gear", "Gear_text", "Gear_text_text", "Speed"]
    assert len(plan.warnings) == 1
    assert "a text of the name of a signal, written with _text twice: Drive.Gear" in plan.warnings[0]


def test_a_text_has_no_name_that_a_number_has_on_another_page(tmp_path: Path) -> None:
    text = (
        'BO_ 256 M: 8 ECU\n SG_ Page M : 0|8@1+ (1,0) [0|0] "" ECU\n'
        ' SG_ Gear m0 : 8|8@1+ (1,0) [0|0] "" ECU\n'
        ' SG_ Gear_text m1 : 8|8@1+ (1,0) [0|0] "" ECU\nVAL_ 256 Gear 1 "first" ;\n'
    )
    spec = load(tmp_path, text).spec
    (point,) = parse_lines(text_of(spec, b"\x00\x01", "lp"))
    assert point.fields == {"Page": Number("0"), "Gear": Number("1"), "Gear_text_text": "first"}
    (point,) = parse_lines(text_of(spec, b"\x01\x01", "lp"))
    assert point.fields == {"Page": Number("1"), "Gear_text": Number("1")}


def test_a_text_has_no_name_that_a_number_of_its_measurement_has_on_another_bus(tmp_path: Path) -> None:
    file, other = tmp_path / "drive.dbc", tmp_path / "other.dbc"
    file.write_text(HEAD + GEAR + GEARS)
    other.write_text(HEAD + 'BO_ 257 Drive: 8 ECU\n SG_ Gear_text : 0|8@1+ (1,0) [0|0] "" ECU\n')
    plan = build_plan(
        [BusDatabases("can0", (file,), value_texts=True), BusDatabases("can1", (other,), value_texts=True)]
    )
    assert names(plan) == ["Gear", "Gear_text_text", "Speed", "Gear_text"]


def test_a_reserved_name_is_settled_for_both(tmp_path: Path) -> None:
    text = 'BO_ 256 M: 8 ECU\n SG_ time : 0|8@1+ (1,0) [0|0] "" ECU\nVAL_ 256 time 0 "noon" ;\n'
    spec = load(tmp_path, text).spec
    assert [field.name for field in spec.records[0].fields] == ["time_signal", "time_signal_text"]
    assert [row.split(b",")[4] for row in text_of(spec, b"\0", "csv").splitlines()] == [b"time", b"time_text"]


def test_selectors_still_select_and_pages_of_one_name_have_texts_of_one_name(tmp_path: Path) -> None:
    text = (
        'BO_ 256 M: 8 ECU\n SG_ Other : 0|4@1+ (1,0) [0|0] "" ECU\n SG_ Page M : 4|4@1+ (1,0) [0|0] "" ECU\n'
        ' SG_ A m0 : 8|8@1+ (1,0) [0|0] "" ECU\n SG_ B m1 : 8|8@1+ (1,0) [0|0] "" ECU\n'
        'VAL_ 256 Other 0 "o" ;\nVAL_ 256 Page 0 "first" 1 "second" ;\n'
        'VAL_ 256 A 1 "a" ;\nVAL_ 256 B 1 "b" ;\n'
    )
    spec = load(tmp_path, text).spec
    (point,) = parse_lines(text_of(spec, b"\x00\x01", "lp"))
    assert list(point.fields) == ["Other", "Other_text", "Page", "Page_text", "A", "A_text"]
    assert (point.fields["Other_text"], point.fields["Page_text"]) == ("o", "first")
    (point,) = parse_lines(text_of(spec, b"\x10\x01", "lp"))
    assert (point.fields["Page_text"], point.fields["B_text"]) == ("second", "b")


def test_what_is_left_out_of_the_number_is_left_out_of_the_word(tmp_path: Path) -> None:
    text = GEAR.replace("Gear : 0|8", "Gear : 56|8") + GEARS
    compiled, reference = both(load(tmp_path, text).spec)
    frames = [FrameTuple(0, 256, bytes(count), 0, 0, 0) for count in (7, 8)]
    short, whole = compiled.decode(frames)
    assert [short, whole] == reference.decode(frames)
    assert (sorted(short.raw), sorted(whole.raw)) == (["Speed"], ["Gear", "Gear_text", "Speed"])
    assert compiled.omitted() == reference.omitted()


def test_a_float_with_a_value_table_has_no_word(tmp_path: Path) -> None:
    text = (
        'BO_ 256 M: 8 ECU\n SG_ F : 0|32@1+ (1,0) [0|0] "" ECU\nSIG_VALTYPE_ 256 F : 1;\nVAL_ 256 F 0 "x" ;\n'
    )
    assert names(load(tmp_path, text)) == ["F"]


def test_a_cached_plan_is_that_of_the_option(tmp_path: Path) -> None:
    plan = load(tmp_path, GEAR + GEARS)
    assert decoded(encoded(plan)) == plan
    file, cache = tmp_path / "drive.dbc", tmp_path / "cache"
    for texts in (False, True, False, True):
        loaded = load_plan([BusDatabases("can0", (file,), value_texts=texts)], cache)
        assert ("Gear_text" in names(loaded)) == texts
    assert len(list(cache.iterdir())) == 2


def test_rows_of_a_plan_with_words_hold_both_raw_values(tmp_path: Path) -> None:
    decoder = CompiledDecoder(load(tmp_path, GEAR + GEARS).spec)
    decoder.bind(0, 0, 0)
    (row,) = decoder.decode([FrameTuple(0, 256, bytes((255, 2)), 0, 0, 0)])
    assert row.raw == {"Gear": 255, "Gear_text": 255, "Speed": 2}
