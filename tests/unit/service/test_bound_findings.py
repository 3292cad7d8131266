"""Test what `check --log` says of bounds: kept values, errors and energy."""

import random
import re
from itertools import pairwise
from pathlib import Path

import pytest

from telemetry.config import load_config
from telemetry.model.finding import Finding, Grade
from telemetry.service.bound_findings import Series, energy_off
from telemetry.service.check import check
from tests.support.composition_cases import POWER_DBC, Case, config

SECOND = 1_000_000_000
MAPPED = """[[map]]
signal = "Pack.Volts"
to = "battery.voltage_v"
[[map]]
signal = "Pack.Amperes"
to = "battery.current_a"
"""
BOUNDS = """[reduce]
shape = "{}"
[reduce.bounds]
"battery.voltage_v" = 0.3
"Pack.*" = 2
"""


def frame_of(volts: float, amps: float) -> str:
    raw = round(volts * 10).to_bytes(2, "little") + round(amps * 10).to_bytes(2, "little", signed=True)
    return f"100#{raw.hex()}"


def drive(folder: Path, rest: str) -> list[Finding]:
    drawn = random.Random(3)
    frames = tuple(frame_of(400 + drawn.gauss(0, 0.2), 50 + (n // 100) % 7 - 3) for n in range(3000))
    case = Case(POWER_DBC, frames, rest=rest + MAPPED)
    log = case.write(folder)
    loaded = load_config(config(folder, "can", case), {})
    return list(check(loaded, log=log))


def values_of(folder: Path, field: str) -> list[tuple[int, float]]:
    """Read the log again, by another way than the stages."""
    at = 4 * (field == "Amperes")
    found = re.findall(r"\(([0-9]+)\.([0-9]{6})\) can0 100#([0-9a-f]{8})", (folder / "can0.log").read_text())
    return [
        ((int(s) * 10**6 + int(us)) * 1000, int.from_bytes(bytes.fromhex(raw[at : at + 4]), "little") / 10)
        for s, us, raw in found
    ]


@pytest.mark.parametrize("shape", ["line", "hold"])
def test_kept_values_and_the_greatest_error_of_each_glob_are_those_of_the_log(
    shape: str, tmp_path: Path
) -> None:
    found = {
        one.rate["field"]: one.rate
        for one in drive(tmp_path, BOUNDS.format(shape))
        if one.rate and "field" in one.rate
    }
    assert list(found)[:2] == ["battery.voltage_v", "Pack.*"]
    volts, pack = found["battery.voltage_v"], found["Pack.*"]
    assert (volts["values"], pack["values"]) == (3000, 6000)
    assert volts["kept"] < 1500
    assert volts["greatest_error"] <= 0.3 + 1e-9
    assert volts["greatest_error"] > 0.2
    assert 0.2 < pack["greatest_error"] <= 2 + 1e-9
    free = found["battery.current_a"]
    assert (free["bound"], free["kept"]) == (None, 31)  # each change, and the last


def test_a_log_says_bytes_an_hour_and_by_how_much_energy_is_off(tmp_path: Path) -> None:
    texts = [one.text for one in drive(tmp_path, BOUNDS.format("line"))]
    (link,) = (text for text in texts if "MB a day on the link, with" in text)
    found = re.search("about ([0-9.]+) MB a day.*: ([0-9.]+) MB an hour, bodies ([0-9.]+) kB", link)
    assert found is not None
    a_day, an_hour, bodies = map(float, found.groups())
    assert a_day == pytest.approx(24 * an_hour, rel=0.05)
    assert 1000 * an_hour > bodies > 0
    (energy,) = (text for text in texts if "energy of pack main" in text)
    measured = re.search(r"off by (-?[0-9.]+) % of what flowed, ([0-9]+) Wh", energy)
    assert measured is not None
    volts, amps = values_of(tmp_path, "Volts"), values_of(tmp_path, "Amperes")
    power = [v * a for (_, v), (_, a) in zip(volts, amps, strict=True)]
    flown_wh = sum((one + other) / 2 * 0.1 / 3600 for one, other in pairwise(power))
    assert int(measured[2]) == round(flown_wh)
    assert abs(float(measured[1])) < 0.05


@pytest.mark.parametrize(("most", "is_over"), [(30_000, True), (5_000_000, False)])
def test_a_log_that_needs_more_than_the_budget_is_a_warning(most: int, is_over: bool, tmp_path: Path) -> None:
    rest = f"[send]\nmessages = false\nevery_s = 60\n[uplink]\nbytes_per_hour = {most}\n"
    found = drive(tmp_path, rest + BOUNDS.format("line"))
    warned = [one.text for one in found if one.level is Grade.WARNING and "[uplink]" in one.text]
    assert [text.partition(": ")[2] for text in warned] == [
        "that is more than [uplink] allows, 30.0 kB an hour: bounds will be widened"
    ] * is_over


def test_energy_from_kept_values_is_off_by_what_a_reader_draws_too_much() -> None:
    volts, amps = Series(), Series()
    for second in range(11):
        for one, value in ((volts, 100.0), (amps, 10.0 + 1.0 * (second == 5))):
            one.times_ns.append(second * SECOND)
            one.values.append(value)
    volts.kept = [(0, 100.0), (10 * SECOND, 100.0)]
    amps.kept = [(0, 10.0), (10 * SECOND, 10.0)]
    off, flown = energy_off(volts, amps, line=True)
    assert (off / SECOND, flown / SECOND) == pytest.approx((-100.0, 10_100.0))
    assert (amps.greatest_error(line=True), amps.resolution) == (1.0, 1.0)
