"""A MapSpec that does not belong to its schema is refused before the compiled loop can follow an index."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from telemetry_core.rows.schema import Schema
from telemetry_core.rules.map_spec import MapSpec, MessageMap, OutputMap, PartMap, TargetMap
from telemetry_core.rules.map_table import MapTable

from telemetry.rules.map import resolve
from telemetry.rules.map_entry import MapEntry
from tests.support.plan_specs import Signal, plan, tenths

PLAN = plan(
    {"can0": {"Pack": {"Page": Signal(), "Voltage": tenths(pages=[1]), "Current": tenths(pages=[2])}}}
)
ENTRIES = [MapEntry("Pack.Voltage", "battery.voltage_v"), MapEntry("Pack.Current", "cells.v1")]
GOOD = resolve(ENTRIES, PLAN)


def with_message(change: Callable[[MessageMap], MessageMap]) -> MapSpec:
    (bus,) = GOOD.buses
    return replace(GOOD, buses=(replace(bus, messages=tuple(map(change, bus.messages))),))


def with_output(number: int, change: Callable[[OutputMap], OutputMap]) -> MapSpec:
    def changed(message: MessageMap) -> MessageMap:
        outputs = list(message.outputs)
        outputs[number] = change(outputs[number])
        return replace(message, outputs=tuple(outputs))

    return with_message(changed)


def with_part(number: int, change: Callable[[PartMap], PartMap]) -> MapSpec:
    return with_output(number, lambda output: replace(output, parts=tuple(map(change, output.parts))))


def with_target(number: int, change: Callable[[TargetMap], TargetMap]) -> MapSpec:
    targets = list(GOOD.targets)
    targets[number] = change(targets[number])
    return replace(GOOD, targets=tuple(targets))


def test_a_map_of_its_schema_is_taken() -> None:
    assert [output.cycle for output in GOOD.buses[0].messages[0].outputs] == [0, -1]
    MapTable(Schema(PLAN.records + GOOD.records), GOOD)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (with_target(0, lambda target: replace(target, record=3)), "record 3 is not one of 3"),
        (with_target(0, lambda target: replace(target, tag_set=1)), "tag set 1 is not one of 1"),
        (with_target(0, lambda target: replace(target, cell_count=2)), "2 cells in a record of 1 fields"),
        (with_output(0, lambda output: replace(output, target=2)), "target 2 is not one of 2"),
        (with_output(0, lambda output: replace(output, cycle=1)), "cycle 1 is not one of 1"),
        (with_output(0, lambda output: replace(output, first_page=1)), "pages of target 0 do not fit"),
        (with_output(1, lambda output: replace(output, cycle=0)), "pages of target 1 do not fit"),
        (with_part(0, lambda part: replace(part, selector=3)), "field 3 is not one of 3"),
        (with_part(0, lambda part: replace(part, selected=(1, 3))), "field 3 is not one of 3"),
        (with_message(lambda message: replace(message, protection=3)), "field 3 is not one of 3"),
        (
            with_part(0, lambda part: replace(part, slots=(replace(part.slots[0], source=3),))),
            "field 3 is not one of 3",
        ),
        (
            with_part(0, lambda part: replace(part, slots=(replace(part.slots[0], target=1),))),
            "field 1 is not one of 1",
        ),
    ],
)
def test_an_index_that_leads_nowhere_is_refused(spec: MapSpec, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MapTable(Schema(PLAN.records + GOOD.records), spec)
