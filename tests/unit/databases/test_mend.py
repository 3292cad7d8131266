from pathlib import Path

import pytest
from telemetry_core.decode.spec import MessageSpec

from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases, LoadedPlan
from telemetry.errors import ConfigError

HEAD = 'VERSION ""\nNS_ :\nBS_:\nBU_: ECU\n'
SIGNAL = ' SG_ {} : 0|8@1+ (1,0) [0|255] "" ECU\n'
PACK = "BO_ 256 Pack: 8 ECU\n" + SIGNAL.format("Voltage")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ev.dbc"


def plan_of(file: Path, content: str | bytes) -> LoadedPlan:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    plan = build_plan([BusDatabases("can0", (file,))])
    assert all(warning.isprintable() and len(warning) < 500 for warning in plan.warnings)
    return plan


def messages_of(plan: LoadedPlan) -> dict[str, MessageSpec]:
    return {message.name: message for message in plan.spec.buses[0].messages}


def fields_of(plan: LoadedPlan, message: str) -> list[str]:
    record = plan.spec.records[messages_of(plan)[message].record]
    return [field.signal or field.name for field in record.fields]


@pytest.mark.parametrize(
    "line",
    [
        " SG_ Current : 8|16@1+ (one,0) [0|0]",
        ' SG_ Current : 8|0@1+ (1,0) [0|0] "" ECU',
        ' SG_ Current : 8|9999999999@1+ (1,0) [0|0] "" ECU',
        ' SG_ Current : 9999999999|8@0+ (1,0) [0|0] "" ECU',
        f' SG_ Current : {"9" * 5000}|8@1+ (1,0) [0|0] "" ECU',
        f"BO_ {'9' * 5000} Wide: 8 ECU",
        "BO_ 300 Long: 99999999999 ECU",
        f"BO_ {1 << 29} Wide: 8 ECU",
        "FOO_ 1 2 3;",
        'BA_DEF_SGTYPE_ "x" INT 0 1;',
        'CM_ SG_ 256 "no signal" ;',
        'VAL_ 256 Voltage 0 "a" b "c" ;',
        "<html>",
        "\x1a",
        "FOO_ \x1b[31m\u202e\x07" + "x" * 10_000,
    ],
)
def test_a_line_that_makes_no_sense_costs_itself_alone(file: Path, line: str) -> None:
    plan = plan_of(file, f"{HEAD}{PACK}{line}\n BO_ 257 Next: 8 ECU\n{SIGNAL.format('A')}")
    assert list(messages_of(plan)) == ["Pack", "Next"]
    assert fields_of(plan, "Pack") == ["Voltage"]
    assert fields_of(plan, "Next") == ["A"]
    assert plan.warnings[0].startswith(f"{file}:7: ")


@pytest.mark.parametrize(
    "lines",
    [
        'BA_ "Undefined" BO_ 256 1;\n',
        'BA_DEF_ BO_ "Period" INT 0;\n',
        'BA_DEF_ BO_ "Period" INT 0 1e99999999;\n',
        'BA_DEF_ BO_ "VFrameFormat" INT 0 1;\nBA_DEF_DEF_ "VFrameFormat" "";\n',
    ],
)
def test_attributes_that_stop_the_parser_cost_no_message(file: Path, lines: str) -> None:
    plan = plan_of(file, HEAD + PACK + lines)
    assert fields_of(plan, "Pack") == ["Voltage"]
    assert plan.warnings[0].startswith(f"{file}:")


def test_a_stray_line_does_not_take_the_statement_before_it_along(file: Path) -> None:
    plan = plan_of(file, HEAD + PACK.replace("0|8", "0|32") + "SIG_VALTYPE_ 256 Voltage : 1;\n<html>\n")
    assert messages_of(plan)["Pack"].signals[0].is_float
    assert [warning.split(": ")[0] for warning in plan.warnings] == [f"{file}:8"]


def test_attributes_of_mended_files_are_kept(file: Path) -> None:
    text = HEAD + PACK.replace("256", "419372261") + "<html>\n"
    text += 'BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN","reserved","J1939PG";\n'
    text += 'BA_DEF_ SG_ "SystemSignalLongSymbol" STRING ;\n'
    text += 'BA_ "VFrameFormat" BO_ 419372261 3;\n'
    text += 'BA_ "SystemSignalLongSymbol" SG_ 419372261 Voltage "VoltageOfThePack";\n'
    plan = plan_of(file, text)
    pack = messages_of(plan)["Pack"]
    assert (pack.arbitration_id, pack.extended, pack.by_pgn) == (419372261, True, True)
    assert fields_of(plan, "Pack") == ["VoltageOfThePack"]


@pytest.mark.parametrize(
    ("keyword", "statement"),
    [
        ("VAL_", 'VAL_ {} 0 "a" ;'),
        ("CM_", 'CM_ SG_ {} "words" ;'),
        ("SIG_VALTYPE_", "SIG_VALTYPE_ {} : 1;"),
        ("SG_MUL_VAL_", "SG_MUL_VAL_ {} Page 0-1;"),
    ],
)
def test_what_is_said_of_absent_signals_is_one_warning_of_its_kind(
    file: Path, keyword: str, statement: str
) -> None:
    absent = "".join(statement.format(of) + "\n" for of in ("256 Nothing", "257 Voltage", "258 Voltage"))
    plan = plan_of(file, HEAD + PACK + absent + 'VAL_ 999 Other 0 "a";\n')
    warning = plan.warnings[0]
    assert warning.startswith(f"{file}:7: {keyword} of no message or signal, left out: {keyword} 256") or (
        keyword == "CM_" and warning.startswith(f"{file}:7: CM_ of no message or signal")
    )
    assert warning.endswith("(and 3 more)" if keyword == "VAL_" else "(and 2 more)")


def test_names_that_are_no_words_of_the_parser_are_kept(file: Path) -> None:
    text = 'BO_ 256 12V_Net: 8 ECU\n SG_ 0_Page M : 0|8@1+ (1,0) [0|0] "" ECU\n'
    text += ' SG_ 电压 m1 : 8|16@1+ (0.1,0) [0|0] "V" ECU\nVAL_ 256 0_Page 0 "a" ;\n'
    plan = plan_of(file, HEAD + text)
    assert fields_of(plan, "12V_Net") == ["0_Page", "电压"]
    assert messages_of(plan)["12V_Net"].conditions[0].selector == 0


def test_a_stand_in_is_never_a_name_of_the_file(file: Path) -> None:
    plan = plan_of(file, PACK.replace("Voltage", "mended_name_0") + SIGNAL.format("3rd"))
    assert fields_of(plan, "Pack") == ["mended_name_0", "3rd"]


@pytest.mark.parametrize("line", ['VAL_ 3221225472 Old 0 "a" ;', "SIG_VALTYPE_ 3221225472 Old : 1;"])
def test_the_pseudo_message_is_no_message_whatever_is_said_of_it(file: Path, line: str) -> None:
    pseudo = f"BO_ 3221225472 VECTOR__INDEPENDENT_SIG_MSG: 0 Vector__XXX\n{SIGNAL.format('Old')}"
    assert list(messages_of(plan_of(file, f"{HEAD}{pseudo}{PACK}{line}\n"))) == ["Pack"]


def test_a_statement_may_take_several_lines(file: Path) -> None:
    plan = plan_of(file, HEAD + PACK.replace(": 0|8", ":\n 0|8").replace(") [", ")\n [") + "<html>\n")
    assert fields_of(plan, "Pack") == ["Voltage"]
    assert [warning.split(": ")[0] for warning in plan.warnings] == [f"{file}:9"]


def test_a_length_with_leading_zeros_is_that_length(file: Path) -> None:
    assert messages_of(plan_of(file, HEAD + PACK.replace(" 8 ", " 08 ")))["Pack"].byte_count == 8


def test_names_in_a_chinese_encoding_are_read(file: Path) -> None:
    plan = plan_of(file, (HEAD + PACK.replace("Voltage", "电池包总电压")).encode("gbk"))
    assert fields_of(plan, "Pack") == ["电池包总电压"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_are_those_of_the_file_whatever_ends_them(file: Path, newline: str) -> None:
    text = HEAD + PACK + "// a note\n\x0b<html>\x85\u2028\n" + "BO_ 257 battery: 8 ECU\n"
    plan = plan_of(file, text.replace("\n", newline).encode())
    assert [warning.split(": ")[0] for warning in plan.warnings] == [f"{file}:8", f"{file}:9"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x", 1),
        ("<html>\n</html>", 1),
        ("BO_", 1),
        (HEAD + "BO_ x\n", 5),
        ("\x00" * 10, 1),
        ('"', 1),
        ("", 1),
    ],
)
def test_a_text_without_any_message_is_refused_with_its_line(file: Path, text: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_of(file, text)
    assert caught.value.where == f"{file}:{line}"
    assert caught.value.what.isprintable()


def test_a_long_name_with_a_newline_is_one_line_in_a_warning(file: Path) -> None:
    text = HEAD + PACK + 'BA_DEF_ SG_ "SystemSignalLongSymbol" STRING ;\n'
    plan = plan_of(file, text + 'BA_ "SystemSignalLongSymbol" SG_ 256 Voltage "_a\nb\x1b[0m";\n')
    assert plan.warnings


@pytest.mark.parametrize(
    ("last", "warning"),
    [
        (' SG_ Current : 8|8@1+ (1,0) [0|0] "" ', "the last statement does not end"),
        (" SG_ Current : 8|8@1", "not a signal, left out: SG_ Current : 8|8@1"),
        ("BO_ 257 Next:", "not a message, left out with its signals: BO_ 257 Next:"),
        ("SIG_VALTYPE_ 256 Voltage :", "not a value type, left out: SIG_VALTYPE_ 256 Voltage :"),
        ('VAL_ 256 Voltage 1 "one"\n', "the last statement does not end"),
    ],
)
def test_a_last_statement_that_does_not_end_is_reported(file: Path, last: str, warning: str) -> None:
    plan = plan_of(file, HEAD + PACK + last)
    assert fields_of(plan, "Pack")[0] == "Voltage"
    (reported,) = plan.warnings
    line = (HEAD + PACK).count("\n") + 1
    assert reported.startswith(f"{file}:{line}: ")
    assert reported.endswith(warning)


def test_a_last_value_type_without_its_semicolon_still_makes_a_float(file: Path) -> None:
    wide = PACK.replace("0|8@", "0|32@")
    plan = plan_of(file, f"{HEAD}{wide}SIG_VALTYPE_ 256 Voltage : 1\n")
    assert messages_of(plan)["Pack"].signals[0].is_float


def test_what_cantools_does_not_read_of_a_table_or_a_range_costs_nothing_else(file: Path) -> None:
    statements = 'VAL_ 256 Voltage 1 "C:\\" 2 "a \\"b\\"" 3 "c\\\\" 4 "d" ;\n'
    statements += "SG_MUL_VAL_ 256 Current Voltage 3 - 4 , 6-7 ;\n"
    signals = PACK.replace("Voltage", "Voltage M") + SIGNAL.format("Current m3").replace("0|8", "8|32")
    plan = plan_of(file, f"{HEAD}{signals}{statements}SIG_VALTYPE_ 256 Current : 1;\n")
    (message,) = plan.spec.buses[0].messages
    voltage, current = message.signals
    assert voltage.choices == ((1, "C:"), (2, 'a "b"'), (3, "c"), (4, "d"))
    assert current.is_float
    assert message.conditions[0].ranges == ((3, 4), (6, 7))
    kind = "a word that ends with a backslash, written without it: VAL_"
    assert [kind in warning and "(and 1 more)" in warning for warning in plan.warnings] == [True]
