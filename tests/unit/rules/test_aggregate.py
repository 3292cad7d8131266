"""`[[aggregate]]` is resolved against what is mapped, or refused in one line."""

import re

import pytest

from telemetry.errors import ConfigError
from telemetry.rules.aggregate import Aggregate
from telemetry.rules.bank import Bank
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.resolve import Modelling, model
from tests.support.configuration import settings_of
from tests.support.plan_specs import Signal, plan

PLAN = plan({bus: {"Pack": {"SoC": Signal()}, "Cells": {"V1": Signal()}} for bus in ("can0", "can1")})
ENTRIES = [
    MapEntry("Pack.SoC", "battery.soc_pct", pack="front", bus="can0"),
    MapEntry("Pack.SoC", "battery.soc_pct", pack="rear", bus="can1"),
    MapEntry("Cells.V1", "cells.v1", pack="roof", bus="can1"),
    MapEntry("Pack.SoC", "charger.voltage_v", charger="inlet", bus="can1"),
    MapEntry("Pack.SoC", "battery.soh_pct", pack="both"),
]


def resolved(*aggregates: Aggregate) -> Modelling:
    return model(ENTRIES, (), PLAN, aggregates=aggregates)


def refused(*aggregates: Aggregate) -> str:
    with pytest.raises(ConfigError) as caught:
        resolved(*aggregates)
    assert caught.value.exit_code == 78
    assert "\n" not in str(caught.value)
    return str(caught.value)


def parallel(pack: str, *members: str) -> Aggregate:
    return Aggregate(pack, parallel=members)


def test_a_bank_has_the_packs_of_several_buses_and_a_tag_set_of_its_own() -> None:
    found = resolved(parallel("house", "front", "roof"), Aggregate("all", series=("house", "rear")))
    house = Bank("house", True, ("front", "roof"))
    assert found.banks == (house, Bank("all", False, (house, "rear")))
    assert found.map is not None
    widened = {record.measurement: [field.name for field in record.fields] for record in found.map.records}
    names = {"cell_min_pack", "cell_max_pack"}
    assert names <= set(widened["battery"])
    assert not names & {*widened["charger"], *widened["cells"]}
    assert found.map.tag_sets[-2:] == ({"pack": "house", "source": "house"}, {"pack": "all", "source": "all"})


def test_a_pack_that_no_source_fills_is_refused_with_the_nearest_name() -> None:
    text = refused(parallel("house", "front", "reer"))
    assert text == 'aggregate[0].parallel: no source fills the pack "reer" (did you mean "rear"?)'
    assert 'no source fills the pack "inlet"' in refused(parallel("house", "front", "inlet"))


def test_an_aggregate_is_made_of_those_above_it() -> None:
    text = refused(parallel("all", "house", "rear"), parallel("house", "front", "roof"))
    assert 'no source fills the pack "house"' in text


def test_a_pack_twice_is_refused() -> None:
    assert 'the pack "front" is in "house" already' in refused(parallel("house", "front", "front"))
    text = refused(parallel("house", "front", "roof"), parallel("other", "front", "rear"))
    assert 'the pack "front" is in "house" already' in text


def test_a_name_that_is_taken_is_refused() -> None:
    assert 'aggregate[0].pack: the pack name "rear" is taken' in refused(parallel("rear", "front", "roof"))
    text = refused(parallel("house", "front", "roof"), parallel("house", "rear", "both"))
    assert 'the pack name "house" is taken' in text


def test_a_pack_of_two_buses_is_refused() -> None:
    text = refused(parallel("house", "front", "both"))
    assert 'the pack "both" is filled by can0 and can1' in text


def test_without_a_map_no_pack_is_there() -> None:
    with pytest.raises(ConfigError, match='no source fills the pack "front"'):
        model((), (), PLAN, aggregates=[parallel("house", "front", "rear")])


def test_fields_of_aggregates_are_not_mapped() -> None:
    for field in ("packs_present", "cell_min_pack"):
        with pytest.raises(ConfigError, match=f"{field} is of an aggregate alone"):
            model([MapEntry("Pack.SoC", f"battery.{field}", values={0: "a"})], (), PLAN)


def test_a_table_names_its_packs_in_parallel_or_in_series() -> None:
    one = settings_of(Aggregate, pack="house", series=["a", "b"])
    assert (one.pack, one.is_parallel, one.members) == ("house", False, ("a", "b"))
    assert settings_of(Aggregate, pack="house", parallel=["a", "b"]).is_parallel


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"pack": "house"}, "names packs in one of parallel and series"),
        ({"pack": "house", "parallel": ["a", "b"], "series": ["c", "d"]}, "in one of parallel and series"),
        ({"pack": "house", "series": ["a"]}, "series: one pack alone"),
        ({"series": ["a", "b"]}, "pack: is missing"),
        ({"pack": "house", "paralel": ["a", "b"], "series": ["c", "d"]}, "did you mean parallel?"),
    ],
)
def test_a_table_that_makes_no_sense_is_one_line(keys: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        settings_of(Aggregate, **keys)
