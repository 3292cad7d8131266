"""Databases of other kinds than DBC into the same plan: KCD, SYM, ARXML."""

from pathlib import Path

import pytest
from telemetry_core.rows.spec import DecimalScale, FieldSpec, SlotKind

from telemetry.databases.build import BusDatabases, LoadedPlan, build_plan
from telemetry.errors import ConfigError
from tests.support.one_message import only

KCD = """<NetworkDefinition xmlns="http://kayak.2codeornot2code.org/1.0"><Document/><Bus name="Main">
<Message id="0x100" name="Pack" length="8"><Signal name="A" offset="8" length="8">
<Value slope="0.5"/></Signal></Message></Bus></NetworkDefinition>"""
SYM = """FormatVersion=6.0 // a comment
Title="x"
{SENDRECEIVE}
[Pack]
ID=100h
Len=8
Var=A unsigned 8,8 /f:0.5
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.dbc", 'VERSION ""\n'),
        ("a.sym", SYM.partition("[Pack]")[0]),
        (
            "a.kcd",
            '<NetworkDefinition xmlns="http://kayak.2codeornot2code.org/1.0"><Document/></NetworkDefinition>',
        ),
    ],
)
def test_a_file_of_its_kind_without_any_message_is_reported(name: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text(text)
    assert build_plan([BusDatabases("main", (file,))]).warnings == (
        f"{file}:1: nothing to decode: no message found",
    )


def test_an_id_on_two_buses_of_one_file_is_reported_with_both(tmp_path: Path) -> None:
    file = tmp_path / "a.kcd"
    second = KCD[KCD.index("<Bus") : KCD.index("</Network")].replace("Main", "Body").replace("Pack", "Door")
    file.write_text(KCD.replace("</Network", f"{second}</Network"))
    plan = build_plan([BusDatabases("main", (file,))])
    assert [spec.name for spec in plan.spec.buses[0].messages] == ["Door"]
    subject = "Door of bus Body has the id 100 of Pack of bus Main"
    assert plan.warnings == (f"{file}: an id twice, the last message is used: {subject}",)


def test_a_line_is_named_only_where_it_is_known(tmp_path: Path) -> None:
    file = tmp_path / "a.sym"
    file.write_text(SYM.replace("Var=A unsigned 8,8", "Var=A unsigned 8,0"))
    with pytest.raises(ConfigError, match=r"a\.sym: cannot be read as sym: .*signal A length 0"):
        build_plan([BusDatabases("main", (file,))])
    file.write_text(SYM.replace("Len=8", "Ken=8"))
    with pytest.raises(ConfigError, match=r"a\.sym:6: cannot be read as sym: "):
        build_plan([BusDatabases("main", (file,))])


def with_fault(file: Path, text: str, part: str, wrong: str) -> LoadedPlan:
    assert part in text
    file.write_text(text.replace(part, wrong, 1))
    return build_plan([BusDatabases("main", (file,))])


@pytest.mark.parametrize(
    ("name", "text", "part", "wrong"),
    [
        ("a.kcd", KCD, "Signal name=", "Signal game="),
        ("a.kcd", KCD, 'Message id="', 'Message id="-'),
        ("a.sym", SYM, "ID=", "ID=-"),
        ("a.kcd", KCD, 'length="8"', 'length="999999999999"'),  # of which no memory could hold each bit
        ("a.sym", SYM, "Len=8", "Len=999999999999"),
        ("a.sym", SYM, "Len=8", "Len=65536"),
    ],
)
def test_a_message_that_cannot_be_is_left_out(
    name: str, text: str, part: str, wrong: str, tmp_path: Path
) -> None:
    plan = with_fault(tmp_path / name, text, part, wrong)
    assert plan.spec.buses[0].messages == ()
    assert "that no frame has, left out" in plan.warnings[0]


@pytest.mark.parametrize(
    ("name", "text", "part", "wrong"),
    [
        ("a.kcd", KCD, 'offset="8"', ""),
        ("a.kcd", KCD, 'offset="8"', 'offset="999999999999"'),
        ("a.kcd", KCD, 'offset="8" length="8"', 'offset="8" length="999999999999"'),
        ("a.sym", SYM, "8,8", "999999999999,8"),
        ("a.sym", SYM, "8,8", "8,999999999999"),
    ],
)
def test_a_signal_that_cannot_be_is_left_out_in_any_format(
    name: str, text: str, part: str, wrong: str, tmp_path: Path
) -> None:
    plan = with_fault(tmp_path / name, text, part, wrong)
    assert only(plan)[1] == ()
    assert plan.warnings[0].endswith("left out: Pack.A")


def test_ranges_of_ids_without_end_are_refused_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "a.sym"
    file.write_text(SYM.replace("ID=100h", "ID=100h-10Fh"))
    assert len(build_plan([BusDatabases("main", (file,))]).spec.buses[0].messages) == 16
    file.write_text(SYM.replace("ID=100h", "ID=00000100h-1FFFFFFFh"))
    with pytest.raises(ConfigError, match=r"a\.sym:5: more than 8192 ids in ranges: ID=00000100h-1FFFFFFFh"):
        build_plan([BusDatabases("main", (file,))])
    file.write_text(SYM.replace("ID=100h", "ID=00000001h-00002000h"))
    build_plan([BusDatabases("main", (file,))])
    file.write_text(SYM.replace("ID=100h", "ID=00000000h-00002000h"))
    with pytest.raises(ConfigError, match="more than 8192 ids"):
        build_plan([BusDatabases("main", (file,))])


@pytest.mark.parametrize(("suffix", "text"), [("kcd", KCD), ("KCD", KCD), ("sym", SYM)])
def test_other_kinds_of_databases_make_the_same_plan(tmp_path: Path, suffix: str, text: str) -> None:
    file = tmp_path / f"a.{suffix}"
    file.write_text(text, "utf-8")
    spec, fields = only(build_plan([BusDatabases("main", (file,))]))
    assert (spec.name, spec.arbitration_id, spec.signals[0].start_bit) == ("Pack", 256, 8)
    assert fields == (FieldSpec("A", SlotKind.INT, 0.5, 0.0, DecimalScale(5, 0, 1)),)
