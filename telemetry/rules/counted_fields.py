"""Which fields of a pack the mapper counts itself, from 0 on. Pure."""

from collections.abc import Mapping

from telemetry_core.rules.map_spec import ABSENT, MapSpec


def counted_fields(mapping: MapSpec) -> Mapping[str, frozenset[str]]:
    """Return names of fields by pack, without what the battery's own controller counts and reports."""
    fields: dict[str, frozenset[str]] = {}
    for target in mapping.targets:
        if target.count is not None:
            count = target.count
            indexes = (count.charged_ah, count.discharged_ah, count.charged_wh, count.discharged_wh)
            names = mapping.records[target.record - mapping.first_record].fields
            fields[mapping.tag_sets[target.tag_set]["pack"]] = frozenset(
                names[index].name for index in indexes if index != ABSENT
            )
    return fields
