"""`[[aggregate]]`: packs in parallel or in series that are one battery, too, with a pack name of its own.

Promises: each member is a pack that one bus or device fills, or an aggregate above it, and stands once;
otherwise one error names its key.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from telemetry_core.decode.spec import PlanSpec
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.rules.map_spec import MapSpec

from telemetry.errors import ConfigError, Faults
from telemetry.model.measurements import BATTERY
from telemetry.rules.bank import Bank
from telemetry.rules.signals import nearest
from telemetry.settings.declared import key, settings
from telemetry.settings.document import Where
from telemetry.settings.table import TomlTable

_FIRST = Where("aggregate[0]")
PACK_FIELDS = ("cell_min_pack", "cell_max_pack")  # texts: names of packs


@settings
class Aggregate:
    """One `[[aggregate]]` of the configuration."""

    pack: str = key("the tag `pack` of the aggregate, and its tag `source`; no other pack has it")
    parallel: tuple[str, ...] = key(
        "the packs, two at least, each once; or aggregates that stand above",
        default=(),
        shown="one of the two",
    )
    series: tuple[str, ...] = key("likewise", default=(), shown="one of the two")
    where: Where = _FIRST  # key path, for messages

    @property
    def is_parallel(self) -> bool:
        return bool(self.parallel)

    @property
    def members(self) -> tuple[str, ...]:
        """Return the packs, and aggregates above."""
        return self.parallel or self.series

    def check(self, table: TomlTable) -> None:
        """Raise ConfigError unless it names two packs at least, in one way."""
        if bool(self.parallel) == bool(self.series):
            hint = "of groups make aggregates of their own, and name these"
            raise ConfigError("names packs in one of parallel and series", where=table.where(), hint=hint)
        if len(self.members) == 1:
            raise ConfigError("one pack alone is no aggregate", where=self.key, hint="name two at least")

    @property
    def key(self) -> Where:
        """Return where its members stand."""
        return self.where.key("parallel" if self.is_parallel else "series")


def banks(aggregates: Iterable[Aggregate], mapping: MapSpec | None, spec: PlanSpec) -> tuple[Bank, ...]:
    """Return what `aggregates` are of the packs that `mapping` fills. Raises ConfigError, of all at once."""
    buses = buses_of_packs(mapping, spec) if mapping else {}
    known: dict[str, Bank | str] = {pack: pack for pack in buses}
    found: list[Bank] = []
    owners: dict[str, str] = {}  # the aggregate that a member is in
    faults = Faults()
    for aggregate in aggregates:
        with faults.gathered():
            if aggregate.pack in known:
                what = f'the pack name "{aggregate.pack}" is taken'
                raise ConfigError(what, where=aggregate.where.key("pack"), hint="an aggregate has its own")
            for member in aggregate.members:
                _check_member(member, aggregate, buses, known, owners)
                owners[member] = aggregate.pack
            bank = Bank(
                aggregate.pack, aggregate.is_parallel, tuple(known[member] for member in aggregate.members)
            )
            known[aggregate.pack] = bank
            found.append(bank)
    faults.raise_any()
    return tuple(found)


def _check_member(
    member: str,
    aggregate: Aggregate,
    buses: dict[str, list[str]],
    known: dict[str, Bank | str],
    owners: dict[str, str],
) -> None:
    if member not in known:
        hint = nearest(member, sorted(known)) or "packs of [[map]] and of devices, and aggregates above"
        raise ConfigError(f'no source fills the pack "{member}"', where=aggregate.key, hint=hint)
    if member in owners:
        what = f'the pack "{member}" is in "{owners[member]}" already'
        raise ConfigError(what, where=aggregate.key, hint="each stands once")
    if len(buses.get(member, ())) > 1:
        what = f'the pack "{member}" is filled by {" and ".join(buses[member])}'
        raise ConfigError(what, where=aggregate.key, hint="give each a pack name of its own")


def buses_of_packs(mapping: MapSpec, spec: PlanSpec) -> dict[str, list[str]]:
    """Return the packs with rows of `battery`, and the buses that these come from."""
    found: dict[str, list[str]] = {}
    for bus, layout in zip(spec.buses, mapping.buses, strict=True):
        numbers = {output.target for message in layout.messages for output in message.outputs}
        for number in sorted(numbers):
            target = mapping.targets[number]
            if mapping.record_of(target).measurement == BATTERY.name:
                found.setdefault(mapping.tag_sets[target.tag_set]["pack"], []).append(bus.name)
    return found


def with_banks(mapping: MapSpec, banks: Sequence[Bank]) -> MapSpec:
    """Return the same map, with a tag set for each bank and fields for the names of packs."""
    names = tuple(enumerate(dict.fromkeys(pack for bank in banks for pack in bank.packs)))
    # A change of the weakest pack does not pass [reduce]: two equal ones take turns.
    fields = tuple(FieldSpec(name, SlotKind.TEXT, texts=names) for name in PACK_FIELDS)

    def widened(record: RecordSpec) -> RecordSpec:
        return (
            replace(record, fields=record.fields + fields) if record.measurement == BATTERY.name else record
        )

    return replace(
        mapping,
        records=tuple(map(widened, mapping.records)),
        tag_sets=(*mapping.tag_sets, *({"pack": bank.name, "source": bank.name} for bank in banks)),
    )
