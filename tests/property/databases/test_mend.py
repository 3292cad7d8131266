import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import firmware_sim
from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases
from telemetry.databases.formats.dbc_mend import has_absurd_sizes, mend, read_notes, shorten_lists
from telemetry.errors import ConfigError
from tests.support.examples import examples

DATABASE = """VERSION "1"
NS_ :
\tNS_DESC_
\tCM_
BS_:
BU_: ECU BMS
BO_ 256 Pack: 8 BMS
 SG_ Page M : 0|8@1+ (1,0) [0|255] "" ECU
 SG_ Voltage m0 : 8|16@1+ (0.1,0) [0|0] "V" ECU,BMS
 SG_ Current m1M : 23|16@0- (0.01,-40) [-40|40] "A" ECU // towards the pack
 SG_ Inner m2 : 40|8@1+ (1,0) [0|0] "" ECU
BO_ 2566869221 Limits: 8 BMS
 SG_ Maximum : 7|32@0+ (1,0) [0|0] "" ECU
BO_ 3221225472 VECTOR__INDEPENDENT_SIG_MSG: 0 Vector__XXX
 SG_ Old : 0|8@1+ (1,0) [0|0] "" Vector__XXX
EV_ Key: 0 [0|1] "" 0 1 DUMMY_NODE_VECTOR0 ECU;
ENVVAR_DATA_ Key: 5;
BO_TX_BU_ 256 : ECU,BMS;
CM_ "of the \\"whole\\"
BO_ thing";
CM_ BU_ BMS "box"; CM_ BO_ 256 "pack"; CM_ SG_ 256 Voltage "terminal";
BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN","reserved","J1939PG";
BA_DEF_ SG_ "SystemSignalLongSymbol" STRING ;
BA_DEF_ "Baudrate" INT 0 1000000;
BA_DEF_REL_ BU_SG_REL_ "Late" FLOAT 0 9.5;
BA_DEF_DEF_ "VFrameFormat" "StandardCAN";
BA_DEF_DEF_ "SystemSignalLongSymbol" "";
BA_DEF_DEF_REL_ "Late" 1;
BA_ "Baudrate" 500000;
BA_ "VFrameFormat" BO_ 2566869221 3;
BA_ "SystemSignalLongSymbol" SG_ 256 Voltage "VoltageOfTheWholePack";
BA_REL_ "Late" BU_SG_REL_ ECU SG_ 256 Voltage 2.5;
VAL_TABLE_ OnOff 0 "off" 1 "on" ;
VAL_ 256 Page 0 "first" 1 "second" ;
SIG_VALTYPE_ 2566869221 Maximum : 1;
SIG_GROUP_ 256 Group 1 : Voltage Current;
SG_MUL_VAL_ 256 Voltage Page 0-0;
SG_MUL_VAL_ 256 Current Page 1-1, 5-7;
SG_MUL_VAL_ 256 Inner Current 2-2;
"""
VEHICLE = (Path(firmware_sim.__file__).parent / "wire" / "vehicle.dbc").read_text()
ODD = st.sampled_from('\x00\x1b\x85\u2028\n\r"\\;:|@/ -+.,_0zé电') | st.characters(exclude_categories=["Cs"])
BOUNDED = settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def position(text: str) -> st.SearchStrategy[int]:
    return st.integers(0, len(text))


def changed(lines: list[str], draw: st.DrawFn) -> list[str]:
    at = draw(st.integers(0, len(lines) - 1))
    line = lines[at]
    column = draw(position(line))
    match draw(st.integers(0, 6)):
        case 0:
            new = []
        case 1:
            new = [line, line]
        case 2:
            new = [line[:column]]
        case 3:
            new = [line[:column] + draw(ODD) + line[column:]]
        case 4:
            new = [line[:column] + draw(ODD) + line[column + 1 :]]
        case 5:
            new = [line[:column] + line[column + 1 :]]
        case _:
            other = draw(st.integers(0, len(lines) - 1))
            new, lines = [lines[other]], [*lines[:other], line, *lines[other + 1 :]]
    return [*lines[:at], *new, *lines[at + 1 :]] or [""]


@st.composite
def damaged_texts(draw: st.DrawFn) -> str:
    """Draw a real text with a few lines dropped, doubled, swapped, cut or with other characters."""
    lines = draw(st.sampled_from([DATABASE, VEHICLE])).split("\n")
    for _ in range(draw(st.integers(0, 6))):
        lines = changed(lines, draw)
    return draw(st.sampled_from(["\n", "\r\n", "\r"])).join(lines)


def load(file: Path, text: str) -> None:
    """Load it, or check that it is refused with file and line; either way in words on one line."""
    file.write_bytes(text.encode())
    refused: ConfigError | None = None
    warnings: tuple[str, ...] = ()
    try:
        warnings = build_plan([BusDatabases("can0", (file,))]).warnings
    except ConfigError as error:
        refused = error
    if refused is not None:
        assert re.match(rf"{re.escape(str(file))}:\d+\Z", refused.where)
        assert refused.what.isprintable()
    for warning in warnings:
        assert re.match(rf"{re.escape(str(file))}:\d+: ", warning)
        assert warning.isprintable()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mend") / "any.dbc"


@BOUNDED
@given(text=st.text(max_size=200) | st.text('BO_SG 0123:|@+-()[],"\\;/\n\r\t', max_size=200))
def test_any_text_loads_or_is_refused_with_its_place(file: Path, text: str) -> None:
    load(file, text)


@BOUNDED
@given(text=damaged_texts())
def test_a_damaged_database_loads_or_is_refused_with_its_place(file: Path, text: str) -> None:
    load(file, text)


@pytest.mark.parametrize(
    "part",
    [
        *('"', '\\"', "//", "// x\r", "BO_ ", "SG_ ", "NS_ : ", "BU_: a\n", 'CM_ "\n', "BS_ // ;", " ", "\n"),
        *(
            'VAL_ 1 a 0 "\n',
            "SG_MUL_VAL_ ",
            "SG_MUL_VAL_ 1 a b 1-2\n",
            "BA_ ",
            'BA_ "x" ',
            "SG_ a",
            "<html>\n",
        ),
    ],
)
def test_repetition_costs_no_more_than_its_length(part: str) -> None:
    """Quadratic cost would take minutes here."""
    text = part * (300_000 // len(part))
    assert not has_absurd_sizes(text)
    assert shorten_lists(text) == text
    read_notes(text)
    mend(text)
