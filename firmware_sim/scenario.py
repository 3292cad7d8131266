"""A scenario: which batteries, what happens to them, and what goes wrong: one TOML file, as frozen values.

Promises: the file is validated key by key. Any fault in it is one ConfigError that names the key.
The scenarios that come with the package are found by their bare name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from firmware_sim.ecus.service_battery import ServiceSpec
from firmware_sim.faults.kinds import Fault
from firmware_sim.faults.read import read_fault
from firmware_sim.plant.load import Profile
from firmware_sim.plant.pack import PackSpec
from firmware_sim.serial_scenario import LineSpec, read_lines
from telemetry.errors import ConfigError, InputMissingError
from telemetry.settings.table import TomlTable

SCENARIOS = Path(__file__).with_name("scenarios")

_DAY_S = 86_400.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stand:
    """Parked: contactors open."""

    duration_s: float


@dataclass(frozen=True, slots=True)
class Drive:
    """On the road for `duration_s`, and until the vehicle has come to a stop."""

    duration_s: float
    profile: Profile


@dataclass(frozen=True, slots=True)
class Charge:
    """At a charger until full, until `until_soc_pct`, or for `duration_s` at most."""

    duration_s: float
    max_power_w: float
    until_soc_pct: float


Phase = Stand | Drive | Charge


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything a scenario file says."""

    name: str
    about: str  # in one line
    starts_at_ns: int  # simulated time of the first frame where nobody says otherwise, ns since 1970
    pack: PackSpec
    service: ServiceSpec
    phases: tuple[Phase, ...]
    faults: tuple[Fault, ...]
    batteries: Mapping[str, ServiceSpec] = field(default_factory=dict)  # further ones, by their name
    lines: tuple[LineSpec, ...] = ()

    @property
    def planned_s(self) -> float:
        """How long it takes; a drive is over a little later, a full battery earlier."""
        return sum(phase.duration_s for phase in self.phases)


def scenario_names() -> list[str]:
    """The scenarios that come with the package."""
    return sorted(file.stem for file in SCENARIOS.glob("*.toml"))


def find_scenario(name_or_file: str) -> Path:
    """The file of a scenario, given by file name or by the bare name of one that comes with the package."""
    file = Path(name_or_file)
    if file.suffix != ".toml" and file.name == name_or_file:
        file = SCENARIOS / f"{name_or_file}.toml"
    try:
        is_file = file.is_file()
    except OSError as error:  # a folder on the way that this user may not enter
        raise InputMissingError(f"cannot be read: {error.strerror}", where=name_or_file) from error
    if not is_file:
        known = ", ".join(scenario_names())
        raise InputMissingError(
            "no such scenario", where=name_or_file, hint=f"a .toml file, or one of {known}"
        )
    return file


def load_scenario(file: Path) -> Scenario:
    """Read and validate `file`. Raises ConfigError."""
    top = TomlTable.load(file)
    pack = read_pack(top.take_table("pack"))
    batteries = _batteries(top.take_tables("battery"), pack)
    lines = read_lines(top.take_tables("serial"), batteries)
    scenario = Scenario(
        name=file.stem,
        about=top.take_text("about", "a scenario of your own"),
        starts_at_ns=take_instant_ns(top, "starts_at"),
        pack=pack,
        service=_service(top.take_table("service"), pack),
        phases=tuple(_phase(table) for table in top.take_tables("phase")),
        faults=tuple(read_fault(table, [line.name for line in lines]) for table in top.take_tables("fault")),
        batteries=batteries,
        lines=lines,
    )
    top.close()
    if not scenario.phases:
        raise ConfigError("has no phase", where=str(file), hint='add [[phase]] with do = "drive"')
    return scenario


def parse_instant(text: str) -> int:
    """An ISO 8601 time with its zone, as ns since 1970. Raises ValueError with what is wrong."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no ISO 8601 time such as 2026-03-02T07:30:00Z") from error
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone: for UTC append a Z")
    return (instant - _EPOCH) // timedelta(microseconds=1) * 1000


def take_instant_ns(table: TomlTable, key: str, default: str | None = None) -> int:
    """A time as `parse_instant` reads it. Raises ConfigError."""
    try:
        return parse_instant(table.take_text(key, default))
    except ValueError as error:
        raise table.wrong(key, str(error)) from error


def read_pack(table: TomlTable) -> PackSpec:
    """[pack]. Raises ConfigError."""
    new = PackSpec()
    spec = PackSpec(
        start_soc_pct=table.take_number("start_soc_pct", new.start_soc_pct, above=0.0, most=100.0),
        soh_pct=table.take_number("soh_pct", new.soh_pct, above=50.0, most=100.0),
        cycles=table.take_number("cycles", new.cycles, least=0.0, most=6500.0),
        start_temp_c=table.take_number("start_temp_c", new.start_temp_c, above=-30.0, most=45.0),
        ambient_c=table.take_number("ambient_c", new.ambient_c, above=-40.0, most=50.0),
    )
    table.close()
    return spec


def _service(table: TomlTable, pack: PackSpec) -> ServiceSpec:
    """Make the second battery, next to the first: as warm, in the same air."""
    new = ServiceSpec()
    spec = ServiceSpec(
        start_soc_pct=table.take_number("start_soc_pct", new.start_soc_pct, above=0.0, most=100.0),
        start_temp_c=pack.start_temp_c,
        ambient_c=pack.ambient_c,
        solar_peak_w=table.take_number("solar_peak_w", new.solar_peak_w, least=0.0, most=2000.0),
    )
    table.close()
    return spec


def _batteries(tables: list[TomlTable], pack: PackSpec) -> dict[str, ServiceSpec]:
    """Read [[battery]]: further ones beside the service battery, each with a charger of its own."""
    found: dict[str, ServiceSpec] = {}
    for table in tables:
        name = table.take_text("name")
        if name in found:
            raise table.wrong("name", f"another battery is already called {name!r}")
        found[name] = _service(table, pack)
    return found


def _phase(table: TomlTable) -> Phase:
    kind = table.take_text("do", one_of=("stand", "drive", "charge"))
    duration_s = table.take_number("duration_s", above=0.0, most=7.0 * _DAY_S)
    phase: Phase
    if kind == "drive":
        phase = Drive(
            duration_s, Profile(table.take_text("road", one_of=tuple(road.value for road in Profile)))
        )
    elif kind == "charge":
        phase = Charge(
            duration_s,
            max_power_w=1000.0 * table.take_number("max_power_kw", above=0.0, most=350.0),
            until_soc_pct=table.take_number("until_soc_pct", 100.0, above=0.0, most=100.0),
        )
    else:
        phase = Stand(duration_s)
    table.close()
    return phase
