"""firmware_sim/ecus/gauge.py: a BMS tells what is so, with the errors that a scenario gives its sensors."""

import random
from statistics import fmean, stdev

import pytest

from firmware_sim.ecus.bms import Bms
from firmware_sim.ecus.charger import Charger, ChargerSpec
from firmware_sim.ecus.gauge import Gauge
from firmware_sim.ecus.jbd import JbdBms
from firmware_sim.ecus.messages import bms_messages
from firmware_sim.ecus.service_battery import ServiceSpec
from firmware_sim.faults.kinds import CurrentError, Fault, SocError, SocStuck, Window
from firmware_sim.faults.plant import PlantFaults
from firmware_sim.plant.pack import Pack, PackSpec

FROM_10 = Window(10.0, 10.0, every_s=20.0)


def told(fault: Fault, at_s: float, current_a: float = 40.0) -> tuple[float, float]:
    """Return the current and the state of charge that the bus has at that time, 1 Ah charged each second."""
    pack = Pack(PackSpec(cells=8, start_soc_pct=40.0, self_discharge_a=0.0), seed=1)
    bms = Bms(pack)
    faults = PlantFaults(
        [fault], bms, Charger(ChargerSpec(), 15.0), JbdBms(Pack(ServiceSpec().pack(), seed=1))
    )
    for second in range(round(at_s) + 1):
        faults.apply(second * 1_000_000_000)
        pack.step(3600.0 if second < at_s else current_a, 1.0)
    values = {name: value for each in bms_messages(bms).items() for name, value in _values(*each)}
    return values["PackCurrent"], values["StateOfCharge"] - pack.soc_pct


def _values(message: str, values: object) -> list[tuple[str, float]]:
    wanted = ("BMS_PackPower", "BMS_PackState")
    return list(values().items()) if message in wanted and callable(values) else []


@pytest.mark.parametrize(("at_s", "current_a"), [(9, 40.0), (10, 40.9), (19, 40.9), (20, 40.0), (31, 40.9)])
def test_a_current_is_off_by_a_share_and_by_a_constant(at_s: float, current_a: float) -> None:
    assert told(CurrentError(FROM_10, 0.5, 1.0), at_s)[0] == pytest.approx(current_a)


def test_a_state_of_charge_jumps_and_comes_back() -> None:
    fault = SocError(FROM_10, 0.0, -12.0, 0.0)
    assert [told(fault, at_s)[1] for at_s in (9, 10, 20)] == pytest.approx([0.0, -12.0, 0.0])


def test_a_state_of_charge_is_told_in_whole_percents() -> None:
    errors_pct = [told(SocError(FROM_10, 0.0, 0.0, 1.0), at_s)[1] for at_s in range(10, 20)]
    assert max(errors_pct) - min(errors_pct) > 0.3
    assert all(abs(error_pct) <= 0.5 for error_pct in errors_pct)


def test_a_state_of_charge_sticks_for_a_while() -> None:
    one_ah_pct = 100.0 / Pack(PackSpec(cells=8, start_soc_pct=40.0), seed=1).capacity_ah
    errors_pct = [told(SocStuck(FROM_10), at_s)[1] for at_s in (10, 14, 20)]
    assert errors_pct[1] - errors_pct[0] == pytest.approx(-4 * one_ah_pct, rel=0.1)
    assert errors_pct[2] == 0.0


def test_errors_of_charge_have_the_spread_that_was_asked_for_and_none_at_full() -> None:
    pack = Pack(PackSpec(cells=8, charge_spread=0.0, self_discharge_a=0.0, start_soc_pct=30.0), seed=1)
    gauge, draw = Gauge(pack), random.Random(7)
    differences_pct, at_full_pct = [], []
    for _ in range(400):
        gauge.draw_soc_errors(draw, 3.3)
        errors_pct = []
        for share in (0.2, 0.6, 1.0):
            pack.charges_ah = [share * ah for ah in pack.capacities_ah]
            errors_pct.append(gauge.soc_pct - pack.soc_pct)
        differences_pct.append(errors_pct[1] - errors_pct[0])
        at_full_pct.append(errors_pct[2])
    assert stdev(differences_pct) == pytest.approx(3.3, rel=0.1)  # two errors, correlated by a half
    assert abs(fmean(differences_pct)) < 0.4
    assert max(map(abs, at_full_pct)) < 1e-9
