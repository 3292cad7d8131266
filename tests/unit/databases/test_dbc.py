"""Databases into a plan: names, ids, multiplexers, and what is said about faults."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import cantools
import pytest
from telemetry_core.decode.spec import Condition
from telemetry_core.rows.spec import DecimalScale, FieldSpec, SlotKind

from telemetry.databases.build import BusDatabases, LoadedPlan, build_plan
from telemetry.databases.formats.encodings import text_of
from telemetry.databases.plan_codec import decoded, encoded
from telemetry.errors import ConfigError
from tests.support.one_message import only

HEAD = """VERSION ""
BS_:
BU_: ECU
"""
NEXT_LINE = HEAD.count("\n") + 1

Load = Callable[..., LoadedPlan]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load texts as the databases of one bus."""

    def load(*texts: str, first_wins: bool = False, j1939: bool = False, keep: bool = False) -> LoadedPlan:
        files = []
        for number, text in enumerate(texts):
            file = tmp_path / f"{number}.dbc"
            file.write_text(HEAD + text, "utf-8")
            files.append(file)
        return build_plan([BusDatabases("main", tuple(files), first_wins, j1939, keep)])

    return load


def message(*signals: str, id: int = 256, name: str = "Pack", length: int = 8) -> str:
    return f"BO_ {id} {name}: {length} ECU\n" + "".join(f' SG_ {signal} [0|0] "" ECU\n' for signal in signals)


def test_a_message_becomes_a_record_with_a_field_for_each_signal(load: Load) -> None:
    plan = load(
        message(
            "Voltage : 0|16@1+ (0.1,0)", "Current : 23|16@0- (0.05,-10)", "Big : 32|64@1+ (1,0)", length=12
        )
    )
    spec, fields = only(plan)
    assert (spec.name, spec.arbitration_id, spec.extended, spec.byte_count) == ("Pack", 256, False, 12)
    assert plan.spec.records[0].measurement == "Pack"
    assert fields == (
        FieldSpec("Voltage", SlotKind.INT, 0.1, 0.0, DecimalScale(1, 0, 1)),
        FieldSpec("Current", SlotKind.INT, 0.05, -10.0, DecimalScale(5, -1000, 2)),
        FieldSpec("Big", SlotKind.UINT, 1.0, 0.0, None),
    )
    assert plan.warnings == ()


def test_a_field_names_the_unit_of_its_signal(load: Load) -> None:
    text = message("Volts : 0|8@1+ (1,0)", "Bare : 8|8@1+ (1,0)").replace('""', '"V"', 1)
    _, fields = only(load(text))
    assert {field.name: field.unit for field in fields} == {"Volts": "V", "Bare": ""}


def test_signals_are_in_the_order_of_cantools(load: Load) -> None:
    _, fields = only(load(message("B : 16|8@1+ (1,0)", "A : 7|8@0+ (1,0)", "C : 8|8@1+ (1,0)")))
    assert [field.name for field in fields] == ["A", "C", "B"]


def test_changes_of_flags_and_of_signals_with_a_value_table_always_pass(load: Load) -> None:
    text = message("Flag : 0|1@1+ (1,0)", "Gear : 1|3@1+ (1,0)", "Speed : 8|8@1+ (1,0)")
    _, fields = only(load(text + 'VAL_ 256 Gear 0 "P" 1 "R" ;\n'))
    assert [(field.name, field.passes) for field in fields] == [
        ("Flag", True),
        ("Gear", True),
        ("Speed", False),
    ]


def test_a_value_table_is_kept_by_raw_value(load: Load) -> None:
    text = message("Gear : 1|3@1+ (1,0)", "Trim : 8|4@1- (1,0)")
    spec, _ = only(load(text + 'VAL_ 256 Gear 1 "R" 0 "P" ;\nVAL_ 256 Trim 15 "low" -2 "lower" 7 "high" ;\n'))
    assert spec.signals[0].choices == ((0, "P"), (1, "R"))
    assert spec.signals[1].choices == ((-2, "lower"), (-1, "low"), (7, "high"))


def test_a_float_signal_has_a_float_slot(load: Load) -> None:
    text = message("Torque : 0|32@1- (2,0)") + "SIG_VALTYPE_ 256 Torque : 1;\n"
    spec, fields = only(load(text))
    assert spec.signals[0].is_float
    assert fields == (FieldSpec("Torque", SlotKind.FLOAT, 2.0, 0.0, None),)


def test_reserved_names_are_settled_and_the_files_own_kept(load: Load) -> None:
    plan = load(message("time : 0|8@1+ (1,0)", "_x : 8|8@1+ (1,0)", "pack : 16|8@1+ (1,0)", name="battery"))
    spec, fields = only(plan)
    record = plan.spec.records[0]
    assert (record.measurement, record.message, spec.name) == ("can_battery", "battery", "battery")
    assert [(field.name, field.signal) for field in fields] == [
        ("time_signal", "time"),
        ("_x_signal", "_x"),
        ("pack_signal", "pack"),
    ]
    assert [warning.partition(".dbc:")[2] for warning in plan.warnings] == [
        f"{NEXT_LINE}: a reserved name, written with can_: battery",
        f"{NEXT_LINE}: a reserved name, written with _signal: battery.time (and 2 more)",
    ]


def test_a_reserved_name_and_the_name_it_would_get_are_two_fields(load: Load) -> None:
    _, fields = only(load(message("time : 0|8@1+ (1,0)", "time_signal : 8|8@1+ (1,0)")))
    assert [(field.name, field.signal) for field in fields] == [
        ("time_signal", "time"),
        ("time_signal_8", "time_signal"),
    ]


def test_an_id_in_two_databases_of_a_bus_is_an_error_that_names_both(load: Load) -> None:
    with pytest.raises(ConfigError, match=r"1\.dbc: id 100 is Other here and Pack in .*0\.dbc") as caught:
        load(message(), message(name="Other"))
    assert caught.value.exit_code == 78


def test_the_first_database_wins_when_asked_to(load: Load) -> None:
    plan = load(message(), message(name="Other") + message(id=257, name="More"), first_wins=True)
    assert [spec.name for spec in plan.spec.buses[0].messages] == ["Pack", "More"]
    assert "an id of an earlier database, left out" in plan.warnings[0]


def test_one_number_is_two_ids_when_only_one_is_extended(load: Load) -> None:
    plan = load(message(), message(id=0x80000100, name="Extended"))
    assert [(spec.name, spec.extended) for spec in plan.spec.buses[0].messages] == [
        ("Pack", False),
        ("Extended", True),
    ]


def test_of_an_id_twice_in_one_file_the_last_is_used_as_cantools_does(load: Load) -> None:
    plan = load(message() + message(name="Later"))
    assert [spec.name for spec in plan.spec.buses[0].messages] == ["Later"]
    assert "an id twice, the last message is used: Later has the id 100 of Pack" in plan.warnings[0]


def test_messages_of_one_name_on_one_bus_have_measurements_of_their_own(load: Load) -> None:
    plan = load(message("A : 0|8@1+ (1,0)"), message("A : 0|8@1+ (1,0)", id=0x1A2))
    assert [(record.measurement, record.message) for record in plan.spec.records] == [
        ("Pack", ""),
        ("Pack_1A2", "Pack"),
    ]
    assert "a name twice on one bus, written with the id: Pack" in plan.warnings[0]


def test_a_measurement_that_got_its_id_is_not_that_of_another_message(load: Load) -> None:
    text = message(name="Pack_2", id=3) + message(id=1) + message(id=2) + message(id=0x80000002)
    plan = load(text)
    names = ["Pack_2", "Pack", "Pack_2_2", "Pack_2_2_2"]
    assert [record.measurement for record in plan.spec.records] == names


def test_names_that_are_written_alike_are_kept_apart(load: Load) -> None:
    plan = load(
        message("A_B : 8|8@1+ (1,0)", "A\\B : 16|8@1+ (1,0)", name="M\\N") + message(id=257, name="M_N")
    )
    assert [record.measurement for record in plan.spec.records] == ["M\\N", "M_N_101"]
    assert [field.name for field in plan.spec.records[0].fields] == ["A_B", "A\\B_16"]


def test_messages_that_are_alike_on_two_buses_share_a_record(tmp_path: Path) -> None:
    file = tmp_path / "a.dbc"
    file.write_text(HEAD + message("A : 0|8@1+ (1,0)"), "ascii")
    other = tmp_path / "b.dbc"
    other.write_text(HEAD + message("A : 0|8@1+ (2,0)"), "ascii")
    plan = build_plan(
        [BusDatabases(name, (path,)) for name, path in (("x", file), ("y", file), ("z", other))]
    )
    assert [bus.messages[0].record for bus in plan.spec.buses] == [0, 0, 1]
    assert [record.measurement for record in plan.spec.records] == ["Pack", "Pack"]


J1939 = """BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN","reserved","J1939PG";
BA_DEF_DEF_ "VFrameFormat" "ExtendedCAN";
BA_ "VFrameFormat" BO_ 2566869246 3;
"""


def test_messages_that_declare_j1939_match_by_pgn_and_drop_not_available(load: Load) -> None:
    text = message(id=2566869246, name="Declares") + message(id=2566869502, name="Silent") + J1939
    flags = [(spec.by_pgn, spec.drops_not_available) for spec in load(text).spec.buses[0].messages]
    assert flags == [(True, True), (False, False)]
    flags = [
        (spec.by_pgn, spec.drops_not_available) for spec in load(text, j1939=True).spec.buses[0].messages
    ]
    assert flags == [(True, True), (True, False)]
    flags = [(spec.by_pgn, spec.drops_not_available) for spec in load(text, keep=True).spec.buses[0].messages]
    assert flags == [(True, False), (False, False)]


@pytest.mark.parametrize(
    ("attributes", "declared"),
    [
        (J1939.replace("J1939PG", "J1939PGN"), True),
        (J1939.replace('"ExtendedCAN";', '"J1939PG";').replace(" 3;", " 1;"), False),
        (J1939.replace('"ExtendedCAN";', '"J1939PG";').replace("2566869246 3", "2566869502 1"), True),
        (
            'BA_DEF_ "ProtocolType" STRING ;\nBA_DEF_DEF_ "ProtocolType" "";\nBA_ "ProtocolType" "J1939";\n',
            True,
        ),
        (
            'BA_DEF_ "ProtocolType" STRING ;\nBA_DEF_DEF_ "ProtocolType" "";\nBA_ "ProtocolType" "CAN";\n',
            False,
        ),
        (J1939.replace(" 3;", ' "J1939PG";'), True),
        (J1939.replace(" 3;", ' "StandardCAN";'), False),
        (J1939.replace(" 3;", ' "J1939";'), False),
        (J1939.partition("BA_ ")[0].replace('"ExtendedCAN";', "3;"), True),
        (J1939.partition("BA_ ")[0].replace('"ExtendedCAN";', "1;"), False),
        ('BA_DEF_ "ProtocolType" STRING ;\nBA_DEF_DEF_ "ProtocolType" "J1939";\n', True),
        (
            'BA_DEF_ "ProtocolType" ENUM "CAN","J1939";\nBA_DEF_DEF_ "ProtocolType" "J1939";\n',
            True,
        ),
        (
            'BA_DEF_ "ProtocolType" ENUM "CAN","J1939";\nBA_ "ProtocolType" 1;\n',
            True,
        ),
        ("", False),
    ],
)
def test_j1939_is_declared_by_attributes(load: Load, attributes: str, declared: bool) -> None:
    text = message(id=2566869246) + message(id=2566869502, name="Other") + attributes
    assert load(text).spec.buses[0].messages[0].by_pgn == declared


def test_an_attribute_by_a_word_that_it_does_not_know_costs_itself_alone(load: Load) -> None:
    text = message(id=2566869246) + message(id=2566869502, name="Other") + J1939
    plan = load(text + 'BA_ "VFrameFormat" BO_ 2566869502 "J1940PG";\n')
    assert [spec.by_pgn for spec in plan.spec.buses[0].messages] == [True, False]
    assert any("a word that the attribute does not know, left out" in warning for warning in plan.warnings)


def test_standard_ids_are_not_j1939_whatever_they_declare(load: Load) -> None:
    spec, _ = only(load(message() + J1939.replace("2566869246", "256"), j1939=True))
    assert (spec.by_pgn, spec.drops_not_available) == (False, False)


def test_multiplexed_signals_have_conditions_on_raw_values(load: Load) -> None:
    spec, _ = only(
        load(
            message(
                "Page M : 0|8@1+ (0.5,3)",
                "A m1 : 8|8@1+ (1,0)",
                "B m2 : 8|8@1+ (1,0)",
                "C m1 : 16|8@1+ (1,0)",
            )
        )
    )
    assert spec.conditions == (Condition(0, ((1, 1),)), Condition(0, ((2, 2),)))
    assert [signal.condition for signal in spec.signals] == [-1, 0, 1, 0]


def test_extended_multiplexing_has_several_levels_and_ranges(load: Load) -> None:
    text = message("P M : 0|8@1+ (1,0)", "Q m1M : 8|8@1+ (1,0)", "R m2 : 16|8@1+ (1,0)")
    text += "SG_MUL_VAL_ 256 Q P 1-3, 5-5 ;\nSG_MUL_VAL_ 256 R Q 0-4294967295, 2-2 ;\n"
    spec, _ = only(load(text))
    assert spec.conditions == (Condition(0, ((1, 3), (5, 5))), Condition(1, ((0, 4294967295),)))
    assert [signal.condition for signal in spec.signals] == [-1, 0, 1]


def test_a_signed_selector_is_selected_by_its_bits(load: Load) -> None:
    spec, _ = only(load(message("P M : 0|4@1- (1,0)", "A m15 : 8|8@1+ (1,0)", "B m7 : 8|8@1+ (1,0)")))
    assert spec.conditions == (Condition(0, ((-1, -1),)), Condition(0, ((7, 7),)))


def test_a_range_over_the_middle_of_a_signed_selector_is_two(load: Load) -> None:
    text = message("P M : 0|4@1- (1,0)", "A m6 : 8|8@1+ (1,0)") + "SG_MUL_VAL_ 256 A P 6-9 ;\n"
    spec, _ = only(load(text))
    assert spec.conditions == (Condition(0, ((-8, -7), (6, 7))),)
    text = message("P M : 0|32@1- (1,0)", "A m6 : 32|8@1+ (1,0)") + "SG_MUL_VAL_ 256 A P 5-4294967290 ;\n"
    spec, _ = only(load(text))
    assert spec.conditions == (Condition(0, ((-(2**31), -6), (5, 2**31 - 1))),)


def test_a_selector_with_a_long_name_still_selects(load: Load) -> None:
    text = message("P M : 0|8@1+ (1,0)", "A m1 : 8|8@1+ (1,0)")
    text += 'BA_DEF_ SG_ "SystemSignalLongSymbol" STRING ;\nBA_DEF_DEF_ "SystemSignalLongSymbol" "";\n'
    text += 'BA_ "SystemSignalLongSymbol" SG_ 256 P "PageOfThePack";\n'
    spec, fields = only(load(text))
    assert [field.name for field in fields] == ["PageOfThePack", "A"]
    assert [signal.condition for signal in spec.signals] == [-1, 0]


def test_signals_of_one_name_that_exclude_one_another_share_it(load: Load) -> None:
    plan = load(message("P M : 0|8@1+ (1,0)", "A m1 : 8|8@1+ (1,0)", "A m2 : 16|8@1+ (0.5,0)"))
    assert [field.name for field in only(plan)[1]] == ["P", "A", "A"]
    assert plan.warnings == ()


def test_signals_of_one_name_in_one_frame_are_kept_apart(load: Load) -> None:
    plan = load(message("A : 8|8@1+ (1,0)", "A : 16|8@1+ (0.5,0)"))
    assert [(field.name, field.signal) for field in only(plan)[1]] == [("A", ""), ("A_16", "")]
    assert "a name twice, written with the start bit: Pack.A" in plan.warnings[0]


@pytest.mark.parametrize(
    ("signal", "kind"),
    [
        ("X : 0|65@1+ (1,0)", "a signal of more than 64 bits, or of none, left out"),
        ("X : 0|8@1+ (0,1)", "a factor of 0, left out"),
        ("X : 20000|8@1+ (1,0)", "a signal past the end of any payload, left out"),
        ("X : 0|8@1+ (1e301,0)", "a factor or offset without bounds, left out"),
    ],
)
def test_a_signal_that_cannot_be_decoded_is_left_out_alone(load: Load, signal: str, kind: str) -> None:
    plan = load(message(signal, "A : 8|8@1+ (1,0)"))
    assert [field.name for field in only(plan)[1]] == ["A"]
    assert plan.warnings[0].endswith(f"0.dbc:{NEXT_LINE}: {kind}: Pack.X")


def test_a_multiplexed_signal_that_nothing_selects_is_left_out(load: Load) -> None:
    plan = load(
        message("P : 0|65@1+ (1,0)", "Q M : 0|65@1+ (1,0)", "A m1 : 8|8@1+ (1,0)", "B : 8|8@1+ (1,0)")
    )
    assert [field.name for field in only(plan)[1]] == ["B"]
    assert any(
        "a multiplexed signal that nothing selects, left out: Pack.A" in line for line in plan.warnings
    )


@pytest.mark.parametrize(
    ("signals", "kind"),
    [
        (
            ("A : 0|8@1+ (1,0)", "B : 7|1@0+ (1,0)"),
            "a signal that overlaps another one, both decoded: Pack.B",
        ),
        (
            ("A : 60|8@1+ (1,0)",),
            "a signal past the end of its message, decoded where a frame has it: Pack.A",
        ),
        (
            ("A : 58|8@0+ (1,0)",),
            "a signal past the end of its message, decoded where a frame has it: Pack.A",
        ),
    ],
)
def test_what_cantools_cannot_decode_is_reported_and_kept(
    load: Load, signals: tuple[str, ...], kind: str
) -> None:
    plan = load(message(*signals))
    assert len(only(plan)[1]) == len(signals)
    assert plan.warnings[0].endswith(f"0.dbc:{NEXT_LINE}: {kind}")


def test_pages_of_a_multiplexer_do_not_overlap(load: Load) -> None:
    plan = load(message("P M : 0|8@1+ (1,0)", "A m1 : 8|8@1+ (1,0)", "B m2 : 15|8@0+ (1,0)"))
    assert plan.warnings == ()


def test_a_message_without_bytes_or_signals_is_known(load: Load) -> None:
    spec, fields = only(load(message(length=0)))
    assert (spec.byte_count, fields) == (0, ())


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.dbc: cannot be read: No such file"):
        build_plan([BusDatabases("main", (tmp_path / "absent.dbc",))])


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    file.write_text("", "ascii")
    with pytest.raises(ConfigError, match=r"a\.xlsx: not a database"):
        build_plan([BusDatabases("main", (file,))])


@pytest.mark.parametrize("text", ["", "hello", "BO_ 256\n"])
def test_a_file_without_any_message_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.dbc"
    file.write_text(text, "ascii")
    with pytest.raises(ConfigError, match=r"a\.dbc:1: "):
        build_plan([BusDatabases("main", (file,))])


def test_a_path_that_ends_with_a_backslash_costs_nothing(load: Load) -> None:
    text = message("A : 0|8@1+ (1,0)")
    text += 'BA_DEF_ "Folder" STRING ;\nBA_DEF_DEF_ "Folder" "";\nBA_ "Folder" "C:\\logs\\";\n'
    _, fields = only(load(text + 'VAL_ 256 A 1 "on" ;\n'))
    assert [field.passes for field in fields] == [True]


def test_a_mended_file_says_what_was_mended(load: Load) -> None:
    plan = load(message("A : 0|8@1+ (1,0)") + 'VAL_ 300 B 1 "x" ;\n')
    assert [field.name for field in only(plan)[1]] == ["A"]
    line = NEXT_LINE + 2
    assert plan.warnings[0].endswith(
        f'0.dbc:{line}: VAL_ of no message or signal, left out: VAL_ 300 B 1 "x" ;'
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_files_are_utf_8_or_else_cp1252(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "a.dbc"
    text = message("A : 0|8@1+ (1,0)") + 'BA_DEF_ BO_ "SystemMessageLongSymbol" STRING ;\n'
    text += 'BA_DEF_DEF_ "SystemMessageLongSymbol" "";\nBA_ "SystemMessageLongSymbol" BO_ 256 "Größe";\n'
    file.write_text(text, encoding)
    plan = build_plan([BusDatabases("main", (file,))])
    assert plan.spec.records[0].measurement == "Größe"


def test_under_a_mask_one_id_in_two_databases_is_an_error_that_names_both(tmp_path: Path) -> None:
    files = []
    for number, id in enumerate((0x120, 0x12F)):
        files.append(tmp_path / f"{number}.dbc")
        files[-1].write_text(HEAD + message("A : 0|8@1+ (1,0)", id=id, name=f"M{number}"), "utf-8")
    assert len(build_plan([BusDatabases("main", tuple(files))]).spec.buses[0].messages) == 2
    with pytest.raises(ConfigError, match=r"id 12F is M1 here and M0 in .*0\.dbc"):
        build_plan([BusDatabases("main", tuple(files), standard_mask=0x7F0)])
    spec = build_plan([BusDatabases("main", tuple(files), True, standard_mask=0x7F0)]).spec
    assert [each.name for each in spec.buses[0].messages] == ["M0"]
    assert (spec.buses[0].standard_mask, spec.buses[0].extended_mask) == (0x7F0, 0x1FFFFFFF)


def test_a_unit_is_kept_in_a_clean_file_in_a_mended_one_and_in_the_cache(tmp_path: Path) -> None:
    signals = ' SG_ U : 0|16@1+ (0.1,0) [0|0] "V" X\n SG_ T : 16|8@1- (1,0) [-40|85] "°C" X\n'
    message = f'BO_ 256 Pack: 8 X\n{signals} SG_ Plain : 24|8@1+ (1,0) [0|0] "" X\n'
    for name, text in (("clean", message), ("mended", message + 'VAL_ 999 Nothing 0 "off" ;\n')):
        file = tmp_path / f"{name}.dbc"
        file.write_text(text)
        plan = build_plan([BusDatabases("can0", (file,))])
        assert [field.unit for field in plan.spec.records[0].fields] == ["V", "°C", ""]
        assert decoded(encoded(plan)) == plan


@pytest.mark.parametrize("name", ["vw_mqb", "mazda_rx8"])
def test_comments_are_those_that_cantools_reads_also_where_the_file_is_mended(
    name: str, tmp_path: Path
) -> None:
    text = text_of(Path(str(files("opendbc"))).joinpath("dbc", f"{name}.dbc").read_bytes())
    database = cantools.database.load_string(text, "dbc", strict=False)
    assert isinstance(database, cantools.database.can.Database)
    both = ((message, signal) for message in database.messages for signal in message.signals)
    expected = {(message.name, signal.name): signal.comment or "" for message, signal in both}
    assert any(expected.values())
    for written in (text, f'{text}\nVAL_ 2047 Nothing 0 "off" ;\n'):
        file = tmp_path / "a.dbc"
        file.write_text(written, "utf-8")
        spec = build_plan([BusDatabases("can0", (file,))]).spec
        found = {
            (message.name, field.signal_name): field.comment
            for message in spec.buses[0].messages
            for field in spec.records[message.record].fields
        }
        assert found == {key: expected[key] for key in found}
