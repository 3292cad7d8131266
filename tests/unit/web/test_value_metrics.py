"""Live values in /metrics, as Prometheus' own parser reads them."""

from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from telemetry.live.state import LiveSnapshot
from telemetry.settings.declared import read
from telemetry.settings.table import TomlTable
from telemetry.web.metrics import exposition
from telemetry.web.request import Request
from telemetry.web.response import Response
from telemetry.web.settings import WebSettings
from telemetry.web.site import Site, Views
from tests.support.clock import FakeClock
from tests.support.web import status

OF_VALUES = tuple(f"nev_telemetry_{measurement}_" for measurement in ("battery", "charger", "meter"))
METER: dict[str, Any] = {
    "charger": "shore",
    "source": "ttyUSB1",
    "age_s": 0.2,
    "values": {"power_w": -1200.5, "energy_wh": 81_000.0},
    "stale": ["energy_wh"],
}


def gauges(text: bytes) -> dict[str, float]:
    """Values of the data model, by name and labels as a query names them."""
    families = [
        family
        for family in text_string_to_metric_families(text.decode())
        if family.name.startswith(OF_VALUES)
    ]
    assert {family.type for family in families} <= {"gauge"}
    assert all(family.samples for family in families)
    assert all(family.documentation.endswith(".") for family in families)
    return {
        sample.name
        + "{"
        + ",".join(f'{key}="{value}"' for key, value in sorted(sample.labels.items()))
        + "}": (sample.value)
        for family in families
        for sample in family.samples
    }


def test_values_are_gauges_with_the_names_of_the_data_model_and_stale_ones_are_absent() -> None:
    found = status()
    found["live"]["meters"] = [METER]
    pack = '{pack="main",source="can0",vehicle="van 7"}'
    assert gauges(exposition(found, with_values=True)) == {
        f"nev_telemetry_battery_{name}{pack}": value
        for name, value in {
            "voltage_v": 383.16,
            "current_a": -6.2,
            "power_w": -2375.6,
            "soc_pct": 78.2,
            "cell_min_v": 3.95,
            "cell_max_v": 3.972,
            "cell_delta_v": 0.022,
            "cell_min_index": 1.0,
            "cell_max_index": 14.0,
            "temp_min_c": 14.0,
            "temp_max_c": 17.5,
            "discharging": 1.0,
            "charging": 0.0,
            "charge_enabled": 0.0,
            "protection_word": 8.0,
        }.items()
    } | {'nev_telemetry_meter_power_w{charger="shore",source="ttyUSB1",vehicle="van 7"}': -1200.5}


def test_two_packs_are_two_samples_of_one_gauge_and_names_are_escaped() -> None:
    found = status()
    (main,) = found["live"]["packs"]
    found["live"]["packs"] = [main, main | {"pack": 'rear "2"\n'}]
    text = exposition(found, with_values=True)
    assert text.count(b"# TYPE nev_telemetry_battery_soc_pct gauge") == 1
    (family,) = (
        each
        for each in text_string_to_metric_families(text.decode())
        if each.name == "nev_telemetry_battery_soc_pct"
    )
    assert [sample.labels["pack"] for sample in family.samples] == ["main", 'rear "2"\n']


def test_values_are_there_only_where_they_are_asked_for() -> None:
    assert gauges(exposition(status())) == {}
    request = Request("GET", "/metrics", {"host": "localhost"}, keep_alive=True)
    for is_wanted in (False, True):
        views = Views(status, lambda: LiveSnapshot(0.0, 0), lambda: None)
        answer = Site(views, FakeClock(), with_values=is_wanted).answer(request)
        assert isinstance(answer, Response)
        assert bool(gauges(answer.body)) == is_wanted


def test_the_configuration_asks_for_them(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    for text, is_wanted in (("", False), ("values = true", True)):
        file.write_text(f"[web]\n{text}\n")
        assert read(WebSettings, TomlTable.load(file).take_table("web")).values is is_wanted
