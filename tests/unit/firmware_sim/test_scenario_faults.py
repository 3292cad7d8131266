"""[[fault]]: tables into values, each mistake into one line; and a scenario ends whatever goes wrong."""

from pathlib import Path

import pytest

from firmware_sim.faults.kinds import (
    FAULT_KINDS,
    BusOff,
    CellImbalance,
    ChargerFault,
    ChecksumError,
    Collision,
    CounterError,
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
    SwappedPorts,
    Unplug,
    WeakCell,
    Window,
)
from firmware_sim.scenario import load_scenario
from firmware_sim.simulation import Simulation
from telemetry.errors import ConfigError
from telemetry.settings.table import TomlTable

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
def test_a_mistake_is_named_with_its_key(tmp_path: Path, kind: str, keys: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as caught:
        load_scenario(scenario_with(tmp_path, table_of(kind, keys)), TomlTable.load)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("at_s", [0.0, 30.0, 90.0])
@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_scenario_ends_whatever_goes_wrong(tmp_path: Path, kind: str, at_s: float) -> None:
    simulation = Simulation(
        load_scenario(scenario_with(tmp_path, table_of(kind, EXAMPLES[kind][0], at_s)), TomlTable.load), 1
    )
    for _ in simulation.ticks():
        assert simulation.now_ns < 300 * 1_000_000_000
