"""What battery health promises of resistance, cells and use, against simulated cells whose truth is known."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from firmware_sim.plant.pack import PackSpec
from telemetry.__main__ import main
from telemetry.model.health import CELL_CHARGE, CELL_RESISTANCE
from tests.integration.test_one_composition import output
from tests.support.charged_packs import DAY_S, ChargedPack, gateway_toml, health_of, health_of_log
from tests.support.lineprotocol import parse_line

SEEDS = range(20)
CELLS = 8
MONTH_S = 365.25 / 12.0 * DAY_S
SPEC = PackSpec(
    cells=CELLS,
    cells_per_module=CELLS,
    cell_capacity_ah=40.0,
    cell_resistance_ohm=0.0018,
    contact_resistance_ohm=0.001,
    start_soc_pct=60.0,
    start_temp_c=22.0,
    ambient_c=22.0,
)


def drive(pack: ChargedPack, changes: int = 40) -> None:
    """Speed up and brake, each tenth of a second heard."""
    pack.step_s = 0.1
    for number in range(changes):
        braking = number % 2
        current_a = pack.draw.uniform(0.0, 60.0) if braking else pack.draw.uniform(-100.0, -40.0)
        pack.flow(current_a, pack.draw.uniform(3.0, 6.0))
    pack.step_s = 1.0


def test_resistances_are_those_of_the_pack_and_its_cells(tmp_path: Path) -> None:
    """The pack's within 3 %, cells' over the median one within 2 %, and the worst cell by its number.

    A step lies half a second before the reading on average: by then 1.8 % of the RC pair's voltage is there.
    """
    for seed in SEEDS:
        pack = ChargedPack(SPEC, seed)
        worst = seed % CELLS
        pack.pack.weaken(worst, capacity=1.0, resistance=1.4)
        pack.flow(0.0, 30.0)
        drive(pack)
        plant = pack.pack
        ohmic = 1.0 / (plant.current_at(plant.voltage_v + 1.0) - plant.current_at(plant.voltage_v))
        pack.charge(60.0, plant.soc_pct + 10.0)
        cells = plant.condition()["cells"]
        assert isinstance(cells, list)
        ohm = [cell["resistance_ohm"] for cell in cells]
        found = health_of(pack, tmp_path, cells=CELLS)
        ((start_ns, row),) = found.charges
        true_mohm = 1000.0 * (
            ohmic + 0.018 * SPEC.rc_resistance_ratio * (ohmic - SPEC.contact_resistance_ohm)
        )
        assert float(row["resistance_mohm"]) == pytest.approx(true_mohm, rel=0.03)
        of_cells = [each or 0.0 for each in found.cells(CELL_RESISTANCE.name, start_ns)]
        ratios = [each / median(of_cells) for each in of_cells]
        assert ratios == pytest.approx([each / median(ohm) for each in ohm], rel=0.02)
        assert row["resistive_cell_index"] == worst + 1
        assert float(row["resistive_cell_ratio"]) == pytest.approx(ohm[worst] / median(ohm), rel=0.02)


def test_the_cell_of_least_capacity_is_named_with_its_ratio(tmp_path: Path) -> None:
    """Of 5 to 15 % lost material, charged at half its capacity an hour: by its number, and within 0.03."""
    for seed in SEEDS:
        pack = ChargedPack(replace(SPEC, start_soc_pct=25.0), seed)
        weak = (3 * seed) % CELLS
        pack.pack.weaken(weak, capacity=pack.draw.uniform(0.85, 0.95), resistance=1.0)
        capacities = list(pack.pack.capacities_ah)
        pack.charge(20.0, 75.0)
        found = health_of(pack, tmp_path, cells=CELLS)
        ((_, row),) = found.charges
        ratio = capacities[weak] / median(capacities)
        assert row["weak_cell_index"] == weak + 1
        assert float(row["weak_cell_ratio"]) == pytest.approx(ratio, abs=0.03)


def test_a_weak_cell_is_spoken_of_after_three_charges_running(tmp_path: Path) -> None:
    pack = ChargedPack(replace(SPEC, start_soc_pct=25.0), 1)
    pack.pack.weaken(5, capacity=0.88, resistance=1.0)
    pack.pack.weaken(2, capacity=1.0, resistance=1.5)
    for _ in range(3):
        drive(pack)
        pack.flow(-60.0, 6000.0, until_pct=25.0)
        pack.flow(0.0, 1000.0)
        pack.charge(20.0, 70.0, rest_s=1000.0)
    config = tmp_path / "gateway.toml"
    config.write_text(gateway_toml(pack.channel, "rated_ah = 40.0", cells=CELLS))
    log = pack.write(tmp_path / "bus.log")
    lines = output("decode", "--config", config, "--format", "lp", log).splitlines()
    for code, cell in (("weak_cell", 6), ("resistance_high", 3)):
        (event,) = [line for line in lines if line.startswith("event,") and f"code={code}" in line]
        assert f"cell {cell} " in event


def test_no_cell_of_a_sound_pack_is_called_weak_by_a_fast_charge_from_low_down(tmp_path: Path) -> None:
    """At 0.75 C from 24 %, where a millivolt is much charge: what is told of a cell is within 0.03."""
    told = 0
    for seed in range(6):
        pack = ChargedPack(replace(SPEC, start_soc_pct=30.0, resistance_spread=0.06), seed)
        drive(pack)
        pack.flow(-40.0, 6000.0, until_pct=24.0)
        pack.flow(0.0, 400.0)
        capacities = list(pack.pack.capacities_ah)
        pack.charge(30.0, 80.0)
        found = health_of(pack, tmp_path, cells=CELLS)
        ((start_ns, _),) = found.charges
        for cell, ratio in enumerate(found.cells(CELL_CHARGE.name, start_ns)):
            if ratio is not None:
                told += 1
                assert ratio == pytest.approx(capacities[cell] / median(capacities), abs=0.03)
    assert told >= 12  # of 48


@pytest.mark.parametrize(
    ("current_a", "from_pct", "is_given"),
    [(20.0, 25.0, True), (28.0, 26.0, False), (28.0, 50.0, True), (46.0, 28.0, False), (46.0, 50.0, False)],
)
def test_without_a_drive_before_a_charge_gives_ratios_that_their_sd_covers_or_none(
    tmp_path: Path, current_a: float, from_pct: float, is_given: bool
) -> None:
    """Give cells of 0.12 Ohm Ah, whose resistance nobody knows, a ratio within 2 sd, or none."""
    off: list[float] = []
    for seed in range(6):
        pack = ChargedPack(replace(SPEC, start_soc_pct=from_pct, cell_resistance_ohm=0.003), seed)
        capacities = list(pack.pack.capacities_ah)
        pack.charge(current_a, 85.0)
        found = health_of(pack, tmp_path, cells=CELLS)
        ((start_ns, row),) = found.charges
        told = found.cells(CELL_CHARGE.name, start_ns)
        true = [each / median(capacities) for each in capacities]
        off += [abs(a - b) for a, b in zip(told, true, strict=False) if a is not None]
        if is_given:
            weak = int(row["weak_cell_index"]) - 1
            in_sd = abs(float(row["weak_cell_ratio"]) - true[weak]) / float(row["weak_cell_sd"])
            assert in_sd < 2.0
    assert (len(off) >= 5 * CELLS) is is_given
    assert is_given or not off
    assert sum(each <= 0.04 for each in off) >= 0.95 * len(off)


def test_the_drift_of_a_cell_that_leaks_is_its_millivolts_a_month(tmp_path: Path) -> None:
    """Six rests at 60 %, a month apart; of the others the drift is none, to their own small leaks."""
    pack = ChargedPack(SPEC, 1)
    rests: list[list[float]] = []
    for number in range(6):
        pack.wait(MONTH_S, 60.0)
        pack.pack.shift_charge(3, -0.01 * number)
        pack.flow(-30.0, 20.0)
        pack.flow(0.0, 2000.0)
        volts = pack.pack.cell_voltages_v()
        rests.append([1000.0 * (each - median(volts)) for each in volts])
    drift = health_of(pack, tmp_path, cells=CELLS).drift()
    assert drift is not None
    months = [number + 0.0 for number in range(6)]
    for cell in range(CELLS):
        off = [rest[cell] for rest in rests]
        slope = sum((t - 2.5) * (mv - sum(off) / 6.0) for t, mv in zip(months, off, strict=True)) / 17.5
        assert drift.mv_per_month[cell] == pytest.approx(slope, abs=0.15)
    assert (drift.mv_per_month[3] or 0.0) < -5.0


def test_the_sums_of_use_are_the_counters(tmp_path: Path) -> None:
    """Over three days; the counters of `battery` count apart from battery health."""
    pack = ChargedPack(SPEC, 1)
    pack.now_s += 22.5 * 3600.0
    for _ in range(3):
        drive(pack, 10)
        pack.flow(-30.0, 1200.0)
        pack.charge(40.0, 60.0, rest_s=3000.0)
        pack.now_s += 50_000.0
    config = tmp_path / "gateway.toml"
    config.write_text(gateway_toml(pack.channel, "rated_ah = 40.0"))
    log = pack.write(tmp_path / "bus.log")
    lines = output("decode", "--config", config, "--format", "lp", log).splitlines()
    used = [parse_line(line.encode()) for line in lines if line.startswith("battery_use,")]
    days = {line.time_ns: line.fields for line in used}
    last = next(line for line in reversed(lines) if line.startswith("battery,") and "discharged_wh=" in line)
    counters = parse_line(last.encode()).fields
    assert len(days) == 3
    for name, counted in (
        ("charge_in_ah", "charged_ah"),
        ("charge_out_ah", "discharged_ah"),
        ("energy_in_wh", "charged_wh"),
        ("energy_out_wh", "discharged_wh"),
    ):
        total = sum(float(day.get(name, 0.0)) for day in days.values())
        assert total == pytest.approx(float(counters[counted]), rel=1e-4)
    seconds = sum(
        float(value) for day in days.values() for key, value in day.items() if key.startswith("temp_")
    )
    heard = [at_s for at_s, _ in pack.told_a]
    assert seconds == pytest.approx(sum(b - a for a, b in pairwise(heard) if b - a < 2.0), rel=0.01)


def test_a_drive_at_a_hundred_frames_a_second_is_held_against_the_simulators_own_truth(
    tmp_path: Path,
) -> None:
    """Of 96 cells on 24 pages, 20 ms apart: each page by the current of its own moment."""
    scenario, log, truth = (tmp_path / name for name in ("weak.toml", "bus.log", "truth.json"))
    scenario.write_text(
        'starts_at = "2026-03-02T07:30:00Z"\n[pack]\nstart_soc_pct = 52\nstart_temp_c = 25\nambient_c = 25\n'
        '[[fault]]\ndo = "weak-cell"\ncell = 37\nresistance_pct = 150\n'
        '[[phase]]\ndo = "drive"\nroad = "urban"\nduration_s = 400\n'
        '[[phase]]\ndo = "charge"\nmax_power_kw = 60\nduration_s = 200\n'
        '[[phase]]\ndo = "stand"\nduration_s = 70\n'
    )
    assert main(["sim", str(scenario), "--output", str(log), "--truth", str(truth)]) == 0
    ((start_ns, row),) = (found := health_of_log(log, "can0", "rated_ah = 178.0", cells=96)).charges
    pack = json.loads(truth.read_text())["end"]["traction"]
    ohm = [cell["resistance_ohm"] * cell["temperature_factor"] for cell in pack["cells"]]
    true_mohm = 1000.0 * (
        sum(ohm) * (1.0 + 0.018 * pack["rc_resistance_ratio"]) + pack["contact_resistance_ohm"]
    )
    assert float(row["resistance_mohm"]) == pytest.approx(true_mohm, rel=0.03)
    ratios = [each or 0.0 for each in found.cells(CELL_RESISTANCE.name, start_ns)]
    assert [each / median(ratios) for each in ratios] == pytest.approx(
        [each / median(ohm) for each in ohm], rel=0.02
    )
    assert row["resistive_cell_index"] == 37.0
