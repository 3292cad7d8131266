"""Where the rows of a map have what the health of each pack is measured by.

Promises: what nothing fills is ABSENT.
Relies on `telemetry.health.packs`, which has refused packs that nothing fills.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from telemetry_core.health.health_spec import ABSENT, PackSpec
from telemetry_core.rules.map_spec import BusMap, MapSpec, OutputMap

from telemetry.health.settings import HealthSettings
from telemetry.model.measurements import BATTERY, CELLS


def with_pages(mapping: MapSpec) -> MapSpec:
    """Return the same map, whose mapper hands over pages of cells."""
    return replace(mapping, has_pages=True)


def pack_specs(mapping: MapSpec, health: Iterable[HealthSettings]) -> tuple[PackSpec, ...]:
    """Return where the rows of `mapping` have the values of each pack, in the order of `health`."""
    return tuple(_pack_spec(mapping, one) for one in health)


def filled_fields(mapping: MapSpec, pack: str) -> set[str]:
    """Return the fields of `battery` that are filled for the pack, by signals or by what follows."""
    filled = set[str]()
    for _, output in _outputs(mapping, pack, BATTERY.name):
        target = mapping.targets[output.target]
        places = {slot.target for part in output.parts for slot in part.slots}
        places |= {target.power.power} if target.power else set()
        places |= {target.spread.temp_min, target.spread.temp_max} if target.spread else set()
        filled |= {mapping.record_of(target).fields[place].name for place in places - {ABSENT}}
    return filled


def cell_count(mapping: MapSpec, pack: str) -> int:
    """Return the highest number of a cell of the pack whose voltage is mapped; 0: none is."""
    return max(
        (
            slot.target + 1
            for _, output in _outputs(mapping, pack, CELLS.name)
            for part in output.parts
            for slot in part.slots
            if slot.target < mapping.targets[output.target].cell_count
        ),
        default=0,
    )


def _pack_spec(mapping: MapSpec, health: HealthSettings) -> PackSpec:
    names = [record.measurement for record in mapping.records]
    battery = names.index(BATTERY.name)
    filled = filled_fields(mapping, health.pack)
    places = {field.name: place for place, field in enumerate(mapping.records[battery].fields)}
    place = {name: places[name] if name in filled else ABSENT for name in places}
    cells = cell_count(mapping, health.pack)
    gaps_ns = [bus.count_gap_ns for bus, _ in _outputs(mapping, health.pack, BATTERY.name)]
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
        gap_ns=max(gaps_ns),
    )


def _outputs(mapping: MapSpec, pack: str, measurement: str) -> Iterator[tuple[BusMap, OutputMap]]:
    for bus in mapping.buses:
        for message in bus.messages:
            for output in message.outputs:
                target = mapping.targets[output.target]
                is_of_pack = mapping.tag_sets[target.tag_set].get("pack") == pack
                if is_of_pack and mapping.record_of(target).measurement == measurement:
                    yield bus, output
