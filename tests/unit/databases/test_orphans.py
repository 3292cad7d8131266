"""Statements of a DBC about nothing, and the lines of what is wrong with one."""

from pathlib import Path

import pytest

from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases, LoadedPlan
from telemetry.errors import ConfigError

HEAD = 'VERSION ""\nNS_ :\nBS_:\nBU_: ECU\n'
SIGNAL = ' SG_ {} : 0|8@1+ (1,0) [0|255] "" ECU\n'
PACK = "BO_ 256 Pack: 8 ECU\n" + SIGNAL.format("Voltage")
PLACE = "BO_ {} VECTOR__INDEPENDENT_SIG_MSG: 0 Vector__XXX\n" + SIGNAL.format("Loose")
DEFINITIONS = """BA_DEF_ BO_ "Period" INT 0 1000;
BA_DEF_ "Kind" ENUM "slow","fast";
BA_DEF_REL_ BU_SG_REL_ "Late" INT 0 9;
BA_DEF_DEF_ "Period" 0;
BA_DEF_DEF_REL_ "Late" 0;
"""
NEXT = (HEAD + PACK).count("\n") + 1
ABOUT_SIGNALS = {
    "VAL_": 'VAL_ {} {} 0 "off" 1 "on" ;',
    "CM_": 'CM_ SG_ {} {} "words";',
    "BA_": 'BA_ "Period" SG_ {} {} 5;',
    "BA_REL_": 'BA_REL_ "Late" BU_SG_REL_ ECU SG_ {} {} 5;',
    "SG_MUL_VAL_": "SG_MUL_VAL_ {} {} Page 0-1;",
    "SIG_VALTYPE_": "SIG_VALTYPE_ {} {} : 1;",
}
ABOUT_MESSAGES = {
    "CM_": 'CM_ BO_ {} "words";',
    "BA_": 'BA_ "Period" BO_ {} 5;',
    "BA_REL_": 'BA_REL_ "Late" BU_BO_REL_ ECU {} 5;',
    "SIG_GROUP_": "SIG_GROUP_ {} Group 1 : Voltage;",
    "BO_TX_BU_": "BO_TX_BU_ {} : ECU,BMS;",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ev.dbc"


def plan_of(file: Path, text: str) -> LoadedPlan:
    file.write_text(text)
    return build_plan([BusDatabases("can0", (file,))])


def refusal_of(file: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        plan_of(file, text)
    assert caught.value.exit_code == 78
    return str(caught.value)


@pytest.mark.parametrize("other", ["", "<html>\n"], ids=["taken", "mended"])  # whatever else is wrong
@pytest.mark.parametrize("subject", ["256 Nothing", "257 Voltage", "99999999999 Voltage"])
@pytest.mark.parametrize("keyword", ABOUT_SIGNALS)
def test_what_is_said_of_a_signal_that_is_not_there_is_left_out_with_its_line(
    file: Path, keyword: str, subject: str, other: str
) -> None:
    orphan = ABOUT_SIGNALS[keyword].format(*subject.split())
    plan = plan_of(file, f"{HEAD}{PACK}{DEFINITIONS}\n{orphan}\n{other}")
    assert [message.name for message in plan.spec.buses[0].messages] == ["Pack"]
    line = NEXT + DEFINITIONS.count("\n") + 1
    assert plan.warnings[0] == f"{file}:{line}: {keyword} of no message or signal, left out: {orphan}"
    assert len(plan.warnings) == (2 if other else 1)


@pytest.mark.parametrize("other", ["", "<html>\n"], ids=["taken", "mended"])
@pytest.mark.parametrize("keyword", ABOUT_MESSAGES)
def test_what_is_said_of_a_message_that_is_not_there_is_left_out_with_its_line(
    file: Path, keyword: str, other: str
) -> None:
    orphan = ABOUT_MESSAGES[keyword].format(257)
    plan = plan_of(file, f"{HEAD}{PACK}{DEFINITIONS}{orphan}\n{orphan}\n{other}")
    line = NEXT + DEFINITIONS.count("\n")
    reported = f"{file}:{line}: {keyword} of no message or signal, left out: {orphan} (and 1 more)"
    assert plan.warnings[0] == reported
    assert len(plan.warnings) == (2 if other else 1)


@pytest.mark.parametrize("keyword", sorted(ABOUT_SIGNALS | ABOUT_MESSAGES))
def test_what_is_said_of_what_is_there_is_no_orphan(file: Path, keyword: str) -> None:
    form = ABOUT_SIGNALS.get(keyword) or ABOUT_MESSAGES[keyword]
    signals = SIGNAL.format("Voltage m0") + SIGNAL.format("Page M")
    text = f"BO_ 2566869221 Pack: 8 ECU\n{signals}{DEFINITIONS}".replace("BA_DEF_ BO_", "BA_DEF_ ")
    wide = text.replace("Voltage m0 : 0|8", "Voltage m0 : 8|32")
    for id in (2566869221, 419385573):  # with the bit of extended ids and without it
        said = form.format(id, "Voltage")
        if id == 2566869221 or keyword not in ("VAL_", "SIG_VALTYPE_"):  # cantools knows no such id
            assert plan_of(file, f"{HEAD}{wide}{said}\n").warnings == ()
        assert not any(
            "of no message" in line for line in plan_of(file, f"{HEAD}{wide}<html>\n{said}\n").warnings
        )


def test_statements_that_share_a_line_with_their_message_are_no_orphans(file: Path) -> None:
    text = HEAD + PACK.replace("\n", " ") + '\nCM_ SG_ 256 Voltage "words";\n'
    assert plan_of(file, text).warnings == ()


@pytest.mark.parametrize("id", [3221225472, 2147483648, 1234])
@pytest.mark.parametrize("keyword", ["VAL_", "SIG_VALTYPE_"])
def test_signals_without_a_message_lose_what_is_said_of_them(file: Path, keyword: str, id: int) -> None:
    said = ABOUT_SIGNALS[keyword].format(id, "Loose")
    plan = plan_of(file, f"{HEAD}{PLACE.format(id)}{PACK}{said}\n{said}\n")
    assert [message.name for message in plan.spec.buses[0].messages] == ["Pack"]
    what = f"{keyword} of a signal without a message, left out: {said} (and 1 more)"
    assert plan.warnings == (f"{file}:{NEXT + 2}: {what}",)


@pytest.mark.parametrize("keyword", ["CM_", "BA_", "BA_REL_"])
def test_what_cantools_takes_of_signals_without_a_message_is_not_reported(file: Path, keyword: str) -> None:
    said = ABOUT_SIGNALS[keyword].format(3221225472, "Loose")
    text = f"{HEAD}{PLACE.format(3221225472)}{PACK}{DEFINITIONS}{said}\n"
    assert plan_of(file, text).warnings == ()
    assert len(plan_of(file, text + "<html>\n").warnings) == 1


def test_a_message_with_the_id_of_vectors_place_keeps_its_words(file: Path) -> None:
    text = PLACE.format(2147483648) + "BO_ 2147483648 Pack: 8 ECU\n" + SIGNAL.format("Voltage")
    plan = plan_of(file, HEAD + text + 'VAL_ 2147483648 Loose 0 "a" ;\nVAL_ 2147483648 Voltage 0 "b" ;\n')
    (message,) = plan.spec.buses[0].messages
    assert message.signals[0].choices == ((0, "b"),)
    assert plan.warnings[0].startswith(f"{file}:{NEXT + 2}: VAL_ of a signal without a message")


@pytest.mark.parametrize("text", ["", " ", "\r\n\n", "\ufeff"])
@pytest.mark.parametrize("name", ["ev.dbc", "ev.kcd", "ev.sym", "ev.arxml"])
def test_an_empty_file_is_called_empty(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    assert refusal_of(file, text) == f"{file}:1: is empty"


@pytest.mark.parametrize(
    ("statement", "reported"),
    [
        ('BA_ "Undefined" 1;', "an attribute that is not defined, left out"),
        ('BA_ "Period" BO_ 256 soon;', "not an attribute, left out"),
        ('BA_ "Period" BO_ 256 "soon";', "a value that is no number, left out"),
        ('BA_DEF_ S_ "Odd" STRING ;', "not the definition of an attribute, left out"),
        ('BA_DEF_ "Odd" ENUM -"a","b";', "not the definition of an attribute, left out"),
        ('BA_DEF_ "Odd" STRING , ;', "not the definition of an attribute, left out"),
        ('BA_ "Kind" "medium";', "a word that the attribute does not know, left out"),
        ('BA_ "Kind" "fast";', "a word in place of its number, taken"),
        ('BA_DEF_ BO_ "Half" INT 0;', "an attribute without both its limits, left out"),
        ('BA_DEF_DEF_ "Period" "";', "a default that is no number, left out"),
        ('BA_REL_ "Period" BU_BO_REL_ ECU 256 1;', "an attribute that is not defined, left out"),
        ('VAL_TABLE_ Words 0.5 "half" ;', "not a value table, left out"),
        ("BO_ 257 Other: 010 ECU", "a length with zeros before it, read without them"),
        ('VAL_ 256 Voltage 0 "a"', "mended: a statement does not end"),
        ("BU_ ECU", "mended: cannot be read as dbc"),
        ('EV_ Key: x [0|1] "" 0 1 DUMMY ECU;', "mended: cannot be read as dbc"),
        ('EV_ Key: 0.5 [0|1] "" 0 1 DUMMY ECU;', "mended: cannot be read as dbc"),
        ("SIG_GROUP_ 256 Group 0.5 : Voltage;", "mended: cannot be read as dbc"),
        ('BA_DEF_ "VFrameFormat" INT 0 9;', "a frame format without words or a default, left out"),
        ('BA_DEF_ BO_ "GenMsgSendType" INT 0 9;\nBA_DEF_DEF_ "GenMsgSendType" 1;', "mended: cannot be read"),
        ('BA_DEF_ BO_ "Much" INT 0 1e99999999;', "an attribute without both its limits, left out"),
    ],
)
def test_a_file_that_is_mended_is_reported_with_the_line_that_made_it_so(
    file: Path, statement: str, reported: str
) -> None:
    plan = plan_of(file, f'{HEAD}{PACK}{DEFINITIONS}{statement}\nCM_ "the end";\n')
    assert plan.spec.buses[0].messages[0].name == "Pack"
    line = NEXT + DEFINITIONS.count("\n")
    assert plan.warnings[0].startswith(f"{file}:{line}: {reported}"), plan.warnings
    assert len(plan.warnings) == 1


def test_a_shortened_range_leaves_the_lines_after_it_where_they_were(file: Path) -> None:
    text = f"{HEAD}{PACK}SG_MUL_VAL_ 256 Voltage Voltage 0\n-99999;\nBU_ ECU\n"
    assert plan_of(file, text).warnings[0].startswith(f"{file}:{NEXT + 2}: mended")
