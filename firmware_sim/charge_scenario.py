"""A scenario of a DC charge: which charger and vehicle, what goes wrong, how a listener must see it end.

It is one TOML file, as frozen values. Promises: the file is validated key by key; any fault in it is one
error of its table, which names the key.
"""

from dataclasses import dataclass
from pathlib import Path

from firmware_sim.ecus.gbt.charger import GbtChargerSpec
from firmware_sim.ecus.gbt.power_stage import PowerStageSpec
from firmware_sim.ecus.gbt.vehicle import VehicleSpec
from firmware_sim.faults.charge_kinds import Planned, read_charge_fault
from firmware_sim.scenario import SCENARIOS, Heading, Load, find_in, names_in, read_heading
from firmware_sim.table import Table, key, read, take

CHARGE_SCENARIOS = SCENARIOS / "dc-charge"
GOOD = "00-good"

_PHASES = ("handshake", "recognition", "configuration", "charging", "stopping", "ended")
_OUTCOMES = ("complete", "stopped", "error", "cut", "failed")
_SIDES = ("vehicle", "charger", "none")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a listener must see the session end."""

    side: str | None  # who ended it
    phase: str = key(absent="ended", one_of=_PHASES)  # the last one that is reached
    outcome: str = key(absent="complete", one_of=_OUTCOMES)
    reason: str | None = key()  # a signal of BST, CST, BEM or CEM
    attempts: int = key(absent=1, least=1, most=4)
    event: int | None = key(least=200, most=299)  # that must be among the session's, besides


@dataclass(frozen=True, slots=True)
class ChargeScenario(Heading):
    """Everything a scenario file says."""

    charger: GbtChargerSpec
    vehicle: VehicleSpec
    faults: tuple[Planned, ...]
    ends: Ending


def charge_scenario_names() -> list[str]:
    """Return the names of the scenarios that come with the package, in the order of their numbers."""
    return names_in(CHARGE_SCENARIOS)


def load_charge_scenario(name_or_file: str | Path, load: Load) -> ChargeScenario:
    """Return the scenario of that name, number or file. Raises NotFoundError, and what `load` raises."""
    file = find_in(CHARGE_SCENARIOS, name_or_file, "scenario of a charge", "`sim --list`")
    top = load(file)
    charger = top.take_table("charger")
    scenario = ChargeScenario(
        **read_heading(top, file, "2026-03-02T10:00:00Z"),
        charger=read(GbtChargerSpec, charger, power=take(PowerStageSpec, charger)),
        vehicle=read(VehicleSpec, top.take_table("vehicle")),
        faults=tuple(read_charge_fault(table) for table in top.take_tables("fault")),
        ends=_ending(top.take_table("ends")),
    )
    top.close()
    return scenario


def _ending(table: Table) -> Ending:
    side = table.take_text("side", "none", one_of=_SIDES)
    return read(Ending, table, side=None if side == "none" else side)
