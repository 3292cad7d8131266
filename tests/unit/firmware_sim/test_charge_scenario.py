"""Scenarios of a charge: tables into values, and each mistake into one line with the path of its key."""

from pathlib import Path

import pytest

from firmware_sim.charge_scenario import CHARGE_SCENARIOS, charge_scenario_names, load_charge_scenario
from firmware_sim.errors import NotFoundError
from firmware_sim.faults import charge_kinds as kinds
from firmware_sim.faults.charge_kinds import CHARGE_FAULT_KINDS, Planned, Since, TransportFault
from firmware_sim.faults.kinds import Fault, Insulation, OverTemperature, Silence, Window
from firmware_sim.wire.gbt import Edition
from telemetry.errors import ConfigError
from telemetry.settings.table import TomlTable

FROM_30 = Window(30.0, 15.0)
ONCE_AT_30 = Window(30.0, 604_800.0)
EXAMPLES: dict[str, tuple[str, Fault | TransportFault]] = {
    "silence": ('on = "BRO(AA)"', Silence(FROM_30, "BRO(AA)")),
    "stop": ('on = "vehicle"\nreason = "relay_fault"', kinds.Stop(ONCE_AT_30, "vehicle", ("relay_fault",))),
    "pause": ('on = "charger"', kinds.Pause(FROM_30, "charger")),
    "excess": ("current_a = 40", kinds.Excess(FROM_30, 40.0)),
    "derating": ("share = 0.4", kinds.Derating(FROM_30, 0.4)),
    "demand": ("voltage_v = 900", kinds.Demand(FROM_30, 900.0)),
    "soc-step": ("soc_pct = -4", kinds.SocStep(FROM_30, -4.0)),
    "insulation": ("resistance_kohm = 150", Insulation(FROM_30, 150.0)),
    "over-temperature": ("module = 5\nheat_w = 40000", OverTemperature(FROM_30, 5, 40_000.0)),
    "power-loss": ("", kinds.PowerLoss(ONCE_AT_30)),
    "unplug": ("", kinds.Unplug(ONCE_AT_30)),
    "untrusted-bits": ("", kinds.UntrustedBits(FROM_30)),
    "zero-stop": ("", kinds.ZeroStop(FROM_30)),
    "short-frames": ("", kinds.ShortFrames(FROM_30)),
    "padded-frames": ("fill = 204", kinds.PaddedFrames(FROM_30, 0xCC)),
    "vendor-frames": ("", kinds.VendorFrames(FROM_30)),
    "own-frames": ("", kinds.OwnFrames(FROM_30)),
    "clock-step": ("step_s = -3600", kinds.ClockStep(ONCE_AT_30, -3600.0)),
    "no-answer": ('on = "BRM"', kinds.NoAnswer("BRM", 1)),
    "refusal": ('on = "BCS"\ntimes = 3', kinds.Refusal("BCS", 3)),
    "lost-packet": ('on = "BRM"\npacket = 3', kinds.LostPacket("BRM", 3, 1)),
    "wrong-count": ('on = "BRM"', kinds.WrongCount("BRM")),
}


def loaded(tmp_path: Path, text: str) -> tuple[Planned, ...]:
    file = tmp_path / "mine.toml"
    file.write_text(text, "utf-8")
    return load_charge_scenario(file, TomlTable.load).faults


def test_there_is_an_example_of_every_fault() -> None:
    assert tuple(EXAMPLES) == CHARGE_FAULT_KINDS


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_fault_is_read(kind: str, tmp_path: Path) -> None:
    keys, fault = EXAMPLES[kind]
    when = ""
    if not isinstance(fault, TransportFault):
        once = fault.window == ONCE_AT_30
        when = 'after = "charging"\nat_s = 30\n' + ("" if once else "duration_s = 15\n")
    since = Since.CHARGING if when else Since.START
    assert loaded(tmp_path, f'[[fault]]\ndo = "{kind}"\n{when}{keys}\n') == (Planned(fault, since),)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[[fault]]\ndo = "silense"', r"mine\.toml:2: fault\[0\]\.do: must be one of silence, "),
        ('[[fault]]\ndo = "silence"\non = "BXX"', r"mine\.toml:3: fault\[0\]\.on: must be one of CHM, "),
        (
            '[[fault]]\ndo = "stop"\non = "charger"\nreason = "relay_fault"',
            r":4: fault\[0\]\.reason: must be",
        ),
        ('[[fault]]\ndo = "unplug"\nduration_s = 3', r"mine\.toml:3: fault\[0\]\.duration_s: "),
        ('[[fault]]\ndo = "wrong-count"\non = "BRM"\nat_s = 3', r"mine\.toml:4: fault\[0\]\.at_s: "),
        ('[[fault]]\ndo = "derating"\nshare = 1.5', r"mine\.toml:3: fault\[0\]\.share: must be "),
        ('[[fault]]\ndo = "lost-packet"\non = "CCS"\npacket = 1', r":3: fault\[0\]\.on: must be one of BRM"),
        ('[charger]\nedition = "2016"', r"mine\.toml:2: charger\.edition: must be one of 2011, 2015, 2023"),
        ("[charger]\nreconects = 1", r"mine\.toml:2: charger\.reconects: .*reconnects"),
        ("[vehicle]\nuntil_soc_pct = 101", r"mine\.toml:2: vehicle\.until_soc_pct: must be "),
        ('[ends]\noutcome = "good"', r"mine\.toml:2: ends\.outcome: must be one of complete, "),
        ('starts_at = "now"', r"mine\.toml:1: starts_at: 'now' is no ISO 8601 time"),
        ("[phase]\n", r"mine\.toml:1: phase: "),
    ],
)
def test_a_mistake_is_one_line_with_the_path_of_its_key(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as caught:
        loaded(tmp_path, text + "\n")
    assert "\n" not in str(caught.value)


def test_a_scenario_is_found_by_name_by_number_and_by_file() -> None:
    def found(name: str) -> str:
        return load_charge_scenario(name, TomlTable.load).name

    names = charge_scenario_names()
    file = CHARGE_SCENARIOS / "07-bro-silent.toml"
    assert found("7") == found("07") == found(str(file)) == "07-bro-silent"
    assert found("0") == found("00") == "00-good"
    assert [found(name) for name in names] == names
    for unknown in ("41", "bro-silent", "nowhere.toml"):
        with pytest.raises(NotFoundError, match="no such scenario of a charge"):
            found(unknown)


def test_what_a_scenario_leaves_out_is_a_charge_of_2015(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("", "utf-8")
    scenario = load_charge_scenario(file, TomlTable.load)
    assert scenario.charger.edition is scenario.vehicle.edition is Edition.Y2015
    assert (scenario.faults, scenario.ends.outcome, scenario.name) == ((), "complete", "mine")
