"""The packs of `[[health]]` among those that a configuration fills.

Promises: each is a pack that a bus or device fills, and no aggregate; otherwise one error names its key.
"""

from collections.abc import Sequence

from telemetry_core.decode.spec import PlanSpec

from telemetry.errors import ConfigError, Faults
from telemetry.health.settings import HealthSettings
from telemetry.rules.aggregate import buses_of_packs
from telemetry.rules.resolve import Modelling
from telemetry.rules.signals import nearest


def refuse_unfilled(health: Sequence[HealthSettings], modelling: Modelling, spec: PlanSpec) -> None:
    """Raise ConfigError for an aggregate, and for a pack that nothing fills."""
    packs = sorted(buses_of_packs(modelling.map, spec)) if modelling.map else []
    banks = {bank.name: bank for bank in modelling.banks}
    faults = Faults()
    for one in health:
        with faults.gathered():
            where = one.where.key("pack")
            if one.pack in banks:
                hint = f"a [[health]] for each of its packs: {', '.join(banks[one.pack].packs)}"
                raise ConfigError(f'"{one.pack}" is an aggregate', where=where, hint=hint)
            if one.pack not in packs:
                hint = nearest(one.pack, packs) or "a pack of [[map]] or of a device"
                raise ConfigError(f'no source fills the pack "{one.pack}"', where=where, hint=hint)
    faults.raise_any()
