"""/metrics, as Prometheus' own parser reads it."""

import os
import resource
import time
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from telemetry.ledger import frames_in_flight
from telemetry.live.state import LiveSnapshot
from telemetry.settings import declared
from telemetry.settings.table import TomlTable
from telemetry.sinks.state import Latencies
from telemetry.web.http import Request, Response
from telemetry.web.metrics import PREFIX, exposition
from telemetry.web.settings import WebSettings
from telemetry.web.site import Site, Views
from tests.support.clock import FakeClock
from tests.support.web import status


@pytest.fixture(scope="module")
def samples() -> dict[tuple[str, str], float]:
    found = status()
    found["accounts"] |= {
        "values/left_out/cells": 99,
        "triggers/over_per_hour": 2,
        "black_box/lost": 4,
        "bus/can0/nudged": 4,
        "sessions/can0/complete": 9,
        "bus/can0/kernel_dropped": 2,
        "protection/can0/Brake/wrong_crc": 6,
        "senders/can0/Pack/kept_out": 5,
        "frames/can0/lost/bad_crc": 0,
        "bus/can1/read": 9,
        "frames/can1/decoded": 4,
    }
    return read(exposition(found))


def read(text: bytes) -> dict[tuple[str, str], float]:
    """Return values by name (without the prefix) and labels."""
    families = list(text_string_to_metric_families(text.decode()))
    assert all(family.name.startswith((PREFIX, "process_")) and family.documentation for family in families)
    assert len({family.name for family in families}) == len(families)
    ours = (family for family in families if family.name.startswith(PREFIX))
    return {key(sample): sample.value for family in ours for sample in family.samples}


def key(sample: Sample) -> tuple[str, str]:
    labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
    return sample.name.removeprefix(PREFIX), labels


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("frames_read_total", "source=can0", 12_345_678),
        ("frames_kernel_dropped_total", "source=can0", 2),
        ("frames_total", "result=decoded,source=can0", 12_345_000),
        ("frames_total", "result=unknown,source=can0", 675),
        ("frames_lost_total", "reason=error_frame,source=can0", 3),
        ("frames_lost_total", "reason=bad_crc,source=can0", 0),
        ("protected_frames_wrong_total", "fault=wrong_crc,message=Brake,source=can0", 6),
        ("rows_of_other_senders_total", "message=Pack,source=can0", 5),
        ("frames_in_flight", "source=can0", 0),
        ("frames_in_flight", "source=can1", 5),
        ("source_counts_total", "kind=nudged,source=can0", 4),
        ("transport_sessions_total", "result=complete,source=can0", 9),
        ("points_made_total", "measurement=battery", 24_000_514),
        ("points_total", "result=acknowledged", 24_000_000),
        ("points_total", "result=dead", 2),
        ("points_total", "result=evicted", 0),
        ("points_waiting", "place=memory", 512),
        ("source_frames_per_second", "source=can0", 1940.4),
        ("bus_load_ratio", "source=can0", 0.442),
        ("source_up", "source=can0", 1),
        ("source_up", "source=ttyUSB0", 0),
        ("spool_volatile", "", 0),
        ("spool_size_bytes", "", 3_670_016),
        ("process_cpu_seconds_total", "", 3.5),
        ("process_resident_memory_bytes", "", 61_341_696),
        ("uptime_seconds", "", 100),
        ("sink_request_duration_seconds_count", "", 3),
        ("sink_request_duration_seconds_sum", "", 100.32),
        ("sink_request_duration_seconds_bucket", "le=0.5", 2),
        ("sink_request_duration_seconds_bucket", "le=+Inf", 3),
        ("sink_sent_bytes_total", "", 12_345),
        ("sink_link_bytes_total", "", 23_456),
        ("line_bytes_total", "measurement=cells", 240),
        ("values_left_out_total", "measurement=cells", 99),
        ("triggers_total", "result=over_per_hour", 2),
        ("black_box_total", "result=lost", 4),
    ],
)
def test_a_metric_has_its_value(
    samples: dict[tuple[str, str], float], name: str, labels: str, value: float
) -> None:
    assert samples[name, labels] == pytest.approx(value)


def test_the_process_is_exported_by_the_standard_names_that_every_client_has() -> None:
    families = text_string_to_metric_families(exposition(status()).decode())
    found = {sample.name: sample.value for family in families for sample in family.samples}
    resident_pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    assert found["process_resident_memory_bytes"] == pytest.approx(
        resident_pages * os.sysconf("SC_PAGE_SIZE"), rel=0.2
    )
    assert found["process_virtual_memory_bytes"] > found["process_resident_memory_bytes"]
    assert found["process_cpu_seconds_total"] == pytest.approx(sum(os.times()[:2]), abs=1.0)
    boot_s = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    started = int(Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()[19])
    assert found["process_start_time_seconds"] == pytest.approx(
        boot_s + started / os.sysconf("SC_CLK_TCK"), abs=2.0
    )
    assert found["process_open_fds"] == pytest.approx(len(list(Path("/proc/self/fd").iterdir())), abs=3)
    assert found["process_max_fds"] == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_a_bus_whose_bit_rate_is_not_known_has_no_load(samples: dict[tuple[str, str], float]) -> None:
    assert [labels for name, labels in samples if name == "bus_load_ratio"] == ["source=can0"]


def test_of_a_line_with_several_devices_each_is_up_or_down() -> None:
    found = status()
    line = found["live"]["sources"][1]
    line["state"], line["devices"] = "1 of 2 receiving", {"front": "receiving", "rear": "no good message"}
    samples = read(exposition(found))
    assert samples["source_up", "source=ttyUSB0"] == 1
    assert samples["device_up", "device=front,source=ttyUSB0"] == 1
    assert samples["device_up", "device=rear,source=ttyUSB0"] == 0
    line["devices"] = dict.fromkeys(line["devices"], "waiting for the port")
    line["state"] = "waiting for the port"
    assert read(exposition(found))["source_up", "source=ttyUSB0"] == 0


def test_a_source_that_is_no_longer_configured_is_neither_up_nor_down() -> None:
    found = status()
    found["live"]["sources"][1]["state"] = ""
    assert [labels for name, labels in read(exposition(found)) if name == "source_up"] == ["source=can0"]


def test_every_counter_of_the_ledger_is_in_exactly_one_sample() -> None:
    found = status()
    marks = {name: 1_000_003 * (index + 1) for index, name in enumerate(sorted(found["accounts"]))}
    found["accounts"] = marks
    values = sorted(value for (name, _), value in read(exposition(found)).items() if name.endswith("_total"))
    assert [mark for mark in marks.values() if values.count(mark) != 1] == []


def test_frames_balance_in_the_metrics_as_they_do_in_the_accounts() -> None:
    found = status()
    samples = read(exposition(found))
    ends = sum(value for (name, _), value in samples.items() if name in ("frames_total", "frames_lost_total"))
    read_frames = sum(value for (name, _), value in samples.items() if name == "frames_read_total")
    in_flight = sum(frames_in_flight(found["accounts"], source) for source in ("can0", "ttyUSB0"))
    assert read_frames == ends + in_flight


def test_latencies_are_counted_by_their_upper_bounds() -> None:
    latencies = Latencies()
    for latency_s in (0.0, 0.01, 0.025, 1e9):
        latencies = latencies.plus(latency_s)
    view = latencies.view()
    assert view["buckets"][:3] == [(0.01, 2), (0.025, 3), (0.05, 3)]
    assert view["count"] == 4


def test_a_gauge_that_the_system_did_not_give_is_absent() -> None:
    given = status()
    del given["gauges"]["memory_bytes"]
    reported = exposition(given).decode()
    assert "nev_telemetry_resident_memory" not in reported
    assert "nev_telemetry_uptime_seconds 100.0" in reported


def test_lines_that_were_dropped_are_a_counter() -> None:
    assert "nev_telemetry_log_lines_dropped_total 12.0" in exposition(status(log_lines_dropped=12)).decode()


OF_VALUES = tuple(f"nev_telemetry_{measurement}_" for measurement in ("battery", "charger", "meter"))
METER: dict[str, Any] = {
    "charger": "shore",
    "source": "ttyUSB1",
    "age_s": 0.2,
    "values": {"power_w": -1200.5, "energy_wh": 81_000.0},
    "stale": ["energy_wh"],
}


def gauges(text: bytes) -> dict[str, float]:
    """Return values of the data model, by name and labels as a query names them."""
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
        assert declared.read(WebSettings, TomlTable.load(file).take_table("web")).values is is_wanted
