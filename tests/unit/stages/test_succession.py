"""What one configuration's stages know goes on in those of the next."""

from collections.abc import Sequence

import pytest
from telemetry_core.text.lines import LineBuffer

from telemetry.model.read_point import ReadPoint, read_point
from telemetry.rules.limits import Limit
from telemetry.rules.map_entry import MapEntry
from telemetry.stages.binding import NO_BUS, Binding
from telemetry.stages.stages import Stages
from tests.support import stages
from tests.support.plan_specs import Signal, j1939, plan, tenths
from tests.support.stages import batch_of

SECOND = 1_000_000_000
PACK = {"High": Signal(bits=1, signed=False, start_bit=24), "Volts": tenths()}
PLAN, TRUCK = plan({"can0": {"Pack": PACK}}), j1939(plan({"can0": {"Pack": PACK}}))
VOLTS = MapEntry("Pack.Volts", "battery.voltage_v")
HIGH = MapEntry("Pack.High", "event.cell_overvoltage")
OVER = Limit("battery.voltage_v", "pack_overvoltage", above=400.0, for_s=5.0)


def stages_of(
    entries: Sequence[MapEntry] = (VOLTS, HIGH),
    limits: Sequence[Limit] = (),
    *,
    vehicle: str = "van",
    is_truck: bool = False,
) -> Stages:
    return stages.stages_of(TRUCK if is_truck else PLAN, entries, limits, vehicle=vehicle)


def feed(
    line: Stages, lines: LineBuffer, *seconds: float, volts: float = 390.0, high: int = 0, id: int = 0x100
) -> None:
    data = round(volts * 10).to_bytes(2, "little") + bytes((0, high, 0, 0, 0, 0))
    line.process(batch_of([(round(each * SECOND), id, data) for each in seconds]), lines)


def taken(lines: LineBuffer, measurement: str = "event") -> list[ReadPoint]:
    points = [read_point(line) for line in lines.take().splitlines()]
    return [point for point in points if point is not None and point.measurement == measurement]


def states(lines: LineBuffer) -> list[tuple[str, bytes, float]]:
    return [(each.tags["code"], each.fields["active"], each.time_ns / SECOND) for each in taken(lines)]


def test_an_alarm_that_is_active_goes_on_without_a_word_and_ends_in_the_new_stages() -> None:
    old, new, lines = stages_of(), stages_of((HIGH, VOLTS)), LineBuffer()
    feed(old, lines, 1.0, high=1)
    old.hand_over(new, lines, source="bus")
    feed(new, lines, 2.0, high=1)
    feed(new, lines, 3.0)
    assert states(lines) == [("cell_overvoltage", b"true", 1.0), ("cell_overvoltage", b"false", 3.0)]


@pytest.mark.parametrize(
    ("entries", "vehicle"), [((VOLTS,), "van"), ((), "van"), ((VOLTS, HIGH), "another van")]
)
def test_an_alarm_that_is_not_watched_any_more_or_has_other_tags_ends(
    entries: Sequence[MapEntry], vehicle: str
) -> None:
    old, new, lines = stages_of(), stages_of(entries, vehicle=vehicle), LineBuffer()
    feed(old, lines, 1.0, 2.0, high=1)
    old.hand_over(new, lines, source="another")
    assert states(lines) == [("cell_overvoltage", b"true", 1.0)]
    old.hand_over(new, lines, source="bus", shift_ns=100 * SECOND)
    (event,) = taken(lines)
    assert event.fields["text"].startswith(b'"no longer watched: ')
    assert (event.tags["vehicle"], event.time_ns) == ("van", 102 * SECOND)


def test_stages_without_alarms_or_a_map_have_nothing_to_hand_over() -> None:
    lines = LineBuffer()
    for before, after in (((), (VOLTS, HIGH)), ((VOLTS,), ()), ((), ())):
        old, new = stages_of(before), stages_of(after)
        feed(old, lines, 1.0, high=1)
        old.hand_over(new, lines, source="bus")
    assert states(lines) == []


@pytest.mark.parametrize(
    ("limit", "begins_s"),
    [
        (OVER, 6.0),
        (Limit("battery.voltage_v", "pack_overvoltage", above=401.0, for_s=5.0), 9.0),
        (Limit("battery.voltage_v", "pack_overvoltage", above=400.0, for_s=2.0), 4.0),
    ],
)
def test_a_limit_that_is_crossed_has_waited_already_unless_it_is_another_limit(
    limit: Limit, begins_s: float
) -> None:
    old, new, lines = stages_of(limits=[OVER]), stages_of(limits=[limit]), LineBuffer()
    feed(old, lines, 1.0, 2.0, 3.0, volts=410.0)
    old.hand_over(new, lines, source="bus")
    feed(new, lines, *map(float, range(4, 12)), volts=410.0)
    assert states(lines) == [("pack_overvoltage", b"true", begins_s)]
    without = stages_of()
    old.hand_over(without, lines, source="bus")
    assert states(lines) == []


def test_a_message_is_taken_from_the_same_sender() -> None:
    lines = LineBuffer()
    for entries, count in (((VOLTS, HIGH), 0), ((), 1)):
        old, new = stages_of(entries, is_truck=True), stages_of(is_truck=True)
        feed(old, lines, 1.0, id=0x98FF0001)
        lines.take()
        old.hand_over(new, lines, source="bus")
        feed(new, lines, 2.0, id=0x98FF0002)
        assert len(taken(lines, "battery")) == count
    old = stages_of(is_truck=True)
    old.hand_over(stages_of((), is_truck=True), lines, source="bus")


def test_events_of_the_old_stages_are_not_overwritten_by_those_of_the_new() -> None:
    old, new, lines = stages_of(), stages_of(), LineBuffer()
    feed(old, lines, 1.0, high=1)
    feed(old, lines, 2.0)
    old.hand_over(new, lines, source="bus")
    feed(new, lines, 1.0, high=1)
    stamps = [point.time_ns for point in taken(lines)]
    assert len(set(stamps)) == len(stamps) == 3


def test_all_that_may_become_of_a_frame_is_counted_from_0_and_losses_of_buses_at_buses_alone() -> None:
    line = stages_of()
    line.expect(Binding(NO_BUS, "port", "port", has_error_frames=False))
    counted = line.counted()
    of_bus = {name.removeprefix("frames/bus/") for name in counted if name.startswith("frames/bus/")}
    of_port = {name.removeprefix("frames/port/") for name in counted if name.startswith("frames/port/")}
    assert of_port < of_bus
    assert {name for name in of_bus if name.startswith("lost/")} == of_bus - of_port
    assert "decoded" in of_port
    assert set(counted.values()) == {0}
    assert any(name.startswith("sessions/bus/") for name in stages_of(is_truck=True).counted())
    assert not any(name.startswith("sessions/") for name in counted)
