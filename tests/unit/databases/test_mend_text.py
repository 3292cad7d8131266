"""DBC text cut into statements, the text that mending gives to cantools, and the faults that it reports."""

import cantools
import cantools.database
import pytest
from cantools.database.can import Database

from telemetry.databases.formats.dbc_mend import Selection, mark_multiplexers, mend, read_notes, shorten_lists
from telemetry.databases.formats.dbc_statements import dbc_id, statements
from telemetry.databases.formats.findings import Findings, shortened

HEAD = """VERSION ""
BS_:
BU_: ECU
"""
BODY = """BO_ 256 Pack: 8 ECU
 SG_ Page M : 0|8@1+ (1,0) [0|255] "" ECU
 SG_ Voltage m1 : 8|16@1+ (0.1,0) [0|0] "V" ECU
"""


def loaded(text: str) -> Database:
    database = cantools.database.load_string(mend(text).text, "dbc", strict=False)
    assert isinstance(database, Database)
    return database


def faults(text: str) -> list[tuple[int, str]]:
    return [(fault.line, fault.kind) for fault in mend(text).faults]


def test_a_sound_file_has_no_faults_and_all_its_signals() -> None:
    (message,) = loaded(HEAD + BODY).messages
    assert (message.frame_id, message.name, message.length) == (256, "Pack", 8)
    page, voltage = message.signals
    assert (page.name, page.is_multiplexer) == ("Page", True)
    assert (voltage.name, voltage.start, voltage.length, voltage.conversion.scale) == ("Voltage", 8, 16, 0.1)
    assert voltage.multiplexer_ids == [1]
    assert faults(HEAD + BODY) == []


def test_new_symbols_that_are_not_followed_by_bs_and_bu_are_mended() -> None:
    text = 'VERSION ""\nNS_ :\n  NS_DESC_\n\n' + BODY
    with pytest.raises(cantools.Error):
        cantools.database.load_string(text, "dbc")
    assert [message.name for message in loaded(text).messages] == ["Pack"]
    assert faults(text) == [(2, "not followed by BS_ and BU_, which is mended")]


def test_an_extended_id_without_its_bit_is_taken_as_extended_everywhere() -> None:
    text = HEAD + BODY.replace("256", "418316032") + 'VAL_ 418316032 Page 1 "one" ;\n'
    (message,) = loaded(text).messages
    assert message.is_extended_frame
    assert message.frame_id == 418316032
    assert message.signals[0].choices == {1: "one"}
    assert faults(text) == [(4, "an extended id without bit 31, taken as extended")]


def test_an_id_of_more_than_29_bits_costs_its_message_alone() -> None:
    text = HEAD + BODY.replace("256", str(1 << 30)) + BODY
    assert [message.frame_id for message in loaded(text).messages] == [256]
    assert faults(text) == [(4, "an id of more than 29 bits, left out with its signals")]


def test_signals_without_a_message_are_left_out_without_a_word() -> None:
    text = (
        HEAD
        + 'BO_ 3221225472 VECTOR__INDEPENDENT_SIG_MSG: 0 Vector__XXX\n SG_ Old : 0|8@1+ (1,0) [0|0] "" X\n'
    )
    assert [message.name for message in loaded(text + BODY).messages] == ["Pack"]
    assert faults(text + 'CM_ SG_ 3221225472 Old "no fault";\n' + BODY) == []


@pytest.mark.parametrize(
    "statement",
    [
        'VAL_ 257 Page 1 "one" ;',
        'VAL_ 256 Pages 1 "one" ;',
        "SIG_VALTYPE_ 257 Page : 1;",
        "SIG_VALTYPE_ 256 Pages : 1;",
        'CM_ BO_ 257 "absent";',
        'CM_ SG_ 256 Pages "absent";',
        "SG_MUL_VAL_ 256 Pages Page 1-2;",
    ],
)
def test_what_is_said_of_an_absent_message_or_signal_is_left_out(statement: str) -> None:
    text = f"{HEAD}{BODY}{statement}\n"
    assert len(loaded(text).messages[0].signals) == 2
    assert faults(text) == [(7, f"{statement.split()[0]} of no message or signal, left out")]


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        (" SG_ Broken : 8|@1+ (1,0)", "not a signal, left out"),
        (" SG_ None : 8|0@1+ (1,0)", "a signal of no bits, left out"),
        ('VAL_ 256 Page one "1" ;', "not a value table, left out"),
        ("SIG_VALTYPE_ 256 Page : 9;", "not a value type, left out"),
        ("SG_MUL_VAL_ 256 Voltage Page all;", "not a multiplexing range, left out"),
    ],
)
def test_a_malformed_line_costs_itself_alone(statement: str, kind: str) -> None:
    text = f"{HEAD}{BODY}{statement}\n{BODY.replace('256', '257')}"
    assert [(message.name, len(message.signals)) for message in loaded(text).messages] == [("Pack", 2)] * 2
    assert faults(text) == [(7, kind)]


def test_a_malformed_message_does_not_give_its_signals_to_the_one_before_it() -> None:
    text = HEAD + BODY + BODY.replace("BO_ 256", "BO_ x256")
    assert [len(message.signals) for message in loaded(text).messages] == [2]
    assert faults(text) == [(7, "not a message, left out with its signals")]


@pytest.mark.parametrize("name", ["2017_5", "0_COUNTER", "1E5", "FILTER", "a.b", "größe"])
def test_a_name_that_cantools_cannot_read_is_kept(name: str) -> None:
    text = HEAD + BODY.replace("Voltage", name).replace("Pack", f"{name}x")
    text += f'VAL_ 256 {name} 1 "one" ;\nSIG_VALTYPE_ 256 {name} : 1;\n'
    mended = mend(text)
    (message,) = loaded(text).messages
    signal = message.signals[1]
    assert mended.names.get(message.name, message.name) == f"{name}x"
    assert mended.names.get(signal.name, signal.name) == name
    assert signal.choices == {1: "one"}
    assert signal.conversion.is_float
    assert {fault.kind for fault in mended.faults} == {"an unusual name, kept as it is"}


def test_a_number_without_a_digit_before_the_point_is_read() -> None:
    (message,) = loaded(HEAD + BODY.replace("(0.1,0)", "(.25,-.5)")).messages
    assert (message.signals[1].conversion.scale, message.signals[1].conversion.offset) == (0.25, -0.5)


def test_attributes_that_matter_are_kept() -> None:
    text = (
        HEAD
        + BODY
        + """BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN","reserved","J1939PG";
BA_DEF_ SG_ "SystemSignalLongSymbol" STRING ;
BA_DEF_ "Unknown" FLOAT broken;
BA_DEF_DEF_ "VFrameFormat" "StandardCAN";
BA_ "VFrameFormat" BO_ 256 3;
BA_ "SystemSignalLongSymbol" SG_ 256 Voltage "VoltageOfThePack";
BA_ "Undefined" 3;
"""
    )
    (message,) = loaded(text).messages
    assert message.protocol == "j1939"
    assert message.signals[1].name == "VoltageOfThePack"


def test_an_attribute_without_a_definition_is_left_out() -> None:
    assert loaded(HEAD + BODY + 'BA_ "VFrameFormat" BO_ 256 3;\n').messages[0].protocol is None


def test_notes_are_what_cantools_loses() -> None:
    text = (
        HEAD
        + BODY
        + """SG_MUL_VAL_ 256 Voltage Page 1-3, 7-7 ;
BA_ "SystemSignalLongSymbol" SG_ 256 Page "PageOfThePack";
"""
    )
    notes = read_notes(text)
    assert notes.lines == {256: 4}
    assert notes.selections == {256: {"Voltage": [Selection("Page", ((1, 3), (7, 7)))]}}
    assert notes.long_names == {256: {"Page": "PageOfThePack"}}


def test_a_long_list_of_multiplexer_values_is_shortened_and_noted() -> None:
    text = HEAD + BODY + "SG_MUL_VAL_ 256 Voltage Page 1-3, 0-4294967295 ;\n"
    assert "1-3, 0-0 ;" in shorten_lists(text)
    assert read_notes(text).selections[256]["Voltage"][0].ranges == ((1, 3), (0, 4294967295))


def test_an_id_of_29_bits_has_bit_31() -> None:
    assert dbc_id(0x7FF) == 0x7FF
    assert dbc_id(0x800) == 0x80000800
    assert dbc_id(0x80000001) == 0x80000001


def test_a_multiplexer_marked_by_a_small_letter_is_one() -> None:
    marked = mark_multiplexers(BODY.replace("Page M", "Page m"))
    assert marked == BODY
    assert mark_multiplexers(BODY) == BODY


def cut(text: str) -> list[tuple[int, str, str]]:
    return [(statement.line, statement.keyword, statement.text) for statement in statements(text)]


def test_each_statement_begins_with_a_keyword_on_a_line_of_its_own() -> None:
    assert cut('VERSION ""\n\nBO_ 1 A: 8 X\n SG_ B : 0|8@1+ (1,0) [0|0] "" X\n') == [
        (1, "VERSION", 'VERSION ""'),
        (3, "BO_", "BO_ 1 A: 8 X"),
        (4, "SG_", 'SG_ B : 0|8@1+ (1,0) [0|0] "" X'),
    ]


def test_a_string_over_several_lines_belongs_to_its_statement() -> None:
    text = 'CM_ BO_ 1 "first\nVAL_ is no statement here\nlast \\" line";\nVAL_ 1 B 0 "x" ;'
    assert [(line, keyword) for line, keyword, _ in cut(text)] == [(1, "CM_"), (4, "VAL_")]


def test_a_path_that_ends_with_a_backslash_swallows_nothing() -> None:
    text = 'BA_ "Folder" "C:\\logs\\";\nVAL_ 1 B 0 "x" ;'
    assert [(line, keyword) for line, keyword, _ in cut(text)] == [(1, "BA_"), (2, "VAL_")]


def test_a_string_that_never_ends_does_not_swallow_the_messages_after_it() -> None:
    text = 'CM_ BO_ 1 "no end\nBO_ 2 A: 8 X\n SG_ B : 0|8@1+ (1,0) [0|0] "" X'
    assert [keyword for _, keyword, _ in cut(text)] == ["CM_", "BO_", "SG_"]


def test_the_list_of_new_symbols_names_keywords_and_has_no_statements() -> None:
    assert [keyword for _, keyword, _ in cut("NS_ :\n\tCM_\n\tBA_DEF_\n\nBS_:\nBU_: X")] == [
        "NS_",
        "BS_",
        "BU_",
    ]


def test_a_line_that_begins_with_no_keyword_is_a_statement_of_none() -> None:
    assert cut("hello\nBO_1 A\n") == [(1, "", "hello"), (2, "", "BO_1 A")]


def test_faults_of_one_kind_are_one_line_with_the_first_of_them() -> None:
    findings = Findings()
    for line in (7, 9, 11):
        findings.add("a.dbc", line, "left out", f"statement {line}")
    findings.add("a.dbc", 8, "mended", "other")
    findings.add("b.kcd", None, "left out", "message")
    assert findings.lines() == (
        "a.dbc:7: left out: statement 7 (and 2 more)",
        "a.dbc:8: mended: other",
        "b.kcd: left out: message",
    )


def test_a_statement_that_is_cut_says_so() -> None:
    assert shortened("VAL_ 568\n Speed 31;", most=14) == "VAL_ 568 Spee..."
    assert shortened("VAL_ 568\n Speed 31;", most=19) == "VAL_ 568 Speed 31;"
    (fault,) = mend('VERSION ""\nBO_ 1 M: 8 E\nVAL_ 568 Speed ' + '31 "SNA" ' * 20 + ";\n").faults
    assert fault.statement.startswith("VAL_ 568 Speed ")
    assert fault.statement.endswith("...")
