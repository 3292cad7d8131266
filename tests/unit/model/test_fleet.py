"""The fleet that dashboards and questions are tested on is one that a gateway could have written."""

import pytest
from line_protocol_parser import parse_line

from telemetry.model.measurements import MEASUREMENTS, Kind
from tests.support.fleet import PACKS, VAN7, minutes
from tests.support.fleet_charges import charge_lines
from tests.support.fleet_lines import fleet_lines

pytestmark = pytest.mark.xdist_group("fleet")  # driven and loaded once
KINDS: dict[Kind, type] = {Kind.FLOAT: float, Kind.BOOL: bool, Kind.TEXT: str}
NUMBERED = {"v": "vNNN", "t": "tNNN"}


def model_name(measurement: str, field: str) -> str:
    if measurement == "cells":
        return NUMBERED[field[0]]
    return "lost_REASON" if field.startswith("lost_") else field


def test_every_field_and_tag_is_the_data_models_own_and_of_its_kind() -> None:
    seen = set()
    for text in fleet_lines()[::97] + fleet_lines()[-60:] + tuple(charge_lines()):
        point = parse_line(text.decode())
        measurement = MEASUREMENTS[point["measurement"]]
        kinds = {field.name: KINDS[field.kind] for field in measurement.fields}
        assert set(point["tags"]) <= set(measurement.tags)
        for name, value in point["fields"].items():
            assert type(value) is kinds[model_name(measurement.name, name)], (measurement.name, name)
        seen.add(measurement.name)
    assert seen == {
        *("battery", "cells", "charger", "charging_curve", "charging_session", "event", "gateway"),
    }


def test_no_point_is_written_twice() -> None:
    places = [(text.split(b" ", 1)[0], text.rsplit(b" ", 1)[1]) for text in fleet_lines()]
    assert len(places) == len(set(places))


def test_states_of_charge_stay_within_the_battery() -> None:
    assert {(min(now.soc_pct for now in minutes(pack)), pack.name) for pack in PACKS} == {
        (20.0, "main"),
        (20.0, "front"),
        (20.0, "rear"),
    }
    assert max(now.soc_pct for pack in PACKS for now in minutes(pack)) == 100.0


def test_only_the_weak_cell_of_one_pack_drifts() -> None:
    deltas_v = {pack.name: [now.cell_delta_v for now in minutes(pack) if not now.current_a] for pack in PACKS}
    assert deltas_v[VAN7.name][-1] - deltas_v[VAN7.name][0] > 0.02
    assert all(max(values) - min(values) < 1e-9 for name, values in deltas_v.items() if name != VAN7.name)
