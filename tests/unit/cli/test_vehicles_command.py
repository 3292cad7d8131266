"""`vehicles`: which there are, and all that is known of one."""

import csv
import io

import pytest

from telemetry.vehicles.known import names
from tests.support.command import failed, printed

READY = {
    *("nissan-leaf-ze0", "nissan-leaf-aze0", "nissan-leaf-ze1", "nissan-e-nv200"),
    *("hyundai-kona-64", "hyundai-ioniq5", "kia-ev6", "kia-ev9", "hyundai-ioniq-28"),
    *("vw-meb", "porsche-taycan", "bmw-i3", "chevrolet-bolt", "renault-zoe-1", "renault-zoe-2"),
    *("mitsubishi-i-miev", "think-city", "jaguar-i-pace", "obd-ii", "byd-atto3", "geely-sea"),
    *("mg-zs-ev", "mg5", "mg4", "maxus-edeliver3", "xpeng"),
}


def test_the_list_has_each_vehicle_with_all_that_is_to_be_known_first() -> None:
    listed = {row["name"]: row for row in csv.DictReader(io.StringIO(printed("vehicles", "--format", "csv")))}
    assert listed.keys() == READY == set(names())
    assert all(
        row["vehicles"] and row["tapped at"] and row["tells"] and row["sources"] for row in listed.values()
    )
    leaf = listed["nissan-leaf-ze0"]
    assert (leaf["cells"], leaf["tapped at"]) == ("96", "EV-CAN, pins 12 and 13 of the OBD port")
    assert "silent since October 2024" in listed["byd-atto3"]["tapped at"]
    text = printed("vehicles").splitlines()
    assert [line.split()[0] for line in text] == ["name", *names()]


def test_of_one_vehicle_every_field_is_shown_with_id_bytes_scale_and_mark() -> None:
    text = printed("vehicles", "hyundai-kona-64", "--format", "csv")
    rows = {(row["what"][:6], row["value"]): row for row in csv.DictReader(io.StringIO(text))}
    assert rows["220101", "battery.current_a"] == {
        "what": "220101 (62 bytes)",
        "id": "7EC",
        "value": "battery.current_a",
        "bytes": "s16 at 13",
        "scale": "-0.1 x raw",
        "unit": "",
        "mark": "V",
    }
    cells = rows["220102", "cells.v001-096"]
    assert cells["what"] == "220102 ... 220104 (39 bytes)"
    assert cells["bytes"] == "u8 at 7; 32 of them, 8 bits apart; mask from byte 3"
    assert rows["220100", "cabin_temp_c"]["mark"] == "2"
    note = "The port is silent since an update of October 2024"
    assert note in printed("vehicles", "byd-atto3")


@pytest.mark.parametrize(("given", "near"), [("nissan-leaf-ze2", "nissan-leaf-ze1"), ("KONA", "vehicles")])
def test_an_unknown_vehicle_is_refused_with_the_nearest(given: str, near: str) -> None:
    said = failed(78, "vehicles", given)
    assert (repr(given) in said, near in said, said.count("\n")) == (True, True, 1)
