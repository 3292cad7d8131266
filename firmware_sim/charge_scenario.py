"""A scenario of a DC charge: which charger and vehicle, what goes wrong, how a listener must see it end.

It is one TOML file, as frozen values. Promises: the file is validated key by key; any fault in it is one
ConfigError that names the key. The scenarios of the package are found by their bare name or their number.
"""

from dataclasses import dataclass
from pathlib import Path

from firmware_sim.ecus.gbt.charger import GbtChargerSpec
from firmware_sim.ecus.gbt.power_stage import PowerStageSpec
from firmware_sim.ecus.gbt.vehicle import VehicleSpec
from firmware_sim.faults.charge_kinds import Planned
from firmware_sim.faults.charge_read import read_charge_fault
from firmware_sim.plant.pack import PackSpec
from firmware_sim.scenario import read_pack, take_instant_ns
from firmware_sim.wire.gbt import Edition
from telemetry.errors import InputMissingError
from telemetry.settings.table import TomlTable

CHARGE_SCENARIOS = Path(__file__).with_name("scenarios") / "dc-charge"
GOOD = "00-good"

_EDITIONS = {str(edition.value): edition for edition in Edition}
_PHASES = ("handshake", "recognition", "configuration", "charging", "stopping", "ended")
_OUTCOMES = ("complete", "stopped", "error", "cut", "failed")
_SIDES = ("vehicle", "charger", "none")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a listener must see the session end."""

    phase: str  # the last one that is reached
    outcome: str
    side: str | None  # who ended it
    reason: str | None  # a signal of BST, CST, BEM or CEM
    attempts: int
    event: int | None  # that must be among the session's, besides


@dataclass(frozen=True, slots=True)
class ChargeScenario:
    """Everything a scenario file says."""

    name: str
    about: str  # in one line
    starts_at_ns: int  # simulated time of the first frame in a log, ns since 1970
    pack: PackSpec
    charger: GbtChargerSpec
    vehicle: VehicleSpec
    faults: tuple[Planned, ...]
    ends: Ending


def charge_scenario_names() -> list[str]:
    """The scenarios that come with the package, in the order of their numbers."""
    return sorted(file.stem for file in CHARGE_SCENARIOS.glob("*.toml"))


def find_charge_scenario(name_or_file: str) -> Path:
    """The file of a scenario, given by file name, by bare name, or by number. Raises InputMissingError."""
    file = Path(name_or_file)
    if file.suffix != ".toml" and file.name == name_or_file:
        names = {name: name for name in charge_scenario_names()}
        names |= {name.partition("-")[0]: name for name in names}
        names |= {number.lstrip("0"): name for number, name in names.items() if number.isdecimal()}
        file = CHARGE_SCENARIOS / f"{names.get(name_or_file, name_or_file)}.toml"
    try:
        is_file = file.is_file()
    except OSError as error:  # a folder on the way that this user may not enter
        raise InputMissingError(f"cannot be read: {error.strerror}", where=name_or_file) from error
    if not is_file:
        raise InputMissingError(
            "no such scenario of a charge", where=name_or_file, hint="a .toml file, or one of `sim --list`"
        )
    return file


def load_charge_scenario(file: Path) -> ChargeScenario:
    """Read and validate `file`. Raises ConfigError."""
    top = TomlTable.load(file)
    scenario = ChargeScenario(
        name=file.stem,
        about=top.take_text("about", "a scenario of your own"),
        starts_at_ns=take_instant_ns(top, "starts_at", "2026-03-02T10:00:00Z"),
        pack=read_pack(top.take_table("pack")),
        charger=_charger(top.take_table("charger")),
        vehicle=_vehicle(top.take_table("vehicle")),
        faults=tuple(read_charge_fault(table) for table in top.take_tables("fault")),
        ends=_ending(top.take_table("ends")),
    )
    top.close()
    return scenario


def _charger(table: TomlTable) -> GbtChargerSpec:
    new, power = GbtChargerSpec(), PowerStageSpec()
    spec = GbtChargerSpec(
        edition=_edition(table),
        power=PowerStageSpec(
            max_voltage_v=table.take_number("max_voltage_v", power.max_voltage_v, above=0.0, most=1500.0),
            min_voltage_v=table.take_number("min_voltage_v", power.min_voltage_v, least=0.0, most=1500.0),
            max_current_a=table.take_number("max_current_a", power.max_current_a, above=0.0, most=400.0),
            max_power_w=1000.0
            * table.take_number("max_power_kw", power.max_power_w / 1000.0, above=0.0, most=600.0),
        ),
        number=table.take_integer("number", new.number, least=1, most=2**32 - 1),
        insulation_s=table.take_number("insulation_s", new.insulation_s, least=0.0, most=60.0),
        output_s=table.take_number("output_s", new.output_s, least=0.0, most=60.0),
        reconnects=table.take_integer("reconnects", new.reconnects, least=0, most=3),
        negotiates_2024=table.take_flag("negotiates_2024"),
        goes_on_without_bhm=table.take_flag("goes_on_without_bhm"),
    )
    table.close()
    return spec


def _vehicle(table: TomlTable) -> VehicleSpec:
    new = VehicleSpec()
    spec = VehicleSpec(
        edition=_edition(table),
        until_soc_pct=table.take_number("until_soc_pct", new.until_soc_pct, above=0.0, most=100.0),
        max_current_a=table.take_number("max_current_a", new.max_current_a, above=0.0, most=400.0),
        sends_cells=table.take_flag("sends_cells", new.sends_cells),
    )
    table.close()
    return spec


def _edition(table: TomlTable) -> Edition:
    return _EDITIONS[table.take_text("edition", "2015", one_of=tuple(_EDITIONS))]


def _ending(table: TomlTable) -> Ending:
    side = table.take_text("side", "none", one_of=_SIDES)
    ending = Ending(
        phase=table.take_text("phase", "ended", one_of=_PHASES),
        outcome=table.take_text("outcome", "complete", one_of=_OUTCOMES),
        side=None if side == "none" else side,
        reason=table.take_optional_text("reason"),
        attempts=table.take_integer("attempts", 1, least=1, most=4),
        event=table.take_optional_integer("event", least=200, most=299),
    )
    table.close()
    return ending
