"""Scalings and containers of an ARXML that cantools refuses the file for, or misreads without a word."""

from pathlib import Path

import pytest
from telemetry_core.decode.spec import SignalSpec
from telemetry_core.rows.spec import FieldSpec

from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases, LoadedPlan
from telemetry.databases.formats.arxml import with_plain_scalings
from tests.support.arxml import (
    HEAD,
    SIGNAL,
    TAIL,
    container,
    document,
    forward,
    inverse,
    limits,
    method,
    segment,
    word,
)


def loaded(folder: Path, elements: str, *, pdu: str = "I-SIGNAL-I-PDU") -> LoadedPlan:
    file = folder / "a.arxml"
    file.write_text(document(elements, pdu=pdu))
    return build_plan([BusDatabases("main", (file,))])


def scaled(folder: Path, category: str, scales: str) -> tuple[FieldSpec, SignalSpec, tuple[str, ...]]:
    plan = loaded(folder, SIGNAL + method(category, scales))
    (message,) = plan.spec.buses[0].messages
    (field,) = plan.spec.records[message.record].fields
    return field, message.signals[0], plan.warnings


METHOD_LINE = (HEAD + SIGNAL).count("\n") + 1
HALF = segment("-40 1", "2")
INFINITE = (
    '<LOWER-LIMIT INTERVAL-TYPE="OPEN">-INF</LOWER-LIMIT><UPPER-LIMIT INTERVAL-TYPE="INFINITE"></UPPER-LIMIT>'
)


@pytest.mark.parametrize(
    ("category", "scales"),
    [
        ("LINEAR", forward(HALF)),
        ("SCALE_LINEAR", forward(HALF)),
        ("RAT_FUNC", forward(segment("-40 1 0", "2 0 0"))),
        (
            "SCALE_LINEAR_AND_TEXTTABLE",
            forward(segment("-40 1", "2", limits("0", "253")), word("x", "1", "1")),
        ),
        ("LINEAR", forward(segment("-40 1", "2", INFINITE))),
        (
            "LINEAR",
            forward(segment("-40 1", "2", limits("0", "9")), segment("-40.0 1", "2", limits("10", "99"))),
        ),
        ("LINEAR", forward(HALF) + inverse(segment("40 2", "1"))),
    ],
)
def test_what_is_linear_is_decoded_so(category: str, scales: str, tmp_path: Path) -> None:
    field, _, warnings = scaled(tmp_path, category, scales)
    assert (field.factor, field.offset) == (0.5, -20.0)
    assert warnings == ()


@pytest.mark.parametrize(
    ("category", "scales"),
    [
        ("LINEAR", forward(segment("-40 1", "2", limits("0", "9")), segment("0 1", "1", limits("10", "99")))),
        ("RAT_FUNC", forward(segment("0 1 1", "2"))),
        ("RAT_FUNC", forward(segment("1 0", "0 1"))),
        ("LINEAR", forward(segment("5", "1"))),
        ("LINEAR", forward(segment("0 1", ""))),
        ("LINEAR", forward(segment("0 1", "0"))),
        ("LINEAR", forward(segment("0 x", "1"))),
        ("LINEAR", inverse(segment("40 2", "1"))),
        ("TAB_NOINTP", forward(word("x", "1", "1"))),
    ],
)
def test_of_any_other_scaling_the_raw_values_are_left_and_that_is_reported(
    category: str, scales: str, tmp_path: Path
) -> None:
    field, _, warnings = scaled(tmp_path, category, scales)
    assert (field.factor, field.offset) == (1.0, 0.0)
    kind = "a scaling that is not linear, raw values are written"
    assert warnings == (f"{tmp_path}/a.arxml:{METHOD_LINE}: {kind}: COMPU-METHOD Scaling",)


@pytest.mark.parametrize("category", ["TEXTTABLE", "SCALE_LINEAR_AND_TEXTTABLE"])
def test_a_word_for_several_values_costs_itself_alone(category: str, tmp_path: Path) -> None:
    scales = forward(word("off", "0", "0"), word("reserved", "2", "14"), word("on", "1", "1.0"))
    _, signal, warnings = scaled(tmp_path, category, scales)
    assert signal.choices == ((0, "off"), (1, "on"))
    where = f"{tmp_path}/a.arxml:{METHOD_LINE}"
    assert warnings == (f"{where}: a word for several values, left out: COMPU-METHOD Scaling",)


@pytest.mark.parametrize("category", ["IDENTICAL", "BITFIELD_TEXTTABLE"])
def test_what_is_no_scaling_is_not_reported(category: str, tmp_path: Path) -> None:
    field, _, warnings = scaled(tmp_path, category, "")
    assert (field.factor, field.offset) == (1.0, 0.0)
    assert warnings == ()


def test_a_scaling_that_no_signal_has_is_not_reported(tmp_path: Path) -> None:
    assert loaded(tmp_path, SIGNAL + method("IDENTICAL") + method("TAB_NOINTP", name="Other")).warnings == ()


@pytest.mark.parametrize(
    "inside",
    [
        "<HEADER-TYPE>LONG-HEADER</HEADER-TYPE>",
        "<HEADER-TYPE>SHORT-HEADER</HEADER-TYPE>\n<CONTAINED-PDU-TRIGGERING-REFS/>",
        "",
    ],
)
def test_a_container_is_known_and_not_decoded_whatever_it_holds(inside: str, tmp_path: Path) -> None:
    plan = loaded(tmp_path, container(inside), pdu="CONTAINER-I-PDU")
    (message,) = plan.spec.buses[0].messages
    assert (message.name, message.signals) == ("Pack", ())
    where = f"{tmp_path}/a.arxml:{HEAD.count(chr(10)) + 1}"
    kind = "a container of messages, known and not decoded"
    assert plan.warnings == (f"{where}: {kind}: CONTAINER-I-PDU Pdu",)


@pytest.mark.parametrize(
    "part",
    [
        *("<COMPU-METHOD>", "<COMPU-METHOD ", "<COMPU-METHOD-REF>", "<COMPU-METHOD>\n<COMPU-SCALE>"),
        *("<SYSTEM-SIGNAL>", "<CONTAINER-I-PDU><LENGTH>", method("LINEAR", "<COMPU-SCALE> <V>")),
        *(SIGNAL + method("TAB"), SIGNAL + container(""), "<LOWER-LIMIT "),
    ],
)
def test_repetition_costs_no_more_than_its_length(part: str) -> None:
    """Quadratic cost would take minutes here."""
    text = part * (300_000 // len(part))
    assert with_plain_scalings(text)[0].count("\n") == text.count("\n")


def test_lines_keep_their_numbers() -> None:
    text = (
        HEAD + SIGNAL + f"<COMPU-METHOD>\n<CATEGORY>TAB</CATEGORY>\n{forward(HALF, HALF)}</COMPU-METHOD>\nx"
    )
    assert with_plain_scalings(text)[0].count("\n") == text.count("\n")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
def test_an_arxml_may_be_in_utf_16(encoding: str, tmp_path: Path) -> None:
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    file = tmp_path / "a.arxml"
    file.write_text(mark + HEAD.replace("utf-8", encoding) + SIGNAL + method("IDENTICAL") + TAIL, encoding)
    assert len(build_plan([BusDatabases("main", (file,))]).spec.buses[0].messages) == 1
