"""firmware_sim/ecus/bms.py: the state machine, its limits, and what a fault does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.ecus.alarms import THRESHOLDS, AlarmLevel
from firmware_sim.ecus.bms import TICK_S, Bms, BmsState, VehicleRequest
from firmware_sim.plant.pack import Pack, PackSpec
from tests.support.examples import examples


def make_bms(**spec: float) -> Bms:
    return Bms(Pack(PackSpec(**spec), seed=1))  # type: ignore[arg-type]  # the tests set its floats only


def state_of(bms: Bms) -> BmsState:
    """Read again: a type checker would take it for what was asserted before."""
    return bms.state


def run(bms: Bms, request: VehicleRequest, seconds: float, current_a: float = 0.0) -> None:
    for _ in range(round(seconds / TICK_S)):
        bms.tick(request)
        allowed = min(max(current_a, -bms.discharge_limit_a), bms.charge_limit_a)
        bms.pack.step(allowed, TICK_S)
    bms.tick(request)


@pytest.mark.parametrize(
    ("request_", "state"), [(VehicleRequest.DRIVE, BmsState.DRIVE), (VehicleRequest.CHARGE, BmsState.CHARGE)]
)
def test_it_closes_the_contactors_only_after_precharge(request_: VehicleRequest, state: BmsState) -> None:
    bms = make_bms()
    bms.tick(request_)
    assert state_of(bms) is BmsState.PRECHARGE
    seen = {state_of(bms): bms.link_voltage_v}
    while state_of(bms) is BmsState.PRECHARGE:
        seen[state_of(bms)] = bms.link_voltage_v
        bms.tick(request_)
    assert state_of(bms) is state
    assert seen[BmsState.PRECHARGE] >= 0.97 * bms.pack.voltage_v
    assert bms.link_voltage_v == bms.pack.voltage_v


def test_no_current_is_allowed_while_the_contactors_are_open() -> None:
    bms = make_bms()
    for _ in range(3):
        bms.tick(VehicleRequest.DRIVE)
        assert not bms.contactors_closed
        assert bms.charge_limit_a == bms.discharge_limit_a == 0.0


def test_the_contactors_are_not_opened_under_load() -> None:
    bms = make_bms()
    run(bms, VehicleRequest.DRIVE, 2.0, current_a=-50.0)
    bms.tick(VehicleRequest.OFF)
    assert state_of(bms) is BmsState.DRIVE
    bms.pack.step(0.0, TICK_S)
    bms.tick(VehicleRequest.OFF)
    assert state_of(bms) is BmsState.OFF


def test_the_link_drains_when_off() -> None:
    bms = make_bms()
    run(bms, VehicleRequest.DRIVE, 2.0)
    run(bms, VehicleRequest.OFF, 6.0)
    assert bms.link_voltage_v < 1.0


def test_from_drive_to_charge_it_goes_through_off_and_precharge() -> None:
    bms = make_bms()
    run(bms, VehicleRequest.DRIVE, 2.0)
    states = []
    while state_of(bms) is not BmsState.CHARGE:
        bms.tick(VehicleRequest.CHARGE)
        if state_of(bms) not in states:
            states.append(state_of(bms))
    # The link is still charged from before, so precharge is over at once.
    assert states[0] is BmsState.OFF
    assert states[-1] is BmsState.CHARGE


def test_a_fault_opens_the_contactors_and_stays_latched_until_the_request_is_off() -> None:
    bms = make_bms()
    run(bms, VehicleRequest.DRIVE, 2.0, current_a=-20.0)
    bms.insulation_kohm = 10.0
    bms.tick(VehicleRequest.DRIVE)
    assert state_of(bms) is BmsState.FAULT
    assert THRESHOLDS[bms.latched_fault - 1].name == "InsulationLow"
    bms.insulation_kohm = 2000.0
    run(bms, VehicleRequest.DRIVE, 2.0)
    assert state_of(bms) is BmsState.FAULT
    bms.tick(VehicleRequest.OFF)
    assert state_of(bms) is BmsState.OFF
    assert bms.latched_fault == 0


def test_an_open_circuit_in_precharge_becomes_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_sim.ecus.bms._PRECHARGE_TIME_CONSTANT_S", 1e9)
    bms = make_bms()
    run(bms, VehicleRequest.DRIVE, 5.0)
    assert state_of(bms) is BmsState.FAULT
    assert THRESHOLDS[bms.latched_fault - 1].name == "PrechargeFailed"


def test_the_charge_limit_keeps_every_cell_below_full() -> None:
    bms = make_bms(start_soc_pct=96.0, start_temp_c=25.0)
    highest_v = 0.0
    bms.tick(VehicleRequest.CHARGE)
    for _ in range(6000):
        bms.tick(VehicleRequest.CHARGE)
        bms.pack.step(bms.charge_limit_a, TICK_S)
        highest_v = max(highest_v, *bms.pack.cell_voltages_v())
    assert highest_v <= 4.192
    assert bms.charge_limit_a < 60.0


def test_cells_above_the_lowest_are_bled_near_the_end_of_a_charge() -> None:
    bms = make_bms(start_soc_pct=95.0, start_temp_c=25.0)
    run(bms, VehicleRequest.CHARGE, 5.0, current_a=20.0)
    assert bms.pack.balanced_cells
    lowest = bms.cell_voltages_v.index(bms.cell_min_v)
    assert lowest not in bms.pack.balanced_cells
    run(bms, VehicleRequest.OFF, 2.0)
    assert not bms.pack.balanced_cells


def test_a_frozen_pack_is_not_charged_and_a_cold_one_slowly() -> None:
    limits = []
    for temp_c in (-10.0, 5.0, 25.0):
        bms = make_bms(start_soc_pct=40.0, start_temp_c=temp_c, ambient_c=temp_c)
        run(bms, VehicleRequest.CHARGE, 2.0)
        limits.append(bms.charge_limit_a)
    assert limits[0] == 0.0
    assert 0.0 < limits[1] < limits[2]


def test_cooling_starts_warm_and_stops_cool() -> None:
    bms = make_bms(start_temp_c=31.0)
    bms.tick(VehicleRequest.OFF)
    assert bms.pack.cooling_on
    bms.pack.module_temperatures_c = [28.0] * 12
    bms.tick(VehicleRequest.OFF)
    assert bms.pack.cooling_on
    bms.pack.module_temperatures_c = [25.0] * 12
    bms.tick(VehicleRequest.OFF)
    assert not bms.pack.cooling_on


@given(
    st.lists(
        st.tuples(st.sampled_from(VehicleRequest), st.floats(-500.0, 300.0), st.floats(1.0, 3000.0)),
        min_size=1,
        max_size=12,
    )
)
@settings(max_examples=examples(30), deadline=None)
def test_whatever_is_asked_current_flows_only_through_closed_contactors(
    steps: list[tuple[VehicleRequest, float, float]],
) -> None:
    bms = make_bms(start_soc_pct=50.0)
    for request, current_a, insulation_kohm in steps:
        bms.insulation_kohm = insulation_kohm
        for _ in range(12):
            before = state_of(bms)
            bms.tick(request)
            if not bms.contactors_closed:
                assert bms.charge_limit_a == bms.discharge_limit_a == 0.0
            if bms.contactors_closed and before not in (BmsState.DRIVE, BmsState.CHARGE):
                assert before is BmsState.PRECHARGE
            if bms.levels["InsulationLow"] is AlarmLevel.FAULT:
                assert state_of(bms) in (BmsState.OFF, BmsState.FAULT)
            allowed_a = min(max(current_a, -bms.discharge_limit_a), bms.charge_limit_a)
            bms.pack.step(allowed_a, TICK_S)
