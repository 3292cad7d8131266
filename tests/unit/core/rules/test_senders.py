"""The senders stage: of J1939 devices that send one message one is taken, and the others are reported."""

import pytest
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.rules.senders import NEW_SENDER, OTHER_SENDER, Senders

SECOND = 1_000_000_000
FIELDS = (FieldSpec("x", SlotKind.INT), FieldSpec("right", SlotKind.BOOL))
SCHEMA = Schema([RecordSpec(name, FIELDS) for name in ("Volts", "Cells", "Insulation", "Named")])
VOLTS, CELLS, INSULATION, NAMED = range(4)
JUDGED = [[(VOLTS, -1), (CELLS, 1), (INSULATION, -1)]]
FIRST_TAGS = 7


class Bench:
    """Sends rows one by one; says what became of each, and what was reported."""

    def __init__(self, schema: Schema = SCHEMA) -> None:
        self.schema = schema
        self.senders = Senders(schema, JUDGED)
        self.senders.bind(0, 0, FIRST_TAGS)
        self.reported: list[str] = []

    def send(self, record: int, sender: int, seconds: float, *, right: bool = True) -> str:
        batch = SampleBatch(self.schema)
        values = {"x": 1, "right": right}
        batch.append(
            record, round(seconds * SECOND), values, tags=FIRST_TAGS + sender, id=0x98FF0000 + sender
        )
        for found in self.senders.judge(batch):
            assert (found.row, found.time_ns, found.channel) == (0, round(seconds * SECOND), 0)
            name = self.schema.specs[found.record].measurement
            how = "in the place of" if found.is_change else "and not"
            self.reported.append(f"{name}: {found.taken:02X} {how} {found.other:02X}")
        (row,) = batch
        marks = {0: "taken", OTHER_SENDER: "kept out", NEW_SENDER: "taken again"}
        assert row.id & 0xFFFF == sender
        return marks[row.id & (OTHER_SENDER | NEW_SENDER)]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_message_is_taken_from_the_sender_that_is_heard_first(bench: Bench) -> None:
    assert [bench.send(VOLTS, 1, 0.0), bench.send(VOLTS, 2, 0.1)] == ["taken", "kept out"]
    assert [bench.send(VOLTS, 1, 0.2), bench.send(VOLTS, 2, 0.3)] == ["taken", "kept out"]
    assert bench.senders.kept_out(0) == {"Volts": 2}


def test_a_second_sender_is_reported_once_for_each_message(bench: Bench) -> None:
    for step in range(100):
        for sender in (1, 2):
            bench.send(VOLTS, sender, step + sender / 10)
            bench.send(CELLS, sender, step + sender / 10)
    assert bench.reported == ["Volts: 01 and not 02", "Cells: 01 and not 02"]
    assert bench.senders.kept_out(0) == {"Volts": 100, "Cells": 100}


def test_each_further_sender_is_reported(bench: Bench) -> None:
    for step in range(3):
        for sender in (5, 9, 253):
            bench.send(VOLTS, sender, step)
    assert bench.reported == ["Volts: 05 and not 09", "Volts: 05 and not FD"]


def test_all_that_two_batteries_send_comes_from_the_same_one(bench: Bench) -> None:
    assert bench.send(VOLTS, 1, 0.0) == "taken"
    assert bench.send(CELLS, 2, 0.1) == "taken"  # whether 01 sends it too is not known yet
    assert bench.send(VOLTS, 2, 0.2) == "kept out"
    assert bench.send(CELLS, 1, 0.3) == "taken again"
    assert [bench.send(CELLS, 2, 0.4), bench.send(VOLTS, 2, 0.5)] == ["kept out", "kept out"]
    assert bench.reported == ["Cells: 01 and not 02", "Volts: 01 and not 02"]


def test_a_device_that_sends_other_messages_is_no_second_sender(bench: Bench) -> None:
    for step in range(10):
        assert bench.send(VOLTS, 1, step) == bench.send(INSULATION, 0x50, step) == "taken"
    assert bench.reported == []


def test_a_device_that_begins_after_the_last_one_fell_silent_takes_its_place(bench: Bench) -> None:
    bench.send(VOLTS, 1, 0.0)
    bench.send(CELLS, 1, 1.0)
    assert bench.send(VOLTS, 3, 5.0) == "kept out"
    assert bench.send(VOLTS, 3, 10.999999999) == "kept out"
    assert bench.reported == []  # it may be the same device
    assert bench.send(VOLTS, 3, 11.0) == "taken again"
    assert bench.send(CELLS, 3, 11.1) == "taken again"  # with its rank
    assert bench.send(VOLTS, 3, 11.2) == "taken"
    assert bench.reported == ["Volts: 03 in the place of 01"]
    assert bench.senders.kept_out(0) == {"Volts": 2}


def test_another_battery_never_takes_the_place_of_one_that_is_switched_off(bench: Bench) -> None:
    for step in range(3):
        bench.send(VOLTS, 1, step)
        bench.send(VOLTS, 2, step + 0.5)
    assert {bench.send(VOLTS, 2, 3600.0 * hour) for hour in range(1, 48)} == {"kept out"}
    assert bench.send(VOLTS, 1, 3600.0 * 48) == "taken"
    assert bench.reported == ["Volts: 01 and not 02"]


def test_an_address_that_changes_to_and_fro_is_followed_each_time(bench: Bench) -> None:
    now_s, sender = 0.0, 1
    bench.send(VOLTS, 1, now_s)
    for sender in (3, 1, 3, 1, 4, 1):
        for begun in range(3):  # after a restart of 3 s
            assert bench.send(VOLTS, sender, now_s + 3.0 + begun) == "kept out"
        assert bench.send(VOLTS, sender, now_s + 10.0) == "taken again"
        now_s += 100.0
        assert bench.send(VOLTS, sender, now_s) == "taken"
    assert bench.reported[:3] == [
        "Volts: 03 in the place of 01",
        "Volts: 01 in the place of 03",
        "Volts: 03 in the place of 01",
    ]


def test_two_devices_that_send_every_half_minute_do_not_take_turns(bench: Bench) -> None:
    sent = [
        (bench.send(VOLTS, 1, 30.0 * step), bench.send(VOLTS, 2, 30.0 * step + 15.0)) for step in range(9)
    ]
    # 02 seems to be 01 with another address, until 01 is heard again.
    assert sent == [("taken", "taken again"), *[("kept out", "taken")] * 8]
    assert bench.reported == ["Volts: 02 in the place of 01", "Volts: 02 and not 01"]


def test_a_step_back_of_time_counts_as_time(bench: Bench) -> None:
    bench.send(VOLTS, 1, 1000.0)
    assert bench.send(VOLTS, 3, 990.000000001) == "kept out"
    assert bench.send(VOLTS, 3, 990.0) == "taken again"


def test_a_row_whose_frame_is_not_right_is_not_judged(bench: Bench) -> None:
    assert bench.send(CELLS, 9, 0.0, right=False) == "taken"  # by nobody: mapper and watcher pass it over
    assert bench.send(CELLS, 1, 0.1) == "taken"
    assert bench.send(CELLS, 9, 0.2) == "kept out"


def test_what_is_not_judged_is_not_marked(bench: Bench) -> None:
    bench.send(VOLTS, 1, 0.0)
    assert [bench.send(NAMED, sender, 0.1) for sender in (1, 2)] == ["taken", "taken"]
    batch = SampleBatch(SCHEMA)
    batch.append(VOLTS, 0, {"x": 1}, tags=FIRST_TAGS - 1, id=2)  # matched by its id
    batch.append(VOLTS, 0, {"x": 1}, tags=FIRST_TAGS + 2, channel=4, id=2)
    assert bench.senders.judge(batch) == []
    assert [row.id for row in batch] == [2, 2]
    bench.senders.bind(0, -1, FIRST_TAGS)
    assert bench.send(VOLTS, 2, 0.2) == "taken"


def test_binding_and_forgetting_begin_afresh_and_only_binding_forgets_counts(bench: Bench) -> None:
    for step in range(2):
        bench.send(VOLTS, 1, step)
        bench.send(VOLTS, 2, step)
    bench.senders.forget(0)
    assert [bench.send(VOLTS, 2, 3.0), bench.send(VOLTS, 1, 3.1)] == ["taken", "kept out"]
    assert bench.senders.kept_out(0) == {"Volts": 3}
    bench.senders.bind(0, 0, FIRST_TAGS)
    assert bench.senders.kept_out(0) == bench.senders.kept_out(17) == {}
    assert bench.send(VOLTS, 1, 4.0) == "taken"
    bench.senders.forget(17)


def test_another_stage_goes_on_from_what_was_known_by_the_names_of_messages(bench: Bench) -> None:
    for step in range(2):
        bench.send(VOLTS, 1, step)
        bench.send(VOLTS, 2, step)
    bench.send(CELLS, 1, 2.0)
    later = Bench(Schema([SCHEMA.specs[CELLS], SCHEMA.specs[VOLTS], *SCHEMA.specs[INSULATION:]]))
    later.senders.go_on_from(bench.senders, 0)
    later.senders.go_on_from(bench.senders, 17)
    assert [later.send(record, 2, 3.0) for record in (0, 1)] == ["kept out", "kept out"]
    assert [later.send(record, 1, 3.1) for record in (0, 1)] == ["taken", "taken"]
    assert later.reported == ["Cells: 01 and not 02"]  # of Volts it was reported
    assert later.senders.kept_out(0) == {"Volts": 1, "Cells": 1}


def test_what_does_not_fit_the_schema_is_refused() -> None:
    for judged, message in (
        ([[(4, -1)]], "record 4 is not one of 4"),
        ([[(0, 2)]], "field 2 is not one of 2"),
    ):
        with pytest.raises(ValueError, match=message):
            Senders(SCHEMA, judged)
    senders = Senders(SCHEMA, JUDGED)
    with pytest.raises(ValueError, match="bus 1 is not one of 1"):
        senders.bind(0, 1, FIRST_TAGS)
    with pytest.raises(IndexError):
        senders.bind(65536, 0, FIRST_TAGS)
    with pytest.raises(ValueError, match="another schema"):
        senders.judge(SampleBatch(Schema([])))
