"""Rows of banks on their way through the stages: when they come, of what, and what is counted."""

from dataclasses import replace

from telemetry_core.text.lines import LineBuffer

from telemetry.live.state import LiveState
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.reduce import ReduceSettings
from telemetry.rules.resolve import model
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support.clock import FakeClock
from tests.support.two_packs import ENTRIES, PACKS, PLAN, SECOND, START, Step, bank_rows, stages_of, written


def test_a_bank_has_a_row_a_second_of_what_its_packs_said_last() -> None:
    steps = [Step(0.0, 0), Step(0.5, 1, -4.0, 3.1), Step(1.2, 0, 8.0), Step(1.7, 1, -6.0), Step(2.1, 1, -7.0)]
    rows = bank_rows(written(stages_of(), [steps]))
    assert [seconds for seconds, _ in rows] == [0.0, 1.2, 2.1]
    first, second, third = (fields for _, fields in rows)
    assert (first["packs_present"], first["packs_total"], first["voltage_v"]) == ("1", "2", "52")
    assert "current_a" not in first
    assert (second["current_a"], second["power_w"], second["packs_present"]) == ("4", "208", "2")
    assert (second["cell_min_v"], second["cell_min_pack"]) == ("3.1", '"rear"')
    assert third["current_a"] == "1"  # 8 A less 7 A


def test_a_bank_is_a_series_of_its_own() -> None:
    line = next(line for line in written(stages_of(), [[Step(0.0, 0)]]) if "pack=house" in line)
    tags = dict(each.split("=") for each in line.split(" ")[0].split(",")[1:])
    assert tags == {"vehicle": "van", "pack": "house", "source": "house"}


def test_a_bank_has_rows_beside_a_charger_which_is_no_pack() -> None:
    charger = MapEntry("Pack.Volts", "charger.voltage_v", bus="can0", charger="plug")
    lines = written(stages_of(entries=[charger, *ENTRIES]), [[Step(0.0, 0), Step(0.5, 1, -4.0)]])
    assert any(line.startswith("charger,") and "charger=plug" in line for line in lines)
    ((seconds, fields),) = bank_rows(lines)
    assert (seconds, fields["voltage_v"], fields["packs_total"]) == (0.0, "52", "2")


def test_no_value_is_older_than_ten_seconds_of_frame_time() -> None:
    steps = [Step(0.0, 1, -4.0), Step(10.0, 0), Step(11.0, 0), Step(12.0, 1, -5.0)]
    rows = bank_rows(written(stages_of(), [steps]))
    assert [(at, fields["packs_present"], fields.get("current_a")) for at, fields in rows] == [
        (0.0, "1", None),
        (10.0, "2", "6"),
        (11.0, "1", None),
        (12.0, "2", "5"),
    ]


def test_after_a_clock_was_set_back_the_bank_goes_on_without_what_came_before() -> None:
    steps = [Step(100.0, 0), Step(100.1, 1), Step(0.0, 0, 3.0), Step(1.0, 1, 4.0)]
    rows = bank_rows(written(stages_of(), [steps]))
    assert [(at, fields.get("current_a")) for at, fields in rows] == [(100.0, None), (0.0, None), (1.0, "7")]


def test_the_worst_alarm_is_that_of_any_pack_and_of_none_that_is_silent() -> None:
    steps = [
        *(Step(0.0, 0), Step(0.1, 1)),
        *(Step(1.0, 0), Step(1.1, 1, fault=1)),
        *(Step(2.0, 0), Step(13.0, 0), Step(14.0, 1)),
    ]
    rows = bank_rows(written(stages_of(), [steps]))
    assert [(at, fields.get("alarm_level")) for at, fields in rows] == [
        (0.0, None),  # nothing is known of the other one
        (1.0, "0"),
        (2.0, "2"),
        (13.0, None),
        (14.0, "0"),
    ]


def test_of_two_alarms_the_worse_one_counts_and_one_at_a_pack_s_own_row_counts_in_that_row() -> None:
    mild = [replace(entry, bit=1, level="warning") for entry in ENTRIES[-2:]]
    stages = stages_of(entries=[*ENTRIES, *mild])
    steps = [Step(0.0, 0), Step(0.1, 1), Step(1.0, 1, fault=2), Step(2.0, 1, fault=3), Step(3.0, 1, fault=2)]
    rows = bank_rows(written(stages, [steps]))
    assert [fields.get("alarm_level") for _, fields in rows] == [None, "1", "2", "1"]


def test_rows_of_a_pack_that_is_in_no_bank_make_none() -> None:
    spare = MapEntry("Pack.Volts", "battery.voltage_v", bus="can0", pack="spare")
    lines = written(stages_of(entries=[*ENTRIES, spare]), [[Step(0.0, 0), Step(0.5, 1)]])
    assert any("pack=spare" in line for line in lines)
    assert [at for at, _ in bank_rows(lines)] == [0.0]


def test_a_row_from_before_the_last_one_makes_none_unless_its_clock_was_set() -> None:
    steps = [Step(20.0, 0), Step(10.0, 1), Step(9.0, 1)]
    assert [at for at, _ in bank_rows(written(stages_of(), [steps]))] == [20.0, 9.0]


def test_an_alarm_goes_on_after_a_reload() -> None:
    old, new, lines = stages_of(), stages_of(), LineBuffer()
    written(old, [[Step(0.0, 0, fault=1), Step(0.1, 1)]])
    for source in PACKS:
        old.hand_over(new, lines, source=source)
    rows = bank_rows(written(new, [[Step(1.0, 0, fault=1), Step(2.0, 1)]]))
    assert [fields["alarm_level"] for _, fields in rows] == ["2", "2"]


def test_an_alarm_that_a_reload_ends_has_the_stamp_of_its_last_row_on_the_time_line_of_now() -> None:
    old, lines = stages_of(), LineBuffer()
    written(old, [[Step(0.0, 1, fault=1), Step(2.0, 1, fault=1)]])
    new = Stages(PLAN, model(ENTRIES[:-2], (), PLAN).map, vehicle="van")  # without alarms
    for number, bus in enumerate(PACKS):
        new.bind(number, Binding(number, bus, bus))
    old.hand_over(new, lines, source="can1", shift_ns=50 * SECOND)
    (event,) = lines.take().decode().splitlines()
    assert event.startswith("event,code=cell_undervoltage,pack=rear,")
    assert "active=false" in event
    assert int(event.rsplit(" ", 1)[1]) // SECOND == START // SECOND + 52


def test_a_source_that_begins_again_has_no_alarm_yet() -> None:
    stages = stages_of()
    written(stages, [[Step(0.0, 0), Step(0.1, 1, fault=1)]])
    stages.writing.forget("can1")
    rows = bank_rows(written(stages, [[Step(1.0, 0), Step(2.0, 1)]]))
    assert [fields["alarm_level"] for _, fields in rows] == ["0", "0"]


def test_rows_of_a_bank_are_counted_and_reduced_like_those_of_its_packs() -> None:
    steps = [Step(float(second), bus) for second in range(5) for bus in (0, 1)]
    stages = stages_of()
    lines = written(stages, [steps])
    assert stages.counted()["points/made/battery"] == 15
    assert sum(line.startswith("battery,") for line in lines) == 15
    reduced = stages_of(ReduceSettings(10.0, {}))
    lines = written(reduced, [steps])
    assert [seconds for seconds, _ in bank_rows(lines)] == [0.0, 1.0, 4.0]  # at 1.0 `charging` is known
    counted = reduced.counted()
    made = counted["points/made/battery"] + counted["points/made/Pack"]
    assert (made, made - counted["points/reduced"]) == (25, len(lines))


def test_the_page_shows_a_bank_as_a_pack() -> None:
    state = LiveState(FakeClock(), lambda _name: None)
    stages = stages_of(observer=state)
    written(stages, [[Step(0.0, 0), Step(0.1, 1), Step(1.0, 0)]])
    packs = {
        entity.tags["pack"]: entity.tags["source"]
        for entity in state.snapshot().modelled
        if "pack" in entity.tags
    }
    assert packs == {"front": "can0", "rear": "can1", "house": "house"}
