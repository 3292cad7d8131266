"""Where we differ from cantools on purpose: the table in docs/decoder.md, each row with what both do."""

import math
import struct
from collections.abc import Mapping
from pathlib import Path

import cantools.database
import pytest
from cantools.database import DecodeError
from cantools.database.can import Database
from cantools.database.errors import Error as DatabaseError
from telemetry_core.frames.batch import FrameTuple

from telemetry.databases.build import BusDatabases, build_plan
from tests.support.arxml import SIGNAL, container, document, forward, limits, method, segment, word
from tests.support.decoders import CompiledDecoder

ARXML = Path(__file__).parents[2] / "data" / "invalid-values.arxml"
EXTENDED = 0x80000000
J1939 = f"""BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN","reserved","J1939PG";
BA_DEF_DEF_ "VFrameFormat" "ExtendedCAN";
BA_ "VFrameFormat" BO_ {EXTENDED | 0x18FEF121} 3;
"""


class Both:
    """One message of one database, decoded by cantools and by us."""

    def __init__(self, file: Path, body: str = "", byte_count: int = 8, id: int = 256) -> None:
        if body:
            file.write_text(f'VERSION ""\nBU_: ECU\nBO_ {id} M: {byte_count} ECU\n{body}', "ascii")
        database = cantools.database.load_file(file, strict=False)
        assert isinstance(database, Database)
        self.database = database
        self._message = database.messages[0]
        self._id = id
        self.spec = build_plan([BusDatabases("main", (file,))]).spec

    def cantools(self, payload: bytes, *, scaling: bool = False) -> Mapping[str, object]:
        decoded = self._message.decode(payload, decode_choices=False, scaling=scaling)
        assert isinstance(decoded, dict)
        return decoded

    def ours(self, payload: bytes, id: int | None = None) -> Mapping[str, object]:
        decoder = CompiledDecoder(self.spec)
        decoder.bind(0, 0, 0)
        (row,) = decoder.decode([FrameTuple(0, self._id if id is None else id, payload, 0, 0, 0)])
        return row.raw


def signal(place: str, name: str = "A", marker: str = "", scale: str = "(1,0)") -> str:
    return f' SG_ {name} {marker} : {place} {scale} [0|0] "" ECU\n'


def test_overlapping_signals(tmp_path: Path) -> None:
    both = Both(tmp_path / "a.dbc", signal("7|16@0+") + signal("3|8@0+", "B"))
    with pytest.raises(DecodeError):
        both.cantools(bytes.fromhex("1234000000000000"))
    assert both.ours(bytes.fromhex("1234000000000000")) == {"A": 0x1234, "B": 0x23}


def test_a_signal_after_the_end_of_its_message(tmp_path: Path) -> None:
    both = Both(tmp_path / "a.dbc", signal("0|8@1+") + signal("64|8@1+", "B"))
    with pytest.raises(DecodeError):
        both.cantools(bytes(9))
    assert both.ours(bytes(8)) == {"A": 0}
    assert both.ours(bytes(8) + b"\x07") == {"A": 0, "B": 7}


def test_a_short_frame(tmp_path: Path) -> None:
    both = Both(tmp_path / "a.dbc", signal("0|8@1+") + signal("56|8@1+", "B"))
    with pytest.raises(DecodeError):
        both.cantools(b"\x01\x02")
    assert both.ours(b"\x01\x02") == {"A": 1}


def test_an_unknown_multiplexer_value(tmp_path: Path) -> None:
    both = Both(tmp_path / "a.dbc", signal("0|8@1+", "S", "M") + signal("8|8@1+", "A", "m1"))
    with pytest.raises(DecodeError):
        both.cantools(b"\x02" + bytes(7))
    assert both.ours(b"\x02" + bytes(7)) == {"S": 2}


def test_a_scaled_selector(tmp_path: Path) -> None:
    body = signal("0|8@1+", "S", "M", "(2,0)") + signal("8|8@1+", "A", "m1") + signal("16|8@1+", "B", "m2")
    both = Both(tmp_path / "a.dbc", body)
    payload = bytes.fromhex("0105060000000000")
    assert both.cantools(payload, scaling=True) == {"S": 2, "B": 6}  # by the scaled value
    assert both.ours(payload) == {"S": 1, "A": 5}  # by the bits


def test_a_signed_selector(tmp_path: Path) -> None:
    both = Both(tmp_path / "a.dbc", signal("0|4@1-", "S", "M") + signal("8|8@1+", "A", "m15"))
    payload = bytes.fromhex("0f05000000000000")
    with pytest.raises(DecodeError):
        both.cantools(payload)
    assert both.ours(payload) == {"S": -1, "A": 5}


def test_a_selector_with_a_long_name(tmp_path: Path) -> None:
    body = signal("0|8@1+", "S", "M") + signal("8|8@1+", "A", "m1")
    body += 'BA_DEF_ SG_ "SystemSignalLongSymbol" STRING ;\n'
    body += 'BA_ "SystemSignalLongSymbol" SG_ 256 S "Selector";\n'
    both = Both(tmp_path / "a.dbc", body)
    payload = bytes.fromhex("0105000000000000")
    assert both.cantools(payload) == {"Selector": 1}
    assert both.ours(payload) == {"Selector": 1, "A": 5}


def test_a_multiplexer_that_is_marked_by_a_small_letter(tmp_path: Path) -> None:
    both = Both(tmp_path / "a.dbc", signal("0|8@1+", "S", "m") + signal("8|8@1+", "A", "m1"))
    assert both.cantools(bytes.fromhex("0205000000000000")) == {"S": 2, "A": 5}  # not multiplexed at all
    assert both.ours(bytes.fromhex("0205000000000000")) == {"S": 2}
    assert both.ours(bytes.fromhex("0105000000000000")) == {"S": 1, "A": 5}


def test_a_name_in_several_branches(tmp_path: Path) -> None:
    body = signal("0|8@1+", "S", "M") + signal("8|8@1+", "A", "m0") + signal("16|8@1+", "A", "m1")
    both = Both(tmp_path / "a.dbc", body + "SG_MUL_VAL_ 256 A S 0-0;\nSG_MUL_VAL_ 256 A S 1-1;\n")
    payload = bytes.fromhex("0105060000000000")
    assert both.cantools(payload) == {"S": 1, "A": 5}  # the last ranges are those of both
    assert both.ours(payload) == {"S": 1, "A": 6}


def test_a_multiplexed_signal_of_a_message_without_a_selector(tmp_path: Path) -> None:
    both = Both(tmp_path / "a.dbc", signal("0|8@1+", "A", "m1") + signal("8|8@1+", "B"))
    assert both.cantools(b"\1\2" + bytes(6)) == {"A": 1, "B": 2}
    assert both.ours(b"\1\2" + bytes(6)) == {"B": 2}


def test_a_j1939_message_of_another_sender(tmp_path: Path) -> None:
    both = Both(tmp_path / "a.dbc", signal("0|8@1+") + J1939, id=EXTENDED | 0x18FEF121)
    of_another = EXTENDED | 0x0CFEF103
    with pytest.raises(KeyError):
        both.database.decode_message(of_another & ~EXTENDED, b"\7" + bytes(7))
    assert both.ours(b"\7" + bytes(7), of_another) == {"A": 7}


def test_not_available_in_j1939(tmp_path: Path) -> None:
    body = signal("0|8@1+") + signal("8|16@1+", "B") + signal("24|8@1+", "C")
    both = Both(tmp_path / "a.dbc", body + J1939, id=EXTENDED | 0x18FEF121)
    payload = bytes.fromhex("ff00fe0700000000")
    assert both.cantools(payload) == {"A": 0xFF, "B": 0xFE00, "C": 7}
    assert both.ours(payload) == {"C": 7}


def test_a_value_that_is_declared_invalid(tmp_path: Path) -> None:
    file = tmp_path / "a.arxml"
    file.write_text(ARXML.read_text().replace("-0.1<", "-1<").replace("NaN<", "-2<"))
    both = Both(file)
    payload = struct.pack("<Hhfff", 0xFFFF, 5, 1.0, -1.0, 3.0)
    assert both.cantools(payload) == {
        "Voltage": 0xFFFF,
        "Current": 5,
        "Power": 1.0,
        "Energy": -1.0,
        "Heat": 3.0,
    }
    assert both.ours(payload) == {"Current": 5, "Power": 1.0, "Heat": 3.0}


def test_an_invalid_value_that_is_no_integer() -> None:
    with pytest.raises(DatabaseError):
        cantools.database.load_file(ARXML, strict=False)
    assert len(build_plan([BusDatabases("main", (ARXML,))]).spec.buses[0].messages[0].signals) == 5


HALVES = forward(segment("-40 1", "2", limits("0", "99")))


@pytest.mark.parametrize(
    ("category", "scales", "of_cantools", "of_ours"),
    [
        (
            "SCALE_LINEAR_AND_TEXTTABLE",
            HALVES.replace("</COMPU-SCALES>", segment("0 7", "1") + "</COMPU-SCALES>"),
            700.0,
            100,
        ),
        ("RAT_FUNC", HALVES, 100, 30.0),
        ("TAB_NOINTP", HALVES, 100, 100),
    ],
)
def test_a_scaling_of_several_segments_or_of_an_unknown_category(
    category: str, scales: str, of_cantools: float, of_ours: float, tmp_path: Path
) -> None:
    file = tmp_path / "a.arxml"
    file.write_text(document(SIGNAL + method(category, scales)))
    both = Both(file)
    payload = b"\x64" + bytes(7)
    assert both.cantools(payload, scaling=True) == {"Voltage": of_cantools}
    (field,) = both.spec.records[0].fields
    assert 100 * field.factor + field.offset == of_ours


@pytest.mark.parametrize(
    "elements",
    [
        SIGNAL + method("LINEAR", forward(segment("0 1 1", "1"))),
        SIGNAL + method("LINEAR", forward(segment("0 1", "1"), segment("0 2", "1"))),
        SIGNAL + method("TEXTTABLE", forward(word("reserved", "2", "3"))),
        container(""),
    ],
)
def test_what_makes_cantools_refuse_an_arxml(elements: str, tmp_path: Path) -> None:
    file = tmp_path / "a.arxml"
    file.write_text(document(elements, pdu="I-SIGNAL-I-PDU" if SIGNAL in elements else "CONTAINER-I-PDU"))
    with pytest.raises(DatabaseError):
        cantools.database.load_file(file, strict=False)
    plan = build_plan([BusDatabases("main", (file,))])
    assert len(plan.spec.buses[0].messages) == 1
    assert len(plan.warnings) == 1


def test_what_is_not_a_number(tmp_path: Path) -> None:
    both = Both(tmp_path / "a.dbc", signal("0|32@1-") + signal("32|8@1+", "B") + "SIG_VALTYPE_ 256 A : 1;\n")
    payload = struct.pack("<f4x", math.nan)
    decoded = both.cantools(payload)["A"]
    assert isinstance(decoded, float)
    assert math.isnan(decoded)
    assert both.ours(payload) == {"B": 0}


def test_a_factor_of_zero(tmp_path: Path) -> None:
    both = Both(tmp_path / "a.dbc", signal("0|8@1+", scale="(0,0)") + signal("8|8@1+", "B"))
    assert both.cantools(bytes(8)) == {"A": 0, "B": 0}
    assert both.ours(bytes(8)) == {"B": 0}


def test_a_signal_of_more_than_64_bits(tmp_path: Path) -> None:
    both = Both(tmp_path / "a.dbc", signal("0|56@1+") + signal("56|80@1+", "Text"), byte_count=17)
    assert both.cantools(bytes(17)) == {"A": 0, "Text": 0}
    assert both.ours(bytes(17)) == {"A": 0}


def test_decimals_of_the_factor(tmp_path: Path) -> None:
    both = Both(tmp_path / "a.dbc", signal("0|8@1+", scale="(0.1,0)"))
    payload = b"\x03" + bytes(7)
    assert both.cantools(payload, scaling=True) == {"A": 0.30000000000000004}
    (field,) = both.spec.records[0].fields
    assert field.scale is not None
    assert 3 * field.scale.multiplier / 10**field.scale.decimals == 0.3
