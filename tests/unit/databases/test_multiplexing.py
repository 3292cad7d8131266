"""Which values select which signal of a DBC, also where cantools loses it."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from telemetry_core.frames.batch import FrameTuple

from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases, LoadedPlan
from tests.support.decoders import CompiledDecoder

ID = 257


def loaded(folder: Path, *signals: str, after: str = "") -> LoadedPlan:
    """Write a DBC of one message, and return its plan."""
    file = folder / "a.dbc"
    lines = [f' SG_ {signal} [0|0] "" ECU' for signal in signals]
    file.write_text("\n".join(('VERSION ""', "BU_: ECU", f"BO_ {ID} Pack: 8 ECU", *lines, after)), "ascii")
    return build_plan([BusDatabases("main", (file,))])


def decoded(plan: LoadedPlan, payload: str) -> Mapping[str, object]:
    """Raw values by field."""
    decoder = CompiledDecoder(plan.spec)
    decoder.bind(0, 0, 0)
    (row,) = decoder.decode([FrameTuple(0, ID, bytes.fromhex(payload), 0, 0, 0)])
    return row.raw


SELECTOR = "sel M : 0|8@1+ (1,0)"
BRANCHES = ("X m0 : 8|8@1+ (1,0)", "X m1 : 16|8@1+ (2,0)")


def test_a_name_in_two_branches_has_the_ranges_of_each(tmp_path: Path) -> None:
    after = "SG_MUL_VAL_ 257 X sel 0-0, 3-4;\nSG_MUL_VAL_ 257 X sel 1-1, 7-9;"
    plan = loaded(tmp_path, SELECTOR, *BRANCHES, after=after)
    assert plan.warnings == ()
    (message,) = plan.spec.buses[0].messages
    assert [condition.ranges for condition in message.conditions] == [((0, 0), (3, 4)), ((1, 1), (7, 9))]
    assert decoded(plan, "0011220000000000") == {"sel": 0, "X": 0x11}
    assert decoded(plan, "0111220000000000") == {"sel": 1, "X": 0x22}
    assert decoded(plan, "0811220000000000") == {"sel": 8, "X": 0x22}
    assert decoded(plan, "0211220000000000") == {"sel": 2}


@pytest.mark.parametrize("after", ["", "SG_MUL_VAL_ 257 X sel 5-6;", "SG_MUL_VAL_ 257 X none 0-1;"])
def test_a_branch_of_no_range_of_its_own_is_selected_by_its_mark(after: str, tmp_path: Path) -> None:
    plan = loaded(tmp_path, SELECTOR, *BRANCHES, after=after)
    (message,) = plan.spec.buses[0].messages
    assert [condition.ranges for condition in message.conditions] == [((0, 0),), ((1, 1),)]


def test_branches_of_one_place_are_in_the_order_of_the_file(tmp_path: Path) -> None:
    branches = ("X m1 : 8|8@1+ (2,0)", "X m0 : 8|8@1+ (1,0)")
    plan = loaded(
        tmp_path, SELECTOR, *branches, after="SG_MUL_VAL_ 257 X sel 0-0;\nSG_MUL_VAL_ 257 X sel 1-1;"
    )
    (message,) = plan.spec.buses[0].messages
    fields = plan.spec.records[message.record].fields
    factors = {
        message.conditions[signal.condition].ranges: field.factor
        for signal, field in zip(message.signals, fields, strict=True)
        if signal.condition >= 0
    }
    assert factors == {((1, 1),): 2.0, ((0, 0),): 1.0}


def test_branches_of_two_selectors_are_selected_by_their_own(tmp_path: Path) -> None:
    plan = loaded(
        tmp_path,
        SELECTOR,
        "sub m0M : 8|8@1+ (1,0)",
        "X m1 : 16|8@1+ (1,0)",
        "X m2 : 24|8@1+ (1,0)",
        after="SG_MUL_VAL_ 257 sub sel 0-0;\nSG_MUL_VAL_ 257 X sel 1-1;\nSG_MUL_VAL_ 257 X sub 2-2;",
    )
    assert decoded(plan, "0100112200000000") == {"sel": 1, "X": 0x11}
    assert decoded(plan, "0002112200000000")["X_24"] == 0x22


def test_value_table_and_value_type_are_those_of_all_branches(tmp_path: Path) -> None:
    branches = (
        "X m0 : 8|32@1+ (1,0)",
        "X m1 : 16|32@1+ (1,0)",
        "Y m0 : 40|8@1+ (1,0)",
        "Y m1 : 48|8@1+ (1,0)",
    )
    plan = loaded(tmp_path, SELECTOR, *branches, after='SIG_VALTYPE_ 257 X : 1;\nVAL_ 257 Y 0 "off" 1 "on" ;')
    (message,) = plan.spec.buses[0].messages
    assert [signal.is_float for signal in message.signals] == [False, True, True, False, False]
    assert [bool(signal.choices) for signal in message.signals] == [False, False, False, True, True]


@pytest.mark.parametrize("sign", ["+", "-"])
def test_values_that_a_selector_cannot_have_select_nothing(sign: str, tmp_path: Path) -> None:
    after = "SG_MUL_VAL_ 257 a sel 16-17;\nSG_MUL_VAL_ 257 b sel 14-99;\nSG_MUL_VAL_ 257 c sel 2-2, 17-20;"
    branches = (f"{name} m16 : {bit}|8@1+ (1,0)" for name, bit in (("a", 8), ("b", 16), ("c", 24)))
    plan = loaded(tmp_path, f"sel M : 0|4@1{sign} (1,0)", *branches, after=after)
    selected = {raw: list(decoded(plan, f"{raw:02x}00000000000000"))[1:] for raw in range(16)}
    assert {raw: names for raw, names in selected.items() if names} == {2: ["c"], 14: ["b"], 15: ["b"]}


@pytest.mark.parametrize(
    "signals",
    [
        ("c m1 : 16|8@1+ (1,0)", "d m2 : 16|8@1+ (1,0)", "e : 24|8@1+ (1,0)"),
        (SELECTOR, "other M : 8|8@1+ (1,0)", "c m1 : 16|8@1+ (1,0)", "d m2 : 16|8@1+ (1,0)"),
    ],
)
def test_a_multiplexed_signal_of_no_selector_is_left_out(signals: tuple[str, ...], tmp_path: Path) -> None:
    plan = loaded(tmp_path, *signals)
    assert not {"c", "d"} & {field.name for field in plan.spec.records[0].fields}
    kind = "a multiplexed signal that nothing selects, left out"
    assert plan.warnings[0].endswith(f"a.dbc:3: {kind}: Pack.c (and 1 more)")


def test_the_only_selector_is_the_root_however_it_is_marked(tmp_path: Path) -> None:
    plan = loaded(tmp_path, "sel m0M : 0|8@1+ (1,0)", *BRANCHES)
    assert decoded(plan, "0111220000000000") == {"sel": 1, "X": 0x22}


def test_a_range_makes_no_multiplexed_signal_of_an_unmarked_one(tmp_path: Path) -> None:
    plan = loaded(tmp_path, SELECTOR, "c : 16|8@1+ (1,0)", after="SG_MUL_VAL_ 257 c sel 1-1;")
    assert decoded(plan, "0000050000000000") == {"sel": 0, "c": 5}


def test_marks_are_those_of_the_message(tmp_path: Path) -> None:
    file = tmp_path / "a.dbc"
    branch = ' SG_ X {} : 8|8@1+ ({},0) [0|0] "" ECU'
    selector = f' SG_ {SELECTOR} [0|0] "" ECU'
    one = ("BO_ 256 One: 8 ECU", selector, branch.format("m0", 1), branch.format("m1", 2))
    other = ("BO_ 257 Other: 8 ECU", selector, branch.format("m5", 1), branch.format("m6", 2))
    file.write_text("\n".join(("BU_: ECU", *one, *other, "")), "ascii")
    messages = build_plan([BusDatabases("main", (file,))]).spec.buses[0].messages
    ranges = [[condition.ranges for condition in message.conditions] for message in messages]
    assert ranges == [[((0, 0),), ((1, 1),)], [((5, 5),), ((6, 6),)]]
