"""firmware_sim/ecus/charger.py on a pack, and what faults do to both."""

from dataclasses import replace

import pytest

from firmware_sim.ecus.bms import TICK_S, Bms, VehicleRequest
from firmware_sim.ecus.charger import Charger, ChargerPhase, ChargerSpec, FaultCode
from firmware_sim.ecus.service_battery import ServiceBattery, ServiceSpec
from firmware_sim.faults.kinds import ChargerFault, Insulation, OverTemperature, SensorLoss, Window
from firmware_sim.faults.kinds import Fault as ScenarioFault
from firmware_sim.faults.plant import PlantFaults
from firmware_sim.plant.pack import Pack, PackSpec


class Bench:
    """A pack at a charger, tick by tick."""

    def __init__(self, *faults: ScenarioFault, soc_pct: float = 50.0, supply_w: float = 50_000.0) -> None:
        self.bms = Bms(Pack(PackSpec(start_soc_pct=soc_pct, start_temp_c=25.0), seed=1))
        self.charger = Charger(ChargerSpec(), 20.0)
        self.charger.plug_in(supply_w)
        self.jbd = ServiceBattery(ServiceSpec(), 1).bms
        self._faults = PlantFaults(faults, self.bms, self.charger, self.jbd)
        self._now_ns = 0
        self.rises_a: list[float] = []  # of the current, in each tick

    def run(self, seconds: float, *, heard: bool = True) -> None:
        for _ in range(round(seconds / TICK_S)):
            self._faults.apply(self._now_ns)
            self.bms.tick(VehicleRequest.CHARGE)
            before_a = self.charger.current_a
            self.charger.tick(self.bms.charge_request if heard else None, self.bms, TICK_S)
            self.rises_a.append(self.charger.current_a - before_a)
            self.bms.pack.step(self.charger.current_a if self.bms.contactors_closed else 0.0, TICK_S)
            self._now_ns += round(TICK_S * 1e9)

    @property
    def phase(self) -> ChargerPhase:
        return self.charger.phase


def test_the_current_ramps_up_to_what_the_supply_gives() -> None:
    bench = Bench()
    bench.run(20.0)
    assert bench.phase is ChargerPhase.CC
    assert bench.charger.power_w == pytest.approx(50_000.0, rel=0.01)
    assert max(bench.rises_a) <= ChargerSpec().ramp_a_per_s * TICK_S + 1e-9


def test_it_never_gives_more_than_the_bms_requests() -> None:
    bench = Bench(supply_w=150_000.0)
    for _ in range(300):
        bench.run(TICK_S)
        assert bench.charger.current_a <= bench.bms.charge_request.current_a + 1e-9


def test_near_the_end_the_voltage_is_held_and_the_current_tapers_until_it_is_done() -> None:
    bench = Bench(soc_pct=97.0)
    voltages = []
    while bench.phase is not ChargerPhase.DONE:
        bench.run(1.0)
        if bench.phase is ChargerPhase.CV:
            voltages.append(bench.charger.voltage_v)
    assert voltages
    assert max(voltages) <= 4.17 * 96 + 0.5
    bench.run(10.0)
    assert bench.charger.current_a == 0.0


def test_without_a_request_it_stops_and_begins_again_when_it_is_heard_again() -> None:
    bench = Bench()
    bench.run(20.0)
    bench.run(3.0, heard=False)
    assert (bench.phase, bench.charger.fault) == (ChargerPhase.FAULT, FaultCode.REQUEST_TIMEOUT)
    assert bench.charger.current_a == 0.0
    bench.run(20.0)
    assert (bench.phase, bench.charger.fault) == (ChargerPhase.CC, FaultCode.NONE)


def test_a_failed_power_stage_ends_the_current_and_is_over_with_its_window() -> None:
    bench = Bench(ChargerFault(Window(20.0, 5.0), cooling_only=False))
    bench.run(21.0)
    assert (bench.phase, bench.charger.fault, bench.charger.current_a) == (
        ChargerPhase.FAULT,
        FaultCode.HARDWARE,
        0.0,
    )
    bench.run(25.0)
    assert bench.phase is ChargerPhase.CC


def test_a_standing_fan_makes_it_hot_and_derates_it() -> None:
    bench = Bench(ChargerFault(Window(20.0, 1e6), cooling_only=True), soc_pct=20.0, supply_w=90_000.0)
    bench.run(20.0)
    full_a = bench.charger.current_a
    bench.run(300.0)
    assert bench.phase is ChargerPhase.CC
    assert bench.charger.current_a < 0.9 * full_a
    assert 70.0 < bench.charger.temperature_c < 90.0


def test_its_meter_counts_what_the_pack_takes() -> None:
    bench = Bench()
    bench.run(300.0)
    assert bench.charger.energy_wh == pytest.approx(bench.bms.pack.energy_in_wh, rel=0.01)


def test_heat_from_outside_warms_one_module_while_it_lasts() -> None:
    bench = Bench(OverTemperature(Window(0.0, 60.0), 3, 3000.0))
    bench.run(60.0)
    temperatures = bench.bms.pack.module_temperatures_c
    assert temperatures.index(max(temperatures)) == 2
    assert max(temperatures) > min(temperatures) + 5.0
    hottest_c = max(temperatures)
    bench.run(60.0)
    assert bench.bms.pack.module_temperatures_c[2] < hottest_c


def test_a_lost_sensor_reports_nothing_until_it_is_there_again() -> None:
    faults = [SensorLoss(Window(1.0, 2.0), "bms", 5), SensorLoss(Window(1.0, 2.0), "jbd", 2)]
    bench = Bench(*faults)
    bench.run(2.0)
    assert [number for number, reading in enumerate(bench.bms.module_readings_c()) if reading is None] == [4]
    assert bench.jbd.temperatures_c()[1] is None
    bench.run(2.0)
    assert None not in [*bench.bms.module_readings_c(), *bench.jbd.temperatures_c()]


def test_bad_insulation_opens_the_contactors() -> None:
    bench = Bench(Insulation(Window(20.0, 5.0), 30.0))
    closed = []
    for seconds in (19.0, 2.0):
        bench.run(seconds)
        closed.append(bench.bms.contactors_closed)
    assert closed == [True, False]
    assert bench.bms.pack.current_a == 0.0


def test_ratings_hold_whatever_is_requested() -> None:
    spec = replace(ChargerSpec(), max_current_a=50.0)
    bench = Bench(supply_w=150_000.0)
    bench.charger = Charger(spec, 20.0)
    bench.charger.plug_in(150_000.0)
    bench.run(30.0)
    assert bench.charger.current_a == pytest.approx(50.0)
