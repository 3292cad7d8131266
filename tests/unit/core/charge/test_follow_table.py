"""A FollowSpec that does not fit its schema is refused before the compiled loop can follow an index."""

from dataclasses import replace
from typing import Any

import pytest
from telemetry_core.charge.follow_spec import Deadline, FollowedPhase, FollowSpec, Reporting, Side, Sign
from telemetry_core.charge.follower import Follower
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

FIELDS = tuple(FieldSpec(f"f{n}", SlotKind.UINT) for n in range(70))
SCHEMA = Schema([RecordSpec(f"p_{n}", FIELDS) for n in range(13)])
SIGN = Sign("S", "0", Side.VEHICLE)
SPEC = FollowSpec("p", (SIGN,), bus=0, records={str(n): n for n in range(13)})
DUE = Deadline("S", 1, FollowedPhase.HANDSHAKE, FollowedPhase.ENDED)
AFTER = tuple(replace(SIGN, name=f"S{n}", after=f"S{n}") for n in range(25))  # the time of each is kept


def follow(**changes: Any) -> None:
    Follower(SCHEMA, [replace(SPEC, **changes)])


@pytest.mark.parametrize(("last", "refused"), [(0, -1), (12, 13)])
def test_a_message_is_a_record_of_the_schema(last: int, refused: int) -> None:
    follow(records={"0": last})
    with pytest.raises(ValueError, match=f"^S: record {refused} is not one of 13"):
        follow(records={"0": refused})


@pytest.mark.parametrize(
    ("last", "refused", "words"),
    [
        ({"when": ("f69", 1)}, {"when": ("f70", 1)}, "S: 0 has no signal 'f70'"),
        ({"lacks": "f69"}, {"lacks": "f70"}, "S: 0 has no signal 'f70'"),
        ({"zeros": ("f60", "f69")}, {"zeros": ("f60", "f70")}, "S: 0 has no signal 'f70'"),
        ({"reasons": ("f60", "f69")}, {"reasons": ("f60", "f70")}, "S: 0 has no signal 'f70'"),
        ({"reasons": ("f6", "f69")}, {"reasons": ("f5", "f69")}, "S: its reasons lie further apart"),
    ],
)
def test_a_sign_is_of_signals_of_its_message(last: Any, refused: Any, words: str) -> None:
    follow(signs=(replace(SIGN, **last),))
    with pytest.raises(ValueError, match=f"^{words}"):
        follow(signs=(replace(SIGN, **refused),))


@pytest.mark.parametrize(
    ("last", "refused", "words"),
    [
        ({"minutes": ("0", "f63")}, {"minutes": ("0", "f64")}, "field 64 is not one of the first 64"),
        ({"deadlines": (DUE,) * 32}, {"deadlines": (DUE,) * 33}, "p has more deadlines"),
        (
            {"reported": {str(n): Reporting.ONCE for n in range(12)}},
            {"reported": {str(n): Reporting.ONCE for n in range(13)}},
            "p has more deadlines or reported records",
        ),
        ({"signs": AFTER[:24]}, {"signs": AFTER}, "p has more deadlines"),
    ],
)
def test_a_protocol_has_no_more_of_a_kind_than_there_is_room_for(last: Any, refused: Any, words: str) -> None:
    follow(**last)
    with pytest.raises(ValueError, match=f"^{words}"):
        follow(**refused)


@pytest.mark.parametrize(
    "changes",
    [
        {"deadlines": (replace(DUE, awaited="T"),)},
        {"deadlines": (replace(DUE, since="T"),)},
        {"signs": (replace(SIGN, unless="T"),)},
        {"signs": (replace(SIGN, after="T"),)},
    ],
)
def test_a_name_that_no_sign_has_is_refused(changes: Any) -> None:
    replace(SPEC, deadlines=(DUE,)).found_in({"p_0": 0}, 0)
    with pytest.raises(KeyError, match="p has no sign T"):
        replace(SPEC, **changes).found_in({"p_0": 0}, 0)
