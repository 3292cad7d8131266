"""What follows from rows: the stamps of events, whatever they are of."""

from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

from telemetry.charging.made import Content, Made, PhaseWord
from telemetry.model.events import begins
from telemetry.stages.following import Alarms

SCHEMA = Schema((RecordSpec("m", (FieldSpec("v", SlotKind.FLOAT),)),))


def test_no_two_events_of_one_code_and_owner_have_one_stamp_and_nothing_else_is_moved() -> None:
    stopped, other = begins("charging_stopped", "", "bay-1"), begins("charging_stopped", "", "bay-2")
    word = PhaseWord("main", "bay-1", "charging")
    contents: tuple[Content, ...] = (stopped, word, stopped, other, word)
    made = [Made(row, 50, content) for row, content in enumerate(contents)]
    written = list(Alarms(SCHEMA, ()).apart(made))
    assert [one.content for one in written] == [one.content for one in made]
    first, *_ = stamps = [one.time_ns for one in written]
    assert (first, stamps[1], stamps[3], stamps[4]) == (50, 50, 50, 50)
    assert stamps[2] > first
