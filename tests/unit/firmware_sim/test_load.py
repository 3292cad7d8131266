"""firmware_sim/plant/load.py: a drive that a road could have seen."""

import pytest

from firmware_sim.plant.load import Profile, Vehicle

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
