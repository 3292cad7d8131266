"""The sensors of docs/home-assistant.md, made from the data model.

Promises: each value that the data model shows of a pack or a charger, apart from cells, limits and raw words,
is a sensor with Home Assistant's class for its unit. It is unavailable while it is not known; a total stays.
They stand in front of the gateway's own.
"""

import re
from collections.abc import Iterator

from telemetry.model.fields import Field, Kind, Measurement, Place, shown
from telemetry.model.measurements import BATTERY, CHARGER

_SENSORS = re.compile(r"(?<=\n    sensor:\n).*?(?=      - name: Gateway trouble\n)", re.DOTALL)
_PLACES = (Place.ELECTRICAL, Place.CHARGE, Place.STATE, Place.TEMPERATURE, Place.COUNTED)
_CLASSES = {"V": "voltage", "A": "current", "W": "power", "Wh": "energy", "°C": "temperature"}
# The page's examples: measurement, name to people; where the answer has them, and under which keys their name
# and their values stand.
_THINGS = (
    (BATTERY, "Front pack", "packs", "pack", "front", "battery"),
    (CHARGER, "Solar charger", "chargers", "charger", "solar", "values"),
)


def rewritten(page: str) -> str:
    """Return the page with its sensors made again."""
    return _SENSORS.sub(lambda _: "".join(f"      {line}\n" for line in _lines()), page)


def _lines() -> Iterator[str]:
    for measurement, title, things, key, name, values in _THINGS:
        thing = f"(value_json | default({{}})).{things} | default([]) | selectattr('{key}', 'eq', '{name}')"
        for field in _fields(measurement):
            known = f"'{field.name}' in ({thing} | map(attribute='{values}') | first | default({{}}))"
            fresh = f"'{field.name}' not in ({thing} | map(attribute='stale') | first | default([]))"
            yield f"- name: {title} {_name(field)}"
            yield f"  unique_id: nev_{name}_{field.name}"
            yield from _class(field)
            yield "  value_template: >-"
            value = f"({thing} | map(attribute='{values}') | first | default({{}})).{field.name}"
            yield f"    {{{{ {value} | default(none) }}}}"
            yield "  availability: >-"
            yield f"    {{{{ {known if _is_total(field) else f'{known} and {fresh}'} }}}}"


def _fields(measurement: Measurement) -> list[Field]:
    return shown(measurement, *_PLACES)


def _name(field: Field) -> str:
    label = field.shown.label.lower() if field.shown else field.name
    return label if field.unit != "°C" or "temperature" in label else f"{label} temperature"


def _is_total(field: Field) -> bool:
    return field.shown is not None and field.shown.place is Place.COUNTED


def _class(field: Field) -> Iterator[str]:
    """Yield what Home Assistant is to know of the value's kind."""
    if field.kind is not Kind.FLOAT:
        return
    name = "battery" if field.name == "soc_pct" else _CLASSES.get(field.unit)
    if name:
        yield f"  device_class: {name}"
    yield f"  state_class: {'total_increasing' if _is_total(field) else 'measurement'}"
    if field.unit:
        unit = '"%"' if field.unit == "%" else field.unit  # which YAML would not take for a text
        yield f"  unit_of_measurement: {unit}"
