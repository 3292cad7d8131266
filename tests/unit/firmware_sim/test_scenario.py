"""firmware_sim/scenario.py: files into values, and each mistake into one line that names it."""

from pathlib import Path

import pytest

from firmware_sim.errors import NotFoundError, NotValidError
from firmware_sim.plant.load import Profile
from firmware_sim.scenario import (
    Charge,
    Drive,
    Stand,
    find_scenario,
    load_scenario,
    parse_instant,
    scenario_names,
)
from telemetry.errors import ConfigError
from telemetry.settings.table import TomlTable

GOOD = """\
starts_at = "2026-03-02T07:30:00Z"
[pack]
start_soc_pct = 55.5
[[phase]]
do = "stand"
duration_s = 5
[[phase]]
do = "drive"
road = "motorway"
duration_s = 60.0
[[phase]]
do = "charge"
max_power_kw = 50
until_soc_pct = 80
duration_s = 600
"""


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "mine.toml"
    file.write_text(text, "utf-8")
    return file


def test_a_file_becomes_values(tmp_path: Path) -> None:
    scenario = load_scenario(write(tmp_path, GOOD), TomlTable.load)
    assert scenario.name == "mine"
    assert scenario.starts_at_ns == 1_772_436_600_000_000_000
    assert scenario.pack.start_soc_pct == 55.5
    assert scenario.phases == (Stand(5.0), Drive(60.0, Profile.MOTORWAY), Charge(600.0, 50_000.0, 80.0))


@pytest.mark.parametrize("name", scenario_names())
def test_the_scenarios_of_the_package_are_valid(name: str) -> None:
    assert load_scenario(name, TomlTable.load).phases


def test_the_package_has_a_drive_a_charge_and_both() -> None:
    assert set(scenario_names()) >= {"drive", "charge", "drive-and-charge"}


@pytest.mark.parametrize(
    ("good", "bad", "what"),
    [
        ('do = "drive"', 'do = "fly"', r"phase\[1\]\.do: must be one of stand, drive, charge"),
        ('road = "motorway"', 'road = "rails"', r"phase\[1\]\.road: must be one of urban, motorway"),
        ('road = "motorway"\n', "", r"phase\[1\]\.road: is missing"),
        ("duration_s = 60.0", "duration_s = 0", r"phase\[1\]\.duration_s: must be above 0"),
        ("duration_s = 60.0", "duration_min = 1", r"phase\[1\]\.duration_s: is missing"),
        ("max_power_kw = 50", "max_power_kw = 50000", r"phase\[2\]\.max_power_kw: must be"),
        ("start_soc_pct = 55.5", "soc = 55.5", r"pack\.soc: unknown key"),
        ("start_soc_pct = 55.5", "start_soc_pct = 155", r"pack\.start_soc_pct: must be above 0"),
        ("2026-03-02T07:30:00Z", "tomorrow", r"starts_at: 'tomorrow' is no ISO 8601 time"),
        ("2026-03-02T07:30:00Z", "2026-03-02T07:30:00", r"starts_at: .* has no time zone"),
        ("[pack]", "[accu]", "accu: unknown key"),
        ("[pack]", "[pack", "is not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_its_key(tmp_path: Path, good: str, bad: str, what: str) -> None:
    file = write(tmp_path, GOOD.replace(good, bad))
    with pytest.raises(ConfigError, match=what) as caught:
        load_scenario(file, TomlTable.load)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


def test_a_scenario_without_phases_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotValidError, match="has no phase"):
        load_scenario(write(tmp_path, 'starts_at = "2026-03-02T07:30:00Z"'), TomlTable.load)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(NotFoundError, match="flight: no such scenario") as caught:
        find_scenario("flight")
    assert "drive-and-charge" in caught.value.hint


def test_a_file_is_taken_by_its_path(tmp_path: Path) -> None:
    assert find_scenario(str(write(tmp_path, GOOD))) == tmp_path / "mine.toml"


def test_instants_keep_their_microseconds() -> None:
    assert parse_instant("2026-03-02T08:30:00.123456+01:00") == 1_772_436_600_123_456_000


def test_a_scenario_that_cannot_be_looked_at_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="cannot be read: File name too long"):  # as of a closed folder
        find_scenario(str(tmp_path / f"{'x' * 300}.toml"))
