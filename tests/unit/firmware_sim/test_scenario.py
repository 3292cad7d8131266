"""firmware_sim/scenario.py: files into values, and each mistake into one line that names it.

Each [[fault]] becomes a value, and a scenario ends whatever goes wrong.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_sim.errors import NotFoundError, NotValidError
from firmware_sim.faults.kinds import (
    FAULT_KINDS,
    BusOff,
    CellImbalance,
    ChargerFault,
    ChecksumError,
    Collision,
    CounterError,
    CurrentError,
    ErrorReply,
    Fault,
    Garbage,
    HexMessage,
    Insulation,
    LateAnswer,
    LostBytes,
    OverTemperature,
    SensorLoss,
    Silence,
    SocError,
    SocStuck,
    SwappedPorts,
    Unplug,
    WeakCell,
    Window,
)
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
from firmware_sim.simulation import Simulation
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


WEEK_S = 604_800.0
FROM_30 = Window(30.0, 15.0)
ONCE_AT_30 = Window(30.0, WEEK_S)
EXAMPLES: dict[str, tuple[str, Fault]] = {
    "cell-imbalance": ("cell = 3\ncharge_pct = -20", CellImbalance(ONCE_AT_30, 3, -20.0)),
    "weak-cell": (
        "cell = 96\ncapacity_pct = 60\nresistance_pct = 900",
        WeakCell(ONCE_AT_30, 96, 60.0, 900.0),
    ),
    "over-temperature": ("module = 2\nheat_w = 9000", OverTemperature(FROM_30, 2, 9000.0)),
    "sensor-loss": ('on = "bms"\nsensor = 12', SensorLoss(FROM_30, "bms", 12)),
    "insulation": ("resistance_kohm = 10", Insulation(FROM_30, 10.0)),
    "charger-fault": ("", ChargerFault(FROM_30, cooling_only=False)),
    "charger-cooling": ("", ChargerFault(FROM_30, cooling_only=True)),
    "current-error": ("offset_a = -0.5\ngain_pct = 1", CurrentError(FROM_30, -0.5, 1.0)),
    "soc-error": (
        "sd_pct = 3.3\nshift_pct = -12\nresolution_pct = 1",
        SocError(FROM_30, 3.3, -12.0, 1.0),
    ),
    "soc-stuck": ("", SocStuck(FROM_30)),
    "counter-error": ('on = "BMS_Limits"', CounterError(FROM_30, "BMS_Limits")),
    "bus-off": ("", BusOff(FROM_30)),
    "error-reply": ("share = 0.2", ErrorReply(FROM_30, 0.2)),
    "hex-message": ("share = 0.3", HexMessage(FROM_30, 0.3)),
    "checksum-error": ('on = "BMS_PackPower"\nshare = 0.5', ChecksumError(FROM_30, "BMS_PackPower", 0.5)),
    "silence": ('on = "BMS"', Silence(FROM_30, "BMS")),
    "garbage": ('on = "can"\nper_s = 5', Garbage(FROM_30, "can", 5.0)),
    "lost-bytes": ('on = "jbd"\nshare = 0.01', LostBytes(FROM_30, "jbd", 0.01)),
    "collision": ('on = "daly:2"\nshare = 0.01', Collision(FROM_30, "daly:2", 0.01)),
    "late-answer": (
        'on = "daly"\nshare = 0.1\nlate_s = 0.4',
        LateAnswer(FROM_30, "daly", 0.1, 0.4),
    ),
    "unplug": ('on = "vedirect"', Unplug(FROM_30, "vedirect")),
    "swapped-ports": ('on = "left"\nother = "right"', SwappedPorts(FROM_30, "left", "right")),
}
ONCE = ("cell-imbalance", "weak-cell")
LINES = "".join(
    f'[[serial]]\nname = "{name}"\n[[serial.device]]\nkind = "daly"\n' for name in ("left", "right")
)


def table_of(kind: str, keys: str, at_s: float = 30.0) -> str:
    lasting = "" if kind in ONCE else "duration_s = 15\n"
    return f'[[fault]]\ndo = "{kind}"\nat_s = {at_s}\n{lasting}{keys}\n'


def scenario_with(tmp_path: Path, fault: str) -> Path:
    file = tmp_path / "mine.toml"
    phases = (
        '[[phase]]\ndo = "drive"\nroad = "urban"\nduration_s = 60\n'
        '[[phase]]\ndo = "charge"\nmax_power_kw = 60\nduration_s = 60\n'
        '[[phase]]\ndo = "stand"\nduration_s = 5\n'
    )
    file.write_text(
        f'starts_at = "2026-03-02T07:30:00Z"\n[pack]\nstart_soc_pct = 50\n{LINES}{fault}{phases}', "ascii"
    )
    return file


def test_there_is_an_example_of_every_kind() -> None:
    assert tuple(EXAMPLES) == FAULT_KINDS


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_table_becomes_a_value(tmp_path: Path, kind: str) -> None:
    keys, fault = EXAMPLES[kind]
    assert load_scenario(scenario_with(tmp_path, table_of(kind, keys)), TomlTable.load).faults == (fault,)


def test_a_fault_begins_at_once_and_lasts_for_ever_unless_it_says_otherwise(tmp_path: Path) -> None:
    (fault,) = load_scenario(scenario_with(tmp_path, '[[fault]]\ndo = "bus-off"\n'), TomlTable.load).faults
    assert fault.window == Window(0.0, WEEK_S)
    assert fault.window.active(0)


def test_a_fault_comes_again_every_so_often() -> None:
    window = Window(10.0, 2.0, every_s=5.0)
    active = [second for second in range(25) if window.active(second * 1_000_000_000)]
    assert active == [10, 11, 15, 16, 20, 21]
    assert [window.round(at_s * 1_000_000_000) for at_s in (10, 13, 16)] == [0, None, 1]


@pytest.mark.parametrize(
    ("kind", "keys", "what"),
    [
        ("rain", "", r"fault\[0\]\.do: must be one of cell-imbalance, "),
        ("weak-cell", "cell = 97", r"fault\[0\]\.cell: must be"),
        ("weak-cell", "capacity_pct = 60", r"fault\[0\]\.cell: is missing"),
        (
            "cell-imbalance",
            "cell = 1\ncharge_pct = 5\nduration_s = 3",
            r"fault\[0\]\.duration_s: unknown key",
        ),
        ("sensor-loss", 'on = "jbd"\nsensor = 3', r"fault\[0\]\.sensor: must be"),
        ("counter-error", 'on = "BMS_CellVoltages"', r"fault\[0\]\.on: must be one of "),
        ("silence", 'on = "bms"', r"fault\[0\]\.on: must be one of BMS, CHG, "),
        ("lost-bytes", 'on = "can"\nshare = 0.1', r"fault\[0\]\.on: must be one of jbd, vedirect"),
        ("lost-bytes", 'on = "jbd"\nshare = 1.5', r"fault\[0\]\.share: must be"),
        ("unplug", 'on = "daly:x"', r"fault\[0\]\.on: must be one of jbd, .*, left, right, not 'daly:x'"),
        ("swapped-ports", 'on = "left"\nother = "up"', r"fault\[0\]\.other: must be one of left, right, not"),
        ("lost-bytes", 'on = "jbd"', r"fault\[0\]\.share: is missing"),
        ("bus-off", "every_s = 5", r"fault\[0\]\.every_s: is shorter than duration_s = 15"),
        ("bus-off", "often = 5", r"fault\[0\]\.often: unknown key"),
    ],
)
def test_a_mistake_in_a_fault_is_named_with_its_key(tmp_path: Path, kind: str, keys: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as caught:
        load_scenario(scenario_with(tmp_path, table_of(kind, keys)), TomlTable.load)
    assert "\n" not in str(caught.value)


def whenever() -> Iterator[object]:
    """Yield each kind with one moment, and with the others in the campaign."""
    for number, kind in enumerate(EXAMPLES):
        for turn, at_s in enumerate((0.0, 30.0, 90.0)):
            yield pytest.param(kind, at_s, marks=() if turn == number % 3 else pytest.mark.long)


@pytest.mark.parametrize(("kind", "at_s"), list(whenever()))
def test_a_scenario_ends_whatever_goes_wrong(tmp_path: Path, kind: str, at_s: float) -> None:
    simulation = Simulation(
        load_scenario(scenario_with(tmp_path, table_of(kind, EXAMPLES[kind][0], at_s)), TomlTable.load), 1
    )
    for _ in simulation.ticks():
        assert simulation.now_ns < 300 * 1_000_000_000
