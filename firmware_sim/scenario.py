"""A scenario: which batteries, what happens to them, and what goes wrong: one TOML file, as frozen values.

Promises: the file is validated key by key. Any fault in it is one error of its table, which names the key.
The scenarios that come with the package are found by their bare name, and by its number where it begins with
one: those of a DC charge (`charge_scenario.py`) as well.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from firmware_sim.ecus.service_battery import ServiceSpec
from firmware_sim.errors import NotFoundError, NotValidError
from firmware_sim.faults.kinds import WEEK_S, Fault, OnLines, read_fault
from firmware_sim.plant.load import Profile
from firmware_sim.plant.pack import PackSpec
from firmware_sim.serial_devices import KINDS
from firmware_sim.serial_scenario import LineSpec, read_lines
from firmware_sim.table import Table, key, read

SCENARIOS = Path(__file__).with_name("scenarios")

Load = Callable[[Path], Table]  # the top table of a file; raises an error of its own

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Heading:
    """The settings that every scenario has."""

    name: str
    about: str  # in one line
    starts_at_ns: int  # simulated time of the first frame where nobody says otherwise, ns since 1970
    pack: PackSpec


def read_heading(top: Table, file: Path, starts_at: str | None = None) -> dict[str, Any]:
    """Return the fields of a Heading. starts_at: where the file does not say it."""
    try:
        starts_at_ns = parse_instant(top.take_text("starts_at", starts_at))
    except ValueError as error:
        raise top.wrong("starts_at", str(error)) from error
    return {
        "name": file.stem,
        "about": top.take_text("about", "a scenario of your own"),
        "starts_at_ns": starts_at_ns,
        "pack": read(PackSpec, top.take_table("pack")),
    }


def parse_instant(text: str) -> int:
    """Return an ISO 8601 time with its zone as ns since 1970. Raises ValueError with what is wrong."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no ISO 8601 time such as 2026-03-02T07:30:00Z") from error
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone: for UTC append a Z")
    return (instant - _EPOCH) // timedelta(microseconds=1) * 1000


def names_in(folder: Path) -> list[str]:
    """Return the names of a folder's scenarios, in their order."""
    return sorted(file.stem for file in folder.glob("*.toml"))


def find_in(folder: Path, name_or_file: str | Path, what: str, choice: str) -> Path:
    """Return the file that is meant: by its path, or by the name or number of one in the folder.

    Raises NotFoundError: no such `what`, a .toml file, or one of `choice`.
    """
    file = Path(name_or_file)
    if file.suffix != ".toml" and file.name == str(name_or_file):
        names = {name: name for name in names_in(folder)}
        numbers = {number: name for name in names if (number := name.partition("-")[0]).isdecimal()}
        names |= numbers | {str(int(number)): name for number, name in numbers.items()}
        file = folder / f"{names.get(file.name, file.name)}.toml"
    try:
        is_file = file.is_file()
    except OSError as error:  # a folder on the way that this user may not enter
        raise NotFoundError(f"cannot be read: {error.strerror}", where=str(name_or_file)) from error
    if not is_file:
        raise NotFoundError(
            f"no such {what}", where=str(name_or_file), hint=f"a .toml file, or one of {choice}"
        )
    return file


@dataclass(frozen=True, slots=True)
class Stand:
    """Parked: contactors open."""

    duration_s: float = key(above=0.0, most=WEEK_S)


@dataclass(frozen=True, slots=True)
class Drive:
    """On the road for `duration_s`, and until the vehicle has come to a stop."""

    duration_s: float = key(above=0.0, most=WEEK_S)
    profile: Profile = key(name="road")


@dataclass(frozen=True, slots=True)
class Charge:
    """At a charger until full, until `until_soc_pct`, or for `duration_s` at most."""

    duration_s: float = key(above=0.0, most=WEEK_S)
    max_power_w: float = key(name="max_power_kw", scale=1000.0, above=0.0, most=350.0)
    until_soc_pct: float = key(absent=100.0, above=0.0, most=100.0)


Phase = Stand | Drive | Charge
_PHASES: Mapping[str, type[Phase]] = {"stand": Stand, "drive": Drive, "charge": Charge}


@dataclass(frozen=True, slots=True)
class Scenario(Heading):
    """Everything a scenario file says."""

    service: ServiceSpec
    phases: tuple[Phase, ...]
    faults: tuple[Fault, ...]
    batteries: Mapping[str, ServiceSpec] = field(default_factory=dict)  # further ones, by their name
    lines: tuple[LineSpec, ...] = ()

    @property
    def planned_s(self) -> float:
        """Return the time it takes; a drive is over a little later, a full battery earlier."""
        return sum(phase.duration_s for phase in self.phases)


def scenario_names() -> list[str]:
    """Return the names of the scenarios that come with the package."""
    return names_in(SCENARIOS)


def find_scenario(name_or_file: str | Path) -> Path:
    """Return the file of a scenario that is given by name or file. Raises NotFoundError."""
    return find_in(SCENARIOS, name_or_file, "scenario", ", ".join(scenario_names()))


def load_scenario(name_or_file: str | Path, load: Load) -> Scenario:
    """Return the scenario of that name or file.

    Raises NotFoundError, NotValidError, and what `load` raises.
    """
    file = find_scenario(name_or_file)
    top = load(file)
    heading = read_heading(top, file)
    batteries = _batteries(top.take_tables("battery"), heading["pack"])
    lines = read_lines(top.take_tables("serial"), batteries)
    on = OnLines(KINDS, [line.name for line in lines])
    scenario = Scenario(
        **heading,
        service=_service(top.take_table("service"), heading["pack"]),
        phases=tuple(_phase(table) for table in top.take_tables("phase")),
        faults=tuple(read_fault(table, on) for table in top.take_tables("fault")),
        batteries=batteries,
        lines=lines,
    )
    top.close()
    if not scenario.phases:
        raise NotValidError("has no phase", where=str(file), hint='add [[phase]] with do = "drive"')
    return scenario


def _service(table: Table, pack: PackSpec) -> ServiceSpec:
    """Make the second battery, next to the first: as warm, in the same air."""
    return read(ServiceSpec, table, start_temp_c=pack.start_temp_c, ambient_c=pack.ambient_c)


def _batteries(tables: Sequence[Table], pack: PackSpec) -> dict[str, ServiceSpec]:
    """Read [[battery]]: further ones beside the service battery, each with a charger of its own."""
    found: dict[str, ServiceSpec] = {}
    for table in tables:
        name = table.take_text("name")
        if name in found:
            raise table.wrong("name", f"another battery is already called {name!r}")
        found[name] = _service(table, pack)
    return found


def _phase(table: Table) -> Phase:
    return read(_PHASES[table.take_text("do", one_of=tuple(_PHASES))], table)
