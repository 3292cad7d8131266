"""The names by which every face shows the fields of the data model."""

import json

import pytest

from telemetry.model.fields import Kind, Measurement
from telemetry.model.measurements import BATTERY, CHARGER, METER
from tests.unit.web.test_site import Rig


@pytest.mark.parametrize("measurement", [BATTERY, CHARGER, METER], ids=lambda each: each.name)
def test_each_number_with_a_unit_has_a_label_and_a_place(measurement: Measurement) -> None:
    with_unit = [field for field in measurement.fields if field.unit]
    assert [field.name for field in with_unit if field.shown is None or not field.shown.label] == []


def test_the_page_has_the_fields_as_the_data_model_shows_them() -> None:
    fields = json.loads(
        Rig().get("/fields.js").body.decode().removeprefix("export const FIELDS = ").removesuffix(";\n")
    )
    rows = {row["field"]: row for row in fields["battery"]}
    assert list(rows)[:4] == ["voltage_v", "current_a", "power_w", "soc_pct"]
    assert (rows["power_w"]["unit"], rows["power_w"]["factor"], rows["power_w"]["sign"]) == (
        "kW",
        0.001,
        True,
    )
    assert (rows["charge_enabled"]["on"], rows["charge_enabled"]["off"]) == ("charge on", "charge off")
    assert rows["cell_max_v"]["numbered"] == "cell_max_index"
    assert {row["field"] for row in fields["meter"]} == {
        field.name for field in METER.fields if field.kind is Kind.FLOAT
    }
