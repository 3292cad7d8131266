"""Where a map has what the health of a pack is measured by, and that it is there as rows come."""

from dataclasses import replace

from telemetry_core.health.health import Health
from telemetry_core.health.health_spec import ABSENT, PackSpec
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rules.mapper import Mapper

from telemetry.health.plan import pack_specs, with_pages
from telemetry.health.settings import HealthSettings
from telemetry.rules.map import resolve
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.map_plan import Counting
from tests.support.mapper_bench import CELLS, CURRENT, START, VOLTAGE, car

REAR = replace(CURRENT, signal="Amps.Float", pack="rear")
MAP = resolve([VOLTAGE, CURRENT, CELLS, REAR], car(), counting=Counting({"can0": 5 * 10**9}))
PACKS = [HealthSettings(pack="main", rated_ah=50.0), HealthSettings(pack="rear")]


def test_fields_are_where_the_map_fills_them() -> None:
    main, rear = pack_specs(MAP, PACKS)
    battery, cells = MAP.first_record + 1, MAP.first_record
    assert main == PackSpec(battery, 1, ABSENT, 0, ABSENT, ABSENT, cells, 6, 50.0, 2, 5 * 10**9)
    assert rear == PackSpec(battery, 1, ABSENT, ABSENT, ABSENT, ABSENT, gap_ns=5 * 10**9)


def test_temperatures_of_cells_are_those_of_the_pack() -> None:
    mapping = resolve(
        [MapEntry("Amps.Current", "battery.current_a"), MapEntry("Temps.T1", "cells.t1")], car()
    )
    (spec,) = pack_specs(mapping, PACKS[:1])
    names = [field.name for field in mapping.records[1].fields]
    assert (names[spec.temp_min_c], names[spec.temp_max_c]) == ("temp_min_c", "temp_max_c")
    assert (spec.pages, spec.cell_count) == (ABSENT, 0)


def test_steps_of_a_pack_and_its_cells_are_found_through_the_mapper() -> None:
    """50 A in: 5 V more in the pack, in cell N N mV; its pages come 10 ms after the current."""
    plan, mapping = car(), with_pages(MAP)
    schema = Schema(plan.records + mapping.records)
    mapper, health = Mapper(schema, mapping), Health(schema, pack_specs(mapping, PACKS))
    mapper.bind(0, 0, [7, 8])
    health.route(7, 0)
    names = [record.measurement for record in plan.records]
    samples, out = SampleBatch(schema), SampleBatch(schema)
    for second in range(400):
        is_in = 10 <= second < 310
        for place, (message, raw) in enumerate(
            [
                ("Amps", {"Current": 500 * is_in}),
                ("Volts", {"Voltage": 3500 + 50 * is_in}),
                *(
                    (
                        "Cells",
                        {
                            "Page": page,
                            **{f"Cell{n}": 3500 + n * is_in for n in (2 * page + 1, 2 * page + 2)},
                        },
                    )
                    for page in range(3)
                ),
            ]
        ):
            samples.append(names.index(message), START + second * 10**9 + place * 10**7, raw, channel=0)
    mapper.map(samples, out)
    assert mapper.made() == {"cells": 400, "battery": 1200}
    assert mapper.pages is not None
    assert len(mapper.pages) == 1200
    changes = [*health.follow(out, mapper.pages), *health.finish(0, START + 400 * 10**9)]
    ended = next(change for change in changes if change.charge)
    assert ended.charge is not None
    assert ended.charge.charge_ah * 3600 == 50 * 299
    assert ended.steps is not None
    assert (ended.steps.count, ended.steps.sum_ui / ended.steps.sum_ii) == (2, 0.1)
    resistances = [round(1e3 * each.sum_ui / each.sum_ii, 9) for each in ended.cell_steps]
    assert resistances == [0.02, 0.04, 0.06, 0.08, 0.1, 0.12]
    assert {each.count for each in ended.cell_steps} == {2}
