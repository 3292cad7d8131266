"""Logs of which databases say what they hold: all of it or some signals, checked as [[protect]] says."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from telemetry_core.decode.spec import PlanSpec

from telemetry.decode.selection import select
from telemetry.rules.protect import protect
from telemetry.rules.protect_entry import load_protect_entries
from telemetry.stages.output import OutputKind
from telemetry.stages.stages import Stages


def stages_of_databases(
    plan: PlanSpec,
    output: OutputKind,
    vehicle: str,
    *,
    protect_file: Path | None = None,
    signals: Sequence[str] = (),
    signals_by: str = "--signal",
) -> partial[Stages]:
    """Return what makes the stages; what does not fit is raised now.

    - protect_file: has the [[protect]] by which counters and checksums are checked
    - signals: globs: these signals alone; signals_by: the argument that they were given by
    """
    protected = protect(plan, load_protect_entries(protect_file) if protect_file else ())
    spec = select(protected.spec, signals, where=signals_by) if signals else protected.spec
    return partial(Stages, spec, None, protection=protected.rules, vehicle=vehicle, output=output)
