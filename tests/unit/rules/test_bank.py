"""Packs in parallel and in series, by hand."""

from typing import Any

from telemetry.rules.bank import Bank, Value

A = {
    "voltage_v": 52.0,
    "current_a": 10.0,
    "power_w": 520.0,
    "soc_pct": 50.0,
    "capacity_ah": 100.0,
    "remaining_ah": 50.0,
    "cell_min_v": 3.24,
    "cell_max_v": 3.26,
    "cell_min_index": 3.0,
    "cell_max_index": 9.0,
    "temp_min_c": 19.0,
    "temp_max_c": 23.0,
    "charge_limit_v": 57.6,
    "charge_limit_a": 50.0,
    "discharge_limit_a": 100.0,
    "charged_ah": 3.0,
    "charged_wh": 150.0,
    "charge_enabled": True,
    "discharge_enabled": True,
    "balancing": False,
    "alarm_level": 0.0,
}
B = {
    "voltage_v": 52.2,
    "current_a": -2.0,
    "power_w": -104.4,
    "soc_pct": 80.0,
    "capacity_ah": 200.0,
    "remaining_ah": 160.0,
    "cell_min_v": 3.1,
    "cell_max_v": 3.3,
    "cell_min_index": 7.0,
    "cell_max_index": 1.0,
    "temp_min_c": 21.0,
    "temp_max_c": 31.0,
    "charge_limit_v": 56.0,
    "charge_limit_a": 20.0,
    "discharge_limit_a": 40.0,
    "charged_ah": 5.0,
    "charged_wh": 250.0,
    "charge_enabled": False,
    "discharge_enabled": True,
    "balancing": True,
    "alarm_level": 1.0,
}
# Whatever the wiring: the extremes of both.
WORST = {
    "cell_min_v": 3.1,
    "cell_min_index": 7.0,
    "cell_min_pack": "b",
    "cell_max_v": 3.3,
    "cell_max_index": 1.0,
    "cell_max_pack": "b",
    "cell_delta_v": 0.2,
    "temp_min_c": 19.0,
    "temp_max_c": 31.0,
    "balancing": True,
    "alarm_level": 1.0,
    "soc_pct": 70.0,  # (50 x 100 + 80 x 200) / 300
    "power_w": 415.6,
    "charged_wh": 400.0,
    "packs_present": 2.0,
    "packs_total": 2.0,
}
PARALLEL, SERIES = Bank("bank", True, ("a", "b")), Bank("bank", False, ("a", "b"))


def values(bank: Bank, **packs: dict[str, Any]) -> dict[str, Value]:
    return bank.values(packs, threshold_a=0.5)


def test_packs_in_parallel_add_their_currents_and_charges_and_share_their_voltage() -> None:
    assert values(PARALLEL, a=A, b=B) == WORST | {
        "voltage_v": 52.1,
        "current_a": 8.0,
        "charging": True,
        "discharging": False,
        "capacity_ah": 300.0,
        "remaining_ah": 210.0,
        "charged_ah": 8.0,
        "charge_limit_v": 56.0,
        "charge_limit_a": 70.0,
        "discharge_limit_a": 140.0,
        "charge_enabled": True,  # into a
        "discharge_enabled": True,
    }


def test_packs_in_series_add_their_voltages_and_have_the_current_and_charge_of_one() -> None:
    b = B | {"current_a": 10.2}
    assert values(SERIES, a=A, b=b) == WORST | {
        "voltage_v": 104.2,
        "current_a": 10.1,
        "charging": True,
        "discharging": False,
        "capacity_ah": 100.0,
        "remaining_ah": 50.0,
        "charged_ah": 4.0,
        "charge_limit_v": 113.6,
        "charge_limit_a": 20.0,
        "discharge_limit_a": 40.0,
        "charge_enabled": False,  # b keeps current from both
        "discharge_enabled": True,
    }


def test_what_needs_every_pack_is_left_out_where_one_is_silent() -> None:
    known = {
        "cell_min_v": 3.24,
        "cell_min_index": 3.0,
        "cell_min_pack": "a",
        "cell_max_v": 3.26,
        "cell_max_index": 9.0,
        "cell_max_pack": "a",
        "cell_delta_v": 0.02,
        "temp_min_c": 19.0,
        "temp_max_c": 23.0,
        "packs_present": 1.0,
        "packs_total": 2.0,
    }
    # One closed switch of two in parallel is enough; in series the other one may be open.
    parallel = {"voltage_v": 52.0, "charge_enabled": True, "discharge_enabled": True}
    series = {"current_a": 10.0, "charging": True, "discharging": False}
    assert values(PARALLEL, a=A) == known | parallel
    assert values(SERIES, a=A) == known | series


def test_an_open_switch_decides_in_series_and_an_alarm_decides_alone() -> None:
    known = values(SERIES, b=B)
    assert (known["charge_enabled"], known["alarm_level"], known["balancing"]) == (False, 1.0, True)
    assert "discharge_enabled" not in known
    assert "charge_enabled" not in values(PARALLEL, b=B)


def test_groups_are_banks_of_banks() -> None:
    """Two strings of two packs: 2 x 52 V and 2 x 50 V, 10 A and 6 A."""
    left, right = Bank("left", False, ("a", "b")), Bank("right", False, ("c", "d"))
    whole = Bank("whole", True, (left, right))
    one = {"voltage_v": 52.0, "current_a": 10.0, "cell_min_v": 3.2, "cell_max_v": 3.3}
    other = {"voltage_v": 52.0, "current_a": 6.0, "cell_min_v": 3.1, "cell_max_v": 3.2}
    found = values(whole, a=one, b=one, c=one | {"current_a": 6.0}, d=other)
    assert whole.packs == ("a", "b", "c", "d")
    assert (found["voltage_v"], found["current_a"], found["packs_total"]) == (104.0, 16.0, 4.0)
    assert (found["cell_min_pack"], found["cell_max_pack"]) == ("d", "a")
    without = values(whole, a=one, b=one, c=one)
    assert (without["packs_present"], without["voltage_v"]) == (3.0, 104.0)  # of the left string
    assert without["current_a"] == 20.0  # in a string the current of one is that of both


def test_a_bank_of_which_nothing_is_known_says_how_many_it_has() -> None:
    assert values(PARALLEL) == {"packs_present": 0.0, "packs_total": 2.0}


def test_no_capacity_gives_no_state_of_charge() -> None:
    assert "soc_pct" not in values(PARALLEL, a={"soc_pct": 50.0}, b=B)
    empty = {"soc_pct": 50.0, "capacity_ah": 0.0}
    assert "soc_pct" not in values(PARALLEL, a=empty, b=empty)


def test_a_bank_neither_charges_nor_discharges_at_the_threshold_itself() -> None:
    bank = Bank("house", True, ("a",))
    for amps, charging, discharging in (
        *((0.5, False, False), (-0.5, False, False)),
        *((0.6, True, False), (-0.6, False, True)),
    ):
        found = bank.values({"a": {"current_a": amps}}, 0.5)
        assert (found["charging"], found["discharging"]) == (charging, discharging)


def test_the_worst_level_of_some_packs_counts_and_that_there_is_none_takes_all() -> None:
    bank = Bank("house", True, ("a", "b"))
    for levels, worst in (([0.0, 2.0], 2.0), ([0.0, 0.0], 0.0)):
        packs = {name: {"alarm_level": level} for name, level in zip("ab", levels, strict=True)}
        assert bank.values(packs, 0.5)["alarm_level"] == worst
    for level, worst_known in ((1.0, 1.0), (0.0, None)):
        assert bank.values({"a": {"alarm_level": level}, "b": {}}, 0.5).get("alarm_level") == worst_known


def test_the_spread_of_cells_takes_both_extremes() -> None:
    bank = Bank("house", True, ("a",))
    for known in ("cell_min_v", "cell_max_v"):
        assert "cell_delta_v" not in bank.values({"a": {known: 3.3}}, 0.5)
    assert bank.values({"a": {"cell_min_v": 3.3, "cell_max_v": 3.41}}, 0.5)["cell_delta_v"] == 0.11
