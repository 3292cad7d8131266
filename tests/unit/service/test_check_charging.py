"""What `check` says of meters and charging sessions."""

from pathlib import Path

import pytest

from telemetry.model.finding import Grade
from tests.support.checking import LOG, VOLTAGE, findings, texts
from tests.support.recording import VEHICLE_DBC


@pytest.mark.parametrize(
    ("chargers", "pack", "reported"),
    [
        (["bay-1"], "main", (Grade.FACT, "pack main is taken as a meter of charger bay-1")),
        (
            ["bay-1", "bay-2"],
            "main",
            (Grade.WARNING, "pack main: 2 plugs have that name: it is a meter of none"),
        ),
        (["bay-1"], "other", None),
    ],
)
def test_what_is_taken_as_the_meter_of_a_plug_is_reported(
    tmp_path: Path, chargers: list[str], pack: str, reported: tuple[Grade, str] | None
) -> None:
    plugs = "".join(
        f'[[can]]\nname = "can{number}"\nprotocol = "gbt27930"\ncharger = "{charger}"\n'
        for number, charger in enumerate(chargers)
    )
    (tmp_path / "drive.log").touch()
    entry = f'{VOLTAGE}pack = "{pack}"\n'
    found = [one for one in findings(tmp_path, plugs + LOG, rest=entry) if one.text.startswith("charging: ")]
    assert [(one.level, one.text.removeprefix("charging: ")) for one in found] == [reported] * bool(reported)


@pytest.mark.parametrize(
    ("named", "warned"),
    [
        ('pack = "left"', False),
        ('charger = "main"', False),
        ('pack = "right"', True),  # its voltage alone
        ('pack = "both"', True),  # sessions watch no aggregate
        ('pack = "main"', True),
        ('charger = "left"', True),
    ],
)
def test_a_session_of_what_nothing_measures_is_a_warning(tmp_path: Path, named: str, warned: bool) -> None:
    source = f'[[can]]\nname = "can9"\ndatabases = ["{VEHICLE_DBC}"]\n'
    rest = "".join(
        f'[[map]]\nsignal = "BMS_PackPower.{signal}"\nto = "{to}"\n{tag}\n'
        for signal, to, tag in (
            ("PackVoltage", "battery.voltage_v", 'pack = "left"'),
            ("PackCurrent", "battery.current_a", 'pack = "left"'),
            ("PackVoltage", "battery.voltage_v", 'pack = "right"'),
            ("PackCurrent", "charger.power_w", ""),
        )
    )
    rest += f'[[aggregate]]\npack = "both"\nparallel = ["left", "right"]\n[[session]]\n{named}\n'
    warnings = texts(findings(tmp_path, source, rest=rest), Grade.WARNING)
    assert ("session: nothing measures power of" in warnings) == warned


@pytest.mark.parametrize(("packs", "warned"), [(("a", "b"), False), (("main", "main"), True)])
def test_a_session_of_a_pack_that_two_buses_measure_is_a_warning(
    tmp_path: Path, packs: tuple[str, str], warned: bool
) -> None:
    source = "".join(f'[[can]]\nname = "can{n}"\ndatabases = ["{VEHICLE_DBC}"]\n' for n in (8, 9))
    rest = "".join(
        f'[[map]]\nsignal = "BMS_PackPower.{signal}"\nto = "{to}"\nbus = "can{n}"\npack = "{pack}"\n'
        for n, pack in zip((8, 9), packs, strict=True)
        for signal, to in (("PackVoltage", "battery.voltage_v"), ("PackCurrent", "battery.current_a"))
    )
    rest += f'[[session]]\npack = "{packs[0]}"\n'
    warnings = texts(findings(tmp_path, source, rest=rest), Grade.WARNING)
    assert (f"session: 2 buses measure pack {packs[0]}, and their power" in warnings) == warned
