"""What `check` says of battery health: what will be had of each pack, what will not, and why."""

from collections.abc import Iterable, Iterator

from telemetry_core.health.health_spec import ABSENT, PackSpec
from telemetry_core.rules.map_spec import MapSpec

from telemetry.health.plan import pack_specs
from telemetry.health.settings import LFP, HealthSettings
from telemetry.model.finding import Finding, Grade

_POLLS_A_GAP = 3  # of a device that is asked
_MOST_APART_NS = 1_100_000_000  # of the readings of a step
_NEEDED = ("current_a", "soc_pct")


def findings(mapping: MapSpec, health: Iterable[HealthSettings]) -> Iterator[Finding]:
    """Yield for each pack a line of what can be had, and one for each reason why something cannot."""
    settings = tuple(health)
    for one, spec in zip(settings, pack_specs(mapping, settings), strict=True):
        had: list[str] = []
        missing: dict[str, list[str]] = {}
        for name, reasons in _wanted(one, spec):
            (missing.setdefault(reasons[0], []) if reasons else had).append(name)
        if had:
            yield Finding(Grade.FACT, f"health: pack {one.pack}: {', '.join(had)}")
        for why, names in missing.items():
            grade = Grade.WARNING if why.endswith(_NEEDED) else Grade.FACT
            yield Finding(grade, f"health: pack {one.pack}: no {', '.join(names)}: {why}")


def _wanted(settings: HealthSettings, spec: PackSpec) -> Iterator[tuple[str, list[str]]]:
    """Yield what there may be, each with the reasons why there is not, the first one first."""

    def lacks(*fields: str) -> list[str]:
        return [f"nothing fills {field}" for field in fields if getattr(spec, field) == ABSENT]

    slow = ["readings are more than 1.1 s apart"] if spec.gap_ns > _POLLS_A_GAP * _MOST_APART_NS else []
    cells = [] if spec.cell_count else ["nothing fills cells"]
    unrated = [] if settings.rated_ah else ["without rated_ah, until GB/T 27930 reports it"]
    lfp = ["LFP's voltage does not tell it"] if settings.chemistry == LFP else []
    of = f" of {spec.cell_count} cells" if spec.cell_count else " of cells"
    yield "use by the day", lacks("current_a")
    yield "capacity", lacks(*_NEEDED)
    yield "state of health", [*lacks(*_NEEDED), *unrated]
    yield "resistance", [*lacks("current_a", "voltage_v"), *slow]
    yield f"resistance{of}", [*lacks("current_a"), *cells, *slow]
    yield f"charge{of}", [*lacks("current_a"), *cells, *lfp]
    yield f"drift{of}", [*lacks("current_a"), *cells]
