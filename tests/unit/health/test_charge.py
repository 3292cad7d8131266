"""What a charge says of the capacity, and each way in which it says nothing."""

from math import inf, nan
from typing import Any

import pytest

from telemetry.health.charge import judged
from telemetry.health.settings import HealthSettings
from tests.support.health import counted

NMC, LFP = HealthSettings(rated_ah=100.0), HealthSettings(rated_ah=100.0, chemistry="lfp")


def reason(known_ah: float = 100.0, settings: HealthSettings = NMC, **changed: Any) -> str:
    found = judged(counted(**changed), settings, known_ah=known_ah)
    assert (found.capacity_ah is None) == (found.sd_ah is None) == bool(found.reason)
    return found.reason


def test_the_capacity_is_charge_over_window_with_the_sd_of_ten_cars() -> None:
    found = judged(counted(), NMC)
    assert (found.reason, found.capacity_ah, found.window_pct) == ("", 100.0, 60.0)
    assert found.sd_ah == pytest.approx(100.0 * 3.3 / 60.0)
    bridged = judged(counted(bridged_ah=30.0), NMC).sd_ah  # half of it: 1.5 % more
    assert bridged == pytest.approx(100.0 * (0.055**2 + 0.015**2) ** 0.5)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"from_soc_pct": nan}, "soc"),
        ({"to_soc_pct": nan}, "soc"),
        ({"from_soc_pct": 80.0, "to_soc_pct": 20.0}, "soc"),  # current of the wrong sign
        ({"from_soc_pct": 60.0, "to_soc_pct": 57.0, "charge_ah": 3.0}, "soc"),
        ({"soc_fell_pct": 6.0}, "soc"),
        ({"soc_fell_pct": 4.0}, ""),  # a BMS corrects itself
        ({"soc_step_pct": 15.0, "soc_step_ah": 1.0, "to_soc_pct": 94.0}, "soc"),
        ({"soc_step_pct": 11.5, "soc_step_ah": 1.0, "to_soc_pct": 90.0}, "soc"),
        ({"soc_step_pct": 15.0, "soc_step_ah": 15.0}, ""),  # not seen for a time, and not wrong
        ({"soc_still_ah": 10.5}, "soc"),
        ({"soc_still_ah": 9.0}, ""),
        ({"to_soc_pct": 20.0, "soc_still_ah": 60.0}, "soc"),
        ({"to_soc_pct": 127.5}, "soc"),
        ({"from_soc_pct": -40.0}, "soc"),
        ({"gap_s": 145.0}, "gaps"),  # of 7,200 s
        ({"gap_s": 143.0}, ""),
        ({"gap_s": nan}, "gaps"),
        ({"duration_s": -3600.0}, "gaps"),  # the clock went back
        ({"charge_ah": nan}, "gaps"),
        ({"mean_current_a": 0.0}, "gaps"),
        ({"to_soc_pct": 49.9, "charge_ah": 29.9}, "window"),
        ({"to_soc_pct": 50.0, "charge_ah": 30.0}, ""),
        ({"from_soc_pct": 50.4, "to_soc_pct": 50.0, "charge_ah": 1.2}, "window"),  # braking downhill
        ({"gap_s": 1e6, "to_soc_pct": nan}, "soc"),  # the first of both
    ],
)
def test_each_wrong_charge_has_its_reason_and_no_capacity(changed: dict[str, Any], words: str) -> None:
    assert reason(**changed) == words


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"soc_step_pct": 25.0, "soc_step_ah": 1.0, "to_soc_pct": 95.0}, "soc"),
        ({"soc_still_ah": 12.0}, "soc"),
        ({"to_soc_pct": 20.0}, "window"),
        ({}, ""),
    ],
)
def test_without_a_known_capacity_the_charge_s_own_is_the_measure(
    changed: dict[str, Any], words: str
) -> None:
    assert reason(known_ah=0.0, **changed) == words


def test_a_rating_that_is_far_off_makes_no_jump_of_coarse_steps() -> None:
    assert reason(known_ah=40.0, soc_step_pct=12.0, soc_step_ah=12.0) == ""


@pytest.mark.parametrize(
    ("end_pct", "end_a", "words"),
    [(100.0, 5.0, ""), (99.0, 15.9, ""), (98.9, 5.0, "chemistry"), (100.0, 30.0, "chemistry")],
)
def test_of_lfp_only_a_charge_that_ends_full_counts(end_pct: float, end_a: float, words: str) -> None:
    full: dict[str, Any] = {"to_soc_pct": end_pct, "end_current_a": end_a, "charge_ah": 80.0}
    assert (reason(settings=LFP, **full), reason(**full)) == (words, "")


@pytest.mark.parametrize("changed", [{}, {"to_soc_pct": nan}, {"gap_s": inf}])
def test_a_swap_is_the_first_reason_of_all(changed: dict[str, float]) -> None:
    assert judged(counted(**changed), LFP, swapped=True).reason == "swap"
