"""firmware_sim/plant: physics that hold whatever the numbers are, and a drive that a road could have seen."""

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.plant.cell import CHEMISTRIES, MARGIN_STEPS, STEPS_PER_UNIT
from firmware_sim.plant.load import Profile, Vehicle
from firmware_sim.plant.pack import Pack, PackSpec
from tests.support.examples import examples

UNIFORM = PackSpec(capacity_spread=0.0, resistance_spread=0.0, charge_spread=0.0, self_discharge_a=0.0)


def open_circuit_v(charge: float) -> float:
    position = charge * STEPS_PER_UNIT + MARGIN_STEPS
    cell = CHEMISTRIES["nmc"]
    return cell.ocv_v[int(position)] + position % 1.0 * cell.ocv_slope_v[int(position)]


def run(pack: Pack, current_a: float, seconds: float, tick_s: float = 0.1) -> Pack:
    for _ in range(round(seconds / tick_s)):
        pack.step(current_a, tick_s)
    return pack


def chemical_energy_wh(pack: Pack) -> float:
    """Return the integral of the open-circuit voltage over the charge in every cell, from empty."""
    steps = 400
    total_wh = 0.0
    for charge_ah, capacity_ah in zip(pack.charges_ah, pack.capacities_ah, strict=True):
        share = charge_ah / capacity_ah
        mean_v = sum(open_circuit_v(share * (step + 0.5) / steps) for step in range(steps)) / steps
        total_wh += mean_v * charge_ah
    return total_wh


def test_the_same_seed_and_currents_give_the_same_pack() -> None:
    first, second = (run(Pack(PackSpec(), seed=7), -80.0, 30.0) for _ in range(2))
    assert first.cell_voltages_v() == second.cell_voltages_v()
    assert first.energy_out_wh == second.energy_out_wh


def test_another_seed_gives_another_pack() -> None:
    assert Pack(PackSpec(), seed=1).cell_voltages_v() != Pack(PackSpec(), seed=2).cell_voltages_v()


def test_charging_raises_and_discharging_lowers_the_state_of_charge_in_every_step() -> None:
    pack = Pack(PackSpec(start_soc_pct=50.0), seed=1)
    for current_a, direction in ((120.0, 1.0), (-120.0, -1.0)):
        for _ in range(100):
            before = pack.soc_pct
            pack.step(current_a, 0.1)
            assert direction * (pack.soc_pct - before) > 0.0


def test_charge_is_the_integral_of_current() -> None:
    pack = Pack(UNIFORM, seed=1)
    before = sum(pack.charges_ah)
    run(pack, 36.0, 100.0)
    assert sum(pack.charges_ah) - before == pytest.approx(96 * 1.0, rel=1e-9)


@given(st.floats(-300.0, 200.0), st.floats(20.0, 80.0), st.floats(-15.0, 40.0))
@settings(max_examples=examples(15), deadline=None)
def test_the_voltage_stays_within_what_cells_have(current_a: float, soc_pct: float, temp_c: float) -> None:
    spec = PackSpec(start_soc_pct=soc_pct, start_temp_c=temp_c, ambient_c=temp_c)
    pack = run(Pack(spec, seed=3), current_a, 10.0)
    assert all(2.0 < voltage < 4.8 for voltage in pack.cell_voltages_v())
    assert (
        math.copysign(1.0, current_a) * (pack.voltage_v - run(Pack(spec, seed=3), 0.0, 10.0).voltage_v) >= 0.0
    )


def test_energy_in_equals_what_is_stored_and_what_became_heat() -> None:
    # The model's resistances move with charge and temperature, so the balance holds to a few thousandths.
    for current_a in (150.0, -150.0):
        pack = Pack(dataclasses.replace(UNIFORM, start_soc_pct=50.0), seed=1)
        stored_wh = chemical_energy_wh(pack)
        run(pack, current_a, 900.0)
        run(pack, 0.0, 200.0)  # what the RC pairs hold becomes heat
        stored_wh = chemical_energy_wh(pack) - stored_wh
        assert pack.energy_in_wh - pack.energy_out_wh == pytest.approx(stored_wh + pack.heat_wh, rel=2e-3)
        assert pack.heat_wh > 0.02 * abs(stored_wh)


@pytest.mark.parametrize("current_a", [150.0, -150.0])
def test_the_energy_of_one_long_step_is_its_charge_at_the_mean_of_both_voltages(current_a: float) -> None:
    pack = Pack(dataclasses.replace(UNIFORM, start_soc_pct=50.0), seed=1)
    pack.step(current_a, 0.0)
    before_v = pack.voltage_v
    pack.step(current_a, 360.0)
    assert abs(pack.voltage_v - before_v) > 1.0
    mean_v = (before_v + pack.voltage_v) / 2
    assert pack.energy_in_wh - pack.energy_out_wh == pytest.approx(mean_v * current_a / 10, rel=1e-9)


def test_the_step_size_does_not_matter() -> None:
    def zigzag(tick_s: float) -> Pack:
        pack = Pack(PackSpec(start_soc_pct=40.0), seed=5)
        for second in range(120):
            run(pack, 200.0 if second // 20 % 2 else -150.0, 1.0, tick_s)
        return pack

    coarse, fine = zigzag(0.5), zigzag(0.02)
    assert coarse.soc_pct == pytest.approx(fine.soc_pct, abs=1e-6)
    assert coarse.energy_in_wh == pytest.approx(fine.energy_in_wh, rel=3e-4)
    assert coarse.energy_out_wh == pytest.approx(fine.energy_out_wh, rel=3e-4)
    assert coarse.voltage_v == pytest.approx(fine.voltage_v, abs=0.05)


def test_the_voltage_recovers_after_a_load_with_the_rc_pairs_time_constant() -> None:
    pack = run(Pack(UNIFORM, seed=1), -100.0, 200.0)
    pack.step(0.0, 0.001)
    sag_v = 96 * open_circuit_v(pack.charges_ah[0] / pack.capacities_ah[0]) - pack.voltage_v
    run(pack, 0.0, UNIFORM.rc_time_constant_s)
    rest_v = 96 * open_circuit_v(pack.charges_ah[0] / pack.capacities_ah[0]) - pack.voltage_v
    assert rest_v / sag_v == pytest.approx(math.exp(-1.0), rel=0.01)


def test_a_cold_pack_resists_more() -> None:
    def sag_v(temp_c: float) -> float:
        pack = Pack(PackSpec(start_temp_c=temp_c, ambient_c=temp_c), seed=1)
        rest_v = pack.voltage_v
        pack.step(-100.0, 0.1)
        return rest_v - pack.voltage_v

    assert sag_v(-15.0) > 2.0 * sag_v(25.0)


def test_current_warms_the_pack_and_coolant_cools_it() -> None:
    pack = run(Pack(PackSpec(start_temp_c=25.0, ambient_c=25.0), seed=1), -200.0, 200.0)
    warm_c = max(pack.module_temperatures_c)
    assert warm_c > 26.0
    pack.cooling_on = True
    run(pack, 0.0, 200.0)
    assert max(pack.module_temperatures_c) < warm_c - 1.0


def test_an_older_pack_holds_less_and_resists_more() -> None:
    new, old = (Pack(PackSpec(soh_pct=soh_pct), seed=1) for soh_pct in (100.0, 80.0))
    assert old.capacity_ah == pytest.approx(0.8 * new.capacity_ah, rel=0.01)
    drops_v = []
    for pack in (new, old):
        rest_v = pack.voltage_v
        pack.step(-100.0, 0.1)
        drops_v.append(rest_v - pack.voltage_v)
    assert drops_v[1] > 1.3 * drops_v[0]


def test_use_ages_the_pack() -> None:
    pack = Pack(PackSpec(start_soc_pct=60.0), seed=1)
    soh, cycles = pack.soh, pack.cycles
    run(pack, -178.0, 360.0, tick_s=1.0)  # a tenth of its charge: a twentieth of a full cycle
    assert pack.cycles - cycles == pytest.approx(0.05, rel=0.01)
    assert pack.soh < soh


def test_the_current_for_a_power_gives_that_power() -> None:
    pack = run(Pack(PackSpec(), seed=1), -50.0, 20.0)
    for power_w in (-60_000.0, -500.0, 0.0, 40_000.0):
        pack.current_a = pack.current_for_power(power_w)
        assert pack.voltage_v * pack.current_a == pytest.approx(power_w, abs=1e-6)


def test_the_current_limits_bring_the_first_cell_to_the_given_voltage() -> None:
    pack = run(Pack(PackSpec(), seed=1), 30.0, 20.0)
    pack.current_a = pack.current_to_reach(4.15)
    assert max(pack.cell_voltages_v()) == pytest.approx(4.15)
    pack.current_a = pack.current_to_fall_to(3.2)
    assert min(pack.cell_voltages_v()) == pytest.approx(3.2)


def test_bleeding_a_cell_takes_charge_from_it_alone() -> None:
    pack = Pack(UNIFORM, seed=1)
    pack.balance(frozenset({4}), bleed_a=0.36)
    run(pack, 0.0, 100.0)
    assert pack.charges_ah[3] - pack.charges_ah[4] == pytest.approx(0.01)
    assert pack.charges_ah[3] == pytest.approx(pack.charges_ah[5])


def test_a_current_that_nothing_limits_is_an_error_and_not_nonsense() -> None:
    with pytest.raises(ValueError, match="nothing limits the current"):
        run(Pack(PackSpec(), seed=1), -2000.0, 3600.0, tick_s=1.0)


def test_cells_that_do_not_fill_modules_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fill modules"):
        Pack(PackSpec(cells=95), seed=1)


TICK_S = 0.1


def drive(profile: Profile, seconds: float, seed: int = 1) -> tuple[list[float], list[float]]:
    """Powers in W and speeds in km/h, tick by tick."""
    vehicle = Vehicle(seed)
    vehicle.enter(profile)
    powers, speeds = [], []
    for _ in range(round(seconds / TICK_S)):
        powers.append(vehicle.power_w(TICK_S))
        speeds.append(vehicle.speed_m_s * 3.6)
    return powers, speeds


def test_the_same_seed_gives_the_same_drive() -> None:
    assert drive(Profile.URBAN, 100.0) == drive(Profile.URBAN, 100.0)
    assert drive(Profile.URBAN, 100.0) != drive(Profile.URBAN, 100.0, seed=2)


@pytest.mark.parametrize(
    ("profile", "slowest_kwh", "fastest_kwh", "top_km_h"),
    [(Profile.URBAN, 7.0, 18.0, 52.0), (Profile.MOTORWAY, 16.0, 28.0, 130.0)],
)
def test_it_uses_what_such_a_car_uses(
    profile: Profile, slowest_kwh: float, fastest_kwh: float, top_km_h: float
) -> None:
    powers, speeds = drive(profile, 3600.0)
    kwh = -sum(powers) * TICK_S / 3.6e6
    km = sum(speeds) * TICK_S / 3600.0
    assert slowest_kwh < 100.0 * kwh / km < fastest_kwh
    assert max(speeds) <= top_km_h + 1e-9


def test_it_regenerates_in_town_and_stands_now_and_then() -> None:
    powers, speeds = drive(Profile.URBAN, 1200.0)
    assert max(powers) > 10_000.0
    assert speeds.count(0.0) > 100
    assert min(powers) >= -120_000.0 - 650.0


def test_a_stop_ends_at_a_standstill_where_only_the_auxiliaries_draw() -> None:
    vehicle = Vehicle(1)
    vehicle.enter(Profile.MOTORWAY)
    for _ in range(600):
        vehicle.power_w(TICK_S)
    assert vehicle.speed_m_s > 20.0
    vehicle.stop()
    for _ in range(300):
        power_w = vehicle.power_w(TICK_S)
    assert vehicle.standing
    assert power_w == pytest.approx(-650.0)
