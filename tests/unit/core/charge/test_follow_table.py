"""A FollowSpec that does not fit its schema is refused before the compiled loop can follow an index."""

from dataclasses import replace
from typing import Any

import pytest
from telemetry_core.charge.follow_spec import Deadline, FollowedPhase, FollowSpec, Reporting, Side, Sign
from telemetry_core.charge.follower import Follower
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

SCHEMA = Schema([RecordSpec("Pack", tuple(FieldSpec(f"f{n}", SlotKind.UINT) for n in range(70)))])
SIGN = Sign("S", 0, Side.VEHICLE)
DUE = Deadline(0, 1, FollowedPhase.HANDSHAKE, FollowedPhase.ENDED)
AFTER = tuple(replace(SIGN, after=number) for number in range(25))  # the time of each is kept


def follow(**changes: Any) -> None:
    Follower(SCHEMA, [replace(FollowSpec("p", 0, (SIGN,)), **changes)])


@pytest.mark.parametrize(
    ("last", "refused", "words"),
    [
        ({"record": 0}, {"record": 1}, "S: record 1 is not one of 1"),
        ({"record": 0}, {"record": -1}, "S: record -1 is not one of 1"),
        ({"field": 69}, {"field": 70}, "S: it has 70 fields"),
        ({"lacks": 69}, {"lacks": 70}, "S: it has 70 fields"),
        ({"zeros": (60, 10)}, {"zeros": (60, 11)}, "S: it has 70 fields"),
        ({"reasons": (60, 10)}, {"reasons": (60, 11)}, "S: it has 70 fields"),
        ({"reasons": (6, 64)}, {"reasons": (5, 65)}, "S: it has 70 fields"),  # a mask has 64 bits
        ({"reasons": (65, 5)}, {"reasons": (66, 5)}, "S: it has 70 fields"),
    ],
)
def test_a_sign_is_of_fields_of_its_record(last: Any, refused: Any, words: str) -> None:
    follow(signs=(replace(SIGN, **last),))
    with pytest.raises(ValueError, match=f"^{words}"):
        follow(signs=(replace(SIGN, **refused),))


@pytest.mark.parametrize(
    ("last", "refused", "words"),
    [
        ({"minutes": (0, 63)}, {"minutes": (0, 64)}, "field 64 is not one of the first 64"),
        ({"deadlines": (DUE,) * 32}, {"deadlines": (DUE,) * 33}, "p has more deadlines"),
        (
            {"reported": ((0, Reporting.ONCE),) * 12},
            {"reported": ((0, Reporting.ONCE),) * 13},
            "p has more deadlines or reported records",
        ),
        ({"signs": AFTER[:24]}, {"signs": AFTER}, "p has more deadlines"),
    ],
)
def test_a_protocol_has_no_more_of_a_kind_than_there_is_room_for(last: Any, refused: Any, words: str) -> None:
    follow(**last)
    with pytest.raises(ValueError, match=f"^{words}"):
        follow(**refused)
