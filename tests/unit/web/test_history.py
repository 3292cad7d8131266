"""The past minutes of each pack: bounded, and with gaps where nothing was known."""

from collections.abc import Mapping
from typing import Any

import pytest

from telemetry.live.state import Entity, LiveSnapshot
from telemetry.live.values import Value
from telemetry.web.history import LENGTH, History
from tests.support.live import entity


def battery(values: Mapping[str, Value], known_s: float, pack: str = "main") -> Entity:
    return entity("battery", values, known_s, source="can0", pack=pack)


def sampled(history: History, now_s: float) -> list[dict[str, Any]]:
    packs: list[dict[str, Any]] = history.view(now_s)["packs"]
    return packs


def test_a_sample_a_second_is_kept_with_its_age() -> None:
    history = History()
    for half_s in range(7):
        now_s = half_s / 2
        history.observe(LiveSnapshot(now_s, 0, (battery({"voltage_v": 360.0 + now_s}, now_s),)))
    view = history.view(4.0)
    assert view["ages_s"] == [4.0, 3.0, 2.0, 1.0]
    (pack,) = view["packs"]
    assert (pack["pack"], pack["source"]) == ("main", "can0")
    assert pack["voltage_v"] == [360.0, 361.0, 362.0, 363.0]
    assert pack["soc_pct"] == [None] * 4


def test_a_stale_value_is_a_gap() -> None:
    history = History()
    for now_s in (0.0, 10.0, 11.0):
        history.observe(LiveSnapshot(now_s, 0, (battery({"soc_pct": 50.0}, 0.0),)))
    assert sampled(history, 20.0)[0]["soc_pct"] == [50.0, 50.0, None]


def test_a_pack_that_appears_later_has_no_past() -> None:
    history = History()
    history.observe(LiveSnapshot(0.0, 0, (battery({"soc_pct": 1.0}, 0.0, "a"),)))
    history.observe(LiveSnapshot(1.0, 0, (battery({"soc_pct": 2.0}, 1.0, "b"),)))
    assert [(pack["pack"], pack["soc_pct"]) for pack in sampled(history, 1.0)] == [
        ("a", [1.0, None]),
        ("b", [None, 2.0]),
    ]


def test_a_pack_that_went_makes_room_when_its_past_is_over() -> None:
    history = History()
    history.observe(LiveSnapshot(0.0, 0, (battery({"soc_pct": 1.0}, 0.0),)))
    for second in range(1, LENGTH):
        history.observe(LiveSnapshot(float(second), 0))
    assert len(sampled(history, 0.0)) == 1
    history.observe(LiveSnapshot(float(LENGTH), 0))
    assert sampled(history, 0.0) == []


@pytest.mark.parametrize(("measurement", "name"), [("charger", "pack"), ("battery", "other")])
def test_what_is_no_battery_with_a_pack_has_no_curve(measurement: str, name: str) -> None:
    history = History()
    history.observe(LiveSnapshot(0.0, 0, (entity(measurement, {"soc_pct": 1.0}, 0.0, **{name: "a"}),)))
    assert sampled(history, 0.0) == []


def test_a_value_is_as_old_as_it_is_however_long_the_machine_has_run() -> None:
    history = History()
    history.observe(LiveSnapshot(1000.0, 0, (battery({"soc_pct": 50.0}, 999.0),)))
    assert sampled(history, 1000.0)[0]["soc_pct"] == [50.0]


def test_ten_minutes_of_sixteen_packs_are_kept() -> None:
    history = History()
    for second in range(601):
        packs = [battery({"soc_pct": 1.0}, float(second), f"p{number:02}") for number in range(17)]
        history.observe(LiveSnapshot(float(second), 0, tuple(packs)))
    assert len(history.view(600.0)["ages_s"]) == 600
    assert [len(pack["soc_pct"]) for pack in sampled(history, 600.0)] == [600] * 16


def test_samples_are_three_quarters_of_a_second_apart_at_least() -> None:
    history = History()
    for now_s in (0.0, 0.7, 0.75, 1.4, 1.5):
        history.observe(LiveSnapshot(now_s, 0))
    assert history.view(1.5)["ages_s"] == [1.5, 0.8, 0.0]
