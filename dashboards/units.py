"""Grafana's units and titles of the data model's fields."""

from grafana_foundation_sdk.models import units

from telemetry.model.fields import Field
from telemetry.model.measurements import MEASUREMENTS

_GRAFANA = {
    "V": units.Volt,
    "A": units.Ampere,
    "W": units.Watt,
    "Wh": units.WattHour,
    "Ah": units.AmpereHour,
    "kΩ": units.KiloOhm,
    "mΩ": units.MilliOhm,
    "mV": units.MilliVolt,
    "%": units.Percent,
    "°C": units.Celsius,
    "s": units.Seconds,
    "byte": units.BytesIEC,
    "byte/h": "suffix:B/h",
    "1/h": "suffix:/h",
    "": units.Short,
}


def unit_of(measurement: str, field: str) -> str:
    """Return Grafana's unit. Raises KeyError for a field that the data model does not have."""
    return _GRAFANA[_field(measurement, field).unit]


def label_of(measurement: str, field: str) -> str:
    """Return how people call the field. Raises KeyError for one that the data model shows nobody."""
    found = _field(measurement, field).shown
    if found is None:
        raise KeyError(field)
    return found.label


def _field(measurement: str, name: str) -> Field:
    return {each.name: each for each in MEASUREMENTS[measurement].fields}[name]
