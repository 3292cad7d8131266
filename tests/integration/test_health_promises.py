"""What battery health promises of a pack's capacity, against simulated packs whose truth is known.

Packs of 40 Ah, each with its own cells, charges and errors of the state of charge: 3.3 % of standard
deviation, right at full, told in whole percents. Frames in, rows out, as the gateway makes them.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from firmware_sim.plant.pack import PackSpec
from telemetry.__main__ import main
from tests.integration.test_one_composition import output
from tests.support.charged_packs import DAY_S, ChargedPack, gateway_toml, health_of, health_of_log

SPEC = PackSpec(
    cells=2,
    cells_per_module=2,
    cell_capacity_ah=40.0,
    cell_resistance_ohm=0.0018,
    contact_resistance_ohm=0.001,
    start_soc_pct=30.0,
    start_temp_c=20.0,
    soh_pct=97.0,
)
MOST_A = 120.0
FADE_PCT = 0.12  # from charge to charge


def as_it_is(_: ChargedPack) -> None:
    """Nothing is wrong but the state of charge."""


def gain(pack: ChargedPack) -> None:
    pack.gauge.gain = 1.01


def offset(pack: ChargedPack) -> None:
    pack.gauge.offset_a = 0.5


def lost(pack: ChargedPack) -> None:
    """Twenty seconds in two hundred are not heard."""
    pack.lost = lambda second: (second + 37 * pack.seed) % 200 < 20


KINDS = (as_it_is, gain, offset, lost)


def lived(seed: int, kind: Callable[[ChargedPack], None], charges: int = 12) -> ChargedPack:
    """Return a pack after so many charges, every third one to full."""
    pack = ChargedPack(SPEC, seed)
    kind(pack)
    for number in range(charges):
        pack.wait(
            pack.draw.uniform(3.0, 20.0) * DAY_S,
            pack.draw.uniform(10.0, 36.0),
            soh_pct=97.0 - FADE_PCT * number,
        )
        pack.gauge.draw_soc_errors(pack.draw, 3.3)
        pack.gauge.resolution_pct = 1.0
        is_full = number % 3 == 0
        until_pct = 99.8 if is_full else pack.draw.choice((70.0, 80.0, 90.0))
        pack.charge(pack.draw.uniform(60.0, MOST_A), until_pct, taper=is_full)
    return pack


def check(seed: int, kind: Callable[[ChargedPack], None], folder: Path) -> tuple[int, int]:
    """Hold a pack's rows against its truth; return of how many intervals how many cover it."""
    pack = lived(seed, kind)
    found = health_of(pack, folder)
    assert len(found.charges) == len(pack.charges)
    covered = intervals = 0
    for (start_ns, row), truth in zip(found.charges, pack.charges, strict=True):
        assert start_ns / 1e9 == pytest.approx(truth.start_s, abs=25.0)  # as long as nobody heard
        unheard_ah = float(row["gap_s"]) * MOST_A / 3600.0  # where the current changed meanwhile
        assert abs(float(row["charge_ah"]) - truth.told_ah) <= 0.005 * truth.told_ah + unheard_ah
        assert unheard_ah == 0.0 or kind is lost
        if "capacity_ah" in row:
            intervals += 1
            covered += float(row["capacity_low_ah"]) <= truth.capacity_ah <= float(row["capacity_high_ah"])
    assert intervals >= 7
    last = next(row for _, row in reversed(found.charges) if "capacity_ah" in row)
    half_ah = float(last["capacity_high_ah"]) - float(last["capacity_ah"])
    assert half_ah <= 0.06 * float(last["capacity_ah"])  # after nine to twelve that count
    assert float(last["soh_pct"]) == pytest.approx(float(last["capacity_ah"]) / 0.4, abs=1e-4)
    return covered, intervals


def test_the_interval_covers_the_true_capacity_nine_times_in_ten(tmp_path: Path) -> None:
    """Over eight packs, a quarter with each kind of error; the campaign has twenty with each."""
    counts = [check(seed, KINDS[seed % len(KINDS)], tmp_path) for seed in range(8)]
    covered, intervals = (sum(each) for each in zip(*counts, strict=True))
    assert covered >= 0.9 * intervals


@pytest.mark.long  # twenty packs each
@pytest.mark.parametrize("kind", KINDS)
def test_it_does_with_each_kind_of_error(kind: Callable[[ChargedPack], None], tmp_path: Path) -> None:
    counts = [check(1000 + seed, kind, tmp_path) for seed in range(20)]
    covered, intervals = (sum(each) for each in zip(*counts, strict=True))
    assert covered >= 0.9 * intervals


WRONG: dict[str, tuple[str, Callable[[ChargedPack], None]]] = {}


def wrong(reason: str) -> Callable[[Callable[[ChargedPack], None]], Callable[[ChargedPack], None]]:
    """Name what is wrong in the middle of a charge, and the reason that the row must have."""

    def take(what: Callable[[ChargedPack], None]) -> Callable[[ChargedPack], None]:
        WRONG[what.__name__] = (reason, what)
        return what

    return take


@wrong("soc")
def soc_jumps(pack: ChargedPack) -> None:
    pack.gauge.shift_pct = 12.0


@wrong("soc")
def soc_falls_back(pack: ChargedPack) -> None:
    pack.gauge.shift_pct = -12.0


@wrong("soc")
def soc_is_stuck(pack: ChargedPack) -> None:
    pack.gauge.stuck_pct = pack.gauge.soc_pct


@wrong("soc")
def the_current_has_the_wrong_sign(pack: ChargedPack) -> None:
    pack.gauge.gain = -1.0
    pack.flow(-80.0, 500.0)


@wrong("gaps")
def a_twentieth_is_not_heard(pack: ChargedPack) -> None:
    pack.wait(70.0, pack.pack.soc_pct + 3.9)


@wrong("gaps")
def the_clock_steps_forth(pack: ChargedPack) -> None:
    pack.now_s += 300.0


@wrong("window")
def the_clock_steps_back(pack: ChargedPack) -> None:
    pack.now_s -= 300.0  # which makes two charges of one


@wrong("window")
def it_is_short(pack: ChargedPack) -> None:
    pack.flow(0.0, 1000.0)
    pack.wait(1000.0, 55.0)


@pytest.mark.parametrize("name", WRONG)
def test_of_wrong_input_there_is_never_a_value_and_a_reason(name: str, tmp_path: Path) -> None:
    """A charge from 25 to 75 %, in the middle of which it happens; three good ones stand before it."""
    reason, what = WRONG[name]
    pack = ChargedPack(SPEC, 1)
    for _ in range(3):
        pack.charge(80.0, 75.0)
        pack.wait(5 * DAY_S, 25.0)
    start_s = pack.now_s
    pack.flow(0.0, 90.0)
    pack.flow(80.0, until_pct=48.0)
    what(pack)
    pack.flow(80.0, until_pct=75.0)
    pack.flow(0.0, 1000.0)
    found = health_of(pack, tmp_path)
    of_it = [row for start_ns, row in found.charges if start_ns / 1e9 >= start_s]
    assert reason in [row.get("reason") for row in of_it]
    for row in of_it:
        assert row["used"] is False, row
        assert not {"capacity_ah", "soh_pct", "charge_capacity_ah"} & row.keys()
    assert len(found.charges) - len(of_it) == 3


@pytest.mark.parametrize("seconds", [20, 100])
def test_regenerative_braking_is_no_charge(seconds: int, tmp_path: Path) -> None:
    pack = ChargedPack(SPEC, 1)
    for _ in range(5):
        pack.flow(-40.0, 60.0)
        pack.flow(40.0, float(seconds))
    pack.flow(0.0, 100.0)
    assert health_of(pack, tmp_path).charges == []


def test_short_charges_alone_give_no_estimate_at_any_length(tmp_path: Path) -> None:
    """Thirty charges of five to twenty per cent, of four packs: errors make some of them look wide."""
    for seed in range(4):
        pack = ChargedPack(SPEC, seed)
        for _ in range(30):
            pack.wait(3 * DAY_S, pack.draw.uniform(30.0, 70.0))
            pack.gauge.draw_soc_errors(pack.draw, 3.3)
            pack.charge(60.0, pack.pack.soc_pct + pack.draw.uniform(5.5, 20.0))
        charges = health_of(pack, tmp_path).charges
        assert len(charges) == 30
        assert {row.get("reason") for _, row in charges} <= {"window", "soc"}
        assert not any("capacity_ah" in row for _, row in charges)


def test_of_lfp_a_charge_counts_that_ends_full_alone(tmp_path: Path) -> None:
    pack = ChargedPack(replace(SPEC, chemistry="lfp"), 1)
    for number in range(8):
        pack.wait(3 * DAY_S, 30.0)
        is_full = number % 2 == 1
        pack.charge(80.0, 99.7 if is_full else 90.0, taper=is_full)
    rows = [row for _, row in health_of(pack, tmp_path, 'rated_ah = 40.0\nchemistry = "lfp"').charges]
    assert [row.get("reason") for row in rows] == ["chemistry", None] * 4
    assert "capacity_ah" in rows[5]
    assert float(rows[7]["capacity_ah"]) == pytest.approx(pack.charges[-1].capacity_ah, rel=0.02)


@pytest.mark.parametrize(("offset_a", "is_told"), [(0.8, True), (-0.8, True), (0.3, False)])
def test_an_offset_of_the_current_is_found_from_full_to_full(
    offset_a: float, is_told: bool, tmp_path: Path
) -> None:
    pack = ChargedPack(SPEC, 1)
    pack.gauge.offset_a = offset_a
    for _ in range(2):
        pack.charge(80.0, 99.7, rest_s=1000.0, taper=True)
        pack.flow(-20.0, 2400.0)
        pack.flow(0.0, 4000.0)
    pack.charge(80.0, 99.7, rest_s=1000.0, taper=True)
    config = tmp_path / "gateway.toml"
    config.write_text(gateway_toml(pack.channel, "rated_ah = 40.0"))
    log = pack.write(tmp_path / "bus.log")
    lines = output("decode", "--config", config, "--format", "lp", log).splitlines()
    told = "\n".join(line for line in lines if line.startswith("battery_health,"))
    measured_a = [float(text) for text in re.findall(r"current_offset_a=([-0-9.]+)", told)]
    assert measured_a == pytest.approx([offset_a] * 2, abs=0.1)
    events = [line for line in lines if line.startswith("event,") and "code=current_offset" in line]
    assert len(events) == is_told


def test_without_a_state_of_charge_there_is_no_value_but_a_reason(tmp_path: Path) -> None:
    pack = ChargedPack(SPEC, 1)
    for _ in range(4):
        pack.charge(80.0, 75.0)
        pack.wait(5 * DAY_S, 25.0)
    log = pack.write(tmp_path / "bus.log")
    log.write_text("".join(line for line in log.read_text().splitlines(keepends=True) if " 310#" not in line))
    rows = [row for _, row in health_of_log(log, pack.channel, "rated_ah = 40.0", cells=0).charges]
    assert [row["reason"] for row in rows] == ["soc"] * 4
    assert not any("capacity_ah" in row or "from_soc_pct" in row for row in rows)
    assert [float(row["charge_ah"]) for row in rows] == pytest.approx(
        [truth.told_ah for truth in pack.charges], rel=0.005
    )


def test_the_command_writes_page_and_picture_of_logs_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    pack = lived(1, as_it_is, charges=4)
    config, page, picture = (tmp_path / name for name in ("gateway.toml", "health.html", "health.png"))
    config.write_text(gateway_toml(pack.channel, "rated_ah = 40.0"))
    log = pack.write(tmp_path / "bus.log")
    files = ["--report", str(page), "--png", str(picture)]
    assert main(["health", str(config), str(log), *files]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err.split()) == ("", [str(page), str(picture)])
    assert "van-1, can0" in page.read_text("utf-8")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert main(["health", str(config), str(log), "--png", "health.svg"]) == 64
    assert main(["health", str(config), str(log), "--report", str(log)]) == 64
