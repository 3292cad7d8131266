"""A temperature sensor that is lost is a gap in the data model, on a bus and on a serial port."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware_sim.links.player import SimulatedClock
from telemetry.clock import Clock
from telemetry.demo.children import ticks
from telemetry.demo.gateway_config import JBD, SOURCE
from telemetry.demo.rig import Rig
from tests.support.lineprotocol import Line, Number, parse_line
from tests.support.scripted_server import ScriptedServer

SCENARIO = """\
starts_at = "2026-03-02T07:30:00Z"
[pack]
start_soc_pct = 50.0
start_temp_c = 15.0
ambient_c = 15.0
[[fault]]
do = "sensor-loss"
on = "bms"
sensor = 5
[[fault]]
do = "sensor-loss"
on = "jbd"
sensor = 1
[[phase]]
do = "stand"
duration_s = 3000.0
"""
DEADLINE_S = 60.0
RAW = "BMS_ModuleTemperatures"
Status = dict[str, Any]
COLDEST_C, HOTTEST_C = 5.0, 35.0  # that any part of these packs can be


def wait_for(rig: Rig, is_there: Callable[[Status], bool]) -> Status:
    for _ in ticks(Clock(), DEADLINE_S):
        status = rig.status()
        if status is not None and is_there(status):
            return status
    raise AssertionError((rig.folder / "gateway.log").read_text(errors="replace"))


def temps_c(status: Status, source: str) -> list[float | None]:
    return next((pack["temps_c"] for pack in status["live"]["packs"] if pack["source"] == source), [])


def answers(status: Status) -> int:
    """Return the number of decoded answers of the JBD board."""
    return int(status["accounts"].get(f"frames/{JBD.name}/decoded", 0))


def sensors_of_last(points: list[Line], source: str) -> list[int]:
    """Return the sensors' numbers in the newest point that has any."""
    reported = [
        [int(name[1:]) for name in point.fields if name.startswith("t")]
        for point in points
        if (point.measurement, point.tags.get("source")) == ("cells", source)
    ]
    return [numbers for numbers in reported if numbers][-1]


def temperatures(points: list[Line], source: str) -> list[float]:
    """Return the temperatures of all sensors, and the extremes that are derived from them."""
    return [
        float(value)
        for point in points
        if point.tags.get("source") == source
        for name, value in point.fields.items()
        if isinstance(value, Number)
        and ((point.measurement == "cells" and name.startswith("t")) or name in ("temp_min_c", "temp_max_c"))
    ]


def test_a_lost_sensor_is_a_gap_and_no_extreme_of_its_pack(tmp_path: Path) -> None:
    (tmp_path / "lost.toml").write_text(SCENARIO, "ascii")
    clock = Clock()
    rig = Rig(tmp_path, tmp_path / "lost.toml", 1, "van", clock)
    rig.bus = {"socket": str(tmp_path / "bus")}
    time = SimulatedClock(10.0, clock.unix_ns(), clock.unix_ns())
    with ScriptedServer() as server, contextlib.ExitStack() as stack:
        rig.configure(time, {"url": server.url, "api": "v1", "database": "d"}, web="off")
        simulator, gateway = rig.start(stack, time)
        begun = wait_for(rig, lambda status: bool(temps_c(status, SOURCE)))
        # Of the board's answers the first came before the plant moved, with both sensors.
        wait_for(rig, lambda status: answers(status) >= answers(begun) + 4)
        simulator.stop()
        gateway.stop()
    of_modules = temps_c(begun, SOURCE)
    assert [number for number, value in enumerate(of_modules, 1) if value is None] == [5]
    assert len(of_modules) == 12
    points = sorted(map(parse_line, server.stored), key=lambda point: point.time_ns)
    assert sensors_of_last(points, SOURCE) == [*range(1, 5), *range(6, 13)]
    assert sensors_of_last(points, JBD.name) == [2]
    for source in (SOURCE, JBD.name):
        reported_c = temperatures(points, source)
        assert reported_c
        assert COLDEST_C < min(reported_c) <= max(reported_c) < HOTTEST_C
    raw = [point.fields.get("Module05Temperature") for point in points if point.measurement == RAW]
    assert set(raw) == {None, Number("87.75")}  # numbers are numbers there
