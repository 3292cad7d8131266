"""The fleet that dashboards and questions are tested on is one that a gateway could have written."""

import pytest
from line_protocol_parser import parse_line

from telemetry.model.fields import Kind
from telemetry.model.measurements import MEASUREMENTS
from tests.support.fleet import SEED, fleet_lines

pytestmark = pytest.mark.xdist_group("fleet")  # driven and loaded once
KINDS: dict[Kind, type] = {Kind.FLOAT: float, Kind.BOOL: bool, Kind.TEXT: str}
NUMBERED = {"v": "vNNN", "t": "tNNN"}


def model_name(measurement: str, field: str) -> str:
    if measurement == "cells":
        return NUMBERED[field[0]]
    return "lost_REASON" if field.startswith("lost_") else field


def test_every_field_and_tag_is_the_data_models_own_and_of_its_kind() -> None:
    seen = set()
    for text in (
        fleet_lines()[::97] + tuple(text for text in fleet_lines() if not text.startswith(b"battery"))[::7]
    ):
        point = parse_line(text.decode())
        measurement = MEASUREMENTS[point["measurement"]]
        kinds = {field.name: KINDS[field.kind] for field in measurement.fields}
        assert set(point["tags"]) <= set(measurement.tags)
        for name, value in point["fields"].items():
            assert type(value) is kinds[model_name(measurement.name, name)], (measurement.name, name)
        seen.add(measurement.name)
    assert seen == {
        *(
            "battery",
            "battery_health",
            "cells",
            "charger",
            "charging_curve",
            "charging_session",
            "event",
            "gateway",
        ),
    }


def test_no_point_is_written_twice() -> None:
    places = [(text.split(b" ", 1)[0], text.rsplit(b" ", 1)[1]) for text in fleet_lines()]
    assert len(places) == len(set(places)), SEED
