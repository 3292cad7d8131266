"""`decode --signal`: some signals of a database, and what is said without any."""

from pathlib import Path

import pytest
from telemetry_core.decode.spec import PlanSpec
from telemetry_core.rows.spec import SlotKind

from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases
from telemetry.decode.selection import select
from telemetry.errors import UsageError

DBC = Path(__file__).parents[2] / "data" / "drive.dbc"


def plan(*, value_texts: bool = False, file: Path = DBC) -> PlanSpec:
    return build_plan([BusDatabases("bus", (file,), value_texts=value_texts)]).spec


def chosen(spec: PlanSpec) -> list[str]:
    return [
        f"{record.measurement}.{field.name}"
        for record in spec.records
        for field in record.fields
        if field.kind is not SlotKind.WORD or field.texts
    ]


@pytest.mark.parametrize(
    ("globs", "names"),
    [
        (["Voltage"], ["PackState.Voltage"]),
        (["PackState.C*"], ["PackState.Current", "PackState.Contactor"]),
        (["Cell[AB]", "Offset"], ["CellPage.CellA", "CellPage.CellB", "Floating.Offset"]),
        (["LongFrame.*"], ["LongFrame.First", "LongFrame.Last"]),
    ],
)
def test_globs_choose_signals_by_name_with_or_without_the_message(globs: list[str], names: list[str]) -> None:
    assert chosen(select(plan(), globs)) == names


def test_the_selector_of_a_page_is_decoded_and_not_written() -> None:
    reduced = select(plan(), ["CellC"])
    (record,) = (record for record in reduced.records if record.fields)
    assert [(field.name, field.kind) for field in record.fields] == [
        ("Page", SlotKind.WORD),
        ("CellC", SlotKind.INT),
    ]


def test_a_value_s_word_goes_with_its_number(tmp_path: Path) -> None:
    file = tmp_path / "words.dbc"
    file.write_text(DBC.read_text() + '\nVAL_ 256 Mode 0 "off" 1 "drive" ;\n')
    both = ["PackState.Mode", "PackState.Mode_text"]
    assert chosen(select(plan(value_texts=True, file=file), ["Mode"])) == both
    assert chosen(select(plan(value_texts=True, file=file), ["Mode_text"])) == both[1:]


@pytest.mark.parametrize(
    ("glob", "hint"),
    [
        ("voltage", "nearest: PackState.Voltage"),
        ("packstate.volt*", "nearest: PackState.Voltage"),
        ("PackState", r'it is a message: all its signals are "PackState\.\*"'),
        ("Pack*", r'it matches messages: "Pack\*\.\*"'),
        ("zzzzzz", "`nev-telemetry signals` lists them"),
    ],
)
def test_a_glob_that_matches_nothing_names_the_nearest(glob: str, hint: str) -> None:
    with pytest.raises(UsageError, match=hint):
        select(plan(), ["Voltage", glob])
