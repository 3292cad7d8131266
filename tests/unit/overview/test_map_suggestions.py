"""What `map suggest` proposes, against the simulator's own map, and that `check` accepts it."""

import os
from importlib.resources import files
from pathlib import Path

import pytest

from telemetry.config import load_config
from telemetry.demo.gateway_config import MAP
from telemetry.overview.current_sign import by_charge
from telemetry.overview.map_suggestions import CURRENT, Suggestion, as_toml, scale_to, words
from telemetry.stages.prepare import compose
from tests.support.command import failed, printed
from tests.support.recording import VEHICLE_DBC, record_drive

TRUTH = {field: f"{message}.{signal}" for message, signal, field in MAP}
NOT_BY_NAME = {"charger.phase"}  # a text, which no name and no unit shows
OPENDBC = Path(str(files("opendbc"))) / "dbc"


def suggested(*arguments: str | Path) -> str:
    return printed("map", "suggest", *map(str, arguments))


def accepted(tmp_path: Path, database: Path, entries: str) -> dict[str, tuple[str, float]]:
    """Return the signal and the scale of each field, once `check` has resolved them."""
    file = tmp_path / "gateway.toml"
    file.write_text(
        'vehicle = "van"\n[influx]\nurl = "http://h:1"\ndatabase = "d"\n[spool]\ndirectory = "spool"\n'
        f'[[can]]\nname = "bus"\ndatabases = ["{database}"]\n{entries}'
    )
    config = load_config(file, {})
    compose(config)
    return {entry.to: (entry.signal, entry.scale) for entry in config.map}


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_drive(tmp_path_factory.mktemp("drive") / "drive.log", 60.0)


def test_the_simulators_own_map_is_found(tmp_path: Path, drive: Path) -> None:
    for log in ([], [drive]):
        found = accepted(tmp_path, VEHICLE_DBC, suggested("--dbc", VEHICLE_DBC, *log))
        wrong = {field: signal for field, (signal, _) in found.items() if TRUTH.get(field) != signal}
        assert wrong == {}
        requested = {field for field in TRUTH if field.startswith("charger.requested")}
        assert TRUTH.keys() - found.keys() == NOT_BY_NAME | requested
        assert {scale for _, scale in found.values()} == {1.0}


def test_a_current_that_is_positive_out_of_the_battery_is_turned_with_the_evidence(
    tmp_path: Path, drive: Path
) -> None:
    turned = tmp_path / "turned.dbc"
    text = VEHICLE_DBC.read_text("utf-8")
    signal = 'SG_ PackCurrent : 32|16@1- (0.05,0) [-1638.4|1638.35] "A"'
    assert signal in text
    turned.write_text(text.replace(signal, signal.replace("(0.05,0)", "(-0.05,0)")))
    for database, scale, words_of_sign in (
        (VEHICLE_DBC, 1.0, "positive is into the battery"),
        (turned, -1.0, "positive is out of it"),
    ):
        entries = suggested("--dbc", database, drive)
        assert accepted(tmp_path, database, entries)["battery.current_a"][1] == scale
        evidence = [
            line for line in entries.splitlines() if line.startswith(("# state of charge", "# voltage"))
        ]
        assert len(evidence) == 2
        assert all(line.endswith(words_of_sign) for line in evidence)
        assert "# OPEN: is a positive current into the battery?" in entries


def test_without_a_log_the_sign_is_an_open_question() -> None:
    entries = suggested("--dbc", VEHICLE_DBC)
    assert "# OPEN: is a positive current into the battery?" in entries
    assert "# A log would say more" in entries
    assert "in the log" not in entries


def test_a_signal_that_never_came_or_cannot_be_it_is_not_proposed(tmp_path: Path) -> None:
    database, log = tmp_path / "a.dbc", tmp_path / "a.log"
    database.write_text(
        'VERSION ""\nBU_: X\n'
        'BO_ 1 Battery: 8 X\n SG_ Voltage : 0|16@1+ (0.1,0) [0|0] "V" X\n'
        'BO_ 2 Pack: 8 X\n SG_ Voltage : 0|16@1+ (1,0) [0|0] "mV" X\n SG_ SOC : 16|16@1+ (1,0) [0|0] "%" X\n'
        ' SG_ Hue : 0|8@1+ (1,0) [0|0] "" X\n'
        'BO_ 3 Traction: 8 X\n SG_ PackVoltage : 0|16@1+ (1,0) [0|0] "mV" X\n'
    )
    log.write_text("(1.0) can0 002#FFFFFFFF00000000\n(2.0) can0 003#E02E000000000000\n")
    entries = suggested("--dbc", database, log)
    assert accepted(tmp_path, database, entries) == {"battery.voltage_v": ("Traction.PackVoltage", 0.001)}
    assert "# or: Pack.Voltage\n" in entries
    entries, _, rest = entries.partition("\n# left out:\n")
    assert "Battery.Voltage" not in entries
    assert "SOC" not in entries
    assert rest.splitlines() == [
        "#   Battery.Voltage: never came, and may be battery.voltage_v",
        "#   Pack.SOC: 65535 to 65535 % cannot be battery.soc_pct",
        "#   1 whose names say no field of the data model (`signals` lists all)",
    ]


def test_each_signal_is_proposed_or_named_or_counted_with_what_is_wrong_with_it(tmp_path: Path) -> None:
    database = tmp_path / "a.dbc"
    names = {
        "Cell1Voltage": "V",
        "Cell2Voltage": "V",
        "PackVoltage": "A",
        "PackSOC": "",
        "Ping": "",
        "Pong": "V",
    }
    signals = (
        f' SG_ {name} : {8 * at}|8@1+ (1,0) [0|0] "{unit}" X\n'
        for at, (name, unit) in enumerate(names.items())
    )
    database.write_text(f'VERSION ""\nBU_: X\nBO_ 1 Battery: 8 X\n{"".join(signals)}')
    done = failed(65, "map", "suggest", "--dbc", database)
    assert done.splitlines()[:-1] == [
        "left out: Battery.Cell1Voltage: cells.v{n} needs 4 signals, numbered from 0 or 1",
        "left out: Battery.Cell2Voltage: cells.v{n} needs 4 signals, numbered from 0 or 1",
        'left out: Battery.PackVoltage: battery.voltage_v is in V, and its unit is "A"',
        "left out: Battery.PackSOC: battery.soc_pct is in %, and it has no unit",
        "left out: 2 whose names say no field of the data model (`signals` lists all)",
    ]


@pytest.mark.parametrize(
    ("database", "known"),
    [
        (
            "gm_global_a_high_voltage_management.dbc",
            {"battery.voltage_v": "Pack_Stats.Pack_Voltage", "battery.current_a": "Pack_Stats.Pack_Current"},
        ),
        (
            "hyundai_2015_ccan.dbc",
            {
                "battery.voltage_v": "BAT11.BAT_SNSR_V",
                "battery.current_a": "BAT11.BAT_SNSR_I",
                "battery.soc_pct": "BAT11.BAT_SOC",
                "battery.soh_pct": "BAT11.BAT_SOH",
            },
        ),
    ],
)
def test_databases_of_opendbc_are_read_by_their_names(
    database: str, known: dict[str, str], tmp_path: Path
) -> None:
    entries = suggested("--dbc", OPENDBC / database)
    found = accepted(tmp_path, OPENDBC / database, entries)
    assert {field: signal for field, (signal, _) in found.items()} == known


TWO_BATTERIES = (
    'VERSION ""\nBU_: X\n'
    'BO_ 1 TwelveVolt_Battery: 8 X\n SG_ BAT_U : 0|16@1+ (0.1,0) [0|0] "V" X\n'
    ' SG_ BAT_I : 16|16@1- (0.1,0) [0|0] "A" X\n'
    'BO_ 2 Batt_HV_Status: 8 X\n SG_ VBatt : 0|16@1+ (0.1,0) [0|0] "V" X\n'
    ' SG_ IBatt : 16|16@1- (0.1,0) [0|0] "A" X\n'
)


@pytest.mark.parametrize(
    ("name", "field"), [("RemainingCapacity", "remaining_ah"), ("FullCapacity", "capacity_ah")]
)
def test_a_capacity_is_5000_ah_at_most(tmp_path: Path, name: str, field: str) -> None:
    database = tmp_path / "a.dbc"
    database.write_text(
        f'VERSION ""\nBU_: X\nBO_ 1 Battery: 8 X\n SG_ {name} : 0|16@1+ (1,0) [0|0] "Ah" X\n'
        ' SG_ Voltage : 16|16@1+ (1,0) [0|0] "V" X\n'
    )
    proposed = {}
    for most_ah in (5000, 5001):
        log = tmp_path / f"{most_ah}.log"
        log.write_text(f"(1.0) can0 001#{most_ah.to_bytes(2, 'little').hex()}900100000000\n")
        proposed[most_ah] = accepted(tmp_path, database, suggested("--dbc", database, log))
    assert f"battery.{field}" in proposed[5000]
    assert list(proposed[5001]) == ["battery.voltage_v"]


def two_batteries(folder: Path) -> tuple[Path, Path]:
    """On can0 the pack gives up to 2.9 A and sags, after frames of zeros; can1 has the id for itself."""
    database, log = folder / "two.dbc", folder / "two.log"
    database.write_text(TWO_BATTERIES)
    payloads = [(0, 0)] * 3 + [(3550 - ampere, ampere) for ampere in range(30)]
    lines = []
    for number, (volt, ampere) in enumerate(payloads):
        data = (volt.to_bytes(2, "little") + ampere.to_bytes(2, "little")).hex()
        lines += [f"({number}.0) can0 001#7D00F6FF\n", f"({number}.1) can0 002#{data}\n"]
        lines += [f"({number}.2) can1 002#DE0DDE0D\n"]
    log.write_text("".join(lines))
    return database, log


def test_a_twelve_volt_battery_is_not_taken_for_the_pack_whose_voltage_may_begin_at_0(tmp_path: Path) -> None:
    database, log = two_batteries(tmp_path)
    for logs in ([], [log]):
        found = accepted(tmp_path, database, suggested("--dbc", database, *logs))
        assert {field: signal for field, (signal, _) in found.items()} == {
            "battery.voltage_v": "Batt_HV_Status.VBatt",
            "battery.current_a": "Batt_HV_Status.IBatt",
        }


def test_a_message_that_ends_in_12_and_a_voltage_are_no_battery_of_12_v(tmp_path: Path) -> None:
    database = tmp_path / "info.dbc"
    signal = ' SG_ VoltagePack : 0|16@1+ (0.1,0) [0|0] "V" X\n'
    database.write_text(f'VERSION ""\nBU_: X\nBO_ 1 BMS_Info12: 8 X\n{signal}BO_ 2 BMS_Info13: 8 X\n{signal}')
    found = accepted(tmp_path, database, suggested("--dbc", database))
    assert found == {"battery.voltage_v": ("BMS_Info12.VoltagePack", 1.0)}


@pytest.mark.parametrize("name", ["-", "pipe"])
def test_a_pipe_is_refused_since_logs_are_read_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    monkeypatch.setattr("telemetry.cli.map.loaded_plan", None)  # nothing is read before
    assert f"{name}: is read twice" in failed(64, "map", "suggest", "--dbc", VEHICLE_DBC, name)


def test_the_sign_of_the_current_is_read_from_one_channel_of_several(tmp_path: Path) -> None:
    database, log = two_batteries(tmp_path)
    both = suggested("--dbc", database, log).splitlines()
    one = suggested("--dbc", f"can0={database}", log).splitlines()
    (evidence,) = (line for line in one if line.startswith("# voltage"))
    assert evidence in both


def test_a_database_of_nothing_of_a_battery_is_refused(tmp_path: Path) -> None:
    database = tmp_path / "doors.dbc"
    database.write_text('VERSION ""\nBU_: X\nBO_ 1 Doors: 8 X\n SG_ Open : 0|1@1+ (1,0) [0|1] "" X\n')
    assert "no signal looks like one of a battery or charger" in failed(
        65, "map", "suggest", "--dbc", database
    )


@pytest.mark.parametrize(("first", "index_from"), [(0, "index_from = 0\n"), (1, "")])
def test_cells_are_numbered_from_0_or_1(first: int, index_from: str, tmp_path: Path) -> None:
    signals = [f' SG_ Cell{first + n}Voltage : {16 * n}|16@1+ (0.001,0) [0|5] "V" E\n' for n in range(4)]
    (tmp_path / "cells.dbc").write_text('VERSION ""\nBU_: E\nBO_ 256 Cells: 8 E\n' + "".join(signals))
    said = suggested("--dbc", tmp_path / "cells.dbc")
    assert 'signal = "Cells.Cell{n}Voltage"\nto = "cells.v{n}"\n' + index_from in said
    assert ("index_from" in said) == (first == 0)


@pytest.mark.parametrize(
    ("name", "spoken"),
    [
        ("BMS_PackPower", "bms pack power"),
        ("BAT_SNSR_I", "battery snsr current"),
        ("HVBatteryCurrent", "hv battery current"),
        ("cellTempMax2", "cell temperature max 2"),
        ("SOC", "soc"),
        ("VBatt", "voltage battery"),
    ],
)
def test_names_are_words(name: str, spoken: str) -> None:
    assert words(name) == spoken


def test_units_scale_and_other_quantities_do_not_fit() -> None:
    assert (scale_to("V", "mV"), scale_to("Wh", "kWh"), scale_to("C", "°C"), scale_to("A", "V")) == (
        0.001,
        1000.0,
        1.0,
        None,
    )


def test_a_witness_without_evidence_says_why() -> None:
    still = [(second * 10**9, 5.0) for second in range(3)]
    entry = Suggestion("Pack.Current", CURRENT, evidence=(by_charge(still, still),))
    assert "# state of charge: no evidence, it does not change in this log\n" in as_toml([entry])


def test_an_entry_as_it_is_has_neither_a_scale_nor_an_index() -> None:
    plain = as_toml([Suggestion("Pack.Volts", "battery.voltage_v")])
    assert plain == '[[map]]\nsignal = "Pack.Volts"\nto = "battery.voltage_v"\n'
    scaled = as_toml([Suggestion("Pack.V{n}", "cells.v{n}", scale=0.001, index_from=0)])
    assert "scale = 0.001\n" in scaled
    assert "index_from = 0\n" in scaled


@pytest.mark.parametrize(
    ("field", "given", "scale"),
    [
        *(("V", unit, 1.0) for unit in ("V", "Volt", " volts ")),
        *(("A", unit, 1.0) for unit in ("A", "Amp", "amps", "Ampere")),
        *(("%", unit, 1.0) for unit in ("%", "percent", "Pct")),
        *(("C", unit, 1.0) for unit in ("C", "°C", "degC", "deg C", "deg", "Celsius")),
        *((field, field, 1.0) for field in ("Ah", "Wh", "W", "kOhm")),
        *((field, f"m{field}", 0.001) for field in ("V", "A", "Ah")),
        *((field, f"k{field}", 1000.0) for field in ("Wh", "W")),
        ("kOhm", "kOhms", 1.0),
        ("kOhm", "Ohm", 0.001),
        ("kOhm", "ohms", 0.001),
        *(("", unit, 1.0) for unit in ("", "-", "1", "#")),
        ("", "V", None),
        ("W", "Wh", None),
    ],
)
def test_a_unit_has_the_factor_that_its_prefix_says(field: str, given: str, scale: float | None) -> None:
    assert scale_to(field, given) == scale
