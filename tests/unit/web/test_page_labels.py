"""The names by which the page shows the fields of the data model."""

import re
from importlib.resources import files

import pytest

from telemetry.model.measurements import BATTERY, CHARGER, METER, Measurement


@pytest.mark.parametrize("measurement", [BATTERY, CHARGER, METER], ids=lambda each: each.name)
def test_each_field_with_a_unit_has_a_label_with_a_unit(measurement: Measurement) -> None:
    script = (files("telemetry.web") / "page/vehicle.js").read_text("utf-8")
    with_unit = set(re.findall(r'field: "(\w+)", label: "[^"]+", unit: "[^"]+"', script))
    assert {field.name for field in measurement.fields if field.unit} - with_unit == set()
