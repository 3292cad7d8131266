"""Where the rows of a map have what the health of each pack is measured by.

Promises: a pack of `[[health]]` is one that a bus or device fills, no aggregate, and stands once; otherwise
one error names its key. What nothing fills is ABSENT.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from telemetry_core.decode.spec import PlanSpec
from telemetry_core.health.health_spec import ABSENT, PackSpec
from telemetry_core.rules.map_spec import BusMap, MapSpec, OutputMap

from telemetry.errors import ConfigError, Faults
from telemetry.health.settings import HealthSettings
from telemetry.model.measurements import BATTERY, CELLS
from telemetry.rules.aggregate import buses_of_packs
from telemetry.rules.resolve import Modelling
from telemetry.rules.signals import nearest


def refuse_packs(health: Sequence[HealthSettings], modelling: Modelling, spec: PlanSpec) -> None:
    """Raise ConfigError for an aggregate, for a pack that nothing fills, and for one that stands twice."""
    packs = sorted(buses_of_packs(modelling.map, spec)) if modelling.map else []
    banks = {bank.name: bank for bank in modelling.banks}
    faults, seen = Faults(), set[str]()
    for one in health:
        what = hint = ""
        if one.pack in seen:
            what, hint = f'the pack "{one.pack}" has a [[health]] already', "one a pack"
        elif one.pack in banks:
            what = f'"{one.pack}" is an aggregate'
            hint = f"a [[health]] for each of its packs: {', '.join(banks[one.pack].packs)}"
        elif one.pack not in packs:
            what = f'no source fills the pack "{one.pack}"'
            hint = nearest(one.pack, packs) or "a pack of [[map]] or of a device"
        seen.add(one.pack)
        with faults.gathered():
            if what:
                raise ConfigError(what, where=one.where.key("pack"), hint=hint)
    faults.raise_any()


def with_pages(mapping: MapSpec) -> MapSpec:
    """Return the same map, whose mapper hands over pages of cells."""
    return replace(mapping, has_pages=True)


def pack_specs(mapping: MapSpec, health: Iterable[HealthSettings]) -> tuple[PackSpec, ...]:
    """Return where the rows of `mapping` have the values of each pack, in the order of `health`."""
    return tuple(_pack_spec(mapping, one) for one in health)


def _pack_spec(mapping: MapSpec, health: HealthSettings) -> PackSpec:
    names = [record.measurement for record in mapping.records]
    battery = names.index(BATTERY.name)
    filled, cells, gap_ns = set[int](), 0, 0
    for bus, output in _outputs(mapping, health.pack):
        target = mapping.targets[output.target]
        slots = {slot.target for part in output.parts for slot in part.slots}
        if mapping.record_of(target).measurement == CELLS.name:
            cells = max(cells, *(slot + 1 for slot in slots if slot < target.cell_count), 0)
        elif mapping.record_of(target).measurement == BATTERY.name:
            gap_ns = max(gap_ns, bus.count_gap_ns)
            filled |= slots | ({target.power.power} if target.power else set())
            filled |= {target.spread.temp_min, target.spread.temp_max} if target.spread else set()
    places = {field.name: place for place, field in enumerate(mapping.records[battery].fields)}
    place = {name: place if place in filled else ABSENT for name, place in places.items()}
    return PackSpec(
        battery=mapping.first_record + battery,
        current_a=place["current_a"],
        soc_pct=place["soc_pct"],
        voltage_v=place["voltage_v"],
        temp_min_c=place["temp_min_c"],
        temp_max_c=place["temp_max_c"],
        pages=mapping.first_record + names.index(CELLS.name) if cells else ABSENT,
        cell_count=cells,
        rated_ah=health.rated_ah or 0.0,
        power_w=place["power_w"],
        gap_ns=gap_ns,
    )


def _outputs(mapping: MapSpec, pack: str) -> Iterator[tuple[BusMap, OutputMap]]:
    for bus in mapping.buses:
        for output in (each for message in bus.messages for each in message.outputs):
            if mapping.tag_sets[mapping.targets[output.target].tag_set].get("pack") == pack:
                yield bus, output
